"""A lease has one holder; who was silent has lost it; it is nobody's sign of life."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scheduler import heartbeats
from storage import leases
from storage.engine import Database
from tests.scheduler.community import database_at

NOW = datetime(2026, 12, 1, 1, tzinfo=UTC)


def take(database: Database, name: str, me: str, seconds: float = 0.0, lasts: float = 30.0) -> bool:
    now = NOW + timedelta(seconds=seconds)
    return database.write_now(
        lambda session: leases.take(session, name, me, now=now, until=now + timedelta(seconds=lasts))
    )


def test_a_lease_has_one_holder_until_it_runs_out(database: Database) -> None:
    _one_holder(database)


def test_it_is_no_sign_of_life_of_who_sends_pushes(database: Database) -> None:
    """A process that only holds a connection must not be taken for one that delivers."""
    assert take(database, "line", "a")
    assert database.read_now(lambda session: heartbeats.alive(session, NOW)) == set()


@pytest.mark.postgres
def test_the_same_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    with_rows = database_at(tmp_path, postgres_url)
    try:
        _one_holder(with_rows)
        with ThreadPoolExecutor(8) as pool:
            got = list(pool.map(lambda number: take(with_rows, "third", f"r{number}"), range(8)))
        assert got.count(True) == 1
    finally:
        with_rows.close()


def _one_holder(database: Database) -> None:
    assert take(database, "line", "a") and take(database, "line", "a", 10), "renewed"
    assert _holder(database, 39.9) == "a" and _holder(database, 40) is None
    assert not take(database, "line", "b", 39.9) and take(database, "second", "b", 39.9), "each has its own"
    assert take(database, "line", "b", 40) and not take(database, "line", "a", 41), "who was silent has lost it"
    database.write_now(lambda session: leases.release(session, "line", "a"))
    assert not take(database, "line", "a", 42), "nobody lets go what another one holds"
    database.write_now(lambda session: leases.release(session, "line", "b"))
    assert take(database, "line", "a", 43)


def test_it_says_since_when_and_how_far_the_holder_has_come(database: Database) -> None:
    _says(database)


@pytest.mark.postgres
def test_it_says_the_same_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    with_rows = database_at(tmp_path, postgres_url)
    try:
        _says(with_rows)
    finally:
        with_rows.close()


def _says(database: Database) -> None:
    for second, me, state in ((0, "a", ""), (5, "a", "open"), (10, "a", "open"), (50, "b", "open")):
        now = NOW + timedelta(seconds=second)
        database.write_now(
            lambda session, now=now, me=me, state=state: leases.take(  # type: ignore[misc]
                session, "line", me, now=now, until=now + timedelta(seconds=25), state=state
            )
        )
        found = database.read_now(lambda session, now=now: leases.held(session, "line", now))  # type: ignore[misc]
        assert found is not None
        since, state_at = (found.since - NOW).total_seconds(), (found.state_at - NOW).total_seconds()
        assert (found.holder, found.state) == (me, state)
        assert (since, state_at) == {0: (0, 0), 5: (0, 5), 10: (0, 5), 50: (50, 50)}[second]
    assert database.read_now(lambda session: leases.held(session, "line", NOW + timedelta(seconds=76))) is None


def _holder(database: Database, seconds: float) -> str | None:
    return database.read_now(lambda session: leases.holder(session, "line", NOW + timedelta(seconds=seconds)))
