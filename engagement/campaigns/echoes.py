"""Who answers a campaign: quotes one of its messages, or presses 「我参加」 under it.

A check-in or an answer to the day's topic counts for no campaign that was said along in the same message: people would have
checked in anyway, so counting it would credit the campaign with what it did not bring about. Who quotes the message itself
answers everything that stands in it.

Source: F31, F98.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import ColumnElement, Select, case, delete, func, select
from sqlmodel import col
from sqlmodel import select as pick

from engagement import calendar
from engagement.campaigns import rules
from engagement.campaigns.tables import Echo, Plan
from engagement.events import Quoted
from engagement.feature import Context
from engagement.kernel import Kind, Place, Reply, row_id
from storage import bonds
from storage.campaigns import Delivery, Schedule
from storage.engine import Session
from storage.groups import Group, Member


def heard(ctx: Context) -> Sequence[Reply]:
    """Words that quote a campaign: acknowledged by a stamp; :func:`on_quoted` counts them."""
    return [_stamp("campaigns.heard", ctx)]


def on_quoted(ctx: Context, event: Quoted) -> Sequence[Reply]:
    """Count the words for every campaign that was said in the quoted message, whoever's message it was.

    Nothing is kept of somebody who has no consent record; each event is handled once, so a redelivery changes nothing.
    """
    if ctx.actor.consented:
        for plan, member in _said_in(ctx, event.message_id):
            _count(ctx, plan, member, again=True)
    return []


def pressed(ctx: Context) -> Sequence[Reply]:
    """The button 「我参加」: one press is an answer, further ones change nothing; told by a stamp, never by a message.

    Who has never used the bot is not counted: a record of him would need the notice, and a hundred neighbours pressing a
    button would be a hundred notices in the group. Under a trial in private it counts for nothing.
    """
    if ctx.incoming.place is Place.GROUP and ctx.group is not None and ctx.actor.consented:
        wanted = _delivered(ctx).where(col(Plan.id) == row_id(ctx.text)).limit(1)
        for plan, shift, zone, member in ctx.session.execute(wanted):
            if rules.still_counts(plan.last_day, shift or 0, calendar.local_day(ctx.now, zone)):
                _count(ctx, plan, member, again=False)
    return [_stamp("campaigns.pressed", ctx)]


def _stamp(key: str, ctx: Context) -> Reply:
    return Reply(key, {"name": ctx.actor.name}, kind=Kind.REACTION, emoji="👍")


def _said_in(ctx: Context, message_id: str) -> list[tuple[Plan, int]]:
    """Return (plan, member id) of each campaign in a message of ours that still counts."""
    rows = ctx.session.execute(_delivered(ctx).where(col(Delivery.provider_id) == message_id)).all()
    today: dict[str, date] = {}
    found: dict[int | None, tuple[Plan, int]] = {}
    for plan, shift, zone, member in rows:
        day = today.setdefault(zone, calendar.local_day(ctx.now, zone))
        if rules.still_counts(plan.last_day, shift or 0, day):
            found[plan.id] = (plan, member)
    return list(found.values())


def _delivered(ctx: Context) -> Select[Plan, int, str, int | None]:
    """Select (plan, shift, zone, member id) of what was sent to the chat in which somebody answers.

    A platform numbers the messages of each chat by themselves: in private only what this person was told counts.
    """
    person = ctx.actor.person_id
    wanted = (
        select(Plan, col(Schedule.shift_days), col(Group.zone), col(Member.id))
        .join(Delivery, col(Delivery.campaign_id) == col(Plan.campaign_id))
        .join(Group, col(Group.id) == col(Delivery.group_id))
        .join(Member, (col(Member.group_id) == col(Delivery.group_id)) & (col(Member.person_id) == person))
        .outerjoin(
            Schedule,
            (col(Schedule.campaign_id) == col(Plan.campaign_id)) & (col(Schedule.group_id) == col(Delivery.group_id)),
        )
        .where(col(Delivery.state) == "sent")
    )
    if ctx.incoming.place is Place.DM or ctx.group is None:
        return wanted.where(col(Delivery.recipient) == person)
    return wanted.where(col(Delivery.group_id) == ctx.group.id, col(Delivery.recipient) == 0)


def _count(ctx: Context, plan: Plan, member: int, *, again: bool) -> None:
    """Note an answer; a second one only adds to how often, and only if ``again``."""
    assert plan.id is not None
    # What he has answered with an account that rests by now is no second participant, nor when they part.
    mine = bonds.with_resting(ctx.session, [member])
    there = ctx.session.exec(
        pick(Echo)
        .where(Echo.plan_id == plan.id, col(Echo.member_id).in_(mine))
        .order_by(col(Echo.first_at), col(Echo.member_id))
        .limit(1)
    ).first()
    if there is None:
        group = ctx.session.get_one(Member, member).group_id
        there = Echo(plan_id=plan.id, member_id=member, group_id=group, first_at=ctx.now)
    elif again:
        there.answers += 1
    ctx.session.add(there)
    ctx.session.flush()


# ------------------------------------------------------------------ the rights over one's data


def export_echoes(session: Session, person_id: int) -> Sequence[Mapping[str, object]]:
    """Return which campaigns a person answered, where and how often."""
    rows = session.exec(
        pick(Plan.name, Group.name, Echo.answers, Echo.first_at)
        .join(Echo, col(Echo.plan_id) == col(Plan.id))
        .join(Member, col(Member.id) == col(Echo.member_id))
        .join(Group, col(Group.id) == col(Member.group_id))
        .where(Member.person_id == person_id)
        .order_by(col(Echo.first_at))
    )
    return [
        {"campaign": name, "group": group, "answers": answers, "first": first.isoformat()}
        for name, group, answers, first in rows
    ]


def erase_echoes(session: Session, person_id: int, now: datetime) -> None:  # noqa: ARG001
    """Delete a person's answers; the campaigns' figures are smaller by them."""
    mine = pick(Member.id).where(Member.person_id == person_id)
    session.execute(delete(Echo).where(col(Echo.member_id).in_(mine)))


def joined(
    session: Session, groups: Sequence[int], since: datetime, until: datetime, counts: ColumnElement[bool]
) -> Sequence[tuple[int, int, int, int]]:
    """Return (group, plan, members, persons) of who took part in a campaign for the first time within [since, until).

    Args:
        counts: says of a ``member`` row that its person is counted there.
    """
    first = (
        select(bonds.acts().label("member"), col(Echo.plan_id), func.min(col(Echo.first_at)).label("first_at"))
        .join(Member, col(Member.id) == col(Echo.member_id))
        .where(col(Member.group_id).in_(groups))
        .group_by(bonds.acts(), col(Echo.plan_id))
        .subquery()
    )
    rows = session.execute(
        select(
            col(Member.group_id),
            first.c.plan_id,
            func.count(),
            func.sum(case((counts, 1), else_=0)),
        )
        .select_from(Member)
        .join(first, first.c.member == col(Member.id))
        .where(first.c.first_at >= since, first.c.first_at < until)
        .group_by(col(Member.group_id), first.c.plan_id)
    )
    return [(group, plan, members, persons) for group, plan, members, persons in rows]


def named(session: Session, plans: Sequence[int]) -> Mapping[int, tuple[str, date, date]]:
    """Return plan → its name, first and last day; a plan that is gone is left out."""
    rows = session.execute(
        select(col(Plan.id), col(Plan.name), col(Plan.first_day), col(Plan.last_day)).where(col(Plan.id).in_(plans))
    )
    return {number: (name, first, last) for number, name, first, last in rows}
