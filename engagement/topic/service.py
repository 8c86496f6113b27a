"""The day's topic: choosing it, and the answers. Everything in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, bindparam, delete, false, literal_column, true, update
from sqlalchemy.orm import aliased
from sqlmodel import col, func, select

from engagement import calendar
from engagement.events import Posted, TopicAnswered
from engagement.feature import Context
from engagement.kernel import Reply
from engagement.points.service import award
from engagement.topic import bank, rules
from engagement.topic.kinds import kinds as kinds_of
from engagement.topic.tables import OWN, TopicAnswer, TopicDay
from prompts import packs
from storage import bonds
from storage.campaigns import Schedule
from storage.columns import micros
from storage.engine import Session
from storage.groups import Consent, Group, Member
from storage.statements import Prepared

KIND = "topic"
FORGOTTEN_AT_ONCE = 3000
_KEPT: ColumnElement[bool] = literal_column("topic_answer.text <> ''")
_D = TopicDay.__table__  # type: ignore[attr-defined]
_A = TopicAnswer.__table__  # type: ignore[attr-defined]
_PLAN = Prepared(
    "topic_day.insert",
    lambda insert: (
        insert(_D)
        .values(
            group_id=bindparam("group_row"),
            local_date=bindparam("local_day"),
            source=bindparam("source"),
            question=bindparam("question"),
            hint=bindparam("hint"),
            state="planned",
            attempt=0,
            created_at=bindparam("created_at"),
        )
        .on_conflict_do_nothing(index_elements=["group_id", "local_date"])
    ),
)
_OWN_WORDS = col(TopicAnswer.by_bond).is_(False)


def _answering(name: str, *, by_bond: bool) -> Prepared:
    return Prepared(
        name,
        lambda insert: (
            insert(_A)
            .values(
                topic_day_id=bindparam("topic_row"),
                member_id=bindparam("member_row"),
                text=bindparam("words"),
                answered_at=bindparam("answered_at"),
                by_bond=true() if by_bond else false(),
            )
            .on_conflict_do_nothing(index_elements=["topic_day_id", "member_id"])
            .returning(_A.c.id)
        ),
    )


_ANSWER = _answering("topic_answer.insert", by_bond=False)
_ANSWER_BY_BOND = _answering("topic_answer.insert_by_bond", by_bond=True)


@dataclass(frozen=True, slots=True)
class Today:
    """What there is to talk about now.

    Attributes:
        row: the topic, or None: not out yet, skipped, or nothing to ask.
        minute: local minute at which topics come out.
        answers: how many answered so far.
        mine: the acting member is among them.
    """

    row: TopicDay | None
    minute: int
    waiting: bool = False
    answers: int = 0
    mine: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of an answer.

    Attributes:
        outcome: ``counted``, ``held`` (hidden, not counted), ``again``, ``late``, ``none`` (no topic today) or ``waiting``
            (not out yet).
        points: whole points that it brought.
        first_ever: the member had never answered before.
        said: what other slices say to it.
    """

    outcome: str
    points: int = 0
    minute: int = rules.PUSH_MINUTE
    first_ever: bool = False
    said: Sequence[Reply] = ()


# ---------------------------------------------------------------- which topic


def appoint(session: Session, group_id: int, topics: Mapping[date, str], now: datetime) -> None:
    """Write down which topics of the bank the days of a group have; a day that has one keeps it (the sample community)."""
    ready = {topic.id: topic for topic in packs.topics()}
    for day, name in topics.items():
        session.run(
            _PLAN,
            group_row=group_id,
            local_day=day.isoformat(),
            source=name,
            question=ready[name].question,
            hint=ready[name].hint,
            created_at=micros(now),
        )


def days_of(session: Session, wanted: Sequence[tuple[int, date]], now: datetime) -> Mapping[tuple[int, date], TopicDay]:
    """Return the topics of groups and local days, chosen and written down where there was none yet.

    Args:
        wanted: (group id, local day) pairs; a pair for which the bank has nothing is absent from the result.

    Source: F32.
    """
    if not wanted:
        return {}
    near = timedelta(days=rules.REPEAT_DAYS)
    first, last = min(day for _, day in wanted) - near, max(day for _, day in wanted) + near
    ids = sorted({group_id for group_id, _ in wanted})
    known: dict[int, list[TopicDay]] = {group_id: [] for group_id in ids}
    for row in session.exec(
        select(TopicDay).where(col(TopicDay.group_id).in_(ids), col(TopicDay.local_date).between(first, last))
    ):
        known[row.group_id].append(row)
    missing = [pair for pair in wanted if all(row.local_date != pair[1] for row in known[pair[0]])]
    kinds = kinds_of(session, {group_id for group_id, _ in missing})
    banks = bank.of_groups(session, {group_id for group_id, _ in missing}) if missing else {}
    for group_id, day in missing:
        topic = rules.pick(
            banks[group_id],
            group_id=group_id,
            day=day,
            festival=calendar.festival(day),
            used=used_near(known[group_id], day),
            kind=kinds[group_id],
        )
        if topic is not None:
            session.run(
                _PLAN,
                group_row=group_id,
                local_day=day.isoformat(),
                source=topic.id,
                question=topic.question,
                hint=topic.hint,
                created_at=micros(now),
            )
    if missing:
        for row in session.exec(
            select(TopicDay).where(
                col(TopicDay.group_id).in_(sorted({group_id for group_id, _ in missing})),
                col(TopicDay.local_date).in_(sorted({day for _, day in missing})),
            )
        ):
            known[row.group_id].append(row)
    have = {(row.group_id, row.local_date): row for rows in known.values() for row in rows}
    return {pair: have[pair] for pair in wanted if pair in have}


