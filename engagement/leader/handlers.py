"""今日一览, 撤销 and the buttons under them: arguments → service → reply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from engagement import actions, guards, rooms
from engagement.errors import Refusal
from engagement.events import DayLookedAt
from engagement.feature import Context, GroupView, Slow
from engagement.kernel import Button, Place, Reply, row_id
from engagement.leader import glance, rules, service
from engagement.leader.words import clock_time, figures, overview, span, tails_of, until
from prompts.loader import texts
from storage import identities
from storage.actions import LeaderAction, latest
from storage.groups import Member

_BY_BUTTON = {"topic": "tomorrow", "faq": "waiting", "groups": "settings", "leader": "undo"}
"""Slice → its command that stands under an overview as a button; it needs no argument."""
_TOPIC = "topic.today"


def today(ctx: Context) -> Sequence[Reply]:
    """今日一览: in private best; in the group a short answer without names."""
    if ctx.incoming.place is Place.GROUP:
        day = glance.days(ctx.session, [ctx.here], ctx.now)[ctx.here.id]
        waiting = ["leader.today_waiting"] if day.open else []
        return [Reply("leader.today_here", figures(day, ctx.now), [*waiting, "leader.today_in_private"])]
    led = [GroupView.of(group) for group in rooms.led(ctx)]
    if len(led) == 1:
        rooms.lead(ctx, led[0].id)
        return [_whole(ctx)]
    found = glance.days(ctx.session, led, ctx.now)
    buttons = [Button(f"glance:{one.id}", "leader.button_group", {"group": one.name}) for one in led[: service.SHOWN]]
    values = {"rows": [figures(found[one.id], ctx.now) for one in led], "group": None}
    return [Reply("leader.today_groups", values, buttons=buttons)]


def day(ctx: Context) -> Sequence[Reply]:
    """「今日」 and no more: the day at a glance for who leads a group, the day's topic for a neighbour."""
    if ctx.actor.leader or (ctx.incoming.place is Place.DM and rooms.led(ctx)):
        return today(ctx)
    handler = next(one.handler for feature in ctx.features for one in feature.commands if one.name == _TOPIC)
    assert not isinstance(handler, Slow)
    return handler(ctx)


def glance_button(ctx: Context) -> Sequence[Reply]:
    """One of several groups, opened."""
    rooms.lead(ctx, row_id(ctx.text))
    return [_whole(ctx)]


def _whole(ctx: Context) -> Reply:
    group = ctx.here
    kinds = [job.kind for feature in ctx.features for job in feature.jobs if job.unasked]
    day = glance.days(ctx.session, [group], ctx.now, kinds)[group.id]
    values = dict(overview(day, ctx.now))
    tails = tails_of(day)
    for part in ctx.emit(DayLookedAt(group.id)):
        values.update(part.values)
        tails.append(part.key)
    doing = ["topic", "faq", "groups"]
    if _standing(ctx, limit=1):
        doing.append("leader")
    buttons = [Button(f"do:{name}:{group.id}", f"leader.button_{_BY_BUTTON[name]}") for name in doing]
    switch = "off" if service.wants_evening(group.settings, ctx.actor.person_id) else "on"
    buttons.append(Button(f"evening:{switch}:{group.id}", f"leader.button_evening_{switch}"))
    return Reply("leader.today", values, tails, buttons=buttons)


def do(ctx: Context) -> Sequence[Reply]:
    """A command as a button: it stays with the group that it was put out for."""
    name, _, number = ctx.text.partition(":")
    wanted = f"{name}.{_BY_BUTTON.get(name, '')}"
    command = next((one for feature in ctx.features for one in feature.commands if one.name == wanted), None)
    if command is None or isinstance(command.handler, Slow):
        raise Refusal("guard.old_button")
    rooms.lead(ctx, row_id(number))
    guards.check_place(command, ctx.incoming.place, has_group=True)
    return command.handler(ctx)


def evening(ctx: Context) -> Sequence[Reply]:
    """The overview every evening in private, on or off."""
    word, _, number = ctx.text.partition(":")
    if (word, number) == ("off", "0"):
        return _no_evenings(ctx)
    group = rooms.lead(ctx, row_id(number))
    person = ctx.actor.person_id
    on = word == "on"
    before = service.set_evening(ctx, person, on)
    values = {"time": clock_time(rules.EVENING_MINUTE), "group": group.name}
    told = "leader.did_evening_on" if on else "leader.did_evening_off"
    undo = actions.note(ctx, service.EVENING, {"person": person, "on": before}, told)
    return [Reply("leader.evening_on" if on else "leader.evening_off", values, buttons=[undo])]


def _no_evenings(ctx: Context) -> Sequence[Reply]:
    """No evening of any group; 撤销 in each has the way back."""
    led, before = rooms.led(ctx), ctx.group
    if not led:
        raise Refusal("guard.leader_only")
    person = ctx.actor.person_id
    for group in led:
        rooms.lead(ctx, group.id or 0)
        if service.set_evening(ctx, person, False):
            actions.note(ctx, service.EVENING, {"person": person, "on": True}, "leader.did_evening_off")
    if before is not None:
        rooms.step_into(ctx, before.id)
    return [Reply("leader.evening_off", {"group": None})]


