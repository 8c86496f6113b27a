"""Days that break no streak: a group's freezes, a neighbour's leave; and what a streak is when the facts decide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from sqlalchemy import bindparam, select
from sqlmodel import col
from sqlmodel import select as pick

from engagement.checkin import rules
from engagement.checkin.tables import DAILY, Checkin, CheckinPause, CheckinStreak
from engagement.errors import Refusal
from engagement.feature import Context, GroupView
from prompts.loader import shown_day
from storage import audit
from storage.engine import Session
from storage.groups import Group, Member
from storage.statements import Prepared

PAUSED_TO = "paused_to"
"""In a group's settings: the last day of any pause there ever was. A streak that broke later needs no look at pauses."""
_P = CheckinPause.__table__  # type: ignore[attr-defined]
_C = Checkin.__table__  # type: ignore[attr-defined]
_S = CheckinStreak.__table__  # type: ignore[attr-defined]
_M = Member.__table__  # type: ignore[attr-defined]
_SPANS = Prepared(
    "checkin.pauses",
    select(_P.c.first_day, _P.c.last_day).where(
        _P.c.group_id == bindparam("group_row"),
        _P.c.last_day >= bindparam("since"),
        _P.c.member_id.is_(None) | (_P.c.member_id == bindparam("member")),
    ),
)
_DAYS = Prepared(
    "checkin.days",
    select(_C.c.local_date).where(_C.c.member_id == bindparam("member"), _C.c.topic == bindparam("topic")),
)
_RESTREAK = Prepared(
    "checkin.restreak",
    # The longest streak was once told; taking a pause back does not take it away.
    _S.update()
    .where(_S.c.member_id == bindparam("of_member"), _S.c.topic == bindparam("of_topic"))
    .values(streak=bindparam("now_streak"), longest=bindparam("now_longest"), last_date=bindparam("now_last")),
)


def settings_of(group: GroupView) -> Mapping[str, Any]:
    """Return the slice's part of a group's settings; empty when there is none."""
    found = group.settings.get("checkin")
    return found if isinstance(found, Mapping) else {}


def keep_settings(ctx: Context, action: str, **changed: object) -> None:
    """Change the slice's part of the group's settings; None takes a value out. The others' parts stay as they are."""
    group = ctx.session.get_one(Group, ctx.here.id)
    kept = dict(group.settings or {})
    mine = kept.get("checkin")
    part = {**(mine if isinstance(mine, dict) else {}), **changed}
    group.settings = {**kept, "checkin": {name: value for name, value in part.items() if value is not None}}
    ctx.session.add(group)
    ctx.session.flush()
    audit.record(ctx.session, at=ctx.now, actor_id=ctx.actor.person_id, group_id=group.id, action=action)
    ctx.group = GroupView.of(group)


def topic_of(group: GroupView, key: str) -> rules.Topic | None:
    """Return a topic of the group, a stopped one too; None for the plain check-in and for what it does not have."""
    return next((topic for topic in rules.topics_of(settings_of(group)) if topic.key == key), None)


def paused(session: Session, group: GroupView, member_id: int, since: date, topic: str = DAILY) -> rules.Pauses:
    """Return which days from ``since`` on break no streak of a member. Asks the database only where there are pauses."""
    made = topic_of(group, topic) if topic != DAILY else None
    weekdays = made is not None and made.weekdays
    latest = settings_of(group).get(PAUSED_TO)
    if not isinstance(latest, str) or latest < since.isoformat():
        return rules.Pauses((), weekdays)
    rows = session.rows(_SPANS, group_row=group.id, member=member_id, since=since.isoformat())
    spans = tuple((date.fromisoformat(first), date.fromisoformat(last)) for first, last in rows)
    return rules.Pauses(spans, weekdays)


def days_of(session: Session, member_id: int, topic: str = DAILY) -> set[date]:
    """Return every day with a check-in or a make-up of a member."""
    return {date.fromisoformat(row[0]) for row in session.rows(_DAYS, member=member_id, topic=topic)}


