"""不要节气, 深夜福利 and 课程: whole kinds of campaigns that a leader wants or not, and the lessons that are for himself.

Source: F37, F41, F42.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlmodel import col
from sqlmodel import select as pick

from engagement import actions, rooms
from engagement.campaigns import choices, saying, words
from engagement.campaigns.choices import Coming
from engagement.campaigns.tables import Plan
from engagement.errors import Refusal
from engagement.feature import Context
from engagement.kernel import Button, Reply
from prompts.loader import texts
from storage.groups import Group

LESSON = "lesson"
_FORMS = list(words.KINDS.values())


def typed(ctx: Context) -> Sequence[Reply]:
    """不要节气, 要节气."""
    found = words.kind(ctx.text)
    if found is None:
        return [_page(ctx)]
    return [_set(ctx, *found)]


def page_button(ctx: Context) -> Sequence[Reply]:
    """Every kind with its switch."""
    (group,) = words.reference(ctx.text, 1)
    rooms.lead(ctx, group)
    return [_page(ctx)]


def _page(ctx: Context) -> Reply:
    group = rooms.lead(ctx)
    out = off(ctx)
    buttons = [
        Button(
            f"cal_kind:{number}.{int(form in out)}.{group.id}",
            "campaigns.button_want" if form in out else "campaigns.button_want_not",
            {"kind": word},
        )
        for number, (word, form) in enumerate(words.KINDS.items())
    ]
    values = {"group": group.name, "off": words.named_forms(out)}
    return Reply("campaigns.kinds" if out else "campaigns.kinds_all", values, buttons=buttons)


def button(ctx: Context) -> Sequence[Reply]:
    """One kind, on or off."""
    number, on, group = words.reference(ctx.text, 3)
    rooms.lead(ctx, group)
    if number >= len(_FORMS) or on > 1:
        raise Refusal("guard.old_button")
    return [_set(ctx, _FORMS[number], on=on == 1)]


def off(ctx: Context) -> frozenset[str]:
    """Return the kinds that the acting leader does not want: in the group, and of what he reads himself."""
    here = words.off_forms(choices.own(ctx.here.settings)) - words.TO_LEADERS
    return here | (words.off_forms(choices.own(_reading(ctx).settings or {})) & words.TO_LEADERS)


def lessons(ctx: Context) -> Sequence[Coming]:
    """Return what the acting leader will be sent in private; a new leader's first days stand under 课程."""
    coming = choices.coming(ctx.session, _reading(ctx), ctx.now)
    return [one for one in coming if one.here.plan.audience == "leaders" and not one.here.plan.joined]


def _reading(ctx: Context) -> Group:
    """Return the group for which the leader reads what is for leaders: the oldest that he leads."""
    return min(rooms.led(ctx), key=lambda one: one.id or 0, default=choices.view(ctx))


def _set(ctx: Context, form: str, on: bool) -> Reply:
    """Switch a kind in the group; one that only leaders read, where this one reads it."""
    present = rooms.lead(ctx).id
    if form in words.TO_LEADERS:
        rooms.lead(ctx, _reading(ctx).id or 0)
    values = {"kind": words.named_forms([form]), "group": ctx.here.name}
    if on != (form in words.off_forms(choices.own(ctx.here.settings))):
        reply = Reply("campaigns.wanted_already" if on else "campaigns.unwanted_already", values)
    else:
        before = choices.want(ctx, form, on=on)
        did = "campaigns.did_want" if on else "campaigns.did_want_not"
        undo = actions.note(ctx, choices.KIND, before, did, {"kind": values["kind"]})
        personal = "_private" if form in words.TO_LEADERS else ""
        reply = Reply(f"campaigns.{'wanted' if on else 'unwanted'}{personal}", values, buttons=[undo])
    rooms.step_into(ctx, present)
    return reply


def undo_kind(ctx: Context, before: Mapping[str, object]) -> Sequence[Reply]:
    """Want a kind, or not, as before."""
    form, on = str(before.get("form")), before.get("on") is True
    choices.want(ctx, form, on=on)
    values = {"kind": words.named_forms([form]), "group": ctx.here.name}
    return [Reply("campaigns.wanted_again" if on else "campaigns.unwanted_again", values)]


# ---------------------------------------------------------------- 深夜福利


def night(ctx: Context) -> Sequence[Reply]:
    """深夜福利, 深夜福利 开, 深夜福利 关."""
    _lead_awake(ctx)
    on = words.switch(ctx.text)
    return [_night_page(ctx) if on is None else _night(ctx, on)]