def undo_evening(ctx: Context, before: Mapping[str, object]) -> Sequence[Reply]:
    """Put the evening's overview back."""
    person = before.get("person")
    if person != ctx.actor.person_id:
        raise Refusal("leader.not_your_evening")
    service.set_evening(ctx, ctx.actor.person_id, before.get("on") is True)
    return [Reply("leader.put_back", {"group": ctx.here.name})]


# ---------------------------------------------------------------- muting


def mute(ctx: Context) -> Sequence[Reply]:
    """禁言 王姐 2小时 刷屏."""
    wish = rules.read_mute(ctx.argument)
    done = service.mute(ctx, wish)
    length = span(*rules.spoken(wish.length))
    values = {"name": done.member.name, "length": length, "group": ctx.here.name, "reason": done.reason}
    undo = actions.note(ctx, service.MUTE, done.before, "leader.did_mute", {"length": length})
    tails = ["leader.mute_reason"] if done.reason and ctx.incoming.place is Place.DM else []
    return [Reply("leader.muted", values, tails, buttons=[undo]), *service.told(ctx, done, values)]


def unmute(ctx: Context) -> Sequence[Reply]:
    """解除禁言 王姐."""
    name = ctx.argument.lstrip("@").strip()
    if not name:
        raise Refusal("leader.unmute_how")
    done = service.unmute(ctx, name)
    undo = actions.note(ctx, service.MUTE, done.before, "leader.did_unmute")
    values = {"name": done.member.name, "group": ctx.here.name}
    return [Reply("leader.unmuted", values, buttons=[undo]), *service.told(ctx, done, values)]


def muted(ctx: Context) -> Sequence[Reply]:
    """禁言名单: who and how long still, in private; in the group only how many."""
    found = service.muted(ctx)
    if not found:
        return [Reply("leader.nobody_muted", {"group": ctx.here.name})]
    if ctx.incoming.place is Place.GROUP:
        return [Reply("leader.muted_count", {"count": len(found)})]
    rows = []
    for one in found[: service.SHOWN]:
        reason = texts().fill("leader.muted_why", {"reason": one.reason}) if one.reason else ""
        rows.append(
            {"name": one.member.name, "until": until(one.until or ctx.now, ctx.now, ctx.here.zone), "why": reason}
        )
    return [Reply("leader.muted_list", {"rows": rows, "count": len(found), "group": ctx.here.name})]


def undo_mute(ctx: Context, before: Mapping[str, object]) -> Sequence[Reply]:
    """Take a mute, or its end, back."""
    member = service.restore_mute(ctx, before)
    is_muted = member.muted_until is not None and member.muted_until > ctx.now
    return [
        Reply("leader.muted_again" if is_muted else "leader.unmuted", {"name": member.name, "group": ctx.here.name})
    ]


# ---------------------------------------------------------------- the way back


def undo(ctx: Context) -> Sequence[Reply]:
    """Answer 撤销: what was done lately, each with its button."""
    found = _standing(ctx)
    if not found:
        raise Refusal("leader.nothing_to_undo")
    buttons = [Button(f"undo:{one.id}", one.told, _told(ctx, one)) for one in found]
    return [Reply("leader.undo_which", {"count": len(found), "group": ctx.here.name}, buttons=buttons)]


def _standing(ctx: Context, limit: int = 5) -> list[LeaderAction]:
    """Return what the actor may take back."""
    without = () if _is_staff(ctx) else actions.OF_STAFF
    return latest(ctx.session, ctx.here.id, ctx.now - actions.WINDOW, limit, without=without)


def _told(ctx: Context, action: LeaderAction) -> Mapping[str, object]:
    """Return the values of an action's line; the name of whom it was about is looked up, since it is never kept."""
    values = dict(action.values or {})
    member = ctx.session.get(Member, (action.before or {}).get("member", 0)) if action.before else None
    in_private = ctx.incoming.place is Place.DM
    return {"name": member.name if member is not None and in_private else texts().raw("leader.somebody"), **values}


def undo_button(ctx: Context) -> Sequence[Reply]:
    """Take one action back."""
    action = ctx.session.get(LeaderAction, row_id(ctx.text))
    if not _is_of_the_staff(ctx, action):
        rooms.lead(ctx, action.group_id if action is not None else 0)
    if action is None:
        raise Refusal("guard.old_button")
    return [_named(ctx, reply) for reply in actions.undo(ctx, action)]


def _is_of_the_staff(ctx: Context, action: LeaderAction | None) -> bool:
    """Say whether somebody of the staff takes back, in the group, what he did there himself or what is the staff's."""
    if action is None or ctx.group is None or ctx.group.id != action.group_id:
        return False
    return (action.actor_id == ctx.actor.person_id or action.kind in actions.OF_STAFF) and _is_staff(ctx)


def _is_staff(ctx: Context) -> bool:
    return not identities.roles(ctx.session, ctx.actor.person_id).isdisjoint(("staff", "admin"))


def _named(ctx: Context, reply: Reply) -> Reply:
    return reply if "group" in reply.values else replace(reply, values={**reply.values, "group": ctx.here.name})
