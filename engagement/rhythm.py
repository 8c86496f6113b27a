"""Local days and minutes on which something speaks that is not of every day, and the instants that they are.

A campaign's moments are the same for all groups; a group's shift moves them, and its zone turns them into instants. What
counts from the day on which a group began has moments from the calendar's ``EPOCH`` on, and that day's distance to it as
shift.

Source: F27; ADR-0014.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from engagement.calendar import instant_of

if TYPE_CHECKING:
    from engagement.kernel import Card
    from engagement.pushes import Occurrence
    from storage.engine import Session

TOGETHER = timedelta(hours=1)
"""What several campaigns say to a group, or to one person in private, within an hour is said at once, with the first of them."""

Moment: TypeAlias = tuple[date, int]
"""A local day and a minute of it, 0 … 1439."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When a kind of push is due whose slice has campaigns with days of their own.

    Attributes:
        moments: campaign ids → the moments of each, ascending, no day twice.
        mend: (session, now, until, most, group ids or None) → how many schedules it made or mended until then; 0 = all is well.
        settled: whether ``mend`` would touch nothing; reads only.
        cards: the pictures that some occurrences will be said with, to be drawn before their time; reads only.
    """

    moments: Callable[[Session, Collection[int]], Mapping[int, Sequence[Moment]]]
    mend: Callable[[Session, datetime, datetime, int, Collection[int] | None], int]
    settled: Callable[[Session, datetime], bool]
    cards: Callable[[Session, Sequence[Occurrence]], Sequence[Card]] = lambda _session, _occurrences: ()


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
