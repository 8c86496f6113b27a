"""Who may change rows: group commit on SQLite, serialisable transactions that run again on PostgreSQL."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from structlog.testing import capture_logs

from storage import engine as databases
from storage import writer as writing
from storage.engine import Database, DatabaseSettings, Session, open_database
from storage.groups import Region
from storage.writer import PooledWriter, ThreadWriter


def add(name: str) -> Any:
    """A function that adds a region of this name."""

    def work(session: Session) -> str:
        session.add(Region(name=name))
        session.flush()
        return name

    return work


def names(database: Database) -> list[str]:
    """What was kept, in the order in which it was written."""
    return database.read_now(lambda s: list(s.execute(select(Region.name).order_by(Region.id)).scalars()))  # type: ignore[call-overload]


def thread_writer(database: Database) -> ThreadWriter:
    """The writer itself, to look at its counters."""
    writer = database._writer
    assert isinstance(writer, ThreadWriter)
    return writer


class Gate:
    """A function that holds the writer until it is opened, so that others gather behind it."""

    def __init__(self, database: Database) -> None:
        self.entered, self._open = threading.Event(), threading.Event()
        self.future = database._writer.submit(self._wait)
        assert self.entered.wait(5)

    def _wait(self, session: Session) -> None:
        self.entered.set()
        assert self._open.wait(5)

    def open(self) -> None:
        self._open.set()
        self.future.result(5)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch is not cut by the clock of a busy machine."""
    monkeypatch.setattr(writing, "BATCH_SECONDS", 60.0)


# ---------------------------------------------------------------- both databases


def test_what_is_written_can_be_read(database: Database) -> None:
    assert database.write_now(add("a")) == "a"
    assert asyncio.run(_write(database, add("b"))) == "b"
    assert asyncio.run(_read(database)) == ["a", "b"]


async def _write(database: Database, fn: Any) -> Any:
    return await database.write(fn)


async def _read(database: Database) -> list[str]:
    return await database.read(lambda s: list(s.execute(select(Region.name).order_by(Region.id)).scalars()))  # type: ignore[call-overload]


def test_an_exception_keeps_only_its_own_function_out(database: Database) -> None:
    def broken(session: Session) -> None:
        add("broken")(session)
        raise ZeroDivisionError

    futures = [database._writer.submit(work) for work in (add("a"), broken, add("b"))]
    with pytest.raises(ZeroDivisionError):
        futures[1].result(5)
    assert (futures[0].result(5), futures[2].result(5)) == ("a", "b")
    assert sorted(names(database)) == ["a", "b"]


def test_an_error_of_the_database_keeps_only_its_own_function_out(database: Database) -> None:
    database.write_now(add("a"))
    with pytest.raises(IntegrityError):
        database.write_now(add("a"))
    database.write_now(add("b"))
    assert names(database) == ["a", "b"]


def test_plain_statements_are_taken_back_as_well(database: Database) -> None:
    """Prepared statements go past the ORM's session."""
    from storage import identities
    from tests.storage.worlds import NOW

    def broken(session: Session) -> None:
        identities.meet(session, "play", "u1", "x", NOW)
        identities.rename(session, identities.meet(session, "play", "u1", "y", NOW), "z")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database.write_now(broken)
    assert database.read_now(lambda s: identities.known(s, "play", "u1", None)) is None


def test_objects_do_not_leak_into_the_next_function(database: Database) -> None:
    kept: list[Region] = []

    def load(session: Session) -> None:
        region = Region(name="a")
        session.add(region)
        session.flush()
        kept.append(region)

    database.write_now(load)
    kept[0].name = "changed behind everybody's back"
    database.write_now(add("b"))
    assert names(database) == ["a", "b"]


def test_closed(database: Database) -> None:
    database._writer.submit(add("last"))
    database.close()
    database.close()
    with pytest.raises(RuntimeError):
        database.write_now(add("late"))
    with pytest.raises(RuntimeError):
        asyncio.run(_write(database, add("late")))


def test_reading_cannot_write(sqlite: Database) -> None:
    with pytest.raises(OperationalError, match="readonly"):
        sqlite.read_now(add("a"))


