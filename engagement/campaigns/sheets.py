"""A plan as a page has it before somebody: who wrote it, who gets it, what he may do with it; beside the operator's desk.

Source: F27-F31.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import col
from sqlmodel import select as pick

from engagement.campaigns import charge, desk, drafting, effects, words
from engagement.campaigns.charge import Charge
from engagement.campaigns.desk import Line, Paper
from engagement.campaigns.tables import Beat, Plan
from engagement.errors import Refusal
from prompts.loader import texts
from storage.engine import Session
from storage.groups import Group, Identity


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan that waits to be approved.

    Attributes:
        second: somebody else has to do it.
    """

    id: int
    name: str
    joined: bool
    first_day: date
    second: bool


@dataclass(frozen=True, slots=True)
class Sheet:
    """A plan with what stands around it.

    Attributes:
        windows: beat id → the days that it may be moved to.
        second: it is a draft that somebody else has to approve.
        by: who wrote it, in words.
        where: its region or group, in words.
        reach: active groups that it goes to.
        waiting: messages that wait to go out.
        names: scope of other words → its name.
    """

    paper: Paper
    slogan: str
    lines: Sequence[Line]
    windows: Mapping[int, tuple[date, date]]
    second: bool
    by: str
    where: str
    reach: int
    waiting: int
    names: Mapping[str, str]


def paper(session: Session, plan_id: int) -> Paper | None:
    """Return a plan by its number."""
    plan = _plan(session, plan_id)
    return None if plan is None else desk.find(session, plan.key, plan.first_day)


def _plan(session: Session, plan_id: int) -> Plan | None:
    return session.get(Plan, plan_id) if 0 < plan_id < 1 << 62 else None


def drafts(session: Session, person_id: int, now: datetime, most: int) -> list[Draft]:
    """Return what waits to be approved, what comes first first."""
    return [
        Draft(one.id or 0, one.name, one.joined, one.first_day, charge.needs_second(session, one, person_id))
        for one in charge.plans(session, Charge(person_id, None), "draft", now)[:most]
    ]


def sheet(session: Session, plan_id: int, person_id: int, now: datetime) -> Sheet | None:
    """Return a plan for somebody who looks after everything."""
    found = paper(session, plan_id)
    if found is None:
        return None
    plan = session.get_one(Plan, plan_id)
    mine = Charge(person_id, None)
    lines = desk.lines(session, found)
    scopes = {scope for line in lines for scope in line.own}
    names = charge.names(session, [plan.scope, *scopes])
    return Sheet(
        found,
        plan.slogan,
        lines,
        drafting.windows(session, plan_id, now),
        found.state == "draft" and charge.needs_second(session, plan, person_id),
        _author(session, plan),
        names.get(plan.scope) or texts().raw("campaigns.everywhere"),
        charge.reach(session, plan, mine),
        charge.waiting(session, plan, mine) if found.state in ("running", "paused") else 0,
        names,
    )


def _author(session: Session, plan: Plan) -> str:
    if plan.written_by is None:
        return texts().raw("campaigns.by_program")
    name = session.exec(
        pick(Identity.name).where(Identity.person_id == plan.written_by).order_by(col(Identity.id))
    ).first()
    return name or texts().raw("campaigns.by_somebody")


def settle(session: Session, plan_id: int, act: str, by: int | None, now: datetime) -> None:
    """Approve a draft, or make an approved plan one again.

    Args:
        act: ``approve`` or ``withdraw``.

    Raises:
        Refusal: as :func:`engagement.campaigns.desk.approve` and ``withdraw``; ``campaigns.second_person``,
            ``campaigns.draft_already``, ``campaigns.unknown_plan``.
    """
    found = paper(session, plan_id)
    if found is None:
        raise Refusal("campaigns.unknown_plan", number=plan_id)
    if act == "withdraw":
        if found.state == "draft":
            raise Refusal("campaigns.draft_already", name=found.name, number=found.id)
        desk.withdraw(session, found, now, by)
        return
    if found.state == "draft" and charge.needs_second(session, session.get_one(Plan, plan_id), by or 0):
        raise Refusal("campaigns.second_person", name=found.name, number=found.id)
    desk.approve(session, found, by, now)


