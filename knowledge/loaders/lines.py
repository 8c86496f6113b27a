"""Letters with places to lines, columns and paragraphs. Pure: no PDF library here.

Source: F69.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from knowledge.loaders.pdf_page import Box, Glyph, whole

MIN_COLUMN_LINES = 3

NUMBERED = re.compile(
    r"^(?:第[一二三四五六七八九十百零〇\d]+[章节编条]|[一二三四五六七八九十]{1,3}、|[（(][一二三四五六七八九十]{1,3}[)）]"
    r"|\d{1,2}(?:\.\d{1,2}){1,3}[\s、.．]?(?=\D)|附录|附件)"
)
ITEM = re.compile(
    r"^(?:[-–•·●○■□◆◇★☆※▪►✓√*]\s*|\d{1,3}\s*[、.．)）](?!\d)|[（(]\s*(?:\d{1,3}|[一二三四五六七八九十]{1,3}|[a-zA-Z])\s*[)）]"
    r"|[①-⑳]|[a-zA-Z][.)、]\s|[一二三四五六七八九十]{1,3}、|第[一二三四五六七八九十百零〇\d]+[章节编条])"
)
CONTENTS = re.compile(r"(?:\.\s?){6,}\s*[\divxIVX]*$|…{3,}\s*\d*$|·{6,}\s*\d*$")
"""A line of a table of contents, which says again what the headings say."""
_END = "。！？；!?;…”」』】"
_WIDE = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u303f]")


@dataclass(slots=True)
class Line:
    """A run of text on one base line; ``table`` is the number of a table that stands in its place, else -1."""

    text: str
    x0: float
    x1: float
    y: float
    size: float
    bold: bool
    table: int = -1
    bottom: float = 0.0

    @property
    def top(self) -> float:
        """Its upper edge."""
        return self.y - self.size

    @property
    def floor(self) -> float:
        """Its lower edge."""
        return max(self.bottom, self.y + 0.2 * self.size)


@dataclass(slots=True)
class Region:
    """Lines of one column, from the top; ``x0`` and ``x1`` are the column's edges."""

    lines: list[Line]
    x0: float
    x1: float


def to_lines(glyphs: Iterable[Glyph]) -> list[Line]:
    """Letters to runs of text, from the top and the left; a gap of more than 1.6 letters parts two runs."""
    rows: list[list[Glyph]] = []
    for glyph in sorted(glyphs, key=lambda one: one.y):
        if rows and glyph.y - rows[-1][0].y <= 0.35 * max(glyph.size, rows[-1][0].size, 1.0):
            rows[-1].append(glyph)
        else:
            rows.append([glyph])
    lines: list[Line] = []
    for row in rows:
        row.sort(key=lambda one: one.x0)
        run: list[Glyph] = []
        for glyph in row:
            if glyph.text == " ":
                continue
            if run and glyph.x0 - run[-1].x1 > 1.6 * max(glyph.size, 1.0):
                lines.append(_line(run, row))
                run = []
            elif run and glyph.text == run[-1].text and abs(glyph.x0 - run[-1].x0) < 0.2 * glyph.size:
                continue  # the same letter twice in one place: a poor man's bold
            run.append(glyph)
        if run:
            lines.append(_line(run, row))
    return lines


def _line(run: Sequence[Glyph], row: Sequence[Glyph]) -> Line:
    blanks = [one for one in row if one.text == " "]
    text = run[0].text
    for before, glyph in pairwise(run):
        gap = glyph.x0 - before.x1
        blank = gap > 0.1 * glyph.size and any(
            before.x1 - 0.5 * glyph.size <= one.x0 and one.x1 <= glyph.x0 + 0.5 * glyph.size for one in blanks
        )
        narrow = not (_WIDE.match(glyph.text) or _WIDE.match(before.text))
        text += (" " if blank or (gap > 0.22 * glyph.size and narrow) else "") + glyph.text
    sizes: Counter[float] = Counter()
    for one in run:
        sizes[round(one.size * 2) / 2] += 1
    return Line(
        text=whole(text).strip(),
        x0=run[0].x0,
        x1=run[-1].x1,
        y=run[0].y,
        size=sizes.most_common(1)[0][0],
        bold=sum(one.bold for one in run) * 2 > len(run),
    )


def regions(lines: Sequence[Line], depth: int = 0) -> list[Region]:
    """Runs of text in reading order: columns of prose one after the other, anything else row by row."""
    if not lines:
        return []
    ordered = sorted(lines, key=lambda one: (one.top, one.x0))
    gutter = _gutter(ordered) if depth < 4 else None
    if gutter is None:
        return [_region(_joined_rows(ordered))]
    found: list[Region] = []
    pending: list[Line] = []
    for band, split in _bands(ordered, gutter):
        left, right = [one for one in band if one.x1 <= gutter], [one for one in band if one.x1 > gutter]
        left, rest = _parted_below(left, right)
        if split and _is_prose(left) and _is_prose(right):
            if pending:
                found.extend(regions(pending, 4))
                pending = []
            found.extend([*regions(left, depth + 1), *regions(right, depth + 1)])
            pending.extend(rest)
        else:
            pending.extend(band)
    if pending:
        found.extend(regions(pending, 4))
    return found


