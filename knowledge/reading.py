"""Reads what is published from the rows into memory: only versions whose rows look different, only words that are new.

Words that were counted before are known by their digest, whether they stood in another version a moment ago or in the
file of an earlier start (``kept``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy

from knowledge.alignment import WordTable
from knowledge.catalogue import Catalogue
from knowledge.lexical import Lexicon
from knowledge.shelf import ALWAYS, Places, Shelf, Walls
from knowledge.tally import Heap, Tally, mark_of
from storage.columns import micros
from storage.documents import Chunk, Document, DocumentVersion, Phrasing, counter

if TYPE_CHECKING:
    from storage.engine import Session

_C, _V, _D, _P = (table.__table__.c for table in (Chunk, DocumentVersion, Document, Phrasing))  # type: ignore[union-attr]
KINDS = ("entry", "passage")
_ROWS = 4_000
"""Rows that are read at a time."""
_COUNT = 4
"""Where a version's look says how many rows it has (``_looks``)."""


class Reader:
    """Makes catalogues, each from the one before.

    Args:
        lexicon: With which everything is counted.
        tallies: What was counted with it at an earlier time, of entries and of passages.
    """

    def __init__(self, lexicon: Lexicon, tallies: tuple[Tally, Tally]) -> None:
        self._lexicon = lexicon
        walls, table = Walls(), WordTable(self._lexicon.words)
        walls.number("all", "everybody")
        self._shelves = tuple(
            Shelf(kind, tally, Places.unknown(len(tally)), walls, table)
            for kind, tally in zip(KINDS, tallies, strict=True)
        )
        self._looks: Mapping[int, tuple[object, ...]] = {}

    def read(self, session: Session, instead: Mapping[int, int | None] | None = None) -> Catalogue:
        """All published chunks as they stand in the session's snapshot.

        Args:
            session: Read from.
            instead: Document id → version id that counts as its published one, None = none: a publish that is being
                thought of.
        """
        looks = _looks(session, instead or {})
        known = [version for version, look in looks.items() if self._looks.get(version) == look]
        missing = {version: look for version, look in looks.items() if self._looks.get(version) != look}
        edits = [_Edit(shelf, known, self._lexicon) for shelf in self._shelves]
        for versions in _groups(missing):
            asked: dict[int, list[str]] = defaultdict(list)
            for chunk, text in session.execute(_ASKED, {"versions": versions}):
                asked[chunk].append(text)
            for version, *row in session.execute(_CHUNKS, {"versions": versions}):
                edit = edits[KINDS.index(row[2])]
                edit.take(version, missing[version][:2], row, asked.get(row[0], ()))
        entries, passages = (edit.done() for edit in edits)
        if not instead:
            self._shelves, self._looks = (entries, passages), looks
        return Catalogue(counter(session), entries, passages, looks)


class _Edit:
    """From one shelf to the next: rows of versions that stay, rows whose words are known, new rows."""

    def __init__(self, shelf: Shelf, known: Sequence[int], lexicon: Lexicon) -> None:
        self._shelf = shelf
        self._keep = np.isin(shelf.places.versions, np.array(known, dtype=np.int64))
        self._free: dict[bytes, list[int]] = defaultdict(list)
        for at in np.flatnonzero(~self._keep).tolist():
            self._free[shelf.tally.marks[at].tobytes()].append(at)
        self._heap = Heap(lexicon)
        self._taken: list[tuple[int, int, int, str, int, tuple[int, int]]] = []

    def take(self, version: int, wall: Sequence[object], row: Sequence[Any], said: Sequence[str]) -> None:
        """A row that is to be there."""
        chunk, entry, kind, title, body, *windows = row
        mark = mark_of(kind, title, body, said)
        free = self._free.get(mark)
        if free:
            at = free.pop()
            self._keep[at] = True
        else:
            at = len(self._shelf) + len(self._heap)
            self._heap.add(mark, kind, title, body, said)
        number = self._shelf.walls.number(*map(str, wall))
        self._taken.append((at, version, chunk, entry, number, _valid(windows)))

    def done(self) -> Shelf:
        """The next shelf; the same one when nothing is different."""
        shelf, keep = self._shelf, self._keep
        if keep.all() and not self._taken:
            return shelf
        tally = shelf.tally.changed(keep, self._heap)
        places = shelf.places.changed(keep, len(self._heap))
        if self._taken:
            now = np.concatenate([np.cumsum(keep) - 1, int(keep.sum()) + np.arange(len(self._heap))])
            old, versions, chunks, entries, walls, valid = zip(*self._taken, strict=True)
            at = now[list(old)]
            places.versions[at], places.chunks[at], places.walls[at] = versions, chunks, walls
            places.entries[at], places.valid[at] = entries, valid
        return Shelf(shelf.kind, tally, places, shelf.walls, shelf.table)


