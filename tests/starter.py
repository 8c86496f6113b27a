"""The starter knowledge base, read, counted and indexed once a run: every program that a test starts takes it in.

Only what depends on nothing but the content is kept: what the loaders made of a file that ships, the rows that they became,
and of a large set of phrasings their counted words, the floors and the folder of vectors. The first time is the real one,
and what came of it lies in a folder for the other workers; a directory that is not as empty as that one was gets the real
one too.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy
from sqlmodel import SQLModel

from knowledge import ingest, loaders
from knowledge.base import KnowledgeBase
from knowledge.catalogue import Catalogue
from knowledge.confidence import Floors
from knowledge.embedding import EndpointEmbedder
from knowledge.index import VectorIndex
from knowledge.lexical import LexicalIndex, Lexicon
from knowledge.postings import Vocabulary
from knowledge.reading import Reader
from knowledge.tally import Tally
from storage import audit
from storage.columns import micros
from storage.documents import Phrasing
from storage.engine import Database, Session
from tests import run_folder

SHIPPED = Path(__file__).resolve().parents[1] / "prompts" / "knowledge"
LARGE = 5000
"""Phrasings; smaller sets are of tests that are about the index."""

_Wanted = Mapping[str, str]
_Progress = Callable[[int, int], None]
_Made = TypeVar("_Made")

_read = loaders._in_child
_fill = VectorIndex.fill
_catalogue = Reader.read
_calibrate = KnowledgeBase._calibrate
_seed = ingest.seed
_known: dict[tuple[Path, int, int], loaders.Measured] = {}
_counted: list[tuple[Lexicon, tuple[Tally, Tally]]] = []
_settled: dict[bytes, Floors] = {}
_Rows = dict[str, list[tuple[Any, ...]]]
_seeded: dict[tuple[object, ...], _Seeded] = {}


@dataclass(frozen=True)
class _Seeded:
    """What taking the starter base in changed.

    Attributes:
        before: the rows, as they stand in the file, of every table that was written.
        after: the rows that were not there before.
    """

    at: datetime
    before: _Rows
    after: _Rows
    added: Sequence[ingest.Added]


def keep() -> None:
    """From now on, in this process."""
    loaders._in_child = _read_once
    VectorIndex.fill = _fill_once  # type: ignore[method-assign]
    Reader.read = _count_once  # type: ignore[method-assign]
    KnowledgeBase._calibrate = _calibrate_once  # type: ignore[method-assign]
    ingest.seed = _seed_once


def seed_each_time(wanted: bool) -> None:
    """Say whether the files are taken in anew each time, for tests of just that."""
    ingest.seed = _seed if wanted else _seed_once


def _read_once(path: Path, progress: _Progress | None) -> loaders.Measured:
    whole = path.resolve()
    if not whole.is_relative_to(SHIPPED):
        return _read(path, progress)
    stat = whole.stat()
    key = (whole, stat.st_mtime_ns, stat.st_size)
    if key not in _known:
        _known[key] = _read(path, progress)
    return _known[key]


def _seed_once(
    database: Database, *, now: datetime, publish: bool = True, progress: Callable[[str], None] | None = None
) -> list[ingest.Added]:
    if database.dialect != "sqlite" or progress is not None:
        return _seed(database, now=now, publish=publish, progress=progress)
    stats = [(str(path), path.stat()) for path in sorted(ingest.STARTER.rglob("*"))]
    key = (publish, tuple((path, stat.st_mtime_ns, stat.st_size) for path, stat in stats))
    tables = tuple(SQLModel.metadata.tables)
    known = _seeded.get(key) or _taken("rows", key)
    if known is None:
        before = database.read_now(lambda session: _rows(session, tables))
        added = _seed(database, now=now, publish=publish)
        after = database.read_now(lambda session: _rows(session, tables))
        written = [name for name in tables if before[name] != after[name]]
        made = _Seeded(
            now,
            {name: before[name] for name in written},
            {name: [row for row in after[name] if row not in set(before[name])] for name in written},
            added,
        )
        _seeded[key] = _left("rows", key, made)
        return added
    _seeded[key] = known
    if database.read_now(lambda session: _rows(session, tuple(known.before))) != known.before:
        return _seed(database, now=now, publish=publish)
    database.write_now(lambda session: _write(session, known, now))
    return list(known.added)


def _rows(session: Session, tables: Sequence[str]) -> _Rows:
    raw: Any = session.connection().connection.dbapi_connection
    return {name: raw.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables}


def _write(session: Session, known: _Seeded, now: datetime) -> None:
    """Write the rows as if they had been made now; acts are recorded anew, for their chain holds the instant."""
    raw: Any = session.connection().connection.dbapi_connection
    then, instant = micros(known.at), micros(now)
    for table in SQLModel.metadata.sorted_tables:
        rows = known.after.get(table.name, [])
        if table.name == audit.AuditRow.__tablename__:
            for _, _, actor, group, action, details, _ in rows:
                audit.record(session, at=now, actor_id=actor, group_id=group, action=action, **json.loads(details))
        elif rows:
            dated = [tuple(instant if value == then else value for value in row) for row in rows]
            places = ", ".join("?" * len(rows[0]))
            raw.executemany(f'INSERT OR REPLACE INTO "{table.name}" VALUES ({places})', dated)


def _count_once(self: Reader, session: Session, instead: Mapping[int, int | None] | None = None) -> Catalogue:
    """A reader that has counted nothing yet begins with the words of the first large base; it takes what it finds there."""
    fresh = not self._looks and not len(self._lexicon.words)
    large = fresh and session.execute(sqlalchemy.select(sqlalchemy.func.count(Phrasing.id))).scalar_one() >= LARGE  # type: ignore[arg-type]
    if large and not _counted and (known := _taken("words")) is not None:
        _counted.append(known)
    if large and _counted:
        Reader.__init__(self, *_copied(*_counted[0]))
    found = _catalogue(self, session, instead)
    if large and not _counted:
        _counted.append(_left("words", None, _copied(found.lexicon, (found.entries.tally, found.passages.tally))))
    return found


def _copied(lexicon: Lexicon, tallies: tuple[Tally, Tally]) -> tuple[Lexicon, tuple[Tally, Tally]]:
    made = Lexicon(*(Vocabulary(one.names) for one in (lexicon.words, lexicon.characters, lexicon.sounds)))
    entries, passages = (
        replace(one, index=LexicalIndex(made, postings=(one.index.words, one.index.characters, one.index.sounds)))
        for one in tallies
    )
    return made, (entries, passages)


def _calibrate_once(self: KnowledgeBase, catalogue: Catalogue) -> None:
    mark, large = catalogue.entries.fingerprint, len(catalogue.texts) >= LARGE
    known = _settled.get(mark) or (_taken("floors", mark) if large else None)
    if known is None:
        _calibrate(self, catalogue)
        known = _left("floors", mark, self.floors) if large else self.floors
    if large:
        _settled[mark] = known
    self.floors, self._calibrated_on = known, mark


def _fill_once(
    self: VectorIndex, wanted: _Wanted, progress: _Progress | None = None, *, limited: _Wanted | None = None
) -> int:
    with self._lock:
        self.open()
        fresh = self.size == 0 and not self.building
        if len(wanted) < LARGE or not fresh or isinstance(self._embedder, EndpointEmbedder):
            return _fill(self, wanted, progress, limited=limited)
        both = [sorted(one.items()) for one in (wanted, limited or {})]
        folder = _place("vectors", (type(self._embedder).__name__, self._embedder.dimension, both))
        if folder.exists():
            self._discard()
            shutil.copytree(folder, self._folder)
            self.open()
            assert self.size == sum(map(len, both))
            return self.size
        added = _fill(self, wanted, progress, limited=limited)
        self.close()
        making = Path(tempfile.mkdtemp(dir=folder.parent))
        shutil.copytree(self._folder, making, dirs_exist_ok=True)
        with suppress(OSError):  # another worker was quicker
            making.rename(folder)
        self.open()
        return added


def _place(kind: str, key: object) -> Path:
    """Where the run keeps what depends on a key."""
    return run_folder.path() / f"{kind}-{hashlib.sha256(repr(key).encode()).hexdigest()}"


def _taken(kind: str, key: object = None) -> Any:
    """What a worker has left here; None when none has."""
    try:
        return pickle.loads(_place(kind, key).read_bytes())
    except FileNotFoundError:
        return None


def _left(kind: str, key: object, made: _Made) -> _Made:
    """Leave it for the others, and give it back."""
    path = _place(kind, key)
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        pickle.dump(made, file)
    Path(name).replace(path)
    return made
