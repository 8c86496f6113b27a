"""Which schedules are due, and of which days: what the planner takes up in one transaction.

Source: ADR-0004.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, bindparam, literal_column, select

from engagement import calendar, rhythm
from engagement.feature import GroupView
from engagement.pushes import JobSpec, Occurrence
from engagement.rhythm import TOGETHER, Moment
from scheduler.zones import zone_of
from storage.campaigns import Campaign, Schedule
from storage.columns import instant, micros
from storage.engine import Session
from storage.groups import Group
from storage.statements import Prepared

LOOK_BACK = timedelta(days=7)
"""After a downtime, older occurrences than this leave no row."""

# Thousands of groups have the same zone, minute and quiet hours, and are planned in one second.
local_day = lru_cache(maxsize=1024)(calendar.local_day)
next_due = lru_cache(maxsize=1024)(calendar.next_due)
quiet_ends = lru_cache(maxsize=1024)(calendar.quiet_ends)

_S = Schedule.__table__  # type: ignore[attr-defined]
_C = Campaign.__table__  # type: ignore[attr-defined]
_G = Group.__table__  # type: ignore[attr-defined]
_DUE = (
    select(_S.c.id, _S.c.campaign_id, _S.c.kind, _S.c.zone, _S.c.local_minute, _S.c.grace_minutes, _S.c.next_at)
    .add_columns(_S.c.shift_days, Group)
    .join(_G, _G.c.id == _S.c.group_id)
    .join(_C, _C.c.id == _S.c.campaign_id)
    # The bare column name is what the partial index says.
    .where(literal_column("schedule.enabled"), _G.c.state == "active", _C.c.state.in_(["running", "paused"]))
    .order_by(_S.c.next_at, _S.c.id)
)
# From the index alone: what of it is stopped or gone is left out by the query that takes the rows.
_ANY = Prepared(
    "schedule.any_due",
    select(_S.c.id).where(literal_column("schedule.enabled"), _S.c.next_at <= bindparam("now")).limit(1),
)
_NEXT = Prepared(
    "schedule.next",
    select(_S.c.next_at)
    .join(_G, _G.c.id == _S.c.group_id)
    .join(_C, _C.c.id == _S.c.campaign_id)
    .where(
        literal_column("schedule.enabled"),
        _S.c.next_at.is_not(None),
        _G.c.state == "active",
        _C.c.state != "cancelled",
        _C.c.state != "finished",
    )
    .order_by(_S.c.next_at)
    .limit(1),
)


@dataclass(frozen=True, slots=True)
class DueSchedule:
    """A schedule row with its group; ``next_at`` is the earliest occurrence that was not handled."""

    id: int
    campaign_id: int
    kind: str
    zone: str
    minute: int
    grace: timedelta
    next_at: datetime
    shift: int
    group: GroupView


def is_any(session: Session, now: datetime) -> bool:
    """Say whether something may be due; a glance, for the tick of every second."""
    return session.row(_ANY, now=micros(now)) is not None


def due_schedules(session: Session, now: datetime, limit: int) -> list[DueSchedule]:
    """Return due schedules of active groups, the earliest first, and lock them where several planners may run."""
    return _read(session, _DUE.where(_S.c.next_at <= now).limit(limit))


def told_at(group: GroupView, spec: JobSpec, now: datetime) -> datetime:
    """Return when a group is told what is planned at ``now``: then, or at the end of its quiet hours."""
    if spec.ignores_quiet or group.quiet_from == group.quiet_to:
        return now
    return quiet_ends(now, zone_of(group.zone), group.quiet_from, group.quiet_to)


def companions(
    session: Session, due: Sequence[DueSchedule], merging: Mapping[str, JobSpec], now: datetime
) -> list[DueSchedule]:
    """Return what else is due in the same groups, or within ``TOGETHER`` of a message that is planned now, and goes with it.

    What is due already would come in a later transaction of the tick, when the message may have gone out.

    Args:
        merging: kinds that merge.
    """
    until: dict[tuple[int, bool], datetime] = {}
    for row in due:
        spec = merging.get(row.kind)
        if spec is None:
            continue
        told = told_at(row.group, spec, now)
        if told <= row.next_at + row.grace:
            # A message in private pulls nothing forward that the group is told, nor the other way round.
            key = row.group.id, spec.private
            until[key] = min(until.get(key, told + TOGETHER), told + TOGETHER)
    if not until:
        return []
    groups = {group for group, _ in until}
    soon = _DUE.where(_S.c.group_id.in_(groups), _S.c.kind.in_(merging), _S.c.next_at < max(until.values()))
    there = {row.id for row in due}
    return [
        row
        for row in _read(session, soon)
        if row.id not in there and row.next_at < until.get((row.group.id, merging[row.kind].private), row.next_at)
    ]


def _read(session: Session, wanted: Select[Any]) -> list[DueSchedule]:
    if session.dialect_name == "postgresql":
        wanted = wanted.with_for_update(of=_S, skip_locked=True)
    return [
        DueSchedule(row, campaign, kind, zone, minute, timedelta(minutes=grace), next_at, shift, GroupView.of(group))
        for row, campaign, kind, zone, minute, grace, next_at, shift, group in session.execute(wanted)
    ]


def occurrences(row: DueSchedule, now: datetime) -> tuple[list[Occurrence], datetime]:
    """Return the occurrences of a schedule in [next_at, now] and the first instant after them.

    They come oldest first, none older than ``LOOK_BACK``, and at least one.
    """
    zone = zone_of(row.zone)
    due = row.next_at
    if due < now - LOOK_BACK:
        due = next_due(now - LOOK_BACK, row.minute, zone)
    found: list[Occurrence] = []
    while due <= now or not found:
        one = Occurrence(row.group, row.campaign_id, local_day(due, zone), due)
        if found and found[-1].local_date == one.local_date:
            # The row was written under other rules (a zone's law, the minute): the day still has one occurrence.
            found.pop()
        found.append(one)
        due = next_due(due, row.minute, zone)
    return found, due


def only_occurrence(row: DueSchedule) -> tuple[list[Occurrence], None]:
    """Return the occurrence of a schedule that comes due once; it is never due again."""
    day = local_day(row.next_at, zone_of(row.zone))
    return [Occurrence(row.group, row.campaign_id, day, row.next_at)], None


def own_occurrences(
    row: DueSchedule, moments: Sequence[Moment], now: datetime
) -> tuple[list[Occurrence], datetime | None]:
    """Return a campaign's occurrences in a group in [next_at, now], or the coming one if it is pulled forward, and the next.

    None older than ``LOOK_BACK``; none at all when its days were changed meanwhile.
    """
    zone = zone_of(row.zone)
    until = max(now, row.next_at)
    begin = max(row.next_at, now - LOOK_BACK)
    near = (begin - timedelta(days=2)).date() - timedelta(days=row.shift)
    found: list[Occurrence] = []
    for day, due in rhythm.instants([one for one in moments if one[0] >= near], row.shift, zone):
        if due > until:
            return found, due
        if due >= begin:
            found.append(Occurrence(row.group, row.campaign_id, day, due))
    return found, None


def next_instant(session: Session) -> datetime | None:
    """Return when the next schedule is due, or None."""
    row = session.row(_NEXT)
    return None if row is None else instant(int(row[0]))