def _lead_awake(ctx: Context, group_id: int = 0) -> None:
    """Go on with a group that the actor leads, and in which something can be said late in the evening.

    Raises:
        Refusal: as :func:`engagement.rooms.lead`; ``campaigns.night_not_here``.
    """
    here = rooms.lead(ctx, group_id)
    if not here.speaks:
        raise Refusal("campaigns.night_not_here", group=here.name)


def night_button(ctx: Context) -> Sequence[Reply]:
    """What it is, and the switch."""
    (group,) = words.reference(ctx.text, 1)
    _lead_awake(ctx, group)
    return [_night_page(ctx)]


def night_switch(ctx: Context) -> Sequence[Reply]:
    """The switch."""
    on, group = words.reference(ctx.text, 2)
    _lead_awake(ctx, group)
    return [_night(ctx, on == 1)]


def _is_open(ctx: Context) -> bool:
    return choices.own(ctx.here.settings).get("night") is True


def _night_page(ctx: Context) -> Reply:
    opened = _is_open(ctx)
    switch = Button(
        f"cal_dark:{int(not opened)}.{ctx.here.id}",
        "campaigns.button_night_off" if opened else "campaigns.button_night_on",
    )
    return Reply(
        "campaigns.night_is" if opened else "campaigns.night_is_not", {"group": ctx.here.name}, buttons=[switch]
    )


def _night(ctx: Context, on: bool) -> Reply:
    values: dict[str, object] = {"group": ctx.here.name}
    if on == _is_open(ctx):
        return Reply("campaigns.night_open_already" if on else "campaigns.night_closed_already", values)
    before = choices.open_night(ctx, on=on)
    undo = actions.note(ctx, choices.NIGHT, before, "campaigns.did_night_on" if on else "campaigns.did_night_off")
    tails = []
    if on and (first := next((one for one in _coming(ctx) if one.here.plan.night), None)) is not None:
        values |= {"day": words.day(first.day), "time": words.clock(first.at, ctx.here.zone)}
        tails = ["campaigns.night_first"]
    return Reply("campaigns.night_opened" if on else "campaigns.night_closed", values, tails, buttons=[undo])


def _coming(ctx: Context) -> Sequence[Coming]:
    return choices.coming(ctx.session, choices.view(ctx), ctx.now)


def undo_night(ctx: Context, before: Mapping[str, object]) -> Sequence[Reply]:
    """Open the late evening, or close it, as before."""
    on = before.get("on") is True
    choices.open_night(ctx, on=on)
    return [Reply("campaigns.night_opened" if on else "campaigns.night_closed", {"group": ctx.here.name})]


# ---------------------------------------------------------------- 课程


def course(ctx: Context) -> Sequence[Reply]:
    """课程: which of a new leader's first days came, and the lesson of every week."""
    rooms.lead(ctx)
    group = _reading(ctx)
    days = _first_days(ctx, group)
    became = choices.states(ctx.session, days[0].here.plan, group.id or 0, ctx.actor.person_id) if days else {}
    rows = []
    for number, one in enumerate(days, start=1):
        state = "sent" if became.get(one.day, ("",))[0] == "sent" else "coming" if one.at > ctx.now else "missed"
        told = "" if state == "coming" else texts().raw(f"campaigns.course_{state}")
        rows.append({"number": number, "title": one.title, "day": words.day(one.day), "state": told})
    values: dict[str, object] = {"group": group.name, "rows": rows}
    values["count"] = sum(state == "sent" for state, _ in became.values())
    values["days"] = len(days)
    is_off = LESSON in off(ctx)
    tails = ["campaigns.weekly_off" if is_off else "campaigns.weekly_none"]
    weekly = next((one for one in lessons(ctx) if one.here.plan.form == LESSON and one.here.enabled), None)
    if weekly is not None:
        values |= {"next": words.day(weekly.day), "time": words.clock(weekly.at, group.zone)}
        values["title"] = weekly.title
        tails = ["campaigns.weekly_next"]
    switch = Button(
        f"cal_kind:{_FORMS.index(LESSON)}.{int(is_off)}.{ctx.here.id}",
        "campaigns.button_want" if is_off else "campaigns.button_want_not",
        {"kind": words.named_forms([LESSON])},
    )
    return [Reply("campaigns.course" if days else "campaigns.course_over", values, tails, buttons=[switch])]


def _first_days(ctx: Context, group: Group) -> Sequence[Coming]:
    """Return the days of a new leader's course in the group, of which it has none when it came long before."""
    plans = ctx.session.exec(
        pick(Plan).where(col(Plan.joined), Plan.form == LESSON, Plan.stage == "approved").order_by(col(Plan.id))
    ).all()
    for plan in plans:
        try:
            here = choices.find(ctx.session, plan.id or 0, group)
        except Refusal:
            continue
        if here.enabled and not saying.is_off(plan, group.settings or {}):
            return choices.beats(ctx.session, here, group)
    return ()
