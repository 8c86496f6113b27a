"""The calendar as an operator has it before him: plans and their beats by name, how each stands, what a group will read.

Source: F27-F31.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func
from sqlmodel import and_, col, or_, select

from engagement.calendar import EPOCH, local_day
from engagement.campaigns import saying, service
from engagement.campaigns.tables import Beat, Plan, still_counts
from engagement.feature import GroupView
from engagement.kernel import Reply
from prompts.campaigns import Pack
from storage import audit, wordings
from storage.campaigns import Campaign, Fire, Schedule
from storage.engine import Session
from storage.groups import Group


@dataclass(frozen=True, slots=True)
class Paper:
    """A plan.

    Attributes:
        state: ``draft``, ``approved`` (nothing of it came due yet), ``running``, ``paused``, ``cancelled`` or ``finished``.
        beats: how many it has.
    """

    id: int
    key: str
    name: str
    form: str
    scope: str
    audience: str
    night: bool
    joined: bool
    state: str
    first_day: date
    last_day: date
    beats: int


@dataclass(frozen=True, slots=True)
class Line:
    """A beat.

    Attributes:
        number: from 1, by day.
        own: scope → other words for it.
    """

    id: int
    number: int
    day: date
    minute: int
    phase: str
    title: str
    text: str
    other: str
    poster: bool
    own: Mapping[str, str]


def find(session: Session, wanted: str, today: date) -> Paper | None:
    """Find a plan by key, number, name, or key without the year: the one that is on or comes next, else the last."""
    found = session.exec(select(Plan).where(Plan.key == wanted)).first()
    if found is None and wanted.isascii() and wanted.isdigit() and len(wanted) <= 18:
        found = session.get(Plan, int(wanted))
    if found is None and wanted:
        named = or_(col(Plan.key).startswith(f"{wanted}:", autoescape=True), col(Plan.name) == wanted)
        rows = session.exec(select(Plan).where(named).order_by(col(Plan.last_day))).all()
        found = next((one for one in rows if one.last_day >= today), rows[-1] if rows else None)
    return None if found is None else _paper(session, found)


def papers(session: Session, today: date, year: int = 0) -> list[Paper]:
    """Return the plans by day without the drafts whose days are all over, or all that have something in a year."""
    wanted = select(Plan).order_by(col(Plan.first_day), col(Plan.id))
    if not year:
        wanted = wanted.where(still_counts(today))
    else:
        first, last = date(year, 1, 1), date(year, 12, 31)
        wanted = wanted.where(or_(and_(col(Plan.last_day) >= first, col(Plan.first_day) <= last), col(Plan.joined)))
    return [_paper(session, one) for one in session.exec(wanted).all()]


def _paper(session: Session, plan: Plan) -> Paper:
    assert plan.id is not None
    return Paper(
        plan.id,
        plan.key,
        plan.name,
        plan.form,
        plan.scope,
        plan.audience,
        plan.night,
        plan.joined,
        _state(session, plan),
        plan.first_day,
        plan.last_day,
        session.exec(select(func.count()).where(Beat.plan_id == plan.id)).one(),
    )


def _state(session: Session, plan: Plan) -> str:
    campaign = session.get(Campaign, plan.campaign_id) if plan.campaign_id is not None else None
    if plan.stage == "draft" or campaign is None:
        return "draft"
    if campaign.state != "running":
        return campaign.state
    begun = session.exec(select(Fire.group_id).where(Fire.campaign_id == campaign.id).limit(1)).first()
    return "approved" if begun is None else "running"


def lines(session: Session, paper: Paper) -> list[Line]:
    """Return what a plan says, by day."""
    beats = session.exec(select(Beat).where(Beat.plan_id == paper.id).order_by(col(Beat.local_day))).all()
    own = wordings.of_slots(session, [saying.slot(one) for one in beats])
    return [
        Line(
            one.id or 0,
            number,
            one.local_day,
            one.minute,
            one.phase,
            one.title,
            one.text,
            one.other,
            one.poster,
            own.get(saying.slot(one), {}),
        )
        for number, one in enumerate(beats, start=1)
    ]


# ------------------------------------------------------------------ what a group reads


@dataclass(frozen=True, slots=True)
class Preview:
    """What a group will read.

    Attributes:
        day: the group's own: with its shift, or counted from its beginning.
        off: its leader has switched such campaigns off: it will not get it.
    """

    reply: Reply
    day: date
    off: bool


def preview(session: Session, paper: Paper, line: Line, group: Group) -> Preview:
    """Return what a group will read of a beat, whatever the plan's stage."""
    plan, beat, view = session.get_one(Plan, paper.id), session.get_one(Beat, line.id), GroupView.of(group)
    shift = session.exec(
        select(Schedule.shift_days).where(Schedule.campaign_id == plan.campaign_id, Schedule.group_id == group.id)
    ).first()
    if shift is None:
        shift = (local_day(group.created_at, group.zone) - EPOCH).days if plan.joined else 0
    day = beat.local_day + timedelta(days=shift)
    return Preview(saying.preview(session, plan, beat, view, day), day, saying.is_off(plan, view.settings))


def first_group(session: Session, paper: Paper) -> Group | None:
    """Return the oldest active group that a plan is for."""
    what, _, number = paper.scope.partition(":")
    wanted = select(Group).where(Group.state == "active").order_by(col(Group.id))
    if what == "group":
        wanted = wanted.where(Group.id == int(number))
    elif what == "region":
        wanted = wanted.where(Group.region_id == int(number))
    return session.exec(wanted.limit(1)).first()


# ------------------------------------------------------------------ deciding


def take(session: Session, pack: Pack, year: int, now: datetime, scope: str) -> Paper:
    """Write a pack's campaign of a year down as a draft; raises as :func:`service.plan`."""
    made = service.plan(session, pack, year, now, scope=scope)
    _note(session, "calendar.planned", now, made, None)
    return _paper(session, made)


def approve(session: Session, paper: Paper, by: int | None, now: datetime) -> Paper:
    """Let a draft run; raises as :func:`service.approve`."""
    plan = session.get_one(Plan, paper.id)
    service.approve(session, plan, by, now)
    _note(session, "calendar.approved", now, plan, by)
    return _paper(session, plan)


def withdraw(session: Session, paper: Paper, now: datetime, by: int | None = None) -> Paper:
    """Make an approved plan a draft again; raises as :func:`service.withdraw`."""
    plan = session.get_one(Plan, paper.id)
    service.withdraw(session, plan)
    _note(session, "calendar.withdrawn", now, plan, by)
    return _paper(session, plan)


def reword(session: Session, line: Line, scope: str, text: str, by: int | None, now: datetime) -> None:
    """Give a beat other words in a scope; an empty text gives the ready ones back."""
    beat = session.get_one(Beat, line.id)
    wordings.write(session, saying.slot(beat), scope, text, by, now)
    _note(session, "calendar.worded", now, session.get_one(Plan, beat.plan_id), by)


def _note(session: Session, action: str, now: datetime, plan: Plan, by: int | None) -> None:
    audit.record(session, at=now, actor_id=by, group_id=None, action=action, plan=plan.id or 0)


def beat_of(found: Sequence[Line], wanted: str) -> Line | None:
    """Find a beat by its number, its day (``06-18``, ``2027-06-18``) or its title; None when it is none or several."""
    if wanted.isascii() and wanted.isdigit() and 1 <= int(wanted[:9]) <= len(found):
        return found[int(wanted) - 1]
    named = [one for one in found if wanted in (one.day.isoformat(), f"{one.day:%m-%d}", one.title)]
    return named[0] if len(named) == 1 else None
