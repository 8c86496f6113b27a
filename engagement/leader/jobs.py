"""The day's overview in the evening, in private, for the leaders who asked for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import col, select

from engagement.feature import Occurrence, Planned
from engagement.kernel import Button, Kind, Reply
from engagement.leader import glance, service
from engagement.leader.words import overview, tails_of
from storage.engine import Session
from storage.groups import Member


def plan_evening(session: Session, occurrences: Sequence[Occurrence], now: datetime) -> Sequence[Planned]:
    """Tell each leader who asked for it about the day; groups that nobody asked about cost nothing.

    Idempotent: it only reads.
    """
    wanted = [(one, person) for one in occurrences for person in service.evening_of(one.group.settings)]
    if not wanted:
        return []
    leads = set(
        session.exec(
            select(Member.group_id, Member.person_id).where(
                col(Member.group_id).in_(sorted({one.group.id for one, _ in wanted})),
                Member.role == "leader",
                col(Member.left_at).is_(None),
            )
        )
    )
    due = [(one, person) for one, person in wanted if (one.group.id, person) in leads]
    found = glance.days(session, list({one.group.id: one.group for one, _ in due}.values()), now)
    return [Planned(one, _told(found[one.group.id], one, person, now)) for one, person in due]


def _told(day: glance.Day, one: Occurrence, person: int, now: datetime) -> Reply:
    group = one.group.id
    buttons = [Button(f"do:topic:{group}", "leader.button_tomorrow")]
    if day.open:
        buttons.append(Button(f"do:faq:{group}", "leader.button_waiting"))
    buttons.append(Button(f"evening:off:{group}", "leader.button_evening_off"))
    return Reply("leader.evening", overview(day, now), tails_of(day), kind=Kind.DM, to=person, buttons=buttons)
