"""Schedule rows: each active group has one per kind of push, in its own zone, with the instant that is due next.

Source: ADR-0004.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, literal_column, or_, select, true, update

from engagement.calendar import next_due
from engagement.pushes import JobSpec
from scheduler import budget
from scheduler.zones import zone_of
from storage.campaigns import Campaign, Schedule
from storage.columns import micros
from storage.engine import Session
from storage.groups import Group
from storage.statements import Prepared

AHEAD = timedelta(days=2)
"""How long before its first day a campaign's schedules are made: a year's campaigns are not each a row in every group."""
FARTHEST = timedelta(days=3)
"""No daily time is farther off; a row that says so was written while the clock was wrong (FAULTS F6)."""

_C = Campaign.__table__  # type: ignore[attr-defined]
_S = Schedule.__table__  # type: ignore[attr-defined]
_G = Group.__table__  # type: ignore[attr-defined]

_CAMPAIGN = Prepared(
    "campaign.ensure",
    lambda insert: (
        insert(_C)
        .values(
            key=bindparam("key"), kind=bindparam("key"), name="", state="running", created_at=bindparam("created_at")
        )
        .on_conflict_do_nothing(index_elements=["key"])
    ),
)
_CAMPAIGNS = Prepared("campaign.by_key", select(_C.c.key, _C.c.id).where(_C.c.key == _C.c.kind))
# Active groups whose row is missing, in another zone, not worked out, or impossibly far off; and rows that are not due any
# more, because the group left or the campaign is cancelled.
_WRONG = Prepared(
    "schedule.wrong",
    select(_G.c.id, _G.c.zone, _G.c.state, _C.c.state, _S.c.id, _S.c.local_minute, _S.c.enabled, _S.c.zone)
    .select_from(_G.join(_C, true()).outerjoin(_S, and_(_S.c.group_id == _G.c.id, _S.c.campaign_id == _C.c.id)))
    .where(
        _C.c.id == bindparam("campaign_id"),
        or_(
            and_(
                _G.c.state == "active",
                _C.c.state.in_([literal_column("'running'"), literal_column("'paused'")]),
                or_(
                    _S.c.id.is_(None),
                    _S.c.zone != _G.c.zone,
                    and_(literal_column("schedule.enabled"), _S.c.next_at.is_(None)),
                    _S.c.next_at > bindparam("farthest"),
                ),
            ),
            and_(or_(_G.c.state == "removed", _C.c.state == "cancelled"), _S.c.next_at.is_not(None)),
        ),
    )
    .order_by(_G.c.id)
    .limit(bindparam("most")),
)
_INSERT = Prepared(
    "schedule.insert",
    lambda insert: (
        insert(_S)
        .values(
            campaign_id=bindparam("campaign_id"),
            group_id=bindparam("group_id"),
            kind=bindparam("kind"),
            zone=bindparam("zone"),
            local_minute=bindparam("local_minute"),
            grace_minutes=bindparam("grace_minutes"),
            next_at=bindparam("next_at"),
            enabled=True,
            shift_days=0,
        )
        .on_conflict_do_nothing(index_elements=["group_id", "campaign_id"])
    ),
)
_REPAIR = Prepared(
    "schedule.repair",
    update(_S).where(_S.c.id == bindparam("row")).values(zone=bindparam("to_zone"), next_at=bindparam("to_next_at")),
)


def daily(jobs: Sequence[JobSpec]) -> list[JobSpec]:
    """Return the jobs that come due every day; the schedules of the others are their slices' own."""
    return [job for job in jobs if job.daily]


def campaigns(session: Session, jobs: Sequence[JobSpec], now: datetime) -> dict[str, int]:
    """Return the campaign id of each daily kind of job; makes the rows that are missing."""
    there = dict(session.rows(_CAMPAIGNS))
    jobs = daily(jobs)
    missing = [job.kind for job in jobs if job.kind not in there]
    for kind in missing:
        session.run(_CAMPAIGN, key=kind, created_at=micros(now))
    if missing:
        there = dict(session.rows(_CAMPAIGNS))
    return {job.kind: int(there[job.kind]) for job in jobs}


def unsettled(session: Session, jobs: Sequence[JobSpec], now: datetime) -> list[JobSpec]:
    """Return the jobs for which :func:`ensure` would find something to do; reads only."""
    there = dict(session.rows(_CAMPAIGNS))
    farthest = micros(now + FARTHEST)
    found = [
        job
        for job in daily(jobs)
        if job.kind not in there or session.rows(_WRONG, campaign_id=there[job.kind], farthest=farthest, most=1)
    ]
    return found + [job for job in jobs if job.rhythm is not None and not job.rhythm.settled(session, now)]


def ensure(session: Session, jobs: Sequence[JobSpec], now: datetime, most: int = 500) -> int:
    """Give every active group its schedules, follow changes of zone, and let go of groups that left.

    A schedule starts at its first due instant after ``now``: nothing of the past becomes due by being scheduled.

    Args:
        most: how many schedules to touch in this transaction; call again until 0 is returned.

    Returns:
        How many were touched.
    """
    touched = 0
    ids = campaigns(session, jobs, now)
    for job in daily(jobs):
        found = session.rows(
            _WRONG, campaign_id=ids[job.kind], farthest=micros(now + FARTHEST), most=max(0, most - touched)
        )
        for group_id, zone_name, group_state, campaign_state, row, minute, enabled, before in found:
            touched += 1
            going = group_state == "active" and campaign_state != "cancelled" and (row is None or enabled)
            at = job.minute if row is None else int(minute)
            next_at = micros(next_due(now, at, zone_of(zone_name))) if going else None
            if row is not None:
                if before != zone_name:
                    budget.follow_zone(session, group_id, before, zone_name, now)
                session.run(_REPAIR, row=row, to_zone=zone_name, to_next_at=next_at)
                continue
            session.run(
                _INSERT,
                campaign_id=ids[job.kind],
                group_id=group_id,
                kind=job.kind,
                zone=zone_name,
                local_minute=at,
                grace_minutes=job.grace_minutes,
                next_at=next_at,
            )
    for job in jobs:
        if job.rhythm is not None and touched < most:
            touched += job.rhythm.mend(session, now, now + AHEAD, most - touched, None)
    return touched
