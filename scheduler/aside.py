"""Where transactions are begun that are never committed: to see what would become of something.

On SQLite that is a copy of the database, so that no writer waits; on PostgreSQL the database itself, for nobody waits for a
transaction that only adds rows of its own.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from storage.engine import NAME, Database, DatabaseSettings, Session, open_database

T = TypeVar("T")
_TRIES = 3
_FOLDER = ".plan-"
_FORGOTTEN = 3600.0
"""Seconds after which a copy is one that nobody works on any more."""


class _Seen(Exception):
    """Carries what a function found out of its transaction, which is taken back by it."""

    def __init__(self, found: Any) -> None:
        super().__init__()
        self.found = found


def undone_here(database: Database, fn: Callable[[Session], T]) -> T:
    """Run a function where others write, and take it back: for what takes no longer than a write of theirs.

    Nothing is copied; a base with millions of residents takes seconds and its size on the disk for that.
    """

    def run(session: Session) -> None:
        raise _Seen(fn(session))

    try:
        database.write_now(run)
    except _Seen as seen:
        found: T = seen.found
        return found
    raise AssertionError("unreachable")


@contextmanager
def aside(database: Database) -> Iterator[Engine]:
    """Hand out where transactions may be begun that are never committed."""
    if database.dialect != "sqlite":
        yield database.read_engine
        return
    home = Path(str(database.read_engine.url.database)).parent
    _sweep(home)
    with TemporaryDirectory(prefix=_FOLDER, dir=home) as folder:
        with closing(database.read_engine.raw_connection()) as source:
            _copy(source.driver_connection, Path(folder) / NAME)
        scratch = open_database(Path(folder), DatabaseSettings())
        try:
            yield scratch.write_engine
        finally:
            scratch.close()


def _sweep(home: Path) -> None:
    """Remove the copies of commands that were killed: they hold what neighbours said."""
    for left in home.glob(f"{_FOLDER}*"):
        if time.time() - left.stat().st_mtime > _FORGOTTEN:
            shutil.rmtree(left, ignore_errors=True)


def _copy(source: Any, path: Path) -> None:
    with closing(sqlite3.connect(path)) as target:
        source.backup(target)


def undone(engine: Engine, fn: Callable[[Session], T]) -> T:
    """Run a function in a transaction and take it back; again when others changed the same rows meanwhile."""
    for attempt in range(_TRIES):
        with engine.connect() as connection:
            transaction = connection.begin()
            try:
                with Session(connection) as session:
                    return fn(session)
            except OperationalError:
                if attempt == _TRIES - 1:
                    raise
            finally:
                transaction.rollback()
    raise AssertionError("unreachable")
