"""What may be quoted at this moment: the rows of found chunks, whatever the indexes still hold (DESIGN 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy

from knowledge.answer import Passage, Sight
from storage.documents import Chunk, Document, DocumentVersion

if TYPE_CHECKING:
    from storage.engine import Session

_C, _V, _D = (table.__table__.c for table in (Chunk, DocumentVersion, Document))  # type: ignore[union-attr]
_NOW = sqlalchemy.bindparam("now", type_=sqlalchemy.BigInteger)
_PASSAGES = (
    sqlalchemy.select(
        _C.id,
        _C.entry,
        _C.kind,
        _C.title,
        _C.body,
        _C.plain,
        _C.facts,
        _C.source,
        _C.locator,
        _D.title.label("document"),
        _D.name,
        _V.document_id,
    )
    .where(
        _C.id.in_(sqlalchemy.bindparam("chunks", expanding=True)),
        _V.id == _C.version_id,
        _D.id == _V.document_id,
        _V.state == "published",
        _D.removed_at.is_(None),
        _C.withheld.is_(False),
        _D.scope.in_(sqlalchemy.bindparam("scopes", expanding=True)),
        _D.audience.in_(sqlalchemy.bindparam("audiences", expanding=True)),
        sqlalchemy.func.coalesce(_C.valid_from, _V.valid_from, _NOW) <= _NOW,
        sqlalchemy.func.coalesce(_C.valid_until, _V.valid_until, _NOW + 1) > _NOW,
    )
    .order_by(_C.id)
)
"""Made once: building the statement for every question cost more than running it."""


def quotable(session: Session, chunks: list[int], sight: Sight) -> dict[int, Passage]:
    """The chunks that are published and in sight at this moment, whatever the indexes still hold."""
    if not chunks:
        return {}
    known = {"scopes": sorted(sight.scopes), "audiences": sight.audiences, "now": sight.at}
    rows = session.execute(_PASSAGES, {"chunks": chunks, **known})
    found: dict[int, Passage] = {}
    for row in rows:
        source = row.source or " ".join(part for part in (f"《{row.document or row.name}》", row.locator) if part)
        found[row.id] = Passage(
            row.id,
            row.entry,
            row.kind,
            row.title,
            row.body,
            row.plain,
            tuple(row.facts or ()),
            source,
            row.document_id,
        )
    return found
