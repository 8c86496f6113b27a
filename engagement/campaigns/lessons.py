"""The lesson of every week: a leader reads one thing a day, and what belongs to the day goes first.

Source: F42.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from sqlmodel import col
from sqlmodel import select as pick

from engagement.campaigns import rules
from engagement.campaigns.tables import Beat, Plan
from storage.campaigns import Campaign
from storage.engine import Session


def is_lesson(one: Plan) -> bool:
    """Say whether a plan is lessons that give way to what belongs to the day."""
    return one.form == "lesson" and one.scope == "all" and not one.joined


def make_room(session: Session, today: date) -> Collection[Plan]:
    """Move each lesson to come that would give way on its day to the next free day of its month; return whose days changed.

    Where no day is free it stays, and gives way. What does not run takes nobody's place.
    """
    coming = session.exec(
        pick(Plan, Beat)
        .join(Beat, col(Beat.plan_id) == col(Plan.id))
        .join(Campaign, col(Campaign.id) == col(Plan.campaign_id))
        .where(
            Plan.stage == "approved",
            Plan.audience == "leaders",
            Plan.scope == "all",
            col(Plan.joined).is_(False),
            col(Campaign.state).in_(["running", "paused"]),
            col(Beat.local_day) > today,
        )
        .order_by(col(Beat.local_day))
    ).all()
    busy = {beat.local_day for plan, beat in coming if not is_lesson(plan)}
    taken = {beat.local_day for _, beat in coming}
    moved: dict[int | None, Plan] = {}
    for plan, beat in coming:
        free = rules.next_free(beat.local_day, taken) if is_lesson(plan) and beat.local_day in busy else None
        if free is not None:
            taken.add(free)
            beat.local_day = free
            session.add(beat)
            moved[plan.id] = plan
    session.flush()
    return moved.values()
