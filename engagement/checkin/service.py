"""Checking in, and reading who did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, Integer, bindparam, func, literal_column, select

from engagement.checkin import catchup, makeups, pauses, rules
from engagement.checkin.card import Month
from engagement.checkin.tables import DAILY, Checkin, CheckinStreak, recording
from engagement.events import CheckedIn
from engagement.feature import Context, GroupView
from engagement.kernel import Reply
from engagement.points.service import award
from storage import bonds, ledger
from storage.columns import micros
from storage.engine import Session
from storage.groups import Member
from storage.statements import Prepared

_C = Checkin.__table__  # type: ignore[attr-defined]
_S = CheckinStreak.__table__  # type: ignore[attr-defined]
_M = Member.__table__  # type: ignore[attr-defined]
_INSERT = recording(made_up=False)
_STREAK = Prepared(
    "checkin.streak",
    select(_S.c.streak, _S.c.longest, _S.c.total, _S.c.last_date, _S.c.cards, _S.c.made_up).where(
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
            cards=bindparam("cards"),
            made_up=literal_column("0"),
        )
        .on_conflict_do_update(
            index_elements=["member_id", "topic"],
            set_={
                "streak": bindparam("streak"),
                "longest": bindparam("longest"),
                "total": bindparam("total"),
                "last_date": bindparam("last_day"),
                "cards": bindparam("cards"),
            },
        )
    ),
)


def _alike(name: str, alike: ColumnElement[bool]) -> Prepared:
    """Members of a group whose plain check-in of a day was of a kind; no more of them are looked for than needed."""
    found = (
        select(_M.c.id)
        .select_from(_M.join(_S, (_S.c.member_id == _M.c.id) & (_S.c.topic == bindparam("topic"))))
        .where(_M.c.group_id == bindparam("group"), _M.c.bonded_to.is_(None), _S.c.last_date == bindparam("day"), alike)
        .limit(bindparam("most", type_=Integer))
    )
    return Prepared(name, found)


_FIRSTS = _alike("checkin.firsts", _S.c.total == 1)
_AS_FAR = _alike("checkin.as_far", _S.c.streak == bindparam("streak"))


PLAIN = DAILY
"""Key of the plain check-in, beside those of a group's own topics."""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a check-in.

    Attributes:
        repeated: there was one for this day already; nothing was changed.
        streak: days in a row now.
        total: check-ins ever.
        points: whole points given by this one, the bonus included.
        balance: whole points of the account now.
        special: why the points are doubled: ``day``, the id of a festival, or empty.
        cards: make-up cards held now.
        got_card: this one brought a card.
        refunded: the day had been made up for, and what that cost was given back: ``card``, or its points.
        replies: what other slices want said about it.
        broken: days in a row that ended with this one's first day; 0 when nothing worth a word did.
    """

    repeated: bool
    streak: int
    total: int
    points: int
    bonus: int
    balance: int
    special: str = ""
    cards: int = 0
    got_card: bool = False
    refunded: str = ""
    replies: Sequence[Reply] = ()
    broken: int = 0


def check_in(ctx: Context, topic: rules.Topic | None = None) -> Done:
    """Check the actor in for the group's local day, once a topic; None = the plain daily one.

    Source: F1, F2, F12, FAULTS B8.
    """
    member, account, group = ctx.actor.member_id, ctx.actor.account_id, ctx.here
    assert member is not None and account is not None
    session, day, key = ctx.session, ctx.today, DAILY if topic is None else topic.key
    at = micros(ctx.incoming.occurred_at)
    made = session.row(_INSERT, member=member, topic=key, local_day=day.isoformat(), occurred_at=at)
    row = session.row(_STREAK, member=member, topic=key)
    streak, longest, total, last_day, cards, made_up = row or (0, 0, 0, None, 0, 0)
    refunded, broken = "", 0
    if made is None:
        if made_up:
            refunded = makeups.give_back(ctx, key, day, at)
        if not refunded:
            if streak and catchup.is_behind(group):
                streak = pauses.streak_of(session, group, member, key)
            return Done(True, streak, total, 0, 0, ledger.balance(session, account), cards=cards)
        cards = min(rules.MOST_CARDS, cards + (refunded == "card"))
    last = None if last_day is None else date.fromisoformat(last_day)
    if last is not None and (day <= last or catchup.is_behind(group)):
        # A late delivery of an earlier day: the facts decide, for that day's reward and for the streak that stands.
        days = pauses.days_of(session, member, key)
        off = pauses.paused(session, group, member, min(days), key)
        last_after = max(day, last)
        this, now_streak = rules.streak_ending(days, day, off), rules.streak_ending(days, last_after, off)
        longest = max(longest, rules.streak_around(days, day, off))
    else:
        off = _NEVER if last is None or (day - last).days <= 1 else pauses.paused(session, group, member, last, key)
        this = now_streak = rules.next_streak(streak, last, day, off)
        broken = streak if this == 1 and streak >= rules.MISSED_FROM and topic is None else 0
        last_after = day
    after = rules.cards_after(cards, this) if topic is None else 0
    session.run(
        _KEEP,
        member=member,
        topic=key,
        streak=now_streak,
        longest=max(longest, now_streak, this),
        total=total + 1,
        last_day=last_after.isoformat(),
        cards=after,
    )
    settings = pauses.settings_of(group)
    rewards, special = rules.Rewards.of(settings), rules.special_day(settings, day)
    if topic is None:
        worth = rules.reward(rewards, this, first=total == 0, doubled=bool(special))
    else:
        worth = rules.topic_reward(rewards, topic, this, doubled=bool(special))
    points, bonus = worth.points, worth.bonus
    if points:
        awarded = award(ctx, kind="checkin", key=f"checkin:{group.id}:{member}:{key}:{day.isoformat()}", amount=points)
        balance, points, bonus = awarded.balance, awarded.points, min(bonus, awarded.points)
    else:
        balance = ledger.balance(session, account)
    replies = ctx.emit(CheckedIn(group.id, member, account, key, day, this))
    return Done(
        False, this, total + 1, points, bonus, balance, special, after, after > cards, refunded, replies, broken
    )


_NEVER = rules.Pauses()


def month_of(session: Session, group: GroupView, member_id: int, today: date, topic: str = DAILY) -> Month:
    """Return a member's check-ins of this month, for the calendar."""
    start = today.replace(day=1)
    found = session.execute(
        select(_C.c.local_date, _C.c.made_up)
        .where(
            _C.c.member_id == member_id,
            _C.c.topic == topic,
            _C.c.local_date >= start,
            _C.c.local_date <= today,
        )
        .order_by(_C.c.local_date)
    ).all()
    kept = session.get(CheckinStreak, (member_id, topic), populate_existing=True)
    off = pauses.paused(session, group, member_id, start if kept is None else min(start, kept.last_date), topic)
    days = {day for day, _made_up in found}
    streak = kept.streak if kept is not None else 0
    if streak and catchup.is_behind(group):
        streak = pauses.streak_of(session, group, member_id, topic)
    frozen = [day.day for day in rules.days_between(start, today) if day not in days and day in off.only_spans()]
    return Month(
        tuple(day.day for day, made_up in found if not made_up),
        tuple(day.day for day, made_up in found if made_up),
        tuple(frozen),
        streak if kept is not None and rules.stands(kept.last_date, today, off) else 0,
        kept.longest if kept is not None else 0,
        kept.total if kept is not None else 0,
        kept.cards if kept is not None else 0,
        today in days,
    )


