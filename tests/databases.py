"""Databases for tests: made once and copied, not waiting for the disk, and closed with the test that opened them."""

from __future__ import annotations

import atexit
import queue
import shutil
import sqlite3
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from pydantic import SecretStr
from sqlalchemy import Dialect, Engine, create_engine, event, inspect
from sqlalchemy.util import LRUCache
from sqlmodel import SQLModel

from storage import engine, migrate, writer
from storage.engine import Database, DatabaseSettings, Session, open_database

FILE = "tuantuan.db"
_open: weakref.WeakSet[Database] = weakref.WeakSet()


@contextmanager
def closed_afterwards() -> Iterator[None]:
    """Close every database that was opened inside and is still open: its pages and threads would stay to the end."""
    before = set(_open)
    yield
    for database in set(_open) - before:
        database.close()
        _open.discard(database)


def watch_databases() -> None:
    """Note each database that is opened, for :func:`closed_afterwards`."""
    wire = Database.__init__

    def noted(self: Database, *arguments: Any, **named: Any) -> None:
        wire(self, *arguments, **named)
        _open.add(self)

    Database.__init__ = noted  # type: ignore[method-assign]


_durable = engine._sqlite_engine


_compiled: LRUCache[Any, Any] = LRUCache(4000)


@cache
def _dialect() -> Dialect:
    """The dialect of all hasty engines, for what has been compiled once is found again by its dialect."""
    made = create_engine("sqlite://")
    with made.connect():
        return made.dialect


def _hasty(path: Path, *, writer: bool) -> Engine:
    made = _durable(path, writer=writer)
    made.dialect = _dialect()
    made._compiled_cache = _compiled

    @event.listens_for(made, "connect")
    def _never_waits(raw: Any, _record: Any) -> None:
        raw.execute("PRAGMA synchronous=OFF").close()

    return made


def wait_for_the_disk(wanted: bool) -> None:
    """Say whether a commit on SQLite waits until the disk has it (5 ms each).

    Only a power cut tells the difference, and no test cuts the power; a killed process loses nothing either way. What
    the product asks of SQLite is tested with the wait (tests/storage/test_engine.py).
    """
    engine._sqlite_engine = _durable if wanted else _hasty


class _AtOnce(writer.ThreadWriter):
    """The writer without its thread: whoever calls runs his function himself, in the same batch of one."""

    def __init__(self, engine: Engine) -> None:
        self._connection = engine.connect()
        self._session = Session(self._connection)
        self._door = threading.Lock()
        self._closed = False
        self.commits = 0
        self.functions = 0
        self._queue = queue.SimpleQueue()

    def _put(self, queued: writer._Queued) -> bool:
        with self._door:
            if not self._closed:
                self._batch(self._connection, self._session, queued)
            return not self._closed

    def close(self) -> None:
        with self._door:
            if not self._closed:
                self._closed = True
                self._session.close()
                self._connection.close()


def open_at_once(folder: Path) -> Database:
    """Open a database on SQLite for a test that does one thing after another: nothing waits for another thread."""
    with patch.object(writer, "ThreadWriter", _AtOnce):
        return open_database(folder)


_every_migration = migrate.upgrade


def _copied(database: Database, revision: str = "") -> None:
    if revision or database.dialect != "sqlite" or inspect(database.read_engine).get_table_names():
        _every_migration(database, revision)
        return
    with closing(sqlite3.connect(_migrated())) as ready, database.write_engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        assert raw is not None
        ready.backup(raw)  # type: ignore[arg-type]


@cache
def _migrated() -> Path:
    folder = tempfile.mkdtemp(prefix="tuantuan-migrated-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    database = open_database(Path(folder))
    _every_migration(database)
    database.close()
    return Path(folder) / FILE


def run_every_migration(wanted: bool) -> None:
    """Say whether an empty database on SQLite goes through every migration (0.3 s), or gets a copy of one that has."""
    migrate.upgrade = _every_migration if wanted else _copied


def with_tables(folder: Path, url: str = "") -> Database:
    """Open a new database with every table that is imported."""
    if url:
        database = open_database(folder, DatabaseSettings(url=SecretStr(url)))
        SQLModel.metadata.create_all(database.write_engine)
        return database
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_bytes(_empty(frozenset(SQLModel.metadata.tables)))
    return open_database(folder)


@lru_cache(maxsize=2)
def _empty(_tables: frozenset[str]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(Path(folder))
        SQLModel.metadata.create_all(database.write_engine)
        return closed(database, Path(folder))


def closed(database: Database, folder: Path) -> bytes:
    """Close a database on SQLite and return its file, to be written elsewhere."""
    database.close()
    return (folder / FILE).read_bytes()
