"""Tables of any format: columns of questions and answers make entries, products too, other rows carry their header.

Source: F69, F72.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from knowledge.loaders.blocks import Block, Entry, Loaded
from knowledge.loaders.dates import span

WORDS = Path(__file__).resolve().parents[2] / "prompts" / "knowledge" / "tables.toml"
MAX_HEADER_ROW = 6
"""The header is looked for in as many rows from the top; titles and notes may stand above it."""

_BRACKETS = re.compile(r"[(（\[【][^()（）\[\]【】]*[)）\]】]")
_PARTS = re.compile(r"[/／、|]")
_ALIASES = re.compile(r"[\n;；|]|(?<=[?？])\s*")


@dataclass(slots=True)
class Row:
    """Cells of a row, as text; ``place`` is where a person finds it (``B 表 5``), ``page`` 1-based or 0."""

    cells: list[str]
    place: str = ""
    page: int = 0


@cache
def words() -> dict[str, Any]:
    """prompts/knowledge/tables.toml."""
    with WORDS.open("rb") as file:
        return tomllib.load(file)


def rows_to_document(loaded: Loaded, rows: Iterable[Sequence[str]], *, sheet: str = "", page: int = 0) -> None:
    """Adds a table without places of its own; see ``add_table``."""
    add_table(loaded, [Row(list(cells), page=page) for cells in rows], sheet=sheet)


def add_table(loaded: Loaded, rows: Iterable[Row], *, sheet: str = "") -> None:
    """Adds a table to a document.

    Args:
        loaded: The document; entries or blocks are appended.
        rows: Merged cells filled in, ragged rows allowed. A header of questions and answers or of products is looked
            for in the first rows; in other tables the first row of several cells is the header.
        sheet: Name of the sheet, or empty.
    """
    from knowledge.loaders import products

    filled = [row for row in rows if any(cell.strip() for cell in row.cells)]
    for at, row in enumerate(filled[:MAX_HEADER_ROW]):
        header = [bare(cell) for cell in row.cells]
        if len(filled) > at + 1:
            if _column(header, "question") is not None and _column(header, "answer") is not None:
                _titles(loaded, filled[:at], sheet)
                _questions(loaded, header, filled[at + 1 :], sheet)
                return
            if products.is_header(header):
                _titles(loaded, filled[:at], sheet)
                products.add_products(loaded, row.cells, filled[at + 1 :], sheet)
                return
    if products.is_header([bare(row.cells[0]) for row in filled if row.cells]):
        turned = _turned(filled)
        products.add_products(loaded, turned[0].cells, turned[1:], sheet)
        return
    _plain_rows(loaded, filled, sheet)


def is_known_header(cells: Sequence[str]) -> bool:
    """Say whether a row heads a table of questions and answers or of products."""
    from knowledge.loaders import products

    header = [bare(cell) for cell in cells]
    asks = _column(header, "question") is not None and _column(header, "answer") is not None
    return asks or products.is_header(header)


def bare(cell: str) -> str:
    """A header without brackets, marks, a number at its end, blanks and case."""
    text = re.sub(r"[\s*＊:：#]+", "", _BRACKETS.sub("", cell)).lower()
    return re.sub(r"(?<=\D)\d{1,2}$", "", text)


def matches(header: str, names: Sequence[str]) -> bool:
    """Say whether a bare header, or a part of it, is one of these words."""
    return header in names or any(part in names for part in _PARTS.split(header))


def _column(header: Sequence[str], role: str) -> int | None:
    names = words()["faq"][role]
    return next((at for at, cell in enumerate(header) if matches(cell, names)), None)


def _titles(loaded: Loaded, rows: Iterable[Row], sheet: str) -> None:
    for row in rows:
        cells = list(dict.fromkeys(cell.strip() for cell in row.cells if cell.strip()))
        loaded.blocks.append(Block("text", "；".join(cells), page=row.page, sheet=sheet))


def _turned(rows: Sequence[Row]) -> list[Row]:
    width = max(len(row.cells) for row in rows)
    return [
        Row([row.cells[at] if at < len(row.cells) else "" for row in rows], rows[0].place, rows[0].page)
        for at in range(width)
    ]


def _questions(loaded: Loaded, header: Sequence[str], rows: Iterable[Row], sheet: str) -> None:
    names = words()["faq"]
    question, answer = _column(header, "question"), _column(header, "answer")
    assert question is not None and answer is not None
    aliases = [at for at, cell in enumerate(header) if at != question and matches(cell, names["aliases"])]
    known = {entry.entry: entry for entry in loaded.entries}
    last: Entry | None = None
    loaded.follow()
    for row in rows:
        asked, told = cell_of(row, question), cell_of(row, answer)
        others = [part.strip() for at in aliases for part in _ALIASES.split(cell_of(row, at)) if part.strip()]
        if not asked:
            if last is not None:  # a cell of questions that spans several rows
                last.aliases.extend(other[:500] for other in others)
                if told and told != last.answer:
                    last.answer = f"{last.answer}\n{told}".strip()
            continue
        first, last_day = _validity(header, row)
        made = Entry(
            entry="q" + hashlib.sha256(f"{sheet}\0{asked}".encode()).hexdigest()[:12],
            question=asked[:500],
            answer=told,
            aliases=[other[:500] for other in others],
            category=cell_of(row, _column(header, "category"))[:80],
            source=cell_of(row, _column(header, "source"))[:200],
            valid_from=first,
            valid_until=last_day,
            locator=row.place or (f"P{row.page}" if row.page else ""),
        )
        last = known.get(made.entry)
        if last is None:
            known[made.entry] = last = made
            loaded.entries.append(made)
        else:  # the same question again: its other ways are kept, another answer is for staff to decide
            last.aliases.extend(other for other in made.aliases if other not in last.aliases)
            if made.answer and made.answer != last.answer:
                loaded.find("repeated_question", made.locator, f"{made.question}：{made.answer}")


def add_question(loaded: Loaded, asked: str, told: str) -> None:
    """Adds a question and its answer that stand under each other in a text."""
    _questions(loaded, ["question", "answer"], [Row([asked, told])], "")


def _validity(header: Sequence[str], row: Row) -> tuple[str, str]:
    first, last = span(cell_of(row, _column(header, "valid")))
    starts, ends = cell_of(row, _column(header, "valid_from")), cell_of(row, _column(header, "valid_until"))
    return (span(starts)[0] or span(starts)[1] or first), (span(ends)[1] or last)


def _plain_rows(loaded: Loaded, rows: Sequence[Row], sheet: str) -> None:
    at = 0
    while at < len(rows) and len(_distinct(rows[at])) < 2 and any(len(_distinct(row)) > 1 for row in rows[at:]):
        at += 1  # a title above the header
    _titles(loaded, rows[:at], sheet)
    rows = rows[at:]
    if len(rows) > 2 and _two_tiers(rows[0].cells, rows[1].cells):
        titles = [
            upper if upper == lower else f"{upper} {lower}".strip()
            for upper, lower in zip(rows[0].cells, rows[1].cells, strict=True)
        ]
        rows = rows[1:]
    else:
        titles = rows[0].cells if rows else []
    if len(rows) == 1:
        loaded.blocks.append(Block("row", "；".join(_distinct(rows[0])), page=rows[0].page, sheet=sheet))
    for row in rows[1:]:
        text = row_text(titles, row.cells)
        if text:
            loaded.blocks.append(Block("row", text, page=row.page, sheet=sheet))


def row_text(titles: Sequence[str], cells: Sequence[str]) -> str:
    """``header：cell；header：cell`` of the cells that hold something; one cell over the whole row stands alone."""
    filled = [cell for cell in cells if cell.strip()]
    if len(filled) > 1 and len(set(filled)) == 1 and len(filled) == len(cells):
        return filled[0]
    told: list[str] = []
    for at, cell in enumerate(cells):
        if cell.strip():
            title = titles[at].strip() if at < len(titles) else ""
            text = f"{title}：{cell.strip()}" if title and title != cell else cell.strip()
            if text not in told:
                told.append(text)
    return "；".join(told)


def _two_tiers(upper: Sequence[str], lower: Sequence[str]) -> bool:
    """Say whether a header has a second row: groups that span columns, below them the columns' own names."""
    if len(upper) != len(lower) or not all(cell.strip() for cell in [*upper, *lower]):
        return False
    spans = [at for at in range(1, len(upper)) if upper[at] == upper[at - 1]]
    grouped = {place for at in spans for place in (at - 1, at)}
    return bool(spans) and all(
        lower[at] != upper[at] if at in grouped else lower[at] == upper[at] for at in range(len(upper))
    )


def _distinct(row: Row) -> list[str]:
    return list(dict.fromkeys(cell.strip() for cell in row.cells if cell.strip()))


def cell_of(row: Row, at: int | None) -> str:
    """A cell without the blanks around it; empty where the row has none."""
    return row.cells[at].strip() if at is not None and at < len(row.cells) else ""
