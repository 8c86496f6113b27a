"""Reading what a leader types about muting, and how a stretch of time is said. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import timedelta

from engagement.errors import Refusal
from engagement.kernel import one_line, simplified

MUTE_LEAST = timedelta(minutes=1)
MUTE_USUALLY = timedelta(hours=1)
"""When no time is named."""
MUTE_MOST = timedelta(days=30)
REASON_MOST = 60
EVENING_MINUTE = 20 * 60 + 30
PRAISED = 5
"""Names that one overview lists."""
_DIGITS = {  # zh: what people type
    "半": 0.5,
    "一": 1,
    "两": 2,
    "二": 2,
    "三": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "七": 7,
    "八": 8,
    "九": 9,
    "十": 10,
    "百": 100,
    "千": 1000,
    "万": 10_000,
}
_UNITS = {  # zh: what people type
    "秒": timedelta(seconds=1),
    "分": timedelta(minutes=1),
    "小": timedelta(hours=1),
    "钟": timedelta(hours=1),
    "天": timedelta(days=1),
    "日": timedelta(days=1),
    "周": timedelta(weeks=1),
    "星": timedelta(weeks=1),
    "礼": timedelta(weeks=1),
    "月": timedelta(days=30),
    "年": timedelta(days=365),
}
"""First character of the unit → how long one is."""
_SPAN = (
    r"(?P<number>\d{1,5}|半|[一两二三四五六七八九十百千万]{1,7})\s*个?\s*(?P<half>半)?\s*"
    r"(?P<unit>秒钟?|分钟?|小时|钟头|天|日|周|星期|礼拜|月|年)"
)
_LIKE_TIME = re.compile(
    r"\d|一会|一阵|一下|片刻|永|一直|长期|终身|一辈子|今天|今晚|明天|明早|后天|下周|到明|到后|到下"
    r"|[几半一两二三四五六七八九十百千万]+个?半?(?:秒|分钟|小时|钟头|天|日|周|星期|礼拜|月|年)"
)
_MUTE = re.compile(rf"^@?(?P<name>.+?)[\s,:]+{_SPAN}(?:[\s,:]+(?P<reason>.*))?$", re.DOTALL)
_BARE = re.compile(r"\s\d+(?:\s|$)")
"""A number without a unit: five what?"""


@dataclass(frozen=True, slots=True)
class Mute:
    """What a leader asks for.

    Attributes:
        name: whom; when no time was named, all the words that may be the name.
        length: how long; longer than 0.
        reason: may be empty; it stays out of the group.
        timed: a time was named.
    """

    name: str
    length: timedelta
    reason: str
    timed: bool


def read_mute(text: str) -> Mute:
    """Read 「王姐 2小时 刷屏」; without a time it is one hour.

    Raises:
        Refusal: ``leader.mute_how`` without a name, ``leader.mute_long`` outside of [``MUTE_LEAST``, ``MUTE_MOST``].
    """
    folded = simplified(unicodedata.normalize("NFKC", text)).strip()
    raw = unicodedata.normalize("NFKC", text).strip()
    match = _MUTE.match(folded)
    if match is None:
        name = one_line(raw.lstrip("@"), 64)
        if not name or _BARE.search(name):
            raise Refusal("leader.mute_how")
        return Mute(name, MUTE_USUALLY, "", timed=False)
    length = _length(match.group("number"), match.group("unit"), half=bool(match.group("half")))
    if not MUTE_LEAST <= length <= MUTE_MOST:
        said = "".join(match.group("number", "half", "unit")[i] or "" for i in range(3))
        raise Refusal("leader.mute_long", most=MUTE_MOST.days, said=said)
    # Simplifying keeps the length, so the spans fit the words as they were typed.
    reason = raw[match.start("reason") :] if match.group("reason") else ""
    return Mute(raw[match.start("name") : match.end("name")].strip(), length, one_line(reason, REASON_MOST), timed=True)


def _length(number: str, unit: str, *, half: bool) -> timedelta:
    one = _UNITS[unit[0]]
    many = float(number) if number.isdecimal() else _spelled(number)
    try:
        return one * many + (one / 2 if half else timedelta())
    except OverflowError:
        return timedelta.max


def _spelled(number: str) -> float:
    """Read 「三十五」 or 「一百」; 0.5 for 「半」."""
    total = digit = 0.0
    for char in number:
        value = _DIGITS[char]
        if value < 10:
            digit = value
        elif value < 10_000:
            total, digit = total + (digit or 1) * value, 0.0
        else:
            total, digit = (total + digit or 1) * value, 0.0
    return total + digit


def split_reason(words: str) -> tuple[str, str]:
    """Take 「王姐 刷屏」 apart: (name, reason), for names that nobody has as a whole.

    Raises:
        Refusal: ``leader.mute_unclear`` when what follows the name means a time that cannot be read: nothing is guessed.
    """
    name, _, reason = words.partition(" ")
    first = reason.split(" ")[0]
    if _LIKE_TIME.match(simplified(first)):
        raise Refusal("leader.mute_unclear", most=MUTE_MOST.days, said=one_line(first, 20))
    return name, one_line(reason, REASON_MOST)


def spoken(length: timedelta) -> tuple[str, int]:
    """Return how a length is said: (``days``, ``hours`` or ``minutes``, how many); rounded down, at least 1 minute.

    Less than two days are said in hours, less than two hours in minutes, except when they are whole.
    """
    minutes = max(1, int(length.total_seconds()) // 60)
    if minutes >= 2880 or minutes % 1440 == 0:
        return "days", minutes // 1440
    if minutes >= 120 or minutes % 60 == 0:
        return "hours", minutes // 60
    return "minutes", minutes


@dataclass(frozen=True, slots=True)
class Marks:
    """What happened on a day that the leader wants to hear of: member ids, the latest last.

    Attributes:
        praised: (member, days in a row).
        suspected: members; the same one may stand there often.
    """

    praised: tuple[tuple[int, int], ...] = ()
    suspected: tuple[int, ...] = ()


def marks_of(settings: object, day: str) -> Marks:
    """Read the marks of a local day (``YYYY-MM-DD``) from a group's settings; those of other days are gone."""
    mine = settings.get("leader") if isinstance(settings, dict) else None
    kept = mine.get("marks") if isinstance(mine, dict) else None
    if not isinstance(kept, dict) or kept.get("day") != day:
        return Marks()
    praised = tuple((int(member), int(days)) for member, days in kept.get("praised", ()))
    return Marks(praised, tuple(int(member) for member in kept.get("suspected", ())))


def is_milestone(streak: int) -> bool:
    """Say whether a streak is worth a word of the leader: a week, and every full month of 30 days."""
    return streak == 7 or (streak > 0 and streak % 30 == 0)
