"""Somebody is in danger: the same words before anything is looked up, and an emergency reaches the leaders at once."""

from __future__ import annotations

from collections.abc import Sequence

from engagement.faq import rules, service, tallies
from engagement.faq.asking import QUESTION_MOST
from engagement.faq.talk import NO_GROUP
from engagement.feature import Context
from engagement.kernel import Kind, Place, Reply, one_line
from prompts.loader import texts
from storage import bots, identities

_FIRST = {
    "gas": ("faq.emergency_gas", "faq.asked_gas"),
    "fire": ("faq.emergency_fire", "faq.asked_fire"),
    **dict.fromkeys(("lost", "attack", "armed"), ("faq.emergency_police", "faq.asked_police")),
}
"""What is said of kinds where the doctor does not come first, and what the leaders hear of it; the earlier goes before."""


def is_urgent(text: str, answers: bool) -> bool:
    """Say whether words wait for nothing but a command; ``answers``: a leader's, to what he was asked or handed over.

    What he writes of an emergency then (a lift is stuck, and being mended) is for the others, and no cry of his own.
    """
    return rules.danger(text) not in (("", "emergency") if answers else ("",))


def urgent(ctx: Context) -> Sequence[Reply]:
    """Words that wait for nothing but a command."""
    return comfort(ctx, ctx.text)


def comfort(ctx: Context, text: str, *, keep: bool = True) -> Sequence[Reply]:
    """Say the same words each time, from nowhere but here, and whom to call: where only he reads it, if he can be.

    In the group nobody is called by name, nor told of a task.

    An emergency is no secret: it is answered where it was said, and the leaders hear of it at once, by night too. Where no
    leader can be reached it waits for them as a question; ``keep`` False: the caller sees to that.
    """
    ctx.aside = True
    kind = rules.danger(text)
    if kind == "emergency":
        return _emergency(ctx, text, keep=keep)
    key = "faq.self_harm" if kind == "self_harm" else "faq.violence"
    if ctx.incoming.place is Place.GROUP and bots.is_open(ctx.session, ctx.actor.person_id, ctx.incoming.channel):
        return [Reply(key, NO_GROUP, kind=Kind.DM, to=ctx.actor.person_id, subject="faq:talk")]
    return [Reply(key, NO_GROUP, subject="faq:talk")]


def _emergency(ctx: Context, text: str, *, keep: bool) -> Sequence[Reply]:
    group, kinds = ctx.group, rules.emergencies(text)
    said_first, asked = next((keys for kind, keys in _FIRST.items() if kind in kinds), ("faq.emergency", "faq.asked"))
    leaders = [] if group is None else identities.leaders(ctx.session, group.id)
    told = [
        one for one in leaders if one != ctx.actor.person_id and bots.is_open(ctx.session, one, ctx.incoming.channel)
    ]
    if group is None or not told:
        led = ctx.actor.leader or ctx.actor.member_id is None
        waits = service.waits_already(service.waiting_of(ctx), text)
        if keep and group is not None and not led and not waits and _is_news(ctx, text, told):
            service.hand_over(ctx, text, 0.0)
            tallies.count(ctx.session, group.id, ctx.today, handed_over=1)
        return [Reply(said_first, NO_GROUP, subject="faq:talk")]
    values = {"group": group.name, "name": ctx.actor.name, "words": one_line(text, QUESTION_MOST)}
    values["asked"] = texts().raw(asked)
    leader = bots.name_of(ctx.session, told[0]) if len(told) == 1 else texts().raw("faq.leader")
    said = {**NO_GROUP, "leader": leader}
    words = Reply(said_first, said, ("faq.emergency_told",), subject="faq:talk")
    if not _is_news(ctx, text, told):
        return [words]
    return [
        words,
        *(Reply("faq.to_leader_emergency", values, kind=Kind.DM, to=one) for one in told),
    ]


def _is_news(ctx: Context, text: str, told: Sequence[int]) -> bool:
    """Say whether it is news to the leaders that somebody calls for help: at all lately, or of something else."""
    if ctx.cried is None:
        return True
    who = (ctx.actor.person_id, None if ctx.group is None else ctx.group.id, bool(told))
    kinds = rules.emergencies(text)
    # After a fire 「救命」 tells nothing new.
    first = {kind: ctx.cried((*who, kind), ctx.now, ctx.chance) for kind in (*kinds, rules.CRY)}
    return any(first[kind] for kind in kinds)
