"""Rules of points: periods of the board, ranks with ties, what a leader may give, how long points are good. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from engagement import calendar
from engagement.errors import Refusal
from engagement.kernel import simplified

Period = Literal["day", "week", "month", "all"]
PERIODS: tuple[Period, ...] = ("day", "week", "month", "all")
REQUEST_TIMES = 10
"""Up to so many times what a leader may give alone, another one can confirm."""
REQUEST_HOURS = 48
"""How long a request for that is open."""
NOTICE_DAYS = (30, 7, 1)
"""How many days before points expire their owners are told."""
LEAST_MONTHS = 3
MOST_MONTHS = 120
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


_GIFT = re.compile(
    r"^@?(?P<name>.+?)[\s:：]+[+＋]?(?P<amount>\d{1,9})\s*(?:积?分)?(?:[\s,，]+(?P<reason>.*))?$", re.DOTALL
)


def read_gift(text: str, most: int) -> Gift:
    """Read 「李阿姨 20 帮忙搬货」.

    Args:
        most: whole points that a leader may give alone.

    Raises:
        Refusal: ``points.gift_how`` when it cannot be read, ``points.gift_reason`` without a reason,
            ``points.gift_amount`` outside [1, ``REQUEST_TIMES`` · most].
    """
    match = _GIFT.match(text.strip())
    if match is None:
        raise Refusal("points.gift_how")
    amount = int(match.group("amount"))
    if not 1 <= amount <= REQUEST_TIMES * most:
        raise Refusal("points.gift_amount", most=most, utmost=REQUEST_TIMES * most)
    reason = read_reason(match.group("reason") or "")
    if not reason:
        raise Refusal("points.gift_reason")
    return Gift(unicodedata.normalize("NFKC", match.group("name")).strip(), amount, reason)


_GLUED = re.compile(r"[+]?(?P<amount>\d{1,9})\s*(?:积?分)?(?:[\s,:]+(?P<loose>.*)|(?P<tight>[^\W\d_].*))?", re.DOTALL)
_GLUED_MOST = 80


def readings(text: str) -> list[tuple[str, str]]:
    """Return where 「李阿姨20帮忙」 may be cut, when a gift's blanks were left out: (name, the rest with blanks).

    「张姐220」 may be 张姐 and 220, or 张姐2 and 20: who is called so is not known here. Empty when the blanks are there.
    """
    if _GIFT.match(text.strip()):
        return []
    said = unicodedata.normalize("NFKC", text[:_GLUED_MOST]).lstrip("@ ")
    found = []
    for at in range(1, len(said)):
        name, rest = said[:at].rstrip(" :"), _GLUED.fullmatch(said, at)
        if rest is not None and name[-1:].isalnum() and "+" not in name:
            found.append((name, f"{rest['amount']} {rest['loose'] or rest['tight'] or ''}"))
    return found


def read_reason(text: str) -> str:
    """Put a reason on one line and cut it; may be empty."""
    return " ".join(text.split())[:REASON_MOST]


Cap = Literal["earn_most", "gift_most", "leader_day_most"]
DEFAULTS: Mapping[Cap, int] = {"earn_most": 200, "gift_most": 100, "leader_day_most": 500}
TOPS: Mapping[Cap, int] = {"earn_most": 1000, "gift_most": 500, "leader_day_most": 2000}
"""How high a leader may set a cap where the staff say nothing else."""
LARGEST_CAP = 100_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps of a group, in whole points.

    Attributes:
        gift_most: what one leader may give or take at once.
        leader_day_most: what one leader may give and take in a local day, both directions added.
        earn_most: what a member may earn in a local day by doing things in the group.
        earn_set: the group or the staff have set ``earn_most`` themselves: then plain check-ins are counted too.
    """

    gift_most: int = DEFAULTS["gift_most"]
    leader_day_most: int = DEFAULTS["leader_day_most"]
    earn_most: int = DEFAULTS["earn_most"]
    earn_set: bool = False

    @classmethod
    def of(cls, settings: Mapping[str, object]) -> Limits:
        """Read a group's settings; what is missing, not a whole number or outside 1 … 100000 keeps its default.

        Nothing is above what the staff allow in this group.
        """
        own = settings.get("points")
        if not isinstance(own, Mapping):
            return cls()
        found: dict[str, int] = {}
        for name, default in DEFAULTS.items():
            value, top = _whole(own.get(name)), _whole(own.get(f"{name}_top"))
            if value or top:
                found[name] = min(value or default, top or LARGEST_CAP)
        return cls(**found, earn_set="earn_most" in found)


def _whole(value: object) -> int:
    return value if type(value) is int and 1 <= value <= LARGEST_CAP else 0


def top_of(settings: Mapping[str, object], cap: Cap) -> int:
    """Return how high a group's leader may set a cap."""
    own = settings.get("points")
    return (_whole(own.get(f"{cap}_top")) if isinstance(own, Mapping) else 0) or TOPS[cap]


@dataclass(frozen=True, slots=True)
class CapWish:
    """What somebody wants a cap to be.

    Attributes:
        value: whole points; None = the default again.
        top: not the cap itself, but how high the leader may set it.
    """

    cap: Cap
    value: int | None
    top: bool = False


