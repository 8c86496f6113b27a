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
    planned = []
    for one in occurrences:
        rows = service.open_questions(session, one.group.id)
        leaders = identities.leaders(session, one.group.id)
        if not rows or not leaders:
            planned.append(Planned(one, skip="nothing"))
            continue
        values = {
            "count": len(rows),
            "group": one.group.name,
            "rows": [{"question": row.text} for row in rows],
        }
        planned.append(Planned(one, Reply("faq.reminder", values, kind=Kind.DM, to=leaders[0])))
    return planned
