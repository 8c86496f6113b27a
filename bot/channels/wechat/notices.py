"""Notices in the platform's own form (模板消息, 订阅通知): for a few events that people wait for, when no message may be sent.

They are filled from a message's values by the operator's mapping and cut to what each kind of field takes. Only events in
:data:`EVENTS` can be named, and none of them advertises anything; whether a person wants them was asked before the message was
made (storage.preferences). Nothing is counted here: how many subscriptions somebody has left, the platform alone knows.

Source: WeChat Official Account documents (template messages, subscription notices, kinds of fields); LAW (marketing pushes).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

TEMPLATE = "/cgi-bin/message/template/send"
SUBSCRIPTION = "/cgi-bin/message/subscribe/bizsend"
MOST_FIELDS = 10
NOTHING = "-"
"""What stands in a field that would be empty, which the platform refuses."""
_TEMPLATE_ID = re.compile(r"[A-Za-z0-9_-]{10,64}")
_FIELD = re.compile(r"([a-z_]{2,20}?)[0-9]{0,3}")
_PLACE = re.compile(r"\{([a-z_]{1,30})\}")
_LINES = re.compile(r"\s+")
_MARKUP = re.compile(r"\*\*|`")
_CHINA = timedelta(hours=8)

LONGEST: Mapping[str, int] = {
    "thing": 20,
    "number": 32,
    "letter": 32,
    "symbol": 5,
    "character_string": 32,
    "time": 40,
    "date": 40,
    "amount": 20,
    "phone_number": 17,
    "car_number": 8,
    "name": 10,
    "phrase": 5,
    "const": 20,
    "keyword": 200,
}
"""Kind of a field → characters that it takes; ``keyword`` is that of templates from before 2023."""
_ONLY: Mapping[str, re.Pattern[str]] = {
    "number": re.compile(r"[^0-9.]"),
    "letter": re.compile(r"[^A-Za-z]"),
    "character_string": re.compile(r"[^\x21-\x7e]"),
    "phrase": re.compile(r"[^\u4e00-\u9fff]"),
}


class Event(BaseModel):
    """Something that a person waits for.

    Attributes:
        keys: of the texts that say it.
        values: what may stand in its fields.
    """

    model_config = ConfigDict(frozen=True)
    keys: frozenset[str]
    values: frozenset[str]


EVENTS: Mapping[str, Event] = {
    "points_expire": Event(
        keys=frozenset({"points.expires", "points.expires_tomorrow"}),
        values=frozenset({"name", "group", "amount", "month", "day", "days", "date"}),
    ),
    "answer": Event(
        keys=frozenset({"faq.relayed", "faq.relayed_more"}),
        values=frozenset({"question", "answer", "leader", "today"}),
    ),
}
"""Name in the settings → event."""
_OF_KEY = {key: name for name, event in EVENTS.items() for key in event.keys}


class Way(StrEnum):
    """What the account's console calls it: 模板消息 goes to every follower, 订阅通知 to who agreed, once for each time."""

    TEMPLATE = "template"
    SUBSCRIPTION = "subscription"


class Notice(BaseModel):
    """How one event is told.

    Attributes:
        template: id of the template in this account.
        fields: name of a field without ``.DATA`` → its words, with values in braces: ``{"thing1": "{group}"}``.
    """

    model_config = ConfigDict(extra="forbid")

    template: str
    way: Way = Way.TEMPLATE
    fields: dict[str, str] = Field(min_length=1, max_length=MOST_FIELDS)

    def is_sound(self, event: str) -> bool:
        """Say whether it can be sent: a known event, a template, fields of known kinds, values that the event has."""
        known = EVENTS.get(event)
        if known is None or not _TEMPLATE_ID.fullmatch(self.template):
            return False
        for name, words in self.fields.items():
            if (
                kind_of(name) not in LONGEST
                or "{" in _PLACE.sub("", words)
                or not set(_PLACE.findall(words)) <= known.values
            ):
                return False
        return True


def kind_of(field: str) -> str:
    """Return the kind of a field, ``thing1`` → ``thing``; empty for what is no field."""
    found = _FIELD.fullmatch(field)
    return found[1] if found is not None else ""


def notice_for(notices: Mapping[str, Notice], key: str) -> Notice | None:
    """Return how the event of a text is told; None when it is not."""
    return notices.get(_OF_KEY.get(key, ""))


def written(notice: Notice, values: Mapping[str, object], now: datetime) -> dict[str, dict[str, str]]:
    """Fill the fields.

    Args:
        values: of the message; a list counts as its lines.
        now: aware; for the year of a date, and for ``{today}``.

    Returns:
        What the platform calls ``data``.
    """
    plain = {name: _plain(value) for name, value in values.items()} | _dates(values, now)
    filled = {name: _PLACE.sub(lambda found: plain.get(found[1], ""), words) for name, words in notice.fields.items()}
    return {name: {"value": fitting(name, words)} for name, words in filled.items()}


def fitting(field: str, words: str) -> str:
    """Cut words to what a field takes; what it does not take is left out."""
    kind = kind_of(field)
    shown = _LINES.sub(" ", _MARKUP.sub("", words)).strip()
    if (barred := _ONLY.get(kind)) is not None:
        shown = barred.sub("", shown)
    longest = LONGEST.get(kind, 20)
    if len(shown) > longest:
        shown = shown[:longest] if kind in _ONLY else shown[: longest - 1] + "…"
    return shown or ("0" if kind == "number" else NOTHING)


def request(notice: Notice, who: str, data: Mapping[str, Any], page: str) -> tuple[str, dict[str, Any]]:
    """Return path and body of the call; ``page`` opens when the notice is tapped, empty = nothing does.

    A subscription notice opens pages of a mini program and nothing else, so it opens none.
    """
    body: dict[str, Any] = {"touser": who, "template_id": notice.template, "data": data}
    if notice.way is Way.SUBSCRIPTION:
        return SUBSCRIPTION, body
    return TEMPLATE, body | ({"url": page} if page else {})


def _plain(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _dates(values: Mapping[str, object], now: datetime) -> dict[str, str]:
    today = (now + _CHINA).date()
    found = {"today": _day(today)}
    month, day = values.get("month"), values.get("day")
    if isinstance(month, int) and isinstance(day, int):
        # What is told has not been yet, but for a day or so.
        for year in (today.year, today.year + 1):
            try:
                then = date(year, month, day)
            except ValueError:
                continue
            if then >= today - timedelta(days=31):
                found["date"] = _day(then)
                break
    return found


def _day(day: date) -> str:
    return day.isoformat()
