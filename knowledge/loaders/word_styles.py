"""What a Word document's styles and list definitions say of a paragraph: heading level, hidden words, the list's number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_TINY_HALF_POINTS = 6
_DIGITS = "零一二三四五六七八九"  # zh: the numbers of lists
_UNITS = ("", "十", "百", "千")  # zh: the numbers of lists
_OFF = {"0", "false", "off", "none"}


def attribute(element: Any, name: str) -> str:
    """An attribute of the word namespace, or of none; empty where it is missing."""
    if element is None:
        return ""
    return str(element.get(f"{W}{name}") or element.get(name) or "")


def is_on(element: Any) -> bool:
    """Say whether a switch like ``w:vanish`` is there and not turned off."""
    return element is not None and attribute(element, "val").lower() not in _OFF


class Styles:
    """The styles part."""

    def __init__(self, root: Any) -> None:
        self._styles = {attribute(style, "styleId"): style for style in root.iter(f"{W}style")}
        self._default = next(
            (
                key
                for key, style in self._styles.items()
                if attribute(style, "type") == "paragraph" and attribute(style, "default") in {"1", "true"}
            ),
            "",
        )
        self._chains: dict[str, list[Any]] = {}

    def of(self, paragraph: Any) -> str:
        """Id of a paragraph's style."""
        return attribute(paragraph.find(f"{W}pPr/{W}pStyle"), "val") or self._default

    def name(self, style: str) -> str:
        """Name of a style in lower case, as people see it."""
        found = self._styles.get(style)
        return attribute(found.find(f"{W}name"), "val").lower() if found is not None else ""

    def chain(self, style: str) -> list[Any]:
        """A style and those that it is based on."""
        if style not in self._chains:
            found: list[Any] = []
            current = self._styles.get(style)
            while current is not None and current not in found and len(found) < 20:
                found.append(current)
                current = self._styles.get(attribute(current.find(f"{W}basedOn"), "val"))
            self._chains[style] = found
        return self._chains[style]

    def level(self, paragraph: Any, style: str) -> int:
        """1 to 9 of a heading, by its own outline level, its style's, or the style's name; else 0."""
        own = paragraph.find(f"{W}pPr/{W}outlineLvl")
        outlines = [own, *(one.find(f"{W}pPr/{W}outlineLvl") for one in self.chain(style))]
        for outline in outlines:
            value = attribute(outline, "val")
            if value.isdecimal():
                return int(value) + 1 if int(value) < 9 else 0
        for one in self.chain(style):
            name = attribute(one.find(f"{W}name"), "val").lower()
            found = re.fullmatch(r"(?:heading|标题)\s*(\d)", name)
            if found:
                return min(max(int(found.group(1)), 1), 9)
            if name in {"title", "标题"}:  # zh: names of styles
                return 1
        return 0

    def is_hidden(self, run: Any, paragraph: Any) -> bool:
        """Say whether a run cannot be seen: vanished, white on white, or microscopic."""
        settings = [run.find(f"{W}rPr")]
        style = attribute(run.find(f"{W}rPr/{W}rStyle"), "val")
        settings.extend(one.find(f"{W}rPr") for one in self.chain(style))
        settings.extend(one.find(f"{W}rPr") for one in self.chain(self.of(paragraph)))
        if is_on(_first(settings, "vanish")):
            return True
        size = attribute(_first(settings, "sz"), "val")
        if size.isdecimal() and int(size) < _TINY_HALF_POINTS:
            return True
        return _is_white(attribute(_first(settings, "color"), "val")) and not _shaded(paragraph, settings)


def _first(settings: Sequence[Any], name: str) -> Any:
    for one in settings:
        if one is not None:
            found = one.find(f"{W}{name}")
            if found is not None:
                return found
    return None


def _is_white(colour: str) -> bool:
    return re.fullmatch(r"[0-9A-Fa-f]{6}", colour) is not None and min(bytes.fromhex(colour)) >= 0xF0


def _shaded(paragraph: Any, settings: Sequence[Any]) -> bool:
    """Say whether something behind a white run is not white: its own mark, the paragraph's, the cell's or a box's."""
    mark = attribute(_first(settings, "highlight"), "val")
    if mark and mark not in {"white", "none"}:
        return True
    shades = [_first(settings, "shd"), paragraph.find(f"{W}pPr/{W}shd")]
    parent = paragraph.getparent()
    while parent is not None:
        if parent.tag == f"{W}tc":
            shades.append(parent.find(f"{W}tcPr/{W}shd"))
        elif parent.tag == f"{W}tbl":
            style = parent.find(f"{W}tblPr/{W}tblStyle")
            if style is not None and attribute(style, "val") not in {"TableGrid", "TableNormal", "a1", "a3"}:
                return True  # a table style may paint its header; which cells it paints is not worked out here
        elif parent.tag == f"{W}txbxContent":
            return True  # a box has a fill of its own
        parent = parent.getparent()
    return any(
        attribute(shade, "fill") not in {"", "auto"} and not _is_white(attribute(shade, "fill"))
        for shade in shades
        if shade is not None
    )


