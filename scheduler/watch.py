"""Whether anything has to be done about schedules, without looking at every group of every campaign each time.

:func:`scheduler.schedules.unsettled` joins all groups with each campaign that is near: a third of a second with 5,000 groups
and ten campaigns. What it found is remembered together with a few sums of what it depends on; while they stay the same, and
for some minutes at most, the answer is the same.

Source: ADR-0004.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam, case, func, literal_column, select

from engagement.pushes import JobSpec
from scheduler import schedules
from storage.campaigns import Campaign, Schedule
from storage.columns import micros
from storage.engine import Session
from storage.groups import Group
from storage.statements import Prepared

BELIEVED = timedelta(minutes=5)
"""After so long it is looked at again, whatever the sums say: what begins in two days becomes near as time passes."""

_C = Campaign.__table__  # type: ignore[attr-defined]
_S = Schedule.__table__  # type: ignore[attr-defined]
_G = Group.__table__  # type: ignore[attr-defined]

# Two groups that change places are noticed as well; small enough for a column of 32 bits.
_SPREAD = _G.c.id % literal_column("1009")
_GROUPS = Prepared(
    "watch.groups",
    select(_G.c.state, _G.c.zone, _G.c.region_id, func.count(), func.sum(_G.c.id), func.sum(_G.c.id * _SPREAD))
    .group_by(_G.c.state, _G.c.zone, _G.c.region_id)
    .order_by(_G.c.state, _G.c.zone, _G.c.region_id),
)
_CAMPAIGNS = Prepared("watch.campaigns", select(_C.c.id, _C.c.kind, _C.c.state).order_by(_C.c.id))
# The bare column name is what the partial index says.
_SCHEDULES = Prepared(
    "watch.schedules",
    select(
        func.count(),
        func.count(_S.c.next_at),
        func.sum(case((_S.c.next_at > bindparam("farthest"), literal_column("1")), else_=literal_column("0"))),
    ).where(literal_column("schedule.enabled")),
)


class Watch:
    """What one process knows about the schedules."""

    def __init__(self) -> None:
        """Know nothing."""
        self._sums: Hashable = None
        self._at: datetime | None = None

    def unsettled(self, session: Session, jobs: Sequence[JobSpec], now: datetime) -> list[JobSpec]:
        """Return the jobs for which :func:`scheduler.schedules.ensure` would find something to do; reads only."""
        sums = _sums(session, jobs, now)
        if self._at is not None and self._at <= now < self._at + BELIEVED and sums == self._sums:
            return []
        found = schedules.unsettled(session, jobs, now)
        self._sums, self._at = (None, None) if found else (sums, now)
        return found


def _sums(session: Session, jobs: Sequence[JobSpec], now: datetime) -> Hashable:
    campaigns = session.rows(_CAMPAIGNS)
    days: list[Hashable] = []
    for job in jobs:
        if job.rhythm is not None:
            ids = [number for number, kind, state in campaigns if kind == job.kind and state in ("running", "paused")]
            found = job.rhythm.moments(session, ids) if ids else {}
            days.append(tuple((campaign, tuple(moments)) for campaign, moments in sorted(found.items())))
    return (
        tuple(session.rows(_GROUPS)),
        tuple(campaigns),
        tuple(session.rows(_SCHEDULES, farthest=micros(now + schedules.FARTHEST))),
        tuple(days),
    )
