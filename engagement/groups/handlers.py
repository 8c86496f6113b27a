"""What happens when the bot or a neighbour comes or goes, and the leader's 设置."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from engagement import actions
from engagement.errors import Refusal
from engagement.feature import Context
from engagement.groups import rules, service
from engagement.kernel import Button, Kind, Place, Reply
from storage import identities

_CHANGE = "group_setting"
_CLEARS = re.compile(r"无|没有|暂无|清空|删除|删掉|去掉|不填")


def bot_added(ctx: Context) -> Sequence[Reply]:
    """Greet the group once, and tell the leader in private how to set it up.

    A change of the bot's rights (it became an administrator) is told to whoever made it, and not to the group.
    """
    opened = service.open_group(ctx)
    group, again, more = opened.group, opened.again, opened.said
    if opened.known:
        sees = "groups.can_read" if opened.reads else "groups.cannot_read" if group.can_read is False else ""
        told = Reply(sees, {"group": group.name}, kind=Kind.DM, to=ctx.actor.person_id)
        return [told, *more] if sees and ctx.actor.person_id else more
    identities.spend_unasked(ctx.session, ctx.here.id, ctx.today.isoformat(), ctx.here.daily_budget)
    said = [Reply("groups.hello_again" if again else "groups.hello", {"group": group.name}, kind=Kind.PUSH)]
    if ctx.actor.person_id and not again:
        said.append(
            Reply(
                "groups.leader_start",
                {"name": ctx.actor.name, "group": group.name},
                kind=Kind.DM,
                to=ctx.actor.person_id,
            )
        )
    if group.can_read is False and ctx.actor.person_id:
        said.append(Reply("groups.cannot_read", {"group": group.name}, kind=Kind.DM, to=ctx.actor.person_id))
    return [*said, *more]


def bot_removed(ctx: Context) -> Sequence[Reply]:
    """Say nothing: there is nobody to say it to."""
    service.close_group(ctx)
    return []


def migrated(ctx: Context) -> Sequence[Reply]:
    """Follow the new id."""
    service.move_group(ctx, ctx.incoming.new_id)
    return []


def join(ctx: Context) -> Sequence[Reply]:
    """Welcome a newcomer with the notice, if the group's budget has room."""
    name, may = service.welcome(ctx)
    return [Reply("groups.welcome", {"name": name, "group": ctx.here.name}, kind=Kind.PUSH)] if may and name else []


def leave(ctx: Context) -> Sequence[Reply]:
    """Note it."""
    service.farewell(ctx)
    return []


def settings(ctx: Context) -> Sequence[Reply]:
    """Answer 设置: everything that is set, and how to change it."""
    group = ctx.here
    shown = rules.shown_facts()
    missing = [word for key, word in shown.items() if key not in group.facts]
    rows = [{"word": shown[key], "value": value} for key, value in group.facts.items() if key in shown]
    values = {
        "group": group.name,
        "zone": group.zone,
        "quiet_from": rules.clock_time(group.quiet_from),
        "quiet_to": rules.clock_time(group.quiet_to),
        "budget": group.daily_budget,
        "rows": rows,
        "missing": "、".join(missing),
    }
    tails = ["groups.settings_missing"] if missing else []
    key = "groups.settings" if rows else "groups.settings_no_facts"
    switch = (
        Button("quiet_acks:off", "groups.button_words")
        if group.quiet_acks
        else Button("quiet_acks:on", "groups.button_emoji")
    )
    return [Reply(key, values, tails=(*tails, "groups.settings_how"), buttons=[switch])]


def fact(ctx: Context) -> Sequence[Reply]:
    """群信息 提货点 东门快递柜."""
    key, value = rules.read_fact(ctx.argument)
    values = {"word": rules.shown_facts()[key], "value": value}
    if _CLEARS.fullmatch(value):
        undo = actions.note(ctx, _CHANGE, service.set_fact(ctx, key, ""), "groups.did_fact_cleared", values)
        return [Reply("groups.fact_cleared", values, buttons=[undo])]
    undo = actions.note(ctx, _CHANGE, service.set_fact(ctx, key, value), "groups.did_fact", values)
    return [Reply("groups.fact_kept", values, buttons=[undo])]


def quiet_hours(ctx: Context) -> Sequence[Reply]:
    """免打扰 22:00-7:00."""
    start, end = rules.read_span(ctx.argument)
    values = {"quiet_from": rules.clock_time(start), "quiet_to": rules.clock_time(end)}
    undo = actions.note(ctx, _CHANGE, service.set_quiet(ctx, start, end), "groups.did_quiet", values)
    return [Reply("groups.quiet_kept", values, buttons=[undo])]


def quiet_acks_button(ctx: Context) -> Sequence[Reply]:
    """The button under 设置."""
    if not ctx.actor.leader:
        raise Refusal("guard.leader_only")
    on = ctx.text == "on"
    undo = actions.note(ctx, _CHANGE, service.set_quiet_acks(ctx, on), "groups.did_acks")
    return [Reply("groups.acks_emoji" if on else "groups.acks_words", buttons=[undo])]


def zone(ctx: Context) -> Sequence[Reply]:
    """时区 Asia/Shanghai."""
    before = service.set_zone(ctx, ctx.argument.strip())
    values = {"zone": ctx.here.zone}
    return [Reply("groups.zone_kept", values, buttons=[actions.note(ctx, _CHANGE, before, "groups.did_zone", values)])]


def undo_change(ctx: Context, before: Mapping[str, object]) -> Sequence[Reply]:
    """Put a setting back."""
    service.restore(ctx, before)
    return [Reply("groups.restored")]


def add_leader(ctx: Context) -> Sequence[Reply]:
    """设团长 王姐."""
    member = service.add_leader(ctx, ctx.argument.lstrip("@").strip())
    return [Reply("groups.leader_added", {"name": member.name})]


def remove_leader(ctx: Context) -> Sequence[Reply]:
    """取消团长 王姐."""
    member = service.remove_leader(ctx, ctx.argument.lstrip("@").strip())
    return [Reply("groups.leader_removed", {"name": member.name})]


def choose_group(ctx: Context) -> Sequence[Reply]:
    """切换群: buttons of the person's groups."""
    mine = identities.memberships(ctx.session, ctx.actor.person_id)
    if not mine:
        raise Refusal("guard.no_group")
    buttons = [Button(f"group:{group.id}", "groups.button_group", {"group": group.name}) for _m, group in mine[:8]]
    return [Reply("groups.which", {"group": ctx.group.name if ctx.group else ""}, buttons=buttons)]


def choose_button(ctx: Context) -> Sequence[Reply]:
    """A group was chosen."""
    if ctx.incoming.place is not Place.DM or not ctx.text.isdecimal() or len(ctx.text) > 18:
        raise Refusal("guard.old_button")
    group = service.switch(ctx, int(ctx.text))
    return [Reply("groups.chosen", {"group": group.name})]
