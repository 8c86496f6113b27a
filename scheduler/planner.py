"""From due schedules to deliveries: one transaction claims the fire, writes the rows and moves the schedule on.

The fire's primary key (campaign, group, local date) makes it fire once, whoever plans. Every skip is a row that says why:

- ``late``: its grace is over (after a long downtime only the latest occurrence of a schedule is considered);
- ``quiet``: it falls into quiet hours and its grace ends before they do;
- ``budget``: the group has had its unasked messages of the day;
- ``bug``: the slice's plan failed for this group (the others go on);
- or whatever word the slice gave.

Source: F32; ADR-0004; FAULTS F6, F7, F14.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import bindparam, literal_column, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from engagement.calendar import local_day, next_due, quiet_ends
from engagement.feature import GroupView, JobSpec, Occurrence, Planned
from engagement.kernel import Kind, Outgoing, Reply
from scheduler.addressing import outgoing
from scheduler.schedules import zone_of
from storage.campaigns import Campaign, Delivery, Fire, Schedule
from storage.columns import instant, micros
from storage.engine import Session
from storage.groups import Group, GroupDay
from storage.statements import Prepared

log = structlog.get_logger("scheduler.planner")

SHARD = 200
"""Rows that a workflow drives together."""
CHUNK = 100
"""Rows that a transaction plans: 15-30 ms of the one writer on SQLite."""
LOOK_BACK = timedelta(days=7)
"""After a downtime, older occurrences than this leave no row."""

_S = Schedule.__table__  # type: ignore[attr-defined]
_C = Campaign.__table__  # type: ignore[attr-defined]
_G = Group.__table__  # type: ignore[attr-defined]
_F = Fire.__table__  # type: ignore[attr-defined]
_D = Delivery.__table__  # type: ignore[attr-defined]
_GD = GroupDay.__table__  # type: ignore[attr-defined]
_DUE = (
    select(_S.c.id, _S.c.campaign_id, _S.c.kind, _S.c.zone, _S.c.local_minute, _S.c.grace_minutes, _S.c.next_at, Group)
    .join(_G, _G.c.id == _S.c.group_id)
    .join(_C, _C.c.id == _S.c.campaign_id)
    # The bare column name is what the partial index says.
    .where(literal_column("schedule.enabled"), _G.c.state == "active", _C.c.state.in_(["running", "paused"]))
    .order_by(_S.c.next_at, _S.c.id)
)
_MOVE = update(_S).where(_S.c.id == bindparam("row")).values(next_at=bindparam("to"))
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


@dataclass(slots=True)
class Tick:
    """What one transaction planned.

    Attributes:
        skipped: reason → rows.
        shard: name of the shard that the pending rows are in, or empty.
        more: further schedules are due.
    """

    schedules: int = 0
    pending: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    shard: str = ""
    more: bool = False


@dataclass(slots=True)
class Verdict:
    """What is decided about one occurrence.

    Attributes:
        state: ``pending``, ``skipped``, ``failed``, or empty when the day has nothing and no row is written.
        expires_at: the end of its grace, or the next quiet hours if they begin before.
    """

    occurrence: Occurrence
    spec: JobSpec
    expires_at: datetime
    not_before: datetime | None = None
    state: str = ""
    reason: str = ""
    reply: Reply | None = None


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
    group: GroupView


def tick(session: Session, jobs: Sequence[JobSpec], now: datetime, limit: int = CHUNK, shard: str = "") -> Tick:
    """Plan at most ``limit`` due schedules.

    On PostgreSQL the rows are taken with FOR UPDATE SKIP LOCKED, so that several planners share them; on SQLite this runs
    on the one writer. Call again while ``more``.

    Args:
        shard: put the rows into this shard; default a new one.
    """
    specs = {job.kind: job for job in jobs}
    found = due_schedules(session, now, limit)
    result = Tick(schedules=len(found), more=len(found) == limit)
    if not found:
        return result
    moves: list[dict[str, object]] = []
    latest: list[Verdict] = []
    missed: list[Verdict] = []
    for row in found:
        spec = specs.get(row.kind)
        if spec is None:
            moves.append({"row": row.id, "to": None})
            continue
        (*earlier, last), next_at = occurrences(row, now) if not spec.once else only_occurrence(row)
        latest.append(Verdict(last, spec, last.due_at + row.grace))
        missed.extend(Verdict(one, spec, one.due_at + row.grace) for one in earlier)
        moves.append({"row": row.id, "to": next_at})
    verdicts = decide(session, latest, missed, now)
    result.shard = shard or f"{micros(now):x}-{found[0].id:x}"
    _write(session, verdicts, result.shard)
    session.connection().execute(_MOVE, moves)
    for verdict in verdicts:
        if verdict.state == "pending":
            result.pending += 1
        elif verdict.state:
            result.skipped[verdict.reason] = result.skipped.get(verdict.reason, 0) + 1
    return result


def due_schedules(session: Session, now: datetime, limit: int) -> list[DueSchedule]:
    """Return due schedules of active groups, the earliest first, and lock them where several planners may run."""
    wanted = _DUE.where(_S.c.next_at <= now).limit(limit)
    if session.dialect_name == "postgresql":
        wanted = wanted.with_for_update(of=_S, skip_locked=True)
    return [
        DueSchedule(row, campaign, kind, zone, minute, timedelta(minutes=grace), next_at, GroupView.of(group))
        for row, campaign, kind, zone, minute, grace, next_at, group in session.execute(wanted)
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


def decide(session: Session, latest: list[Verdict], missed: list[Verdict], now: datetime) -> list[Verdict]:
    """Claim the fires and decide what becomes of each; returns those that nobody had claimed before.

    Args:
        latest: the newest occurrence of each schedule, in the order in which they are due.
        missed: older ones, which are too late whatever their grace.
    """
    claimed = _claim(session, [*missed, *latest], now)
    for verdict in missed:
        verdict.state, verdict.reason = "skipped", "late"
    open_ = [verdict for verdict in latest if _key(verdict.occurrence) in claimed and _in_time(verdict, now)]
    further: list[Verdict] = []
    for spec, group in _by_spec(open_):
        for verdict, answers in zip(group, _plan(session, spec, group, now), strict=True):
            for number, planned in enumerate(answers):
                one = verdict
                if number:
                    one = replace(verdict, state="", reason="", reply=None)
                    further.append(one)
                if planned.reply is not None:
                    one.state, one.reply = "pending", planned.reply
                elif planned.skip:
                    one.state = "failed" if planned.skip == "bug" else "skipped"
                    one.reason = planned.skip[:40]
    told = [verdict for verdict in [*open_, *further] if verdict.spec.unasked and _is_heard_by_the_group(verdict)]
    _budget(session, told)
    return [verdict for verdict in [*missed, *latest, *further] if _key(verdict.occurrence) in claimed]


def next_instant(session: Session) -> datetime | None:
    """Return when the next schedule is due, or None."""
    row = session.row(_NEXT)
    return None if row is None else instant(int(row[0]))


def _key(occurrence: Occurrence) -> tuple[int, int, date]:
    return occurrence.campaign_id, occurrence.group.id, occurrence.local_date


def _claim(session: Session, verdicts: Sequence[Verdict], now: datetime) -> set[tuple[int, int, date]]:
    dialect: Any = postgresql if session.dialect_name == "postgresql" else sqlite
    insert = dialect.insert(_F).on_conflict_do_nothing().returning(_F.c.campaign_id, _F.c.group_id, _F.c.local_date)
    rows = [
        {
            "campaign_id": one.campaign_id,
            "group_id": one.group.id,
            "local_date": one.local_date,
            "due_at": one.due_at,
            "fired_at": now,
        }
        for one in (verdict.occurrence for verdict in verdicts)
    ]
    return (
        {(campaign, group, day) for campaign, group, day in session.connection().execute(insert, rows)}
        if rows
        else set()
    )


def _in_time(verdict: Verdict, now: datetime) -> bool:
    """Apply lateness and quiet hours; False when that settles it."""
    if now > verdict.expires_at:
        verdict.state, verdict.reason = "skipped", "late"
        return False
    group = verdict.occurrence.group
    if verdict.spec.ignores_quiet or group.quiet_from == group.quiet_to:
        return True
    zone = zone_of(group.zone)
    start = quiet_ends(now, zone, group.quiet_from, group.quiet_to)
    if start > now:
        verdict.not_before = start
        if start > verdict.expires_at:
            verdict.state, verdict.reason = "skipped", "quiet"
            return False
    # A row that waits (429, a long queue) must not slide into the night.
    verdict.expires_at = min(verdict.expires_at, next_due(start, group.quiet_from, zone) - timedelta(microseconds=1))
    return True


def _by_spec(verdicts: Sequence[Verdict]) -> Iterator[tuple[JobSpec, list[Verdict]]]:
    kinds: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        kinds.setdefault(verdict.spec.kind, []).append(verdict)
    for group in kinds.values():
        yield group[0].spec, group


def _plan(session: Session, spec: JobSpec, verdicts: Sequence[Verdict], now: datetime) -> list[list[Planned]]:
    """Ask the slice: one or more answers an occurrence. One group that it fails on does not take the others with it."""
    wanted = [verdict.occurrence for verdict in verdicts]
    try:
        with session.begin_nested():
            answers = spec.plan(session, wanted, now)
    except Exception as error:
        if _world_failed(error):
            raise
        log.exception("planner.plan_failed", job=spec.kind, groups=len(wanted), kind=type(error).__name__)
        if len(wanted) == 1:
            return [[Planned(wanted[0], skip="bug")]]
        return [planned for verdict in verdicts for planned in _plan(session, spec, [verdict], now)]
    said: dict[tuple[int, int, date], list[Planned]] = {}
    for planned in answers:
        said.setdefault(_key(planned.occurrence), []).append(planned)
    return [said.get(_key(occurrence)) or [Planned(occurrence)] for occurrence in wanted]


def _world_failed(error: Exception) -> bool:
    """Say whether the database failed (run the transaction again later), rather than the slice's code."""
    found = getattr(error, "orig", error)
    state = getattr(found, "sqlstate", None)
    if state is not None:
        return str(state)[:2] in {"08", "40", "53", "57", "58"}
    return isinstance(found, sqlite3.OperationalError) and getattr(found, "sqlite_errorcode", 1) != sqlite3.SQLITE_ERROR


