"""Who may change rows: one thread with group commit on SQLite, a pool with retry on PostgreSQL.

Group commit: the functions that have gathered run one after another, each in a savepoint, and one commit makes them all
durable; an fsync costs about 5 ms and would otherwise be paid per message.

Source: ADR 0001; F128.
"""

from __future__ import annotations

import asyncio
import queue
import random
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol, TypeVar

import structlog
from sqlalchemy import Connection, Engine, RootTransaction
from sqlalchemy.exc import DBAPIError

from storage.engine import SAVEPOINT, Session

T = TypeVar("T")
log = structlog.get_logger("storage.writer")

BATCH_FUNCTIONS = 512
BATCH_SECONDS = 0.05
SLOW_SECONDS = 0.05
_RETRY_STATES = {"40001", "40P01"}
_TAKEN = "23505"
_TAKEN_TRIES = 3
"""PostgreSQL may tell two overlapping transactions of one key of a unique violation before it tells of the overlap: run
again, the later one sees the row and takes its other way. A key that is really taken stays taken."""
_TRIES = 12


class Writer(Protocol):
    """Runs functions of a session, each exactly once in effect."""

    def submit(self, fn: Callable[[Session], T]) -> Future[T]:
        """Queue ``fn``; the future ends when its changes are durable, or with what it raised."""
        ...

    def run(self, fn: Callable[[Session], T]) -> Awaitable[T]:
        """The same for the running event loop."""
        ...

    def close(self) -> None:
        """Finish what is queued, then stop."""
        ...


class _Queued(NamedTuple):
    """A function and who waits for it: a thread (a concurrent future) or an event loop (its future, and the loop)."""

    fn: Callable[[Session], Any]
    thread: Future[Any] | None
    future: asyncio.Future[Any] | None = None
    loop: asyncio.AbstractEventLoop | None = None

    def is_wanted(self) -> bool:
        """Say whether somebody still waits; from here on a thread can no longer cancel."""
        if self.thread is not None:
            return self.thread.set_running_or_notify_cancel()
        assert self.future is not None
        return not self.future.cancelled()


_Settled = tuple[_Queued, Any, BaseException | None]