def _parted_below(left: list[Line], right: list[Line]) -> tuple[list[Line], list[Line]]:
    """The left column, and what stands below both columns after a gap: it is read after the right one."""
    if not left or not right:
        return left, []
    bottom = max(one.floor for one in right)
    for at in range(1, len(left)):
        if left[at].top > bottom and left[at].top - left[at - 1].floor > 0.9 * left[at].size:
            return left[:at], left[at:]
    return left, []


def _region(lines: list[Line]) -> Region:
    prose = [one for one in lines if one.table < 0] or lines
    return Region(lines, min(one.x0 for one in prose), max(one.x1 for one in prose))


def _gutter(lines: Sequence[Line]) -> float | None:
    """The x that most pairs of neighbours leave free between them; None below three pairs."""
    gaps: list[tuple[float, float]] = []
    for at, line in enumerate(lines):
        right: float | None = None
        for other in lines[max(0, at - 40) : at + 40]:
            if other.x0 > line.x1 and other.top < line.floor and line.top < other.floor:
                right = other.x0 if right is None else min(right, other.x0)
        if right is not None and right - line.x1 >= 0.9 * line.size:
            gaps.append((line.x1, right))
    best, most = None, MIN_COLUMN_LINES - 1
    for _, end in gaps:
        x = end - 0.1
        count = sum(a < x < b for a, b in gaps)
        if count > most:
            best, most = x, count
    return best


def _bands(lines: Sequence[Line], gutter: float) -> list[tuple[list[Line], bool]]:
    """Neighbouring lines from the top, together as long as all or none of them keep clear of the gutter."""
    bands: list[tuple[list[Line], bool]] = []
    for line in lines:
        split = not line.x0 < gutter < line.x1
        if bands and bands[-1][1] == split:
            bands[-1][0].append(line)
        else:
            bands.append(([line], split))
    return bands


def _is_prose(lines: Sequence[Line]) -> bool:
    """Say whether lines fill their column, as running text does and the cells of a table do not."""
    told = [one for one in lines if one.table < 0]
    if len(told) < MIN_COLUMN_LINES:
        return False
    width = max(one.x1 for one in told) - min(one.x0 for one in told)
    widths = sorted(one.x1 - one.x0 for one in told)
    middle = told[len(told) // 2]
    return widths[len(widths) // 2] >= 0.6 * width and width >= 9 * middle.size


def _joined_rows(lines: Sequence[Line]) -> list[Line]:
    """Runs on the same base line become one line, parted by two blanks."""
    rows: list[Line] = []
    for line in sorted(lines, key=lambda one: (round(one.y), one.x0)):
        last = rows[-1] if rows else None
        together = last is not None and last.table < 0 and line.table < 0 and abs(line.y - last.y) <= 0.35 * line.size
        if last is not None and together:
            first, second = (last, line) if last.x0 <= line.x0 else (line, last)
            last.text = f"{first.text}  {second.text}"
            last.x0, last.x1 = min(last.x0, line.x0), max(last.x1, line.x1)
        else:
            rows.append(Line(line.text, line.x0, line.x1, line.y, line.size, line.bold, line.table, line.bottom))
    return rows


def glued(before: str, after: str) -> str:
    """Two parts of a sentence that the layout split: Chinese without a blank, Latin with one, a hyphen taken back."""
    if not before or not after:
        return before + after
    if re.search(r"[a-z]-$", before) and after[0].islower():
        return before[:-1] + after
    narrow = not (_WIDE.match(before[-1]) or _WIDE.match(after[0]))
    return f"{before} {after}" if narrow else before + after


def goes_on(line: Line, following: Line, region: Region, gap: float) -> bool:
    """Say whether a line is the middle of a paragraph that the next line continues.

    Args:
        line: The upper line.
        following: The line below it in the same column.
        region: The column.
        gap: Usual distance of base lines of the document, in points.
    """
    if line.table >= 0 or following.table >= 0 or "  " in line.text or "  " in following.text:
        return False
    if abs(line.size - following.size) > 0.12 * line.size or following.y - line.y > 1.45 * max(gap, line.size):
        return False
    if ITEM.match(following.text) or NUMBERED.match(following.text):
        return False
    indent = following.x0 - line.x0
    hangs = ITEM.match(line.text) is not None and indent < 4 * line.size  # an item, its lines set behind its mark
    if following.x0 - region.x0 > 1.5 * line.size and indent > 0.5 * line.size and not hangs:
        return False  # indented: a new paragraph
    if line.x1 >= region.x1 - 2.2 * line.size or line.text[-1] in "，、（":
        return True
    if _WIDE.match(line.text[-1]) or line.text[-1] in ".!?:;":
        return False
    return following.text[0].islower() or line.x1 >= region.x0 + 0.7 * (region.x1 - region.x0)


def ends_open(text: str) -> bool:
    """Say whether a text stops in the middle of a sentence."""
    return bool(text) and text[-1] not in _END + ".:："


def usual(values: Iterable[float], default: float) -> float:
    """The value that occurs most, to half a point."""
    counts = Counter(round(value * 2) / 2 for value in values)
    return counts.most_common(1)[0][0] if counts else default


def overlaps(box: Box, x: float, y: float) -> bool:
    """Say whether a point lies in a box."""
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]
