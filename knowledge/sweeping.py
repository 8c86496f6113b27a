"""Rows that belong to nobody any more: a version whose adding was cut off, and the words of an erased document.

A version without a digest is not whole; nobody can have been answered from it, and everything of it may go.

Source: DESIGN 4 (no function holds the writer above 50 ms), FAULTS C11.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import col, delete, select

from storage.documents import Chunk, Document, DocumentVersion, Finding, Phrasing

if TYPE_CHECKING:
    from storage.engine import Database, Session

_AT_ONCE = 40
"""Chunks of one transaction, with their phrasings and findings."""


def sweep(
    database: Database,
    *,
    name: str = "",
    scope: str = "",
    document: int | None = None,
    before: datetime | None = None,
) -> int:
    """Takes out what is not whole; returns how many versions went.

    Args:
        database: Several short transactions; cut off between them, the next call goes on.
        name: Only those of this document, in ``scope``; empty = of every document.
        scope: See ``name``.
        document: Only those of this document.
        before: Only those begun before this instant; another one may be under way.
    """
    chosen = select(DocumentVersion.id).where(DocumentVersion.digest == "")
    if name:
        chosen = chosen.where(
            col(DocumentVersion.document_id).in_(
                select(Document.id).where(Document.name == name, Document.scope == scope)
            )
        )
    if document is not None:
        chosen = chosen.where(DocumentVersion.document_id == document)
    if before is not None:
        chosen = chosen.where(DocumentVersion.created_at < before)
    versions = database.read_now(lambda session: [one for one in session.exec(chosen) if one is not None])
    for version in versions:
        while not database.write_now(lambda session, version=version: _some(session, version)):  # type: ignore[misc]
            pass
    return len(versions)


def _some(session: Session, version: int) -> bool:
    """Takes out some chunks of a version, and at last itself; whether it is gone."""
    chunks = session.exec(
        select(Chunk.id).where(Chunk.version_id == version).order_by(col(Chunk.id)).limit(_AT_ONCE)
    ).all()
    if chunks:
        session.execute(delete(Phrasing).where(col(Phrasing.chunk_id).in_(chunks)))
        session.execute(delete(Finding).where(col(Finding.chunk_id).in_(chunks)))
        session.execute(delete(Chunk).where(col(Chunk.id).in_(chunks)))
        return False
    session.execute(delete(Finding).where(col(Finding.version_id) == version))
    session.execute(delete(DocumentVersion).where(col(DocumentVersion.id) == version))
    return True
