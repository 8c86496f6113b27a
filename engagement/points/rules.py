"""Rules of points: periods of the board, ranks with ties, what a leader may give. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from engagement import calendar
from engagement.errors import Refusal
from engagement.kernel import simplified

Period = Literal["day", "week", "month", "all"]
PERIODS: tuple[Period, ...] = ("day", "week", "month", "all")
GIVE_MOST = 100
"""Whole points a leader may give or take at once."""
GIVE_MOST_A_DAY = 500
"""Whole points a leader may give and take in a group in a day, both directions added."""
REASON_MOST = 60
BOARD_ROWS = 10

_WORDS: dict[str, Period] = {  # zh: what people type
    "": "week",
    "今日": "day",
    "今天": "day",
    "日": "day",
    "日榜": "day",
    "周": "week",
    "本周": "week",
    "周榜": "week",
    "这周": "week",
    "月": "month",
    "本月": "month",
    "月榜": "month",
    "这个月": "month",
    "总": "all",
    "总榜": "all",
    "全部": "all",
    "所有": "all",
}


def period_of(word: str) -> Period:
    """Read which period a board is asked for; empty = the week.

    Raises:
        Refusal: ``points.unknown_period``.
    """
    found = _WORDS.get(simplified(word.strip()))
    if found is None:
        raise Refusal("points.unknown_period")
    return found


def period_start(period: Period, today: date) -> date | None:
    """Return the first local day of a period that ends today; None = from the beginning."""
    if period == "day":
        return today
    if period == "week":
        return calendar.week_start(today)
    if period == "month":
        return calendar.month_start(today)
    return None


@dataclass(frozen=True, slots=True)
class Rank:
    """A place on the board.

    Attributes:
        rank: 1-based; equal points share a rank and the next one is skipped (1, 2, 2, 4).
        points: whole points earned in the period.
    """

    rank: int
    member_id: int
    name: str
    points: int


def ranked(rows: Sequence[tuple[int, str, int]]) -> list[Rank]:
    """Rank (member id, name, points) by points, most first; a tie is listed by member id, the older member first."""
    ordered = sorted(rows, key=lambda row: (-row[2], row[0]))
    ranks: list[Rank] = []
    for position, (member_id, name, points) in enumerate(ordered, start=1):
        rank = ranks[-1].rank if ranks and ranks[-1].points == points else position
        ranks.append(Rank(rank, member_id, name, points))
    return ranks


@dataclass(frozen=True, slots=True)
class Gift:
    """What a leader asks for: to whom, how many whole points (> 0), why."""

    name: str
    amount: int
    reason: str


_GIFT = re.compile(r"^@?(?P<name>.+?)[\s:]+\+?(?P<amount>\d{1,9})\s*(?:积?分)?(?:[\s,]+(?P<reason>.*))?$", re.DOTALL)


def read_gift(text: str) -> Gift:
    """Read 「李阿姨 20 帮忙搬货」.

    Raises:
        Refusal: ``points.gift_how`` when it cannot be read, ``points.gift_reason`` without a reason,
            ``points.gift_amount`` outside [1, ``GIVE_MOST``].
    """
    match = _GIFT.match(unicodedata.normalize("NFKC", text).strip())
    if match is None:
        raise Refusal("points.gift_how")
    amount = int(match.group("amount"))
    if not 1 <= amount <= GIVE_MOST:
        raise Refusal("points.gift_amount", most=GIVE_MOST)
    reason = " ".join((match.group("reason") or "").split())[:REASON_MOST]
    if not reason:
        raise Refusal("points.gift_reason")
    return Gift(match.group("name").strip(), amount, reason)
