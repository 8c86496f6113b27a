"""签到, 健身打卡, 打卡主题 and 打卡日历: arguments → service → reply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engagement.checkin import makeups, pauses, rules, service, summary, words
from engagement.checkin.card import Month, card_values
from engagement.checkin.tables import DAILY
from engagement.errors import Refusal
from engagement.events import Posted
from engagement.feature import Context
from engagement.kernel import Button, Card, Kind, Place, Reply, one_line
from prompts.loader import texts
from storage import bots

_STAMP, _SPECIAL_STAMP = "👍", "🎉"
PHOTO = "photo"
FIRST_WHOLE = 3
"""Firsts and milestones of a group and day that get a picture and everything one may want to know."""
_WELCOMES = ("checkin.welcome", "checkin.welcome_noted", "checkin.welcome_too")


def check_in(ctx: Context) -> Sequence[Reply]:
    """Check in. A first time or a milestone gets words and a card, a routine one what the group wants."""
    if ctx.argument:
        return _named(ctx, ctx.argument)
    done = service.check_in(ctx)
    values = _values(ctx, done)
    if done.repeated:
        return [Reply("checkin.already", values)]
    tails = _tails(done, values)
    if (done.total == 1 or done.bonus) and _acks(ctx) == "summary":
        summary.mark(ctx)
    if done.total == 1:
        return [_first(ctx, done, values, tails), *done.replies]
    if done.bonus:
        return [_milestone(ctx, done, values, tails), *done.replies]
    if done.broken and ctx.incoming.place is Place.DM:
        key, more = _broken(ctx, done)
        values, tails = values | more, [*tails, key]
    return [*_routine(ctx, done, Reply("checkin.done", values, tails)), *done.replies, *_consoled(ctx, done)]


def _consoled(ctx: Context, done: service.Done) -> list[Reply]:
    """Say a kind word about a broken streak to the person alone, and never where the group reads it."""
    if not done.broken or ctx.incoming.place is Place.DM:
        return []
    if not bots.is_open(ctx.session, ctx.actor.person_id, ctx.incoming.channel):
        return []
    key, values = _broken(ctx, done)
    return [Reply(key, values, kind=Kind.DM, to=ctx.actor.person_id)]


def _broken(ctx: Context, done: service.Done) -> tuple[str, dict[str, object]]:
    """Offer 补签 only where it brings the streak back; else say what is lacking."""
    gap = makeups.gap(ctx)
    if gap is None:
        return "checkin.broken_long", {"broken": done.broken}
    return f"checkin.broken_{gap.why}" if gap.why else "checkin.broken", {"broken": done.broken, **gap.shown}


def _first(ctx: Context, done: service.Done, values: Mapping[str, object], tails: Sequence[str]) -> Reply:
    """Welcome somebody's first check-in.

    On the bot's first morning half a group checks in for the first time: the first few hear it all and get a picture, with the
    group reading along; sixty times the same would be a flood, so the others are welcomed in a line that is not always the same.
    """
    assert ctx.actor.member_id is not None
    few = service.firsts_of(ctx.session, ctx.here.id, ctx.today, FIRST_WHOLE + 1) <= FIRST_WHOLE
    if not few and ctx.incoming.place is Place.GROUP:
        way = _WELCOMES[ctx.actor.member_id % len(_WELCOMES)]
        return Reply("checkin.first", {**values, "welcome": texts().fill(way, values)}, tails)
    welcome = texts().fill(_WELCOMES[0], values)
    button = Button("points:show", "checkin.button_points")
    card = _card(ctx, done) if few else None
    return Reply(
        "checkin.first", {**values, "welcome": welcome}, ["checkin.first_how", *tails], buttons=[button], card=card
    )


def _milestone(ctx: Context, done: service.Done, values: Mapping[str, object], tails: Sequence[str]) -> Reply:
    """Congratulate. Who began on the bot's first morning is there on the same morning, too: the first few get a picture."""
    few = service.as_far_of(ctx.session, ctx.here.id, ctx.today, done.streak, FIRST_WHOLE + 1) <= FIRST_WHOLE
    card = _card(ctx, done) if few or ctx.incoming.place is Place.DM else None
    return Reply("checkin.milestone", values, tails, card=card)


