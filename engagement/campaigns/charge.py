"""Which campaigns somebody over groups looks after, who may approve them, and how far they are.

Source: F27, F115, F116.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, literal_column, select, true
from sqlmodel import col
from sqlmodel import select as pick

from engagement import calendar
from engagement.campaigns import rules, service
from engagement.campaigns.tables import Beat, Plan
from engagement.campaigns.words import Pace
from engagement.errors import Refusal
from engagement.feature import Context
from engagement.kernel import Place
from storage.campaigns import Campaign, Delivery, Schedule
from storage.engine import Session
from storage.groups import Group, Region, RoleGrant

ROLES = frozenset({"staff", "manager", "admin"})
_MEASURED = 60
"""Seconds of which the pace is measured."""
_WAITING = ("pending", "sending")
_SLACK = rules.MOST_SHIFT + 2
"""Days by which a group may have a message earlier than others, in whatever zone."""
_OPEN: ColumnElement[bool] = literal_column("delivery.state IN ('pending', 'sending')")
"""Written out, so that the partial index is recognised: with a type SQLAlchemy adds "= 1", and all rows are gone through."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What somebody looks after: everything, or the groups of some regions.

    Attributes:
        regions: None = everything.
    """

    person_id: int
    regions: frozenset[int] | None

    def covers(self, session: Session, plan: Plan) -> bool:
        """Say whether a plan goes to nobody but the groups looked after."""
        if self.regions is None:
            return True
        what, _, number = plan.scope.partition(":")
        if what == "region":
            return int(number) in self.regions
        group = session.get(Group, int(number)) if what == "group" else None
        return group is not None and group.region_id in self.regions

    def groups(self) -> ColumnElement[bool]:
        """Return the condition on groups looked after."""
        return true() if self.regions is None else col(Group.region_id).in_(sorted(self.regions))


def charge(ctx: Context) -> Charge:
    """Return what the acting person looks after.

    Raises:
        Refusal: ``guard.staff_only``, ``guard.private_only``, ``campaigns.no_region``.
    """
    grants = ctx.session.exec(
        pick(RoleGrant).where(RoleGrant.person_id == ctx.actor.person_id, col(RoleGrant.role).in_(ROLES))
    ).all()
    if not grants:
        raise Refusal("guard.staff_only")
    if ctx.incoming.place is not Place.DM:
        raise Refusal("guard.private_only")
    if any(_over_all(one) for one in grants):
        return Charge(ctx.actor.person_id, None)
    regions = frozenset(one.region_id for one in grants if one.region_id is not None)
    if not regions:
        raise Refusal("campaigns.no_region")
    return Charge(ctx.actor.person_id, regions)


def _over_all(grant: RoleGrant) -> bool:
    return grant.role == "admin" or (grant.role == "staff" and grant.region_id is None)


def find(ctx: Context, mine: Charge, number: int) -> Plan:
    """Return a plan that the person looks after, or whose figures of some groups are his to see.

    Raises:
        Refusal: ``campaigns.unknown_plan``.
    """
    plan = ctx.session.get(Plan, number) if 0 < number < 1 << 62 else None
    if plan is None or (plan.scope != "all" and not mine.covers(ctx.session, plan)):
        raise Refusal("campaigns.unknown_plan", number=number)
    return plan


def manage(ctx: Context, mine: Charge, number: int) -> Plan:
    """Return a plan that is the person's to decide about.

    Raises:
        Refusal: ``campaigns.unknown_plan``; ``campaigns.not_yours`` when it goes to other regions too.
    """
    plan = find(ctx, mine, number)
    if not mine.covers(ctx.session, plan):
        raise Refusal("campaigns.not_yours", name=plan.name, number=plan.id)
    return plan


def needs_second(session: Session, plan: Plan, person_id: int) -> bool:
    """Say whether somebody else has to approve a plan: it is the person's own, and there are two who could.

    The same rule as for what the base is told (:func:`knowledge.lifecycle.needs_second`).
    """
    if plan.written_by is None or plan.written_by != person_id:
        return False
    able = {
        grant.person_id
        for grant in session.exec(pick(RoleGrant).where(col(RoleGrant.role).in_(ROLES)))
        if _over_all(grant)
        or (grant.region_id is not None and Charge(0, frozenset({grant.region_id})).covers(session, plan))
    }
    return len(able) >= 2


def plans(session: Session, mine: Charge, stage: str, now: datetime) -> Sequence[Plan]:
    """Return the plans of a stage that are not over, by their first day; of all that the person sees."""
    today = calendar.local_day(now, service.HOME)
    rows = session.exec(
        pick(Plan)
        .where(Plan.stage == stage, col(Plan.joined) | (col(Plan.last_day) >= today))
        .order_by(col(Plan.first_day), col(Plan.id))
    ).all()
    return [one for one in rows if one.scope == "all" or mine.covers(session, one)]


def campaign(session: Session, plan: Plan) -> Campaign | None:
    """Return an approved plan's campaign."""
    return session.get(Campaign, plan.campaign_id) if plan.campaign_id is not None else None


