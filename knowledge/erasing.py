"""A document's words, gone for good: rows, findings, vectors. What stays is its number, and that somebody erased it.

Source: F69, F117, LAW (erasure).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import col, func, select, update

from knowledge import disputes, sweeping
from knowledge.errors import KnowledgeRefusal
from storage import audit
from storage.documents import Chunk, Document, DocumentVersion, raise_counter

if TYPE_CHECKING:
    from knowledge.lifecycle import Hand
    from storage.engine import Database, Session


@dataclass(frozen=True, slots=True)
class Erased:
    """What went."""

    document: int
    versions: int
    chunks: int


def erase(database: Database, identity: int, hand: Hand, now: datetime) -> Erased:
    """Takes every version of a document out for good; from the first transaction on nobody is answered from it.

    Cut off in the middle, it is done when it is called again or by the next ``sweep`` of a start; the index lets go of the
    vectors with its next ``fill``.

    Args:
        database: Several short transactions.
        identity: The document, removed or not.
        hand: Who does it; who calls has asked for a confirmation.
        now: Aware instant.

    Raises:
        KnowledgeRefusal: no such document, or nothing of it is left.
    """
    with sweeping.wiped(database):
        versions, chunks = database.write_now(lambda session: _hide(session, identity, hand, now))
        sweeping.sweep(database, document=identity)
    return Erased(identity, versions, chunks)


def _hide(session: Session, identity: int, hand: Hand, now: datetime) -> tuple[int, int]:
    found = session.get(Document, identity)
    own = col(DocumentVersion.document_id) == identity
    versions = session.exec(select(func.count()).select_from(DocumentVersion).where(own)).one()
    if found is None or not versions:
        raise KnowledgeRefusal("kb.document_unknown", id=identity)
    chunks = session.exec(
        select(func.count())
        .select_from(Chunk)
        .join(DocumentVersion, col(DocumentVersion.id) == Chunk.version_id)
        .where(own)
    ).one()
    found.name, found.title, found.owner = f"#{identity}", "", ""
    found.review_at, found.removed_at = None, found.removed_at or now
    session.add(found)
    session.execute(
        update(DocumentVersion).where(own).values(state="retired", digest="", created_by="", published_by="")
    )
    session.flush()
    disputes.lose(session, identity)
    raise_counter(session)
    audit.record(
        session,
        at=now,
        actor_id=hand.person_id,
        group_id=None,
        action="knowledge.erased",
        document=identity,
        versions=versions,
        chunks=chunks,
    )
    return versions, chunks
