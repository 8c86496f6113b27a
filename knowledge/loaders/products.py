"""A table of products becomes entries: one per product and kind of question, its answer made of the cells as they stand.

Source: F72.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from knowledge.loaders.blocks import Block, Entry, Loaded
from knowledge.loaders.dates import days
from knowledge.loaders.tables import Row, bare, cell_of, matches, row_text, words

_PLACEHOLDER = re.compile(r"\{([a-z]+)\}")
_EMPTY = re.compile(r"[-—–/\\.、无\s]*|暂无|待补充|n/?a|none|null", re.IGNORECASE)
_REMARK = re.compile(r"(?:合\s*计|总\s*计|小\s*计|备\s*注|说\s*明|注)\s*(?:[：:（(].*)?", re.DOTALL)


def is_header(header: Sequence[str]) -> bool:
    """Say whether bare cells head a table of products: a name and something that is told of products."""
    product = words()["product"]
    kinds = {kind["id"] for kind in product["kind"] if any(matches(cell, kind["columns"]) for cell in header if cell)}
    return _name_at(header) is not None and bool(kinds)


def _name_at(header: Sequence[str]) -> int | None:
    """The column of products, or that of sorts of goods (「品类」) where there is none."""
    product = words()["product"]
    found = (
        at for names in (product["name"], product["sort"]) for at, cell in enumerate(header) if matches(cell, names)
    )
    return next(found, None)


def add_products(loaded: Loaded, titles: Sequence[str], rows: Sequence[Row], sheet: str) -> None:
    """Adds an entry for each product and kind of question that its cells answer.

    A cell that is empty or says only 「无」 or 「-」 answers nothing. Several rows of one product are its batches, told
    newest first; rows that name no batch are its sorts, told with their sizes. A price is told with its size. Columns
    that answer no kind of question stay in a row of text, so that nothing is lost.

    Args:
        titles: The header as written.
        rows: Merged cells filled in.
        sheet: Name of the sheet, or empty.
    """
    product = words()["product"]
    header = [bare(cell) for cell in titles]
    name_at = _name_at(header)
    assert name_at is not None
    columns: dict[str, list[int]] = {
        kind["id"]: [at for at, cell in enumerate(header) if at != name_at and cell and matches(cell, kind["columns"])]
        for kind in product["kind"]
    }
    batches: dict[str, list[Row]] = {}
    name = ""
    loaded.follow()
    for row in rows:
        if _is_note(titles, row, name_at):
            loaded.blocks.append(
                Block("row", "；".join(filter(None, dict.fromkeys(row.cells))), page=row.page, sheet=sheet)
            )
            continue
        name = cell_of(row, name_at) or name  # a name that spans its batches
        if name and name != titles[name_at]:
            batches.setdefault(" ".join(name.split())[:80], []).append(row)
    known = {entry.entry: entry for entry in loaded.entries}
    for name, lots in batches.items():
        ordered = _newest_first(lots, header, product["made"])
        for kind in product["kind"]:
            entry = _entry(product, kind, name, titles, header, columns, ordered)
            if entry is None:
                continue
            other = known.get(entry.entry)
            if other is None:
                known[entry.entry] = entry
                loaded.entries.append(entry)
            elif entry.answer not in other.answer:  # a product that stands in two tables
                other.answer = f"{other.answer}\n{entry.answer}"
    told = {name_at}.union(*columns.values())
    loaded.blocks.extend(_rest(titles, batches, told, name_at, sheet))


def _rest(
    titles: Sequence[str], batches: Mapping[str, Sequence[Row]], told: Collection[int], name_at: int, sheet: str
) -> Iterator[Block]:
    """Rows of what no entry tells."""
    for name, lots in batches.items():
        for row in lots:
            spanned = {at for at, title in enumerate(titles) if title == titles[name_at] and cell_of(row, at) == name}
            cells = ["" if at in told or at in spanned else cell for at, cell in enumerate(row.cells)]
            if any(cells):
                cells[name_at] = name
                yield Block("row", row_text(titles, cells), page=row.page, sheet=sheet)


def _is_note(titles: Sequence[str], row: Row, name_at: int) -> bool:
    """Say whether a row is no product: a sum, a remark, or one cell that goes on under another header."""
    name = cell_of(row, name_at)
    filled = {title: cell.strip() for title, cell in zip(titles, row.cells, strict=False) if cell.strip()}
    return bool(_REMARK.fullmatch(name)) or (bool(name) and len(filled) > 1 and set(filled.values()) == {name})


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
    columns: Mapping[str, Sequence[int]],
    rows: Sequence[Row],
) -> Entry | None:
    own = columns[kind["id"]]
    answering = [row for row in rows if _cells(titles, own, row)]
    if not answering:
        return None
    beside = [at for at, cell in enumerate(header) if matches(cell, kind.get("beside", ()))]
    told = [_cells(titles, {*own, *beside}, row) for row in answering]
    if len(set(told)) == 1:
        answer = _fill(kind.get("single", product["single"]), product=name, cells=told[0])
    elif any(_batch(product, header, row) != ("", "") for row in answering):
        lines = [_line(product, kind, header, row, cells) for row, cells in zip(answering, told, strict=True)]
        answer = _listed(product["several"], name, lines)
    else:
        sizes = {*own, *columns["specification"]}
        answer = _listed(product["sorts"], name, [_cells(titles, sizes, row) for row in answering])
    asked = [_fill(one, product=name)[:500] for one in kind["questions"]]
    place = answering[0]
    return Entry(
        entry="p" + hashlib.sha256(f"{name}\0{kind['id']}".encode()).hexdigest()[:12],
        question=asked[0],
        answer=answer,
        aliases=asked[1:],
        category=product["category"],
        product=name,
        locator=place.place or (f"P{place.page}" if place.page else ""),
    )


def _listed(form: str, name: str, lines: Sequence[str]) -> str:
    once = list(dict.fromkeys(lines))
    return _fill(form, product=name, count=str(len(once)), lines="\n".join(once))


def _cells(titles: Sequence[str], columns: Collection[int], row: Row) -> str:
    return row_text(
        titles, [cell if at in columns and not _EMPTY.fullmatch(cell) else "" for at, cell in enumerate(row.cells)]
    )


def _batch(product: Mapping[str, Any], header: Sequence[str], row: Row) -> tuple[str, str]:
    """The batch that a row names and the day it was made; either may be empty."""

    def cell(names: Sequence[str]) -> str:
        at = next((at for at, title in enumerate(header) if matches(title, names)), None)
        text = cell_of(row, at)
        return "" if _EMPTY.fullmatch(text) else text

    return cell(product["batch"]), cell(product["made"])


def _line(product: Mapping[str, Any], kind: Mapping[str, Any], header: Sequence[str], row: Row, cells: str) -> str:
    batch, made = _batch(product, header, row)
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