def of_plan(plan: Plan) -> ColumnElement[bool]:
    """Return the condition on the groups of a plan's scope."""
    what, _, number = plan.scope.partition(":")
    if what == "group":
        return col(Group.id) == int(number)
    return col(Group.region_id) == int(number) if what == "region" else true()


def reach(session: Session, plan: Plan, mine: Charge) -> int:
    """Count the active groups that a plan goes to, without those whose leaders do not take part."""
    out = pick(Schedule.group_id).where(Schedule.campaign_id == plan.campaign_id, col(Schedule.enabled).is_(False))
    wanted = and_(col(Group.state) == "active", of_plan(plan), mine.groups(), col(Group.id).not_in(out))
    if plan.joined:
        there = pick(Schedule.group_id).where(
            Schedule.campaign_id == plan.campaign_id, col(Schedule.next_at).is_not(None)
        )
        wanted = and_(wanted, col(Group.id).in_(there))
    return session.exec(pick(func.count()).select_from(Group).where(wanted)).one()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a campaign is, in the groups that somebody looks after.

    Attributes:
        day: the latest of its days that came due, before groups' shifts; None = none has.
        sent, waiting, called_off: messages of that day; who waits for quiet hours to end is among those that wait.
        later: how many of them wait for quiet hours (or the platform), until ``until`` at the latest.
        left_out: reason → messages that were not sent, the commonest first.
        pace: how fast those that wait for their turn go out.
        next_at: when it is due next.
        first, last: when the first and the last message of that day went out.
    """

    day: date | None
    sent: int
    waiting: int
    called_off: int
    later: int
    until: datetime | None
    left_out: Sequence[tuple[str, int]]
    pace: Pace
    next_at: datetime | None
    first: datetime | None = None
    last: datetime | None = None


def waiting(session: Session, plan: Plan, mine: Charge) -> int:
    """Count the messages of a plan that wait to go out."""
    # With nothing added SQLite would go through every message that the campaign ever had.
    its = (col(Delivery.campaign_id) + 0) == plan.campaign_id
    wanted = pick(func.count()).select_from(Delivery).where(_OPEN, its)
    if mine.regions is not None:
        # Likewise through all that its groups ever had.
        wanted = wanted.where((col(Delivery.group_id) + 0).in_(pick(Group.id).where(mine.groups())))
    return session.exec(wanted).one()


def _inside(mine: Charge) -> ColumnElement[bool]:
    """Return the condition on deliveries to the groups looked after."""
    return true() if mine.regions is None else col(Delivery.group_id).in_(pick(Group.id).where(mine.groups()))


def _since(session: Session, plan: Plan, now: datetime) -> date:
    """Return the day from which on a plan's latest message, and no more than the one before it, may stand in groups."""
    near = calendar.local_day(now, service.HOME) + timedelta(days=_SLACK)
    days = session.exec(
        pick(Beat).where(Beat.plan_id == plan.id, Beat.local_day <= near).order_by(col(Beat.local_day).desc()).limit(3)
    ).all()
    first = days[-1].local_day if days and not plan.joined else calendar.EPOCH
    return first - timedelta(days=rules.MOST_SHIFT)


