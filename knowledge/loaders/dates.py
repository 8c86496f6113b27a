"""Days as people write them in a table: 2026-03-01, 2026/3/1, 2026年3月1日, 20260301, and spans of them. Pure."""

from __future__ import annotations

import re
from datetime import date

_DAY = re.compile(
    r"(?<!\d)(20\d\d)\s*(?:[-/.]|年)\s*(\d{1,2})\s*(?:[-/.]|月)\s*(\d{1,2})(?!\d)\s*日?|(?<!\d)(20\d\d)(\d\d)(\d\d)(?!\d)"
)
_UNTIL = re.compile(r"^\s*(?:截止|截至|至|到|~|～|—|-|有效期至)|(?:前|为止|截止)\s*$")


def days(text: str) -> list[date]:
    """The days that a text names, in its order; what is no day of the calendar is left out."""
    found: list[date] = []
    for match in _DAY.finditer(text):
        year, month, day = (int(part) for part in match.groups() if part is not None)
        try:
            found.append(date(year, month, day))
        except ValueError:
            continue
    return found


def span(text: str) -> tuple[str, str]:
    """First and last day of a validity, ``YYYY-MM-DD`` each or empty.

    A single day is the last one, unless the text says that it begins then (「自…起」).
    """
    named = days(text)
    if not named:
        return "", ""
    if len(named) == 1:
        begins = re.search(r"起|自|从|开始", text) is not None and not _UNTIL.search(text)
        return (named[0].isoformat(), "") if begins else ("", named[0].isoformat())
    return min(named).isoformat(), max(named).isoformat()
