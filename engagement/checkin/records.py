"""What is kept about a person's check-ins: a copy, its deletion, and whether the cached streaks agree with the facts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import select
from sqlmodel import SQLModel, col, func
from sqlmodel import select as pick

from engagement.checkin import catchup, pauses, rules
from engagement.checkin.tables import DAILY, Checkin, CheckinMakeup, CheckinPause, CheckinStreak
from engagement.feature import GroupView
from storage.engine import Session
from storage.groups import Group, Member

_C = Checkin.__table__  # type: ignore[attr-defined]
_S = CheckinStreak.__table__  # type: ignore[attr-defined]
_P = CheckinPause.__table__  # type: ignore[attr-defined]
_M = Member.__table__  # type: ignore[attr-defined]
_AT_ONCE = 5000


def wrong_streaks(session: Session) -> int:
    """Count cached streaks that differ from the facts (for ``verify``): days in a row, total, last day, make-ups.

    Reads both sides in one order, so that memory does not grow with the number of members.
    """
    weekdays, behind = _settings(session)
    spans = _spans(session)
    groups = {int(m): int(g) for m, g in session.execute(select(_P.c.member_id, _P.c.group_id).distinct()) if m}
    frozen_groups = {group for group, member in spans if member is None}
    kept: Iterator[Any] = iter(
        session.execute(
            select(
                _S.c.member_id,
                _S.c.topic,
                _S.c.streak,
                _S.c.longest,
                _S.c.total,
                _S.c.last_date,
                _S.c.made_up,
                _M.c.group_id,
            )
            .join(_M, _M.c.id == _S.c.member_id)
            .order_by(_S.c.member_id, _S.c.topic)
        ).yield_per(_AT_ONCE)
    )
    wrong = 0
    row = next(kept, None)
    for (member, topic), days in _facts(session):
        while row is not None and (row[0], row[1]) < (member, topic):
            wrong += 1  # a streak without any fact
            row = next(kept, None)
        if row is None or (row[0], row[1]) != (member, topic):
            wrong += 1
            continue
        group = row[7]
        own: tuple[tuple[date, date], ...] = ()
        if group in frozen_groups or member in groups:
            own = (*spans.get((group, None), ()), *spans.get((group, member), ()))
        off = rules.Pauses(own, (group, topic) in weekdays)
        made_up = sum(days.values())
        last = max(days)
        # Where streaks are being caught up with, what is kept of them does not count.
        streak = row[2] if group in behind else rules.streak_ending(days, last, off)
        if (row[2], row[4], row[5], row[6]) != (streak, len(days) - made_up, last, made_up) or row[3] < row[2]:
            wrong += 1
        row = next(kept, None)
    while row is not None:
        wrong += 1
        row = next(kept, None)
    return wrong


def _facts(session: Session) -> Iterator[tuple[tuple[int, str], dict[date, bool]]]:
    rows = session.execute(
        select(_C.c.member_id, _C.c.topic, _C.c.local_date, _C.c.made_up).order_by(_C.c.member_id, _C.c.topic)
    ).yield_per(_AT_ONCE)
    for (member, topic), found in groupby(rows, key=lambda one: (one[0], one[1])):
        yield (int(member), str(topic)), {day: bool(made_up) for _member, _topic, day, made_up in found}


def _settings(session: Session) -> tuple[set[tuple[int, str]], set[int]]:
    """Return the (group, topic) that count weekdays only, and the groups whose streaks are being caught up with."""
    weekdays: set[tuple[int, str]] = set()
    behind: set[int] = set()
    for group_id, settings in session.exec(pick(Group.id, Group.settings)):
        part = (settings or {}).get("checkin")
        if isinstance(part, dict) and group_id is not None:
            weekdays.update((group_id, topic.key) for topic in rules.topics_of(part) if topic.weekdays)
            if catchup.SETTING in part:
                behind.add(group_id)
    return weekdays, behind


def _spans(session: Session) -> dict[tuple[int, int | None], tuple[tuple[date, date], ...]]:
    found: dict[tuple[int, int | None], tuple[tuple[date, date], ...]] = {}
    for group, member, first, last in session.execute(
        select(_P.c.group_id, _P.c.member_id, _P.c.first_day, _P.c.last_day)
    ):
        found[group, member] = (*found.get((group, member), ()), (first, last))
    return found


def export(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return a person's check-ins, oldest first."""
    rows = session.exec(
        pick(Checkin, Group)
        .join(Member, col(Member.id) == col(Checkin.member_id))
        .join(Group, col(Group.id) == col(Member.group_id))
        .where(col(Member.person_id) == person_id)
        .order_by(col(Checkin.id))
    )
    return [
        {
            "group": group.name,
            "topic": topic_name(group, one.topic),
            "date": one.local_date.isoformat(),
            "at": one.occurred_at.isoformat(),
            "made_up": one.made_up,
        }
        for one, group in rows
    ]