def _is_heard_by_the_group(verdict: Verdict) -> bool:
    return verdict.state == "pending" and verdict.reply is not None and verdict.reply.kind not in (Kind.DM, Kind.EDIT)


def _budget(session: Session, verdicts: Sequence[Verdict]) -> None:
    """Count unasked messages against each group's day, in the same transaction; what is over it is skipped."""
    if not verdicts:
        return
    days = {(verdict.occurrence.group.id, verdict.occurrence.local_date) for verdict in verdicts}
    counted: dict[tuple[int, date], int] = {
        (group, day): unasked
        for group, day, unasked in session.connection().execute(
            select(_GD.c.group_id, _GD.c.local_date, _GD.c.unasked).where(
                tuple_(_GD.c.group_id, _GD.c.local_date).in_(days)
            )
        )
    }
    added: dict[tuple[int, date], int] = {}
    for verdict in sorted(verdicts, key=lambda one: one.occurrence.due_at):
        group = verdict.occurrence.group
        key = (group.id, verdict.occurrence.local_date)
        if counted.get(key, 0) + added.get(key, 0) >= group.daily_budget:
            verdict.state, verdict.reason, verdict.reply = "skipped", "budget", None
        else:
            added[key] = added.get(key, 0) + 1
    if added:
        dialect: Any = postgresql if session.dialect_name == "postgresql" else sqlite
        insert = dialect.insert(_GD)
        session.connection().execute(
            insert.on_conflict_do_update(
                index_elements=["group_id", "local_date"], set_={"unasked": _GD.c.unasked + insert.excluded.unasked}
            ),
            [{"group_id": group, "local_date": day, "unasked": count} for (group, day), count in added.items()],
        )


