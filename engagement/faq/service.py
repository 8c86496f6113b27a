"""Questions: asked of the knowledge base at any hour, handed over to the leader, relayed back to who asked.

Source: F62, F63.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING

from sqlmodel import col
from sqlmodel import select as pick

from engagement import calendar
from engagement.errors import Refusal
from engagement.events import PostCleared, Posted
from engagement.faq import asking, complaints, rules
from engagement.faq.asking import QUESTION_MOST, Ask
from engagement.feature import Context
from engagement.kernel import Button, Place, one_line
from storage import identities
from storage.documents import Question
from storage.engine import Session
from storage.groups import Group, Member

if TYPE_CHECKING:
    from knowledge.answering import Answer, Answering

QUESTION = "question"
"""What a question is called that others are going to read."""
ANSWER_MOST = 1000
SHORT = 40
"""Characters of a question where it is only recalled."""
SHOWN = 5
"""Waiting questions that one message lists."""


def prepare(ctx: Context) -> Ask:
    """Collect what an answer needs."""
    facts: dict[str, str] = dict(ctx.group.facts) if ctx.group is not None else {}
    if ctx.group is not None and "leader_name" not in facts:
        facts["leader_name"] = leader_name(ctx.session, ctx.group.id)
    return asking.prepare(ctx, facts)


def prepare_quoted(ctx: Context) -> Ask:
    """The same for words that quote a hand-over: looked up only when a bystander asks something."""
    ask = prepare(ctx)
    asks = ctx.incoming.place is Place.GROUP and not ctx.actor.leader and rules.asks(ctx.incoming.text)
    return ask if asks else replace(ask, answering=None)


@dataclass(frozen=True, slots=True)
class Chosen:
    """An entry that the asker picked among the offered ones."""

    answering: Answering | None
    entry: str
    group_id: int | None
    facts: Mapping[str, str]
    now: datetime
    leader: bool


def prepare_candidate(ctx: Context) -> Chosen:
    """Collect what the answer of a picked entry needs."""
    ask = prepare(ctx)
    return Chosen(ask.answering, ctx.text, ask.group_id, ask.facts, ask.now, ask.leader)


async def work_candidate(chosen: Chosen) -> Answer | None:
    """Fetch the entry; None when it is there no more."""
    if chosen.answering is None:
        return None
    return await chosen.answering.entry(
        chosen.entry, now=chosen.now, group_id=chosen.group_id, facts=chosen.facts, leader=chosen.leader
    )


def leader_name(session: Session, group_id: int) -> str:
    """Return the name of a group's first leader, or an empty string."""
    found = session.exec(
        pick(Member.name)
        .where(Member.group_id == group_id, Member.role == "leader", col(Member.left_at).is_(None))
        .order_by(col(Member.id))
        .limit(1)
    ).first()
    return found or ""


def hand_over(ctx: Context, text: str, score: float) -> Question:
    """Put a question into the unanswered queue, with what is needed to reach the asker again."""
    question = Question(
        group_id=ctx.group.id if ctx.group else None,
        member_id=ctx.actor.member_id,
        text=one_line(text, QUESTION_MOST),
        score=score,
        relay={"place": ctx.incoming.place.value, "person": ctx.actor.person_id},
        asked_at=ctx.now,
    )
    ctx.session.add(question)
    ctx.session.flush()
    return question


def posted(ctx: Context, text: str) -> Posted:
    """Announce words that are on their way to a leader."""
    assert ctx.actor.member_id is not None
    words = one_line(text, QUESTION_MOST)
    return Posted(ctx.here.id, ctx.actor.member_id, QUESTION, ctx.incoming.place.value, words)


def hand_over_later(ctx: Context, event: PostCleared) -> Question:
    """Put a question into the queue that had been held back."""
    member = ctx.session.get_one(Member, event.member_id)
    question = Question(
        group_id=event.group_id,
        member_id=event.member_id,
        text=event.text,
        relay={"place": event.reference, "person": member.person_id},
        asked_at=ctx.now,
    )
    ctx.session.add(question)
    ctx.session.flush()
    return question


def name_of(session: Session, member_id: int) -> str:
    """Return how a member is shown."""
    return session.get_one(Member, member_id).name


