"""The month's challenge: counting days and answers, who stands where, and paying those who complete it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, exists, func, or_, select, tuple_, update
from sqlmodel import col
from sqlmodel import select as pick

from engagement import calendar
from engagement.events import CheckedIn, TopicAnswered
from engagement.feature import Context
from engagement.kernel import Reply, one_line
from engagement.points.service import good_until
from engagement.theme import rules
from engagement.theme.tables import ThemeScore
from prompts import packs
from prompts.packs import Month
from storage import bonds, ledger
from storage.engine import Session
from storage.groups import Consent, Group, Member
from storage.ledger import Posting
from storage.statements import Prepared

PAID_AT_ONCE = 500
"""Rewards posted in one planner's transaction, so that it stays short; what is left is paid on the next day's."""

_S = ThemeScore.__table__  # type: ignore[attr-defined]
_M = Member.__table__  # type: ignore[attr-defined]
_C = Consent.__table__  # type: ignore[attr-defined]
_RESTING = _M.alias("resting")
_KEY = ("group_id", "month", "member_id")


def _count(name: str, figure: str, bits: str) -> Prepared:
    """Make the statement that counts a day once: nothing comes back when its bit was there."""
    mine = (
        (_S.c.group_id == bindparam("group_row")),
        (_S.c.month == bindparam("month_key")),
        (_S.c.member_id == bindparam("member_row")),
    )
    assert len(mine) == len(_KEY)
    start = {"days": 0, "answers": 0, "day_bits": 0, "answer_bits": 0} | {figure: 1, bits: bindparam("day_bit")}
    return Prepared(
        name,
        lambda insert: (
            insert(_S)
            .values(
                group_id=bindparam("group_row"),
                month=bindparam("month_key"),
                member_id=bindparam("member_row"),
                points=1,
                **start,
            )
            .on_conflict_do_update(
                index_elements=_KEY,
                set_={
                    "points": _S.c.points + 1,
                    figure: _S.c[figure] + 1,
                    bits: _S.c[bits].bitwise_or(bindparam("day_bit")),
                },
                where=_S.c[bits].bitwise_and(bindparam("day_bit")) == 0,
            )
            .returning(_S.c.points, _S.c.completed_on)
        ),
    )


_CHECKED_IN = _count("theme_score.checked_in", "days", "day_bits")
_ANSWERED = _count("theme_score.answered", "answers", "answer_bits")
_MINE = (
    (_S.c.group_id == bindparam("group_row"))
    & (_S.c.month == bindparam("month_key"))
    & (_S.c.member_id == bindparam("member_row"))
)
_COMPLETE = Prepared("theme_score.complete", update(_S).where(_MINE).values(completed_on=bindparam("on_day")))
_REWARDED = Prepared("theme_score.rewarded", update(_S).where(_MINE).values(rewarded_on=bindparam("on_day")))
_OWED = Prepared(
    "theme_score.owed",
    select(_S.c.month, _M.c.account_id)
    .select_from(_S.join(_M, _M.c.id == _S.c.member_id))
    .where(
        _S.c.member_id == bindparam("member_row"),
        _S.c.month < bindparam("month_key"),
        _S.c.completed_on.is_not(None),
        _S.c.rewarded_on.is_(None),
        _M.c.account_id.is_not(None),
    ),
)


def month_of(day: date) -> Month:
    """Return the theme of a day's month."""
    return packs.months()[day.month]


# ---------------------------------------------------------------- counting


def on_checked_in(ctx: Context, event: CheckedIn) -> Sequence[Reply]:
    """Count a check-in: one challenge point a member and local day, whatever the check-in's topic."""
    return _score(ctx, _CHECKED_IN, event.group_id, event.member_id, event.account_id, event.local_date)


def on_answered(ctx: Context, event: TopicAnswered) -> Sequence[Reply]:
    """Count an answer to the day's topic: one challenge point a member and local day."""
    return _score(ctx, _ANSWERED, event.group_id, event.member_id, event.account_id, event.local_date)


def _score(
    ctx: Context, statement: Prepared, group_id: int, member_id: int, account_id: int, day: date
) -> Sequence[Reply]:
    """Count a day, notice the completion, and pay what an earlier month still owes (its closing may have been missed).

    Source: F28.
    """
    key = rules.month_key(day)
    row = ctx.session.row(statement, group_row=group_id, month_key=key, member_row=member_id, day_bit=rules.bit_of(day))
    if row is None:
        return ()
    points, completed_on = row
    if points == 1:
        for month, account in ctx.session.rows(_OWED, member_row=member_id, month_key=key):
            if not _is_paid_as_another(ctx.session, group_id, month, member_id):
                _pay(ctx.session, group_id, month, member_id, account, ctx.today, ctx.now)
    month = month_of(day)
    challenge = month.challenge
    if completed_on is not None or points < challenge.target:
        return ()
    ctx.session.run(_COMPLETE, group_row=group_id, month_key=key, member_row=member_id, on_day=day.isoformat())
    if _is_paid_as_another(ctx.session, group_id, key, member_id):
        return ()
    values = {
        "name": ctx.actor.name,
        "challenge": challenge.name,
        "target": challenge.target,
        "reward_points": challenge.reward_points,
    }
    if not rules.is_settled_at_once(calendar.local_day(ctx.now, ctx.here.zone), day):
        return (Reply("theme.completed", values),)
    _pay(ctx.session, group_id, key, member_id, account_id, ctx.today, ctx.now)
    return (Reply("theme.completed_paid", values),)


