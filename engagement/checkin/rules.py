"""Rules of check-ins: how a streak goes on, what a day is worth, what can be made up for. Pure."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from engagement import calendar

_DAY = timedelta(days=1)
SATURDAY = 5
MAKEUP_WINDOW = 7
"""How many days before today a missed day can be made up for."""
MAKEUPS_A_MONTH = 2
MAKEUP_POINTS = 10
MOST_CARDS = 3
CARD_EVERY = 7
"""Every so many days of a streak bring a make-up card."""
LEAVE_A_QUARTER = 7
LEAVE_AHEAD = 30
LONGEST_FREEZE = 31
FREEZE_BACK = 7
"""A group's freeze may begin so many days ago; older streaks stay as they were told."""
SUMMARY_SECONDS = 20
"""The day's summary is edited at most once in so many seconds."""
MISSED_FROM = 3
"""Days in a row whose end is worth a kind word."""
_NO_DAYS: frozenset[date] = frozenset()


@dataclass(frozen=True, slots=True)
class Rewards:
    """What check-ins are worth in a group, in whole points.

    Attributes:
        first: the very first check-in of a member.
        base: the first day of a streak.
        step, most: each further day of the streak gives ``step`` more, up to ``most`` a day.
        week_bonus: extra on the 7th day of a streak.
        month_bonus: extra on every 30th day of a streak.
    """

    first: int = 5
    base: int = 2
    step: int = 1
    most: int = 5
    week_bonus: int = 10
    month_bonus: int = 20

    @classmethod
    def of(cls, settings: Mapping[str, object]) -> Rewards:
        """Read a group's own values; what is missing, not a whole number or outside 0 … 1000 keeps its default."""
        found = {
            name: value
            for name, value in settings.items()
            if name in cls.__slots__ and type(value) is int and 0 <= value <= 1000
        }
        return cls(**found)


@dataclass(frozen=True, slots=True)
class Reward:
    """Points of one check-in.

    Attributes:
        points: all of it, the bonus included; may be 0.
        bonus: the milestone's part.
    """

    points: int
    bonus: int


def reward(rewards: Rewards, streak: int, *, first: bool, doubled: bool = False) -> Reward:
    """Return what the ``streak``-th day in a row is worth (``streak`` ≥ 1); a special day doubles all but the bonus.

    Source: F1.
    """
    daily = rewards.first if first else min(rewards.most, rewards.base + rewards.step * (streak - 1))
    bonus = milestone_bonus(rewards, streak)
    return Reward(daily * (2 if doubled else 1) + bonus, bonus)


def topic_reward(rewards: Rewards, topic: Topic, streak: int, *, doubled: bool = False) -> Reward:
    """Return what a check-in on a topic is worth: its points, and the bonus if it has a streak of its own.

    Source: F2.
    """
    bonus = milestone_bonus(rewards, streak) if topic.streak else 0
    return Reward(topic.points * (2 if doubled else 1) + bonus, bonus)


def milestone_bonus(rewards: Rewards, streak: int) -> int:
    """Return the extra points of the ``streak``-th day in a row; 0 on most days."""
    if streak == 7:
        return rewards.week_bonus
    return rewards.month_bonus if streak and streak % 30 == 0 else 0


def next_streak(streak: int, last: date | None, today: date, paused: Container[date] = _NO_DAYS) -> int:
    """Return the streak that a check-in on ``today`` makes, given the one that ended on ``last`` (before today).

    Args:
        paused: days that do not break a streak when they are missing.
    """
    return streak + 1 if last is not None and stands(last, today, paused) else 1


def stands(last: date, today: date, paused: Container[date] = _NO_DAYS) -> bool:
    """Say whether a streak that ended on ``last`` can still go on today: every day strictly between is paused."""
    return all(day in paused for day in days_between(last + _DAY, today - _DAY))


