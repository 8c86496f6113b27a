"""Rules of check-ins: how a streak goes on, and what a day is worth. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

_DAY = timedelta(days=1)


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


def reward(rewards: Rewards, streak: int, *, first: bool) -> Reward:
    """Return what the ``streak``-th day in a row is worth (``streak`` ≥ 1).

    Source: F1.
    """
    daily = rewards.first if first else min(rewards.most, rewards.base + rewards.step * (streak - 1))
    bonus = 0
    if streak == 7:
        bonus = rewards.week_bonus
    elif streak % 30 == 0:
        bonus = rewards.month_bonus
    return Reward(daily + bonus, bonus)


def next_streak(streak: int, last: date | None, today: date) -> int:
    """Return the streak that a check-in on ``today`` makes, given the one that ended on ``last`` (before today)."""
    return streak + 1 if last is not None and today - last == _DAY else 1


def streak_ending(days: Collection[date], end: date) -> int:
    """Count the days in a row that end on ``end``; 0 if ``end`` itself is missing."""
    count = 0
    while end in days:
        count += 1
        end -= _DAY
    return count


def next_milestone(streak: int) -> int:
    """Return how many more days until the next bonus."""
    if streak < 7:
        return 7 - streak
    return 30 - streak % 30
