"""What must hold of the knowledge base's rows whatever happened, and how far the vector index is behind them.

Source: F69, FAULTS C11 and the common oracle.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlmodel import and_, col, func, or_, select

from knowledge.index import digest
from storage.documents import Chunk, Document, DocumentVersion, Finding, Phrasing

if TYPE_CHECKING:
    from storage.engine import Session


@dataclass(frozen=True, slots=True)
class Counted:
    """How many there are, and how many of them are wrong."""

    figure: int
    wrong: int


def versions(session: Session) -> Counted:
    """Published versions; wrong: documents with more than one."""
    published = DocumentVersion.state == "published"
    figure = session.exec(select(func.count()).select_from(DocumentVersion).where(published)).one()
    twice = select(DocumentVersion.document_id).where(published).group_by(col(DocumentVersion.document_id))
    return Counted(figure, len(session.exec(twice.having(func.count() > 1)).all()))


def unfinished(session: Session) -> Counted:
    """Chunks of versions that are not whole, left by something that was cut off; wrong: versions of them that answer."""
    cut = col(DocumentVersion.digest) == ""
    state = col(DocumentVersion.state)
    left = select(func.count()).select_from(Chunk).join(DocumentVersion, col(DocumentVersion.id) == Chunk.version_id)
    visible = select(func.count()).select_from(DocumentVersion)
    answering = or_(
        and_(cut, state == "published"),
        and_(state == "published", col(DocumentVersion.scanned_at).is_(None)),
    )
    return Counted(session.exec(left.where(cut)).one(), session.exec(visible.where(answering)).one())


def held_back(session: Session) -> Counted:
    """Entries and passages that wait for staff; wrong: those with a grave finding that nobody accepted, and not held."""
    waiting = session.exec(select(func.count()).select_from(Chunk).where(col(Chunk.withheld).is_(True))).one()
    grave = (
        select(func.count(func.distinct(Chunk.id)))
        .select_from(Chunk)
        .join(Finding, col(Finding.chunk_id) == Chunk.id)
        .where(Finding.severity == "block", col(Finding.accepted_at).is_(None), col(Chunk.withheld).is_(False))
    )
    return Counted(waiting, session.exec(grave).one())


def vectors(session: Session, directory: Path) -> tuple[int, int]:
    """Vectors that stand for a text that answers, and how many are missing or left over until the index is filled next.

    Args:
        session: Read from.
        directory: The data directory; its ``chroma`` is only read, beside whoever owns it. Without it: (0, 0).
    """
    held = _held(directory / "chroma" / "chroma.sqlite3")
    if held is None:
        return 0, 0
    texts = session.exec(
        select(Phrasing.text)
        .join(Chunk, col(Chunk.id) == Phrasing.chunk_id)
        .join(DocumentVersion, col(DocumentVersion.id) == Chunk.version_id)
        .join(Document, col(Document.id) == DocumentVersion.document_id)
        .where(DocumentVersion.state == "published", col(Document.removed_at).is_(None), col(Chunk.withheld).is_(False))
    )
    wanted = {digest(text) for text in texts}
    return len(wanted & held), len(wanted ^ held)


def _held(file: Path) -> set[str] | None:
    """Ids of all vectors; None when there is no index that can be read."""
    if not file.is_file():
        return None
    try:
        connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=5)
        try:
            return {str(one) for (one,) in connection.execute("SELECT embedding_id FROM embeddings")}
        finally:
            connection.close()
    except sqlite3.Error:
        return None
