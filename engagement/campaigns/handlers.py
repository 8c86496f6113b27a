"""活动, 课程 and what a leader presses under them: arguments → choices → reply.

Source: F27, F37, F41, F42.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from engagement import actions, rooms
from engagement.campaigns import choices, control, kinds, offers, progress, rules, saying, trials, words
from engagement.campaigns.choices import Coming, Here
from engagement.errors import Refusal
from engagement.feature import Context
from engagement.kernel import Button, Place, Reply, row_id
from prompts.loader import texts
from storage.groups import Group

SHOWN = 10
LESSONS = 4
BUTTONS = 4
PAGE = 8
_PAST = 2
"""Days that are over and stand above the next one."""


def calendar_(ctx: Context) -> Sequence[Reply]:
    """活动: what comes in the next 14 days; with a number, in private, that one. The staff see what is theirs."""
    number, _ = words.numbered(ctx.argument)
    private = ctx.incoming.place is Place.DM
    staff = control.over_groups(ctx)
    if private and not ctx.actor.leader and rooms.led(ctx):
        rooms.find_led(ctx)
    if number and private:
        return _one(ctx, number, staff=staff)
    if private and staff and not ctx.actor.leader:
        return progress.running(ctx)
    return [_calendar(ctx, leads=ctx.actor.leader and private)]


def _one(ctx: Context, number: int, *, staff: bool) -> Sequence[Reply]:
    """Show one: as the leader's own group has it, or else as the staff do."""
    if not staff:
        return [_shown(ctx, _mine(ctx, number))]
    if ctx.actor.leader:
        try:
            return [_shown(ctx, _mine(ctx, number))]
        except Refusal:
            pass
    return control.show(ctx, number)


def _calendar(ctx: Context, *, leads: bool) -> Reply:
    group = choices.view(ctx)
    everything = choices.coming(ctx.session, group, ctx.now)
    found = [one for one in everything if one.here.plan.audience == "groups"]
    if not leads:
        found = [one for one in found if one.here.enabled and one.here.state == "running"]
    lessons = kinds.lessons(ctx) if leads else []
    values: dict[str, object] = {
        "group": group.name,
        "rows": [_row(one, group, leads=leads) for one in found[:SHOWN]],
        "more": len(found) - SHOWN,
        "lessons": [_row(one, group, leads=True) for one in lessons[:LESSONS]],
    }
    tails = ["campaigns.list_more"] if len(found) > SHOWN else []
    buttons: list[Button] = []
    if leads:
        values["off"] = words.named_forms(kinds.off(ctx))
        tails += ["campaigns.list_lessons"] if lessons else []
        tails += ["campaigns.list_off"] if values["off"] else []
        tails += ["campaigns.list_how"] if found or lessons else []
        plans = {one.here.plan.id: one.here.plan for one in found}
        buttons = [
            Button(f"cal_show:{number}.{group.id}", "campaigns.button_show", {"number": number, "name": plan.name})
            for number, plan in list(plans.items())[:BUTTONS]
        ]
        buttons += [
            Button(f"cal_kinds:{group.id}", "campaigns.button_kinds"),
            Button(f"cal_night:{group.id}", "campaigns.button_night"),
        ]
    key = ("campaigns.list" if leads else "campaigns.list_here") if found else "campaigns.list_none"
    return Reply(key, values, tails, buttons=buttons, subject=words.DONE if leads else "")


def _row(one: Coming, group: Group, *, leads: bool) -> Mapping[str, object]:
    plan = one.here.plan
    row: dict[str, object] = {
        "number": plan.id,
        "day": words.day(one.day),
        "time": words.clock(one.at, group.zone),
        "name": plan.name,
        "title": _title(one),
        "mark": "",
    }
    if not leads:
        return row
    marks = [
        mark
        for mark, holds in (
            ("not_mine", not one.here.enabled),
            ("paused", one.here.state == "paused"),
        )
        if holds
    ]
    return {**row, "mark": texts().raw(f"campaigns.mark_{marks[0]}") if marks else ""}


def _title(one: Coming) -> str:
    """Return what a line says of a beat: its title, or its campaign's slogan when the title only says the name again."""
    plan = one.here.plan
    return plan.slogan if one.beat.title == plan.name and plan.slogan else one.title


# ---------------------------------------------------------------- one of them


def show_button(ctx: Context) -> Sequence[Reply]:
    """One of the list, or a further page of it."""
    number, group, *page = words.reference(ctx.text, 3 if ctx.text.count(".") == 2 else 2)
    rooms.lead(ctx, group)
    return [_shown(ctx, _mine(ctx, number), page[0] if page else None)]


def _mine(ctx: Context, number: int) -> Here:
    rooms.lead(ctx)
    return choices.find(ctx.session, number, choices.view(ctx))