def streak_of(session: Session, group: GroupView, member_id: int, topic: str = DAILY) -> int:
    """Return what the facts say a member's streak is, whatever is kept of it."""
    days = days_of(session, member_id, topic)
    off = paused(session, group, member_id, min(days), topic) if days else rules.Pauses()
    return rules.streak_ending(days, max(days), off) if days else 0


def restreak(
    session: Session, group: GroupView, member_id: int, topic: str = DAILY, *, around: date | None = None
) -> int:
    """Let the facts decide what a member's streak is; returns it.

    Args:
        around: a day whose run may be the longest ever.
    """
    days = days_of(session, member_id, topic)
    if not days:
        return 0
    last = max(days)
    pauses = paused(session, group, member_id, min(days), topic)
    streak = rules.streak_ending(days, last, pauses)
    run = streak if around is None else max(streak, rules.streak_around(days, around, pauses))
    kept = session.execute(select(_S.c.longest).where(_S.c.member_id == member_id, _S.c.topic == topic)).scalar_one()
    session.run(
        _RESTREAK,
        of_member=member_id,
        of_topic=topic,
        now_streak=streak,
        now_longest=max(int(kept), run),
        now_last=last.isoformat(),
    )
    return streak


def add(ctx: Context, pause: CheckinPause, action: str) -> int:
    """Keep a pause; streaks that it touches are not looked at here. Returns its id."""
    ctx.session.add(pause)
    ctx.session.flush()
    latest = settings_of(ctx.here).get(PAUSED_TO)
    last = max(pause.last_day.isoformat(), latest if isinstance(latest, str) else "")
    keep_settings(ctx, action, **{PAUSED_TO: last})
    assert pause.id is not None
    return pause.id


# ---------------------------------------------------------------- a neighbour's leave


def leaves(session: Session, member_id: int) -> list[CheckinPause]:
    """Return every leave of a member, by day."""
    return list(
        session.exec(
            pick(CheckinPause).where(CheckinPause.member_id == member_id).order_by(col(CheckinPause.first_day))
        )
    )


def days_off(found: Iterable[CheckinPause]) -> set[date]:
    """Return the days of leaves."""
    return {day for one in found for day in rules.days_between(one.first_day, one.last_day)}


def take_leave(ctx: Context, first: date, last: date) -> int:
    """Take days off from checking in, from today on; returns how many are left in the quarter of the first day.

    Raises:
        Refusal: nothing to protect yet, in the past, too far ahead, taken already, or more than a quarter has.

    Source: F1.
    """
    member_id = ctx.actor.member_id
    assert member_id is not None
    if ctx.session.get(CheckinStreak, (member_id, DAILY)) is None:
        raise Refusal("checkin.leave_nothing")
    if first < ctx.today:
        raise Refusal("checkin.leave_past")
    if (first - ctx.today).days > rules.LEAVE_AHEAD:
        raise Refusal("checkin.leave_far", days=rules.LEAVE_AHEAD)
    taken = days_off(leaves(ctx.session, member_id))
    wanted = set(rules.days_between(first, last))
    if wanted <= taken:
        raise Refusal("checkin.leave_there", first=shown_day(first), last=shown_day(last))
    if not rules.leave_fits(taken, wanted):
        raise Refusal("checkin.leave_full", left=rules.leave_left(taken, first), most=rules.LEAVE_A_QUARTER)
    add(
        ctx,
        CheckinPause(group_id=ctx.here.id, member_id=member_id, first_day=first, last_day=last),
        "checkin.leave_taken",
    )
    return rules.leave_left(taken | wanted, first)


def end_leave(ctx: Context) -> int:
    """Give back the days off from today on; returns how many."""
    member_id = ctx.actor.member_id
    assert member_id is not None
    found = leaves(ctx.session, member_id)
    given = len({day for day in days_off(found) if day >= ctx.today})
    for one in found:
        if one.first_day >= ctx.today:
            ctx.session.delete(one)
        elif one.last_day >= ctx.today:
            one.last_day = max(day for day in rules.days_between(one.first_day, one.last_day) if day < ctx.today)
            ctx.session.add(one)
    ctx.session.flush()
    for (topic,) in ctx.session.execute(select(_S.c.topic).where(_S.c.member_id == member_id)).all():
        restreak(ctx.session, ctx.here, member_id, topic)
    return given
