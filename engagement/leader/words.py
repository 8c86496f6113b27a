"""Figures of an overview as words: stretches of time, lists of names, pushes with their hours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from engagement import calendar
from engagement.leader import rules
from engagement.leader.glance import Day
from prompts.loader import texts


def clock_time(minute: int) -> str:
    """Show a local minute as H:MM."""
    return f"{minute // 60}:{minute % 60:02d}"


def span(unit: str, count: int) -> str:
    """Say a stretch of time; ``unit`` is ``minutes``, ``hours`` or ``days``."""
    return texts().fill(f"leader.{unit}", {"count": count})


def until(moment: datetime, now: datetime, zone: str) -> str:
    """Say an instant in a group's zone: the hour alone when it is today."""
    time, day = clock_time(calendar.local_minute(moment, zone)), calendar.local_day(moment, zone)
    if day == calendar.local_day(now, zone):
        return time
    return texts().fill("leader.until_day", {"month": day.month, "day": day.day, "time": time})


def names(people: Sequence[str]) -> str:
    """Name people in one line."""
    return texts().raw("leader.between").join(people)


def listed(key: str, rows: Sequence[Mapping[str, object]]) -> str:
    """Say each row with the text ``key``, in one line."""
    words = texts()
    return words.raw("leader.between").join(words.fill(key, row) for row in rows)


def pushes(rows: Sequence[tuple[int, str]]) -> str:
    """Say (local minute, kind) of pushes in one line; kinds without a name are left out."""
    shown = [{"time": clock_time(minute), "what": texts().raw(f"leader.push_{kind}")} for minute, kind in _named(rows)]
    return listed("leader.push_one", shown)


def _named(rows: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    known = set(texts().keys())
    return [(minute, kind) for minute, kind in rows if f"leader.push_{kind}" in known]


def _others(day: Day) -> int:
    """Count what was said unasked and is not named: a greeting, a welcome, a birthday."""
    return max(0, day.unasked - len(_named(day.pushed)))


def figures(day: Day, now: datetime) -> Mapping[str, object]:
    """Return the figures of a day that a line about a group names."""
    return {
        "group": day.group.name,
        "month": day.local_date.month,
        "day": day.local_date.day,
        "checkins": day.checkins,
        "yesterday": day.yesterday,
        "answers": day.answers,
        "newcomers": day.newcomers,
        "open": day.open,
        "age": span(*rules.spoken(now - day.oldest)) if day.oldest is not None else "",
    }


def evening_row(day: Day, now: datetime) -> Mapping[str, object]:
    """Return what the line about one of several groups names; what needs a look stands behind the figures."""
    values = figures(day, now)
    words = texts()
    more = words.fill("leader.evening_waiting", values) if day.open else ""
    more += words.fill("leader.evening_suspected", {"suspected": day.suspected}) if day.suspected else ""
    return {**values, "more": more}


def overview(day: Day, now: datetime) -> Mapping[str, object]:
    """Return everything that the paragraphs of an overview name."""
    praised = [{"name": name, "days": days} for name, days in day.praised[-rules.PRAISED :]]
    return {
        **figures(day, now),
        "unasked": day.unasked,
        "budget": day.group.daily_budget,
        "pushed": pushes(day.pushed),
        "others": _others(day),
        "coming": pushes(day.coming),
        "praise": listed("leader.praise_one", praised),
        "suspected": day.suspected,
        "who": names(day.suspects[: rules.PRAISED]),
    }


def tails_of(day: Day) -> list[str]:
    """Return the paragraphs that an overview needs."""
    tails = ["leader.today_waiting" if day.open else "leader.today_none_waiting"]
    if day.unasked:
        said = "leader.today_said_more" if _others(day) else "leader.today_said"
        tails.append(said if pushes(day.pushed) else "leader.today_said_few")
    if pushes(day.coming):
        tails.append("leader.today_coming")
    if day.praised:
        tails.append("leader.today_praise")
    if day.suspected:
        tails.append("leader.today_suspected" if day.suspects else "leader.today_suspected_some")
    return tails
