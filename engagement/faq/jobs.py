"""The evening reminder to a leader: questions that still wait."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from engagement.faq import service
from engagement.feature import Occurrence, Planned
from engagement.kernel import Kind, Reply
from storage import identities
from storage.engine import Session

EXPIRES = timedelta(days=7)


def plan_reminder(session: Session, occurrences: Sequence[Occurrence], now: datetime) -> Sequence[Planned]:
    """Tell the first leader in private what still waits; skipped ``nothing`` when nothing does.

    Source: F64, F68.
    """
    service.expire(session, now - EXPIRES)
    groups = [one.group.id for one in occurrences]
    waiting = service.waiting_in(session, groups)
    leaders = identities.first_leaders(session, [group for group in groups if group in waiting])
    planned = []
    for one in occurrences:
        rows, leader = waiting.get(one.group.id, ()), leaders.get(one.group.id)
        if not rows or leader is None:
            planned.append(Planned(one, skip="nothing"))
            continue
        values = {
            "count": len(rows),
            "group": one.group.name,
            "rows": [{"question": text} for text in rows[: service.SHOWN]],
        }
        planned.append(Planned(one, Reply("faq.reminder", values, kind=Kind.DM, to=leader)))
    return planned