# ---------------------------------------------------------------- paying


def _pay(
    session: Session, group_id: int, month: str, member_id: int, account_id: int, today: date, now: datetime
) -> None:
    """Post a completer's reward once: the key is natural, the mark saves the second look."""
    amount = packs.months()[int(month[5:])].challenge.reward_points
    ledger.post(
        session,
        Posting(
            account_id,
            group_id,
            member_id,
            amount,
            "challenge",
            f"challenge:{group_id}:{month}:{member_id}",
            today,
            now,
            expires_on=good_until(session.get_one(Group, group_id).settings or {}, today),
        ),
    )
    session.run(_REWARDED, group_row=group_id, month_key=month, member_row=member_id, on_day=today.isoformat())


def _is_paid_as_another(session: Session, group_id: int, month: str, member_id: int) -> bool:
    """Say whether the one person that somebody is with others gets a month's reward for another of his accounts.

    For that which had it already, or else for the one that goes on. When they part, each completion is its own again.
    """
    acts = bonds.with_resting(session, [member_id])
    if len(acts) == 1:
        return False
    done = session.exec(
        pick(ThemeScore).where(
            ThemeScore.group_id == group_id,
            ThemeScore.month == month,
            col(ThemeScore.member_id).in_(acts),
            col(ThemeScore.completed_on).is_not(None),
        )
    ).all()
    first = min(
        done,
        key=lambda one: (one.rewarded_on is None, acts[one.member_id] != one.member_id, one.member_id),
        default=None,
    )
    return first is not None and first.member_id != member_id


def settle(session: Session, group_days: Mapping[int, date], now: datetime, most: int = PAID_AT_ONCE) -> int:
    """Pay completers of months that are over, and of this month on its last day; returns how many.

    Args:
        group_days: group id → its local day.
        most: at most so many in this transaction; call again for the rest.

    Source: F28.
    """
    if not group_days:
        return 0
    rests = exists().where(_RESTING.c.bonded_to == _M.c.id)
    owed = session.execute(
        select(_S.c.group_id, _S.c.month, _S.c.member_id, _M.c.account_id, or_(_M.c.bonded_to.is_not(None), rests))
        .select_from(_S.join(_M, _M.c.id == _S.c.member_id))
        .where(
            _S.c.group_id.in_(sorted(group_days)),
            _S.c.completed_on.is_not(None),
            _S.c.rewarded_on.is_(None),
            _S.c.month <= rules.month_key(max(group_days.values())),
            _M.c.account_id.is_not(None),
        )
        .order_by(_S.c.month, _S.c.group_id, _S.c.member_id)
    ).all()
    paid = 0
    for group_id, month, member_id, account_id, bound in owed:
        today = group_days[group_id]
        over = month < rules.month_key(today) or today == calendar.month_end(today)
        if not over or paid >= most or (bound and _is_paid_as_another(session, group_id, month, member_id)):
            continue
        _pay(session, group_id, month, member_id, account_id, today, now)
        paid += 1
    return paid


# ---------------------------------------------------------------- figures


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the acting member stands in this month's challenge.

    Attributes:
        rank: competition rank; 0 without points.
        left: points to the target, never below 0.
        reachable: the target can still be reached this month.
        top: the first of the group.
    """

    points: int
    days: int
    answers: int
    rank: int
    left: int
    reachable: bool
    completed: bool
    rewarded: bool
    top: Sequence[rules.Ranked]


def standing(ctx: Context) -> Standing:
    """Return the actor's standing and the first five of the group; ties share a rank."""
    return standing_of(ctx.session, ctx.here.id, ctx.actor.member_id, ctx.today)