def topic_check_in(ctx: Context) -> Sequence[Reply]:
    """「健身打卡」, or something like it; the argument is a topic's key, or words that name none."""
    topic = pauses.topic_of(ctx.here, ctx.argument)
    return _named(ctx, ctx.argument) if topic is None else _on_topic(ctx, topic)


def topic_button(ctx: Context) -> Sequence[Reply]:
    """A topic was chosen from the list."""
    if ctx.text == DAILY:
        return check_in(ctx)
    topic = pauses.topic_of(ctx.here, ctx.text)
    if topic is None:
        raise Refusal("guard.old_button")
    return _on_topic(ctx, topic)


def photo(ctx: Context) -> Sequence[Reply]:
    """Somebody quotes our line that a photo is needed: with a photo it is the check-in."""
    topic = pauses.topic_of(ctx.here, ctx.subject.partition(":")[2])
    if topic is None:
        raise Refusal("guard.old_button")
    return [*_on_topic(ctx, topic), *_captioned(ctx, topic)]


def _captioned(ctx: Context, topic: rules.Topic) -> Sequence[Reply]:
    """Have the words beside a photo in the group looked at: everybody reads them, whether they count for anything or not."""
    caption = one_line(ctx.text, 300)
    if (
        ctx.incoming.place is not Place.GROUP
        or ctx.incoming.media != PHOTO
        or not caption
        or ctx.actor.member_id is None
    ):
        return []
    return ctx.emit(Posted(ctx.here.id, ctx.actor.member_id, "caption", f"{topic.key}:{ctx.today}", caption))


def topics(ctx: Context) -> Sequence[Reply]:
    """Answer 打卡主题: what can be checked in on, each with its button."""
    return [_list(ctx, "checkin.topics")]


def calendar(ctx: Context) -> Sequence[Reply]:
    """Answer 打卡日历: this month's days, in words and as a card."""
    assert ctx.actor.member_id is not None
    month = service.month_of(ctx.session, ctx.here, ctx.actor.member_id, ctx.today)
    values = {
        "name": ctx.actor.name,
        "month": ctx.today.month,
        "count": len(month.days),
        "days": _days(month.days),
        "made_up": _days(month.made_up),
        "frozen": _days(month.frozen),
        "streak": month.streak,
        "longest": month.longest,
        "cards": month.cards,
    }
    tails = [
        *(["checkin.calendar_made_up"] if month.made_up else []),
        *(["checkin.calendar_frozen"] if month.frozen else []),
        *(["checkin.calendar_cards"] if month.cards else []),
        *([] if month.checked_today else ["checkin.calendar_today"]),
    ]
    if not month.days and not month.made_up:
        return [Reply("checkin.calendar_empty", values)]
    return [Reply("checkin.calendar", values, tails, card=_picture(ctx, month))]


# ---------------------------------------------------------------- topics


def _named(ctx: Context, text: str) -> Sequence[Reply]:
    name = words.topic_name(text)
    topic = words.find(rules.topics_of(pauses.settings_of(ctx.here)), name)
    return [_list(ctx, "checkin.topic_unknown", name)] if topic is None else _on_topic(ctx, topic)


def _on_topic(ctx: Context, topic: rules.Topic) -> Sequence[Reply]:
    values: dict[str, object] = {"name": ctx.actor.name, "topic": topic.name}
    if not topic.active:
        return [_list(ctx, "checkin.topic_stopped", topic.name)]
    if topic.weekdays and ctx.today.weekday() > 4:
        return [Reply("checkin.topic_weekend", values)]
    if topic.photo and ctx.incoming.media != PHOTO:
        key = "topic_photo" if ctx.incoming.place is Place.GROUP else "topic_photo_alone"
        return [Reply(f"checkin.{key}", values, subject=f"checkin_photo:{topic.key}")]
    done = service.check_in(ctx, topic)
    values |= _values(ctx, done)
    if done.repeated:
        return [Reply("checkin.topic_already", values)]
    tails = [*(["checkin.topic_streak"] if topic.streak else []), *_tails(done, values)]
    if done.bonus:
        return [Reply("checkin.topic_milestone", values, tails, card=_card(ctx, done, topic)), *done.replies]
    said = Reply("checkin.topic_done", values, tails)
    return [*([said] if done.total == 1 else _routine(ctx, done, said, topic)), *done.replies]