def known_days(session: Session, wanted: Sequence[tuple[int, date]]) -> Mapping[tuple[int, date], TopicDay]:
    """Return the topics of groups and local days that were sent or shown; chooses none, and leaves out skipped ones."""
    rows = session.exec(
        select(TopicDay).where(
            col(TopicDay.group_id).in_(sorted({group_id for group_id, _ in wanted})),
            col(TopicDay.local_date).in_(sorted({day for _, day in wanted})),
            TopicDay.state == "planned",
        )
    )
    have = {(row.group_id, row.local_date): row for row in rows}
    return {pair: have[pair] for pair in wanted if pair in have}


def used_near(rows: Sequence[TopicDay], day: date) -> Mapping[str, date]:
    """Return the questions of the bank that these rows keep from a day."""
    asked = [(row.source, row.local_date) for row in rows if row.state == "planned" and row.source != OWN]
    return rules.nearest(asked, day)


def push_minute(session: Session, group_id: int) -> int:
    """Return the local minute at which a group's topics come out."""
    found = session.exec(
        select(Schedule.local_minute).where(Schedule.group_id == group_id, Schedule.kind == KIND)
    ).first()
    return rules.PUSH_MINUTE if found is None else found


def today(ctx: Context) -> Today:
    """Return today's topic; once its time has come it is there, though the push may have been missed or switched off."""
    group = ctx.here
    minute = push_minute(ctx.session, group.id)
    if ctx.now < calendar.instant_of(ctx.today, minute, group.zone):
        return Today(None, minute, waiting=True)
    row = days_of(ctx.session, [(group.id, ctx.today)], ctx.now).get((group.id, ctx.today))
    if row is None or row.state == "skipped":
        return Today(None, minute)
    assert row.id is not None
    mine = TopicAnswer.topic_day_id == row.id, TopicAnswer.member_id == ctx.actor.member_id
    said = ctx.session.exec(select(TopicAnswer.id).where(*mine)).first()
    return Today(row, minute, answers=answerers(ctx.session, row.id), mine=said is not None)


def answerers(session: Session, topic_day_id: int) -> int:
    """Count who answered a topic: whoever did it with two accounts is one."""
    query = select(func.count(bonds.acts().distinct())).join(TopicAnswer, col(TopicAnswer.member_id) == col(Member.id))
    return int(session.exec(query.where(TopicAnswer.topic_day_id == topic_day_id, _OWN_WORDS)).one())


# ---------------------------------------------------------------- answers


def answer(ctx: Context, words: str, topic_day_id: int | None = None) -> Answered:
    """Take an answer to a topic: the first of a member on the topic's own local day brings points.

    Args:
        words: the answer, tidy and saying something.
        topic_day_id: the quoted topic; default today's.

    Source: F32.
    """
    group, actor = ctx.here, ctx.actor
    if topic_day_id is None:
        now = today(ctx)
        row, minute = now.row, now.minute
        if row is None:
            return Answered("waiting" if now.waiting else "none", minute=minute)
    else:
        row, minute = ctx.session.get(TopicDay, topic_day_id), push_minute(ctx.session, group.id)
        if row is None or row.group_id != group.id:
            return Answered("none", minute=minute)
        if row.local_date != ctx.today:
            return Answered("late", minute=minute)
    assert row.id is not None
    assert actor.member_id is not None
    assert actor.account_id is not None
    before = ctx.session.exec(select(TopicAnswer.id).where(TopicAnswer.member_id == actor.member_id).limit(1)).first()
    made = enter(ctx, row.id, actor.member_id, words)
    points = rules.points_of(group.settings)
    if made is None:
        return Answered("again", points, minute)
    posted = Posted(group.id, actor.member_id, KIND, str(row.id), words)
    said = ctx.emit(posted)
    if posted.hidden:
        ctx.session.execute(delete(TopicAnswer).where(col(TopicAnswer.id) == made))
        return Answered("held", minute=minute, said=said)
    if posted.shown != words:
        ctx.session.execute(update(TopicAnswer).where(col(TopicAnswer.id) == made).values(text=posted.shown))
    key = rules.award_key(group.id, actor.member_id, row.local_date)
    points = award(ctx, kind=KIND, key=key, amount=points, words=words).points
    said += ctx.emit(TopicAnswered(group.id, actor.member_id, actor.account_id, row.local_date))
    return Answered("counted", points, minute, before is None, said)


