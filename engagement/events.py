"""What slices tell each other, in the past tense and in the same transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class CheckedIn:
    """A member checked in for the first time on a local day.

    Attributes:
        streak: days in a row, this one included.
    """

    group_id: int
    member_id: int
    account_id: int
    topic: str
    local_date: date
    streak: int


@dataclass(frozen=True, slots=True)
class TopicAnswered:
    """A member's first answer to a day's topic."""

    group_id: int
    member_id: int
    account_id: int
    local_date: date


@dataclass(frozen=True, slots=True)
class GroupAdded:
    """The bot came into a group, for the first time or again."""

    group_id: int
    again: bool


@dataclass(frozen=True, slots=True)
class GroupClosed:
    """The bot was taken out of a group."""

    group_id: int