class ThreadWriter:
    """SQLite: one thread, one connection, one commit for all that has gathered."""

    def __init__(self, engine: Engine) -> None:
        """Open the connection, here where somebody hears that it cannot be opened, and start the thread."""
        self._connection = engine.connect()
        self._queue: queue.SimpleQueue[_Queued | None] = queue.SimpleQueue()
        self._door = threading.Lock()
        self._closed = False
        self.commits = 0
        self.functions = 0
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    def submit(self, fn: Callable[[Session], T]) -> Future[T]:
        """Queue ``fn``."""
        future: Future[T] = Future()
        if not self._put(_Queued(fn, future)):
            future.set_exception(RuntimeError("the writer is closed"))
        return future

    def run(self, fn: Callable[[Session], T]) -> Awaitable[T]:
        """Queue ``fn`` for the running event loop, which is woken once for all that one commit made durable."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if not self._put(_Queued(fn, None, future, loop)):
            future.set_exception(RuntimeError("the writer is closed"))
        return future

    def close(self) -> None:
        """Finish what is queued, then stop the thread."""
        with self._door:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _put(self, queued: _Queued) -> bool:
        with self._door:  # or a function could be queued behind the end mark and never be answered
            if not self._closed:
                self._queue.put(queued)
            return not self._closed

    def _work(self) -> None:
        with self._connection as connection, Session(connection) as session:
            going = True
            while going:
                item = self._queue.get()
                if item is None:
                    break
                going = self._batch(connection, session, item)

    def _batch(self, connection: Connection, session: Session, first: _Queued) -> bool:
        """Run one batch; False when the end mark was met."""
        try:
            transaction = connection.begin()
        except DBAPIError as error:
            if first.is_wanted():
                _settle([(first, None, error)])
            return True
        raw: Any = connection.connection.dbapi_connection
        item: _Queued | None = first
        settled: list[_Settled] = []
        broken: BaseException | None = None
        until = time.monotonic() + BATCH_SECONDS
        while item is not None:
            if item.is_wanted():
                one, broken = self._one(session, raw, item)
                settled.append(one)
            if broken is not None or len(settled) >= BATCH_FUNCTIONS or time.monotonic() >= until:
                break
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
        if broken is None:
            try:
                transaction.commit()
            except DBAPIError as error:
                broken = error
        if broken is not None:
            self._undo(transaction, session, raw)
            # A failed commit fails all its callers: none of them may believe that its change is kept.
            log.error("writer.commit_failed", callers=len(settled), kind=type(broken).__name__)
            settled = [(queued, None, own or broken) for queued, _, own in settled]
        else:
            self.commits += 1
            self.functions += len(settled)
        _settle(settled)
        return item is not None

    @staticmethod
    def _undo(transaction: RootTransaction, session: Session, raw: Any) -> None:
        """Leave nothing open, so that the next batch can begin (a failed COMMIT leaves SQLite's transaction open)."""
        transaction.rollback()
        session.close()
        raw.rollback()

    @staticmethod
    def _one(session: Session, raw: Any, item: _Queued) -> tuple[_Settled, BaseException | None]:
        """Run one function; the second value is the error when SQLite gave up the whole transaction (a full disk)."""
        started = time.monotonic()
        try:
            raw.execute(f"SAVEPOINT {SAVEPOINT}")
            result = item.fn(session)
            if session.in_transaction():
                session.commit()
            raw.execute(f"RELEASE {SAVEPOINT}")
        except BaseException as error:
            if not raw.in_transaction:
                return (item, None, error), error
            if session.in_transaction():
                session.rollback()
            session.forget()
            raw.execute(f"ROLLBACK TO {SAVEPOINT}")
            raw.execute(f"RELEASE {SAVEPOINT}")
            return (item, None, error), None
        session.forget()
        elapsed = time.monotonic() - started
        if elapsed > SLOW_SECONDS:
            log.warning("writer.slow", function=getattr(item.fn, "__qualname__", "?"), ms=round(elapsed * 1000))
        return (item, result, None), None


def _settle(settled: Sequence[_Settled]) -> None:
    """Tell everybody what came of his function; each event loop is woken once."""
    loops: dict[asyncio.AbstractEventLoop, list[_Settled]] = {}
    for one in settled:
        queued, result, error = one
        if queued.loop is not None:
            loops.setdefault(queued.loop, []).append(one)
            continue
        assert queued.thread is not None
        if error is None:
            queued.thread.set_result(result)
        else:
            queued.thread.set_exception(error)
    for loop, ones in loops.items():
        try:
            loop.call_soon_threadsafe(_wake, ones)
        except RuntimeError:
            # The loop was closed meanwhile: what was written stays, and nobody waits for it any more.
            log.info("writer.nobody_waits", callers=len(ones))


def _wake(settled: Sequence[_Settled]) -> None:
    for queued, result, error in settled:
        assert queued.future is not None
        if queued.future.done():
            continue
        if error is None:
            queued.future.set_result(result)
        else:
            queued.future.set_exception(error)


class PooledWriter:
    """PostgreSQL: a transaction per function at SERIALIZABLE, run again on 40001, 40P01 and, twice, on 23505."""

    def __init__(self, engine: Engine, pool: int) -> None:
        """Make the threads; as many as connections."""
        self._engine = engine
        self._threads = ThreadPoolExecutor(max_workers=pool, thread_name_prefix="writer")

    def submit(self, fn: Callable[[Session], T]) -> Future[T]:
        """Run ``fn`` in a thread."""
        return self._threads.submit(self._transaction, fn)

    def run(self, fn: Callable[[Session], T]) -> Awaitable[T]:
        """The same for the running event loop."""
        return asyncio.wrap_future(self.submit(fn))

    def close(self) -> None:
        """Finish what is queued."""
        self._threads.shutdown(wait=True)

    def _transaction(self, fn: Callable[[Session], T]) -> T:
        attempt = 0
        while True:
            attempt += 1
            try:
                with self._engine.connect() as connection, connection.begin(), Session(connection) as session:
                    connection.exec_driver_sql(f"SAVEPOINT {SAVEPOINT}")
                    result = fn(session)
                    if session.in_transaction():
                        session.commit()
                    return result
            except Exception as error:
                # Prepared statements raise the driver's own error, the ORM a wrapped one.
                state = getattr(getattr(error, "orig", error), "sqlstate", None)
                tries = _TAKEN_TRIES if state == _TAKEN else _TRIES
                if attempt >= tries or (state != _TAKEN and state not in _RETRY_STATES):
                    raise
            time.sleep(random.uniform(0, 0.005 * 2 ** min(attempt - 1, 6)))