def waiting_of(ctx: Context) -> list[Question]:
    """Return the actor's own questions that wait for the leader, the oldest first."""
    if ctx.actor.member_id is None:
        return []
    mine = pick(Question).where(col(Question.member_id) == ctx.actor.member_id, col(Question.state) == "open")
    return list(ctx.session.exec(mine.order_by(col(Question.id))))


def waits_already(waits: Sequence[Question], text: str) -> bool:
    """Say whether the same words are among them."""
    return one_line(text, QUESTION_MOST) in [one.text for one in waits]


def is_asker(ctx: Context, question_id: int) -> bool:
    """Say whether a question is the actor's own, so that his further words belong to it."""
    question = ctx.session.get(Question, question_id)
    if question is None or not question.text or ctx.group is None or ctx.actor.member_id is None:
        return False
    asker = (question.relay or {}).get("person")
    return asker == ctx.actor.person_id and not _leads(ctx.session, ctx.actor.person_id, question.group_id or 0)


def add(ctx: Context, question_id: int, words: str) -> Question | None:
    """Put further words of the asker to his question, which then waits (again); None when it is not his."""
    question = ctx.session.get(Question, question_id)
    if question is None or not question.text:
        return None
    asker = (question.relay or {}).get("person")
    if asker != ctx.actor.person_id or _leads(ctx.session, ctx.actor.person_id, question.group_id or 0):
        return None
    complained = rules.is_angry(question.text)
    question.text = one_line(f"{question.text} {words}", QUESTION_MOST)
    # What waits anew, or is a complaint only now, has its days from now on.
    if question.state != "open" or (rules.is_angry(question.text) and not complained):
        question.asked_at = ctx.now
    question.state = "open"
    ctx.session.add(question)
    return question


def is_night(ctx: Context) -> bool:
    """Say whether the leader is not to be disturbed now."""
    minute = calendar.local_minute(ctx.now, ctx.here.zone)
    return calendar.is_quiet(minute, ctx.here.quiet_from, ctx.here.quiet_to)


@dataclass(frozen=True, slots=True)
class Relayed:
    """A leader's answer on its way to the asker.

    Attributes:
        more: the same leader answered before and adds something.
        waited: seconds from question to answer.
        asked: the row that is answered.
    """

    person_id: int
    in_private: bool
    group_id: int
    question: str
    answer: str
    asked: Question
    more: bool = False
    waited: int = 0


def dismiss(ctx: Context, question_id: int) -> bool:
    """Lay a question aside that needs no answer; a later answer still reaches the asker. False if this is not that."""
    question = ctx.session.get(Question, question_id)
    if question is None or question.state != "open" or not rules.dismisses(ctx.incoming.text):
        return False
    if not _may_answer(ctx, question.group_id or 0):
        return False
    question.state = "expired"
    ctx.session.add(question)
    return True


def answer(ctx: Context, question_id: int, text: str) -> Relayed:
    """Take a leader's answer to a handed-over question; the first one counts, and whoever gave it may add to it.

    Raises:
        Refusal: not a leader of that group, no such question, or answered already by another leader.

    Source: F68.
    """
    question, group_id = to_answer(ctx, question_id)
    more = question.state == "answered"
    words = text.strip()[:ANSWER_MOST]
    if len(words) < 2:
        raise Refusal("faq.answer_too_short")
    question.state = "answered"
    question.answer = one_line(f"{question.answer} {words}", ANSWER_MOST) if more else words
    question.answered_at = ctx.now
    question.answered_by = ctx.actor.member_id
    ctx.session.add(question)
    relay = question.relay or {}
    person = relay.get("person")
    return Relayed(
        person if isinstance(person, int) else 0,
        relay.get("place") == "dm",
        group_id,
        one_line(question.text, SHORT),
        words,
        question,
        more,
        max(0, int((ctx.now - question.asked_at).total_seconds())),
    )


def to_answer(ctx: Context, question_id: int) -> tuple[Question, int]:
    """Return a handed-over question that the actor may answer, and its group's number.

    Raises:
        Refusal: as :func:`answer`.
    """
    question = ctx.session.get(Question, question_id)
    if question is None or question.group_id is None:
        raise Refusal("faq.gone")
    if not _may_answer(ctx, question.group_id):
        raise Refusal("guard.leader_only")
    if question.state == "answered" and not _is(ctx.session, question.answered_by, ctx.actor.person_id):
        raise Refusal("faq.answered_already")
    return question, question.group_id


