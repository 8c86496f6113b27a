"""The calendar as a wall has it: what is said on the days between two days, of which campaigns, in which state.

Source: F27-F31.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import exists, select
from sqlmodel import col

from engagement.campaigns import words
from engagement.campaigns.tables import Beat, Plan, still_counts
from storage.campaigns import Campaign, Fire
from storage.engine import Session

MOST_PLANS = 200
"""Plans of one view; who has more chooses a region or a form."""
STATES = ("draft", "approved", "running", "paused", "cancelled", "finished")
"""How a plan stands; ``approved``: nothing of it came due yet."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A beat, on the day on which a group without a shift has it.

    Attributes:
        number: its place in the plan, from 1.
        anchor: it is the day that the others count towards.
    """

    id: int
    number: int
    day: date
    minute: int
    phase: str
    title: str
    poster: bool
    anchor: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """A plan with all that it says, by day."""

    id: int
    name: str
    form: str
    scope: str
    audience: str
    night: bool
    state: str
    first_day: date
    last_day: date
    beats: Sequence[Spoken]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is looked for; empty = everything.

    Attributes:
        scope: ``all``, ``region:ID`` (its groups have what is for all, too) or ``group:ID``.
        own: only what is for the scope alone.
    """

    scope: str = ""
    form: str = ""
    state: str = ""
    own: bool = False


def between(session: Session, first: date, last: date, wish: Wish, today: date) -> tuple[list[Bar], bool]:
    """Return the campaigns that say something in [first, last], by their first day, and whether there are more of them.

    What counts from each group's own beginning has no day on a wall, and is left out; so is a draft whose days are all over.
    """
    begun = exists().where(col(Fire.campaign_id) == col(Plan.campaign_id))
    wanted = (
        select(Plan, col(Campaign.state), begun)
        .outerjoin(Campaign, col(Campaign.id) == col(Plan.campaign_id))
        .where(col(Plan.first_day) <= last, col(Plan.last_day) >= first, col(Plan.joined).is_(False))
        .where(still_counts(today))
        .order_by(col(Plan.first_day), col(Plan.id))
    )
    if wish.scope:
        wanted = wanted.where(col(Plan.scope).in_([wish.scope] if wish.own else [wish.scope, "all"]))
    if wish.form:
        wanted = wanted.where(col(Plan.form) == wish.form)
    if wish.state == "draft":
        wanted = wanted.where(col(Plan.stage) == "draft")
    elif wish.state:
        running = wish.state in ("approved", "running")
        wanted = wanted.where(
            col(Plan.stage) == "approved", col(Campaign.state) == ("running" if running else wish.state)
        )
        if running:
            wanted = wanted.where(begun if wish.state == "running" else ~begun)
    rows = session.execute(wanted.limit(MOST_PLANS + 1)).all()
    more, rows = len(rows) > MOST_PLANS, rows[:MOST_PLANS]
    spoken = _spoken(session, {plan.id or 0: plan.name for plan, _, _ in rows})
    bars = [
        Bar(
            plan.id or 0,
            plan.name,
            plan.form,
            plan.scope,
            plan.audience,
            plan.night,
            state_of(plan.stage, state, begun=has_begun),
            plan.first_day,
            plan.last_day,
            spoken.get(plan.id or 0, ()),
        )
        for plan, state, has_begun in rows
    ]
    return bars, more


def state_of(stage: str, state: str | None, *, begun: bool) -> str:
    """Return one of ``STATES``."""
    if stage == "draft" or state is None:
        return "draft"
    return state if state != "running" else "running" if begun else "approved"


def _spoken(session: Session, plans: Mapping[int, str]) -> dict[int, list[Spoken]]:
    found: dict[int, list[Spoken]] = {}
    numbers: dict[int, int] = {}
    wanted = (
        select(
            col(Beat.plan_id),
            col(Beat.id),
            col(Beat.local_day),
            col(Beat.minute),
            col(Beat.phase),
            col(Beat.title),
            col(Beat.poster),
            col(Beat.peak),
        )
        .where(col(Beat.plan_id).in_(list(plans)))
        .order_by(col(Beat.plan_id), col(Beat.local_day))
    )
    for plan, beat, day, minute, phase, title, poster, peak in session.execute(wanted):
        numbers[plan] = numbers.get(plan, 0) + 1
        found.setdefault(plan, []).append(
            Spoken(beat, numbers[plan], day, minute, phase, words.title(title, day, plans[plan]), poster, peak == day)
        )
    return found
