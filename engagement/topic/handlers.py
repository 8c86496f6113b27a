"""What people type and press about the topic → service → words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from engagement import actions, rooms
from engagement.errors import Refusal
from engagement.events import DayLookedAt, LeaderWrote
from engagement.feature import Context
from engagement.kernel import Button, Kind, Place, Reply, row_id
from engagement.topic import coming, rules, service
from engagement.topic.tables import OWN, TopicDay
from prompts.loader import texts

CHANGE = "topic_day"


def _clock(minute: int) -> str:
    return f"{minute // 60}:{minute % 60:02d}"


def show_today(ctx: Context) -> Sequence[Reply]:
    """今日话题."""
    now = service.today(ctx)
    row = now.row
    values: dict[str, object] = {"time": _clock(now.minute)}
    if row is None:
        return [Reply("topic.waiting" if now.waiting else "topic.none", values)]
    values |= {"question": row.question, "hint": row.hint, "answers": now.answers}
    values["points"] = rules.points_of(ctx.here.settings)
    tails = ["topic.today_hint"] if row.hint else []
    # Not every private chat can quote.
    quoted = ctx.here.hears and ctx.incoming.place is Place.GROUP
    tails += ["topic.today_mine" if now.mine else "topic.today_how" if quoted else "topic.today_how_page"]
    tails += ["topic.today_answers"] if now.answers else []
    return [Reply("topic.today", values, tails, subject=f"topic:{row.id}")]


def say(ctx: Context) -> Sequence[Reply]:
    """话题 <内容>; 话题 alone shows today's."""
    return _answer(ctx, rules.words_after(ctx.text, ctx.argument)) if ctx.argument else show_today(ctx)


def quote(ctx: Context) -> Sequence[Reply]:
    """A message that quotes the topic is an answer; questions about orders and the like were passed on before."""
    if ctx.group is None:
        raise Refusal("guard.no_group")
    if rules.is_mute(ctx.text):
        return []
    return _answer(ctx, ctx.text, row_id(ctx.subject.partition(":")[2]))


def _answer(ctx: Context, text: str, topic_day_id: int | None = None) -> Sequence[Reply]:
    words = rules.tidy(text)
    if not rules.says_something(words):
        return [Reply("topic.too_short")]
    done = service.answer(ctx, words, topic_day_id)
    if done.outcome == "held":
        return done.said
    values = {"name": ctx.actor.name, "points": done.points, "time": _clock(done.minute)}
    quietly = ctx.incoming.place is Place.GROUP and not ctx.actor.first_time
    match done.outcome:
        case "counted" if not done.points:
            first = Reply("topic.heard", values)
        case "counted" if done.first_ever or not quietly or not ctx.here.quiet_acks:
            first = Reply("topic.counted_first" if done.first_ever else "topic.counted", values)
        case "counted":
            first = Reply("topic.counted", values, kind=Kind.REACTION, emoji="👍")
        case "again" if quietly and topic_day_id is not None:
            first = Reply("topic.again", values, kind=Kind.REACTION, emoji="👌")
        case outcome:
            first = Reply(f"topic.{outcome}", values)
    return [first, *done.said]


def _day(day: date) -> Mapping[str, object]:
    return {"month": day.month, "day": day.day}


def _shown(ctx: Context, key: str, row: TopicDay, undo: Sequence[Button] = ()) -> Sequence[Reply]:
    minute = service.push_minute(ctx.session, row.group_id)
    values = {**_day(row.local_date), "question": row.question, "time": _clock(minute), "how": _how(ctx)}
    if row.state == "skipped":
        return [Reply(key, values, buttons=[Button(f"topic_restore:{row.id}", "topic.button_restore"), *undo])]
    names = ("swap", "skip") if row.source == OWN else ("swap", "skip", "write")
    buttons = [Button(f"topic_{name}:{row.id}", f"topic.button_{name}") for name in names]
    return [Reply(key, values, buttons=[*buttons, *undo])]


def _how(ctx: Context) -> str:
    return texts().raw("topic.how_said" if ctx.here.speaks else "topic.how_asked")


def _coming(ctx: Context) -> TopicDay:
    """Return the day that is meant: a button's or a quote's own, else tomorrow; for a leader of its group."""
    asked = bool(ctx.incoming.button) or ctx.subject.startswith("topic_write:")
    if not asked:
        rooms.lead(ctx)
        return coming.tomorrow(ctx)
    row = coming.of_button(ctx)
    rooms.lead(ctx)
    return row


def _changed(ctx: Context, act: str, key: str, row: TopicDay, change: Callable[[], TopicDay]) -> Sequence[Reply]:
    """Change a coming day so that it can be put back."""
    before = coming.as_it_stands(row)
    after = change()
    undo = actions.note(ctx, CHANGE, before, f"topic.did_{act}", _day(row.local_date))
    return _shown(ctx, key, after, [undo])


def show_tomorrow(ctx: Context) -> Sequence[Reply]:
    """明日话题."""
    row = coming.tomorrow(ctx)
    return _shown(ctx, "topic.tomorrow_skipped" if row.state == "skipped" else "topic.tomorrow", row)


def glance(ctx: Context, _event: DayLookedAt) -> Sequence[Reply]:
    """Say tomorrow's topic in the leader's overview."""
    row = coming.tomorrow_if_any(ctx)
    if row is None:
        return []
    values = {"topic_time": _clock(service.push_minute(ctx.session, row.group_id)), "topic_question": row.question}
    return [Reply("topic.glance_skipped" if row.state == "skipped" else "topic.glance", values)]


def swap(ctx: Context) -> Sequence[Reply]:
    """换话题, or the button."""
    row = _coming(ctx)
    return _changed(ctx, "swap", "topic.tomorrow", row, lambda: coming.swap(ctx, row))


def skip(ctx: Context) -> Sequence[Reply]:
    """跳过话题, or the button."""
    row = _coming(ctx)
    if row.state == "skipped":
        return _shown(ctx, "topic.tomorrow_skipped", row)
    return _changed(ctx, "skip", "topic.tomorrow_skipped", row, lambda: coming.skip(ctx, row))


def restore(ctx: Context) -> Sequence[Reply]:
    """恢复话题, or the button."""
    row = _coming(ctx)
    if row.state != "skipped":
        return _shown(ctx, "topic.tomorrow", row)
    return _changed(ctx, "restore", "topic.tomorrow", row, lambda: coming.restore(ctx, row))


def write(ctx: Context) -> Sequence[Reply]:
    """写话题 <内容>."""
    words = rules.words_after(ctx.text, ctx.argument)
    row = coming.tomorrow(ctx)
    return _written(ctx, row, words)


def ask_words(ctx: Context) -> Sequence[Reply]:
    """The button 自己写: says how, and takes a quote of its answer."""
    row = _coming(ctx)
    return [Reply("topic.write_how", {**_day(row.local_date)}, subject=f"topic_write:{row.id}")]


def write_quoted(ctx: Context) -> Sequence[Reply]:
    """A quote of :func:`ask_words`."""
    row = _coming(ctx)
    return _written(ctx, row, ctx.text)


def _written(ctx: Context, row: TopicDay, words: str) -> Sequence[Reply]:
    said = _changed(ctx, "write", "topic.written", row, lambda: coming.write(ctx, row, words))
    return [*said, *ctx.emit(LeaderWrote(words))]


def undo(ctx: Context, before: Mapping[str, object]) -> Sequence[Reply]:
    """Put a coming day's topic back."""
    row = coming.put_back(ctx, before)
    return _shown(ctx, "topic.tomorrow_skipped" if row.state == "skipped" else "topic.tomorrow", row)