def addressed(session: Session, verdict: Verdict) -> Outgoing | None:
    """Return what goes out for a pending verdict; one that reaches nobody becomes skipped, ``no_address``."""
    if verdict.state != "pending" or verdict.reply is None:
        return None
    message = outgoing(session, verdict.reply, verdict.occurrence.group)
    if message is None:
        verdict.state, verdict.reason = "skipped", "no_address"
    return message


def _recipient(reply: Reply | None) -> int:
    return (reply.to or 0) if reply is not None and reply.kind is Kind.DM else 0


def _write(session: Session, verdicts: Sequence[Verdict], shard: str) -> None:
    rows: list[Mapping[str, object]] = []
    taken: set[tuple[int, int, date, int]] = set()
    for verdict in verdicts:
        if not verdict.state:
            continue
        one = verdict.occurrence
        recipient = _recipient(verdict.reply)
        if (*_key(one), recipient) in taken:
            log.error("planner.told_twice", job=verdict.spec.kind, group=one.group.id, recipient=recipient)
            continue
        taken.add((*_key(one), recipient))
        message = addressed(session, verdict)
        rows.append(
            {
                "campaign_id": one.campaign_id,
                "group_id": one.group.id,
                "local_date": one.local_date,
                "recipient": recipient,
                "shard": shard,
                "epoch": 0,
                "state": verdict.state,
                "reason": verdict.reason,
                "body": message.dump() if message is not None else "",
                "attempts": 0,
                "sender": "",
                "due_at": one.due_at,
                "not_before": verdict.not_before,
                "expires_at": verdict.expires_at,
                "provider_id": "",
            }
        )
    if rows:
        session.connection().execute(_D.insert(), rows)