# ---------------------------------------------------------------- SQLite: one thread


def test_many_functions_one_commit_in_their_order(sqlite: Database, patient: None) -> None:
    writer = thread_writer(sqlite)
    gate = Gate(sqlite)
    before = writer.commits
    futures = [writer.submit(add(f"{number:03d}")) for number in range(200)]
    gate.open()
    assert [f.result(5) for f in futures] == [f"{number:03d}" for number in range(200)]
    assert names(sqlite) == [f"{number:03d}" for number in range(200)]
    assert (writer.commits - before, writer.functions) == (1, 201)


def test_nobody_is_told_before_the_commit(sqlite: Database, patient: None) -> None:
    """While a later function of the batch still runs, an earlier one is not acknowledged."""
    gate = Gate(sqlite)
    first = sqlite._writer.submit(add("a"))
    inside, go_on = threading.Event(), threading.Event()

    def slow(session: Session) -> None:
        inside.set()
        assert go_on.wait(5)

    second = sqlite._writer.submit(slow)
    gate._open.set()
    assert inside.wait(5)
    assert not first.done()
    assert names(sqlite) == []
    go_on.set()
    assert first.result(5) == "a"
    second.result(5)


def test_a_batch_has_an_end(sqlite: Database, patient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "BATCH_FUNCTIONS", 10)
    writer = thread_writer(sqlite)
    gate = Gate(sqlite)
    before = writer.commits
    futures = [writer.submit(add(f"{number:02d}")) for number in range(29)]
    gate.open()
    for future in futures:
        future.result(5)
    assert writer.commits - before == 3


def test_a_batch_ends_after_a_while(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "BATCH_SECONDS", 0.0)
    writer = thread_writer(sqlite)
    gate = Gate(sqlite)
    before = writer.commits
    futures = [writer.submit(add(name)) for name in "abc"]
    gate.open()
    for future in futures:
        future.result(5)
    assert writer.commits - before == 4


def test_a_failed_commit_fails_all_its_callers(sqlite: Database, patient: None) -> None:
    """A foreign key that is looked at in COMMIT only: nobody may believe that his change was kept; the next batch works."""

    def orphan(session: Session) -> None:
        session.connection().execute(text("PRAGMA defer_foreign_keys=ON"))
        session.connection().execute(
            text("INSERT INTO member(group_id, person_id, name, role, joined_at) VALUES (9,9,'','member',0)")
        )

    def refused(session: Session) -> None:
        raise ZeroDivisionError

    gate = Gate(sqlite)
    futures: list[Future[Any]] = [sqlite._writer.submit(work) for work in (add("a"), refused, orphan, add("b"))]
    gate._open.set()
    with capture_logs() as logs:
        for future in (gate.future, futures[0], futures[2], futures[3]):
            with pytest.raises(DBAPIError, match="FOREIGN KEY"):
                future.result(5)
    with pytest.raises(ZeroDivisionError):
        futures[1].result(5)
    assert [(line["event"], line["callers"]) for line in logs] == [("writer.commit_failed", 5)]
    assert sqlite.write_now(add("c")) == "c"
    assert names(sqlite) == ["c"]


def test_a_full_disk(sqlite: Database, patient: None) -> None:
    """SQLite then gives up the whole transaction by itself; nobody in it is acknowledged, and afterwards all is well."""
    pages = sqlite.read_now(lambda s: s.execute(text("PRAGMA page_count")).scalar_one())

    def fill(session: Session) -> None:
        session.connection().execute(text(f"PRAGMA max_page_count={pages + 3}"))
        for _ in range(50):
            session.connection().execute(
                text(
                    "INSERT INTO inbox(channel, account, dedupe_key, conversation, received_at,"
                    " body, state, attempts) VALUES ('x', '', hex(randomblob(9)), '', 0, hex(zeroblob(4000)), 'pending', 0)"
                )
            )

    gate = Gate(sqlite)
    futures: list[Future[Any]] = [sqlite._writer.submit(work) for work in (add("a"), fill, add("b"))]
    gate._open.set()
    for future in (gate.future, *futures[:2]):
        with pytest.raises(OperationalError, match="full"):
            future.result(5)
    assert futures[2].result(5) == "b", "the next batch goes on where there is room"
    assert names(sqlite) == ["b"]