def answer_button(question_id: int | None, name: str) -> Button:
    """Return what a leader presses to answer who asked: not every channel can quote."""
    return Button(f"answer:{question_id}", "faq.button_answer", {"name": name})


def day_there(ctx: Context, done: Relayed) -> date:
    """Return the local day of the group that a question came from."""
    return calendar.local_day(ctx.now, ctx.session.get_one(Group, done.group_id).zone)


def _is(session: Session, member_id: int | None, person_id: int) -> bool:
    member = session.get(Member, member_id) if member_id is not None else None
    return member is not None and member.person_id == person_id


def _may_answer(ctx: Context, group_id: int) -> bool:
    """Say whether the actor leads a group: by its rows, or as staff who act as its leader on its page."""
    here = ctx.group is not None and ctx.group.id == group_id
    return (here and ctx.actor.leader) or _leads(ctx.session, ctx.actor.person_id, group_id)


def _leads(session: Session, person_id: int, group_id: int) -> bool:
    return person_id in identities.leaders(session, group_id)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A question that nobody has answered yet, with who asked it where."""

    id: int
    group_id: int
    group: str
    zone: str
    name: str
    text: str
    asked_at: datetime

    def owed(self, now: datetime) -> Mapping[str, object]:
        """Return until when a complaint is to be answered; see :func:`complaints.owed`."""
        return complaints.owed(self.text, self.asked_at, self.zone, now)


def open_questions(session: Session, group_ids: Sequence[int]) -> list[Waiting]:
    """Return the open questions of groups, oldest first."""
    rows = session.exec(
        pick(Question, Group.name, Group.zone, Member.name)
        .join(Group, col(Group.id) == col(Question.group_id))
        .outerjoin(Member, col(Member.id) == col(Question.member_id))
        .where(col(Question.group_id).in_(group_ids), col(Question.state) == "open")
        .order_by(col(Question.id))
    )
    return [
        Waiting(q.id or 0, q.group_id or 0, group, zone, name or "", q.text, q.asked_at)
        for q, group, zone, name in rows
    ]


def led(ctx: Context) -> list[int]:
    """Return the groups that the actor leads: in a group that one, in private all of them."""
    if ctx.incoming.place is Place.GROUP:
        return [ctx.here.id]
    mine = identities.memberships(ctx.session, ctx.actor.person_id)
    return [member.group_id for member, _group in mine if member.role == "leader"]


def asked_by(session: Session, member_id: int, most: int) -> list[Question]:
    """Return a member's latest questions that went to the leader, newest first."""
    query = pick(Question).where(Question.member_id == member_id, Question.text != "")
    return list(session.exec(query.order_by(col(Question.id).desc()).limit(most)))


def export(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return a person's handed-over questions."""
    rows = session.exec(
        pick(Question, Group.name)
        .join(Member, col(Member.id) == col(Question.member_id))
        .outerjoin(Group, col(Group.id) == col(Question.group_id))
        .where(col(Member.person_id) == person_id)
        .order_by(col(Question.id))
    )
    return [
        {"group": name or "", "asked": q.asked_at.isoformat(), "question": q.text, "answer": q.answer}
        for q, name in rows
    ]


def erase(session: Session, person_id: int) -> None:
    """Empty the words of a person's questions and of the answers he gave; the counts stay."""
    members = list(session.exec(pick(Member.id).where(Member.person_id == person_id)))
    for question in session.exec(pick(Question).where(col(Question.member_id).in_(members))):
        question.text = ""
        question.answer = ""
        question.relay = None
        question.state = "expired" if question.state == "open" else question.state
        session.add(question)
    for question in session.exec(pick(Question).where(col(Question.answered_by).in_(members))):
        question.answer = ""
        question.answered_by = None
        session.add(question)


def row_of(waiting: Waiting, now: datetime) -> Mapping[str, object]:
    """Return a line of a leader's list of questions."""
    until = complaints.in_brief(waiting.text, waiting.asked_at, waiting.zone, now)
    return {"name": waiting.name, "question": one_line(waiting.text, SHORT), "until": until}
