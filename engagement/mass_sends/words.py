"""How a group's message of the day stands, in words."""

from __future__ import annotations

from engagement import calendar
from engagement.mass_sends import rules
from engagement.mass_sends.service import Room
from prompts.loader import texts
from storage import mass_sends


def stands(found: Room) -> str:
    """Say how a group's message of the day stands."""
    row, words = found.row, texts()
    if row is None:
        return words.raw("mass_sends.state_none")
    how = rules.stands(row.state, row.reason)
    key = f"mass_sends.state_{how}"
    if how == "awaiting" and not row.reminders:
        key = "mass_sends.state_awaiting_first"
    why = f"push.reason_{row.reason}"
    known = row.reason and why in set(words.keys())
    values = {
        "time": _clock(calendar.local_minute(row.asked_at, mass_sends.ZONE)),
        "at": _clock(calendar.local_minute(row.changed_at, mass_sends.ZONE)),
        "reminders": row.reminders,
        "why": words.raw(why if known else "mass_sends.no_reason"),
    }
    return words.fill(key, values)


def _clock(minute: int) -> str:
    return f"{minute // 60}:{minute % 60:02d}"
