"""When the campaigns of a year are, which wording a group gets, and what a text may name. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import blake2s
from itertools import pairwise

from engagement.calendar import EPOCH, festival_day, is_holiday
from prompts.campaigns import WEEKDAYS, Line, Pack, When

GRACE_MINUTES = 180
FIRST_TURNS = 2026
"""The year in which what goes on over the years begins with its first turn."""
MOST_SHIFT = 3
"""Days by which a leader may move a campaign, either way."""
ANSWERED_DAYS = 3
"""How long after its last beat an answer still counts for a campaign."""
FIRST_DAYS = 7
"""Days after a group's first one on which its leader hears one lesson a day, that of the first week."""
YOUNG_DAYS = 30
"""Days for which a leader is not told how the year goes on."""
LATE_MONTH = 11
"""Who comes in this month of a year or later is not told to look back on it."""
FOLLOWING = frozenset({"member_day", "live", "drill"})
"""Forms whose later lines go back to one of the days before."""
_ASKS = re.compile(
    r"[?\uff1f]|[吗么呢]\W*$|怎么|几点|几号|什么时候|在哪|哪里|哪儿|多少|多久|能不能|可不可以|可以吗|为什么|谁负责"
    r"|退款|退货|没到|没收到|少发|报名费"
)


@dataclass(frozen=True, slots=True)
class Dated:
    """A line on its day.

    Attributes:
        peak: the anchor that the line belongs to; None where the campaign has no course towards a day.
    """

    day: date
    line: Line
    peak: date | None


def year_of(pack: Pack, year: int) -> list[Dated]:
    """Return what a pack says in campaigns whose anchor lies in a year, by day.

    One with ``joined`` is the same every year: its days count from ``EPOCH``. What belongs to a solar term is not said in
    a year in which a festival has the term's day.

    Raises:
        ValueError: two lines fall on one day; or a festival that nobody knows.
    """
    found: list[Dated] = []
    for line in pack.lines:
        anchors = _festival(line.festival, year) if line.festival else _anchors(pack.when, year)
        for turn, anchor in anchors:
            if line.turn and (turn - 1) % _turns(pack) + 1 != line.turn:
                continue
            counts = bool(line.phase) and not pack.when.joined
            found.append(Dated(anchor + timedelta(days=line.offset), line, anchor if counts else None))
    found.sort(key=lambda one: one.day)
    for one, after in pairwise(found):
        if one.day == after.day:
            raise ValueError(f"{pack.key}: {one.line.title} and {after.line.title} both on {one.day}")
    return found


def _turns(pack: Pack) -> int:
    return max(line.turn for line in pack.lines)


def _anchors(when: When, year: int) -> Iterator[tuple[int, date]]:
    """Yield (turn, anchor): the turn of a month is its number, that of a week its number in the year.

    Where holidays are left out, the turns go on from year to year instead, so that none of them is lost for it.
    """
    if when.joined:
        yield 1, EPOCH
    elif when.day:
        month, number = map(int, when.day.split("-"))
        yield 1, date(year, month, min(number, 28) if month == 2 else number)
    elif when.festival:
        yield from _festival(when.festival, year)
    elif when.nth:
        yield 1, _nth(when.nth, year)
    elif when.monthly:
        for month in when.months or range(1, 13):
            yield month, date(year, month, when.monthly)
    else:
        before = sum(len(_weekly(when, earlier)) for earlier in range(FIRST_TURNS, year)) if when.not_on else 0
        yield from enumerate(_weekly(when, year), start=before + 1)


def _weekly(when: When, year: int) -> list[date]:
    first = date(year, 1, 1)
    first += timedelta(days=(WEEKDAYS.index(when.weekly) - first.weekday()) % 7)
    days = (first + timedelta(days=7 * n) for n in range(53))
    return [
        day
        for day in days
        if day.year == year and (not when.months or day.month in when.months) and not (when.not_on and is_holiday(day))
    ]


def next_free(day: date, taken: Collection[date]) -> date | None:
    """Return the next day of the same month, within a week, on which nothing is said and nobody has a holiday."""
    coming = (day + timedelta(days=n) for n in range(1, 7))
    return next((one for one in coming if one.month == day.month and one not in taken and not is_holiday(one)), None)


def _nth(text: str, year: int) -> date:
    month, which, weekday = text.split("/")
    first = date(year, int(month), 1)
    first += timedelta(days=(WEEKDAYS.index(weekday) - first.weekday()) % 7)
    if which == "last":
        last = first + timedelta(days=28)
        return last if last.month == first.month else last - timedelta(days=7)
    return first + timedelta(days=7 * (int(which) - 1))


def _festival(name: str, year: int) -> Iterator[tuple[int, date]]:
    day = festival_day(name, year)
    if day is not None:
        yield 1, day


def is_second(plan_key: str, group_id: int) -> bool:
    """Say whether a group gets the other wording: half of the groups, the same ones for a whole campaign."""
    return blake2s(f"{plan_key}:{group_id}".encode(), digest_size=2).digest()[0] % 2 == 1


def is_too_early(
    form: str, phase: str, *, to_leaders: bool, began: date, day: date, peak: date | None, before: date | None
) -> bool:
    """Say whether a group is too new for what a common campaign says: it looks back on days without the group, or crowds.

    Args:
        began: the local day on which the bot came into the group; day: on which it is said there.
        peak: the anchor there; before: the day there of what the campaign said before; None where there is none.
    """
    age = (day - began).days
    if (to_leaders and age <= FIRST_DAYS) or (form == "phase" and age < YOUNG_DAYS):
        return True
    if form == "gala":  # as a whole or not at all
        return began >= date(day.year, LATE_MONTH, 1)
    if phase == "last":
        return peak is not None and peak < began
    return form in FOLLOWING and before is not None and (day - before).days <= FIRST_DAYS and before < began


def still_counts(last_day: date, shift: int, today: date) -> bool:
    """Say whether what answers a campaign on a group's local day still counts for it.

    Args:
        last_day: of its beats, before the group's shift.
    """
    return today <= last_day + timedelta(days=shift + ANSWERED_DAYS)


def asks(text: str) -> bool:
    """Say whether words that quote a campaign's message are a question, and no answer to it."""
    return bool(_ASKS.search(text))


def figures(
    *,
    name: str,
    slogan: str,
    day: date,
    peak: date | None,
    peak_words: str,
    group: str,
    leader: str,
    facts: Mapping[str, str],
) -> Mapping[str, object]:
    """Return what a text may name; a line that needs one that is None is left out.

    Args:
        day: on which it is said, before a group's shift: who has all of it later counts down all the same.
        peak_words: the anchor's date for people.
    """
    left = (peak - day).days if peak is not None else 0
    return {
        "name": name,
        "slogan": slogan,
        "year": day.year,
        "month": day.month,
        "group": group or None,
        "leader": leader or None,
        "peak": peak_words or None,
        "days_left": left if left > 0 else None,
        **{fact: facts.get(fact) or None for fact in ("pickup_place", "pickup_hours", "delivery_day", "hotline")},
    }
