"""What a scan found and somebody has looked at: let pass, it holds nothing back any more.

Source: F69, F74, FAULTS C2.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import col, select, update

from knowledge import lifecycle
from knowledge.errors import KnowledgeRefusal
from storage import audit
from storage.documents import Chunk, Finding, raise_counter

if TYPE_CHECKING:
    from knowledge.lifecycle import Hand
    from storage.engine import Session


@dataclass(frozen=True, slots=True)
class LetPass:
    """What became of findings that somebody has looked at.

    Attributes:
        passed: of those that held something back; ``seen``: the others. What was looked at before counts in neither.
        freed: entries and passages that nothing holds back any more.
        held: whether some of their entries or passages are held back by another finding.
        live: whether what was freed is published, so that it answers at once.
    """

    passed: int
    seen: int
    freed: int
    held: bool
    live: bool


def accept(session: Session, identity: int, chosen: list[int], hand: Hand, now: datetime) -> LetPass:
    """Lets findings pass that somebody has looked at.

    Args:
        session: Written to.
        identity: The document they belong to.
        chosen: Ids of findings; those that were accepted before stay so.
        hand: Who looked.
        now: Aware instant.

    Raises:
        KnowledgeRefusal: a finding is not of this document, or it takes a second person.
    """
    lifecycle.document(session, identity)
    own = {one.id: one for one in lifecycle.versions(session, identity)}
    rows = session.exec(select(Finding).where(col(Finding.id).in_(chosen))).all()
    if len(rows) != len(set(chosen)) or any(row.version_id not in own for row in rows):
        raise KnowledgeRefusal("kb.finding_unknown", id=identity)
    if any(lifecycle.needs_second(session, own[row.version_id], hand) for row in rows):
        raise KnowledgeRefusal("kb.second_person", id=identity)
    new = [row for row in rows if row.accepted_at is None]
    for row in new:
        row.accepted_at, row.accepted_by = now, hand.name[:80]
        session.add(row)
    session.flush()
    concerned = {row.chunk_id for row in rows if row.chunk_id is not None}
    held = set(
        session.exec(
            select(Finding.chunk_id).where(
                col(Finding.chunk_id).in_(concerned), Finding.severity == "block", col(Finding.accepted_at).is_(None)
            )
        )
    )
    freed = sorted(concerned - held)
    done = session.execute(
        update(Chunk).where(col(Chunk.id).in_(freed), col(Chunk.withheld).is_(True)).values(withheld=False)
    )
    if freed:
        raise_counter(session)
    passed = sum(row.severity == "block" for row in new)
    action = "knowledge.accepted" if passed else "knowledge.seen"
    audit.record(
        session, at=now, actor_id=hand.person_id, group_id=None, action=action, document=identity, findings=len(rows)
    )
    live = any(own[row.version_id].state == "published" for row in rows)
    return LetPass(passed, len(new) - passed, int(done.rowcount), bool(held), live)  # type: ignore[attr-defined]
