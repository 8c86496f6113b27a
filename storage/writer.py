"""Who may change rows: one thread with group commit on SQLite, a pool with retry on PostgreSQL.

Group commit: the functions that have gathered run one after another, each in a savepoint, and one commit makes them all
durable; an fsync costs about 5 ms and would otherwise be paid per message.

Source: ADR 0001; F128.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from storage.engine import Session

T = TypeVar("T")
log = structlog.get_logger("storage.writer")

BATCH_FUNCTIONS = 512
BATCH_SECONDS = 0.05
SLOW_SECONDS = 0.05
_RETRY_STATES = {"40001", "40P01"}
_TRIES = 12


class Writer(Protocol):
    """Runs functions of a session, each exactly once in effect."""

    def submit(self, fn: Callable[[Session], T]) -> Future[T]:
        """Queue ``fn``; the future ends when its changes are durable, or with what it raised."""
        ...

    def close(self) -> None:
        """Finish what is queued, then stop."""
        ...


class ThreadWriter:
    """SQLite: one thread, one connection, one commit for all that has gathered."""

    def __init__(self, engine: Engine) -> None:
        """Start the thread."""
        self._engine = engine
        self._queue: queue.SimpleQueue[tuple[Callable[[Session], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._closed = False
        self.commits = 0
        self.functions = 0
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def submit(self, fn: Callable[[Session], T]) -> Future[T]:
        """Queue ``fn``."""
        future: Future[T] = Future()
        if self._closed:
            future.set_exception(RuntimeError("the writer is closed"))
            return future
        self._queue.put((fn, future))
        return future

    def close(self) -> None:
        """Finish what is queued, then stop the thread."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        with self._engine.connect() as connection, Session(connection) as session:
            going = True
            while going:
                item = self._queue.get()
                if item is None:
                    break
                going = self._batch(connection, session, item)

    def _batch(self, connection: Any, session: Session, first: tuple[Callable[[Session], Any], Future[Any]]) -> bool:
        """Run one batch; False when the end mark was met."""
        item: tuple[Callable[[Session], Any], Future[Any]] | None = first
        done: list[tuple[Future[Any], Any]] = []
        going = True
        try:
            transaction = connection.begin()
        except DBAPIError as error:
            first[1].set_exception(error)
            return True
        raw = connection.connection.dbapi_connection
        until = time.monotonic() + BATCH_SECONDS
        while item is not None:
            fn, future = item
            if future.set_running_or_notify_cancel():
                self._one(session, raw, fn, future, done)
            if len(done) >= BATCH_FUNCTIONS or time.monotonic() >= until:
                break
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            going = item is not None
        try:
            transaction.commit()
        except DBAPIError as error:
            # A failed commit fails all its callers: none of them may believe that its change is kept.
            log.error("writer.commit_failed", callers=len(done))
            if transaction.is_active:
                transaction.rollback()
            for future, _ in done:
                future.set_exception(error)
            return going
        self.commits += 1
        self.functions += len(done)
        for future, result in done:
            future.set_result(result)
        return going

    @staticmethod
    def _one(
        session: Session,
        raw: Any,
        fn: Callable[[Session], Any],
        future: Future[Any],
        done: list[tuple[Future[Any], Any]],
    ) -> None:
        started = time.monotonic()
        raw.execute("SAVEPOINT one")
        try:
            result = fn(session)
            if session.in_transaction():
                session.commit()
        except BaseException as error:
            if session.in_transaction():
                session.rollback()
            session.expunge_all()
            raw.execute("ROLLBACK TO one")
            raw.execute("RELEASE one")
            future.set_exception(error)
            return
        session.expunge_all()
        raw.execute("RELEASE one")
        done.append((future, result))
        elapsed = time.monotonic() - started
        if elapsed > SLOW_SECONDS:
            log.warning("writer.slow", function=getattr(fn, "__qualname__", "?"), ms=round(elapsed * 1000))


class PooledWriter:
    """PostgreSQL: a transaction per function at SERIALIZABLE, run again on 40001 and 40P01."""

    def __init__(self, engine: Engine, pool: int) -> None:
        """Make the threads; as many as connections."""
        self._engine = engine
        self._threads = ThreadPoolExecutor(max_workers=pool, thread_name_prefix="writer")

    def submit(self, fn: Callable[[Session], T]) -> Future[T]:
        """Run ``fn`` in a thread."""
        return self._threads.submit(self._transaction, fn)

    def close(self) -> None:
        """Finish what is queued."""
        self._threads.shutdown(wait=True)

    def _transaction(self, fn: Callable[[Session], T]) -> T:
        for attempt in range(_TRIES):
            try:
                with self._engine.connect() as connection, connection.begin(), Session(connection) as session:
                    result = fn(session)
                    if session.in_transaction():
                        session.commit()
                    return result
            except Exception as error:
                # Prepared statements raise the driver's own error, the ORM a wrapped one.
                state = getattr(getattr(error, "orig", error), "sqlstate", None)
                if state not in _RETRY_STATES or attempt == _TRIES - 1:
                    raise
            time.sleep(random.uniform(0, 0.005 * 2 ** min(attempt, 6)))
        raise AssertionError("unreachable")
