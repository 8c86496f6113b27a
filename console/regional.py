"""What a regional manager's pages read: sealed weeks of a region, and its groups side by side; sums, never people.

A sealed week does not change, so the list of its groups is kept for some minutes: five thousand rows are read once and not for
every click on a column.

Source: F115, F116; FAULTS E11.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from threading import Lock

from sqlalchemy import select
from sqlmodel import col

from engagement.region import rules
from engagement.region.rules import Cell, Lamp
from engagement.region.service import WEEK
from storage.engine import Session
from storage.groups import Group
from storage.weeks import GroupWeek, RegionWeek

KEEP_SECONDS = 300.0
MOST_KEPT = 16
SORTS = ("lamp", "name", "neighbours", "rate", "change", "messages", "answered", "gaps")
LAMPS = ("red", "yellow", "green", "none")
_COLUMNS = [getattr(GroupWeek, name + end) for name in rules.FIGURES for end in ("", "_behind")]


@dataclass(frozen=True, slots=True)
class Figures:
    """A week as it may be shown; None = too few persons stand behind it."""

    neighbours: int | None = None
    checked_in: int | None = None
    messages: int | None = None
    answered: int | None = None
    gaps: int | None = None

    @property
    def rate(self) -> float | None:
        """Share of the neighbours who checked in."""
        return rules.rate(self.checked_in, self.neighbours)


@dataclass(frozen=True, slots=True)
class Row:
    """A group in the comparison."""

    id: int
    name: str
    now: Figures
    change: float | None
    lamp: Lamp
    size: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """How the list is asked for.

    Attributes:
        sort: of :data:`SORTS`; ``down``: the largest first.
        size: of :data:`engagement.region.rules.SIZES`, or empty.
        lamp: of :data:`LAMPS`, or empty.
        q: words of the name.
    """

    sort: str = "lamp"
    down: bool = False
    size: str = ""
    lamp: str = ""
    q: str = ""


def wanted_of(sort: str, size: str, lamp: str, q: str) -> Wanted:
    """Read an address; what it cannot mean is as if it were not there."""
    name = sort.removeprefix("-")
    return Wanted(
        name if name in SORTS else "lamp",
        sort.startswith("-") and name in SORTS,
        size if size in rules.SIZES else "",
        lamp if lamp in LAMPS else "",
        q.strip()[:40].replace("\x00", ""),
    )


def figures_of(values: Sequence[int]) -> Figures:
    """Return what may be shown of a row: value and persons behind it, in the order of ``rules.FIGURES``."""
    return Figures(
        **{name: rules.shown(Cell(values[at * 2], values[at * 2 + 1])) for at, name in enumerate(rules.FIGURES)}
    )


def compared(session: Session, region: int, week: date) -> list[Row]:
    """Return a region's groups in a sealed week, held against the week before, by name; only groups that are still its own."""
    before = {
        group: figures_of(values)
        for group, *values in session.execute(
            select(col(GroupWeek.group_id), *_COLUMNS).where(
                col(GroupWeek.region_id) == region, col(GroupWeek.week) == week - WEEK
            )
        )
    }
    rows = session.execute(
        select(col(Group.id), col(Group.name), *_COLUMNS)
        .join(Group, col(Group.id) == col(GroupWeek.group_id))
        .where(
            col(GroupWeek.region_id) == region,
            col(GroupWeek.week) == week,
            col(Group.region_id) == region,
            col(Group.state) == "active",
        )
    )
    found = [_row(group, name, figures_of(values), before.get(group, Figures())) for group, name, *values in rows]
    return sorted(found, key=lambda row: (row.name, row.id))


def _row(group: int, name: str, now: Figures, before: Figures) -> Row:
    lamp = rules.lamp(now.neighbours, now.checked_in, before.checked_in, now.gaps)
    return Row(group, name, now, rules.change(now.checked_in, before.checked_in), lamp, rules.size(now.neighbours))


def found(rows: Sequence[Row], wanted: Wanted) -> list[Row]:
    """Filter and sort by what is shown; what is not shown comes last, by name, so that its place tells nothing.

    Args:
        rows: by name.
    """
    words = wanted.q.casefold()
    kept = [
        row
        for row in rows
        if (not wanted.size or row.size == wanted.size)
        and (not wanted.lamp or row.lamp.colour == wanted.lamp)
        and (not words or words in row.name.casefold())
    ]
    if wanted.sort == "name":
        return kept[::-1] if wanted.down else kept
    known: list[tuple[tuple[float, float], Row]] = []
    hidden = []
    for row in kept:
        key = _key(row, wanted.sort)
        if key is None:
            hidden.append(row)
        else:
            known.append((key, row))
    known.sort(key=lambda one: one[0], reverse=wanted.down)
    return [row for _, row in known] + hidden


def _key(row: Row, sort: str) -> tuple[float, float] | None:
    if sort == "lamp":
        if row.lamp.colour == "none":
            return None
        return LAMPS.index(row.lamp.colour), row.now.rate or 0.0
    value: float | None = row.change if sort == "change" else getattr(row.now, sort)
    return None if value is None else (value, 0.0)


def lamps(rows: Sequence[Row]) -> dict[str, int]:
    """Count the groups of each lamp."""
    counted = dict.fromkeys(LAMPS, 0)
    for row in rows:
        counted[row.lamp.colour] += 1
    return counted


def weeks_of(session: Session, group: int, region: int, weeks: Sequence[date]) -> Mapping[date, Figures]:
    """Return what may be shown of a group in sealed weeks; weeks in which it was not this region's are left out."""
    rows = session.execute(
        select(col(GroupWeek.week), *_COLUMNS).where(
            col(GroupWeek.group_id) == group, col(GroupWeek.region_id) == region, col(GroupWeek.week).in_(weeks)
        )
    )
    return {week: figures_of(values) for week, *values in rows}


def sum_of(row: RegionWeek, name: str) -> tuple[int | None, int]:
    """Return a sealed sum, and how many groups are left out of it."""
    value, left_out = (row.figures or {}).get(name, [None, 0])
    return value, left_out or 0


@dataclass(slots=True)
class Kept:
    """The latest lists of groups, for some minutes."""

    _lists: dict[tuple[int, date], tuple[float, list[Row]]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def rows(self, session: Session, region: int, week: date) -> list[Row]:
        """Return :func:`compared`, read again when it is some minutes old."""
        with self._lock:
            known = self._lists.get((region, week))
            if known is not None and time.monotonic() - known[0] < KEEP_SECONDS:
                return known[1]
            rows = compared(session, region, week)
            self._lists.pop((region, week), None)
            self._lists[(region, week)] = (time.monotonic(), rows)
            while len(self._lists) > MOST_KEPT:
                self._lists.pop(next(iter(self._lists)))
            return rows