def test_somebody_else_holds_the_file(sqlite: Database, tmp_path: Path) -> None:
    import sqlite3

    def impatient(session: Session) -> None:
        session.connection().execute(text("PRAGMA busy_timeout=20"))

    sqlite.write_now(impatient)
    other = sqlite3.connect(tmp_path / "sqlite" / "tuantuan.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError, match="locked"):
        sqlite.write_now(add("a"))
    # Somebody who does not wait any more when the lock is noticed is not told either.
    given_up = sqlite._writer.submit(add("b"))
    given_up.cancel()
    time.sleep(0.1)
    other.execute("ROLLBACK")
    other.close()
    assert sqlite.write_now(add("c")) == "c"
    assert names(sqlite) == ["c"]


def test_a_cancelled_call_is_not_run(sqlite: Database, patient: None) -> None:
    gate = Gate(sqlite)
    futures = [sqlite._writer.submit(add(name)) for name in "abc"]
    assert futures[1].cancel()
    gate.open()
    assert futures[2].result(5) == "c"
    with pytest.raises(CancelledError):
        futures[1].result(5)
    assert names(sqlite) == ["a", "c"]


def test_a_cancelled_task_is_not_run_and_one_in_work_is(sqlite: Database) -> None:
    async def main() -> None:
        gate = Gate(sqlite)
        queued = asyncio.create_task(_write(sqlite, add("queued")))
        await asyncio.sleep(0)
        queued.cancel()
        await asyncio.sleep(0)
        gate._open.set()
        started = threading.Event()
        go_on = threading.Event()

        def slow(session: Session) -> None:
            started.set()
            add("in work")(session)
            assert go_on.wait(5)

        running = asyncio.create_task(_write(sqlite, slow))
        assert await asyncio.to_thread(started.wait, 5)
        running.cancel()
        await asyncio.sleep(0)
        go_on.set()
        assert await sqlite.write(add("next")) == "next"

    asyncio.run(main())
    assert names(sqlite) == ["in work", "next"]


def test_an_error_reaches_the_event_loop(sqlite: Database) -> None:
    async def main() -> None:
        def broken(session: Session) -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await sqlite.write(broken)

    asyncio.run(main())


def test_a_loop_that_is_gone_does_not_stop_the_writer(sqlite: Database) -> None:
    gate = Gate(sqlite)
    waiting: list[Awaitable[Any]] = []

    async def main() -> None:
        waiting.extend(sqlite._writer.run(add(name)) for name in ("kept", "kept too"))
        asyncio.ensure_future(waiting[0]).cancel()

    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    loop.close()
    with capture_logs() as logs:
        gate.open()
        assert sqlite.write_now(add("next")) == "next"
    assert "writer.nobody_waits" in [line["event"] for line in logs]
    assert names(sqlite) == ["kept too", "next"]


def test_a_function_that_holds_the_writer_is_named(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "SLOW_SECONDS", 0.01)

    def dawdle(session: Session) -> None:
        time.sleep(0.02)

    with capture_logs() as logs:
        sqlite.write_now(dawdle)
    (line,) = [line for line in logs if line["event"] == "writer.slow"]
    assert line["function"].endswith("dawdle")
    assert line["ms"] >= 20


def test_closing_finishes_what_is_queued(tmp_path: Path, sqlite: Database, patient: None) -> None:
    gate = Gate(sqlite)
    futures = [sqlite._writer.submit(add(name)) for name in "abc"]
    closer = threading.Thread(target=sqlite._writer.close)
    closer.start()
    gate.open()
    closer.join(5)
    assert [f.result(0) for f in futures] == ["a", "b", "c"]
    again = open_database(tmp_path / "sqlite")
    assert names(again) == ["a", "b", "c"]
    again.close()


# ---------------------------------------------------------------- PostgreSQL: a pool


def test_two_that_would_skew_each_other(postgres: Database) -> None:
    """Each adds a row with the number of rows it saw: one after the other, whatever the interleaving, without a loss."""
    tries: list[int] = []
    together = threading.Barrier(2, timeout=10)

    def skew(mark: int) -> Any:
        def work(session: Session) -> None:
            count = session.execute(select(func.count()).select_from(Region)).scalar_one()
            tries.append(mark)
            if tries.count(mark) == 1:
                together.wait()  # both have read before either writes
            session.add(Region(name=f"{count}"))

        return work

    futures = [postgres._writer.submit(skew(mark)) for mark in (1, 2)]
    for future in futures:
        future.result(20)
    assert sorted(names(postgres)) == ["0", "1"]
    assert len(tries) >= 3, "one of them ran again"


def test_two_increments_of_one_row(postgres: Database) -> None:
    """A prepared statement raises the driver's own error; it is run again as well."""
    from storage import ledger
    from tests.storage.worlds import a_member, post

    who = postgres.write_now(a_member)
    futures = [
        postgres._writer.submit(lambda s, n=n: post(s, who, 5, f"checkin:{n}"))  # type: ignore[misc]
        for n in range(24)
    ]
    for future in futures:
        future.result(30)
    assert postgres.read_now(lambda s: ledger.balance(s, who.account_id)) == 120
    assert postgres.read_now(ledger.check).wrong_balances == 0


def test_who_is_frozen_in_a_transaction_lets_go_of_its_rows(
    tmp_path: Path, postgres: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others wait for them only so long; what it had begun is not kept, and it goes on when it wakes."""
    postgres.write_now(add("one"))
    monkeypatch.setattr(databases, "IDLE_SECONDS", 0.3)
    url = SecretStr(postgres.write_engine.url.render_as_string(hide_password=False))
    other = open_database(tmp_path / "other", DatabaseSettings(url=url))
    locked, awake = threading.Event(), threading.Event()

    def rename(name: str) -> Callable[[Session], object]:
        return lambda session: session.execute(update(Region).values(name=name))

    def freeze(session: Session) -> None:
        rename("frozen")(session)
        locked.set()
        awake.wait(30)

    frozen = other._writer.submit(freeze)
    assert locked.wait(10)
    postgres._writer.submit(rename("two")).result(20)
    awake.set()
    with pytest.raises((DBAPIError, psycopg.Error)):
        frozen.result(10)
    assert names(postgres) == ["two"]
    other.write_now(rename("three"))
    assert names(postgres) == ["three"]
    other.close()


def test_it_gives_up_after_so_many_tries(postgres: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_TRIES", 3)
    tried: list[int] = []

    def hopeless(session: Session) -> None:
        tried.append(1)
        session.connection().execute(text("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$"))

    with pytest.raises(OperationalError, match="again"):
        postgres.write_now(hopeless)
    assert len(tried) == 3
    assert isinstance(postgres._writer, PooledWriter)


def test_other_errors_are_not_tried_again(postgres: Database) -> None:
    tried: list[int] = []

    def wrong(session: Session) -> None:
        tried.append(1)
        session.connection().execute(text("SELECT 1 / 0"))

    with pytest.raises(DBAPIError, match="division"):
        postgres.write_now(wrong)
    assert len(tried) == 1


def test_a_key_that_another_transaction_took_meanwhile_is_seen_when_run_again(postgres: Database) -> None:
    both = threading.Barrier(2)
    runs: list[str] = []

    def settle(session: Session) -> str:
        known = session.execute(select(Region.id).where(Region.name == "one")).first()  # type: ignore[call-overload]
        runs.append("seen" if known else "new")
        if len(runs) <= 2:
            both.wait(5)  # neither sees the other's row
        if known:
            return "there already"
        session.add(Region(name="one"))
        session.flush()
        return "made"

    first, second = postgres._writer.submit(settle), postgres._writer.submit(settle)
    assert sorted([first.result(10), second.result(10)]) == ["made", "there already"]
    assert runs == ["new", "new", "seen"]


def test_a_key_that_is_really_taken_stays_taken(postgres: Database) -> None:
    postgres.write_now(add("one"))
    runs: list[int] = []

    def again(session: Session) -> None:
        runs.append(1)
        add("one")(session)

    with pytest.raises(IntegrityError):
        postgres.write_now(again)
    assert len(runs) == 3
