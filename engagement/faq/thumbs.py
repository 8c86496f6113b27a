"""👍 and 👎 under an answer: one a member, entry and day; the second press changes it. 👎 offers what else helps.

Pressing is silent but for the asker's own 👎; a bystander's is counted and no more. Nobody who does not want to be recorded
leaves a row.

Source: F62, F64.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete
from sqlmodel import col
from sqlmodel import select as pick

from engagement.errors import Refusal
from engagement.faq import asking, tallies, turns
from engagement.feature import Context
from engagement.kernel import Button, Reply, one_line, row_id
from knowledge.masking import mask
from storage import bonds
from storage.documents import Chunk, Document, DocumentVersion
from storage.engine import Session
from storage.groups import Member
from storage.learning import Feedback

if TYPE_CHECKING:
    from datetime import datetime

    from knowledge.answer import Candidate
    from knowledge.answering import Answering

_KEY_MOST = 64
_SUBJECT_MOST = 80
_OFFERED = 2
_REASON_MOST = 200


def subject_of(document_id: int, entry: str) -> str:
    """What a quote of an answer is about."""
    subject = f"faq:{document_id}:{entry}"
    return subject if document_id and len(subject) <= _SUBJECT_MOST else "faq:answer"


def read(reference: str) -> tuple[int, str]:
    """Take ``document:entry`` apart; 0 and an empty text when it is something else."""
    document, _, entry = reference.partition(":")
    number = row_id(document)
    return (number, entry) if number and entry else (0, "")


def buttons(document_id: int, entry: str) -> tuple[Button, ...]:
    """The two thumbs of an answer; none when its name is too long for a button."""
    if not document_id or len(f"down:{document_id}:{entry}".encode()) > _KEY_MOST:
        return ()
    return tuple(Button(f"{way}:{document_id}:{entry}", f"faq.thumb_{way}", optional=True) for way in ("up", "down"))


def title(session: Session, document_id: int, entry: str) -> str | None:
    """Return the main question of a published entry, or the headings of a passage; None when it is there no more."""
    return session.exec(
        pick(Chunk.title)
        .join(DocumentVersion, col(DocumentVersion.id) == col(Chunk.version_id))
        .join(Document, col(Document.id) == col(DocumentVersion.document_id))
        .where(
            Chunk.entry == entry,
            DocumentVersion.document_id == document_id,
            DocumentVersion.state == "published",
            col(Document.removed_at).is_(None),
        )
        .limit(1)
    ).first()


def up(ctx: Context) -> Sequence[Reply]:
    """It helped."""
    _press(ctx, 1)
    return []


def _reason(ctx: Context) -> str:
    """Return what was said with the thumb, where the platform asks why."""
    return one_line(mask(ctx.incoming.text), _REASON_MOST)


def _press(ctx: Context, verdict: int) -> int:
    """Note a thumb; returns what it was before, 0 for none."""
    document_id, entry = read(ctx.text)
    if not document_id or title(ctx.session, document_id, entry) is None:
        raise Refusal("guard.old_button")
    if ctx.group is None or ctx.actor.member_id is None or not ctx.actor.consented:
        return 0
    # A person has one thumb, with whichever of his accounts he pressed first.
    mine = bonds.with_resting(ctx.session, [ctx.actor.member_id])
    row = ctx.session.exec(
        pick(Feedback)
        .where(
            col(Feedback.member_id).in_(mine),
            Feedback.document_id == document_id,
            Feedback.entry == entry,
            Feedback.local_date == ctx.today,
        )
        .order_by(col(Feedback.id))
    ).first()
    before = row.verdict if row is not None else 0
    if row is None:
        row = Feedback(
            member_id=ctx.actor.member_id,
            group_id=ctx.group.id,
            document_id=document_id,
            entry=entry,
            verdict=verdict,
            local_date=ctx.today,
            at=ctx.now,
        )
    row.verdict, row.at = verdict, ctx.now
    row.reason = (_reason(ctx) or row.reason) if verdict < 0 else ""
    ctx.session.add(row)
    helped = int(verdict > 0) - int(before > 0)
    missed = int(verdict < 0) - int(before < 0)
    tallies.count(ctx.session, ctx.group.id, ctx.today, helped=helped, missed=missed)
    return before


@dataclass(frozen=True, slots=True)
class Missed:
    """An answer that did not help, and what was asked."""

    answering: Answering | None
    question: str
    entry: str
    group_id: int | None
    leader: bool
    now: datetime


def prepare_down(ctx: Context) -> Missed:
    """Find the question: the presser's own of some minutes ago, or else the one that the entry stands for."""
    document_id, entry = read(ctx.text)
    last = turns.last(ctx)
    mine = last is not None and last.entry == entry
    question = last.question if last is not None and mine else title(ctx.session, document_id, entry) or ""
    if turns.asked_by_another(ctx, entry):
        question = ""
    group_id = ctx.group.id if ctx.group is not None else None
    return Missed(ctx.answering, question, entry, group_id, asking.reads_manual(ctx), ctx.now)


async def work_down(missed: Missed) -> Sequence[Candidate]:
    """Look up what else may be meant."""
    if missed.answering is None or not missed.question:
        return ()
    found = await missed.answering.look(missed.question, now=missed.now, group_id=missed.group_id, leader=missed.leader)
    return tuple(one for one in found.candidates if one.id != missed.entry)[:_OFFERED]


def down(ctx: Context, others: Sequence[Candidate]) -> Sequence[Reply]:
    """It did not help: the leader is one tap away, and so are the next best entries, for who asked.

    Why it did not may come after the thumb; then that was said already.
    """
    again = _press(ctx, -1) < 0 and bool(_reason(ctx))
    return [] if again or turns.asked_by_another(ctx, read(ctx.text)[1]) else [not_it(ctx.text, others)]


def not_it(reference: str, others: Sequence[Candidate]) -> Reply:
    """Offer what else helps."""
    offered = [
        Button(f"ask:{one.id}", "faq.button_candidate", {"question": one.question})
        for one in others
        if len(f"ask:{one.id}".encode()) <= _KEY_MOST
    ]
    leader = Button(f"tell:{reference}", "faq.button_tell")
    return Reply("faq.missed", {"group": None}, buttons=[*offered, leader], subject="again:")


def question_of(ctx: Context) -> str:
    """Return the question that the button 「问团长」 stands for: only the presser's own, while it is known."""
    last = turns.last(ctx)
    return last.question if last is not None and last.entry == read(ctx.text)[1] else ""


def export(session: Session, person_id: int) -> Sequence[Mapping[str, object]]:
    """Return a person's thumbs."""
    rows = session.exec(
        pick(Feedback)
        .join(Member, col(Member.id) == col(Feedback.member_id))
        .where(Member.person_id == person_id)
        .order_by(col(Feedback.id))
    )
    return [
        {"entry": row.entry, "day": row.local_date.isoformat(), "verdict": row.verdict, "reason": row.reason}
        for row in rows
    ]


def erase(session: Session, person_id: int) -> None:
    """Delete a person's thumbs; the day's figures stay."""
    members = list(session.exec(pick(Member.id).where(Member.person_id == person_id)))
    session.execute(delete(Feedback).where(col(Feedback.member_id).in_(members)))
