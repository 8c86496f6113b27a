"""Somebody is in danger: the same words before anything is looked up, and an emergency reaches the leaders at once."""

from __future__ import annotations

from collections.abc import Sequence

from engagement.faq import rules
from engagement.faq.asking import QUESTION_MOST
from engagement.faq.talk import NO_GROUP
from engagement.feature import Context
from engagement.kernel import Kind, Place, Reply, one_line
from prompts.loader import texts
from storage import bots, identities


def urgent(ctx: Context) -> Sequence[Reply]:
    """Words that wait for nothing but a command."""
    return comfort(ctx, ctx.text)


def comfort(ctx: Context, text: str) -> Sequence[Reply]:
    """Say the same words each time, from nowhere but here, and whom to call: where only he reads it, if he can be.

    In the group nobody is called by name, nor told of a task.

    An emergency is no secret: it is answered where it was said, and the leaders hear of it at once, by night too.
    """
    ctx.aside = True
    kind = rules.danger(text)
    if kind == "emergency":
        return _emergency(ctx, text)
    key = "faq.self_harm" if kind == "self_harm" else "faq.violence"
    if ctx.incoming.place is Place.GROUP and bots.is_open(ctx.session, ctx.actor.person_id, ctx.incoming.channel):
        return [Reply(key, NO_GROUP, kind=Kind.DM, to=ctx.actor.person_id, subject="faq:talk")]
    return [Reply(key, NO_GROUP, subject="faq:talk")]


def _emergency(ctx: Context, text: str) -> Sequence[Reply]:
    group = ctx.group
    leaders = [] if group is None else identities.leaders(ctx.session, group.id)
    told = [
        one for one in leaders if one != ctx.actor.person_id and bots.is_open(ctx.session, one, ctx.incoming.channel)
    ]
    if group is None or not told:
        return [Reply("faq.emergency", NO_GROUP, subject="faq:talk")]
    values = {"group": group.name, "name": ctx.actor.name, "words": one_line(text, QUESTION_MOST)}
    leader = bots.name_of(ctx.session, told[0]) if len(told) == 1 else texts().raw("faq.leader")
    said = {**NO_GROUP, "leader": leader}
    return [
        Reply("faq.emergency", said, ("faq.emergency_told",), subject="faq:talk"),
        *(Reply("faq.to_leader_emergency", values, kind=Kind.DM, to=one) for one in told),
    ]
