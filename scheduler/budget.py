"""A group's budget of unasked messages: each has its place in a local day before it may go out.

A place is taken when a message is planned, in the day on which the group is told, and the row expires with that day: what is
late does not slip into the next one. What is said in one message has one place together. When that may not hold any more (the
other part of the message went out while this campaign stood still, the group has moved to another zone), the row looks for a
place anew at the next tick, before it may be sent.

Source: F32; ADR-0004; FAULTS F7.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, bindparam, literal_column, select, update
from sqlalchemy.dialects import postgresql, sqlite

from engagement.calendar import instant_of
from engagement.feature import GroupView
from engagement.kernel import Kind, Outgoing
from engagement.pushes import JobSpec
from scheduler import due, rows
from scheduler.zones import zone_of
from storage.campaigns import Campaign, Delivery, Schedule
from storage.columns import micros
from storage.engine import Session
from storage.groups import Group, GroupDay
from storage.moves import DOUBTED, LOST, uproot
from storage.statements import Prepared

log = structlog.get_logger("scheduler.budget")

AT_ONCE = 100
"""Rows that a transaction finds places for."""
LATE = timedelta(hours=1)
"""What is told so shortly before midnight may slip into the next day, and has a place in both."""
_TICK = timedelta(microseconds=1)

_D = Delivery.__table__  # type: ignore[attr-defined]
_C = Campaign.__table__  # type: ignore[attr-defined]
_S = Schedule.__table__  # type: ignore[attr-defined]
_G = Group.__table__  # type: ignore[attr-defined]
_GD = GroupDay.__table__  # type: ignore[attr-defined]
# Written out, so that the partial index of open rows is recognised: it goes through them in the order of the table.
_OPEN: ColumnElement[bool] = literal_column("delivery.state IN ('pending', 'sending')")
_WAITS = _OPEN & (_D.c.state == "pending")
_MINE = (_D.c.id == bindparam("row")) & (_D.c.state == "pending")
_KEEP = update(_D).where(_MINE).values(expires_at=bindparam("ends"), not_before=bindparam("later"))
_SKIP = update(_D).where(_MINE).values(state="skipped", reason=bindparam("why"), body="")
_ANY = Prepared(
    "budget.any_without",
    select(_D.c.id).where(_WAITS, _D.c.expires_at <= literal_column(str(micros(DOUBTED)))).limit(1),
)


@dataclass(slots=True)
class Wish:
    """A message to a group that looks for a place.

    Attributes:
        told: when the group is told at the earliest.
        expires_at: the end of its time; cut to that of its day when it gets a place.
        merges: it may be said in the message of another wish that is told at the same instant.
        granted: it has a place.
    """

    group: GroupView
    due_at: datetime
    told: datetime
    expires_at: datetime
    merges: bool
    granted: bool = False


def take(session: Session, wishes: Sequence[Wish]) -> None:
    """Find places for messages, the earliest due first, in the day on which each is told; ``granted`` says who got one."""
    if not wishes:
        return
    wanted = [(wish, _days(wish)) for wish in sorted(wishes, key=lambda one: one.due_at)]
    counted = _counted(session, {(wish.group.id, day) for wish, days in wanted for day in days})
    added: dict[tuple[int, date], int] = {}
    begun: set[tuple[int, datetime]] = set()
    for wish, days in wanted:
        keys = [(wish.group.id, day) for day in days]
        said_along = wish.merges and (wish.group.id, wish.told) in begun
        if not said_along:
            if any(counted.get(key, 0) + added.get(key, 0) >= wish.group.daily_budget for key in keys):
                continue
            for key in keys:
                added[key] = added.get(key, 0) + 1
            if wish.merges:
                begun.add((wish.group.id, wish.told))
        wish.granted = True
        wish.expires_at = min(wish.expires_at, _end(wish.group, days[-1]))
    _add(session, added)


def _days(wish: Wish) -> list[date]:
    """Return the local days that a message may be said on: that on which it is told, and the next when that is over soon."""
    first = due.local_day(wish.told, zone_of(wish.group.zone))
    end = _end(wish.group, first)
    return [first, first + timedelta(days=1)] if end - wish.told < LATE and wish.expires_at > end else [first]


def _end(group: GroupView, day: date) -> datetime:
    return instant_of(day + timedelta(days=1), 0, zone_of(group.zone)) - _TICK


def _counted(session: Session, keys: Collection[tuple[int, date]]) -> dict[tuple[int, date], int]:
    # Two lists and not one of pairs, for which SQLite goes through every day that any group ever had.
    found = session.connection().execute(
        select(_GD.c.group_id, _GD.c.local_date, _GD.c.unasked).where(
            _GD.c.group_id.in_({group for group, _day in keys}), _GD.c.local_date.in_({day for _group, day in keys})
        )
    )
    return {(group, day): unasked for group, day, unasked in found}


def _add(session: Session, added: dict[tuple[int, date], int]) -> None:
    if not added:
        return
    dialect: Any = postgresql if session.dialect_name == "postgresql" else sqlite
    insert = dialect.insert(_GD)
    session.connection().execute(
        insert.on_conflict_do_update(
            index_elements=["group_id", "local_date"], set_={"unasked": _GD.c.unasked + insert.excluded.unasked}
        ),
        [{"group_id": group, "local_date": day, "unasked": count} for (group, day), count in added.items()],
    )


# ------------------------------------------------------------------ places that no longer hold


def is_any_without(session: Session) -> bool:
    """Say whether a message waits that has to look for a place; a glance, for the tick of every second."""
    return session.row(_ANY) is not None


@dataclass(slots=True)
class _Seeker:
    """A waiting row that looks for a place; ``wish`` is None while it needs no new one."""

    row: int
    shard: str
    place: datetime
    group: GroupView
    spec: JobSpec | None
    message: Outgoing | None
    campaign: str
    told: datetime
    ends: datetime
    why: str = ""
    wish: Wish | None = None

    @property
    def costs(self) -> bool:
        """It needs a place."""
        heard = self.message is not None and self.message.kind is not Kind.EDIT
        return heard and (self.spec is None or self.spec.unasked)


def place(session: Session, jobs: Sequence[JobSpec], now: datetime, most: int = AT_ONCE) -> int:
    """Find places for waiting messages that have none, or whose place is doubtful; what finds none is skipped.

    Returns:
        How many were looked at; call again until 0 is returned.
    """
    found = _seekers(session, {job.kind: job for job in jobs}, now, most)
    spent = _spent(session, [one for one in found if one.place == DOUBTED], [job.kind for job in jobs if job.merges])
    for one in found:
        one.why = _too_late(one, now)
        if one.why or not one.costs:
            continue
        assert one.message is not None
        merges = one.spec is not None and one.spec.merges and rows.stands_alone(one.message)
        if one.place == LOST or (merges and (one.shard, one.group.id) in spent):
            one.wish = Wish(one.group, one.told, one.told, one.ends, merges)
    take(session, [one.wish for one in found if one.wish is not None])
    for one in found:
        if one.wish is not None and not one.wish.granted:
            one.why = "budget"
    kept = [
        {"row": one.row, "ends": _ends(one), "later": one.told if one.told > now else None}
        for one in found
        if not one.why
    ]
    skipped = [{"row": one.row, "why": one.why} for one in found if one.why]
    for statement, some in ((_KEEP, kept), (_SKIP, skipped)):
        if some:
            session.connection().execute(statement, some)
    return len(found)


def _seekers(session: Session, specs: dict[str, JobSpec], now: datetime, most: int) -> list[_Seeker]:
    wanted = (
        select(_D.c.id, _D.c.shard, _D.c.expires_at, _D.c.due_at, _D.c.not_before, _D.c.body, _C.c.kind, _C.c.state)
        .add_columns(_S.c.grace_minutes, Group)
        .join(_C, _C.c.id == _D.c.campaign_id)
        .join(_G, _G.c.id == _D.c.group_id)
        .outerjoin(_S, (_S.c.campaign_id == _D.c.campaign_id) & (_S.c.group_id == _D.c.group_id))
        .where(_WAITS, _D.c.expires_at <= DOUBTED)
        .order_by(_D.c.due_at, _D.c.id)
        .limit(most)
    )
    if session.dialect_name == "postgresql":
        wanted = wanted.with_for_update(of=_D, skip_locked=True)
    found = []
    for row, shard, at, due_at, not_before, body, kind, state, minutes, group in session.execute(wanted):
        spec, view = specs.get(kind), GroupView.of(group)
        grace = timedelta(minutes=minutes if minutes is not None else spec.grace_minutes if spec is not None else 0)
        told = max(now, not_before or now)
        if spec is not None:
            told = due.told_at(view, spec, told)
        ends = due_at + grace
        if view.quiet_from != view.quiet_to and not (spec is not None and spec.ignores_quiet):
            ends = min(ends, due.next_due(told, view.quiet_from, zone_of(view.zone)) - _TICK)
        found.append(_Seeker(row, shard, at, view, spec, _read(row, body), state, told, ends))
    return found


def _read(row: int, body: str) -> Outgoing | None:
    """Read a message; None of a broken row, which must not hold up the others and is dealt with when its turn comes."""
    try:
        return Outgoing.load(body)
    except (ValueError, KeyError, TypeError) as error:
        log.error("budget.unreadable", row=row, kind=type(error).__name__)
        return None


def _too_late(one: _Seeker, now: datetime) -> str:
    if one.told <= one.ends:
        return ""
    return "paused" if one.campaign == "paused" else "quiet" if one.told > now else "late"


def _spent(session: Session, seekers: Sequence[_Seeker], merging: Sequence[str]) -> set[tuple[str, int]]:
    """Return (shard, group) where one of those that had a place together has gone out: a shard is planned at once."""
    if not seekers:
        return set()
    gone = (
        select(_D.c.shard, _D.c.group_id)
        .join(_C, _C.c.id == _D.c.campaign_id)
        # With nothing added SQLite would go through every message that the groups ever had.
        .where(
            _D.c.shard.in_({one.shard for one in seekers}), (_D.c.group_id + 0).in_({one.group.id for one in seekers})
        )
        .where(_D.c.state.in_(["sending", "sent", "unknown"]), _D.c.recipient == 0, _C.c.kind.in_(merging))
    )
    return {(shard, group) for shard, group in session.execute(gone)}


def _ends(one: _Seeker) -> datetime:
    if one.wish is not None:
        return one.wish.expires_at
    if not one.costs:
        return one.ends
    # What keeps its place keeps it in the day of that place.
    return min(one.ends, _end(one.group, due.local_day(one.told, zone_of(one.group.zone))))


def follow_zone(session: Session, group_id: int, before: str, after: str, now: datetime) -> None:
    """Let a group that has moved to another zone have no more today than it has left: what it was told today counts there.

    Args:
        before, after: names of zones.
    """
    days = [due.local_day(now, zone_of(zone)) for zone in (before, after)]
    if days[0] != days[1]:
        counted = _counted(session, [(group_id, day) for day in days])
        missing = counted.get((group_id, days[0]), 0) - counted.get((group_id, days[1]), 0)
        if missing > 0:
            _add(session, {(group_id, days[1]): missing})
    uproot(session, group_id)
