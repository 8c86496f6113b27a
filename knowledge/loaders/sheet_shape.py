"""What a workbook's parts say beside the values: hidden rows, columns and cells, percentages, formulas, comments.

Source: F69, FAULTS C2, D1.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

MAX_MARKED = 50_000

_CELL = re.compile(r"([A-Z]{1,3})(\d{1,7})")
_PERCENT = re.compile(r"0(?:\.(0+))?%")


@dataclass(slots=True)
class Shape:
    """A sheet; rows and columns count from 0, a cell is (row, column).

    Attributes:
        rows, columns: hidden ones; columns as closed spans.
        unseen: cells whose letters have the colour of the paper, or a number format that shows nothing.
        percent: cells shown as a percentage, with the digits behind the point.
        formulas: how many cells hold one.
        extent: rows and columns up to the last cell that is written.
    """

    rows: set[int] = field(default_factory=set)
    columns: list[tuple[int, int]] = field(default_factory=list)
    unseen: set[tuple[int, int]] = field(default_factory=set)
    percent: dict[tuple[int, int], int] = field(default_factory=dict)
    formulas: int = 0
    extent: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class _Formats:
    unseen: frozenset[int]
    percent: dict[int, int]


class Package:
    """An xlsx package that ``guard.check_package`` found fit."""

    def __init__(self, content: bytes) -> None:
        self._zip = zipfile.ZipFile(io.BytesIO(content))
        self._names = {name.lower(): name for name in self._zip.namelist()}
        self._sheets = self._find_sheets()
        self._formats = self._read_formats()

    def shape(self, sheet: str) -> Shape:
        """What is known of a sheet by its name; an empty shape when its part is not found."""
        path = self._sheets.get(sheet, "")
        return self._scan(path) if path else Shape()

    def comments(self) -> Iterator[tuple[str, str]]:
        """(cell, text) of every comment."""
        for lower, name in self._names.items():
            if re.match(r"xl/(?:comments|threadedcomments)[^_]*\.xml$", lower):
                for element in self._tree(name).iter():
                    if _local(element.tag) in {"comment", "threadedComment"}:
                        text = " ".join("".join(element.itertext()).split())
                        if text:
                            yield str(element.get("ref") or ""), text

    def _tree(self, name: str) -> Any:
        from defusedxml import ElementTree

        return ElementTree.fromstring(self._zip.read(name))

    def _find_sheets(self) -> dict[str, str]:
        links: dict[str, str] = {}
        if "xl/_rels/workbook.xml.rels" in self._names:
            for link in self._tree(self._names["xl/_rels/workbook.xml.rels"]):
                target = str(link.get("Target") or "")
                path = target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"xl/{target}")
                links[str(link.get("Id"))] = self._names.get(path.lower(), "")
        found: dict[str, str] = {}
        for element in self._tree(self._names["xl/workbook.xml"]).iter():
            if _local(element.tag) == "sheet":
                link = next((value for key, value in element.items() if _local(key) == "id"), "")
                found[str(element.get("name") or "")] = links.get(link, "")
        return found

    def _read_formats(self) -> _Formats:
        name = self._names.get("xl/styles.xml")
        if name is None:
            return _Formats(frozenset(), {})
        root = self._tree(name)
        numbers = {9: "0%", 10: "0.00%"}
        white: set[int] = set()
        painted: set[int] = set()
        unseen: set[int] = set()
        percent: dict[int, int] = {}
        for part in root:
            match _local(part.tag):
                case "numFmts":
                    numbers.update({int(one.get("numFmtId", "0")): str(one.get("formatCode", "")) for one in part})
                case "fonts":
                    white = {at for at, font in enumerate(part) if _is_white(font)}
                case "fills":
                    painted = {at for at, fill in enumerate(part) if at > 1 and _is_painted(fill)}
                case "cellXfs":
                    for at, form in enumerate(part):
                        code = numbers.get(int(form.get("numFmtId", "0")), "")
                        plain = int(form.get("fillId", "0")) not in painted
                        if (int(form.get("fontId", "0")) in white and plain) or code.replace('""', "") == ";;;":
                            unseen.add(at)
                        shown = _PERCENT.search(code)
                        if shown:
                            percent[at] = len(shown.group(1) or "")
        return _Formats(frozenset(unseen), percent)

    def _scan(self, path: str) -> Shape:
        shape = Shape()
        formats = self._formats
        row = -1
        column = -1

        def opened(tag: str, values: dict[str, str]) -> None:
            nonlocal row, column
            match tag.rpartition(":")[2]:
                case "row":
                    number = values.get("r", "")
                    row, column = (int(number) - 1 if number.isdecimal() else row + 1), -1
                    if _on(values.get("hidden")) or (values.get("customHeight") and values.get("ht") == "0"):
                        shape.rows.add(row)
                case "col":
                    first, last = values.get("min", ""), values.get("max", "")
                    if (
                        (_on(values.get("hidden")) or values.get("width") == "0")
                        and first.isdecimal()
                        and last.isdecimal()
                    ):
                        shape.columns.append((int(first) - 1, int(last) - 1))
                case "c":
                    place = _CELL.fullmatch(values.get("r", ""))
                    if place:
                        row, column = int(place.group(2)) - 1, _column(place.group(1))
                    else:
                        column += 1
                    shape.extent = (max(shape.extent[0], row + 1), max(shape.extent[1], column + 1))
                    style = int(values["s"]) if values.get("s", "").isdecimal() else -1
                    if style in formats.unseen and len(shape.unseen) < MAX_MARKED:
                        shape.unseen.add((row, column))
                    elif style in formats.percent and len(shape.percent) < MAX_MARKED:
                        shape.percent[row, column] = formats.percent[style]
                case "f":
                    shape.formulas += 1

        parser = expat.ParserCreate()
        parser.StartElementHandler = opened
        with self._zip.open(path) as stream:
            while piece := stream.read(1 << 16):
                parser.Parse(piece, False)
            parser.Parse(b"", True)
        return shape


def _on(value: str | None) -> bool:
    return value in {"1", "true"}


def _local(tag: object) -> str:
    return str(tag).rpartition("}")[2]


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _is_white(font: Any) -> bool:
    colour = next((one for one in font if _local(one.tag) == "color"), None)
    if colour is None:
        return False
    rgb = str(colour.get("rgb") or "")[-6:]
    if re.fullmatch(r"[0-9A-Fa-f]{6}", rgb):
        return min(bytes.fromhex(rgb)) >= 0xF0
    return colour.get("theme") == "0" and not colour.get("tint")


def _is_painted(fill: Any) -> bool:
    for one in fill.iter():
        if _local(one.tag) == "fgColor":
            rgb = str(one.get("rgb") or "")[-6:]
            white = re.fullmatch(r"[0-9A-Fa-f]{6}", rgb) is not None and min(bytes.fromhex(rgb)) >= 0xF0
            return not white and not (one.get("theme") == "0" and not one.get("tint"))
    return any(_local(one.tag) == "gradientFill" for one in fill.iter())