class Numbering:
    """The numbers of lists, counted as the document is read."""

    def __init__(self, root: Any) -> None:
        abstract: dict[str, dict[int, Any]] = {}
        self._levels: dict[str, dict[int, Any]] = {}
        self._lists: dict[str, str] = {}
        self._counts: dict[str, dict[int, int]] = {}
        if root is None:
            return
        for one in root.iter(f"{W}abstractNum"):
            levels = {int(attribute(level, "ilvl") or 0): level for level in one.iter(f"{W}lvl")}
            abstract[attribute(one, "abstractNumId")] = levels
        for number in root.iter(f"{W}num"):
            key = attribute(number, "numId")
            base = attribute(number.find(f"{W}abstractNumId"), "val")
            levels = dict(abstract.get(base, {}))
            replaced = False
            for override in number.iter(f"{W}lvlOverride"):
                replaced = True
                for level in override.iter(f"{W}lvl"):
                    levels[int(attribute(level, "ilvl") or 0)] = level
            self._levels[key] = levels
            self._lists[key] = key if replaced else f"abstract {base}"

    def label(self, paragraph: Any, styles: Sequence[Any]) -> tuple[str, str] | None:
        """Number of a list's paragraph and what parts it from the text; None outside lists."""
        places = [paragraph.find(f"{W}pPr/{W}numPr"), *(one.find(f"{W}pPr/{W}numPr") for one in styles)]
        found = [one for one in places if one is not None]
        key = next((value for one in found if (value := attribute(one.find(f"{W}numId"), "val"))), "")
        depth = next((value for one in found if (value := attribute(one.find(f"{W}ilvl"), "val")).isdecimal()), "0")
        level = int(depth)
        levels = self._levels.get(key, {})
        definition = levels.get(level)
        if definition is None or key == "0":
            return None
        counts = self._counts.setdefault(self._lists[key], {})
        counts[level] = counts[level] + 1 if level in counts else _start(definition)
        for deeper in [one for one in counts if one > level]:
            del counts[deeper]
        kind = attribute(definition.find(f"{W}numFmt"), "val")
        if kind in {"bullet", "none"}:
            return ("- ", "") if kind == "bullet" else None
        text = attribute(definition.find(f"{W}lvlText"), "val")

        def number(match: re.Match[str]) -> str:
            at = int(match.group(1)) - 1
            upper = levels.get(at)
            value = counts.get(at, _start(upper) if upper is not None else 1)
            form = attribute(upper.find(f"{W}numFmt"), "val") if upper is not None else "decimal"
            return written(value, "decimal" if is_on(definition.find(f"{W}isLgl")) else form)

        label = re.sub(r"%([1-9])", number, text)
        return (label, "" if not label or label[-1] in "、）)．" else " ") if label.strip() else None


def _start(level: Any) -> int:
    value = attribute(level.find(f"{W}start"), "val")
    return int(value) if value.isdecimal() and len(value) < 7 else 1


def written(value: int, form: str) -> str:
    """A number as a list writes it, e.g. 3 as ``chineseCounting``."""
    if "chinese" in form.lower() or form in {"japaneseCounting", "ideographDigital", "taiwaneseCountingThousand"}:
        return _in_chinese(value)
    if form in {"lowerLetter", "upperLetter"} and value > 0:
        letter = chr(ord("a") + (value - 1) % 26) * min((value - 1) // 26 + 1, 5)
        return letter.upper() if form == "upperLetter" else letter
    if form in {"lowerRoman", "upperRoman"} and 0 < value < 400:
        roman = ""
        for figure, sign in (
            (100, "c"),
            (90, "xc"),
            (50, "l"),
            (40, "xl"),
            (10, "x"),
            (9, "ix"),
            (5, "v"),
            (4, "iv"),
            (1, "i"),
        ):
            while value >= figure:
                roman, value = roman + sign, value - figure
        return roman.upper() if form == "upperRoman" else roman
    if form.startswith("decimalEnclosedCircle") and 1 <= value <= 20:
        return chr(0x2460 + value - 1)
    return f"{value:02d}" if form == "decimalZero" else str(value)


def _in_chinese(value: int) -> str:
    if not 0 < value < 10_000:
        return str(value)
    text = ""
    for at, digit in enumerate(reversed(str(value))):
        if digit != "0":
            text = _DIGITS[int(digit)] + _UNITS[at] + text
        elif text and text[0] != _DIGITS[0]:
            text = _DIGITS[0] + text
    return re.sub(r"^一十", "十", text)