def enter(ctx: Context, topic_day_id: int, member_id: int, words: str, *, by_bond: bool = False) -> int | None:
    """Write a member's first answer down, or that he gave it with another account; its id, or None when there is one."""
    made = ctx.session.row(
        _ANSWER_BY_BOND if by_bond else _ANSWER,
        topic_row=topic_day_id,
        member_row=member_id,
        words=words,
        answered_at=micros(ctx.now),
    )
    return None if made is None else int(made[0])


def answers_of(session: Session, topic_day_ids: Sequence[int]) -> Mapping[int, Sequence[rules.Said]]:
    """Return topic id → its answers, for several groups at once; who withdrew consent is counted without a name.

    Of who answered with two accounts before he said that both are his, the earlier answer stands.
    """
    found: dict[int, dict[int | None, rules.Said]] = {row: {} for row in topic_day_ids}
    acting = aliased(Member)
    for row, member, name, withdrawn in session.exec(
        select(TopicAnswer, acting.id, acting.name, Consent.withdrawn_at)
        .join(Member, col(Member.id) == col(TopicAnswer.member_id))
        .join(acting, col(acting.id) == bonds.acts())
        .join(Consent, col(Consent.person_id) == col(acting.person_id), isouter=True)
        .where(col(TopicAnswer.topic_day_id).in_(topic_day_ids), _OWN_WORDS)
        .order_by(col(TopicAnswer.id))
    ):
        said = rules.Said(name if withdrawn is None else "", row.text, row.answered_at)
        found[row.topic_day_id].setdefault(member, said)
    return {row: list(said.values()) for row, said in found.items()}


def forget_old(session: Session, now: datetime) -> None:
    """Empty the texts of answers that are older than they are kept, the oldest first.

    A bounded number at once, so that the writer is not held: this is called for every hundred groups of a day.
    """
    old = (
        select(TopicAnswer.id)
        # Written out, so that the partial index is recognised.
        .where(_KEPT, col(TopicAnswer.answered_at) < now - timedelta(days=rules.KEEP_ANSWERS_DAYS))
        .order_by(col(TopicAnswer.answered_at))
        .limit(FORGOTTEN_AT_ONCE)
        .correlate(None)
    )
    emptied = update(TopicAnswer).where(col(TopicAnswer.id).in_(old)).values(text="")
    session.execute(emptied.execution_options(synchronize_session=False))


# ---------------------------------------------------------------- personal data


def export_answers(session: Session, person_id: int) -> Sequence[Mapping[str, object]]:
    """Return a person's answers over all groups, oldest first."""
    rows = session.exec(
        select(TopicAnswer, TopicDay, Group.name)
        .join(TopicDay, col(TopicDay.id) == col(TopicAnswer.topic_day_id))
        .join(Group, col(Group.id) == col(TopicDay.group_id))
        .join(Member, col(Member.id) == col(TopicAnswer.member_id))
        .where(Member.person_id == person_id)
        .order_by(col(TopicAnswer.answered_at), col(TopicAnswer.id))
    )
    return [
        {
            "group": name,
            "date": day.local_date.isoformat(),
            "question": day.question,
            "answer": mine.text,
            "at": mine.answered_at.isoformat(),
        }
        for mine, day, name in rows
    ]


def count_answers(session: Session, person_id: int, most: int) -> int:
    """Count a person's answers, at most ``most``."""
    some = (
        select(TopicAnswer.id)
        .join(Member, col(Member.id) == col(TopicAnswer.member_id))
        .where(Member.person_id == person_id)
        .limit(most)
    )
    return int(session.exec(select(func.count()).select_from(some.subquery())).one())


def erase_answers(session: Session, person_id: int, now: datetime) -> None:  # noqa: ARG001
    """Empty the words of a person's answers; that somebody answered stays, so that nothing counts twice."""
    mine = select(Member.id).where(Member.person_id == person_id)
    session.execute(update(TopicAnswer).where(col(TopicAnswer.member_id).in_(mine)).values(text=""))