def days_between(first: date, last: date) -> Iterator[date]:
    """Yield the days of [first, last], both included; none when ``last`` lies before ``first``."""
    while first <= last:
        yield first
        first += _DAY


def streak_ending(days: Collection[date], end: date, paused: Container[date] = _NO_DAYS) -> int:
    """Count the days in a row that end on ``end``; 0 if ``end`` itself is missing.

    Paused days that are missing neither count nor break it.
    """
    if end not in days:
        return 0
    count, earliest = 0, min(days)
    while end >= earliest:
        if end in days:
            count += 1
        elif end not in paused:
            break
        end -= _DAY
    return count


def streak_around(days: Collection[date], day: date, paused: Container[date] = _NO_DAYS) -> int:
    """Count the days in a row of which ``day`` is one, before and after it; 0 if it is missing."""
    if day not in days:
        return 0
    latest, end = max(days), day
    last = day
    while end < latest:
        end += _DAY
        if end in days:
            last = end
        elif end not in paused:
            break
    return streak_ending(days, last, paused)


@dataclass(frozen=True, slots=True)
class Pauses:
    """Days on which a missing check-in breaks no streak: a group's freezes, a neighbour's leave, weekends of some topics.

    Attributes:
        spans: (first, last), both included.
        weekdays_only: Saturdays and Sundays are paused too.
    """

    spans: tuple[tuple[date, date], ...] = ()
    weekdays_only: bool = False

    def __contains__(self, day: object) -> bool:
        """Say whether a day is paused."""
        assert isinstance(day, date)
        if self.weekdays_only and day.weekday() >= SATURDAY:
            return True
        return any(first <= day <= last for first, last in self.spans)

    def only_spans(self) -> Pauses:
        """Return it without the weekends, which a calendar does not mark."""
        return Pauses(self.spans)


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic to check in on, beside the plain daily one; a group's leader makes it. Kept in the group's settings.

    Attributes:
        key: what stands in ``checkin.topic``; never used again for another topic.
        points: whole points of a day, 0 … ``MOST_TOPIC_POINTS``.
        photo: a check-in needs a photo.
        weekdays: Monday to Friday only; weekends do not break its streak.
        streak: it has a streak of its own that is shown and brings the milestones' bonus.
        active: False once stopped.
        makeup: missed days can be made up for; None = where no photo is asked for.

    Source: F2, F12.
    """

    key: str
    name: str
    points: int = 2
    photo: bool = False
    weekdays: bool = False
    streak: bool = False
    active: bool = True
    makeup: bool | None = None

    @property
    def allows_makeups(self) -> bool:
        """A missed day can be made up for: there is a streak to mend, and the leader has nothing against it."""
        return self.active and self.streak and (not self.photo if self.makeup is None else self.makeup)

    def kept(self) -> dict[str, object]:
        """Return it as it is kept in the settings."""
        return {name: getattr(self, name) for name in self.__slots__}


MOST_TOPICS = 8
"""Active topics of a group: more do not fit under one message."""
MOST_TOPICS_EVER = 40
MOST_TOPIC_POINTS = 20


def topics_of(settings: Mapping[str, object]) -> tuple[Topic, ...]:
    """Read a group's topics, stopped ones included, the oldest first; what is damaged is left out."""
    kept = settings.get("topics")
    found: list[Topic] = []
    for one in kept if isinstance(kept, list) else ():
        if isinstance(one, dict) and isinstance(one.get("key"), str) and isinstance(one.get("name"), str):
            known = {name: value for name, value in one.items() if name in Topic.__slots__}
            points = known.get("points")
            if type(points) is not int or not 0 <= points <= MOST_TOPIC_POINTS:
                known["points"] = 2
            found.append(Topic(**known))
    return tuple(found)


def next_key(topics: Iterable[Topic]) -> str:
    """Return a key that no topic has had."""
    return f"t{1 + max((int(topic.key[1:]) for topic in topics if topic.key[1:].isdecimal()), default=0)}"


