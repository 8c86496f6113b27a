"""新手任务: a newcomer's first steps, each told in one line under the reply to the step before.

Only who joined while the bot was there, or asked for it, is on the path: everybody else hears nothing of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import bindparam, update
from sqlmodel import col
from sqlmodel import select as pick

from engagement.events import Bonded, CheckedIn, Parted, TopicAnswered, Used
from engagement.feature import Context
from engagement.kernel import Place, Reply, one_line
from engagement.members import rules
from engagement.points.service import award
from prompts.loader import texts
from storage import identities
from storage.groups import Member
from storage.ledger import Entry
from storage.statements import Prepared

_M = Member.__table__  # type: ignore[attr-defined]
_KEEP = Prepared("member.steps", update(_M).where(_M.c.id == bindparam("row")).values(steps=bindparam("done")))


_PAID_STEPS = ("checkin", "topic")
"""Steps that stand in the ledger under their own name."""


def start(ctx: Context) -> None:
    """Put somebody who just joined on the path; who comes back is no newcomer.

    Source: F13.
    """
    incoming = ctx.incoming
    name = one_line(incoming.subject_name or incoming.sender_name)
    person = identities.meet(ctx.session, incoming.channel, incoming.subject or incoming.sender, name, ctx.now)
    member = ctx.session.exec(
        pick(Member).where(col(Member.group_id) == ctx.here.id, col(Member.person_id) == person.person_id)
    ).first()
    if member is None:
        member = identities.enter(ctx.session, ctx.here.id, person.person_id, name, ctx.now)
    if member.joined_at == ctx.now and member.steps is None:
        member.steps = 0
        ctx.session.add(member)
        ctx.session.flush()


def on_checked_in(ctx: Context, event: CheckedIn) -> Sequence[Reply]:
    """Note the first check-in."""
    return _did(ctx, "checkin", event.member_id)


def on_answered(ctx: Context, event: TopicAnswered) -> Sequence[Reply]:
    """Note the first answer to a topic."""
    return _did(ctx, "topic", event.member_id)


def on_used(ctx: Context, event: Used) -> Sequence[Reply]:
    """Note the first look at points, and the first question."""
    slice_, _, verb = event.what.partition(".")
    step, verbs = _USES.get(slice_, ("", ()))
    return _did(ctx, step, ctx.actor.member_id) if verb in verbs else ()


_USES: Mapping[str, tuple[str, Sequence[str]]] = {
    "points": ("points", ("", "show")),
    "faq": ("ask", ("", "ask", "hand_over")),
}
"""Slice → its step, and the verbs that make it; an empty verb stands for buttons and for questions in plain words."""


def _did(ctx: Context, step: str, member_id: int | None) -> Sequence[Reply]:
    """Note a step of the acting member, pay when it was the last, and say under the reply what comes next."""
    actor = ctx.actor
    if actor.steps is None or actor.member_id != member_id or not actor.consented:
        return ()
    done = rules.with_step(actor.steps, step)
    if done == actor.steps:
        return ()
    ctx.actor = replace(actor, steps=done)
    ctx.session.run(_KEEP, row=member_id, done=done)
    ahead = rules.next_step(done)
    values: dict[str, object] = {"steps_done": len(rules.done_steps(done)), "steps_all": len(rules.STEPS)}
    if ahead:
        ctx.closing.append((_worded(ctx, "step", ahead), values))
        return ()
    gift = rules.Gifts.of(ctx.here.settings).onboarding_points
    if gift:
        award(ctx, kind="onboarding", key=f"onboarding:{ctx.here.id}:{member_id}", amount=gift)
    values["steps_points"] = gift
    ctx.closing.append(("members.steps_gift" if gift else "members.steps_thanks", values))
    return ()


def on_bonded(ctx: Context, event: Bonded) -> Sequence[Reply]:
    """Whoever was led to the end as the one is no newcomer as the other: the gift comes once."""
    for one in event.shared:
        _finish(ctx, one.member_id, one.into_id)
    return ()


def on_parted(ctx: Context, event: Parted) -> Sequence[Reply]:
    """Nor is he one after they have parted."""
    for one in event.shared:
        _finish(ctx, one.into_id, one.member_id)
    return ()


def _finish(ctx: Context, done: int, other: int) -> None:
    if ctx.session.get_one(Member, done, populate_existing=True).steps == rules.ALL_STEPS:
        ctx.session.run(_KEEP, row=other, done=rules.ALL_STEPS)


def show(ctx: Context) -> Sequence[Reply]:
    """Answer 新手任务: what is done and what is next; who was not on the path is from now on."""
    member = ctx.session.get_one(Member, ctx.actor.member_id)
    if member.steps is None:
        member.steps = 0
        # Who has been here for a while has done some of it already, and is not sent to do it again.
        made = (
            pick(Entry.kind)
            .where(Entry.group_id == member.group_id, Entry.member_id == member.id, col(Entry.kind).in_(_PAID_STEPS))
            .distinct()
        )
        for kind in ctx.session.exec(made):
            member.steps = rules.with_step(member.steps, kind)
        ctx.session.add(member)
        ctx.session.flush()
    gift = rules.Gifts.of(ctx.here.settings).onboarding_points
    done = rules.done_steps(member.steps)
    rows = [
        {
            "mark": texts().raw("members.step_mark" if step in done else "members.step_open"),
            "step": texts().raw(_worded(ctx, "step_name", step)),
        }
        for step in rules.STEPS
    ]
    values = {
        "name": ctx.actor.name,
        "rows": rows,
        "steps_done": len(done),
        "steps_all": len(rules.STEPS),
        "steps_points": gift,
    }
    if len(done) == len(rules.STEPS):
        return [Reply("members.steps_done", values)]
    return [Reply("members.steps", values, tails=("members.steps_promise",) if gift else ())]


def _worded(ctx: Context, what: str, step: str) -> str:
    """Return the text key of a step; alone with the bot nobody has to call it by its name."""
    alone = step == "ask" and ctx.incoming.place is Place.DM
    return f"members.{what}_{step}_alone" if alone else f"members.{what}_{step}"
