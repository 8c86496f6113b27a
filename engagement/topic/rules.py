"""Which topic a day gets, what counts as an answer, and what the evening shows. Pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from engagement.kernel import one_line
from prompts.packs import SEASONS, Topic

PUSH_MINUTE = 7 * 60 + 30
SUMMARY_MINUTE = 20 * 60
REPEAT_DAYS = 90
"""A group does not meet a question again within this many days, both ways."""
KEEP_ANSWERS_DAYS = 30
DEFAULT_POINTS = 2
MOST_POINTS = 100
SHORTEST_ANSWER = 2
LONGEST_ANSWER = 300
SHORTEST_QUESTION = 4
LONGEST_QUESTION = 60
SHOWN = 3
SHOWN_NAME = 12
SHOWN_TEXT = 40
FEWEST_FOR_SUMMARY = 2

_CONTACT = re.compile(
    r"https?:|www\.|\w\.(?:com|cn|net|org|top|xyz|vip|shop)\b|@|\d[\d\s-]{5,}\d"
    r"|(?:微信|薇信|威信|加我|私聊|扫码|二维码|[vV]信|QQ|qq)"
)
_ASKING = re.compile(r"[?？]\s*$|[吗么呢]\s*$|怎么办|几点|什么时候|在哪")
_AFTER_COMMAND = re.compile(r"[\s#＃@＠]*[^\s:：,，#＃]+[\s:：,，#＃]+(.+)", re.DOTALL)
_SERVICE = re.compile(
    r"提货|自提|订单|下单|退款|退货|退钱|售后|配送|送货|到货|没到|少发|漏发|发错|付款|支付|积分|签到|打卡|补签|发票|客服|团长"
)


def season_of(month: int) -> str:
    """Return the season of a month: spring is March to May.

    Args:
        month: 1 … 12.
    """
    return SEASONS[(month - 3) % 12 // 3]


@lru_cache(maxsize=512)
def eligible(topics: tuple[Topic, ...], month: int, weekday: int, kind: str = "") -> tuple[Topic, ...]:
    """Return what may be asked on an ordinary day of this month and weekday (0 = Monday), in the bank's order.

    Args:
        topics: the bank.
        month: 1 … 12.
        weekday: 0 … 6.
        kind: of the group, of :data:`prompts.packs.GROUPS`; empty = mixed, which gets no kind's own topics.
    """
    season = season_of(month)
    return tuple(
        topic
        for topic in topics
        if not topic.festival
        and (not topic.seasons or season in topic.seasons)
        and (not topic.months or month in topic.months)
        and (not topic.weekdays or weekday in topic.weekdays)
        and (not topic.groups or kind in topic.groups)
    )


def pick(
    topics: tuple[Topic, ...],
    *,
    group_id: int,
    day: date,
    festival: str,
    used: Mapping[str, date],
    attempt: int = 0,
    current: str = "",
    kind: str = "",
) -> Topic | None:
    """Choose a day's topic: the festival's own first, else a fresh eligible one, else the one that was used longest ago.

    The choice follows from group, day and attempt alone, so a repeat, a replica and a preview choose the same.

    Args:
        festival: of the day, or "".
        used: topic id → its day nearest in the past or future, within :data:`REPEAT_DAYS` of ``day``.
        attempt: how often the leader asked for another one.
        current: the id that the leader does not want.
        kind: of the group; every other day such a group is asked something of its own, as long as there is something new.

    Returns:
        None when nothing is eligible.
    """
    if festival:
        special = [t for t in topics if t.festival == festival and t.id not in used and t.id != current]
        if special:
            return special[_number(group_id, day, attempt) % len(special)]
    ordinary = [t for t in eligible(topics, day.month, day.weekday(), kind) if t.id != current]
    fresh = [t for t in ordinary if t.id not in used]
    if kind and day.toordinal() % 2:
        fresh = [t for t in fresh if t.groups] or fresh
    if fresh:
        return fresh[_number(group_id, day, attempt) % len(fresh)]
    return min(ordinary, key=lambda t: used[t.id], default=None)


def nearest(asked: Iterable[tuple[str, date]], day: date) -> Mapping[str, date]:
    """Return topic id → the day nearest to ``day`` on which it was asked or will be, within :data:`REPEAT_DAYS`."""
    found: dict[str, date] = {}
    for topic, when in asked:
        distance = abs((when - day).days)
        if 0 < distance <= REPEAT_DAYS and (topic not in found or distance < abs((found[topic] - day).days)):
            found[topic] = when
    return found


def _number(group_id: int, day: date, attempt: int) -> int:
    digest = hashlib.sha256(f"{group_id}|{day.isoformat()}|{attempt}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


def points_of(settings: Mapping[str, object]) -> int:
    """Return what an answer is worth in a group: its setting ``topic.points`` if that is 1 … 100, else 2."""
    own = settings.get("topic")
    value = own.get("points") if isinstance(own, Mapping) else None
    if type(value) is int and 1 <= value <= MOST_POINTS:
        return value
    return DEFAULT_POINTS


def award_key(group_id: int, member_id: int, day: date) -> str:
    """Return the idempotency key of what an answer brings: once a member and day."""
    return f"topic:{group_id}:{member_id}:{day.isoformat()}"


def tidy(text: str) -> str:
    """Put an answer on one line, at most :data:`LONGEST_ANSWER` characters."""
    return one_line(text, LONGEST_ANSWER)


def words_after(text: str, argument: str) -> str:
    """Return what follows the command word as it was typed: the router's argument has its punctuation folded.

    Args:
        text: the whole message.
        argument: what the router made of it, used when the message has an unknown form.
    """
    found = _AFTER_COMMAND.fullmatch(text.strip())
    return found.group(1) if found else argument


def says_something(text: str) -> bool:
    """Say whether a tidy text has at least two characters that are no blanks, marks or punctuation."""
    return sum(unicodedata.category(char)[0] in "LNS" for char in text) >= SHORTEST_ANSWER


def is_mute(text: str) -> bool:
    """Say whether a text has no word at all: a thumb or a smile under the topic is no attempt at an answer."""
    return not any(unicodedata.category(char)[0] in "LN" for char in text)


def asks_service(text: str) -> bool:
    """Say whether a text that quotes the topic is a question about orders, points and the like, and no answer."""
    return bool(_SERVICE.search(text) and _ASKING.search(text))


def question_fault(text: str) -> str:
    """Say what is wrong with a leader's own question: ``short``, ``long`` or nothing."""
    if len(text) < SHORTEST_QUESTION:
        return "short"
    return "long" if len(text) > LONGEST_QUESTION else ""


@dataclass(frozen=True, slots=True)
class Said:
    """One answer as the evening sees it."""

    name: str
    text: str
    answered_at: datetime


def shown(answers: Collection[Said]) -> Sequence[Mapping[str, str]]:
    """Choose up to three answers for the evening: the longest first, the earlier of equals.

    An answer with a link, a phone number, an account or an @ is counted but not spread, and so is one without a name.
    """
    fit = [one for one in answers if one.name and says_something(one.text) and not _CONTACT.search(one.text)]
    fit.sort(key=lambda one: (-len(one.text), one.answered_at, one.name))
    return [{"name": one_line(one.name, SHOWN_NAME), "text": one_line(one.text, SHOWN_TEXT)} for one in fit[:SHOWN]]
