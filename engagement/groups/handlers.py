"""What happens when the bot or a neighbour comes or goes, and the leader's 设置."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from engagement import actions, guards, rooms
from engagement.errors import Refusal
from engagement.events import LeaderWrote
from engagement.feature import Context
from engagement.groups import guide, moving, rules, service, start, welcomes
from engagement.groups.rules import Ask
from engagement.kernel import Button, Kind, Place, Reply, row_id
from prompts.loader import texts
from storage import bots, identities

_FILLS = 3
"""Missing facts that 设置 offers to fill by a button of their own."""
_ACKS = {
    "on": ("groups.button_emoji", "groups.acks_emoji"),
    "summary": ("groups.button_summary", "groups.acks_summary"),
    "off": ("groups.button_words", "groups.acks_words"),
}
"""How routine check-ins are acknowledged: what the button says that switches to it, and what is said then."""


def bot_added(ctx: Context) -> Sequence[Reply]:
    """Greet the group once, and lead the leader through the first steps in private.

    A change of the bot's rights (it became an administrator) is told to whoever made it, and not to the group.
    """
    opened = service.open_group(ctx)
    group, more, person = opened.group, opened.said, ctx.actor.person_id
    if opened.moved:
        values = {"group": group.name}
        more = [*(Reply("groups.moved_bot", values, kind=Kind.DM, to=one) for one in _told(ctx)), *more]
    if not ctx.here.speaks:
        # Nothing can be said there by itself: only its leader hears of it.
        return (
            [start.arrival(ctx, "groups.leader_start_quiet", {"group": group.name}), *more]
            if ctx.actor.leader
            else more
        )
    if opened.known and opened.leads:
        # Nobody was known to lead it: who brought it in was hidden.
        return [start.arrival(ctx, "groups.leader_start", {"name": ctx.actor.name, "group": group.name}), *more]
    if opened.known:
        if not person or not (opened.reads or group.can_read is False):
            return more
        if opened.reads and ctx.actor.leader:
            return [start.arrival(ctx, "groups.can_read", {"group": group.name}), *more]
        sees = "groups.can_read" if opened.reads else "groups.cannot_read"
        return [Reply(sees, {"group": group.name}, kind=Kind.DM, to=person), *more]
    identities.spend_unasked(ctx.session, ctx.here.id, ctx.today.isoformat(), ctx.here.daily_budget)
    alone = not person or not bots.is_open(ctx.session, person, ctx.incoming.channel)
    tails = ["groups.hello_leader"] if alone and not opened.again else []
    if not person and not identities.leaders(ctx.session, ctx.here.id):
        tails = ["groups.hello_whose"]
    key = "groups.hello_again" if opened.again else "groups.hello"
    said = [Reply(key, {"group": group.name}, tails, kind=Kind.PUSH)]
    if person and not opened.again:
        said.append(start.arrival(ctx, "groups.leader_start", {"name": ctx.actor.name, "group": group.name}))
    elif person and group.can_read is False:
        said.append(Reply("groups.cannot_read", {"group": group.name}, kind=Kind.DM, to=person))
    return [*said, *more]


def _told(ctx: Context) -> list[int]:
    """Return who hears that another bot serves the group from now on: the leaders, or who brought it."""
    return service.reachable_leaders(ctx) or ([ctx.actor.person_id] if ctx.actor.person_id else [])


def bot_removed(ctx: Context) -> Sequence[Reply]:
    """Say nothing: there is nobody to say it to."""
    service.close_group(ctx)
    return []


def migrated(ctx: Context) -> Sequence[Reply]:
    """Follow the new id."""
    moving.move_group(ctx, ctx.incoming.new_id)
    return []


def join(ctx: Context) -> Sequence[Reply]:
    """Welcome a newcomer with the notice, if the group's budget has room."""
    name, may = welcomes.welcome(ctx)
    if not may or not name:
        return []
    return [Reply("groups.welcome", {"name": name, "group": ctx.here.name}, [guards.notice(ctx)], kind=Kind.PUSH)]


