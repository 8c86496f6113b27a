"""Checking in, and reading who did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import bindparam, func, select
from sqlmodel import col
from sqlmodel import select as pick

from engagement.checkin import rules
from engagement.checkin.tables import DAILY, Checkin, CheckinStreak
from engagement.events import CheckedIn
from engagement.feature import Context
from engagement.kernel import Reply
from engagement.points.service import award
from storage import ledger
from storage.columns import micros
from storage.engine import Session
from storage.groups import Group, Member
from storage.statements import Prepared

_C = Checkin.__table__  # type: ignore[attr-defined]
_S = CheckinStreak.__table__  # type: ignore[attr-defined]
_M = Member.__table__  # type: ignore[attr-defined]
_INSERT = Prepared(
    "checkin.insert",
    lambda insert: (
        insert(_C)
        .values(
            member_id=bindparam("member"),
            topic=bindparam("topic"),
            local_date=bindparam("local_day"),
            occurred_at=bindparam("occurred_at"),
        )
        .on_conflict_do_nothing(index_elements=["member_id", "topic", "local_date"])
        .returning(_C.c.id)
    ),
)
_STREAK = Prepared(
    "checkin.streak",
    select(_S.c.streak, _S.c.longest, _S.c.total, _S.c.last_date).where(
        _S.c.member_id == bindparam("member"), _S.c.topic == bindparam("topic")
    ),
)
_KEEP = Prepared(
    "checkin.keep_streak",
    lambda insert: (
        insert(_S)
        .values(
            member_id=bindparam("member"),
            topic=bindparam("topic"),
            streak=bindparam("streak"),
            longest=bindparam("longest"),
            total=bindparam("total"),
            last_date=bindparam("last_day"),
        )
        .on_conflict_do_update(
            index_elements=["member_id", "topic"],
            set_={
                "streak": bindparam("streak"),
                "longest": bindparam("longest"),
                "total": bindparam("total"),
                "last_date": bindparam("last_day"),
            },
        )
    ),
)


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a check-in.

    Attributes:
        repeated: there was one for this day already; nothing was changed.
        streak: days in a row now.
        total: check-ins ever.
        points: whole points given by this one, the bonus included.
        balance: whole points of the account now.
        replies: what other slices want said about it.
    """

    repeated: bool
    streak: int
    total: int
    points: int
    bonus: int
    balance: int
    replies: Sequence[Reply] = ()


def check_in(ctx: Context, topic: str = DAILY) -> Done:
    """Check the actor in for the group's local day, once.

    Source: F1, FAULTS B8.
    """
    member, account, group = ctx.actor.member_id, ctx.actor.account_id, ctx.here
    assert member is not None and account is not None
    day = ctx.today
    made = ctx.session.row(
        _INSERT, member=member, topic=topic, local_day=day.isoformat(), occurred_at=micros(ctx.incoming.occurred_at)
    )
    row = ctx.session.row(_STREAK, member=member, topic=topic)
    if made is None:
        return Done(True, row[0], row[2], 0, 0, ledger.balance(ctx.session, account))
    streak, longest, total, last_day = row or (0, 0, 0, None)
    last = None if last_day is None else date.fromisoformat(last_day)
    if last is not None and day < last:
        # A late delivery of an earlier day: the facts decide, for that day's reward and for the streak that stands.
        days = _days(ctx.session, member, topic)
        this, now_streak, last_after = rules.streak_ending(days, day), rules.streak_ending(days, last), last
    else:
        this = now_streak = rules.next_streak(streak, last, day)
        last_after = day
    ctx.session.run(
        _KEEP,
        member=member,
        topic=topic,
        streak=now_streak,
        longest=max(longest, now_streak, this),
        total=total + 1,
        last_day=last_after.isoformat(),
    )
    settings = group.settings.get("checkin")
    rewards = rules.Rewards.of(settings if isinstance(settings, Mapping) else {})
    worth = rules.reward(rewards, this, first=total == 0)
    if worth.points:
        balance = award(
            ctx, kind="checkin", key=f"checkin:{group.id}:{member}:{topic}:{day.isoformat()}", amount=worth.points
        ).balance
    else:
        balance = ledger.balance(ctx.session, account)
    replies = ctx.emit(CheckedIn(group.id, member, account, topic, day, this))
    return Done(False, this, total + 1, worth.points, worth.bonus, balance, replies)


