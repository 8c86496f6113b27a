"""补签, 补签卡, 请假 and 销假: arguments → service → reply. What costs something is asked by a button first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from engagement.checkin import makeups, pauses, rules, service, words
from engagement.errors import Refusal
from engagement.feature import Context
from engagement.kernel import Button, Reply, simplified
from prompts.loader import shown_day, texts

_LEAVES = (1, 3, 7)
_GAP = {"long": "checkin.makeup_alone", "month": "checkin.makeup_alone", "poor": "checkin.makeup_short"}
"""What is said of one day of a gap that cannot be made up for as a whole."""
_MAKEUP = ("我要补签", "补签", "补打卡")  # zh: what people type before a day, written in one with it
_LEAVE = ("打卡请假", "请假")  # zh: what people type before how long, written in one with it
_MARKS = " ~。.！!"


def makeup(ctx: Context) -> Sequence[Reply]:
    """补签, 补签 昨天, 补签 12-03, 补签 健身 昨天: says what it costs, and asks."""
    text = ctx.argument or _behind(ctx, _MAKEUP)
    known = rules.topics_of(pauses.settings_of(ctx.here))
    topic, day = words.read_makeup(text, ctx.today, known) if text else (None, None)
    asked = makeups.offer(ctx, day, topic)
    values = _offered(ctx, asked, topic)
    buttons = []
    if asked.cards:
        buttons.append(
            Button(_key(ctx, makeups.CARD, asked.day, topic), "checkin.button_makeup_card", values, settles=True)
        )
    if asked.balance >= asked.points:
        buttons.append(
            Button(_key(ctx, makeups.POINTS, asked.day, topic), "checkin.button_makeup_points", values, settles=True)
        )
    if not buttons:
        raise Refusal("checkin.makeup_poor", points=asked.points, balance=asked.balance)
    key = "checkin.makeup_ask_card" if asked.cards else "checkin.makeup_ask"
    gap = makeups.gap(ctx) if topic is None else None
    if gap is None or len(gap.days) < 2 or asked.day not in gap.days:
        return [Reply(key, values, buttons=buttons)]
    tail = _GAP.get(gap.why, "checkin.makeup_all")
    return [Reply(key, {**gap.shown, **values}, [tail], buttons=buttons)]


def makeup_button(ctx: Context) -> Sequence[Reply]:
    """It was confirmed: ``card:2026-12-03:17``, for another topic than the plain one ``card:2026-12-03:17:t1``."""
    paid, _, rest = ctx.text.partition(":")
    day, _, rest = rest.partition(":")
    member, _, key = rest.partition(":")
    topic = pauses.topic_of(ctx.here, key) if key else None
    if (key and topic is None) or paid not in (makeups.CARD, makeups.POINTS):
        raise Refusal("guard.old_button")
    try:
        wanted = date.fromisoformat(day)
    except ValueError as error:
        raise Refusal("guard.old_button") from error
    _check_owner(ctx, member)
    streak = makeups.make_up(ctx, wanted, paid, topic)
    values = {"name": ctx.actor.name, "day": shown_day(wanted), "of": _of(topic), "streak": streak}
    return [Reply("checkin.makeup_made", values)]


def cards(ctx: Context) -> Sequence[Reply]:
    """补签卡: how many there are, and how they come."""
    assert ctx.actor.member_id is not None
    held = service.month_of(ctx.session, ctx.here, ctx.actor.member_id, ctx.today).cards
    values = {
        "name": ctx.actor.name,
        "cards": held,
        "most": rules.MOST_CARDS,
        "every": rules.CARD_EVERY,
        "points": makeups.price(ctx),
    }
    return [Reply("checkin.cards" if held else "checkin.cards_none", values)]


def leave(ctx: Context) -> Sequence[Reply]:
    """请假 3天, 请假 明天 2天; alone it asks how long."""
    text = ctx.argument or _behind(ctx, _LEAVE)
    if not text:
        taken = pauses.days_off(pauses.leaves(ctx.session, ctx.actor.member_id or 0))
        left = rules.leave_left(taken, ctx.today)
        values = {"name": ctx.actor.name, "left": left, "most": rules.LEAVE_A_QUARTER}
        label = "checkin.button_leave" if _free_from(ctx) == ctx.today else "checkin.button_leave_next"
        buttons = [
            Button(f"leave:{days}:{ctx.today.isoformat()}:{ctx.actor.member_id}", label, {"days": days}, settles=True)
            for days in _LEAVES
            if days <= left
        ]
        return [Reply("checkin.leave_ask" if buttons else "checkin.leave_none", values, buttons=buttons)]
    span = words.read_leave(text, ctx.today, _free_from(ctx))
    if span is None:
        raise Refusal("checkin.leave_how")
    return _leave(ctx, *span)


def _free_from(ctx: Context) -> date:
    """Return the first day that a leave can be for: who has checked in today needs none for today."""
    done = ctx.today in pauses.days_of(ctx.session, ctx.actor.member_id or 0)
    return ctx.today + timedelta(days=1) if done else ctx.today


def leave_button(ctx: Context) -> Sequence[Reply]:
    """So many days were chosen: ``3:2026-12-03:17``; on a later day the button is old."""
    days, _, rest = ctx.text.partition(":")
    day, _, member = rest.partition(":")
    if days not in {str(number) for number in _LEAVES} or day != ctx.today.isoformat():
        raise Refusal("guard.old_button")
    _check_owner(ctx, member)
    first = _free_from(ctx)
    return _leave(ctx, first, first + timedelta(days=int(days) - 1))


def end_leave(ctx: Context) -> Sequence[Reply]:
    """销假: the rest of the days off is given back."""
    days = pauses.end_leave(ctx)
    return [Reply("checkin.leave_ended" if days else "checkin.leave_not", {"name": ctx.actor.name, "days": days})]


def _leave(ctx: Context, first: date, last: date) -> Sequence[Reply]:
    left = pauses.take_leave(ctx, first, last)
    values = {
        "name": ctx.actor.name,
        "first": shown_day(first),
        "last": shown_day(last),
        "days": (last - first).days + 1,
        "left": left,
    }
    return [Reply("checkin.leave_one" if first == last else "checkin.leave_taken", values)]


def _of(topic: rules.Topic | None) -> str:
    """Name what is made up for; the plain check-in needs no name."""
    return "" if topic is None else texts().fill("checkin.makeup_of", {"topic": topic.name})


def _offered(ctx: Context, asked: makeups.Offer, topic: rules.Topic | None) -> dict[str, object]:
    return {
        "name": ctx.actor.name,
        "day": shown_day(asked.day),
        "of": _of(topic),
        "cards": asked.cards,
        "points": asked.points,
        "balance": asked.balance,
        "left": asked.left,
        "streak": asked.streak,
    }


def _key(ctx: Context, paid: str, day: date, topic: rules.Topic | None) -> str:
    of = "" if topic is None else f":{topic.key}"
    return f"makeup:{paid}:{day.isoformat()}:{ctx.actor.member_id}{of}"


def _check_owner(ctx: Context, member: str) -> None:
    """A button in a group can be pressed by everybody; this one costs something."""
    if member != str(ctx.actor.member_id):
        raise Refusal("checkin.not_yours")


def _behind(ctx: Context, heads: Sequence[str]) -> str:
    """Return what follows the word in 「补签昨天」, written in one."""
    text = simplified(ctx.text).strip(_MARKS)
    return next((text.removeprefix(head) for head in heads if text.startswith(head)), "")