def _shown(ctx: Context, here: Here, page: int | None = None, told: Sequence[str] = ()) -> Reply:
    """Show a campaign with every day of it, what has become of it here, and what can be done."""
    group, plan = choices.view(ctx), here.plan
    everything = choices.beats(ctx.session, here, group)
    next_one = next((place for place, one in enumerate(everything) if one.at > ctx.now), len(everything))
    start = max(0, next_one - _PAST) if page is None else min(page, len(everything))
    became = choices.states(ctx.session, plan, group.id or 0)
    rows = [
        {
            "day": words.day(one.day),
            "time": words.clock(one.at, group.zone),
            "phase": texts().raw(f"campaigns.phase_{one.beat.phase}") if one.beat.phase else "",
            "title": one.title,
            "state": _became(one, became.get(one.day), ctx),
        }
        for one in everything[start : start + PAGE]
    ]
    values: dict[str, object] = {
        "number": plan.id,
        "name": plan.name,
        "form": words.kind_name(plan.form),
        "slogan": plan.slogan,
        "group": group.name,
        "rows": rows,
        "count": len(everything),
        "left": len(everything) - next_one,
        "shift": abs(here.shift),
    }
    tails = ["campaigns.one_some"] if len(rows) < len(everything) else []
    if here.shift and not plan.joined:
        tails.append("campaigns.one_later" if here.shift > 0 else "campaigns.one_earlier")
    if saying.is_off(plan, ctx.here.settings):
        tails.append("campaigns.one_night" if plan.night else "campaigns.one_kind_off")
        values["kind"] = words.named_forms([plan.form])
    else:
        tails.append(f"campaigns.one_{_state(here)}" if next_one < len(everything) else "campaigns.one_over")
    buttons = _buttons(ctx, here, everything, next_one)
    if start + PAGE < len(everything):
        buttons.append(Button(f"cal_show:{plan.id}.{group.id}.{start + PAGE}", "campaigns.button_page"))
    return Reply("campaigns.one", values, (*told, *tails), buttons=buttons, subject=words.DONE)


def _state(here: Here) -> str:
    if here.state != "running":
        return here.state
    if not here.enabled:
        return "left"
    return "private" if here.plan.audience == "leaders" else "running"


def _buttons(ctx: Context, here: Here, everything: Sequence[Coming], next_one: int) -> list[Button]:
    """Offer what can still be done with what is left of a campaign."""
    at = f"{here.plan.id}.{ctx.here.id}"
    if next_one >= len(everything) or here.state not in ("running", "paused"):
        return []
    if not here.enabled:
        return [Button(f"cal_join:{at}", "campaigns.button_join")]
    found = [Button(f"cal_leave:{at}", "campaigns.button_leave")]
    if choices.may_move(here.plan) and not next_one:
        found.append(Button(f"cal_move:{at}", "campaigns.button_move"))
    found.append(Button(f"cal_try:{at}.{everything[next_one].beat.id}", "campaigns.button_try"))
    if here.plan.audience == "groups":
        found.append(Button(f"cal_words:{at}", "campaigns.button_words"))
    return found


def _became(one: Coming, known: tuple[str, str] | None, ctx: Context) -> str:
    if known is None:
        return texts().raw("campaigns.became_missed") if one.at <= ctx.now else ""
    state, why = known
    if state in ("skipped", "failed", "unknown") and why:
        return texts().fill("campaigns.became_because", {"reason": words.reason(why)})
    return texts().raw(f"campaigns.became_{state}")


# ---------------------------------------------------------------- 不参加, 换日子


def leave(ctx: Context) -> Sequence[Reply]:
    """不参加 3; without a number, which there are."""
    number, _ = words.numbered(ctx.argument)
    return [_part(ctx, _mine(ctx, number), on=False) if number else offers.mine(ctx, "leave", "campaigns.leave_how")]


def join(ctx: Context) -> Sequence[Reply]:
    """参加 3; without a number, which there are."""
    number, _ = words.numbered(ctx.argument)
    return [_part(ctx, _mine(ctx, number), on=True) if number else offers.mine(ctx, "join", "campaigns.join_how")]


def _pressed(ctx: Context) -> Here:
    number, group = words.reference(ctx.text, 2)
    rooms.lead(ctx, group)
    return _mine(ctx, number)


def leave_button(ctx: Context) -> Sequence[Reply]:
    """The button 不参加."""
    return [_part(ctx, _pressed(ctx), on=False)]


def join_button(ctx: Context) -> Sequence[Reply]:
    """The button 参加."""
    return [_part(ctx, _pressed(ctx), on=True)]


def _part(ctx: Context, here: Here, *, on: bool) -> Reply:
    values = {"name": here.plan.name, "number": here.plan.id, "group": ctx.here.name}
    if here.state not in ("running", "paused") or choices.is_over(ctx.session, here, choices.view(ctx), ctx.now):
        raise Refusal("campaigns.over", **values)
    if here.enabled == on:
        return Reply("campaigns.takes_part" if on else "campaigns.left_already", values)
    before = choices.take_part(ctx, here, on=on)
    undo = actions.note(
        ctx, choices.CHANGE, before, "campaigns.did_join" if on else "campaigns.did_leave", {"plan": here.plan.name}
    )
    off = on and saying.is_off(here.plan, ctx.here.settings)
    values["kind"] = words.named_forms([here.plan.form])
    tails = ["campaigns.joined_night" if here.plan.night else "campaigns.joined_off"] if off else []
    return Reply("campaigns.part_on" if on else "campaigns.part_off", values, tails, buttons=[undo])