def _list(ctx: Context, key: str, name: str = "") -> Reply:
    found = [topic for topic in rules.topics_of(pauses.settings_of(ctx.here)) if topic.active]
    rows = [{"topic": topic.name, "points": topic.points, "rules": rules_shown(topic)} for topic in found]
    values = {"name": ctx.actor.name, "topic": name, "rows": rows}
    if not rows:
        return Reply("checkin.topics_none", values, ["checkin.topics_leader"] if ctx.actor.leader else ())
    buttons = [Button(f"checkin_topic:{topic.key}", "checkin.button_topic", {"topic": topic.name}) for topic in found]
    return Reply(key, values, buttons=[*buttons, Button(f"checkin_topic:{DAILY}", "checkin.button_daily")])


def rules_shown(topic: rules.Topic) -> str:
    """Write a topic's rules behind its points; empty when it has none."""
    known = (
        ("photo", topic.photo),
        ("weekdays", topic.weekdays),
        ("streak", topic.streak),
        ("makeup", topic.allows_makeups),
    )
    return "".join(texts().raw(f"checkin.rule_{name}") for name, holds in known if holds)


# ---------------------------------------------------------------- what is said


def _values(ctx: Context, done: service.Done) -> dict[str, object]:
    return {
        "name": ctx.actor.name,
        "streak": done.streak,
        "points": done.points,
        "bonus": done.bonus,
        "balance": done.balance,
        "total": done.total,
        "left": rules.next_milestone(done.streak),
        "cards": done.cards,
        "special": texts().raw(f"checkin.special_{done.special}") if done.special else "",
        "broken": done.broken,
    }


def _tails(done: service.Done, values: dict[str, object]) -> list[str]:
    tails = ["checkin.doubled"] if done.special else []
    if done.refunded:
        values["back"] = texts().raw(f"checkin.back_{done.refunded}")
        tails.append("checkin.given_back")
    return [*tails, *(["checkin.got_card"] if done.got_card and not done.refunded else [])]


def _routine(ctx: Context, done: service.Done, words_: Reply, topic: rules.Topic | None = None) -> Sequence[Reply]:
    acks = _acks(ctx)
    if ctx.incoming.place is Place.DM:
        # In private words flood nobody; the group's line of the day is renewed, if there is one.
        if acks == "summary" and topic is None:
            summary.mark(ctx)
        return [words_]
    if acks == "words" or done.refunded:
        return [words_]
    if acks == "summary" and topic is None:
        said = summary.note(ctx)
        if said or not ctx.actor.first_time:
            return said
    emoji = _SPECIAL_STAMP if done.special else _STAMP
    return [Reply(words_.key, words_.values, words_.tails, kind=Kind.REACTION, emoji=emoji)]


def _acks(ctx: Context) -> str:
    return rules.acks_of(pauses.settings_of(ctx.here), quiet=ctx.here.quiet_acks)


def _card(ctx: Context, done: service.Done, topic: rules.Topic | None = None) -> Card:
    assert ctx.actor.member_id is not None
    key = DAILY if topic is None else topic.key
    month = service.month_of(ctx.session, ctx.here, ctx.actor.member_id, ctx.today, key)
    return _picture(ctx, month, done.points, "" if topic is None else topic.name)


def _picture(ctx: Context, month: Month, points: int = 0, topic: str = "") -> Card:
    rewards = rules.Rewards.of(pauses.settings_of(ctx.here))
    left = rules.next_milestone(month.streak)
    values = card_values(
        name=ctx.actor.name,
        group=ctx.here.name,
        today=ctx.today,
        month=month,
        next_days=left,
        next_points=rules.milestone_bonus(rewards, month.streak + left),
        points=points,
        topic=topic,
    )
    return Card("checkin", values)


def _days(days: Sequence[int]) -> str:
    return "、".join(str(day) for day in days)
