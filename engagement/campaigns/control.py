"""活动草稿, 批准, 退回, 暂停, 恢复, 取消: what the staff and the managers of a region do in private.

Every act is audited; each has the button that takes it back, but the cancelling, which is asked once more.

Source: F27, F115, F116.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import col
from sqlmodel import select as pick

from engagement import calendar, rhythm
from engagement.campaigns import charge, offers, saying, service, words
from engagement.campaigns.charge import Charge
from engagement.campaigns.tables import Beat, Plan
from engagement.errors import Refusal
from engagement.feature import Context, GroupView
from engagement.kernel import Button, Reply
from prompts.loader import texts
from storage import audit, moves
from storage.campaigns import Campaign
from storage.groups import Group, Identity

SHOWN = 15
BUTTONS = 4
PAGE = 4


def over_groups(ctx: Context) -> bool:
    """Say whether somebody has a role over groups."""
    return bool(ctx.actor.roles & charge.ROLES)


def number_of(ctx: Context, how: str) -> int:
    """Read the number behind a command, or of a button.

    Raises:
        Refusal: ``how`` when there is none; ``guard.old_button``.
    """
    if ctx.incoming.button:
        return words.reference(ctx.text, 1)[0]
    number, _ = words.numbered(ctx.argument)
    if not number:
        raise Refusal(how)
    return number


def _bare(ctx: Context) -> bool:
    """Say whether a command came without a number."""
    return not ctx.incoming.button and not words.numbered(ctx.argument)[0]


def values_of(ctx: Context, plan: Plan) -> dict[str, object]:
    """Return what every text about a plan may name."""
    names = charge.names(ctx.session, [plan.scope])
    return {
        "group": None,
        "number": plan.id,
        "name": plan.name,
        "form": words.kind_name(plan.form),
        "slogan": plan.slogan,
        "where": names.get(plan.scope) or texts().raw("campaigns.everywhere"),
        "when": _when(plan),
    }


def _when(plan: Plan) -> str:
    if plan.joined:
        return texts().raw("campaigns.from_joining")
    first, last = words.day(plan.first_day), words.day(plan.last_day)
    return first if first == last else texts().fill("campaigns.from_to", {"first": first, "last": last})


def _audit(ctx: Context, plan: Plan, act: str) -> None:
    audit.record(
        ctx.session,
        at=ctx.now,
        actor_id=ctx.actor.person_id,
        group_id=None,
        action=f"calendar.{act}",
        plan=plan.id or 0,
    )


# ---------------------------------------------------------------- drafts


def drafts(ctx: Context) -> Sequence[Reply]:
    """活动草稿: what waits to be approved; with a number that one."""
    mine = charge.charge(ctx)
    number, _ = words.numbered(ctx.argument)
    if number:
        return show(ctx, number)
    found = charge.plans(ctx.session, mine, "draft", ctx.now)
    if not found:
        return [Reply("campaigns.drafts_none", {"group": None})]
    rows = [values_of(ctx, one) | {"by": _by(ctx, one)} for one in found[:SHOWN]]
    tails = ["campaigns.drafts_more"] if len(found) > SHOWN else []
    buttons = [
        Button(f"cal_draft:{one.id}.0", "campaigns.button_show", {"number": one.id, "name": one.name})
        for one in found[:BUTTONS]
    ]
    values = {"group": None, "count": len(found), "more": len(found) - SHOWN, "rows": rows}
    return [Reply("campaigns.drafts", values, [*tails, "campaigns.drafts_how"], buttons=buttons)]


def _by(ctx: Context, plan: Plan) -> str:
    if plan.written_by is None:
        return texts().raw("campaigns.by_program")
    name = ctx.session.exec(
        pick(Identity.name).where(Identity.person_id == plan.written_by).order_by(col(Identity.id))
    ).first()
    return name or texts().raw("campaigns.by_somebody")


def show_button(ctx: Context) -> Sequence[Reply]:
    """A campaign as the staff see it, or a further page of it."""
    charge.charge(ctx)
    number, page = words.reference(ctx.text, 2)
    return show(ctx, number, page)


def show(ctx: Context, number: int, start: int = 0) -> Sequence[Reply]:
    """Show what a campaign says on each day, both wordings, as it is written."""
    mine = charge.charge(ctx)
    plan = charge.find(ctx, mine, number)
    everything = ctx.session.exec(pick(Beat).where(Beat.plan_id == plan.id).order_by(col(Beat.local_day))).all()
    rows = []
    for place, one in enumerate(everything[start : start + PAGE], start=start + 1):
        parts = [one.text]
        if one.other:
            parts += [texts().raw("campaigns.other_wording"), one.other]
        day = texts().fill("campaigns.nth_day", {"count": (one.local_day - calendar.EPOCH).days})
        rows.append(
            {
                "place": place,
                "day": day if plan.joined else words.day(one.local_day),
                "time": f"{one.minute // 60:02d}:{one.minute % 60:02d}",
                "phase": texts().raw(f"campaigns.phase_{one.phase}") if one.phase else "",
                "title": one.title,
                "text": "\n".join(parts).splitlines(),
            }
        )
    campaign = charge.campaign(ctx.session, plan)
    state = "draft" if plan.stage == "draft" or campaign is None else campaign.state
    values = values_of(ctx, plan) | {
        "by": _by(ctx, plan),
        "rows": rows,
        "count": len(everything),
        "state": texts().raw(f"campaigns.state_{state}"),
    }
    buttons = acts_of(ctx, plan, state) if mine.covers(ctx.session, plan) else []
    if state != "draft":
        buttons.append(Button(f"cal_progress:{plan.id}", "campaigns.button_progress"))
    if everything and rows:
        buttons.append(Button(f"cal_trial:{plan.id}.{everything[start].id}", "campaigns.button_try"))
    if start + PAGE < len(everything):
        buttons.append(Button(f"cal_draft:{plan.id}.{start + PAGE}", "campaigns.button_page"))
    return [Reply("campaigns.plan", values, buttons=buttons)]


def acts_of(ctx: Context, plan: Plan, state: str) -> list[Button]:
    """Offer what can be done with a campaign of a state."""
    offered = {
        "draft": ("approve",),
        "running": ("pause", "cancel"),
        "paused": ("resume", "cancel"),
        "cancelled": ("resume",),
    }
    acts = offered.get(state, ())
    if state == "draft" and charge.needs_second(ctx.session, plan, ctx.actor.person_id):
        acts = ()
    return [Button(f"cal_{act}:{plan.id}", f"campaigns.button_{act}") for act in acts]


def trial(ctx: Context) -> Sequence[Reply]:
    """The button 试发给我 under a campaign: as the first of the groups looked after would read it."""
    mine = charge.charge(ctx)
    number, beat_id = words.reference(ctx.text, 2)
    plan = charge.find(ctx, mine, number)
    beat = ctx.session.get(Beat, beat_id)
    if beat is None or beat.plan_id != plan.id:
        raise Refusal("guard.old_button")
    row = ctx.session.exec(
        pick(Group).where(Group.state == "active", mine.groups(), charge.of_plan(plan)).order_by(col(Group.id))
    ).first()
    if row is None:
        raise Refusal("campaigns.no_groups")
    view = GroupView.of(row)
    begun = calendar.local_day(row.created_at, row.zone) - calendar.EPOCH if plan.joined else None
    day = beat.local_day + begun if begun is not None else beat.local_day
    _, at = next(rhythm.instants([(day, beat.minute)], 0, row.zone))
    shown = saying.preview(ctx.session, plan, beat, view, day)
    values = {**shown.values, "when": words.day(day), "time": words.clock(at, row.zone), "group": row.name}
    key = "campaigns.trial_private" if plan.audience == "leaders" else "campaigns.trial"
    return [Reply(key, values, [shown.key, *shown.tails], card=shown.card)]


# ---------------------------------------------------------------- approving


def approve(ctx: Context) -> Sequence[Reply]:
    """批准 3: it runs from now on; whose own it is leaves that to a colleague where there is one."""
    if _bare(ctx):
        return offers.theirs(ctx, "approve", "campaigns.approve_how")
    mine = charge.charge(ctx)
    plan = charge.manage(ctx, mine, number_of(ctx, "campaigns.approve_how"))
    if plan.stage == "draft" and charge.needs_second(ctx.session, plan, ctx.actor.person_id):
        raise Refusal("campaigns.second_person", name=plan.name, number=plan.id)
    service.approve(ctx.session, plan, ctx.actor.person_id, ctx.now)
    _audit(ctx, plan, "approved")
    values = values_of(ctx, plan) | {"groups": charge.reach(ctx.session, plan, mine)}
    late = not plan.joined and plan.first_day <= calendar.local_day(ctx.now, service.HOME)
    tails = ["campaigns.approved_late"] if late else []
    key = "campaigns.approved_joined" if plan.joined else "campaigns.approved"
    return [Reply(key, values, tails, buttons=[Button(f"cal_back:{plan.id}", "campaigns.button_back")])]


def back(ctx: Context) -> Sequence[Reply]:
    """退回 3: a draft again, as long as no group has had any of it."""
    if _bare(ctx):
        return offers.theirs(ctx, "back", "campaigns.back_how")
    mine = charge.charge(ctx)
    plan = charge.manage(ctx, mine, number_of(ctx, "campaigns.back_how"))
    if plan.stage == "draft":
        raise Refusal("campaigns.draft_already", name=plan.name, number=plan.id)
    service.withdraw(ctx.session, plan)
    _audit(ctx, plan, "withdrawn")
    buttons = acts_of(ctx, plan, "draft")
    return [Reply("campaigns.drafted", values_of(ctx, plan), buttons=buttons)]


# ---------------------------------------------------------------- pausing


def _approved(ctx: Context, how: str) -> tuple[Charge, Plan, Campaign]:
    mine = charge.charge(ctx)
    plan = charge.manage(ctx, mine, number_of(ctx, how))
    campaign = charge.campaign(ctx.session, plan)
    if plan.stage == "draft" or campaign is None:
        raise Refusal("campaigns.still_draft", name=plan.name, number=plan.id)
    if campaign.state == "finished":
        raise Refusal("campaigns.finished", name=plan.name, number=plan.id)
    return mine, plan, campaign


def pause(ctx: Context) -> Sequence[Reply]:
    """暂停活动 3: nothing more of it goes out, from the next message on."""
    if _bare(ctx):
        return offers.theirs(ctx, "pause", "campaigns.pause_how")
    mine, plan, campaign = _approved(ctx, "campaigns.pause_how")
    values = values_of(ctx, plan)
    if campaign.state != "running":
        return [Reply(f"campaigns.already_{campaign.state}", values, buttons=acts_of(ctx, plan, campaign.state))]
    moves.pause(ctx.session, campaign)
    _audit(ctx, plan, "paused")
    values["waiting"] = charge.waiting(ctx.session, plan, mine)
    tails = ["campaigns.paused_waiting"] if values["waiting"] else []
    return [
        Reply("campaigns.paused", values, tails, buttons=[Button(f"cal_resume:{plan.id}", "campaigns.button_resume")])
    ]


def resume(ctx: Context) -> Sequence[Reply]:
    """恢复活动 3, after a pause or a cancelling."""
    if _bare(ctx):
        return offers.theirs(ctx, "resume", "campaigns.resume_how")
    _, plan, campaign = _approved(ctx, "campaigns.resume_how")
    values = values_of(ctx, plan)
    if campaign.state == "running":
        return [Reply("campaigns.already_running", values)]
    key = f"campaigns.resumed_{campaign.state}"
    moves.resume(ctx.session, campaign, ctx.now, rhythmic=True)
    _audit(ctx, plan, "resumed")
    return [Reply(key, values, buttons=[Button(f"cal_pause:{plan.id}", "campaigns.button_pause")])]


def cancel(ctx: Context) -> Sequence[Reply]:
    """取消活动 3: asked once more, with how many groups still wait for it."""
    if _bare(ctx):
        return offers.theirs(ctx, "cancel", "campaigns.cancel_how")
    mine, plan, campaign = _approved(ctx, "campaigns.cancel_how")
    values = values_of(ctx, plan)
    if campaign.state == "cancelled":
        return [Reply("campaigns.already_cancelled", values, buttons=acts_of(ctx, plan, "cancelled"))]
    values |= {"waiting": charge.waiting(ctx.session, plan, mine), "groups": charge.reach(ctx.session, plan, mine)}
    tails = ["campaigns.cancel_waiting"] if values["waiting"] else []
    buttons = [
        Button(f"cal_end:{plan.id}", "campaigns.button_end", settles=True),
        Button(f"cal_progress:{plan.id}", "campaigns.button_stay", settles=True),
    ]
    return [Reply("campaigns.cancel_sure", values, tails, buttons=buttons)]


def end(ctx: Context) -> Sequence[Reply]:
    """The confirmation."""
    _, plan, campaign = _approved(ctx, "campaigns.cancel_how")
    values = values_of(ctx, plan)
    if campaign.state == "cancelled":
        return [Reply("campaigns.already_cancelled", values)]
    moves.cancel(ctx.session, campaign)
    _audit(ctx, plan, "cancelled")
    return [Reply("campaigns.cancelled", values, buttons=[Button(f"cal_resume:{plan.id}", "campaigns.button_resume")])]
