"""The way from adding the bot to the first check-in: three steps, told in private, resumed where they stopped.

Where a leader stands follows from what is there: what the bot can see, what it was told, whether anybody has checked in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from engagement import actions, calendar, rooms
from engagement.errors import Refusal
from engagement.events import CheckedIn, FactMissing, Greeted
from engagement.feature import Context
from engagement.groups import guide, rules, service
from engagement.groups.rules import Ask
from engagement.kernel import Button, Kind, Place, Reply, row_id
from prompts.loader import texts
from storage.groups import Group


def next_step(ctx: Context) -> Reply:
    """Return what is to be done next, with what to press; the subject makes the leader's next words the answer."""
    group = ctx.here
    row = ctx.session.get_one(Group, group.id)
    if row.can_read is False:
        return Reply(
            "groups.cannot_read", {"group": group.name}, buttons=[Button(f"start:{group.id}", "groups.button_seen")]
        )
    key = rules.next_key(group.facts, rules.FIRST)
    if key:
        asked = guide.question(ctx, Ask(group.id, key, rules.FIRST))
        return replace(asked, buttons=[*_copies(ctx), *asked.buttons])
    if not service.has_checkins(ctx):
        return Reply(
            "groups.start_checkin" if group.hears else "groups.start_checkin_page",
            {"group": group.name},
            buttons=[Button(f"start:{group.id}", "groups.button_checked_in")],
        )
    buttons = [Button(f"do:topic:{group.id}", "groups.button_tomorrow")]
    if rules.next_key(group.facts, rules.MISSING):
        buttons.append(Button(f"fill:{Ask(group.id).reference()}", "groups.button_fill_rest"))
    return Reply(
        "groups.start_done" if group.hears else "groups.start_done_quiet", {"group": group.name}, buttons=buttons
    )


def _copies(ctx: Context) -> list[Button]:
    """Return the offer to take over what another group of the leader has set."""
    if ctx.here.facts:
        return []
    others = [one for one in rooms.led(ctx) if one.id != ctx.here.id and one.facts]
    return [Button(f"copy:{one.id}:{ctx.here.id}", "groups.button_copy", {"from": one.name}) for one in others[-1:]]


def walk(ctx: Context) -> Reply:
    """Say where the leader stands, and what comes next."""
    row = ctx.session.get_one(Group, ctx.here.id)
    words = texts()
    stands = (row.can_read is not False, not rules.next_key(ctx.here.facts, rules.FIRST), service.has_checkins(ctx))
    marks = [words.raw("groups.step_done" if done else "groups.step_open") for done in stands]
    then = next_step(ctx)
    if all(stands):
        return then
    values = {**then.values, "group": ctx.here.name, "one": marks[0], "two": marks[1], "three": marks[2]}
    return replace(
        then,
        key="groups.start" if ctx.here.hears else "groups.start_quiet",
        values=values,
        tails=(then.key, *then.tails),
    )


def greeted(ctx: Context, _event: Greeted) -> Sequence[Reply]:
    """「开始」 of a leader in private: the way, from where it stopped; the group that is not ready first."""
    if ctx.incoming.place is not Place.DM:
        return []
    led = rooms.led(ctx)
    if not led:
        return []
    if not ctx.actor.leader:
        assert led[-1].id is not None
        rooms.step_into(ctx, led[-1].id)
    return [walk(ctx)]


def start_button(ctx: Context) -> Sequence[Reply]:
    """我设好了, 下一步: where does the leader stand now?"""
    rooms.lead(ctx, row_id(ctx.text))
    if ctx.incoming.place is Place.GROUP:
        return [Reply("groups.start_private")]
    return [walk(ctx)]


def arrival(ctx: Context, key: str, values: Mapping[str, object]) -> Reply:
    """Return the first private words after an arrival or a change of rights: a greeting, and the next step."""
    then = next_step(_in_private(ctx))
    return replace(
        then,
        key=key,
        values={**then.values, **values},
        tails=(then.key, *then.tails),
        kind=Kind.DM,
        to=ctx.actor.person_id,
    )


def _in_private(ctx: Context) -> Context:
    """Return the context as if it were the private chat that these words go to."""
    return replace(ctx, incoming=replace(ctx.incoming, place=Place.DM))


