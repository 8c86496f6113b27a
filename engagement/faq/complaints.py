"""Until when a complaint is answered: the house promises 72 hours, and the words themselves say that they complain.

Source: F65, F67.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from engagement import calendar
from engagement.faq import rules
from prompts.loader import shown_day, texts

ANSWERED_WITHIN = timedelta(hours=72)
SOON, LATE = timedelta(hours=36), timedelta(hours=12)
"""An evening lies in two halves of 48 hours: one of a whole evening before the promised hour, one about that hour."""


def until(text: str, asked_at: datetime) -> datetime | None:
    """Return when a complaint is to be answered at the latest; None for a question."""
    return asked_at + ANSWERED_WITHIN if rules.is_angry(text) else None


def is_due(text: str, asked_at: datetime, now: datetime) -> bool:
    """Say whether an evening's look finds a complaint that has to be answered soon, or should have been just now."""
    promised = until(text, asked_at)
    return promised is not None and now - LATE < promised <= now + SOON


def promise(text: str, asked_at: datetime, zone: str, now: datetime) -> Mapping[str, object]:
    """Return for who asked the hour by the group's clock (``until``); nothing for a question, nor once the hour is over."""
    promised = owed(text, asked_at, zone, now)
    return {"until": promised["until"]} if promised and not promised["over"] else {}


def owed(text: str, asked_at: datetime, zone: str, now: datetime) -> Mapping[str, object]:
    """Return for a leader the hour by the group's clock (``until``), and whether it is ``over``; nothing for a question."""
    promised = until(text, asked_at)
    if promised is None:
        return {}
    minute = calendar.local_minute(promised, zone)
    day = shown_day(calendar.local_day(promised, zone))
    return {"until": f"{day} {minute // 60}:{minute % 60:02d}", "over": promised <= now}


def in_brief(text: str, asked_at: datetime, zone: str, now: datetime) -> str:
    """Return what stands behind a complaint in a leader's list; nothing behind a question."""
    promised = owed(text, asked_at, zone, now)
    return texts().fill("faq.until_over" if promised["over"] else "faq.until", promised) if promised else ""
