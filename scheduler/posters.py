"""Which pictures pushes will soon go out with, so that they are drawn before their hour and not while thousands wait.

What is the same in all groups is asked for once: one row stands for all of a campaign's that are due together.

Source: ADR-0004, ADR-0012.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, literal_column, select

from engagement.calendar import local_day
from engagement.feature import GroupView
from engagement.kernel import Card, Outgoing
from engagement.pushes import JobSpec, Occurrence
from scheduler.zones import zone_of
from storage.campaigns import Campaign, Delivery, Schedule
from storage.engine import Session
from storage.groups import Group

SOON = timedelta(minutes=10)
MOST = 50
"""Rows that are looked at, of those that wait and of those that come."""

_D = Delivery.__table__  # type: ignore[attr-defined]
_S = Schedule.__table__  # type: ignore[attr-defined]
_C = Campaign.__table__  # type: ignore[attr-defined]
_G = Group.__table__  # type: ignore[attr-defined]
_FIRST = (
    select(func.min(_D.c.id))
    .join(_C, _C.c.id == _D.c.campaign_id)
    # Written out, so that the partial index on waiting rows is recognised.
    .where(literal_column("delivery.state = 'pending'"), _D.c.recipient == 0, _C.c.state == "running")
    # Not the bare column: SQLite would walk the whole table in that order instead of the few that wait.
    .group_by(literal_column("delivery.campaign_id + 0"), _D.c.local_date)
    .order_by(func.min(_D.c.id))
    .limit(MOST)
)


def coming(session: Session, jobs: Sequence[JobSpec], now: datetime) -> list[Card]:
    """Return the cards of messages that wait to be sent, then of those that are due within ``SOON``; reads only."""
    return [*_waiting(session), *_due(session, jobs, now)]


def _waiting(session: Session) -> list[Card]:
    """Of each campaign's day that waits, the first message's card; the others of it nearly always have the same one."""
    numbers = [number for (number,) in session.execute(_FIRST)]
    bodies = session.execute(select(_D.c.body).where(_D.c.id.in_(numbers), _D.c.body != "").order_by(_D.c.id))
    found = (Outgoing.load(body).card for (body,) in bodies)
    return [card for card in found if card is not None]


def _due(session: Session, jobs: Sequence[JobSpec], now: datetime) -> list[Card]:
    """Ask the slices that have campaigns with days of their own what these go out with."""
    found: list[Card] = []
    for job in jobs:
        if job.rhythm is None:
            continue
        alike = (
            select(func.min(_S.c.id))
            .join(_C, _C.c.id == _S.c.campaign_id)
            .join(_G, _G.c.id == _S.c.group_id)
            .where(_S.c.next_at > now, _S.c.next_at <= now + SOON, _S.c.kind == job.kind)
            .where(literal_column("schedule.enabled"), _C.c.state == "running", _G.c.state == "active")
            .group_by(_S.c.campaign_id, _S.c.next_at, _S.c.zone, _S.c.shift_days)
            .limit(MOST)
        )
        rows = session.execute(
            select(_S.c.campaign_id, _S.c.zone, _S.c.next_at, Group)
            .join(_G, _G.c.id == _S.c.group_id)
            .where(_S.c.id.in_([number for (number,) in session.execute(alike)]))
            .order_by(_S.c.next_at, _S.c.id)
        )
        occurrences = [
            Occurrence(GroupView.of(group), campaign, local_day(at, zone_of(zone)), at)
            for campaign, zone, at, group in rows
        ]
        if occurrences:
            found.extend(job.rhythm.cards(session, occurrences))
    return found
