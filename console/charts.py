"""What charts show. Lines and bars are figures that static/charts.js draws; rings and heat maps are shapes in the page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

Figures = Sequence[float | None]


class Series(TypedDict, total=False):
    """One line or one set of bars; None is a gap. ``area`` fills what is under a line; ``kind`` where it differs."""

    name: str
    values: list[float | None]
    area: bool
    kind: str


class Data(TypedDict, total=False):
    """A chart as the page carries it: JSON for the script, and the rows of the table beside it.

    Attributes:
        kind: ``line`` or ``bar``.
        labels: one a point, the same for every series.
        stacked: bars stand on each other.
    """

    kind: str
    labels: list[str]
    series: list[Series]
    stacked: bool


def line(labels: Sequence[str], series: Mapping[str, Figures], area: str = "") -> Data:
    """Return a chart of lines.

    Args:
        labels: one a point.
        series: name → figures, as many as labels.
        area: the series that is filled below.

    Raises:
        ValueError: a series is longer or shorter than the labels.
    """
    return _chart("line", labels, series, area)


def bars(labels: Sequence[str], series: Mapping[str, Figures], *, stacked: bool = False) -> Data:
    """Return a chart of bars.

    Raises:
        ValueError: a series is longer or shorter than the labels.
    """
    return {**_chart("bar", labels, series), "stacked": stacked}


def _chart(kind: str, labels: Sequence[str], series: Mapping[str, Figures], area: str = "") -> Data:
    for name, values in series.items():
        if len(values) != len(labels):
            raise ValueError(f"{name}: {len(values)} figures for {len(labels)} labels")
    shown: list[Series] = [
        {"name": name, "values": list(values), "area": name == area} for name, values in series.items()
    ]
    return {"kind": kind, "labels": list(labels), "series": shown}


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