def leave(ctx: Context) -> Sequence[Reply]:
    """Note it."""
    service.farewell(ctx)
    return []


def settings(ctx: Context) -> Sequence[Reply]:
    """Answer 设置: everything that is set, and how to change it."""
    group = ctx.here
    shown = rules.shown_facts()
    missing = [word for key, word in shown.items() if key not in group.facts]
    rows = [{"word": word, "value": group.facts[key]} for key, word in shown.items() if key in group.facts]
    values = {
        "group": group.name,
        "zone": rules.zone_name(group.zone),
        "quiet": guide.current(ctx, "quiet"),
        "budget": group.daily_budget,
        "rows": rows,
        "missing": "、".join(missing),
    }
    tails = ["groups.settings_missing"] if missing else []
    key = "groups.settings" if rows else "groups.settings_no_facts"
    absent = [fact for fact in shown if fact not in group.facts][:_FILLS]
    buttons = [
        Button(f"fill:{Ask(group.id, one).reference()}", "groups.button_fill", {"word": shown[one]}) for one in absent
    ]
    buttons.append(Button(f"fill:{Ask(group.id, way=rules.ALL).reference()}", "groups.button_fill_all"))
    if group.hears and group.speaks:
        nearest = rules.next_acks(service.acks(group))
        buttons.append(Button(f"quiet_acks:{nearest}:{group.id}", _ACKS[nearest][0]))
    return [Reply(key, values, tails=(*tails, "groups.settings_how"), buttons=buttons)]


def fact(ctx: Context) -> Sequence[Reply]:
    """群信息 提货点 东门快递柜; several at once when each is named, 提货点：东门 提货时间：17-20.

    What is clear is kept; of what is doubtful the first is asked about, and the others are named.
    """
    said: list[Reply] = []
    doubted: list[Reply] = []
    for key, typed in rules.read_facts(ctx.argument):
        value = rules.without_talk(key, typed)
        doubtful = guide.doubt(ctx, Ask(ctx.here.id, key, rules.ONE), value)
        if doubtful is not None:
            doubted.append(doubtful)
            continue
        told = guide.keep(ctx, key, value)
        if told.key == "groups.fact_cleared":
            said.append(told)
        else:
            said += [replace(told, tails=["groups.fact_again"]), *ctx.emit(LeaderWrote(value))]
    if len(doubted) < 2:
        return [*said, *doubted]
    first, *rest = doubted
    others = texts().raw("groups.between").join(str(one.values["word"]) for one in rest)
    return [
        *said,
        replace(first, values={**first.values, "others": others}, tails=(*first.tails, "groups.unlike_others")),
    ]


def quiet_hours(ctx: Context) -> Sequence[Reply]:
    """免打扰 22:00-7:00; hours that are most of the day are asked about."""
    return [guide.long_quiet(ctx, ctx.argument) or guide.keep(ctx, "quiet", ctx.argument)]


def quiet_acks_button(ctx: Context) -> Sequence[Reply]:
    """The button under 设置."""
    word, _, number = ctx.text.partition(":")
    rooms.lead(ctx, row_id(number))
    style = word if word in _ACKS else rules.ACKS[-1]
    undo = actions.note(ctx, guide.CHANGE, service.set_acks(ctx, style), "groups.did_acks")
    return [Reply(_ACKS[style][1], buttons=[undo])]


def zone(ctx: Context) -> Sequence[Reply]:
    """时区 Asia/Shanghai."""
    return [guide.keep(ctx, "zone", ctx.argument)]


def undo_change(ctx: Context, before: Mapping[str, object]) -> Sequence[Reply]:
    """Put a setting back; of a copied group's, what nobody has changed since."""
    kept = service.restore(ctx, before)
    if not kept:
        return [Reply("groups.restored")]
    words = {**rules.shown_facts(), **{name: texts().raw(f"groups.kept_{name}") for name in ("quiet", "acks", "zone")}}
    named = texts().raw("groups.between").join(words.get(one, one) for one in kept)
    return [Reply("groups.restored_partly", {"kept": named})]


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
