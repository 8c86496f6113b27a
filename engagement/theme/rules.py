"""A month's theme: what a day of it brings, what its challenge asks, and who stands where. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from engagement.calendar import month_end
from prompts.packs import Beat, Month

_ASKS = re.compile(r"[?\uff1f]|[吗么呢]\W*$|怎么|几点|什么时候|在哪|哪里|多少|能不能|可以吗|为什么|退款|退货|没到|少发")

THEME_MINUTE = 10 * 60
CHALLENGE_MINUTE = 19 * 60
CHALLENGE_DAYS = (15, 25)
A_DAY_AT_MOST = 2
"""Challenge points that one local day can bring: the check-in and the topic, one each."""
CLOSE_SHARE = 60
"""Per cent of the target from which somebody is called close."""
CLOSE_SHOWN = 5
BOARD_SHOWN = 5
COMPLETERS_SHOWN = 20
NAME_SHOWN = 12
BEAT_DAYS = 7
FEWEST_DAYS = 7
"""Days that the bot must have been in a group for a month's closing to have anything to tell."""


def month_key(day: date) -> str:
    """Return ``YYYY-MM``."""
    return f"{day.year:04d}-{day.month:02d}"


def bit_of(day: date) -> int:
    """Return the bit that stands for a day of its month: day 1 is bit 0, day 31 bit 30."""
    return 1 << (day.day - 1)


def next_month(day: date) -> date:
    """Return the first of the month after a day's."""
    return month_end(day) + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Part:
    """What a theme says on a day: ``opening``, ``beat``, ``closing``, ``joined`` or ``joined_late``."""

    kind: str
    beat: Beat | None = None


def slot(month: Month, part: Part) -> str:
    """Return the name under which a region or a group keeps its own words for a part of a month."""
    return f"month:{month.month}:{part.kind}" + (f":{part.beat.day}" if part.beat is not None else "")


def part_of(month: Month, day: date, joined: date) -> Part | None:
    """Return what the theme says on a local day, or None on the other days.

    Args:
        joined: the local day on which the bot came into the group: the next morning it opens, shortly, in mid-month;
            ``joined_late`` when the challenge's target can no longer be reached. A month of a few days has no closing.

    Source: F28.
    """
    if day.day == 1:
        return Part("opening")
    if day == month_end(day):
        return Part("closing") if (day - joined).days >= FEWEST_DAYS else None
    if day == joined + timedelta(days=1):
        return Part("joined" if reach(day) >= month.challenge.target else "joined_late")
    beat = next((one for one in month.beats if one.day == day.day), None)
    return None if beat is None else Part("beat", beat)


def beat_of(month: Month, day: date) -> Beat | None:
    """Return the beat that is on: the latest one, for a week."""
    running = [one for one in month.beats if 0 <= day.day - one.day < BEAT_DAYS]
    return max(running, key=lambda one: one.day, default=None)


def reach(day: date, *, checked_in: bool = False, answered: bool = False) -> int:
    """Return how many challenge points can still be had this month, today's included unless they are taken."""
    return A_DAY_AT_MOST * ((month_end(day) - day).days + 1) - checked_in - answered


def is_settled_at_once(local_today: date, counted_for: date) -> bool:
    """Say whether a completion is paid on the spot: on the month's last day its closing may have gone out already."""
    return local_today >= month_end(counted_for)


@dataclass(frozen=True, slots=True)
class Score:
    """A member's points in a challenge."""

    name: str
    points: int


@dataclass(frozen=True, slots=True)
class Ranked:
    """A row of the board; ties share a rank and the next one is skipped (1, 1, 3)."""

    rank: int
    name: str
    points: int


def ranked(scores: Sequence[Score]) -> Sequence[Ranked]:
    """Give ranks to scores that are sorted by points, the most first."""
    rows: list[Ranked] = []
    for place, score in enumerate(scores, start=1):
        rank = rows[-1].rank if rows and rows[-1].points == score.points else place
        rows.append(Ranked(rank, score.name, score.points))
    return rows


def asks(text: str) -> bool:
    """Say whether words that quote a theme's message are a question, and no soup of somebody's."""
    return bool(_ASKS.search(text))


def close_from(target: int) -> int:
    """Return the points from which somebody is called close to a target."""
    return max(1, -(-target * CLOSE_SHARE // 100))
