"""Rows that belong to nobody any more: a version whose adding was cut off, and the words of an erased document.

A version without a digest is not whole; nobody can have been answered from it, and everything of it may go.

Source: DESIGN 4 (no function holds the writer above 50 ms), FAULTS C11.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement
from sqlmodel import col, delete, or_, select

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
    """Takes out what is not whole, and writes over it; returns how many versions went.

    Args:
        database: Several short transactions; cut off between them, the next call goes on.
        name: Only those of this document, in ``scope``; empty = of every document.
        scope: See ``name``.
        document: Only those of this document.
        before: Only those begun before this instant, another one may be under way; and erased ones.
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
        # An erased document's is nobody's to finish, however young.
        chosen = chosen.where(or_(col(DocumentVersion.created_at) < before, col(DocumentVersion.state) == "retired"))
    versions = database.read_now(lambda session: [one for one in session.exec(chosen) if one is not None])
    if not versions:
        return 0
    with wiped(database):
        for version in versions:
            while not database.write_now(lambda session, version=version: _some(session, version)):  # type: ignore[misc]
                pass
    # Only now that no byte of them is left: a kill before this has the next call look through the log again.
    database.write_now(lambda session: session.execute(delete(DocumentVersion).where(*_cut_off(versions))))
    return len(versions)


def _cut_off(versions: Sequence[int]) -> tuple[ColumnElement[bool], ...]:
    """Those of some versions that are not whole at this moment."""
    return col(DocumentVersion.id).in_(versions), col(DocumentVersion.digest) == ""


def _some(session: Session, version: int) -> bool:
    """Takes out some chunks of a version, and at last its own findings; whether no word of it is left."""
    if not session.exec(select(DocumentVersion.id).where(*_cut_off([version]))).first():
        return True  # whole by now, or gone
    chunks = session.exec(
        select(Chunk.id).where(Chunk.version_id == version).order_by(col(Chunk.id)).limit(_AT_ONCE)
    ).all()
    if chunks:
        session.execute(delete(Phrasing).where(col(Phrasing.chunk_id).in_(chunks)))
        session.execute(delete(Finding).where(col(Finding.chunk_id).in_(chunks)))
        session.execute(delete(Chunk).where(col(Chunk.id).in_(chunks)))
        return False
    session.execute(delete(Finding).where(col(Finding.version_id) == version))
    return True


@contextmanager
def wiped(database: Database) -> Iterator[None]:
    """Within it SQLite writes over what it deletes; at the end its log, which still has the words, is emptied."""
    if database.dialect != "sqlite":
        yield
        return
    database.write_now(lambda session: session.connection().exec_driver_sql("PRAGMA secure_delete=ON").close())
    try:
        yield
    finally:
        database.write_now(lambda session: session.connection().exec_driver_sql("PRAGMA secure_delete=OFF").close())
        _empty_log(str(database.write_engine.url.database))


def _empty_log(path: str) -> None:
    """Moves the log into the database as far as readers let it; what they hold goes with the next checkpoint."""
    connection = sqlite3.connect(path, timeout=5)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.OperationalError:
        pass
    finally:
        connection.close()