def done_on(session: Session, member_id: int, day: date) -> frozenset[str]:
    """Return the keys of the topics on which a member has checked in on a local day."""
    found = session.execute(select(_C.c.topic).where(_C.c.member_id == member_id, _C.c.local_date == day))
    return frozenset(str(topic) for (topic,) in found)


def firsts_of(session: Session, group_id: int, day: date, most: int) -> int:
    """Count the members of a group whose very first plain check-in was on a local day, up to ``most``: no more are looked for."""
    return len(session.rows(_FIRSTS, topic=DAILY, group=group_id, day=day.isoformat(), most=most))


def as_far_of(session: Session, group_id: int, day: date, streak: int, most: int) -> int:
    """Count the members of a group whose plain check-in of a local day was their ``streak``-th in a row, up to ``most``."""
    return len(session.rows(_AS_FAR, topic=DAILY, group=group_id, day=day.isoformat(), streak=streak, most=most))


def day_count(session: Session, group_id: int, day: date, topic: str = DAILY) -> int:
    """Count who of a group checked in on a local day."""
    return counts_since(session, group_id, day, topic).get(day, 0)


def counts_since(session: Session, group_id: int, since: date, topic: str = DAILY) -> dict[date, int]:
    """Count who of a group checked in, per local day from ``since`` on; days without one are absent.

    Whoever did it with two accounts is one.
    """
    rows = session.execute(
        select(_C.c.local_date, func.count(bonds.acts().distinct()))
        .select_from(_C.join(_M, _M.c.id == _C.c.member_id))
        .where(_M.c.group_id == group_id, _C.c.local_date >= since, _C.c.topic == topic, _C.c.by_bond.is_(False))
        .group_by(_C.c.local_date)
    )
    return {day: int(number) for day, number in rows}
