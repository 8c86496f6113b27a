"""What went to whom is counted once for all processes, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlmodel import func, select

from storage import send_counts
from storage.engine import Database
from tests.storage.worlds import NOW

MINUTE_AND_HOUR = ((3, 60.0), (5, 3600.0))


def take(database: Database, seconds: float = 0, count: int = 1, name: str = "leader") -> float:
    return database.write_now(
        lambda session: send_counts.take(
            session,
            channel="wecom",
            account="ww",
            name=name,
            limits=MINUTE_AND_HOUR,
            now=NOW + timedelta(seconds=seconds),
            count=count,
        )
    )


def rows(database: Database) -> int:
    return database.read_now(lambda s: s.exec(select(func.count()).select_from(send_counts.SendCount)).one())


def test_a_minute_and_an_hour(database: Database) -> None:
    assert [take(database, at) for at in (0, 0, 1, 2)] == [0, 0, 0, 58.0]
    assert take(database, 2, name="staff") == 0.0
    assert [take(database, 60), take(database, 60), take(database, 60)] == [0, 0, 3540.0]
    assert take(database, 3600, 2) == 0.0


def test_more_than_a_window_holds_goes_alone(database: Database) -> None:
    assert take(database, 0, 9) == 0.0
    assert take(database, 61) == 3539.0
    assert take(database, 3600) == 0.0


def test_what_is_counted_is_forgotten(database: Database) -> None:
    for hour in range(50):
        assert take(database, hour * 3600) == 0.0
    assert rows(database) == 1
    database.write_now(lambda session: send_counts.prune(session, NOW + timedelta(hours=50)))
    assert rows(database) == 0


def test_many_at_once_are_never_too_many(database: Database) -> None:
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda at: take(database, at / 1000), range(24)))
    assert sum(wait == 0.0 for wait in waits) == 3
