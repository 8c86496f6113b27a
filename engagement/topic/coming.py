"""The leader's say in the topics of coming days: another one, none, an own one, and the way back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from sqlmodel import col, select

from engagement import calendar, rooms
from engagement.errors import Refusal
from engagement.feature import Context
from engagement.kernel import row_id
from engagement.topic import bank, rules, service
from engagement.topic.kinds import kind_of
from engagement.topic.tables import OWN, TopicDay
from storage import audit


def tomorrow(ctx: Context) -> TopicDay:
    """Return tomorrow's topic, written down so that what is shown is what is sent.

    Raises:
        Refusal: ``topic.bank_empty``.
    """
    row = tomorrow_if_any(ctx)
    if row is None:
        raise Refusal("topic.bank_empty")
    return row


def tomorrow_if_any(ctx: Context) -> TopicDay | None:
    """The same, or None when the bank has nothing for that day."""
    pair = (ctx.here.id, ctx.today + timedelta(days=1))
    return service.days_of(ctx.session, [pair], ctx.now).get(pair)


def of_button(ctx: Context) -> TopicDay:
    """Return the coming topic that a button or a quoted request is about; its group is the one that is acted on.

    Raises:
        Refusal: ``topic.button_old`` when its day has come; ``guard.old_button`` when it is of another group.
    """
    reference = ctx.text if ctx.incoming.button else ctx.subject.partition(":")[2]
    if row := ctx.session.get(TopicDay, row_id(reference)):
        rooms.step_into(ctx, row.group_id)
    if row is None or row.local_date <= ctx.today:
        raise Refusal("topic.button_old")
    return row


def swap(ctx: Context, row: TopicDay) -> TopicDay:
    """Give a coming day another topic of the bank.

    Raises:
        Refusal: ``topic.no_other`` when the bank has no other for that day.
    """
    near = timedelta(days=rules.REPEAT_DAYS)
    others = ctx.session.exec(
        select(TopicDay).where(
            TopicDay.group_id == row.group_id,
            col(TopicDay.local_date).between(row.local_date - near, row.local_date + near),
        )
    ).all()
    topic = rules.pick(
        bank.of_groups(ctx.session, [row.group_id])[row.group_id],
        group_id=row.group_id,
        day=row.local_date,
        festival=calendar.festival(row.local_date),
        used=service.used_near(others, row.local_date),
        attempt=row.attempt + 1,
        current=row.source,
        kind=kind_of(ctx.here.settings),
    )
    if topic is None:
        raise Refusal("topic.no_other")
    row.attempt += 1
    return _change(ctx, row, "swapped", source=topic.id, question=topic.question, hint=topic.hint, state="planned")


def write(ctx: Context, row: TopicDay, words: str) -> TopicDay:
    """Let the leader's own question be a coming day's topic.

    Raises:
        Refusal: ``topic.question_short`` or ``topic.question_long``.
    """
    question = rules.tidy(words)
    fault = rules.question_fault(question)
    if fault:
        raise Refusal(f"topic.question_{fault}", most=rules.LONGEST_QUESTION)
    return _change(ctx, row, "written", source=OWN, question=question, hint="", state="planned")


def skip(ctx: Context, row: TopicDay) -> TopicDay:
    """Send no topic on a coming day; :func:`restore` takes it back."""
    return _change(ctx, row, "skipped", state="skipped")


def restore(ctx: Context, row: TopicDay) -> TopicDay:
    """Send the topic after all."""
    return _change(ctx, row, "restored", state="planned")


def as_it_stands(row: TopicDay) -> dict[str, object]:
    """Return what :func:`put_back` needs."""
    names = ("source", "question", "hint", "state", "attempt")
    return {"row": row.id, **{name: getattr(row, name) for name in names}}


def put_back(ctx: Context, before: Mapping[str, object]) -> TopicDay:
    """Give a coming day the topic that it had.

    Raises:
        Refusal: ``topic.button_old`` when its day has come.
    """
    row = ctx.session.get(TopicDay, before.get("row"))
    if row is None or row.group_id != ctx.here.id or row.local_date <= ctx.today:
        raise Refusal("topic.button_old")
    kept = {name: value for name, value in before.items() if name != "row"}
    return _change(ctx, row, "put_back", **kept)


def _change(ctx: Context, row: TopicDay, act: str, **fields: object) -> TopicDay:
    for name, value in fields.items():
        setattr(row, name, value)
    ctx.session.add(row)
    ctx.session.flush()
    assert row.id is not None
    audit.record(
        ctx.session, at=ctx.now, actor_id=ctx.actor.person_id, group_id=row.group_id, action=f"topic.{act}", row=row.id
    )
    return row