def _streak(session: Session, kept: CheckinStreak, group: GroupView) -> int:
    return pauses.streak_of(session, group, kept.member_id, kept.topic) if catchup.is_behind(group) else kept.streak


def count(session: Session, person_id: int, most: int) -> int:
    """Count a person's check-ins, at most ``most``."""
    some = (
        pick(Checkin.id)
        .join(Member, col(Member.id) == col(Checkin.member_id))
        .where(col(Member.person_id) == person_id)
        .limit(most)
    )
    return int(session.exec(pick(func.count()).select_from(some.subquery())).one())


def export_streaks(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return a person's streaks in every group."""
    rows = session.exec(
        pick(CheckinStreak, Group)
        .join(Member, col(Member.id) == col(CheckinStreak.member_id))
        .join(Group, col(Group.id) == col(Member.group_id))
        .where(col(Member.person_id) == person_id)
        .order_by(col(Member.id), col(CheckinStreak.topic))
    )
    return [
        {
            "group": group.name,
            "topic": topic_name(group, one.topic),
            "streak": _streak(session, one, GroupView.of(group)),
            "longest": one.longest,
            "total": one.total,
            "last": one.last_date.isoformat(),
            "cards": one.cards,
        }
        for one, group in rows
    ]


def export_makeups(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return which days a person made up for, when and how."""
    rows = session.exec(
        pick(CheckinMakeup)
        .join(Member, col(Member.id) == col(CheckinMakeup.member_id))
        .where(col(Member.person_id) == person_id)
        .order_by(col(CheckinMakeup.id))
    )
    return [
        {
            "date": one.local_date.isoformat(),
            "made_on": one.made_on.isoformat(),
            "paid": one.paid,
            "given_back": one.refunded_at is not None,
        }
        for one in rows
    ]


def export_leaves(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return a person's days off."""
    rows = session.exec(
        pick(CheckinPause)
        .join(Member, col(Member.id) == col(CheckinPause.member_id))
        .where(col(Member.person_id) == person_id)
        .order_by(col(CheckinPause.id))
    )
    return [{"first": one.first_day.isoformat(), "last": one.last_day.isoformat()} for one in rows]


def topic_name(group: Group, key: str) -> str:
    """Return what a topic is called; empty for the plain check-in."""
    part = (group.settings or {}).get("checkin")
    topics = rules.topics_of(part) if isinstance(part, dict) and key != DAILY else ()
    return next((topic.name for topic in topics if topic.key == key), "")


def erase(session: Session, person_id: int, _now: datetime) -> None:
    """Delete a person's check-ins and all that hangs on them; the points entries stay, without a name."""
    members = list(session.exec(pick(Member.id).where(Member.person_id == person_id)))
    tables: tuple[type[SQLModel], ...] = (CheckinMakeup, CheckinPause, Checkin, CheckinStreak)
    for table in tables:
        for row in session.exec(pick(table).where(col(table.member_id).in_(members))):  # type: ignore[attr-defined]
            session.delete(row)


def keep(_session: Session, _person_id: int, _now: datetime) -> None:
    """Do nothing: :func:`erase` has deleted it together with the check-ins."""
