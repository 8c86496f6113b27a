"""暂停: how quiet shall I be? Every way that there is, one tap each, and each with its way back.

Source: F70, F71.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from engagement import actions, rooms
from engagement.feature import Context
from engagement.groups import guide, service
from engagement.kernel import Button, Place, Reply, row_id
from prompts.loader import texts
from storage import moves

CHANGE = "group_pause"
_USUALLY = 4
"""Unasked messages a day after a pause of which nothing is known any more."""


def ask(ctx: Context) -> Sequence[Reply]:
    """Answer 暂停: all of it, the night, the check-ins, tomorrow's topic."""
    group = ctx.here
    paused = group.daily_budget == 0
    buttons = [
        Button(f"pause:{'off' if paused else 'on'}:{group.id}", f"groups.button_pause_{'off' if paused else 'on'}")
    ]
    if group.quiet_from == group.quiet_to:
        buttons.append(Button(f"pause:night:{group.id}", "groups.choice_quiet_1"))
    if service.acks(group) == "off":
        buttons.append(Button(f"quiet_acks:on:{group.id}", "groups.button_emoji"))
    if ctx.incoming.place is Place.DM:
        buttons.append(Button(f"do:topic:{group.id}", "groups.button_tomorrow"))
    values = {"group": group.name, "quiet": guide.current(ctx, "quiet")}
    return [Reply("groups.pause_is" if paused else "groups.pause", values, ["groups.pause_night"], buttons=buttons)]


def resume(ctx: Context) -> Sequence[Reply]:
    """Answer 恢复活动."""
    return [_set(ctx, on=False)]


def choose(ctx: Context) -> Sequence[Reply]:
    """A button under 暂停."""
    word, _, number = ctx.text.partition(":")
    rooms.lead(ctx, row_id(number))
    if word == "night":
        return [guide.keep(ctx, "quiet", texts().raw("groups.choice_quiet_1"))]
    return [_set(ctx, on=word == "on")]


def _set(ctx: Context, *, on: bool) -> Reply:
    group = ctx.here
    if on == (group.daily_budget == 0):
        return Reply("groups.pause_already" if on else "groups.pause_not", {"group": group.name})
    kept = service.own(group.settings).get(service.BUDGET)
    budget = 0 if on else kept if isinstance(kept, int) and kept > 0 else _USUALLY
    before = {**service.change(ctx, "group.paused" if on else "group.resumed", daily_budget=budget)}
    service.mark(ctx, **{service.BUDGET: before["daily_budget"] if on else None})
    if on:
        # What was planned already, and waits for its turn or for the morning, is not said either.
        moves.uproot(ctx.session, group.id)
    undo = actions.note(ctx, CHANGE, before, "groups.did_pause" if on else "groups.did_resume")
    values = {"group": group.name, "budget": budget}
    return Reply("groups.paused" if on else "groups.resumed", values, buttons=[undo])


def undo(ctx: Context, before: Mapping[str, object]) -> Sequence[Reply]:
    """Speak as often as before."""
    return [replace(_set(ctx, on=before.get("daily_budget") == 0), buttons=())]
