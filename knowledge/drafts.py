"""Copy-on-write: the version that a hand's edits of a document gather in, made of the rows that stand.

A small document is copied within the edit itself; a large one beforehand, in short transactions (``prepare``), so that no
function holds the writer above 50 ms (DESIGN 4). A text keeps its vector: those are keyed by text.

Source: F69.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy.orm import aliased
from sqlmodel import col, delete, func, insert, select

from knowledge import lifecycle
from knowledge.errors import KnowledgeRefusal
from storage.documents import Chunk, Document, DocumentVersion, Finding, Phrasing

if TYPE_CHECKING:
    from knowledge.lifecycle import Hand
    from storage.engine import Database, Session

MOST_ROWS = 4000
"""Rows that one transaction copies: about 25 ms."""
_KEPT = ("id", "version_id")
_COLUMNS = [column for column in Chunk.__table__.columns if column.name not in _KEPT]  # type: ignore[attr-defined]


def basis(session: Session, document: int) -> DocumentVersion | None:
    """The version that an edit starts from: the newest draft, else the published one, else the newest; None = none."""
    known = lifecycle.versions(session, document)
    if not known or known[-1].state == "draft":
        return known[-1] if known else None
    return next((one for one in known if one.state == "published"), known[-1])


def is_own(version: DocumentVersion, hand: Hand) -> bool:
    """Whether a version is a draft that this hand's further edits gather in."""
    return (
        version.state == "draft"
        and version.created_by_id == hand.person_id
        and (hand.person_id is not None or version.created_by == hand.name[:80])
    )


def open_draft(session: Session, document: int, hand: Hand, now: datetime) -> DocumentVersion:
    """The hand's own draft of a document; made of what stands if there is none.

    Raises:
        KnowledgeRefusal: no such document, it is still being looked through, or it is too large to be copied at once
            (``kb_entries.large``: ``prepare`` first).
    """
    lifecycle.document(session, document)
    old = basis(session, document)
    if old is not None and is_own(old, hand):
        return old
    parts = _parts(session, old) if old is not None else []
    if len(parts) > 1:
        raise KnowledgeRefusal("kb_entries.large", id=document)
    version = _begin(session, document, old, hand, now)
    if old is not None:
        for first, end in parts:
            _copy(session, old.id or 0, version.id or 0, first, end)
    _close(session, version, old)
    return version


