"""Shapes of small charts, drawn as SVG by the templates. Pure; no script and no library on the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

WIDTH, HEIGHT = 640, 230
LEFT, RIGHT, TOP, BOTTOM = 40, 26, 12, 28


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart: the path of the line, of the area under it, and its last point."""

    line: str
    area: str
    last: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything a template draws, in units of a ``WIDTH`` × ``HEIGHT`` view box.

    Attributes:
        grid: (y, label) of each horizontal line, from below.
        ticks: (x, label) below the axis.
    """

    series: tuple[Series, ...]
    grid: tuple[tuple[float, str], ...]
    ticks: tuple[tuple[float, str], ...]


def nice_top(most: float, lines: int = 5) -> int:
    """Return the smallest round number that ``lines`` equal steps of 1, 1.5, 2, 3, 4, 5, 6 or 8 × 10ⁿ reach above ``most``."""
    if most <= lines:
        return lines
    raw = most / lines
    power = 10 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if factor * power >= raw)
    return int(step * lines)


def smooth(points: Sequence[tuple[float, float]]) -> str:
    """Return an SVG path through the points that never overshoots them (monotone cubic)."""
    if not points:
        return ""
    head = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    if len(points) == 1:
        return head
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairwise(points)]
    tangents = [slopes[0]]
    for before, after in pairwise(slopes):
        tangents.append(0.0 if before * after <= 0 else 2 * before * after / (before + after))
    tangents.append(slopes[-1])
    pieces = [head]
    for (a, b), (ta, tb) in zip(pairwise(points), pairwise(tangents), strict=True):
        third = (b[0] - a[0]) / 3
        pieces.append(
            f"C{a[0] + third:.1f} {a[1] + ta * third:.1f} {b[0] - third:.1f} {b[1] - tb * third:.1f} {b[0]:.1f} {b[1]:.1f}"
        )
    return "".join(pieces)


def lines(labels: Sequence[str], values: Sequence[Sequence[float]], every: int = 4) -> Chart:
    """Lay out a line chart.

    Args:
        labels: one a point, the same for every series.
        values: one sequence a series, as long as ``labels``.
        every: which labels are written, counted from the last.
    """
    top = nice_top(max((max(one, default=0) for one in values), default=0))
    floor, span = HEIGHT - BOTTOM, HEIGHT - BOTTOM - TOP
    step = (WIDTH - LEFT - RIGHT) / max(1, len(labels) - 1)

    def point(place: int, value: float) -> tuple[float, float]:
        return LEFT + place * step, floor - value / top * span

    drawn = []
    for one in values:
        points = [point(place, value) for place, value in enumerate(one)]
        line = smooth(points)
        area = f"{line}L{points[-1][0]:.1f} {floor}L{LEFT} {floor}Z" if points else ""
        drawn.append(Series(line, area, points[-1] if points else (LEFT, floor)))
    grid = tuple((floor - span * n / 5, str(top * n // 5)) for n in range(6))
    last = len(labels) - 1
    ticks = tuple((LEFT + n * step, label) for n, label in enumerate(labels) if (last - n) % every == 0)
    return Chart(tuple(drawn), grid, ticks)


@dataclass(frozen=True, slots=True)
class Ring:
    """A share as an arc: circumference and the drawn part, for a circle of radius ``RADIUS``."""

    round: float
    drawn: float


RADIUS = 42


def ring(part: int, whole: int) -> Ring:
    """Lay out a ring that is filled by part of whole, 0 to 1."""
    round_ = 2 * math.pi * RADIUS
    share = min(1.0, part / whole) if whole > 0 else 0.0
    return Ring(round(round_, 1), round(round_ * share, 1))


def shades(rows: Sequence[Sequence[int]], steps: int = 6) -> list[list[int]]:
    """Return each figure's shade, 0 (none) to ``steps`` (most), by the square root of its share of the largest."""
    most = max((max(row, default=0) for row in rows), default=0)
    if most == 0:
        return [[0 for _ in row] for row in rows]
    return [[0 if value == 0 else max(1, round(math.sqrt(value / most) * steps)) for value in row] for row in rows]
