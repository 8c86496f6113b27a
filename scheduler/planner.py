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
from typing import Any, TypeAlias

import structlog
from sqlalchemy import bindparam, delete, update
from sqlalchemy.dialects import postgresql, sqlite

from engagement.kernel import Kind, Outgoing, Place, Reply
from engagement.pushes import JobSpec, Occurrence, Planned
from engagement.rhythm import Moment
from scheduler import budget, rows
from scheduler.addressing import outgoing
from scheduler.due import (
    DueSchedule,
    companions,
    due_schedules,
    next_due,
    occurrences,
    only_occurrence,
    own_occurrences,
    told_at,
)
from scheduler.zones import zone_of
from storage.campaigns import Delivery, Fire, Schedule
from storage.columns import micros
from storage.engine import Session

log = structlog.get_logger("scheduler.planner")

SHARD = 200
"""Rows that a workflow drives together."""
CHUNK = 100
"""Rows that a transaction plans: 15-30 ms of the one writer on SQLite."""
AGAIN = timedelta(seconds=1)
"""When what a slice has not finished goes on: others come in between."""

_S = Schedule.__table__  # type: ignore[attr-defined]
_F = Fire.__table__  # type: ignore[attr-defined]
_D = Delivery.__table__  # type: ignore[attr-defined]
_MOVE = update(_S).where(_S.c.id == bindparam("row")).values(next_at=bindparam("to"))
# One by one: for a list of keys SQLite goes through the whole table.
_UNFIRE = delete(_F).where(
    _F.c.campaign_id == bindparam("campaign"), _F.c.group_id == bindparam("group"), _F.c.local_date == bindparam("day")
)
Key: TypeAlias = tuple[int, int, date]
"""Campaign, group, local date: what a fire is known by."""


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
        again: the slice has not finished with it.
    """

    occurrence: Occurrence
    spec: JobSpec
    expires_at: datetime
    not_before: datetime | None = None
    state: str = ""
    reason: str = ""
    reply: Reply | None = None
    again: bool = False


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
    found += companions(session, found, {job.kind: job for job in jobs if job.merges}, now)
    ways = _Ways(session, specs, found, now)
    moves: dict[Key, dict[str, object]] = {}
    idle: list[dict[str, object]] = []
    latest: list[Verdict] = []
    missed: list[Verdict] = []
    for row in found:
        spec = specs.get(row.kind)
        days, next_at = ways.of(row)
        move: dict[str, object] = {"row": row.id, "to": next_at}
        if spec is None or not days:
            idle.append(move)
            continue
        *earlier, last = days
        latest.append(Verdict(last, spec, last.due_at + row.grace))
        missed.extend(Verdict(one, spec, one.due_at + row.grace) for one in earlier)
        moves[_key(last)] = move
    latest.sort(key=order)
    verdicts = decide(session, latest, missed, now)
    _go_on(session, moves, [_key(verdict.occurrence) for verdict in verdicts if verdict.again], now)
    result.shard = shard or f"{micros(now):x}-{found[0].id:x}"
    _write(session, verdicts, result.shard)
    session.connection().execute(_MOVE, [*moves.values(), *idle])
    for verdict in verdicts:
        if verdict.state == "pending":
            result.pending += 1
        elif verdict.state:
            result.skipped[verdict.reason] = result.skipped.get(verdict.reason, 0) + 1
    return result


def order(verdict: Verdict) -> tuple[datetime, bool]:
    """Return what occurrences are sorted by: when they are due, and at one instant what has days of its own first.

    A festival's greeting comes before what a month's theme has to say on that day.
    """
    return verdict.occurrence.due_at, verdict.spec.rhythm is None


class _Ways:
    """Which days of each schedule are due, by the kind of push."""

    def __init__(
        self, session: Session, specs: Mapping[str, JobSpec], found: Sequence[DueSchedule], now: datetime
    ) -> None:
        self._specs = specs
        self._now = now
        self._moments: dict[int, Sequence[Moment]] = {}
        for kind, spec in specs.items():
            ids = {row.campaign_id for row in found if row.kind == kind} if spec.rhythm is not None else set()
            if spec.rhythm is not None and ids:
                self._moments.update(spec.rhythm.moments(session, ids))

    def of(self, row: DueSchedule) -> tuple[list[Occurrence], datetime | None]:
        """Return the occurrences, oldest first, and when it is due again; nothing of a kind that nobody knows."""
        spec = self._specs.get(row.kind)
        if spec is None:
            return [], None
        if spec.rhythm is not None:
            return own_occurrences(row, self._moments.get(row.campaign_id, ()), self._now)
        return only_occurrence(row) if spec.once else occurrences(row, self._now)


def _go_on(session: Session, moves: Mapping[Key, dict[str, object]], again: Sequence[Key], now: datetime) -> None:
    """Let occurrences that are not finished come due once more, as if they had not fired."""
    for key in again:
        moves[key]["to"] = now + AGAIN
    if again:
        session.connection().execute(
            _UNFIRE, [{"campaign": one, "group": two, "day": three} for one, two, three in again]
        )


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
                verdict.again = verdict.again or planned.again
                if number:
                    one = replace(verdict, state="", reason="", reply=None, again=False)
                    further.append(one)
                if planned.reply is not None:
                    one.state, one.reply = "pending", planned.reply
                elif planned.skip:
                    one.state = "failed" if planned.skip == "bug" else "skipped"
                    one.reason = planned.skip[:40]
    told = [verdict for verdict in [*open_, *further] if verdict.spec.unasked and _is_heard_by_the_group(verdict)]
    _budget(session, told, now)
    return [verdict for verdict in [*missed, *latest, *further] if _key(verdict.occurrence) in claimed]


def _key(occurrence: Occurrence) -> Key:
    return occurrence.campaign_id, occurrence.group.id, occurrence.local_date


def _claim(session: Session, verdicts: Sequence[Verdict], now: datetime) -> set[Key]:
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
    start = told_at(group, verdict.spec, now)
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
    said: dict[Key, list[Planned]] = {}
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


def _budget(session: Session, verdicts: Sequence[Verdict], now: datetime) -> None:
    """Find a place for unasked messages in the day on which the group is told, in the same transaction; else it is skipped.

    That is another day than the one that a push is for, when quiet hours hold it back or when it goes along with an earlier one.
    """
    wishes = []
    for verdict in verdicts:
        merges = verdict.spec.merges and verdict.reply is not None and not verdict.reply.quotes
        one, told = verdict.occurrence, verdict.not_before or now
        wishes.append(budget.Wish(one.group, one.due_at, told, verdict.expires_at, merges))
    budget.take(session, wishes)
    for verdict, wish in zip(verdicts, wishes, strict=True):
        if wish.granted:
            verdict.expires_at = wish.expires_at
        else:
            verdict.state, verdict.reason, verdict.reply = "skipped", "budget", None


def addressed(session: Session, verdict: Verdict) -> Outgoing | None:
    """Return what goes out for a pending verdict; one that reaches nobody becomes skipped, ``no_address``."""
    if verdict.state != "pending" or verdict.reply is None:
        return None
    message = outgoing(session, verdict.reply, verdict.occurrence.group)
    if message is None:
        verdict.state, verdict.reason = "skipped", "no_address"
    return message


def _worded(session: Session, verdict: Verdict) -> tuple[Outgoing | None, str]:
    """Return what goes out and how it stands in its row; what cannot be written down fails alone, ``bug``."""
    try:
        message = addressed(session, verdict)
        body = message.dump() if message is not None else ""
        body.encode()  # as the database will; half a character cannot be
    except (TypeError, ValueError, AttributeError) as error:
        log.exception(
            "planner.unwritable", job=verdict.spec.kind, group=verdict.occurrence.group.id, kind=type(error).__name__
        )
        verdict.state, verdict.reason = "failed", "bug"
        return None, ""
    return message, body


def _recipient(reply: Reply | None) -> int:
    return (reply.to or 0) if reply is not None and reply.kind is Kind.DM else 0


def _write(session: Session, verdicts: Sequence[Verdict], shard: str) -> None:
    written: dict[tuple[int, int, date, int], dict[str, object]] = {}
    for verdict in verdicts:
        if not verdict.state:
            continue
        one = verdict.occurrence
        recipient = _recipient(verdict.reply)
        key = (*_key(one), recipient)
        message, body = _worded(session, verdict)
        if key in written:
            earlier = str(written[key]["body"])
            if not recipient:
                log.error("planner.told_twice", job=verdict.spec.kind, group=one.group.id)
            elif message is not None and earlier:
                # A person has one row: what one kind has to tell him twice on one day is one message.
                written[key]["body"] = rows.with_part(Outgoing.load(earlier), message).dump()
            continue
        private = message is not None and message.place is Place.DM
        written[key] = {
            "campaign_id": one.campaign_id,
            "group_id": one.group.id,
            "local_date": one.local_date,
            "recipient": recipient,
            "channel": message.channel if message is not None and private else "",
            "account": message.account if message is not None and private else "",
            "shard": shard,
            "epoch": 0,
            "state": verdict.state,
            "reason": verdict.reason,
            "body": body,
            "attempts": 0,
            "sender": "",
            "due_at": one.due_at,
            "not_before": verdict.not_before,
            "expires_at": verdict.expires_at,
            "provider_id": "",
        }
    if written:
        session.connection().execute(_D.insert(), list(written.values()))
