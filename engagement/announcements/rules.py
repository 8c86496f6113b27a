"""What is typed after 发公告, and what a state of a delivery means to whoever announced. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from engagement import calendar
from engagement.errors import Refusal
from engagement.kernel import MAX_TEXT, one_line, simplified

MOST_A_DAY = 3
"""Announcements that ring in one group on one local day, updates and ends included; what is over it edits the first."""
MOST_URGENT = 6
"""An urgent beginning still rings after those three, if its author says so once more: a gas leak must not wait for tomorrow."""
MOST_CHARACTERS = 300
MOST_LINES = 6
BY_FAR = MAX_TEXT - 100
"""Characters from which on a message may have been cut at the edge."""
ABOUT = 18
"""Characters of an announcement by which it is told from others."""
_FIELD = re.compile(r"[\s,，;；、:：]+")
_BETWEEN = re.compile(r"[\s,，;；、]+")
"""Between fields no colon: one may stand in a time."""

_COMMAND = re.compile(
    r"[\s#@]*(?:/\w+|(?:群发|紧急|发紧急|发)公告|通知所有群|公告更新|更新公告|公告结束|结束公告)[\s:：,，#]+"
)

FORMS = {  # zh: what people type and press
    "到货晚了": ("late", 2),
    "停电停水": ("outage", 2),
    "商品召回": ("recall", 2),
    "换提货点": ("moved", 2),
    "系统故障": ("fault", 2),
}
"""Name of a template → (its key, how many fields it has)."""


@dataclass(frozen=True, slots=True)
class Form:
    """A template with its fields, as typed; without fields it was only named."""

    key: str
    fields: tuple[str, ...] = ()


def own_words(text: str, argument: str) -> str:
    """Return what follows the command as it was typed; routing folds marks like ， into Latin ones, fit for a comparison only.

    Args:
        text: the whole message.
        argument: what routing found; returned when the command was typed in a way that cannot be cut off.
    """
    found = _COMMAND.match(simplified(text))
    return text[found.end() :].strip() if found and argument else argument


def lines_of(words: str) -> list[str]:
    """Clean an announcement's words: lines without what hides or disturbs, empty ones left out.

    Raises:
        Refusal: ``announcements.empty``, ``announcements.too_long`` or ``announcements.too_long_by_far``.
    """
    lines = [clean for line in words.splitlines() if (clean := one_line(line, MAX_TEXT))]
    if not lines:
        raise Refusal("announcements.empty")
    length = sum(map(len, lines))
    if len(lines) > MOST_LINES or length > MOST_CHARACTERS:
        # What the channel cut was longer than what is here.
        key = "announcements.too_long" if length < BY_FAR else "announcements.too_long_by_far"
        shown = min(length, BY_FAR)
        raise Refusal(key, length=shown, count=len(lines), most=MOST_CHARACTERS, lines=MOST_LINES)
    return lines


def read_form(words: str) -> Form | None:
    """Read 「到货晚了 鸡蛋 19:00」; None when the words are free ones.

    The last field takes everything that is left. A template that is named with too few fields comes back without any.
    """
    name, *rest = _FIELD.split(words.strip(), maxsplit=1)
    found = FORMS.get(simplified(name))
    if found is None:
        return None
    return fill_form(found[0], rest[0] if rest else "")


def fill_form(key: str, words: str) -> Form:
    """Split the fields of a template, one line each.

    Args:
        key: of one of :data:`FORMS`.
    """
    count = dict(FORMS.values())[key]
    fields = [one_line(field, 60) for field in _BETWEEN.split(words.strip(), maxsplit=count - 1)]
    whole = len(fields) == count and all(fields)
    return Form(key, tuple(fields) if whole else ())


def about(words: str) -> str:
    """Return the beginning of an announcement, on one line."""
    return one_line(words, ABOUT)


@dataclass(frozen=True, slots=True)
class Night:
    """Groups of one zone with the same quiet hours (local minutes)."""

    zone: str
    quiet_from: int
    quiet_to: int
    groups: int


def asleep(nights: Iterable[Night], minute_of: Mapping[str, int]) -> int:
    """Count groups whose quiet hours hold now.

    Args:
        minute_of: zone → its local minute.
    """
    return sum(one.groups for one in nights if calendar.is_quiet(minute_of[one.zone], one.quiet_from, one.quiet_to))


@dataclass(frozen=True, slots=True)
class Row:
    """How far one group is.

    Attributes:
        state: a delivery's state; empty when it is not planned yet.
        scheduled: it is still to be planned.
    """

    group: str
    state: str
    reason: str = ""
    scheduled: bool = False


def stage(row: Row) -> str:
    """Return ``sent``, ``waiting``, ``failed`` or ``withdrawn``: what whoever announced wants to know of a group."""
    if row.state == "sent":
        return "sent"
    if row.state == "cancelled":
        return "withdrawn"
    if row.state in ("pending", "sending") or (not row.state and row.scheduled):
        return "waiting"
    return "failed" if row.state else "withdrawn"


def tally(rows: Sequence[Row]) -> dict[str, int]:
    """Count groups per :func:`stage`; all four are there."""
    found = {"sent": 0, "waiting": 0, "failed": 0, "withdrawn": 0}
    for row in rows:
        found[stage(row)] += 1
    return found


def whose(scope: str) -> tuple[str, int]:
    """Read a scope: ``own``, ``all`` or ``region:3`` as (kind, region id or 0)."""
    kind, _, region = scope.partition(":")
    return kind, int(region or 0)


def numbers(reference: str) -> tuple[int, int, int]:
    """Read a button's ``round.changes.choice``; what is missing or no number is 0."""
    parts = [int(one) if one.isascii() and one.isdigit() and len(one) < 19 else 0 for one in reference.split(".")]
    first, second, third = (*parts[:3], 0, 0, 0)[:3]
    return first, second, third


_NO_DRAFT = re.compile(
    r"[?\uff1f]\s*$|[吗么呢]\W*$|^(?:怎么|为什么|请问)\W*.{0,12}$"
    r"|^(?:(?:你好|您好|谢谢|多谢|好的?|在吗)[你您啊呀哦哈了啦吧]*\W*)+$"
)


def is_no_draft(text: str) -> bool:
    """Say whether words that follow a question for an announcement's are none: a question, nothing but a greeting."""
    return bool(_NO_DRAFT.search(text.strip()))
