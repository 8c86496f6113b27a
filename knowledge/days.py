"""Days of the installation's zone as instants: a document is valid from the beginning of a day to the end of one. Pure.

Source: F69 (an expired promotion is never quoted).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ZONE = "Asia/Shanghai"
"""Where nothing else is said."""


def window(first: date | None, last: date | None, zone: str = ZONE) -> tuple[datetime | None, datetime | None]:
    """The instants [from, until) of days that both count.

    Args:
        first: First local day; None = from the beginning.
        last: Last local day, still valid; None = without end.
        zone: IANA name.
    """
    return _opens(first, zone), _opens(last + timedelta(days=1), zone) if last is not None else None


def named(text: str) -> date | None:
    """The day of ``YYYY-MM-DD``; None for an empty text.

    Raises:
        ValueError: it is no day of the calendar, or one at the end of it.
    """
    if not text:
        return None
    found = date.fromisoformat(text)
    if not 2000 <= found.year <= 2999:
        raise ValueError(text)
    return found


def local(instant: datetime, zone: str = ZONE) -> datetime:
    """An instant as the clocks of the zone show it."""
    return instant.astimezone(ZoneInfo(zone))


def shown(opens: datetime | None, closes: datetime | None, zone: str = ZONE) -> tuple[str, str]:
    """First and last local day of a window, ``YYYY-MM-DD`` each, empty where it is open."""
    last = local(closes - timedelta(microseconds=1), zone).date().isoformat() if closes is not None else ""
    return local(opens, zone).date().isoformat() if opens is not None else "", last


def _opens(day: date | None, zone: str) -> datetime | None:
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC) if day is not None else None