def acks_of(settings: Mapping[str, object], *, quiet: bool) -> str:
    """Return how routine check-ins are acknowledged: ``reaction`` (the default), ``summary`` or ``words``.

    Args:
        quiet: the group's own switch; False means words, whatever is kept.
    """
    if not quiet:
        return "words"
    kept = settings.get("acks")
    return "summary" if kept == "summary" else "reaction"


def special_day(settings: Mapping[str, object], day: date) -> str:
    """Return why a day brings double points: ``day`` (chosen by the leader), the id of a festival, or empty.

    Source: F1.
    """
    return calendar.double_day(settings, day)


def cards_after(cards: int, streak: int) -> int:
    """Return how many make-up cards a member holds after the ``streak``-th day in a row."""
    return min(MOST_CARDS, cards + 1) if streak % CARD_EVERY == 0 else cards


@dataclass(frozen=True, slots=True)
class Missed:
    """What decides whether a missed day can be made up for.

    Attributes:
        first: the member's first real check-in; None before it.
        joined: local day on which the member joined.
        done: days with a check-in or a make-up.
        made_this_month: make-ups of this month that were not given back.
    """

    today: date
    first: date | None
    joined: date
    done: Collection[date]
    paused: Container[date]
    made_this_month: int


def why_not(day: date, missed: Missed) -> str:
    """Return why a day cannot be made up for, or empty.

    One of ``never``, ``not_past``, ``too_old``, ``before_first``, ``done``, ``paused``, ``month_full``.
    """
    if missed.first is None:
        return "never"
    if day >= missed.today:
        return "not_past"
    if missed.today - day > timedelta(days=MAKEUP_WINDOW):
        return "too_old"
    if day < missed.first or day < missed.joined:
        return "before_first"
    if day in missed.done:
        return "done"
    if day in missed.paused:
        return "paused"
    return "month_full" if missed.made_this_month >= MAKEUPS_A_MONTH else ""


def gap(missed: Missed) -> list[date]:
    """Return the missed days between today and the check-in before, the latest first; empty when none was missed."""
    days = []
    day = missed.today - _DAY
    while missed.first is not None and day > missed.first and day not in missed.done:
        if day not in missed.paused:
            days.append(day)
        day -= _DAY
    return days


def why_not_all(days: Sequence[date], missed: Missed) -> str:
    """Return why the days of a gap cannot all be made up for, or empty: ``long``, or ``month`` (too few are left in it)."""
    fresh = replace(missed, made_this_month=0)
    if len(days) > MAKEUPS_A_MONTH or any(why_not(day, fresh) for day in days):
        return "long"
    return "month" if missed.made_this_month + len(days) > MAKEUPS_A_MONTH else ""


def latest_missed(missed: Missed) -> date | None:
    """Return the latest day that can be made up for; None when there is none."""
    day = missed.today - _DAY
    for _ in range(MAKEUP_WINDOW):
        if not why_not(day, missed):
            return day
        day -= _DAY
    return None


def quarter_of(day: date) -> tuple[int, int]:
    """Return (year, quarter 1 … 4)."""
    return day.year, (day.month + 2) // 3


def leave_left(taken: Iterable[date], day: date) -> int:
    """Return how many days of leave are left in a day's quarter."""
    quarter = quarter_of(day)
    return max(0, LEAVE_A_QUARTER - len({one for one in taken if quarter_of(one) == quarter}))


def leave_fits(taken: Collection[date], wanted: Iterable[date]) -> bool:
    """Say whether days can be taken off besides those that are taken: at most ``LEAVE_A_QUARTER`` in every quarter."""
    days = {*taken, *wanted}
    return all(sum(quarter_of(one) == quarter_of(day) for one in days) <= LEAVE_A_QUARTER for day in days)


def next_milestone(streak: int) -> int:
    """Return how many more days until the next bonus."""
    if streak < 7:
        return 7 - streak
    return 30 - streak % 30
