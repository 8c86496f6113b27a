"""The day at a glance: the figures of one group or of many, in a fixed number of statements.

Check-ins and answers are counted in the ledger, which every slice writes and none owns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, Table, and_, func, or_, select

from engagement import calendar
from engagement.feature import GroupView
from engagement.leader import rules
from storage import bonds
from storage.campaigns import Campaign, Delivery, Schedule
from storage.documents import Question
from storage.engine import Session
from storage.groups import GroupDay, Member
from storage.ledger import Entry

_E = Entry.__table__  # type: ignore[attr-defined]
_M = Member.__table__  # type: ignore[attr-defined]
_Q = Question.__table__  # type: ignore[attr-defined]
_D = GroupDay.__table__  # type: ignore[attr-defined]
_S = Schedule.__table__  # type: ignore[attr-defined]
_DL = Delivery.__table__  # type: ignore[attr-defined]
_C = Campaign.__table__  # type: ignore[attr-defined]
_EARNED = ("checkin", "topic")


@dataclass(slots=True)
class Day:
    """A group's day so far.

    Attributes:
        checkins, yesterday: members who checked in today, and on all of yesterday; with two accounts is one.
        answers: members who answered the topic.
        newcomers: members first seen today, leaders left out.
        open, oldest: questions that wait for the leader, and since when the oldest one does.
        unasked: messages that the bot put out unasked.
        pushed: (local minute, kind) of what went out, in order.
        coming: the same of what may still come.
        praised: (name, days in a row).
        suspected: how often something was suspicious; ``suspects`` names who.
    """

    group: GroupView
    local_date: date
    checkins: int = 0
    yesterday: int = 0
    answers: int = 0
    newcomers: int = 0
    open: int = 0
    oldest: datetime | None = None
    unasked: int = 0
    pushed: list[tuple[int, str]] = field(default_factory=list)
    coming: list[tuple[int, str]] = field(default_factory=list)
    praised: list[tuple[str, int]] = field(default_factory=list)
    suspected: int = 0
    suspects: list[str] = field(default_factory=list)


def days(session: Session, groups: Sequence[GroupView], now: datetime, kinds: Sequence[str] = ()) -> Mapping[int, Day]:
    """Return group id → its day so far, for any number of groups.

    Args:
        kinds: which pushes may still come; empty = they are not asked for.
    """
    found = {group.id: Day(group, calendar.local_day(now, group.zone)) for group in groups}
    if not found:
        return found
    today = {group: day.local_date for group, day in found.items()}
    _earned(session, found, today)
    midnights = {group.id: calendar.instant_of(today[group.id], 0, group.zone) for group in groups}
    for group_id, count in session.execute(
        select(_M.c.group_id, func.count()).where(_joined(midnights), _M.c.role != "leader").group_by(_M.c.group_id)
    ):
        found[group_id].newcomers = count
    for group_id, count, oldest in session.execute(
        select(_Q.c.group_id, func.count(), func.min(_Q.c.asked_at))
        .where(_Q.c.group_id.in_(sorted(found)), _Q.c.state == "open")
        .group_by(_Q.c.group_id)
    ):
        found[group_id].open, found[group_id].oldest = count, oldest
    pairs = sorted(today.items())
    for group_id, unasked in session.execute(select(_D.c.group_id, _D.c.unasked).where(_on(_D, pairs))):
        found[group_id].unasked = unasked
    for group_id, kind, sent_at in session.execute(
        select(_DL.c.group_id, _C.c.kind, _DL.c.sent_at)
        .select_from(_DL.join(_C, _C.c.id == _DL.c.campaign_id))
        .where(_on(_DL, pairs), _DL.c.recipient == 0, _DL.c.state == "sent")
        .order_by(_DL.c.sent_at)
    ):
        day = found[group_id]
        day.pushed.append((calendar.local_minute(sent_at or now, day.group.zone), kind))
    _coming(session, found, now, kinds)
    _marks(session, found, {group: day.isoformat() for group, day in today.items()})
    return found


def _joined(since: Mapping[int, datetime]) -> ColumnElement[bool]:
    """Return the condition on who came into which group since when, and is there; groups of one zone in one part."""
    at_once: dict[datetime, list[int]] = {}
    for group, moment in since.items():
        at_once.setdefault(moment, []).append(group)
    here = _M.c.left_at.is_(None)
    return or_(*(and_(_M.c.group_id.in_(groups), here, _M.c.joined_at >= moment) for moment, groups in at_once.items()))


def _on(table: Table, pairs: Sequence[tuple[int, date]]) -> ColumnElement[bool]:
    """Return the condition on rows of groups' days; by day, since SQLite finds pairs of values by no index."""
    by_day: dict[date, list[int]] = {}
    for group, day in pairs:
        by_day.setdefault(day, []).append(group)
    return or_(*(and_(table.c.local_date == day, table.c.group_id.in_(groups)) for day, groups in by_day.items()))


def _earned(session: Session, found: Mapping[int, Day], today: Mapping[int, date]) -> None:
    both = [(group, day) for group, day in today.items()]
    both += [(group, day - timedelta(days=1)) for group, day in today.items()]
    for group_id, local_date, kind, members in session.execute(
        select(_E.c.group_id, _E.c.local_date, _E.c.kind, func.count(bonds.acts().distinct()))
        .select_from(_E.join(_M, _M.c.id == _E.c.member_id))
        .where(_on(_E, both), _E.c.kind.in_(_EARNED), _E.c.amount > 0)
        .group_by(_E.c.group_id, _E.c.local_date, _E.c.kind)
    ):
        day = found[group_id]
        if local_date != today[group_id]:
            day.yesterday = members if kind == "checkin" else day.yesterday
        elif kind == "checkin":
            day.checkins = members
        else:
            day.answers = members


def _coming(session: Session, found: Mapping[int, Day], now: datetime, kinds: Sequence[str]) -> None:
    if not kinds:
        return
    for group_id, kind, minute, next_at in session.execute(
        select(_S.c.group_id, _S.c.kind, _S.c.local_minute, _S.c.next_at)
        .select_from(_S.join(_C, _C.c.id == _S.c.campaign_id))
        .where(
            _S.c.group_id.in_(sorted(found)),
            _S.c.kind.in_(kinds),
            _S.c.enabled,
            _S.c.next_at > now,
            _C.c.state == "running",
        )
        .order_by(_S.c.local_minute)
    ):
        day = found[group_id]
        if calendar.local_day(next_at, day.group.zone) == calendar.local_day(now, day.group.zone):
            day.coming.append((minute, kind))


def _marks(session: Session, found: Mapping[int, Day], today: Mapping[int, str]) -> None:
    marks = {group: rules.marks_of(day.group.settings, today[group]) for group, day in found.items()}
    wanted = {member for one in marks.values() for member in (*(m for m, _ in one.praised), *one.suspected)}
    if not wanted:
        return
    rows = session.execute(select(_M.c.id, _M.c.name).where(_M.c.id.in_(sorted(wanted)), _M.c.left_at.is_(None)))
    names = {member: name for member, name in rows if name}
    for group, one in marks.items():
        day = found[group]
        day.praised = [(names[member], streak) for member, streak in one.praised if member in names]
        day.suspected = len(one.suspected)
        day.suspects = [names[member] for member in dict.fromkeys(one.suspected) if member in names]
