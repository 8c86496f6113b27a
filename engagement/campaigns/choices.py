"""What a leader decides about campaigns in the own group: which come, when, and which kinds never do; and the way back.

Source: F27, F37.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeAlias

from sqlalchemy import update
from sqlmodel import col
from sqlmodel import select as pick

from engagement import calendar, rhythm
from engagement.campaigns import rules, saying, service, words
from engagement.campaigns.tables import Beat, Plan
from engagement.errors import Refusal
from engagement.feature import Context, GroupView
from storage import audit
from storage.campaigns import Campaign, Delivery, Schedule
from storage.engine import Session
from storage.groups import Group

AHEAD = timedelta(days=14)
CHANGE, KIND, NIGHT = "campaign_choice", "campaign_kind", "campaign_night"
"""Kinds of a leader's action that can be taken back."""
_NOT_GONE = ("skipped", "cancelled")
_RUNNING = ("running", "paused")


@dataclass(frozen=True, slots=True)
class Here:
    """An approved plan as a group has it.

    Attributes:
        shift: days by which the group has its days later than others.
        enabled: False = the leader does not take part.
    """

    plan: Plan
    state: str
    shift: int
    enabled: bool


@dataclass(frozen=True, slots=True)
class Coming:
    """A beat that is to come in a group; ``day`` is the group's own."""

    here: Here
    beat: Beat
    day: date
    at: datetime

    @property
    def title(self) -> str:
        """Return the beat's title as it is read on its day."""
        return words.title(self.beat.title, self.day, self.here.plan.name)


def view(ctx: Context) -> Group:
    """Return the row of the context's group."""
    return ctx.session.get_one(Group, ctx.here.id)


def _in_scope(plan: Plan, group: Group) -> bool:
    return plan.scope in ("all", f"group:{group.id}", f"region:{group.region_id}")


def _as_had(plan: Plan, state: str, row: Schedule | None) -> Here | None:
    """Return a plan as a group has it; None when what counts from the beginning is over for it."""
    if row is not None:
        return Here(plan, state, row.shift_days, row.enabled)
    return None if plan.joined else Here(plan, state, 0, True)


def find(session: Session, plan_id: int, group: Group) -> Here:
    """Return a plan that runs in a group.

    Raises:
        Refusal: ``campaigns.unknown``: none of this number, or none that this group has.
    """
    plan = session.get(Plan, plan_id) if 0 < plan_id < 1 << 62 else None
    campaign = session.get(Campaign, plan.campaign_id) if plan is not None and plan.campaign_id is not None else None
    if plan is None or campaign is None or plan.stage != "approved" or not _in_scope(plan, group):
        raise Refusal("campaigns.unknown", number=plan_id)
    row = session.exec(
        pick(Schedule).where(Schedule.campaign_id == plan.campaign_id, Schedule.group_id == group.id)
    ).first()
    found = _as_had(plan, campaign.state, row)
    if found is None:
        raise Refusal("campaigns.unknown", number=plan_id)
    return found


def beats(session: Session, here: Here, group: Group) -> Sequence[Coming]:
    """Return all that a plan says in a group, by day."""
    rows = session.exec(pick(Beat).where(Beat.plan_id == here.plan.id).order_by(col(Beat.local_day))).all()
    days = rhythm.instants([(one.local_day, one.minute) for one in rows], here.shift, group.zone)
    return [Coming(here, beat, day, at) for beat, (day, at) in zip(rows, days, strict=True)]


Known: TypeAlias = dict[tuple[date, date], tuple[Sequence[tuple[Plan, str]], Sequence[Beat]]]
"""Days → what is planned for them anywhere."""


def coming(
    session: Session, group: Group, now: datetime, within: timedelta = AHEAD, known: Known | None = None
) -> Sequence[Coming]:
    """Return what is said in a group, or to its leaders, in the time to come; what its leader left out is marked by ``here``.

    What he wants nothing of as a kind is not among it.

    Args:
        known: what was read for one group of a page is there for the others; handed over to each of them, empty at first.
    """
    today = calendar.local_day(now, group.zone)
    days = today - timedelta(days=rules.MOST_SHIFT + 1), today + within + timedelta(days=rules.MOST_SHIFT + 1)
    known = {} if known is None else known
    if days not in known:
        known[days] = _planned(session, *days)
    plans, beats_of = known[days]
    mine = {plan.id: (plan, state) for plan, state in plans if _in_scope(plan, group) and not _is_off(plan, group)}
    schedules = {
        one.campaign_id: one
        for one in session.exec(
            pick(Schedule).where(
                Schedule.group_id == group.id,
                col(Schedule.campaign_id).in_([plan.campaign_id for plan, _ in mine.values()]),
            )
        )
    }
    found: list[Coming] = []
    for beat in beats_of:
        if beat.plan_id not in mine:
            continue
        plan, state = mine[beat.plan_id]
        here = _as_had(plan, state, schedules.get(plan.campaign_id or 0))
        if here is None:
            continue
        ((day, at),) = rhythm.instants([(beat.local_day, beat.minute)], here.shift, group.zone)
        if now < at <= now + within:
            found.append(Coming(here, beat, day, at))
    return sorted(found, key=lambda one: (one.at, one.here.plan.id or 0))


