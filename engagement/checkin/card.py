"""The picture of a month: which values it gets. It is drawn when the message goes out (prompts/cards)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Month:
    """A member's calendar of one month.

    Attributes:
        days: days of the month (1 … 31) with a real check-in.
        made_up: days that were made up for afterwards.
        frozen: days up to today that are paused (the group's freeze, the member's leave) and have no check-in.
        streak: days in a row that still stands today, else 0.
        longest: longest streak ever.
        total: real check-ins ever.
        cards: make-up cards held.
    """

    days: tuple[int, ...]
    made_up: tuple[int, ...]
    frozen: tuple[int, ...]
    streak: int
    longest: int
    total: int
    cards: int
    checked_today: bool


def card_values(
    *,
    name: str,
    group: str,
    today: date,
    month: Month,
    next_days: int,
    next_points: int,
    points: int = 0,
    topic: str = "",
) -> dict[str, object]:
    """Return the values of ``Card("checkin", …)``; prompts/cards/README.md says what each is for.

    Returns:
        JSON-able:

        - ``name``, ``group``: as they are shown in the chat; the card cleans and escapes them;
        - ``year``, ``month``, ``today``: of the calendar, e.g. 2026, 11, and the day that is marked, e.g. 21;
        - ``done``, ``made_up``, ``frozen``: lists of days of the month: checked in, made up for (补签), paused;
        - ``streak``, ``longest``, ``total``: days in a row now, longest ever, check-ins ever;
        - ``next_days``, ``next_points``: how many more days to the next milestone, and its extra points;
        - ``points``: whole points that this check-in brought; 0 when the calendar was only asked for;
        - ``topic``: name of the topic; empty for the plain check-in.

    Source: F1.
    """
    return {
        "name": name,
        "group": group,
        "year": today.year,
        "month": today.month,
        "today": today.day,
        "done": list(month.days),
        "made_up": list(month.made_up),
        "frozen": list(month.frozen),
        "streak": month.streak,
        "longest": month.longest,
        "total": month.total,
        "next_days": next_days,
        "next_points": next_points,
        "points": points,
        "topic": topic,
    }