def copy(ctx: Context) -> Sequence[Reply]:
    """照抄上一个群的设置, by button."""
    source, _, target = ctx.text.partition(":")
    rooms.lead(ctx, row_id(target))
    found = next((one for one in rooms.led(_in_private(ctx)) if one.id == row_id(source)), None)
    if found is None or found.id == ctx.here.id:
        raise Refusal("guard.old_button")
    return _copied(ctx, found)


def copy_typed(ctx: Context) -> Sequence[Reply]:
    """照抄, as the button says: from the other group if there is one, else which."""
    others = [one for one in rooms.led(_in_private(ctx)) if one.id != ctx.here.id and one.facts]
    if not others:
        raise Refusal("groups.copy_none")
    if len(others) == 1 and not ctx.here.facts:
        return _copied(ctx, others[0])
    buttons = [
        Button(f"copy:{one.id}:{ctx.here.id}", "groups.button_copy", {"from": one.name}, settles=True) for one in others
    ]
    return [Reply("groups.copy_which", {"group": ctx.here.name}, buttons=buttons)]


def _copied(ctx: Context, found: Group) -> Sequence[Reply]:
    before = service.copy_settings(ctx, found)
    undo = actions.note(ctx, guide.CHANGE, before, "groups.did_copy")
    then = walk(ctx) if ctx.incoming.place is Place.DM else Reply("groups.start_private")
    values = {**then.values, "from": found.name, "group": ctx.here.name}
    return [
        replace(
            then,
            key="groups.copied",
            values=values,
            tails=(then.key, *then.tails),
            buttons=(*then.buttons, undo),
        )
    ]


def on_checked_in(ctx: Context, event: CheckedIn) -> Sequence[Reply]:
    """The first check-in of a group ends the way; a plain one shows that the bot sees plain words after all.

    An ordinary check-in costs nothing: the marks stand in the settings that were read with the group.
    """
    marks = service.own(ctx.here.settings)
    incoming = ctx.incoming
    plain = not (incoming.addressed or incoming.reply_to or incoming.button or incoming.text.startswith("/"))
    said = []
    if marks.get(service.BLIND) and plain and incoming.place is Place.GROUP:
        service.sees_all(ctx)
        said.append("groups.can_read")
    if marks.get(service.FRESH) and event.group_id == ctx.here.id:
        service.mark(ctx, **{service.FRESH: None})
        ready = not rules.next_key(ctx.here.facts, rules.FIRST)
        first = "groups.first_checkin" if ctx.here.hears else "groups.first_checkin_quiet"
        said += [first, "groups.first_ready" if ready else "groups.first_not_ready"]
    if not said:
        return ()
    values = {"group": ctx.here.name, "name": ctx.actor.name}
    return [Reply(said[0], values, said[1:], kind=Kind.DM, to=person) for person in service.reachable_leaders(ctx)]


def on_fact_missing(ctx: Context, event: FactMissing) -> Sequence[Reply]:
    """Tell the leaders in private which fact a neighbour asked for in vain: once a day a fact, never at night."""
    group = ctx.here
    minute = calendar.local_minute(ctx.now, group.zone)
    if calendar.is_quiet(minute, group.quiet_from, group.quiet_to):
        return ()
    kept = service.own(group.settings).get(service.TOLD)
    today = ctx.today.isoformat()
    told = {key: day for key, day in kept.items() if day == today} if isinstance(kept, Mapping) else {}
    shown = rules.shown_facts()
    known = rules.USEFUL | set(told) | set(group.facts)
    wanted = [key for key in event.facts if key in shown and key not in known]
    people = service.reachable_leaders(ctx) if wanted else []
    if not people:
        return ()
    service.mark(ctx, **{service.TOLD: {**told, **dict.fromkeys(wanted, today)}})
    return [
        Reply(
            "groups.fact_wanted",
            {"group": group.name, "word": shown[wanted[0]]},
            buttons=[
                Button(f"fill:{Ask(group.id, key).reference()}", "groups.button_fill", {"word": shown[key]})
                for key in wanted
            ],
            kind=Kind.DM,
            to=person,
        )
        for person in people
    ]
