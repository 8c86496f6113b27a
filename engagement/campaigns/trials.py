"""试发: just what a group will read, in private, before it does.

Source: F27.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import col
from sqlmodel import select as pick

from engagement import rooms
from engagement.campaigns import charge, choices, saying, words
from engagement.campaigns.tables import Beat, Plan
from engagement.errors import Refusal
from engagement.feature import Context
from engagement.kernel import Button, Place, Reply


def button(ctx: Context) -> Sequence[Reply]:
    """The button 试发给我: a day as the group will read it; the next day of it is a further button."""
    number, group, beat_id = words.reference(ctx.text, 3)
    rooms.lead(ctx, group)
    if ctx.incoming.place is not Place.DM:
        raise Refusal("guard.private_only")
    return [shown(ctx, number, beat_id)]


def shown(ctx: Context, number: int, beat_id: int = 0) -> Reply:
    """Show a day of a campaign as the present group will read it.

    Args:
        beat_id: 0 = the next day that is to come, or the last one.

    Raises:
        Refusal: ``campaigns.unknown``, ``guard.old_button``.
    """
    here = choices.find(ctx.session, number, choices.view(ctx))
    everything = choices.beats(ctx.session, here, choices.view(ctx))
    next_one = next((place for place, one in enumerate(everything) if one.at > ctx.now), len(everything) - 1)
    place = next((place for place, one in enumerate(everything) if one.beat.id == beat_id), None)
    place = place if beat_id else next_one
    if place is None:
        raise Refusal("guard.old_button")
    one = everything[place]
    said = saying.preview(ctx.session, here.plan, one.beat, ctx.here, one.day)
    values = {
        **said.values,
        "when": words.day(one.day),
        "time": words.clock(one.at, ctx.here.zone),
        "group": ctx.here.name,
    }
    at = f"{number}.{ctx.here.id}"
    buttons = [Button(f"cal_word:{one.beat.id}.{ctx.here.id}", "campaigns.button_words")]
    if here.plan.audience == "leaders" or one.at <= ctx.now:
        buttons = []
    if place + 1 < len(everything):
        buttons.append(Button(f"cal_try:{at}.{everything[place + 1].beat.id}", "campaigns.button_try_next"))
    key = "campaigns.trial_private" if here.plan.audience == "leaders" else "campaigns.trial"
    return Reply(key, values, [said.key, *said.tails], buttons=buttons, card=said.card)


def nearest(ctx: Context, plan: Plan) -> Beat:
    """Return the day of a campaign that comes next, before groups' shifts, or its last one."""
    rows = ctx.session.exec(pick(Beat).where(Beat.plan_id == plan.id).order_by(col(Beat.local_day))).all()
    return next((one for one in rows if one.local_day >= ctx.today), rows[-1])


def of_staff(ctx: Context, number: int) -> str:
    """Return the reference of the button that shows the staff a campaign's next day.

    Raises:
        Refusal: as :func:`engagement.campaigns.charge.find`.
    """
    plan = charge.find(ctx, charge.charge(ctx), number)
    return f"{plan.id}.{nearest(ctx, plan).id}"
