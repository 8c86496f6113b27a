"""Ruled tables of a PDF page: pdfplumber finds the cells between ruling lines, pdfium's visible letters fill them.

Source: F69.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from knowledge.loaders.lines import glued, to_lines
from knowledge.loaders.pdf_page import Box, Glyph, PageContent

MAX_LINES = 160
"""Of one direction on a page; a drawing has more, a table of 400 rows on a page cannot be read."""


@dataclass(slots=True)
class RuledTable:
    """A table: its place on the page, the left edges of its columns, cells with merged ones filled in."""

    box: Box
    columns: list[float]
    rows: list[list[str]]


def tables(page: PageContent) -> list[RuledTable]:
    """Takes the tables of a page out of its letters; needs at least two rows and two columns each."""
    if len(page.edges) < 4:
        return []
    from pdfplumber import table

    merged = table.merge_edges([_edge(*edge) for edge in page.edges], 3, 3, 3, 3)
    across = [edge for edge in merged if edge["orientation"] == "h" and edge["x1"] - edge["x0"] > 8]
    down = [edge for edge in merged if edge["orientation"] == "v" and edge["bottom"] - edge["top"] > 5]
    if not (2 <= len(across) <= MAX_LINES and 2 <= len(down) <= MAX_LINES):
        return []
    cells = table.intersections_to_cells(table.edges_to_intersections(across + down, 3, 3))
    found: list[RuledTable] = []
    for group in table.cells_to_tables(cells):
        made = _table([tuple(cell) for cell in group], page)
        if made is not None:
            found.append(made)
    return found


def _edge(x0: float, y0: float, x1: float, y1: float) -> dict[str, Any]:
    return {
        "x0": x0,
        "x1": x1,
        "top": y0,
        "bottom": y1,
        "width": x1 - x0,
        "height": y1 - y0,
        "orientation": "h" if x1 - x0 > y1 - y0 else "v",
        "object_type": "line",
        "doctop": y0,
    }


def _table(cells: Sequence[tuple[Any, ...]], page: PageContent) -> RuledTable | None:
    lefts = sorted({round(float(cell[0]), 1) for cell in cells})
    tops = sorted({round(float(cell[1]), 1) for cell in cells})
    if len(lefts) < 2 or len(tops) < 2:
        return None
    box = (
        min(cell[0] for cell in cells),
        min(cell[1] for cell in cells),
        max(cell[2] for cell in cells),
        max(cell[3] for cell in cells),
    )
    inside: list[Glyph] = []
    outside: list[Glyph] = []
    for glyph in page.glyphs:
        x, y = (glyph.x0 + glyph.x1) / 2, glyph.y - 0.3 * glyph.size
        (inside if box[0] <= x <= box[2] and box[1] <= y <= box[3] else outside).append(glyph)
    if not inside:
        return None
    place = {
        (row, column): at
        for at, cell in enumerate(cells)
        for row, top in enumerate(tops)
        if cell[1] - 0.5 <= top < cell[3] - 0.5
        for column, left in enumerate(lefts)
        if cell[0] - 0.5 <= left < cell[2] - 0.5
    }
    held: dict[int, list[Glyph]] = {}
    for glyph in inside:
        x, y = (glyph.x0 + glyph.x1) / 2, glyph.y - 0.3 * glyph.size
        at = place.get((bisect_right(tops, y) - 1, bisect_right(lefts, x) - 1), -1)
        held.setdefault(at, []).append(glyph)
    texts = {at: cell_text(glyphs) for at, glyphs in held.items()}
    rows = [[texts.get(place.get((row, column), -2), "") for column in range(len(lefts))] for row in range(len(tops))]
    if -1 in texts:
        rows.append([texts[-1]])
    page.glyphs = outside
    return RuledTable(box, lefts, rows)


def cell_text(glyphs: Sequence[Glyph]) -> str:
    """The lines of a cell as one text."""
    text = ""
    for line in sorted(to_lines(glyphs), key=lambda one: (round(one.y), one.x0)):
        text = glued(text, line.text)
    return text