def group_of(session: Session, found: Paper, group_id: int) -> Group | None:
    """Return an active group that a plan is for."""
    plan = session.get_one(Plan, found.id)
    return session.exec(pick(Group).where(Group.id == group_id, Group.state == "active", charge.of_plan(plan))).first()


def effect(session: Session, plan_id: int, now: datetime) -> effects.Effect | None:
    """Return what came of a plan; None where nothing was to be sent yet."""
    plan = _plan(session, plan_id)
    found = [] if plan is None or plan.campaign_id is None else effects.effects(session, now, plan)
    return found[0] if found else None


def said(session: Session, beat_ids: Collection[int]) -> Mapping[int, str]:
    """Return beat id → its words."""
    rows = session.exec(pick(Beat.id, Beat.text).where(col(Beat.id).in_(beat_ids))).all()
    return {number: text for number, text in rows if number is not None}


def check_beat(session: Session, plan_id: int, beat_id: int) -> None:
    """Refuse a beat that is not the plan's.

    Raises:
        Refusal: ``campaigns.beat_gone``.
    """
    beat = session.get(Beat, beat_id) if 0 < beat_id < 1 << 62 else None
    if beat is None or beat.plan_id != plan_id:
        raise Refusal("campaigns.beat_gone")


def of_campaigns(session: Session, campaign_ids: Collection[int]) -> Mapping[int, int]:
    """Return campaign id → its plan."""
    wanted = pick(Plan.campaign_id, Plan.id).where(col(Plan.campaign_id).in_(campaign_ids))
    return {
        campaign: plan for campaign, plan in session.exec(wanted).all() if campaign is not None and plan is not None
    }


def draft_of_key(session: Session, key: str) -> str:
    """Return the name of the plan of a key if it is a draft; empty if it is none, or there is none."""
    plan = session.exec(pick(Plan).where(Plan.key == key)).first()
    return plan.name if plan is not None and plan.stage == "draft" else ""


def is_scope(session: Session, scope: str) -> bool:
    """Say whether a scope is one: all, or a region or group that there is."""
    what, _, number = scope.partition(":")
    if scope == "all":
        return True
    fits = what in ("region", "group") and number.isascii() and number.isdecimal() and len(number) < 16
    return fits and scope in charge.names(session, [scope])


_ON_PAGES = {
    "campaigns.word_empty": "campaigns.page_empty",
    "campaigns.word_long": "campaigns.page_long",
    "campaigns.word_unknown": "campaigns.page_unknown",
    "campaigns.second_person": "campaigns.page_second",
}
"""What a chat says with its way on → what a page says, where the way on is before one's eyes."""


def told(no: Refusal) -> str:
    """Put a refusal of the calendar into plain words for a page."""
    values = {name: words.joined(one) if isinstance(one, list) else one for name, one in no.values.items()}
    return texts().fill(_ON_PAGES.get(no.key, no.key), values).replace("**", "")


def beat_titles(session: Session, beat_ids: Collection[int]) -> Mapping[int, tuple[int, str, str, str]]:
    """Return beat id → its plan's number and name, its title and its ready words."""
    wanted = pick(Beat, Plan).join(Plan, col(Plan.id) == col(Beat.plan_id)).where(col(Beat.id).in_(beat_ids))
    return {beat.id or 0: (plan.id or 0, plan.name, beat.title, beat.text) for beat, plan in session.exec(wanted).all()}


def reword_beat(session: Session, beat_id: int, scope: str, by: int | None, now: datetime) -> None:
    """Give a beat's ready words back in a scope.

    Raises:
        Refusal: ``campaigns.beat_gone``.
    """
    beat = session.get(Beat, beat_id) if 0 < beat_id < 1 << 62 else None
    found = None if beat is None else paper(session, beat.plan_id)
    line = None if found is None else next((one for one in desk.lines(session, found) if one.id == beat_id), None)
    if line is None:
        raise Refusal("campaigns.beat_gone")
    desk.reword(session, line, scope, "", by, now)