def prepare(
    database: Database,
    document: int,
    hand: Hand,
    now: datetime,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """The same in short transactions, for a document of any size; returns the draft's version id.

    Args:
        database: Where the rows go. What a crash leaves of a copy is seen by nobody and goes with the next one.
        document: Its id.
        hand: Whose draft.
        now: Aware instant.
        progress: Called with (parts copied, parts in all).

    Raises:
        KnowledgeRefusal: no such document, or somebody else changed it meanwhile (``kb_entries.meanwhile``).
    """

    def stand(session: Session) -> tuple[DocumentVersion | None, list[tuple[int, int]]]:
        lifecycle.document(session, document)
        old = basis(session, document)
        return old, _parts(session, old) if old is not None and not is_own(old, hand) else []

    old, parts = database.read_now(stand)
    if old is not None and is_own(old, hand):
        return old.id or 0
    source = old.id if old is not None else None

    def begin(session: Session) -> int:
        return _begin(session, document, _same(session, document, source), hand, now).id or 0

    version = database.write_now(begin)
    for at, (first, end) in enumerate(parts, start=1):

        def copy(session: Session, first: int = first, end: int = end) -> None:
            if session.get(DocumentVersion, version) is None:
                raise KnowledgeRefusal("kb_entries.meanwhile", id=document)
            _copy(session, source or 0, version, first, end)

        database.write_now(copy)
        if progress is not None:
            progress(at, len(parts))

    def close(session: Session) -> None:
        made = session.get(DocumentVersion, version)
        if made is None:
            raise KnowledgeRefusal("kb_entries.meanwhile", id=document)
        _close(session, made, _same(session, document, source))

    database.write_now(close)
    return version


def touch(session: Session, version: DocumentVersion, now: datetime) -> None:
    """Marks that a draft's content is no longer what its digest says."""
    version.digest = hashlib.sha256(f"{version.digest}:{version.id}:{now.isoformat()}".encode()).hexdigest()
    session.add(version)
    session.flush()


def _same(session: Session, document: int, source: int | None) -> DocumentVersion | None:
    old = basis(session, document)
    if (old.id if old is not None else None) != source:
        raise KnowledgeRefusal("kb_entries.meanwhile", id=document)
    return old


def _parts(session: Session, old: DocumentVersion) -> list[tuple[int, int]]:
    """Half-open ranges of ordinals, each of at most about ``MOST_ROWS`` rows."""
    rows = session.execute(
        sqlalchemy.select(col(Chunk.ordinal), func.count(col(Phrasing.id)))
        .outerjoin(Phrasing, col(Phrasing.chunk_id) == col(Chunk.id))
        .where(col(Chunk.version_id) == old.id)
        .group_by(col(Chunk.id), col(Chunk.ordinal))
        .order_by(col(Chunk.ordinal))
    ).all()
    parts: list[tuple[int, int]] = []
    start, size, last = None, 0, -1
    for ordinal, phrasings in rows:
        if start is not None and ordinal != last and size + phrasings >= MOST_ROWS:
            parts.append((start, ordinal))
            start, size = None, 0
        start = ordinal if start is None else start
        size, last = size + phrasings + 1, ordinal
    if start is not None:
        parts.append((start, last + 1))
    return parts


def _begin(session: Session, document: int, old: DocumentVersion | None, hand: Hand, now: datetime) -> DocumentVersion:
    if old is not None and old.state == "draft" and old.scanned_at is None:
        raise KnowledgeRefusal("kb.not_scanned", id=document)
    known = session.exec(select(DocumentVersion).where(DocumentVersion.document_id == document)).all()
    for unfinished in [one for one in known if not one.digest]:
        forget(session, unfinished)
    version = DocumentVersion(
        document_id=document,
        number=max((one.number for one in known if one.digest), default=0) + 1,
        digest="",
        created_at=now,
        created_by=hand.name[:80],
        created_by_id=hand.person_id,
        scanned_at=now,
        valid_from=old.valid_from if old is not None else None,
        valid_until=old.valid_until if old is not None else None,
    )
    session.add(version)
    session.flush()
    return version


def forget(session: Session, version: DocumentVersion) -> None:
    """Takes out a version that was never whole."""
    chunks = select(Chunk.id).where(Chunk.version_id == version.id)
    session.exec(delete(Finding).where(col(Finding.version_id) == version.id))
    session.exec(delete(Phrasing).where(col(Phrasing.chunk_id).in_(chunks)))
    session.exec(delete(Chunk).where(col(Chunk.version_id) == version.id))
    session.delete(version)
    session.flush()


def _close(session: Session, version: DocumentVersion, old: DocumentVersion | None) -> None:
    if old is not None:
        rows = session.exec(
            select(Finding)
            .where(Finding.version_id == old.id, col(Finding.chunk_id).is_(None))
            .order_by(col(Finding.id))
        ).all()
        for row in rows:
            session.add(Finding(version_id=version.id or 0, **row.model_dump(exclude={"id", "version_id"})))
    version.digest = hashlib.sha256(f"{old.digest if old else ''}:{version.id}".encode()).hexdigest()
    session.add(version)
    session.flush()


def _copy(session: Session, source: int, target: int, first: int, end: int) -> None:
    """Copies the chunks of a range with their phrasings and findings; three statements, whatever their number."""
    old, new = aliased(Chunk), aliased(Chunk)
    within = (col(old.version_id) == source, col(old.ordinal) >= first, col(old.ordinal) < end)

    def put(table: Any, names: Sequence[str], rows: Any) -> None:
        session.execute(insert(table).from_select(names, rows, include_defaults=False))

    put(
        Chunk,
        ["version_id", *(column.name for column in _COLUMNS)],
        sqlalchemy.select(sqlalchemy.literal(target), *_COLUMNS)
        .where(col(Chunk.version_id) == source, col(Chunk.ordinal) >= first, col(Chunk.ordinal) < end)
        .order_by(col(Chunk.ordinal)),
    )
    twins = sqlalchemy.and_(col(new.version_id) == target, col(new.entry) == col(old.entry))
    put(
        Phrasing,
        ["chunk_id", "kind", "text"],
        sqlalchemy.select(col(new.id), col(Phrasing.kind), col(Phrasing.text))
        .select_from(old)
        .join(Phrasing, col(Phrasing.chunk_id) == col(old.id))
        .join(new, twins)
        .where(*within)
        .order_by(col(old.ordinal), col(Phrasing.id)),
    )
    kept = ("kind", "severity", "locator", "excerpt", "rewrote", "accepted_at", "accepted_by")
    told = [getattr(Finding, name) for name in kept]
    put(
        Finding,
        ["version_id", "chunk_id", *(column.key for column in told)],
        sqlalchemy.select(sqlalchemy.literal(target), col(new.id), *told)
        .select_from(old)
        .join(Finding, col(Finding.chunk_id) == col(old.id))
        .join(new, twins)
        .where(*within)
        .order_by(col(Finding.id)),
    )


def new_document(session: Session, name: str, title: str, scope: str, hand: Hand, now: datetime) -> int:
    """The document of a name and scope; made empty, without a version, if there is none."""
    found = session.exec(select(Document).where(Document.name == name, Document.scope == scope)).first()
    if found is not None and found.removed_at is not None:
        raise KnowledgeRefusal("kb_entries.document_removed", id=found.id or 0)
    if found is None:
        found = Document(name=name, title=title, scope=scope, owner=hand.name[:80], created_at=now)
        session.add(found)
        session.flush()
    return found.id or 0
