"""A table of products becomes entries: one per product and kind of question, its answer made of the cells as they stand.

Source: F72.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from knowledge.loaders.blocks import Block, Entry, Loaded
from knowledge.loaders.dates import days
from knowledge.loaders.tables import Row, bare, cell_of, matches, row_text, words

_PLACEHOLDER = re.compile(r"\{([a-z]+)\}")
_EMPTY = re.compile(r"[-—–/\\.、无\s]*|暂无|待补充|n/?a|none|null", re.IGNORECASE)


def is_header(header: Sequence[str]) -> bool:
    """Say whether bare cells head a table of products: a name and something that is told of products."""
    product = words()["product"]
    kinds = {kind["id"] for kind in product["kind"] if any(matches(cell, kind["columns"]) for cell in header if cell)}
    return any(matches(cell, product["name"]) for cell in header if cell) and bool(kinds)


def add_products(loaded: Loaded, titles: Sequence[str], rows: Sequence[Row], sheet: str) -> None:
    """Adds an entry for each product and kind of question that its cells answer.

    A cell that is empty or says only 「无」 or 「-」 answers nothing. Several rows of one product are its batches, told
    newest first. Columns that answer no kind of question stay in a row of text, so that nothing is lost.

    Args:
        titles: The header as written.
        rows: Merged cells filled in.
        sheet: Name of the sheet, or empty.
    """
    product = words()["product"]
    header = [bare(cell) for cell in titles]
    name_at = next(at for at, cell in enumerate(header) if matches(cell, product["name"]))
    columns = {
        kind["id"]: [at for at, cell in enumerate(header) if at != name_at and cell and matches(cell, kind["columns"])]
        for kind in product["kind"]
    }
    batches: dict[str, list[Row]] = {}
    name = ""
    for row in rows:
        name = cell_of(row, name_at) or name  # a name that spans its batches
        if name and name != titles[name_at]:
            batches.setdefault(" ".join(name.split())[:80], []).append(row)
    known = {entry.entry: entry for entry in loaded.entries}
    for name, lots in batches.items():
        ordered = _newest_first(lots, header, product["made"])
        for kind in product["kind"]:
            entry = _entry(product, kind, name, titles, header, columns[kind["id"]], ordered)
            if entry is None:
                continue
            other = known.get(entry.entry)
            if other is None:
                known[entry.entry] = entry
                loaded.entries.append(entry)
            elif entry.answer not in other.answer:  # a product that stands in two tables
                other.answer = f"{other.answer}\n{entry.answer}"
    told = {at for used in columns.values() for at in used}
    if len(told) + 1 < len(titles):
        for name, lots in batches.items():
            for row in lots:
                cells = ["" if at in told or at == name_at else cell for at, cell in enumerate(row.cells)]
                if any(cells):
                    cells[name_at] = name
                    loaded.blocks.append(Block("row", row_text(titles, cells), page=row.page, sheet=sheet))


def _newest_first(rows: Sequence[Row], header: Sequence[str], made: Sequence[str]) -> list[Row]:
    at = next((at for at, cell in enumerate(header) if matches(cell, made)), None)

    def day(row: Row) -> date:
        return max(days(cell_of(row, at)), default=date.min)

    return sorted(rows, key=day, reverse=True)


def _entry(
    product: Mapping[str, Any],
    kind: Mapping[str, Any],
    name: str,
    titles: Sequence[str],
    header: Sequence[str],
    columns: Sequence[int],
    rows: Sequence[Row],
) -> Entry | None:
    told = [(row, _cells(titles, columns, row)) for row in rows]
    told = [(row, cells) for row, cells in told if cells]
    if not told:
        return None
    if len({cells for _, cells in told}) == 1:
        answer = _fill(product["single"], product=name, cells=told[0][1])
    else:
        lines = [_line(product, kind, header, row, cells) for row, cells in told]
        lines = list(dict.fromkeys(lines))
        answer = _fill(product["several"], product=name, count=str(len(lines)), lines="\n".join(lines))
    asked = [_fill(one, product=name)[:500] for one in kind["questions"]]
    place = told[0][0]
    return Entry(
        entry="p" + hashlib.sha256(f"{name}\0{kind['id']}".encode()).hexdigest()[:12],
        question=asked[0],
        answer=answer,
        aliases=asked[1:],
        category=product["category"],
        product=name,
        locator=place.place or (f"P{place.page}" if place.page else ""),
    )


def _cells(titles: Sequence[str], columns: Sequence[int], row: Row) -> str:
    return row_text(
        titles, [cell if at in columns and not _EMPTY.fullmatch(cell) else "" for at, cell in enumerate(row.cells)]
    )


def _line(product: Mapping[str, Any], kind: Mapping[str, Any], header: Sequence[str], row: Row, cells: str) -> str:
    def cell(names: Sequence[str]) -> str:
        at = next((at for at, title in enumerate(header) if matches(title, names)), None)
        text = cell_of(row, at)
        return "" if _EMPTY.fullmatch(text) else text

    batch, made = cell(product["batch"]), cell(product["made"])
    if kind["id"] == "batch":
        form = "line_plain"  # the cells name the batch themselves
    else:
        form = {(True, True): "line_both", (True, False): "line_batch", (False, True): "line_made"}.get(
            (bool(batch), bool(made)), "line_plain"
        )
    return _fill(product[form], batch=batch, made=made, cells=cells)


def _fill(template: str, **values: str) -> str:
    """A template with its values; a value is never looked into for placeholders."""
    return _PLACEHOLDER.sub(lambda found: values[found.group(1)], template)