def standing_of(session: Session, group_id: int, member_id: int | None, today: date) -> Standing:
    """Return the same of a member of a group; None = nobody, so that only the first five are known."""
    key = rules.month_key(today)
    target = month_of(today).challenge.target
    mine = session.get(ThemeScore, (group_id, key, member_id)) if member_id else None
    board = session.execute(
        _named(select(_M.c.name, _S.c.points))
        .where(_S.c.group_id == group_id, _S.c.month == key)
        .order_by(_S.c.points.desc(), _S.c.days.desc(), _S.c.member_id)
        .limit(rules.BOARD_SHOWN)
    ).all()
    top = rules.ranked([rules.Score(one_line(name, rules.NAME_SHOWN), points) for name, points in board])
    if mine is None:
        return Standing(0, 0, 0, 0, target, rules.reach(today) >= target, False, False, top)
    above = session.execute(
        _named(select(func.count())).where(_S.c.group_id == group_id, _S.c.month == key, _S.c.points > mine.points)
    ).scalar_one()
    bit = rules.bit_of(today)
    left = max(0, target - mine.points)
    reach = rules.reach(today, checked_in=bool(mine.day_bits & bit), answered=bool(mine.answer_bits & bit))
    return Standing(
        mine.points,
        mine.days,
        mine.answers,
        above + 1,
        left,
        reach >= left,
        mine.completed_on is not None,
        mine.rewarded_on is not None,
        top,
    )


def _named(statement: Any) -> Any:
    """Restrict to members who may be named: still here, with a name, consent not withdrawn."""
    return statement.select_from(
        _S.join(_M, _M.c.id == _S.c.member_id).outerjoin(_C, _C.c.person_id == _M.c.person_id)
    ).where(_M.c.left_at.is_(None), _M.c.name != "", _C.c.withdrawn_at.is_(None))


@dataclass(frozen=True, slots=True)
class Place:
    """A member at a place of a month's board; ``place`` counts from 1 without ties."""

    place: int
    name: str
    points: int
    completed: bool


def places(
    session: Session, months: Sequence[tuple[int, str]], most: int, *, completed: bool | None = None
) -> Mapping[tuple[int, str], Sequence[Place]]:
    """Return the first ``most`` members of each (group id, month), of equals those with more days first.

    Args:
        completed: only those who completed the challenge (True) or did not (False); None = all.
    """
    order = func.row_number().over(
        partition_by=(_S.c.group_id, _S.c.month), order_by=(_S.c.points.desc(), _S.c.days.desc(), _S.c.member_id)
    )
    chosen = _named(
        select(_S.c.group_id, _S.c.month, _M.c.name, _S.c.points, _S.c.completed_on, order.label("place"))
    ).where(tuple_(_S.c.group_id, _S.c.month).in_(months))
    if completed is not None:
        chosen = chosen.where(_S.c.completed_on.is_not(None) if completed else _S.c.completed_on.is_(None))
    inner = chosen.subquery()
    found: dict[tuple[int, str], list[Place]] = {}
    for group, month, name, points, done, place in session.execute(
        select(inner).where(inner.c.place <= most).order_by(inner.c.group_id, inner.c.month, inner.c.place)
    ):
        shown = Place(place, one_line(name, rules.NAME_SHOWN), points, done is not None)
        found.setdefault((group, month), []).append(shown)
    return found


def joined_days(session: Session, zones: Mapping[int, str]) -> Mapping[int, date]:
    """Return group id → the local day on which the bot first came into it.

    Who comes on the first of a month before the theme speaks hears the opening that day: it counts as the day before.

    Args:
        zones: group id → its zone.
    """
    rows = session.exec(pick(Group.id, Group.created_at).where(col(Group.id).in_(sorted(zones))))
    found: dict[int, date] = {}
    for group, at in rows:
        if group is None:
            continue
        day = calendar.local_day(at, zones[group])
        hears_opening = day.day == 1 and calendar.local_minute(at, zones[group]) < rules.THEME_MINUTE
        found[group] = day - timedelta(days=1) if hears_opening else day
    return found


# ---------------------------------------------------------------- personal data


def export_scores(session: Session, person_id: int) -> Sequence[Mapping[str, object]]:
    """Return a person's challenge months over all groups, oldest first."""
    rows = session.exec(
        pick(ThemeScore, Group.name)
        .join(Group, col(Group.id) == col(ThemeScore.group_id))
        .join(Member, col(Member.id) == col(ThemeScore.member_id))
        .where(Member.person_id == person_id)
        .order_by(col(ThemeScore.month), col(ThemeScore.group_id))
    )
    return [
        {
            "group": name,
            "month": one.month,
            "points": one.points,
            "days": one.days,
            "answers": one.answers,
            "completed_on": "" if one.completed_on is None else one.completed_on.isoformat(),
        }
        for one, name in rows
    ]


def erase_scores(session: Session, person_id: int, now: datetime) -> None:  # noqa: ARG001
    """Delete a person's challenge months; ledger entries stay, and their keys keep a reward from coming twice."""
    mine = pick(Member.id).where(Member.person_id == person_id)
    session.execute(delete(ThemeScore).where(col(ThemeScore.member_id).in_(mine)))
