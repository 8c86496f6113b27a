"""The calendar's plans: from a pack or a person to days that are due in groups, and back.

A plan is a draft until somebody approves it; then it is a campaign in storage/campaigns.py, and its schedules are made a
few days before they are needed. Nothing here sends: the planner asks :mod:`engagement.campaigns.jobs` on the day.

Source: F27-F31; ADR-0014.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select, true, update
from sqlmodel import col
from sqlmodel import select as pick

from engagement import calendar, rhythm
from engagement.calendar import EPOCH
from engagement.campaigns import lessons, rules, standing
from engagement.campaigns.tables import Beat, Plan
from engagement.errors import Refusal
from engagement.rhythm import Moment, Rhythm
from prompts.campaigns import Pack
from storage.campaigns import Campaign, Fire, Schedule
from storage.engine import Session
from storage.groups import Group

GROUPS, NIGHT, LEADERS = "calendar", "calendar_night", "calendar_leaders"
"""Kinds of push: into groups, into groups late in the evening, to leaders in private."""
KINDS = (GROUPS, NIGHT, LEADERS)
SETTING = "calendar"
"""Key of a group's settings: ``off`` lists forms that its leader does not want, ``night`` opens the late slot."""
HOME = "Asia/Shanghai"
NEXT_YEAR_DAYS = 45
"""How long before a year ends the next one's ready campaigns are planned."""
SOON = timedelta(days=2)
"""How long before its first day a campaign's schedules must be there."""
LINGERS = timedelta(days=5)
"""A campaign is over so long after its last day: late zones and shifts have had it by then."""
_SLACK = timedelta(days=rules.MOST_SHIFT + 2)
_NEW = timedelta(days=10)
"""A group is new to what counts from its beginning for so long."""

_S = Schedule.__table__  # type: ignore[attr-defined]
_G = Group.__table__  # type: ignore[attr-defined]


# ------------------------------------------------------------------ plans


def plan(session: Session, pack: Pack, year: int, now: datetime, *, scope: str = "all", by: int | None = None) -> Plan:
    """Write a pack's campaign of a year down as a draft.

    Raises:
        ValueError: two of its lines fall on one day, or it has none in that year.
        Refusal: ``campaigns.there`` when it is planned already.
    """
    key = f"{pack.key}:{scope}:{year}" if scope != "all" else f"{pack.key}:{year}"
    if session.exec(pick(Plan.id).where(Plan.key == key)).first() is not None:
        raise Refusal("campaigns.there", name=pack.name)
    days = rules.year_of(pack, year)
    if not days:
        raise ValueError(f"{pack.key}: nothing falls into {year}")
    made = Plan(
        key=key,
        name=pack.name,
        form=pack.form,
        slogan=pack.slogan,
        scope=scope,
        audience=pack.audience,
        night=pack.night,
        joined=pack.when.joined,
        first_day=days[0].day,
        last_day=days[-1].day,
        written_by=by,
        written_at=now,
    )
    session.add(made)
    session.flush()
    assert made.id is not None
    for one in days:
        line = one.line
        session.add(
            Beat(
                plan_id=made.id,
                local_day=one.day,
                minute=line.minute,
                phase=line.phase,
                title=line.title,
                text=line.text,
                other=line.other,
                peak=one.peak,
                poster=line.poster,
            )
        )
    session.flush()
    return made


def unplanned(session: Session, packs: Sequence[Pack], now: datetime) -> list[tuple[Pack, int]]:
    """Return what of the ready campaigns is to be planned: this year's, and the next one's when this one is nearly over.

    What is over is left out, and so is what is there already.
    """
    today = calendar.local_day(now, HOME)
    years = [today.year]
    if (date(today.year + 1, 1, 1) - today).days <= NEXT_YEAR_DAYS:
        years.append(today.year + 1)
    there = set(session.exec(pick(Plan.key)).all())
    once = {key.partition(":")[0] for key in there}
    found: list[tuple[Pack, int]] = []
    for pack in packs:
        for year in years[:1] if pack.when.joined else years:
            if f"{pack.key}:{year}" in there or (pack.when.joined and pack.key in once):
                continue
            days = rules.year_of(pack, year)
            if days and (days[-1].day >= today or pack.when.joined):
                found.append((pack, year))
    return found


def load(session: Session, pack: Pack, year: int, now: datetime, *, approved: bool) -> Plan:
    """Plan a ready campaign's year.

    Args:
        approved: without anybody's word (a directory to try things out). What was approved last year is approved for the
            next one too, since the words are the same; anything else waits as a draft.
    """
    made = plan(session, pack, year, now)
    before = session.exec(pick(Plan.stage).where(Plan.key == f"{pack.key}:{year - 1}")).first()
    if approved or before == "approved":
        approve(session, made, None, now)
    return made


