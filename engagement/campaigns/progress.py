"""活动进度: how far a campaign is, why some groups do not have it, and how long it still takes; and what runs at all.

Source: F27, F98.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

from sqlmodel import col
from sqlmodel import select as pick

from engagement import calendar
from engagement.campaigns import charge, control, service, words
from engagement.campaigns.tables import Beat, Plan
from engagement.errors import Refusal
from engagement.feature import Context, Slow
from engagement.kernel import Button, Reply
from prompts.loader import texts
from storage.campaigns import Campaign

REASONS = 5
LIVE = "cal_live"
"""Prefix of the subject of a message that is edited while its campaign goes out (bot.live)."""
SOON = timedelta(minutes=10)
"""What is due within this time is waited for."""


def _prepared(ctx: Context) -> Sequence[Reply]:
    """Count, outside of the writer: a campaign of a year has many rows."""
    mine = charge.charge(ctx)
    number, _ = words.numbered(ctx.argument)
    if not ctx.incoming.button and not number:
        return running(ctx)
    plan = charge.find(ctx, mine, number or control.number_of(ctx, "campaigns.progress_how"))
    campaign = charge.campaign(ctx.session, plan)
    if plan.stage == "draft" or campaign is None:
        raise Refusal("campaigns.still_draft", name=plan.name, number=plan.id)
    done = charge.progress(ctx.session, plan, mine, ctx.now)
    values = control.values_of(ctx, plan) | {"state": texts().raw(f"campaigns.state_{campaign.state}")}
    values |= {"groups": charge.reach(ctx.session, plan, mine)}
    tails = [*_figures(values, plan, done), *_time(values, campaign, done)]
    buttons = control.acts_of(ctx, plan, campaign.state) if mine.covers(ctx.session, plan) else []
    if campaign.state == "running" and done.waiting:
        buttons.insert(0, Button(f"cal_progress:{plan.id}", "campaigns.button_again_look"))
    return [Reply("campaigns.progress", values, tails, buttons=buttons, subject=_subject(ctx, plan, campaign, done))]


def _subject(ctx: Context, plan: Plan, campaign: Campaign, done: charge.Progress) -> str:
    """Return what makes the message one that is kept up to date, while something goes out or is about to."""
    soon = done.next_at is not None and done.next_at <= ctx.now + SOON
    moves = bool(done.waiting) or (soon and campaign.state == "running")
    return f"{LIVE}:{plan.id}" if moves and campaign.state in ("running", "paused") else ""


def again(ctx: Context, number: int) -> Reply:
    """Return what a message about a campaign says by now; without a subject there is nothing more to come.

    Raises:
        Refusal: the person may not see it any more.
    """
    ctx.argument = str(number)
    (reply,) = _prepared(ctx)
    values = {**reply.values, "updated": words.clock(ctx.now, service.HOME, seconds=True)}
    buttons = [one for one in reply.buttons if one.label != "campaigns.button_again_look"]
    return replace(reply, values=values, tails=(*reply.tails, "campaigns.progress_updated"), buttons=buttons)


async def _counted(replies: Sequence[Reply]) -> Sequence[Reply]:
    return replies


def _shown(_ctx: Context, replies: Sequence[Reply]) -> Sequence[Reply]:
    return replies


SHOW = Slow(_prepared, _counted, _shown)
"""活动进度 3; without a number, what runs."""


def _figures(values: dict[str, object], plan: Plan, done: charge.Progress) -> Sequence[str]:
    """Say what went out, what waits, and what did not go out for which reason."""
    if done.day is None:
        return ["campaigns.progress_none"]
    values |= {"day": words.day(done.day), "sent": done.sent, "waiting": done.waiting}
    values["left_out"] = sum(count for _, count in done.left_out)
    values["called_off"] = done.called_off
    told: dict[str, int] = {}
    for why, count in done.left_out:
        told[words.reason(why)] = told.get(words.reason(why), 0) + count
    shown = [
        texts().fill("campaigns.why", {"reason": why, "count": count}) for why, count in list(told.items())[:REASONS]
    ]
    values["whys"] = words.joined(shown)
    tails = ["campaigns.progress_all" if plan.joined else "campaigns.progress_day"]
    tails += ["campaigns.progress_why"] if done.left_out else []
    tails += ["campaigns.progress_off"] if done.called_off else []
    return tails


def _time(values: dict[str, object], campaign: Campaign, done: charge.Progress) -> Sequence[str]:
    """Say how long it still takes, as far as that can be known."""
    if campaign.state == "paused":
        return ["campaigns.progress_paused"]
    if campaign.state != "running":
        return []
    tails = []
    left = done.pace.left
    if done.pace.waiting:
        values |= {"eta": words.span(left) if left is not None else "", "over": done.pace.seconds}
        unknown = "campaigns.progress_early" if done.pace.sent else "campaigns.progress_slow"
        tails.append(unknown if left is None else "campaigns.progress_eta")
    if done.later and done.until is not None:
        values |= {"later": done.later, "until": words.clock(done.until, service.HOME)}
        tails.append("campaigns.progress_later")
    if done.sent and not done.waiting and done.first is not None and done.last is not None:
        values |= {"first": words.clock(done.first, service.HOME), "last": words.clock(done.last, service.HOME)}
        tails.append("campaigns.progress_done" if done.first != done.last else "campaigns.progress_done_at_once")
    if done.next_at is not None:
        day = calendar.local_day(done.next_at, service.HOME)
        values |= {"next": words.day(day), "next_time": words.clock(done.next_at, service.HOME)}
        tails.append("campaigns.progress_next")
    return tails


def running(ctx: Context) -> Sequence[Reply]:
    """What is approved and not over, what comes soonest first."""
    mine = charge.charge(ctx)
    found = [
        (plan, campaign)
        for plan in charge.plans(ctx.session, mine, "approved", ctx.now)
        if (campaign := charge.campaign(ctx.session, plan)) is not None and campaign.state != "finished"
    ]
    if not found:
        return [Reply("campaigns.running_none", {"group": None})]
    nexts = {plan.id: _next_day(ctx, plan) for plan, _ in found}
    found.sort(key=lambda one: (nexts[one[0].id] or "9", one[0].id or 0))
    rows: list[Mapping[str, object]] = [
        control.values_of(ctx, plan)
        | {
            "state": "" if campaign.state == "running" else texts().raw(f"campaigns.mark_{campaign.state}"),
            "next": _coming(plan, nexts[plan.id]),
        }
        for plan, campaign in found[: control.SHOWN]
    ]
    values = {"group": None, "count": len(found), "more": len(found) - control.SHOWN, "rows": rows}
    tails = ["campaigns.running_more"] if len(found) > control.SHOWN else []
    buttons = [
        Button(f"cal_progress:{plan.id}", "campaigns.button_show", {"number": plan.id, "name": plan.name})
        for plan, _ in found[: control.BUTTONS]
    ]
    return [Reply("campaigns.running", values, [*tails, "campaigns.running_how"], buttons=buttons)]


def _next_day(ctx: Context, plan: Plan) -> str:
    """Return the ISO day on which a campaign speaks next, before groups' shifts; empty for what each group begins itself."""
    if plan.joined:
        return ""
    today = calendar.local_day(ctx.now, service.HOME)
    found = ctx.session.exec(
        pick(Beat).where(Beat.plan_id == plan.id, col(Beat.local_day) >= today).order_by(col(Beat.local_day))
    ).first()
    return found.local_day.isoformat() if found is not None else ""


def _coming(plan: Plan, day: str) -> str:
    if plan.joined:
        return texts().raw("campaigns.from_joining")
    return words.day(date.fromisoformat(day)) if day else texts().raw("campaigns.nothing_left")