def _planned(session: Session, first: date, last: date) -> tuple[Sequence[tuple[Plan, str]], Sequence[Beat]]:
    plans = session.exec(
        pick(Plan, Campaign.state)
        .join(Campaign, col(Campaign.id) == col(Plan.campaign_id))
        .where(
            Plan.stage == "approved",
            col(Campaign.state).in_(_RUNNING),
            col(Plan.joined) | ((col(Plan.first_day) <= last) & (col(Plan.last_day) >= first)),
        )
        .order_by(col(Plan.id))
    ).all()
    near = (col(Beat.local_day) >= first) & (col(Beat.local_day) <= last)
    numbers = [plan.id for plan, _ in plans]
    begun = [plan.id for plan, _ in plans if plan.joined]
    rows = session.exec(pick(Beat).where(col(Beat.plan_id).in_(numbers), near | col(Beat.plan_id).in_(begun)))
    return plans, rows.all()


def _is_off(plan: Plan, group: Group) -> bool:
    return saying.is_off(plan, group.settings or {})


def states(session: Session, plan: Plan, group_id: int, person_id: int | None = None) -> Mapping[date, tuple[str, str]]:
    """Return local day → what became of a plan's message in a group, and why; sent if anybody there has it.

    Args:
        person_id: only what was for this person, of what leaders read in private.
    """
    wanted = pick(Delivery).where(Delivery.campaign_id == plan.campaign_id, Delivery.group_id == group_id)
    if person_id is not None:
        wanted = wanted.where(col(Delivery.recipient).in_([0, person_id]))
    found: dict[date, tuple[str, str]] = {}
    for one in session.exec(wanted.order_by(col(Delivery.id))):
        if found.get(one.local_date, ("",))[0] != "sent":
            found[one.local_date] = one.state, one.reason
    return found


def began(session: Session, here: Here, group_id: int) -> bool:
    """Say whether a group has read something of a plan, or is about to."""
    return any(state not in _NOT_GONE for state, _ in states(session, here.plan, group_id).values())


def may_move(plan: Plan) -> bool:
    """Say whether a plan's days are a matter of taste: no festival's, and not what leaders read or count from a beginning."""
    return plan.form not in words.FIXED and not plan.joined and plan.audience == "groups"


def is_over(session: Session, here: Here, group: Group, now: datetime) -> bool:
    """Say whether nothing of a plan is to come in a group, and nothing of it waits to go out."""
    if any(one.at > now for one in beats(session, here, group)):
        return False
    return not any(state == "pending" for state, _ in states(session, here.plan, group.id or 0).values())


def shifts(session: Session, here: Here, group: Group, now: datetime) -> Sequence[int]:
    """Return the days by which a group may have a plan earlier or later, other than now.

    Raises:
        Refusal: ``campaigns.fixed``, ``campaigns.begun_here`` or ``campaigns.move_late``.
    """
    if not may_move(here.plan):
        raise Refusal("campaigns.fixed", name=here.plan.name, number=here.plan.id)
    if began(session, here, group.id or 0):
        raise Refusal("campaigns.begun_here", name=here.plan.name, number=here.plan.id)
    first = session.exec(pick(Beat).where(Beat.plan_id == here.plan.id).order_by(col(Beat.local_day))).first()
    found = [
        days
        for days in range(-rules.MOST_SHIFT, rules.MOST_SHIFT + 1)
        if first is not None
        and days != here.shift
        and rhythm.next_instant([(first.local_day, first.minute)], days, group.zone, now) is not None
    ]
    if not found:
        raise Refusal("campaigns.move_late", name=here.plan.name, number=here.plan.id)
    return found