def approve(session: Session, one: Plan, by: int | None, now: datetime) -> Campaign:
    """Let a draft run; what of it lies in the past is not made up for.

    Raises:
        Refusal: ``campaigns.approved_already``.
    """
    if one.stage == "approved":
        raise Refusal("campaigns.approved_already", name=one.name)
    campaign = session.get(Campaign, one.campaign_id) if one.campaign_id is not None else None
    if campaign is None:
        campaign = Campaign(key=one.key, kind=kind_of(one), name=one.name, created_at=now)
    campaign.state = "running"
    session.add(campaign)
    session.flush()
    one.stage, one.campaign_id, one.approved_by, one.approved_at = "approved", campaign.id, by, now
    session.add(one)
    session.flush()
    if one.audience == "leaders" and one.scope == "all":
        for moved in lessons.make_room(session, calendar.local_day(now, HOME)):
            days_changed(session, moved)
    return campaign


def withdraw(session: Session, one: Plan) -> None:
    """Make an approved plan a draft again, as long as nothing of it has come due anywhere.

    Raises:
        Refusal: ``campaigns.begun``.
    """
    if one.stage != "approved":
        return
    if session.exec(pick(Fire.group_id).where(Fire.campaign_id == one.campaign_id).limit(1)).first() is not None:
        raise Refusal("campaigns.begun", name=one.name)
    session.execute(update(_S).where(_S.c.campaign_id == one.campaign_id).values(next_at=None))
    campaign = session.get(Campaign, one.campaign_id)
    assert campaign is not None
    campaign.state = "cancelled"
    one.stage = "draft"
    session.add(campaign)
    session.add(one)
    session.flush()


def days_changed(session: Session, one: Plan) -> None:
    """Follow a change of a plan's days; its groups' schedules follow at the next tick."""
    days = session.exec(pick(col(Beat.local_day)).where(Beat.plan_id == one.id).order_by(col(Beat.local_day))).all()
    one.first_day, one.last_day = days[0], days[-1]
    session.add(one)
    session.flush()


# ------------------------------------------------------------------ rhythm


def moments(session: Session, campaign_ids: Collection[int]) -> Mapping[int, Sequence[Moment]]:
    """Return campaign id → (day, minute) of its beats, ascending; a draft has none."""
    rows = session.execute(
        select(col(Plan.campaign_id), col(Beat.local_day), col(Beat.minute))
        .join(Beat, col(Beat.plan_id) == col(Plan.id))
        .where(col(Plan.campaign_id).in_(campaign_ids), col(Plan.stage) == "approved")
        .order_by(col(Beat.local_day))
    )
    found: dict[int, list[Moment]] = defaultdict(list)
    for campaign, day, minute in rows:
        if campaign is not None:
            found[campaign].append((day, minute))
    return found


def settled(session: Session, now: datetime, kind: str) -> bool:
    """Say whether every schedule of a kind that is needed soon is there and right; reads only."""
    since, until = (now - LINGERS).date(), (now + SOON + _SLACK).date()
    return standing.is_settled(session, kind, now, since=since, until=until, new_since=now - _NEW)


def mend(
    session: Session, now: datetime, until: datetime, most: int, group_ids: Collection[int] | None, kind: str
) -> int:
    """Make the schedules of what begins before ``until``, follow changes of zone and days, and end what is over."""
    touched = 0
    for one in _near(session, now, until, kind):
        if touched >= most:
            return touched
        touched += _schedule(session, one, now, most - touched, group_ids)
        for late, next_at in _belated(session, one, now, group_ids):
            session.execute(update(_S).where(late).values(next_at=next_at))
            touched += 1
    if group_ids is None:
        for campaign in _over(session, now, kind):
            campaign.state = "finished"
            session.add(campaign)
            session.execute(update(_S).where(_S.c.campaign_id == campaign.id).values(next_at=None))
            touched += 1
    session.flush()
    return touched


def schedule_of(session: Session, one: Plan, group: Group, now: datetime) -> Schedule:
    """Return a group's schedule of an approved plan, made before its time if need be: its leader wants it otherwise."""
    assert one.campaign_id is not None and group.id is not None
    wanted = pick(Schedule).where(Schedule.campaign_id == one.campaign_id, Schedule.group_id == group.id)
    row = session.exec(wanted).first()
    if row is None:
        _schedule(session, one, now, 1, [group.id])
        row = session.exec(wanted).one()
    return row