def move(ctx: Context) -> Sequence[Reply]:
    """换日子 3 晚 1 天, 推迟 3; without a word how far, every way is offered; without a number, which there are."""
    number, rest = words.numbered(ctx.argument)
    if not number or words.is_span(rest):
        return [offers.mine(ctx, "move", "campaigns.move_how")]
    here = _mine(ctx, number)
    if not rest:
        return [_ways(ctx, here)]
    days = words.moved(words.way(ctx.text) + rest)
    if days is None:
        raise Refusal("campaigns.move_how")
    return [_moved(ctx, here, days)]


def move_button(ctx: Context) -> Sequence[Reply]:
    """The button 换日子."""
    return [_ways(ctx, _pressed(ctx))]


def shift_button(ctx: Context) -> Sequence[Reply]:
    """By so many days."""
    number, group, place = words.reference(ctx.text, 3)
    rooms.lead(ctx, group)
    return [_moved(ctx, _mine(ctx, number), place - rules.MOST_SHIFT)]


def _ways(ctx: Context, here: Here) -> Reply:
    group = choices.view(ctx)
    found = choices.shifts(ctx.session, here, group, ctx.now)
    first = choices.beats(ctx.session, here, group)[0]
    buttons = []
    for days in found:
        day = words.day(first.beat.local_day + timedelta(days=days))
        key = "campaigns.button_own_days" if not days else f"campaigns.button_{'later' if days > 0 else 'earlier'}"
        at = f"{here.plan.id}.{group.id}.{days + rules.MOST_SHIFT}"
        buttons.append(Button(f"cal_shift:{at}", key, {"days": abs(days), "day": day}, settles=True))
    values = {"name": here.plan.name, "day": words.day(first.day), "count": rules.MOST_SHIFT, "group": group.name}
    return Reply("campaigns.move_which", values, buttons=buttons)


def _moved(ctx: Context, here: Here, days: int) -> Reply:
    if days == here.shift:
        raise Refusal("campaigns.moved_already", name=here.plan.name, number=here.plan.id)
    before = choices.move(ctx, here, days)
    now = choices.find(ctx.session, here.plan.id or 0, choices.view(ctx))
    values = {"name": here.plan.name, "number": here.plan.id, "group": ctx.here.name, "days": abs(days)}
    values["day"] = words.day(choices.beats(ctx.session, now, choices.view(ctx))[0].day)
    undo = actions.note(ctx, choices.CHANGE, before, "campaigns.did_move", {"plan": here.plan.name})
    return Reply("campaigns.moved", values, buttons=[undo])


def undo_choice(ctx: Context, before: Mapping[str, object]) -> Sequence[Reply]:
    """Take part, or have the days, as before."""
    here = choices.find(ctx.session, row_id(str(before.get("plan"))), choices.view(ctx))
    values = {"name": here.plan.name, "number": here.plan.id, "group": ctx.here.name}
    shift = before.get("shift")
    if isinstance(shift, int):
        choices.move(ctx, here, shift)
        return [Reply("campaigns.moved_back", values)]
    on = before.get("on") is True
    choices.take_part(ctx, here, on=on)
    return [Reply("campaigns.part_on" if on else "campaigns.part_off", values)]


# ---------------------------------------------------------------- 暂停活动 3


def pause(ctx: Context) -> Sequence[Reply]:
    """暂停活动 3: for everybody by the staff; a leader's own group takes no part."""
    return control.pause(ctx) if control.over_groups(ctx) else leave(ctx)


def resume(ctx: Context) -> Sequence[Reply]:
    """恢复活动 3."""
    return control.resume(ctx) if control.over_groups(ctx) else join(ctx)


def cancel(ctx: Context) -> Sequence[Reply]:
    """取消活动 3: the staff are asked once more; a leader's own group takes no part."""
    return control.cancel(ctx) if control.over_groups(ctx) else leave(ctx)


# ---------------------------------------------------------------- 试发 3


def trial(ctx: Context) -> Sequence[Reply]:
    """试发 3: the next day of it; without a number, which there are."""
    number, _ = words.numbered(ctx.argument)
    if ctx.incoming.place is not Place.DM:
        raise Refusal("guard.private_only")
    if control.over_groups(ctx) and not ctx.actor.leader:
        if not number:
            return offers.theirs(ctx, "trial", "campaigns.trial_how")
        ctx.text = trials.of_staff(ctx, number)
        return control.trial(ctx)
    rooms.lead(ctx)
    return [trials.shown(ctx, number) if number else offers.mine(ctx, "try", "guard.private_only")]