# ---------------------------------------------------------------- changing


def take_part(ctx: Context, here: Here, *, on: bool) -> Mapping[str, object]:
    """Let a group take part in a plan, or not; what waits to go out there is left out, or goes out after all.

    Returns:
        What the way back needs.
    """
    row = service.schedule_of(ctx.session, here.plan, view(ctx), ctx.now)
    before = {"plan": here.plan.id, "on": row.enabled}
    row.enabled, row.next_at = on, None
    ctx.session.add(row)
    _hold(ctx, [row.campaign_id], on=on)
    _note(ctx, "calendar.joined" if on else "calendar.left", plan=here.plan.id or 0)
    return before


def move(ctx: Context, here: Here, days: int) -> Mapping[str, object]:
    """Let a group have a plan's days earlier or later.

    Raises:
        Refusal: as :func:`shifts`; ``campaigns.move_how`` when it may not be moved so far.
    """
    group = view(ctx)
    if days not in shifts(ctx.session, here, group, ctx.now):
        raise Refusal(
            "campaigns.move_past" if abs(days) <= rules.MOST_SHIFT else "campaigns.move_far",
            name=here.plan.name,
            number=here.plan.id,
            most=rules.MOST_SHIFT,
        )
    row = service.schedule_of(ctx.session, here.plan, group, ctx.now)
    before = {"plan": here.plan.id, "shift": row.shift_days}
    row.shift_days, row.next_at = days, None
    ctx.session.add(row)
    _note(ctx, "calendar.moved", plan=here.plan.id or 0, days=days)
    return before


def want(ctx: Context, form: str, *, on: bool) -> Mapping[str, object]:
    """Let campaigns of a form come into a group, or none of them ever again."""
    mine = own(ctx.here.settings)
    off = words.off_forms(mine)
    left = sorted(off - {form} if on else off | {form})
    before = {"form": form, "on": form not in off}
    _set(ctx, {**mine, "off": left} if left else {name: value for name, value in mine.items() if name != "off"})
    _hold(ctx, _of_forms(ctx, form), on=on)
    _note(ctx, "calendar.kind_on" if on else "calendar.kind_off")
    return before


def open_night(ctx: Context, *, on: bool) -> Mapping[str, object]:
    """Let what is meant for the late evening come into a group, or not."""
    mine = own(ctx.here.settings)
    before = {"on": mine.get("night") is True}
    others = {name: value for name, value in mine.items() if name != "night"}
    _set(ctx, {**others, "night": True} if on else others)
    _hold(ctx, _of_forms(ctx, "night"), on=on)
    _note(ctx, "calendar.night_on" if on else "calendar.night_off")
    return before


def own(settings: Mapping[str, object]) -> Mapping[str, object]:
    """Return the calendar's part of a group's settings."""
    mine = settings.get(service.SETTING)
    return mine if isinstance(mine, Mapping) else {}


def _set(ctx: Context, mine: Mapping[str, object]) -> None:
    group = view(ctx)
    others = {name: kept for name, kept in (group.settings or {}).items() if name != service.SETTING}
    group.settings = {**others, service.SETTING: dict(mine)} if mine else others
    ctx.session.add(group)
    ctx.session.flush()
    ctx.group = GroupView.of(group)


def _of_forms(ctx: Context, form: str) -> Sequence[int]:
    wanted = pick(Plan.campaign_id).where(Plan.form == form, col(Plan.joined).is_(False))
    return [one for one in ctx.session.exec(wanted) if one is not None]


def _hold(ctx: Context, campaign_ids: Sequence[int], *, on: bool) -> None:
    """Leave out what waits to go out in the group, or let it wait again while it still may go out."""
    mine = (col(Delivery.campaign_id).in_(campaign_ids), col(Delivery.group_id) == ctx.here.id)
    if on:
        ctx.session.execute(
            update(Delivery)
            .where(*mine, col(Delivery.state) == "skipped", col(Delivery.reason) == "off", col(Delivery.body) != "")
            .where(col(Delivery.expires_at) > ctx.now)
            .values(state="pending", reason="")
        )
    else:
        ctx.session.execute(
            update(Delivery).where(*mine, col(Delivery.state) == "pending").values(state="skipped", reason="off")
        )
    ctx.session.flush()


def _note(ctx: Context, action: str, **details: int) -> None:
    audit.record(ctx.session, at=ctx.now, actor_id=ctx.actor.person_id, group_id=ctx.here.id, action=action, **details)