def _groups(missing: Mapping[int, tuple[object, ...]]) -> Iterator[list[int]]:
    """Versions that are read together: not one by one, and not all at once."""
    group: list[int] = []
    rows = 0
    for version, look in missing.items():
        group.append(version)
        rows += int(str(look[_COUNT])) if len(look) > _COUNT else 0
        if rows >= _ROWS or len(group) >= _ROWS // 8:
            yield group
            group, rows = [], 0
    if group:
        yield group


_CHUNKS = (
    sqlalchemy.select(_C.version_id, _C.id, _C.entry, _C.kind, _C.title, _C.body, _C.valid_from, _C.valid_until)
    .add_columns(_V.valid_from, _V.valid_until)
    .where(_V.id == _C.version_id, _V.id.in_(sqlalchemy.bindparam("versions", expanding=True)), _C.withheld.is_(False))
    .order_by(_C.version_id, _C.id)
)
_ASKED = (
    sqlalchemy.select(_P.chunk_id, _P.text)
    .where(_C.id == _P.chunk_id, _C.version_id.in_(sqlalchemy.bindparam("versions", expanding=True)))
    .order_by(_P.id)
)


def _looks(session: Session, instead: Mapping[int, int | None]) -> dict[int, tuple[object, ...]]:
    """Version id → scope, audience and figures that change with its rows, for all that count as published."""
    count, most, total, length = (
        sqlalchemy.func.count,
        sqlalchemy.func.max,
        sqlalchemy.func.sum,
        sqlalchemy.func.length,
    )
    number = sqlalchemy.BigInteger

    def ends(column: sqlalchemy.ColumnElement[object]) -> sqlalchemy.ColumnElement[int]:
        return most(sqlalchemy.type_coerce(column, number))

    heads = (
        sqlalchemy.select(_V.id, _D.scope, _D.audience, *(sqlalchemy.type_coerce(one, number) for one in _WINDOW[2:]))
        .where(_D.id == _V.document_id, _versions(instead))
        .order_by(_V.id)
    )
    chunks = (
        sqlalchemy.select(_C.version_id, count(_C.id), most(_C.id), total(length(_C.body) + length(_C.title)))
        .add_columns(ends(_WINDOW[0]), ends(_WINDOW[1]), count(_WINDOW[0]), count(_WINDOW[1]))
        .where(_V.id == _C.version_id, _D.id == _V.document_id, _versions(instead), _C.withheld.is_(False))
        .group_by(_C.version_id)
    )
    asked = (
        sqlalchemy.select(_C.version_id, count(_P.id), most(_P.id), total(length(_P.text)))
        .where(_C.id == _P.chunk_id, _V.id == _C.version_id, _D.id == _V.document_id, _versions(instead))
        .group_by(_C.version_id)
    )
    looks: dict[int, tuple[object, ...]] = {version: tuple(look) for version, *look in session.execute(heads)}
    for rows in (chunks, asked):
        for version, *look in session.execute(rows):
            looks[version] += tuple(look)
    return looks


_WINDOW = (_C.valid_from, _C.valid_until, _V.valid_from, _V.valid_until)


def _versions(instead: Mapping[int, int | None]) -> sqlalchemy.ColumnElement[bool]:
    """The versions that count as published."""
    published = sqlalchemy.and_(_V.state == "published", _D.removed_at.is_(None))
    if not instead:
        return published
    chosen = [version for version in instead.values() if version is not None]
    return sqlalchemy.or_(sqlalchemy.and_(published, _D.id.not_in(list(instead))), _V.id.in_(chosen))


def _valid(windows: Sequence[datetime | None]) -> tuple[int, int]:
    """The chunk's own window where it has one, else its version's."""
    opens, closes, version_opens, version_closes = windows
    first, last = opens or version_opens, closes or version_closes
    return (micros(first) if first else ALWAYS[0], micros(last) if last else ALWAYS[1])
