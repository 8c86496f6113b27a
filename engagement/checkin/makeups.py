"""补签: a missed day that is made up for by card or points, and what is given back when the real check-in turns up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from sqlalchemy import bindparam, false, func, select, true, update
from sqlmodel import col
from sqlmodel import select as pick

from engagement import calendar
from engagement.checkin import pauses, rules
from engagement.checkin.tables import DAILY, Checkin, CheckinMakeup, CheckinStreak, recording
from engagement.errors import Refusal
from engagement.feature import Context, GroupView
from engagement.points.service import award
from prompts.loader import shown_day
from storage import ledger
from storage.columns import micros
from storage.engine import Session
from storage.groups import Member
from storage.statements import Prepared

CARD, POINTS = "card", "points"
_C = Checkin.__table__  # type: ignore[attr-defined]
_S = CheckinStreak.__table__  # type: ignore[attr-defined]
_U = CheckinMakeup.__table__  # type: ignore[attr-defined]
_INSERT = recording(made_up=True)
_BECOMES_REAL = Prepared(
    "checkin.makeup_becomes_real",
    update(_C)
    .where(
        _C.c.member_id == bindparam("member"),
        _C.c.topic == bindparam("of_topic"),
        _C.c.local_date == bindparam("local_day"),
        _C.c.made_up == true(),
    )
    .values(made_up=false(), occurred_at=bindparam("at"))
    .returning(_C.c.id),
)
_REFUND = Prepared(
    "checkin.refund_makeup",
    update(_U)
    .where(
        _U.c.member_id == bindparam("member"),
        _U.c.topic == bindparam("of_topic"),
        _U.c.local_date == bindparam("local_day"),
        _U.c.refunded_at.is_(None),
    )
    .values(refunded_at=bindparam("at"))
    .returning(_U.c.entry_id, _U.c.paid),
)


@dataclass(frozen=True, slots=True)
class Offer:
    """What making up for a day would cost.

    Attributes:
        cards: held now; one would do.
        points: whole points instead.
        balance: whole points of the account now.
        left: make-ups that are left this month.
        streak: days in a row that it would make.
    """

    day: date
    cards: int
    points: int
    balance: int
    left: int
    streak: int


@dataclass(frozen=True, slots=True)
class Gap:
    """What it would take to make up for all of a gap before today.

    Attributes:
        days: missed ones, the latest first.
        points: whole points that cards do not cover.
        balance: whole points of the account now.
        left: make-ups that are left this month.
        why: why it cannot be: ``long``, ``month``, ``poor``; empty when it can.
    """

    days: Sequence[date]
    points: int
    balance: int
    left: int
    why: str

    @property
    def shown(self) -> dict[str, object]:
        """Return the values of what is said of it; ``until`` is the last day on which all can be made up for."""
        until = shown_day(self.days[-1] + timedelta(days=rules.MAKEUP_WINDOW))
        return {
            "gap": len(self.days),
            "needed": self.points,
            "balance": self.balance,
            "tries": self.left,
            "until": until,
        }


def price(ctx: Context) -> int:
    """Return what a make-up costs in this group, in whole points."""
    return price_in(ctx.here)


def price_in(group: GroupView) -> int:
    """Return what a make-up costs in a group, in whole points."""
    kept = pauses.settings_of(group).get("makeup_points")
    return kept if type(kept) is int and 0 <= kept <= 1000 else rules.MAKEUP_POINTS


def offer(ctx: Context, day: date | None, topic: rules.Topic | None = None) -> Offer:
    """Look at what making up for a day would cost; None = the latest missed day.

    Args:
        topic: None = the plain check-in; another one must have a streak of its own and allow it.

    Raises:
        Refusal: it cannot be, and why.

    Source: F1.
    """
    key = DAILY
    if topic is not None:
        key = topic.key
        if not topic.allows_makeups:
            why = "not_here" if topic.streak or not topic.active else "no_streak"
            raise Refusal(f"checkin.makeup_{why}", topic=topic.name)
    assert ctx.actor.member_id is not None
    missed = _missed(ctx.session, ctx.here, ctx.actor.member_id, ctx.today, key)
    if missed.first is None:
        raise Refusal("checkin.makeup_never" if topic is None else "checkin.makeup_never_topic", topic=_name(topic))
    if day is None:
        day = rules.latest_missed(missed)
        if day is None:
            full = rules.latest_missed(replace(missed, made_this_month=0)) is not None
            raise Refusal("checkin.makeup_month_full" if full else "checkin.makeup_nothing", **_bounds())
    why = rules.why_not(day, missed)
    if why:
        raise Refusal(f"checkin.makeup_{why}", day=shown_day(day), **_bounds())
    assert ctx.actor.account_id is not None
    days = {*missed.done, day}
    # Cards are held for the plain check-in, and serve every topic.
    kept = ctx.session.get(CheckinStreak, (ctx.actor.member_id, DAILY), populate_existing=True)
    return Offer(
        day,
        kept.cards if kept is not None else 0,
        price(ctx),
        ledger.balance(ctx.session, ctx.actor.account_id),
        rules.MAKEUPS_A_MONTH - missed.made_this_month,
        rules.streak_ending(days, max(days), missed.paused),
    )


def _name(topic: rules.Topic | None) -> str:
    return "" if topic is None else topic.name


def make_up(ctx: Context, day: date, paid: str, topic: rules.Topic | None = None) -> int:
    """Make up for a day, once; returns the streak now.

    Args:
        paid: ``card`` or ``points``.

    Raises:
        Refusal: it cannot be, or there is no card, or too few points.
    """
    asked = offer(ctx, day, topic)
    member, group, key = ctx.actor.member_id, ctx.here, DAILY if topic is None else topic.key
    assert member is not None
    entry: int | None = None
    if paid == CARD:
        taken = ctx.session.execute(
            update(_S)
            .where(_S.c.member_id == member, _S.c.topic == DAILY, _S.c.cards > 0)
            .values(cards=_S.c.cards - 1)
            .returning(_S.c.cards)
        ).first()
        if taken is None:
            raise Refusal("checkin.makeup_no_card", points=asked.points)
    elif asked.points:
        try:
            entry = award(
                ctx,
                kind="makeup",
                key=f"makeup:{group.id}:{member}:{key}:{day.isoformat()}",
                amount=-asked.points,
            ).entry_id
        except ledger.InsufficientPoints as lacking:
            raise Refusal("checkin.makeup_poor", points=asked.points, balance=lacking.balance) from lacking
    made = ctx.session.row(
        _INSERT, member=member, topic=key, local_day=day.isoformat(), occurred_at=micros(ctx.incoming.occurred_at)
    )
    if made is None:
        raise Refusal("checkin.makeup_done", day=shown_day(day))
    ctx.session.add(
        CheckinMakeup(member_id=member, topic=key, local_date=day, made_on=ctx.today, paid=paid, entry_id=entry)
    )
    ctx.session.execute(update(_S).where(_S.c.member_id == member, _S.c.topic == key).values(made_up=_S.c.made_up + 1))
    ctx.session.flush()
    return pauses.restreak(ctx.session, group, member, key, around=day)


def give_back(ctx: Context, topic: str, day: date, at: int) -> str:
    """Turn a make-up into the real check-in that came late, and give back what it cost, once.

    Args:
        at: when the check-in occurred, microseconds.

    Returns:
        ``card`` (which the caller gives back, unless it was for another topic than the plain one) or ``points``; empty when
        that day was not made up for.
    """
    member = ctx.actor.member_id
    assert member is not None
    where = {"member": member, "of_topic": topic, "local_day": day.isoformat()}
    if ctx.session.row(_BECOMES_REAL, **where, at=at) is None:
        return ""
    refund = ctx.session.row(_REFUND, **where, at=micros(ctx.now))
    entry, paid = refund or (None, POINTS)
    if entry is not None:
        ledger.reverse(ctx.session, int(entry), local_date=ctx.today, occurred_at=ctx.incoming.occurred_at)
    ctx.session.execute(
        update(_S).where(_S.c.member_id == member, _S.c.topic == topic).values(made_up=_S.c.made_up - 1)
    )
    if paid == CARD and topic != DAILY:
        ctx.session.execute(
            update(_S)
            .where(_S.c.member_id == member, _S.c.topic == DAILY, _S.c.cards < rules.MOST_CARDS)
            .values(cards=_S.c.cards + 1)
        )
    return str(paid)


def possible(session: Session, group: GroupView, member_id: int, today: date, topic: str = DAILY) -> list[date]:
    """Return the days that a member can make up for today, the latest first; what it costs is another matter.

    Source: F1.
    """
    missed = _missed(session, group, member_id, today, topic)
    days = (today - timedelta(days=back) for back in range(1, rules.MAKEUP_WINDOW + 1))
    return [day for day in days if not rules.why_not(day, missed)]


def gap(ctx: Context) -> Gap | None:
    """Look at what it would take to make up for all days that were missed before today; None when none was.

    Every day of it must be one that can be made up for, within the month's limit, and there must be cards or points for all.
    """
    member, account = ctx.actor.member_id, ctx.actor.account_id
    assert member is not None and account is not None
    missed = _missed(ctx.session, ctx.here, member, ctx.today, DAILY)
    days = rules.gap(missed)
    if not days:
        return None
    kept = ctx.session.get(CheckinStreak, (member, DAILY), populate_existing=True)
    points = max(0, len(days) - (0 if kept is None else kept.cards)) * price(ctx)
    balance = ledger.balance(ctx.session, account)
    why = rules.why_not_all(days, missed) or ("poor" if points > balance else "")
    return Gap(days, points, balance, max(0, rules.MAKEUPS_A_MONTH - missed.made_this_month), why)


def _missed(session: Session, group: GroupView, member_id: int, today: date, topic: str) -> rules.Missed:
    first = session.execute(
        select(func.min(_C.c.local_date)).where(
            _C.c.member_id == member_id, _C.c.topic == topic, _C.c.made_up == false()
        )
    ).scalar_one()
    joined = calendar.local_day(session.get_one(Member, member_id).joined_at, group.zone)
    made = session.exec(
        pick(func.count()).where(
            CheckinMakeup.member_id == member_id,
            col(CheckinMakeup.made_on) >= calendar.month_start(today),
            col(CheckinMakeup.made_on) <= calendar.month_end(today),
            col(CheckinMakeup.refunded_at).is_(None),
        )
    ).one()
    since = first or today
    return rules.Missed(
        today=today,
        first=first,
        joined=joined,
        done=pauses.days_of(session, member_id, topic),
        paused=pauses.paused(session, group, member_id, since, topic),
        made_this_month=int(made),
    )


def _bounds() -> dict[str, object]:
    return {"window": rules.MAKEUP_WINDOW, "most": rules.MAKEUPS_A_MONTH}
