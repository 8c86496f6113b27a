"""What the base remembers of who looks after it: acts of pseudonyms, exported and taken off on erasure.

Source: F116.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import update
from sqlmodel import col, or_
from sqlmodel import select as pick

from engagement.curation.access import hand_of
from storage.documents import Document, DocumentVersion, Finding
from storage.engine import Session


def export_versions(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return which versions a person brought or published."""
    rows = session.exec(
        pick(DocumentVersion, Document.title)
        .join(Document, col(Document.id) == col(DocumentVersion.document_id))
        .where(or_(DocumentVersion.created_by_id == person_id, DocumentVersion.published_by_id == person_id))
        .order_by(col(DocumentVersion.id))
    )
    return [
        {
            "document": title,
            "version": one.number,
            "brought": one.created_at.isoformat() if one.created_by_id == person_id else None,
            "published": one.published_at.isoformat()
            if one.published_at is not None and one.published_by_id == person_id
            else None,
        }
        for one, title in rows
    ]


def erase_versions(session: Session, person_id: int, _now: datetime) -> None:
    """Take a person off the versions; what they say stays, it belongs to the base."""
    hand, table = hand_of(person_id), DocumentVersion
    session.execute(
        update(table).where(col(table.created_by_id) == person_id).values(created_by="", created_by_id=None)
    )
    session.execute(
        update(table).where(col(table.published_by_id) == person_id).values(published_by="", published_by_id=None)
    )
    session.execute(update(Finding).where(col(Finding.accepted_by) == hand).values(accepted_by=""))
    session.execute(update(Document).where(col(Document.owner) == hand).values(owner=""))