_CAP = re.compile(
    r"(?P<top>最高|封顶)?(?:(?P<earn_most>邻居(?:[每一]天)?|每人(?:每天)?|[每一]天)|(?P<gift_most>(?:团长)?[一每单]次)"
    r"|(?P<leader_day_most>团长(?:[每一]天)?))(?:最多|上限)?(?:(?P<value>\d{1,9})积?分?|恢复默认|默认|恢复)"
)


def read_cap(text: str) -> CapWish:
    """Read 「邻居 300」, 「一次 50」, 「团长 默认」 or the staff's 「最高 一次 800」.

    Raises:
        Refusal: ``points.caps_how``.
    """
    words = simplified("".join(unicodedata.normalize("NFKC", text).replace(":", "").split()))
    match = _CAP.fullmatch(words)
    if match is None:
        raise Refusal("points.caps_how")
    value = match.group("value")
    cap = next(cap for cap in DEFAULTS if match.group(cap))
    return CapWish(cap, None if value is None else int(value), bool(match.group("top")))


def expiry_months(settings: Mapping[str, object]) -> int:
    """Return how many months a group's points are good; 0 = for ever."""
    own = settings.get("points")
    months = own.get("expiry_months") if isinstance(own, Mapping) else None
    return months if type(months) is int and LEAST_MONTHS <= months <= MOST_MONTHS else 0


def last_day(today: date, months: int) -> date:
    """Return the last day on which points that come today are good: the end of the month that is ``months`` later.

    Everything of one month ends on one day, so that people hear of it three times a month at most.
    """
    count = today.year * 12 + today.month - 1 + months
    return calendar.month_end(date(count // 12, count % 12 + 1, 1))


_NEVER = re.compile(r"(?:[无無]|没有|不设|取消|永久|长期|不过期|永不过期|永远有效)(?:有效期)?")
_SPAN = re.compile(r"(?:(?P<years>\d{1,2}|[一两二三四五])年)?(?:(?P<months>\d{1,3}|[三六九]|十二|十八)个?月)?")
_NUMERALS = {  # zh: what people type
    "一": 1,
    "两": 2,
    "二": 2,
    "三": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "九": 9,
    "十二": 12,
    "十八": 18,
}
_THIS_MONTH = frozenset({"", "本月", "这个月", "当月"})  # zh: what people type
_LAST_MONTH = frozenset({"上月", "上个月"})  # zh: what people type


def _number(word: str | None) -> int:
    return 0 if not word else _NUMERALS.get(word) or int(word)


def read_months(text: str) -> int:
    """Read 「12个月」, 「一年」 or 「无」 (0) of a leader's 积分有效期.

    Raises:
        Refusal: ``points.expiry_how``, or ``points.expiry_bounds`` outside [``LEAST_MONTHS``, ``MOST_MONTHS``].
    """
    words = simplified("".join(unicodedata.normalize("NFKC", text).split()))
    if _NEVER.fullmatch(words):
        return 0
    match = _SPAN.fullmatch(words)
    if match is None or not words:
        raise Refusal("points.expiry_how")
    months = 12 * _number(match.group("years")) + _number(match.group("months"))
    if not LEAST_MONTHS <= months <= MOST_MONTHS:
        raise Refusal("points.expiry_bounds", least=LEAST_MONTHS, most=MOST_MONTHS)
    return months


_REVERSAL = re.compile(
    r"^[#No.号\s]*(?P<entry>\d{1,18})\s*号?(?:[\s,:，：]+(?P<reason>.*))?$", re.DOTALL | re.IGNORECASE
)


def read_reversal(text: str) -> tuple[int, str]:
    """Read 「1024 记重了」 as (entry, reason).

    Raises:
        Refusal: ``points.reverse_how`` when it cannot be read, ``points.reverse_reason`` without a reason.
    """
    match = _REVERSAL.match(unicodedata.normalize("NFKC", text).strip())
    if match is None:
        raise Refusal("points.reverse_how")
    reason = read_reason(match.group("reason") or "")
    if not reason:
        raise Refusal("points.reverse_reason", entry=int(match.group("entry")))
    return int(match.group("entry")), reason


_MONTH = re.compile(r"(?:(?P<year>\d{4})[-/.年])?(?P<month>\d{1,2})月?")


def read_month(text: str, today: date) -> date:
    """Read which month a statement is wanted of, as its first day: 「」, 「上月」, 「2026-11」, 「11月」 (the latest one).

    Raises:
        Refusal: ``points.statement_how``, also for a month that has not begun.
    """
    words = simplified("".join(unicodedata.normalize("NFKC", text).split()))
    this = calendar.month_start(today)
    if words in _THIS_MONTH:
        return this
    if words in _LAST_MONTH:
        return calendar.month_start(this - timedelta(days=1))
    match = _MONTH.fullmatch(words)
    if match is None or not 1 <= int(match.group("month")) <= 12:
        raise Refusal("points.statement_how")
    month = int(match.group("month"))
    year = int(match.group("year") or today.year - (month > today.month))
    if not 2000 <= year or (year, month) > (today.year, today.month):
        raise Refusal("points.statement_how")
    return date(year, month, 1)