def _near(session: Session, now: datetime, until: datetime, kind: str) -> Sequence[Plan]:
    """Return the approved plans of a kind that begin before an instant and are not over."""
    wanted = (
        pick(Plan)
        .join(Campaign, col(Campaign.id) == col(Plan.campaign_id))
        .where(
            Plan.stage == "approved",
            Campaign.kind == kind,
            col(Campaign.state).in_(["running", "paused"]),
            or_(
                col(Plan.joined),
                and_(col(Plan.first_day) <= (until + _SLACK).date(), col(Plan.last_day) >= (now - LINGERS).date()),
            ),
        )
        .order_by(col(Plan.id))
    )
    return session.exec(wanted).all()


def _unscheduled(one: Plan, now: datetime, group_ids: Collection[int] | None, most: int) -> Select[Any]:
    """Active groups of a plan's scope that have no schedule of it yet, or have it in another zone."""
    mine = and_(_S.c.group_id == _G.c.id, _S.c.campaign_id == one.campaign_id)
    missing: ColumnElement[bool] = _S.c.id.is_(None)
    if one.joined:
        missing = and_(missing, _G.c.created_at >= now - _NEW)
    wanted = (
        select(_G.c.id, _G.c.zone, _G.c.created_at, _S.c.id, _S.c.shift_days)
        .select_from(_G.outerjoin(_S, mine))
        .where(_G.c.state == "active", _in_scope(one.scope), or_(missing, _S.c.zone != _G.c.zone))
        .order_by(_G.c.id)
        .limit(most)
    )
    return wanted if group_ids is None else wanted.where(_G.c.id.in_(group_ids))


def _schedule(session: Session, one: Plan, now: datetime, most: int, group_ids: Collection[int] | None) -> int:
    assert one.campaign_id is not None
    found = session.execute(_unscheduled(one, now, group_ids, most)).all()
    days = moments(session, [one.campaign_id]).get(one.campaign_id, ()) if found else ()
    due: dict[tuple[str, int], datetime | None] = {}
    new: list[dict[str, object]] = []
    for group, zone, created, row, shift in found:
        begun = shift or 0
        if row is None and one.joined:
            begun = (calendar.local_day(created, zone) - EPOCH).days
        if (zone, begun) not in due:
            due[zone, begun] = rhythm.next_instant(days, begun, zone, now)
        if row is not None:
            session.execute(update(_S).where(_S.c.id == row).values(zone=zone, next_at=due[zone, begun]))
            continue
        new.append(
            {
                "campaign_id": one.campaign_id,
                "group_id": group,
                "kind": kind_of(one),
                "zone": zone,
                "local_minute": days[0][1] if days else 0,
                "grace_minutes": rules.GRACE_MINUTES,
                "next_at": due[zone, begun],
                "enabled": True,
                "shift_days": begun,
            }
        )
    if new:
        # In one statement, not object by object: a campaign that begins is a row in every group.
        session.connection().execute(_S.insert(), new)
    return len(found)


def _belated(
    session: Session, one: Plan, now: datetime, group_ids: Collection[int] | None
) -> list[tuple[ColumnElement[bool], datetime]]:
    """Return which rows miss a day that is to come, and its instant: its days were changed, or the clock was wrong."""
    mine = and_(_S.c.campaign_id == one.campaign_id, _S.c.enabled)
    if group_ids is not None:
        mine = and_(mine, _S.c.group_id.in_(group_ids))
    days = moments(session, [one.campaign_id or 0]).get(one.campaign_id or 0, ())
    found = []
    for zone, shift in session.execute(select(_S.c.zone, _S.c.shift_days).where(mine).distinct()).all():
        next_at = rhythm.next_instant(days, shift, zone, now)
        if next_at is None:
            continue
        late = and_(
            mine, _S.c.zone == zone, _S.c.shift_days == shift, or_(_S.c.next_at.is_(None), _S.c.next_at > next_at)
        )
        if session.execute(select(_S.c.id).where(late).limit(1)).first() is not None:
            found.append((late, next_at))
    return found


def kind_of(one: Plan) -> str:
    """Return the kind of push that a plan is."""
    return LEADERS if one.audience == "leaders" else NIGHT if one.night else GROUPS


def _in_scope(scope: str) -> ColumnElement[bool]:
    what, _, number = scope.partition(":")
    if what == "group":
        return col(Group.id) == int(number)
    return col(Group.region_id) == int(number) if what == "region" else true()


def _over(session: Session, now: datetime, kind: str) -> Sequence[Campaign]:
    wanted = (
        pick(Campaign)
        .join(Plan, col(Plan.campaign_id) == col(Campaign.id))
        .where(
            Campaign.kind == kind,
            col(Campaign.state).in_(["running", "paused"]),
            col(Plan.joined).is_(False),
            col(Plan.last_day) < (now - LINGERS).date(),
        )
    )
    return session.exec(wanted).all()


def rhythm_of(kind: str) -> Rhythm:
    """Return when a kind of push is due."""
    return Rhythm(moments, partial(mend, kind=kind), partial(settled, kind=kind))
