"""A leader's better words for an answer, by quoting it: 「不对，是下午三点」. They are offered to staff, and change nothing.

Source: F62, F64; FAULTS C15 (talk never writes the knowledge base).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlmodel import col
from sqlmodel import select as pick

from engagement.faq import rules, thumbs
from engagement.feature import Context
from engagement.kernel import Reply
from knowledge.proposals import offer_correction
from storage.documents import Question
from storage.engine import Session
from storage.groups import Member
from storage.learning import Proposal

_ANSWER = 1000


def meant(ctx: Context) -> bool:
    """Say whether a leader corrects an answer of ours that he quotes."""
    about = ctx.subject.startswith("faq:") and bool(thumbs.read(ctx.subject.removeprefix("faq:"))[0])
    return about and ctx.actor.leader and ctx.group is not None and bool(rules.corrected(ctx.incoming.text))


def take(ctx: Context) -> Sequence[Reply]:
    """Offer the words to staff, once a message."""
    document_id, entry = thumbs.read(ctx.subject.removeprefix("faq:"))
    question = thumbs.title(ctx.session, document_id, entry)
    if question is None:
        return [Reply("faq.correction_gone", {"group": None})]
    offered = offer_correction(
        ctx.session,
        entry,
        question,
        rules.corrected(ctx.incoming.text)[:_ANSWER],
        scope=f"group:{ctx.here.id}",
        person=ctx.actor.person_id,
        now=ctx.now,
    )
    if offered is None:
        return [Reply("faq.correction_short", {"group": None}, subject=ctx.subject)]
    values = {"group": None, "question": question, "answer": offered.answer.splitlines()}
    return [Reply("faq.correction_taken", values)]


def export(session: Session, person_id: int) -> Sequence[Mapping[str, object]]:
    """Return what a person offered to the knowledge base."""
    rows = session.exec(pick(Proposal).where(Proposal.made_by == person_id).order_by(col(Proposal.id)))
    return [
        {"made": row.made_at.isoformat(), "question": (row.phrasings or [""])[0], "answer": row.answer} for row in rows
    ]


def erase(session: Session, person_id: int) -> None:
    """Forget who offered or decided, and a person's words: questions that were answered, and what waits undecided."""
    members = list(session.exec(pick(Member.id).where(Member.person_id == person_id)))
    asked = session.exec(pick(Question.id).where(col(Question.member_id).in_(members)))
    keys = [f"question:{number}" for number in asked]
    mine = (col(Proposal.made_by) == person_id) | col(Proposal.key).in_(keys)
    for row in session.exec(pick(Proposal).where(mine)):
        row.made_by = None if row.made_by == person_id else row.made_by
        row.phrasings = []
        if row.state == "open":
            row.state, row.answer = "declined", ""
        session.add(row)
    for row in session.exec(pick(Proposal).where(Proposal.decided_by == person_id)):
        row.decided_by = None
        session.add(row)
