"""PDF: pages to headings, paragraphs and tables in reading order, without what is not to be seen and what repeats.

Source: F69, FAULTS C2, D2.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from knowledge.loaders import pdf_page
from knowledge.loaders.blocks import Block, Loaded
from knowledge.loaders.guard import Unfit
from knowledge.loaders.lines import (
    CONTENTS,
    ITEM,
    NUMBERED,
    Line,
    Region,
    ends_open,
    glued,
    goes_on,
    regions,
    to_lines,
    usual,
)
from knowledge.loaders.ruled import RuledTable, tables
from knowledge.loaders.tables import Row, add_table

MAX_PAGES = 1000
MARGIN = 0.13
"""Part of a page at its top and bottom where running headers and page numbers stand."""
MIN_REPEATS = 3

Progress = Callable[[int, int], None]

_NUMBER = re.compile(
    r"第\s*\d+\s*页|共\s*\d+\s*页|[Pp]age\s*\d+(?:\s*of\s*\d+)?|[Pp]\.?\s*\d+|\d+\s*/\s*\d+|[-—–·]\s*\d+\s*[-—–·]|^\d+$"
)
_DEPTHS = ((re.compile(r"第.*节"), 2), (re.compile(r"第.*条"), 3), (re.compile(r"[（(]"), 2), (re.compile(r"\D"), 1))
_AT_END = re.compile(r"(?:^\d+(?=\s)|(?<=\s)\d+$)")


@dataclass(slots=True)
class _Page:
    content: pdf_page.PageContent
    lines: list[Line]
    tables: list[RuledTable]


@dataclass(slots=True)
class _Told:
    """A paragraph or heading on its way into a block, or a table."""

    text: str
    page: int
    line: Line | None = None
    level: int = 0
    table: RuledTable | None = None
    rows: list[Row] = field(default_factory=list)
    open_end: bool = False
    ends: int = 0


def read_pdf(content: bytes, progress: Progress | None = None) -> Loaded:
    """Text of each page; ruled tables row by row, also over a page's end.

    It has no title of its own: what programs write there is the name of a template or of the page that was printed.

    Args:
        content: The file.
        progress: Called with (pages read, pages in all).

    Raises:
        Unfit: ``encrypted``, ``damaged``, ``too_big`` or ``no_text``.
    """
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        raise Unfit("encrypted" if "password" in str(error).lower() else "damaged") from error
    try:
        count = len(document)
        if count > MAX_PAGES:
            raise Unfit("too_big")
        if count == 0:
            raise Unfit("damaged")
        loaded = Loaded(pages=count)
        _active(document, loaded)
        pages: list[_Page] = []
        for number in range(1, count + 1):
            pages.append(_read(document, number, loaded))
            if progress is not None:
                progress(number, count)
    except pypdfium2.PdfiumError as error:
        raise Unfit("damaged") from error
    finally:
        document.close()
    if not any(page.lines or page.tables for page in pages):
        raise Unfit("no_text")
    _drop_running(pages)
    _write(loaded, _paragraphs(pages))
    return loaded


def _active(document: Any, loaded: Loaded) -> None:
    from pypdfium2 import raw

    scripts = raw.FPDFDoc_GetJavaScriptActionCount(document.raw)
    if scripts > 0:
        loaded.find("active_content", "", f"JavaScript × {scripts}")
    attached = raw.FPDFDoc_GetAttachmentCount(document.raw)
    if attached > 0:
        loaded.find("attachments", "", f"× {attached}")


def _read(document: Any, number: int, loaded: Loaded) -> _Page:
    page = document[number - 1]
    content = pdf_page.read_page(page, number)
    for text in content.unseen:
        loaded.find("hidden_text", f"P{number}", text)
    for text in pdf_page.notes(page):
        loaded.find("comments", f"P{number}", text)
    page.close()
    ruled = tables(content)
    lines = to_lines(content.glyphs)
    if content.pictures and not lines and not ruled:
        loaded.find("pictures", f"P{number}")
    content.glyphs, content.edges = [], []
    return _Page(content, lines, ruled)


# ---------------------------------------------------------------- what repeats on every page


def _drop_running(pages: Sequence[_Page]) -> None:
    """Takes out lines at the top or bottom that stand in the same place on three pages or more, and page numbers."""
    body = usual((line.size for page in pages for line in page.lines for _ in line.text), 10.5)
    places: dict[tuple[str, int], list[tuple[_Page, Line]]] = {}
    for page in pages:
        height = page.content.height
        for line in page.lines:
            at_edge = line.y < MARGIN * height or line.top > (1 - MARGIN) * height
            if at_edge:
                text = _without_number(line, body)
                near = next((shift for shift in (-1, 0, 1) if (text, round(line.y / 4) + shift) in places), 0)
                places.setdefault((text, round(line.y / 4) + near), []).append((page, line))
    for found in places.values():
        if len({page.content.number for page, _ in found}) >= MIN_REPEATS:
            for page, line in found:
                page.lines = [one for one in page.lines if one is not line]
    slanted = Counter(text for page in pages for text in set(page.content.slanted))
    for page in pages:
        page.content.slanted = [text for text in page.content.slanted if slanted[text] < MIN_REPEATS]


def _without_number(line: Line, body: float) -> str:
    text = _NUMBER.sub("#", line.text)
    if text == line.text and line.size <= 1.05 * body:
        text = _AT_END.sub("#", line.text)
    return " ".join(text.split())


# ---------------------------------------------------------------- paragraphs


def _paragraphs(pages: Sequence[_Page]) -> list[_Told]:
    lines = [line for page in pages for line in page.lines]
    body = usual((line.size for line in lines for _ in line.text), 10.5)
    bold = sum(len(line.text) for line in lines if line.bold) * 2 > sum(len(line.text) for line in lines)
    ranks = {
        size: at + 1
        for at, size in enumerate(sorted({_size(line) for line in lines if line.size >= 1.15 * body}, reverse=True)[:6])
    }
    told: list[_Told] = []
    for page in pages:
        in_place = [*page.lines, *(_placeholder(at, table) for at, table in enumerate(page.tables))]
        found = regions(in_place)
        gap = usual(
            (
                b.y - a.y
                for one in found
                for a, b in zip(one.lines, one.lines[1:], strict=False)
                if b.y - a.y < 3 * body
            ),
            1.5 * body,
        )
        first = True
        for region in found:
            for part in _of_region(region, page, gap, body, bold, ranks):
                last = told[-1] if told else None
                if first and last is not None and _carried_over(last, part, page.content.number):
                    _carry(last, part)
                else:
                    told.append(part)
                first = False
            first = True  # a sentence may go on in the next column
        told.extend(_Told(text, page.content.number) for text in dict.fromkeys(page.content.slanted))
    return told


def _placeholder(at: int, table: RuledTable) -> Line:
    x0, y0, x1, y1 = table.box
    return Line("", x0, x1, y0, 0.0, False, table=at, bottom=y1)


def _size(line: Line) -> float:
    return round(line.size)


def _of_region(
    region: Region, page: _Page, gap: float, body: float, bold: bool, ranks: dict[float, int]
) -> list[_Told]:
    told: list[_Told] = []
    number = page.content.number
    previous: Line | None = None
    for at, line in enumerate(region.lines):
        if line.table >= 0:
            table = page.tables[line.table]
            rows = [Row(cells, page=number) for cells in table.rows]
            told.append(_Told("", number, table=table, rows=rows))
            previous = None
            continue
        if CONTENTS.search(line.text):
            continue
        following = region.lines[at + 1] if at + 1 < len(region.lines) else None
        level = _heading(line, following, region, gap, body, bold, ranks)
        last = told[-1] if told else None
        if last is not None and previous is not None and last.table is None:
            if level and last.level == level and _same_heading(previous, line):
                last.text, previous = glued(last.text, line.text), line
                continue
            if not level and not last.level and goes_on(previous, line, region, gap):
                last.text, previous = glued(last.text, line.text), line
                last.open_end = ends_open(line.text)
                continue
        full = line.x1 >= region.x1 - 2.2 * line.size
        told.append(_Told(line.text, number, line, level, open_end=full and ends_open(line.text) and not level))
        previous = line
    return told


def _same_heading(previous: Line, line: Line) -> bool:
    return (
        _size(previous) == _size(line)
        and previous.bold == line.bold
        and line.y - previous.y < 1.7 * line.size
        and not NUMBERED.match(line.text)
        and not ITEM.match(line.text)
    )


def _heading(
    line: Line,
    following: Line | None,
    region: Region,
    gap: float,
    body: float,
    bold: bool,
    ranks: dict[float, int],
) -> int:
    """Level of a heading, or 0: by size, by weight where the text is not bold, by its number."""
    text = line.text
    if len(text) > 60 or text[-1] in "。；;，,、" or "  " in text or not re.search(r"\w", text):
        return 0
    rank = ranks.get(_size(line), 0) if line.size >= 1.15 * body else 0
    if rank:
        return rank
    numbered = NUMBERED.match(text)
    if following is not None and following.table < 0 and goes_on(line, following, region, gap):
        return 0
    below = len(ranks)
    if numbered and len(text) <= 40 and not re.search(r"[。；！？!?:：]", text):
        number = numbered.group()
        depth = next((level for pattern, level in _DEPTHS if pattern.match(number)), 1 + number.count("."))
        return min(9, below + depth)
    if line.bold and not bold and len(text) <= 40 and text[-1] not in ":：":
        return min(9, below + 1)
    return 0


# ---------------------------------------------------------------- over the end of a page


def _carried_over(last: _Told, part: _Told, page: int) -> bool:
    ended = last.rows[-1].page if last.rows else last.ends or last.page
    if ended != page - 1 and (ended != page or part.table is not None):
        return False
    if last.table is not None and part.table is not None:
        mine, its = last.table.columns, part.table.columns
        return len(mine) == len(its) and all(abs(a - b) < 6 for a, b in zip(mine, its, strict=True))
    if last.table is not None or part.table is not None or part.level or last.level or last.line is None:
        return False
    assert part.line is not None
    plain = not ITEM.match(part.text) and not NUMBERED.match(part.text)
    return last.open_end and plain and abs(last.line.size - part.line.size) < 0.12 * part.line.size


def _carry(last: _Told, part: _Told) -> None:
    if last.table is not None:
        header = last.rows[0].cells
        last.rows.extend(row for row in part.rows if row.cells != header)
        last.table = part.table
    else:
        last.text = glued(last.text, part.text)
        last.open_end, last.line, last.ends = part.open_end, part.line, part.page


def _write(loaded: Loaded, told: Sequence[_Told]) -> None:
    for part in told:
        if part.table is not None:
            add_table(loaded, part.rows)
        elif part.level:
            loaded.blocks.append(Block("heading", part.text, level=part.level, page=part.page))
        elif part.text:
            loaded.blocks.append(Block("text", part.text, page=part.page))