def _days(session: Session, member_id: int, topic: str) -> set[date]:
    return set(
        session.exec(pick(col(Checkin.local_date)).where(Checkin.member_id == member_id, Checkin.topic == topic))
    )


@dataclass(frozen=True, slots=True)
class Month:
    """A member's calendar of one month.

    Attributes:
        days: days of the month (1 … 31) with a check-in.
        streak: days in a row that still stands today, else 0.
        longest: longest streak ever.
    """

    days: tuple[int, ...]
    streak: int
    longest: int
    total: int
    checked_today: bool


def month_of(session: Session, member_id: int, today: date, topic: str = DAILY) -> Month:
    """Return a member's check-ins of this month, for the calendar."""
    start = today.replace(day=1)
    days = session.exec(
        pick(col(Checkin.local_date))
        .where(
            col(Checkin.member_id) == member_id,
            col(Checkin.topic) == topic,
            col(Checkin.local_date) >= start,
            col(Checkin.local_date) <= today,
        )
        .order_by(col(Checkin.local_date))
    ).all()
    kept = session.get(CheckinStreak, (member_id, topic))
    stands = kept is not None and today - kept.last_date <= timedelta(days=1)
    return Month(
        tuple(d.day for d in days),
        kept.streak if kept is not None and stands else 0,
        kept.longest if kept is not None else 0,
        kept.total if kept is not None else 0,
        today in days,
    )


def day_count(session: Session, group_id: int, day: date, topic: str = DAILY) -> int:
    """Count a group's check-ins of a local day."""
    return int(
        session.execute(
            select(func.count())
            .select_from(_C.join(_M, _M.c.id == _C.c.member_id))
            .where(_M.c.group_id == group_id, _C.c.local_date == day, _C.c.topic == topic)
        ).scalar_one()
    )


def counts_since(session: Session, group_id: int, since: date, topic: str = DAILY) -> dict[date, int]:
    """Count a group's check-ins per local day from ``since`` on; days without one are absent."""
    rows = session.execute(
        select(_C.c.local_date, func.count())
        .select_from(_C.join(_M, _M.c.id == _C.c.member_id))
        .where(_M.c.group_id == group_id, _C.c.local_date >= since, _C.c.topic == topic)
        .group_by(_C.c.local_date)
    )
    return {day: int(number) for day, number in rows}


def wrong_streaks(session: Session) -> int:
    """Count cached totals that differ from the facts (for ``verify``)."""
    facts = (
        select(_C.c.member_id, _C.c.topic, func.count().label("total"), func.max(_C.c.local_date).label("last"))
        .group_by(_C.c.member_id, _C.c.topic)
        .subquery()
    )
    return int(
        session.execute(
            select(func.count())
            .select_from(facts.outerjoin(_S, (_S.c.member_id == facts.c.member_id) & (_S.c.topic == facts.c.topic)))
            .where((_S.c.total.is_(None)) | (_S.c.total != facts.c.total) | (_S.c.last_date != facts.c.last))
        ).scalar_one()
    )


def export(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return a person's check-ins, oldest first."""
    rows = session.exec(
        pick(Checkin, Group.name)
        .join(Member, col(Member.id) == col(Checkin.member_id))
        .join(Group, col(Group.id) == col(Member.group_id))
        .where(col(Member.person_id) == person_id)
        .order_by(col(Checkin.id))
    )
    return [{"group": name, "date": c.local_date.isoformat(), "at": c.occurred_at.isoformat()} for c, name in rows]


def export_streaks(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return a person's streaks in every group."""
    rows = session.exec(
        pick(CheckinStreak, Group.name)
        .join(Member, col(Member.id) == col(CheckinStreak.member_id))
        .join(Group, col(Group.id) == col(Member.group_id))
        .where(col(Member.person_id) == person_id)
        .order_by(col(Member.id), col(CheckinStreak.topic))
    )
    return [
        {"group": name, "streak": s.streak, "longest": s.longest, "total": s.total, "last": s.last_date.isoformat()}
        for s, name in rows
    ]


def erase(session: Session, person_id: int) -> None:
    """Delete a person's check-ins and streaks; the points entries stay, without a name."""
    members = list(session.exec(pick(Member.id).where(Member.person_id == person_id)))
    for checkin in session.exec(pick(Checkin).where(col(Checkin.member_id).in_(members))):
        session.delete(checkin)
    for streak in session.exec(pick(CheckinStreak).where(col(CheckinStreak.member_id).in_(members))):
        session.delete(streak)
