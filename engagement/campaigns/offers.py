"""不参加, 换日子, 试发, 换文案 without a number: what there is to choose from, one tap each.

Source: F27.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from sqlalchemy import func
from sqlmodel import col
from sqlmodel import select as pick

from engagement import rooms
from engagement.campaigns import charge, choices, trials, words
from engagement.campaigns.choices import Coming
from engagement.campaigns.tables import Beat, Plan
from engagement.errors import Refusal
from engagement.feature import Context
from engagement.kernel import Button, Place, Reply
from storage.campaigns import Fire
from storage.groups import Group

SHOWN = 6
MANY = 30
"""Campaigns of the staff that are looked through for what can be done with them."""


def mine(ctx: Context, act: str, how: str) -> Reply:
    """Offer a leader the campaigns of the next days with which something can be done: one button each.

    Args:
        act: ``leave``, ``join``, ``move``, ``try`` or ``words``.

    Raises:
        Refusal: ``how`` in a group chat, where everybody would read along.
    """
    rooms.lead(ctx)
    if ctx.incoming.place is not Place.DM:
        raise Refusal(how)
    group = choices.view(ctx)
    fits = _FITS[act]
    found: dict[int, Coming] = {}
    for one in choices.coming(ctx.session, group, ctx.now):
        number = one.here.plan.id or 0
        if number not in found and len(found) < SHOWN and fits(ctx, group, one):
            found[number] = one
    if not found:
        raise Refusal(f"campaigns.which_{act}_none", group=group.name)
    buttons = []
    rows = []
    for number, one in found.items():
        at = f"{number}.{group.id}" + (f".{one.beat.id}" if act == "try" else "")
        name = one.here.plan.name
        buttons.append(Button(f"cal_{act}:{at}", "campaigns.button_show", {"number": number, "name": name}))
        rows.append({"number": number, "name": name, "day": words.day(one.day)})
    values = {"group": group.name, "rows": rows, "number": next(iter(found))}
    return Reply(f"campaigns.which_{act}", values, buttons=buttons, subject=words.DONE)


def _takes_part(_ctx: Context, _group: Group, one: Coming) -> bool:
    return one.here.enabled


def _left(_ctx: Context, _group: Group, one: Coming) -> bool:
    return not one.here.enabled


def _movable(ctx: Context, group: Group, one: Coming) -> bool:
    here = one.here
    if not here.enabled or not choices.may_move(here.plan) or choices.began(ctx.session, here, group.id or 0):
        return False
    first = ctx.session.exec(pick(Beat.id).where(Beat.plan_id == here.plan.id).order_by(col(Beat.local_day))).first()
    return first == one.beat.id


def _worded(_ctx: Context, _group: Group, one: Coming) -> bool:
    return one.here.plan.audience == "groups"


def _anything(_ctx: Context, _group: Group, _one: Coming) -> bool:
    return True


_FITS: dict[str, Callable[[Context, Group, Coming], bool]] = {
    "leave": _takes_part,
    "join": _left,
    "move": _movable,
    "try": _anything,
    "words": _worded,
}


# ---------------------------------------------------------------- the staff


def theirs(ctx: Context, act: str, how: str) -> Sequence[Reply]:
    """Offer the staff the campaigns with which something can be done, what comes soonest first.

    Args:
        act: ``approve``, ``back``, ``pause``, ``resume``, ``cancel`` or ``trial``.

    Raises:
        Refusal: ``how`` when there is none.
    """
    who = charge.charge(ctx)
    found: list[Plan] = []
    for plan in _soonest(ctx, charge.plans(ctx.session, who, "draft" if act == "approve" else "approved", ctx.now)):
        if len(found) < SHOWN and who.covers(ctx.session, plan) and _can(ctx, plan, act):
            found.append(plan)
    if not found:
        raise Refusal(how)
    buttons = [
        Button(_key(ctx, plan, act), "campaigns.button_show", {"number": plan.id, "name": plan.name}) for plan in found
    ]
    return [Reply(how, {"group": None}, ["campaigns.which_tap"], buttons=buttons)]


def _soonest(ctx: Context, plans: Sequence[Plan]) -> Sequence[Plan]:
    """Sort by the next day that each has, what has none of its own last; no more than can be looked through."""
    wanted = pick(Beat.plan_id, func.min(Beat.local_day)).where(col(Beat.local_day) >= ctx.today)
    days: dict[int | None, date] = dict(ctx.session.exec(wanted.group_by(col(Beat.plan_id))).all())
    return sorted(plans, key=lambda one: (days.get(one.id, date.max), one.id or 0))[:MANY]


def _can(ctx: Context, plan: Plan, act: str) -> bool:
    if act == "approve":
        return not charge.needs_second(ctx.session, plan, ctx.actor.person_id)
    campaign = charge.campaign(ctx.session, plan)
    if campaign is None:
        return False
    if act == "back":
        return ctx.session.exec(pick(Fire.group_id).where(Fire.campaign_id == campaign.id).limit(1)).first() is None
    return campaign.state in _STATES[act]


_STATES = {
    "pause": ("running",),
    "resume": ("paused", "cancelled"),
    "cancel": ("running", "paused"),
    "trial": ("running", "paused"),
}


def _key(ctx: Context, plan: Plan, act: str) -> str:
    return f"cal_{act}:{plan.id}" + (f".{trials.nearest(ctx, plan).id}" if act == "trial" else "")