def progress(session: Session, plan: Plan, mine: Charge, now: datetime) -> Progress:
    """Return how far a campaign is; of what counts from each group's beginning all days together."""
    its = and_(
        col(Delivery.campaign_id) == plan.campaign_id,
        col(Delivery.local_date) >= _since(session, plan, now),
        _inside(mine),
    )
    of_group = and_(
        col(Schedule.campaign_id) == col(Delivery.campaign_id), col(Schedule.group_id) == col(Delivery.group_id)
    )
    shift = col(Schedule.shift_days)
    found = session.execute(
        select(col(Delivery.local_date), shift, col(Delivery.state), col(Delivery.reason), func.count())
        .add_columns(func.min(col(Delivery.sent_at)), func.max(col(Delivery.sent_at)))
        .select_from(Delivery)
        .outerjoin(Schedule, of_group)
        .where(its)
        .group_by(col(Delivery.local_date), shift, col(Delivery.state), col(Delivery.reason))
    ).all()
    rows = [(there - timedelta(days=by or 0), *rest) for there, by, *rest in found]
    day = max((one[0] for one in rows), default=None)
    counts: dict[str, int] = {}
    reasons: dict[str, int] = {}
    firsts: list[datetime] = []
    lasts: list[datetime] = []
    for there, state, why, count, first, last in rows:
        if there != day and not plan.joined:
            continue
        counts[state] = counts.get(state, 0) + count
        if state == "sent" and first is not None and last is not None:
            firsts.append(first)
            lasts.append(last)
        if state in ("skipped", "failed", "unknown"):
            reasons[why or state] = reasons.get(why or state, 0) + count
    later, until = session.exec(
        pick(func.count(), func.max(Delivery.not_before))
        .select_from(Delivery)
        .where(its, _OPEN, col(Delivery.not_before) > now)
    ).one()
    recent, since = session.exec(
        pick(func.count(), func.min(Delivery.sent_at))
        .select_from(Delivery)
        .where(its, col(Delivery.sent_at) > now - timedelta(seconds=_MEASURED), col(Delivery.sent_at) <= now)
    ).one()
    over = min(_MEASURED, math.ceil((now - since).total_seconds())) if since is not None else _MEASURED
    waiting = sum(counts.get(state, 0) for state in _WAITING)
    return Progress(
        day=day,
        sent=counts.get("sent", 0),
        waiting=waiting,
        called_off=counts.get("cancelled", 0),
        later=later,
        until=until,
        left_out=sorted(reasons.items(), key=lambda one: (-one[1], one[0])),
        pace=Pace(max(0, waiting - later), recent, over),
        next_at=_next(session, plan, mine),
        first=min(firsts, default=None),
        last=max(lasts, default=None),
    )


def _next(session: Session, plan: Plan, mine: Charge) -> datetime | None:
    found: datetime | None = session.exec(
        pick(func.min(Schedule.next_at))
        .join(Group, col(Group.id) == col(Schedule.group_id))
        .where(Schedule.campaign_id == plan.campaign_id, col(Schedule.enabled), mine.groups())
    ).one()
    return found


def names(session: Session, scopes: Sequence[str]) -> Mapping[str, str]:
    """Return scope → name of its region or group; ``all`` is absent."""
    found: dict[str, str] = {}
    for scope in set(scopes):
        what, _, number = scope.partition(":")
        row = session.get(Region if what == "region" else Group, int(number)) if number.isdecimal() else None
        if isinstance(row, Region | Group):
            found[scope] = row.name
    return found
