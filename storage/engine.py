"""The database: one address, a session type, and the two calls everybody uses, ``write`` and ``read``.

``write(fn)`` runs a synchronous function of a session in one transaction; the function has no effect outside the
database, so it may run again (PostgreSQL retries serialisation failures; a crashed process repeats the message).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Literal, TypeVar

import sqlmodel
from pydantic import BaseModel, Field, SecretStr, field_validator
from sqlalchemy import Engine, event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from storage.errors import Unreadable
from storage.statements import Prepared

T = TypeVar("T")
NAME = "tuantuan.db"
"""The SQLite file in a data directory."""
SAVEPOINT = "one"
"""Stands at the beginning of every function of the writer."""
IDLE_SECONDS = 30.0
"""A process that is frozen within a transaction on PostgreSQL loses it after so long: others wait for rows that it has locked."""


class DatabaseSettings(BaseModel):
    """Where the rows live.

    Attributes:
        url: empty = ``tuantuan.db`` in the data directory; ``postgresql://…`` = PostgreSQL 13 or newer.
        pool: connections kept to PostgreSQL, and at most as many writes at once there.
    """

    url: SecretStr = Field(default=SecretStr(""), description="postgresql://… ; empty = SQLite in the data directory")
    pool: int = Field(default=8, ge=1, le=64, description="Connections to PostgreSQL")

    @field_validator("url")
    @classmethod
    def _is_known(cls, url: SecretStr) -> SecretStr:
        if url.get_secret_value() and not url.get_secret_value().startswith(("postgresql://", "postgresql+psycopg://")):
            raise ValueError("only postgresql://… is known beside the default")
        return url


class Session(sqlmodel.Session):
    """A SQLModel session that also runs prepared statements on the same transaction."""

    def __init__(self, connection: Connection) -> None:
        """Join the transaction that is open on ``connection``; commit and rollback stay with the writer."""
        super().__init__(bind=connection, join_transaction_mode="create_savepoint", expire_on_commit=False)
        self._outer = connection
        self._dialect_name = connection.dialect.name
        self._cursor: Any = None

    @property
    def process(self) -> str:
        """The name of the process that writes; empty where it has none."""
        return str(self._outer.get_execution_options().get("process", ""))

    @property
    def dialect_name(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._dialect_name

    def forget(self) -> None:
        """Let go of every object, as after each function of the writer; free when there is none."""
        if self._new or self._deleted or self.identity_map:
            self.expunge_all()

    def undo(self) -> None:
        """Take back everything that the running function of the writer has changed; what it does next stands."""
        if self.in_transaction():
            self.rollback()
        self.forget()
        self._outer.exec_driver_sql(f"ROLLBACK TO {SAVEPOINT}")

    def run(self, statement: Prepared, **values: object) -> Any:
        """Run a prepared statement and return the driver's cursor (fetch from it before the next call).

        Raises:
            sqlalchemy.exc.IntegrityError is NOT raised here: the driver's own IntegrityError comes through, since
            nothing stands between. Statements with ON CONFLICT DO NOTHING are the way to meet a duplicate.
        """
        if not self._is_clean():
            self.flush()
        cursor = self._cursor
        if cursor is None:
            raw = self._outer.connection.dbapi_connection
            assert raw is not None
            cursor = self._cursor = raw.cursor()
        sql, fixed = statement.sql(self._dialect_name)
        cursor.execute(sql, {**fixed, **values} if fixed else values)
        return cursor

    def row(self, statement: Prepared, **values: object) -> Any:
        """Run and return the first row as a tuple, or None."""
        return self.run(statement, **values).fetchone()

    def rows(self, statement: Prepared, **values: object) -> list[Any]:
        """Run and return all rows as tuples."""
        found: list[Any] = self.run(statement, **values).fetchall()
        return found


def _without_statistics(path: Path) -> None:
    """Take away what somebody's ANALYZE has left, before a connection has read it.

    With it SQLite drops the plans that are measured and tested (docs/performance.md). A file that cannot be read is told of
    by who opens it.
    """
    if path.exists():
        with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(path, timeout=30)) as raw:
            for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE name LIKE 'sqlite_stat%'").fetchall():
                raw.execute(f"DROP TABLE IF EXISTS {name}")


def _sqlite_engine(path: Path, *, writer: bool) -> Engine:
    engine = sqlmodel.create_engine(
        f"sqlite:///{path}",
        poolclass=QueuePool,
        pool_size=4,
        max_overflow=8,
        hide_parameters=True,  # a statement's values are people's words, and what goes wrong is logged
        connect_args={"check_same_thread": False, "timeout": 30},
    )

    @event.listens_for(engine, "connect")
    def _configure(raw: Any, _record: Any) -> None:
        raw.isolation_level = None
        cursor = raw.cursor()
        # FULL and not NORMAL: in the power-cut test NORMAL lost committed rows (ADR 0002).
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=30000",
            "cache_size=-65536" if writer else "cache_size=-16384",
            "mmap_size=0",
            "temp_store=MEMORY",
            # As SQLite has it: with millions of residents every page is another one, and a checkpoint of 4000 held the
            # writer for 60 ms, one of 1000 for 20.
            "wal_autocheckpoint=1000",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        if not writer:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")

    return engine


def _postgres_engine(url: URL, isolation: Literal["SERIALIZABLE", "REPEATABLE READ"], pool: int, more: int) -> Engine:
    engine = sqlmodel.create_engine(
        url,
        isolation_level=isolation,
        pool_size=pool,
        max_overflow=more,
        pool_pre_ping=True,
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def _configure(raw: Any, _record: Any) -> None:
        raw.execute(f"SET idle_in_transaction_session_timeout = {round(IDLE_SECONDS * 1000)}")
        raw.commit()

    return engine


class Database:
    """One installation's rows, on SQLite (a file with one writer thread) or on PostgreSQL (a pool)."""

    def __init__(self, write_engine: Engine, read_engine: Engine, pool: int) -> None:
        """Use :func:`open_database`; this only wires the parts."""
        from storage.writer import PooledWriter, ThreadWriter, Writer

        self.write_engine = write_engine
        self.read_engine = read_engine
        self.dialect = write_engine.dialect.name
        self.process = str(write_engine.get_execution_options().get("process", ""))
        self._writer: Writer
        if self.dialect == "sqlite":
            self._writer = ThreadWriter(write_engine)
        else:
            self._writer = PooledWriter(write_engine, pool)
        self._readers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="reader")

    async def write(self, fn: Callable[[Session], T]) -> T:
        """Run ``fn`` in one transaction; returns when it is durable.

        Raises:
            Whatever ``fn`` raises: then nothing of it is kept.
        """
        return await self._writer.run(fn)

    def write_now(self, fn: Callable[[Session], T]) -> T:
        """The same for code without an event loop (command line, tests)."""
        return self._writer.submit(fn).result()

    async def read(self, fn: Callable[[Session], T]) -> T:
        """Run ``fn`` on a read-only connection in a thread; sees what was committed before the call."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read_now, fn)

    def read_now(self, fn: Callable[[Session], T]) -> T:
        """The same for code without an event loop."""
        with self.read_engine.connect() as connection, connection.begin(), Session(connection) as session:
            return fn(session)

    def close(self) -> None:
        """Finish what is queued and let go of every connection."""
        self._writer.close()
        self._readers.shutdown(wait=True)
        self.write_engine.dispose()
        self.read_engine.dispose()


def _opened(write_engine: Engine, read_engine: Engine, pool: int) -> Database:
    """Open both halves, so that a database which cannot be read is found here and not in the first message."""
    try:
        with read_engine.connect():
            pass
        return Database(write_engine, read_engine, pool)
    except DBAPIError as error:
        write_engine.dispose()
        read_engine.dispose()
        raise Unreadable(str(error.orig).strip().splitlines()[0]) from error


def open_database(directory: Path, settings: DatabaseSettings | None = None, process: str = "") -> Database:
    """Open the database of a data directory; tables are made by :func:`storage.migrate.upgrade`.

    Args:
        directory: the data directory; made if absent (SQLite).
        settings: where the rows live; default SQLite in ``directory``.
        process: the name of who writes, where several processes do and each has to know its own rows.

    Raises:
        Unreadable: the file is damaged or no database, or the server does not let us in.
    """
    settings = settings or DatabaseSettings()
    url = settings.url.get_secret_value()
    if not url:
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / NAME
        _without_statistics(path)
        writing = _sqlite_engine(path, writer=True)
        writing.update_execution_options(process=process)
        return _opened(writing, _sqlite_engine(path, writer=False), 1)
    parsed = make_url(url).set(drivername="postgresql+psycopg")
    writing = _postgres_engine(parsed, "SERIALIZABLE", settings.pool, 0)
    writing.update_execution_options(process=process)
    reading = _postgres_engine(parsed, "REPEATABLE READ", 4, 4)
    return _opened(writing, reading, settings.pool)
