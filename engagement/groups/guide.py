"""The guided dialogue: the bot asks for one fact after the other, and what a leader answers to it is the value.

Nothing is remembered but what the question was about, which is the subject of its message: the dialogue goes on after a
restart, next week, or in the middle.

Source: F70, F71.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from engagement import actions, rooms
from engagement.errors import Refusal
from engagement.feature import Context
from engagement.groups import rules, service
from engagement.groups.rules import Ask
from engagement.kernel import Button, Place, Reply, row_id
from prompts.loader import texts

CHANGE = "group_setting"
_CHOICES = {"bad_fruit": 2, "no_reason": 2, "quiet": 2, "zone": 2}
"""Key → how many ready answers it has."""


def question(ctx: Context, ask: Ask) -> Reply:
    """Return the question itself: what is set now, an example, ready answers, skip and stop."""
    now = current(ctx, ask.key)
    private = ctx.incoming.place is Place.DM
    tails = ["groups.ask_now"] if now else []
    tails.append("groups.ask_private" if private else "groups.ask_here")
    if private and len(rooms.led(ctx)) > 1:
        tails.append("guard.about_group")
    buttons = [
        Button(f"fill_as:{ask.reference(number)}", f"groups.choice_{ask.key}_{number}", settles=True)
        for number in range(1, _CHOICES.get(ask.key, 0) + 1)
    ]
    buttons.append(
        Button(f"fill_skip:{ask.reference()}", "groups.button_keep" if now else "groups.button_skip", settles=True)
    )
    buttons.append(Button(f"fill_stop:{ask.reference()}", "groups.button_stop", settles=True))
    values = {"current": now, "group": ctx.here.name}
    return Reply(f"groups.ask_{ask.key}", values, tails, buttons=buttons, subject=f"fill:{ask.reference(ask.choice)}")


def current(ctx: Context, key: str) -> str:
    """Return what is set now, in words."""
    group = ctx.here
    if key == "zone":
        return rules.zone_name(group.zone)
    if key == "quiet":
        if group.quiet_from == group.quiet_to:
            return texts().raw("groups.no_quiet")
        return f"{rules.clock_time(group.quiet_from)}–{rules.clock_time(group.quiet_to)}"
    return group.facts.get(key, "")


def _read(ctx: Context, reference: str) -> Ask:
    ask = rules.read_ask(reference)
    if ask is None:
        rooms.lead(ctx)
        raise Refusal("guard.old_button")
    rooms.lead(ctx, ask.group_id)
    return ask


def begin(ctx: Context) -> Sequence[Reply]:
    """The button 填提货点, or 一项项填."""
    ask = _read(ctx, ctx.text)
    return [question(ctx, ask)] if ask.key else go_on(ctx, ask)


def go_on(ctx: Context, after: Ask, told: Reply | None = None) -> list[Reply]:
    """Ask what comes next, or sum up; ``told`` says what came of the last answer and stands above it."""
    key = rules.next_key(ctx.here.facts, after.way, after.key)
    if after.way == rules.ONE:
        return stop_at(ctx, after) if told is None else [told]
    if key:
        return [_joined(told, question(ctx, replace(after, key=key, choice=0)))]
    return [_joined(told, summary(ctx, after.way))]


def summary(ctx: Context, way: str) -> Reply:
    """Say what is known by now, and how a neighbour who asks will be answered; it closes the dialogue."""
    shown = rules.shown_facts()
    facts = ctx.here.facts
    rows = [{"word": word, "value": facts[key]} for key, word in shown.items() if key in facts]
    missing = [word for key, word in shown.items() if key not in facts]
    values = {
        "group": ctx.here.name,
        "rows": rows,
        "missing": texts().raw("groups.between").join(missing),
        "place": facts.get("pickup_place", ""),
    }
    tails = ["groups.fill_missing"] if missing else []
    tails.append("groups.fill_answers" if values["place"] else "groups.fill_answers_not")
    buttons = [Button("ask:pickup.place", "groups.button_try")] if values["place"] else []
    if way == rules.FIRST and not service.has_checkins(ctx):
        # Whoever skips has come to the last step all the same.
        tails.append("groups.start_checkin" if ctx.here.hears else "groups.start_checkin_page")
        buttons.append(Button(f"start:{ctx.here.id}", "groups.button_checked_in"))
    return Reply(
        "groups.fill_done" if rows else "groups.fill_none",
        values,
        tails,
        buttons=buttons,
        subject=f"filled:{ctx.here.id}",
    )


def _joined(told: Reply | None, then: Reply) -> Reply:
    """Put what was done above what comes next, in one message."""
    if told is None:
        return then
    return replace(
        then,
        key=told.key,
        values={**then.values, **told.values},
        tails=(*told.tails, then.key, *then.tails),
        buttons=(*then.buttons, *told.buttons),
    )


def answered(ctx: Context) -> Sequence[Reply]:
    """A quote of a question, or in private simply the next words."""
    ask = rules.read_ask(ctx.subject.partition(":")[2])
    if ask is None or not ask.key or (ctx.incoming.place is Place.GROUP and not ctx.actor.leader):
        return []  # a neighbour's word under the leader's question
    rooms.lead(ctx, ask.group_id)
    match rules.control(ctx.text):
        case "skip":
            return go_on(ctx, ask)
        case "stop":
            return stop_at(ctx, ask)
        case "clear" if ask.key != "quiet" and not ctx.here.facts.get(ask.key):
            return go_on(ctx, ask)
    return _taken(ctx, ask, ctx.text)


def over(ctx: Context) -> Sequence[Reply]:
    """A quote of the summary: which fact is meant?"""
    return [Reply("groups.fill_over")] if ctx.actor.leader else []


def chosen(ctx: Context) -> Sequence[Reply]:
    """A ready answer, by button."""
    ask = _read(ctx, ctx.text)
    if not 1 <= ask.choice <= _CHOICES.get(ask.key, 0):
        raise Refusal("guard.old_button")
    return _taken(ctx, ask, texts().raw(f"groups.choice_{ask.key}_{ask.choice}"))


def skip(ctx: Context) -> Sequence[Reply]:
    """The button 跳过."""
    ask = _read(ctx, ctx.text)
    if not ask.key:
        raise Refusal("guard.old_button")
    return go_on(ctx, ask)


def stop(ctx: Context) -> Sequence[Reply]:
    """The button 先到这里."""
    return stop_at(ctx, _read(ctx, ctx.text))


def stop_at(ctx: Context, ask: Ask) -> list[Reply]:
    """End it; the next words are a question again."""
    how = "groups.fill_stopped_first" if ask.way == rules.FIRST else "groups.fill_stopped"
    return [Reply(how, {"group": ctx.here.name}, subject=f"filled:{ctx.here.id}")]


def _taken(ctx: Context, ask: Ask, text: str) -> Sequence[Reply]:
    """Keep a value; one that cannot be read is asked for again. Who names another fact means that one.

    What does not look like an answer is asked for once more, with an example; said again it is what the leader means.
    """
    named = rules.named_fact(text)
    if named is not None and named[0] == ask.key:
        text = named[1]
    elif named is not None:
        return [_joined(keep(ctx, *named), question(ctx, ask))]
    text = rules.without_talk(ask.key, rules.value_of(text))
    doubtful = long_quiet(ctx, text) if ask.key == "quiet" else doubt(ctx, ask, text)
    if doubtful is not None:
        return [doubtful]
    try:
        told = keep(ctx, ask.key, text)
    except Refusal as no:
        again = question(ctx, ask)
        return [replace(again, key=no.key, values={**again.values, **no.values}, tails=())]
    return go_on(ctx, ask, told)


def doubt(ctx: Context, ask: Ask, text: str) -> Reply | None:
    """Ask once more, with an example, for what does not look like an answer; None when it looks like one, or is said again."""
    mark = rules.marked(text)
    if ask.choice == mark or rules.fault(ask.key, text) != "unlike":
        return None
    again = question(ctx, replace(ask, choice=mark))
    values = {**again.values, "word": rules.shown_facts()[ask.key], "said": rules.value_of(text)}
    return replace(again, key="groups.unlike", values=values, tails=(again.key,))


def long_quiet(ctx: Context, text: str) -> Reply | None:
    """Ask about quiet hours that leave hardly any of the day; None when they are not so long, or cannot be read at all."""
    try:
        start, end = rules.read_span(text)
    except Refusal:
        return None
    meant = rules.doubted_span(start, end)
    if meant is None:
        return None
    spans = dict.fromkeys((meant, (start, end)))
    rows = [(f"{rules.clock_time(first)}-{rules.clock_time(last)}", f"{first}:{last}") for first, last in spans]
    buttons = [
        Button(f"quiet_as:{ctx.here.id}:{minutes}", "groups.button_quiet", {"span": shown}, settles=True)
        for shown, minutes in rows
    ]
    values = {"span": rows[-1][0], "hours": (end - start) % (24 * 60) // 60, "group": ctx.here.name}
    return Reply("groups.quiet_long", values, buttons=buttons)


def quiet_as(ctx: Context) -> Sequence[Reply]:
    """One of the spans under that question."""
    group, _, span = ctx.text.partition(":")
    start, _, end = span.partition(":")
    rooms.lead(ctx, row_id(group))
    if not (start.isdecimal() and end.isdecimal() and max(len(start), len(end)) < 5):
        raise Refusal("guard.old_button")
    return [keep(ctx, "quiet", f"{rules.clock_time(int(start))}-{rules.clock_time(int(end))}")]


def keep(ctx: Context, key: str, text: str) -> Reply:
    """Set a fact, the zone or the quiet hours; the reply says so and carries the way back.

    Raises:
        Refusal: ``groups.zone_how``, ``groups.quiet_how``, ``groups.fact_how``, ``groups.odd_…`` for an hour that is none.
    """
    word, value = rules.shown_facts().get(key, ""), rules.value_of(text)
    before: Mapping[str, object]
    if key == "zone":
        before, told, done = service.set_zone(ctx, rules.read_zone(text)), "groups.zone_kept", "groups.did_zone"
        values = {"zone": rules.zone_name(ctx.here.zone)}
    elif key == "quiet":
        start, end = rules.read_span(text)
        before, told, done = service.set_quiet(ctx, start, end), "groups.quiet_kept", "groups.did_quiet"
        values = {"quiet_from": rules.clock_time(start), "quiet_to": rules.clock_time(end)}
        if start == end:
            told, done = "groups.quiet_off", "groups.did_quiet_off"
    else:
        if not value or not word:
            raise Refusal("groups.fact_how")
        if rules.fault(key, value) == "odd":
            raise Refusal(f"groups.odd_{key}", said=value)
        gone = rules.clears(value)
        values = {"word": word, "value": value}
        before = service.set_fact(ctx, key, "" if gone else value)
        told, done = (
            ("groups.fact_cleared", "groups.did_fact_cleared") if gone else ("groups.fact_kept", "groups.did_fact")
        )
    # In private what was asked before waits no longer: the next words are no answer to it.
    subject = f"filled:{ctx.here.id}" if ctx.incoming.place is Place.DM else ""
    return Reply(told, values, buttons=[actions.note(ctx, CHANGE, before, done, values)], subject=subject)
