"""Reminders to a leader in private: what came in at night, and in the evening what still waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TypeAlias

from engagement import calendar
from engagement.faq import complaints, ending, service
from engagement.feature import GroupView
from engagement.kernel import Kind, Reply
from engagement.pushes import Occurrence, Planned
from storage import identities
from storage.engine import Session

_Rows: TypeAlias = Mapping[int, Sequence[service.Waiting]]
"""Group → its questions, the oldest first."""
DAY = timedelta(days=1)
EXPIRES = timedelta(days=7)
FRESH = timedelta(days=2)
"""Nobody is reminded again when nothing newer than this waits: the list stays under 「待回复」."""
NIGHT = timedelta(hours=15)
MORNING_MINUTE = 9 * 60
EVENING_MINUTE = 18 * 60
GROUPS = {
    "faq.reminder": "faq.reminder_groups",
    "faq.morning": "faq.morning_groups",
    "faq.due": "faq.due_groups",
    "faq.ending": "faq.ending_groups",
}
"""What is said of one group → of several."""


def plan_reminder(session: Session, occurrences: Sequence[Occurrence], now: datetime) -> Sequence[Planned]:
    """Tell the first leader in the evening what still waits, once more before it ends, and who asked that it has ended.

    A complaint is told before its promised hour, and about it.

    Skips: ``nothing`` when nothing new waits and nothing ends.

    Source: F64, F65, F68.
    """
    ended: dict[int, list[ending.Ended]] = {}
    for row in ending.expire(session, now - EXPIRES, [one.group.id for one in occurrences]):
        ended.setdefault(row.group_id, []).append(row)
    found = {group: _by_urgency(rows, now) for group, rows in _waiting(session, occurrences).items()}
    others: dict[str, dict[int, list[service.Waiting]]] = {key: {} for key in GROUPS}
    for group, rows in found.items():
        # What is neither due nor ending is told along with what is, once; alone when there is something new.
        first = next((key for key in ("faq.ending", "faq.due") if rows[key]), "faq.reminder")
        if first != "faq.reminder" or any(row.asked_at > now - FRESH for row in rows["faq.reminder"]):
            others[first][group] = rows["faq.reminder"]
    reminders = _planned(session, occurrences, now, others["faq.reminder"], "faq.reminder")
    complained, last_calls = (
        _planned(session, occurrences, now, {group: rows[key] for group, rows in found.items()}, key, others[key])
        for key in ("faq.due", "faq.ending")
    )
    planned: list[Planned] = []
    for one, *told_here in zip(occurrences, reminders, complained, last_calls, strict=True):
        said = [*_together(told_here), *ending.told(session, one, ended.get(one.group.id, ()))]
        planned += [row for row in said if row.reply is not None] or [Planned(one, skip="nothing")]
    return planned


def _by_urgency(rows: Sequence[service.Waiting], now: datetime) -> Mapping[str, list[service.Waiting]]:
    """Sort what waits into what ends tomorrow, complaints that are due, and all else, by the text that tells of it."""
    found: dict[str, list[service.Waiting]] = {"faq.ending": [], "faq.due": [], "faq.reminder": []}
    for row in rows:
        due = complaints.is_due(row.text, row.asked_at, now)
        ends = row.asked_at < now - EXPIRES + DAY
        found["faq.ending" if ends else "faq.due" if due else "faq.reminder"].append(row)
    return found


def _together(told: Sequence[Planned]) -> Sequence[Planned]:
    """Let what a leader is told twice of one group be one list: a quote of it is about none, and how to reply stands once."""
    said = [(row, row.reply) for row in told if row.reply is not None]
    if len(said) < 2:
        return told
    lists = [
        replace(row, reply=replace(reply, tails=reply.tails[:-1], subject="waiting:", buttons=()))
        for row, reply in said
    ]
    last, reply = lists[-1], lists[-1].reply
    assert reply is not None
    return [*lists[:-1], replace(last, reply=replace(reply, tails=(*reply.tails, "faq.reply_each")))]


def plan_morning(session: Session, occurrences: Sequence[Occurrence], now: datetime) -> Sequence[Planned]:
    """Tell the first leader what came in during the last night's quiet hours, when nobody was to be woken."""
    groups = {one.group.id: one.group for one in occurrences}
    night = {
        group: [row for row in rows if row.asked_at > now - NIGHT and _asked_at_night(row, groups[group])]
        for group, rows in _waiting(session, occurrences).items()
    }
    return _planned(session, occurrences, now, night, "faq.morning")


def _asked_at_night(row: service.Waiting, group: GroupView) -> bool:
    return calendar.is_quiet(calendar.local_minute(row.asked_at, group.zone), group.quiet_from, group.quiet_to)


def _waiting(session: Session, occurrences: Sequence[Occurrence]) -> dict[int, list[service.Waiting]]:
    found: dict[int, list[service.Waiting]] = {}
    for row in service.open_questions(session, [one.group.id for one in occurrences]):
        found.setdefault(row.group_id, []).append(row)
    return found


def _planned(
    session: Session,
    occurrences: Sequence[Occurrence],
    now: datetime,
    waiting: _Rows,
    key: str,
    others: _Rows = MappingProxyType({}),
) -> Sequence[Planned]:
    """Return for each occurrence what its leader is told; who leads several groups is told of all with the first of them.

    Args:
        others: group → what waits there beside, and is told along.
    """
    groups = [group for group, rows in waiting.items() if rows]
    leaders = identities.first_leaders(session, groups) if groups else {}
    mine: dict[int, list[Occurrence]] = {}
    for one in occurrences:
        if waiting.get(one.group.id) and one.group.id in leaders:
            mine.setdefault(leaders[one.group.id], []).append(one)
    told = {some[0].group.id: _told(key, leader, some, now, waiting, others) for leader, some in mine.items()}
    return [
        Planned(one, told[one.group.id]) if one.group.id in told else Planned(one, skip="nothing")
        for one in occurrences
    ]


def _told(key: str, leader: int, some: Sequence[Occurrence], now: datetime, waiting: _Rows, others: _Rows) -> Reply:
    rows = [row for one in some for row in waiting[one.group.id]]
    later = sorted((row for one in some for row in others.get(one.group.id, ())), key=_asked_at, reverse=True)
    values: dict[str, object] = {"count": len(rows), "group": some[0].group.name, "rows": _shown(rows, now)}
    tails = []
    if later:
        values |= {"others": len(later), "later": _shown(later, now)}
        tails = ["faq.also_waiting" if len(some) == 1 else "faq.also_waiting_groups"]
    if len(some) > 1:
        values |= {"group": None, "groups": len(some)}
        key = GROUPS[key]
    single = len(rows) == 1 and not later
    how = "faq.reply_here" if single else "faq.reply_each"
    subject = f"question:{rows[0].id}" if single else "waiting:"
    buttons = [service.answer_button(rows[0].id, rows[0].name)] if single else []
    return Reply(key, values, (*tails, how), kind=Kind.DM, to=leader, subject=subject, buttons=buttons)


def _shown(rows: Sequence[service.Waiting], now: datetime) -> list[dict[str, object]]:
    return [{**service.row_of(row, now), "group": row.group} for row in rows[: service.SHOWN]]


def _asked_at(row: service.Waiting) -> datetime:
    return row.asked_at
