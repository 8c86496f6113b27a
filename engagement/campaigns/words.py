"""What people type about campaigns, and how days, states and kinds of them are called. Pure.

Source: F27.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from engagement import calendar
from engagement import wording as own_words
from engagement.errors import Refusal
from engagement.kernel import simplified
from prompts import packs
from prompts.campaigns import MOST_TEXT, PLACEHOLDERS
from prompts.loader import texts

DONE = "cal_done:"
"""Subject of what ends the dialogue about own words: what is said next is no answer to its question."""
KINDS = {  # zh: what leaders type
    "节气": "terms",
    "节日": "festival",
    "会员日": "member_day",
    "直播": "live",
    "助农": "farm",
    "话题赛": "contest",
    "大活动": "event",
    "年终盛典": "gala",
    "每周一课": "lesson",
    "演练": "drill",
    "培训": "training",
    "年度提醒": "phase",
}
"""What a leader calls a form of campaign that can be switched off."""
TO_LEADERS = frozenset({"lesson", "drill", "training", "phase"})
"""Forms that only leaders read: they are switched off where the leader reads them."""
FIXED = frozenset({"festival", "terms"})
"""Forms whose day nobody can move."""
WANT, WANT_NOT = "要", "不要"  # zh: what leaders type
ON, OFF = "开", "关"  # zh: what leaders type

SHORTEST = 5
"""Seconds from which a pace can be told."""

_REFERENCE = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18}){0,4}")
_NUMBERED = re.compile(r"#?\s*([0-9]{1,9})(?:[\s,，:：]+(.*))?", re.DOTALL)
_MOVE = re.compile(r"(?:推迟|延后|提前)?(?:(早|提前)|晚|推迟|延后)\s*([0-9]{1,2}|[一二两三])\s*天?")
_WAYS = re.compile(r"推迟")
_DAYS = re.compile(r"天")
_MOVE_BACK = re.compile(r"原来|原日子|不换|不动|照旧|改回去?")
_DIGITS = {"一": 1, "二": 2, "两": 2, "三": 3}  # zh: numerals


def reference(text: str, count: int) -> tuple[int, ...]:
    """Read a button's numbers.

    Raises:
        Refusal: ``guard.old_button`` when they are not so many.
    """
    found = tuple(int(part) for part in text.split(".")) if _REFERENCE.fullmatch(text) else ()
    if len(found) != count:
        raise Refusal("guard.old_button")
    return found


def numbered(argument: str) -> tuple[int, str]:
    """Read a campaign's number and what follows it; 0 when there is none."""
    found = _NUMBERED.fullmatch(argument.strip())
    return (int(found.group(1)), (found.group(2) or "").strip()) if found else (0, argument.strip())


def kind(text: str) -> tuple[str, bool] | None:
    """Read 「要节气」 or 「不要节气」 as (form, wanted); None when no kind is named."""
    bare = "".join(simplified(unicodedata.normalize("NFKC", text)).split())
    wanted = not bare.startswith(WANT_NOT)
    form = KINDS.get(bare.removeprefix(WANT_NOT if not wanted else WANT))
    return None if form is None else (form, wanted)


def kind_words(verb: str) -> tuple[str, ...]:
    """Return every way to say that a kind is (not) wanted."""
    return tuple(f"{verb}{word}" for word in KINDS)


def kind_name(form: str) -> str:
    """Return what a form is called."""
    return texts().raw(f"campaigns.form_{form}")


def switch(text: str) -> bool | None:
    """Read whether something is to be open; None when it is not said."""
    bare = simplified(text).rstrip(" 。.!！")
    return True if bare.endswith(ON) or ON in bare[:2] else False if OFF in bare else None


def way(text: str) -> str:
    """Return which way a command moves that says it itself: 「推迟 3 两天」; empty for 「换日子」."""
    found = _WAYS.match(simplified(unicodedata.normalize("NFKC", text)).strip())
    return found[0] if found is not None else ""


def is_span(rest: str) -> bool:
    """Say whether the number before these words was one of days and none of a campaign: 「推迟 2 天」."""
    return _DAYS.match(simplified(rest)) is not None


def moved(text: str) -> int | None:
    """Read 「晚 2 天」 or 「提前一天」 as days, later ones positive; 0 = back to its own days; None = nothing of it."""
    bare = simplified(unicodedata.normalize("NFKC", text)).strip(" 。.!！")
    if _MOVE_BACK.fullmatch(bare):
        return 0
    found = _MOVE.fullmatch(bare)
    if found is None:
        return None
    days = _DIGITS.get(found[2]) or int(found[2])
    return -days if found[1] else days


# ---------------------------------------------------------------- own words


def wording(text: str, audience: str = "groups") -> str:
    """Read somebody's own words for a beat.

    Raises:
        Refusal: as :func:`engagement.wording.read`.
    """
    return own_words.read(text, MOST_TEXT[audience], {name: f"campaigns.variable_{name}" for name in PLACEHOLDERS})


# ---------------------------------------------------------------- days and states


def title(text: str, on: date, name: str) -> str:
    """Fill in what a title may name; as it is written where that is not known before the day."""
    return "".join(packs.fill(text, {"year": on.year, "month": on.month, "name": name})) or text


def day(one: date) -> str:
    """Write a day: 12 月 8 日（周二）."""
    weekday = texts().raw(f"campaigns.weekday_{one.isoweekday()}")
    return texts().fill("campaigns.day", {"month": one.month, "day": one.day, "weekday": weekday})


def clock(moment: datetime, zone: str, *, seconds: bool = False) -> str:
    """Write a moment's time on the wall clock of a zone."""
    return f"{moment.astimezone(calendar.zone(zone)):{'%H:%M:%S' if seconds else '%H:%M'}}"


def reason(word: str) -> str:
    """Put a reason of a delivery into words."""
    key = f"push.reason_{word}"
    return texts().raw(key) if key in set(texts().keys()) else texts().raw("campaigns.reason_other")


def joined(parts: Sequence[str]) -> str:
    """Put words into one line."""
    return texts().raw("campaigns.between").join(parts)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a campaign goes out.

    Attributes:
        waiting: messages that wait for nothing but their turn.
        sent: messages that went out in the last ``seconds``, from the first of them until now.
    """

    waiting: int
    sent: int
    seconds: int

    @property
    def left(self) -> int | None:
        """Return the seconds still needed if it goes on like this; None when nobody can say."""
        if not self.waiting:
            return 0
        return None if self.sent <= 0 or self.seconds < SHORTEST else -(-self.waiting * self.seconds // self.sent)


def span(seconds: int) -> str:
    """Write how long something still takes."""
    if seconds < 60:
        return texts().fill("campaigns.seconds", {"count": max(1, seconds)})
    return texts().fill("campaigns.minutes", {"count": -(-seconds // 60)})


def off_forms(settings: Mapping[str, object]) -> frozenset[str]:
    """Return the forms that a group's leader does not want; ``settings``: the calendar's part of a group's settings."""
    off = settings.get("off")
    return frozenset(one for one in off if isinstance(one, str)) if isinstance(off, list) else frozenset()


def named_forms(forms: Collection[str]) -> str:
    """Name forms in one line, in the order of :data:`KINDS`."""
    return joined([word for word, form in KINDS.items() if form in forms])
