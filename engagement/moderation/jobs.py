"""Twice a day: what still waits for a leader; and the words that have been kept long enough are forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, or_
from sqlmodel import col
from sqlmodel import select as pick

from engagement.feature import Occurrence, Planned
from engagement.kernel import Button, Kind, Reply
from engagement.moderation import service
from engagement.moderation.tables import ModerationCase
from storage.engine import Session

MORNING_MINUTE = 9 * 60 + 5
EVENING_MINUTE = 18 * 60 + 5
_FRESH = timedelta(days=2)
"""Nobody is reminded when nothing newer waits: the list stays under 「待审核」."""


def plan_review(session: Session, occurrences: Sequence[Occurrence], now: datetime) -> Sequence[Planned]:
    """Tell one leader of a group in private what came in at night or still waits.

    Skips: ``nothing``.

    Source: F125.
    """
    service.forget_old(session, now)
    groups = [one.group.id for one in occurrences]
    rows = session.exec(
        pick(ModerationCase.group_id, func.count(), func.max(ModerationCase.id))
        .where(
            col(ModerationCase.group_id).in_(groups),
            or_(col(ModerationCase.state) == "waiting", col(ModerationCase.appeal_state) == "waiting"),
            or_(col(ModerationCase.created_at) > now - _FRESH, col(ModerationCase.appealed_at) > now - _FRESH),
        )
        .group_by(col(ModerationCase.group_id))
    )
    waiting = {group: count for group, count, _ in rows}
    leaders = service.reachable_leaders(session, list(waiting)) if waiting else {}
    planned = []
    for one in occurrences:
        leader = leaders.get(one.group.id)
        if leader is None:
            planned.append(Planned(one, skip="nothing"))
            continue
        values = {"count": waiting[one.group.id], "group": one.group.name}
        button = Button("mod_next:", "moderation.button_next")
        reply = Reply("moderation.to_leader_many", values, kind=Kind.DM, to=leader, buttons=[button])
        planned.append(Planned(one, reply))
    return planned
