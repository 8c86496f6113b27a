"""Local days and minutes on which something speaks that is not of every day, and the instants that they are. Pure.

A campaign's moments are the same for all groups; a group's shift moves them, and its zone turns them into instants. What
counts from the day on which a group began has moments from :data:`EPOCH` on, and that day's distance to it as shift.

Source: F27; ADR-0004.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import TypeAlias

from engagement.calendar import instant_of

EPOCH = date(2000, 1, 1)
Moment: TypeAlias = tuple[date, int]
"""A local day and a minute of it, 0 … 1439."""


def instants(moments: Sequence[Moment], shift: int, zone_name: str) -> Iterator[tuple[date, datetime]]:
    """Yield (local day, instant) of each moment in a group, ascending.

    Args:
        shift: days by which the group has it later, or earlier when negative.
    """
    for day, minute in moments:
        there = day + timedelta(days=shift)
        yield there, instant_of(there, minute, zone_name)


def next_instant(moments: Sequence[Moment], shift: int, zone_name: str, after: datetime) -> datetime | None:
    """Return the first instant strictly later than ``after``; None when nothing is left."""
    # Two days' slack cover every zone: most moments are passed over without looking one up.
    near = (after - timedelta(days=2)).date() - timedelta(days=shift)
    left = [one for one in moments if one[0] >= near]
    return next((at for _, at in instants(left, shift, zone_name) if at > after), None)
