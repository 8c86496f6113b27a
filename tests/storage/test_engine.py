"""Column types, prepared statements, addresses of databases, callers that share a function."""

from __future__ import annotations

import asyncio
import sqlite3
import traceback
from contextlib import closing
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError
from sqlalchemy import bindparam, select, text
from sqlalchemy.exc import IntegrityError, StatementError

from bot.logs import redact
from storage import columns, documents
from storage.engine import NAME, Database, DatabaseSettings, Session, open_database
from storage.gathering import MOST, Gathering
from storage.groups import Group, Region
from storage.statements import Prepared
from tests.storage.test_writer import add, names
from tests.storage.worlds import NOW, a_group


@given(st.datetimes(timezones=st.just(UTC)))
def test_instants_keep_every_microsecond(moment: datetime) -> None:
    assert columns.instant(columns.micros(moment)) == moment


def test_an_instant_in_another_zone_is_the_same_instant() -> None:
    shanghai = datetime(2026, 12, 1, 9, tzinfo=timezone(timedelta(hours=8)))
    assert columns.micros(shanghai) == columns.micros(NOW)


def test_naive_times_are_refused(database: Database) -> None:
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(ValueError, match="naive"):
        columns.micros(naive)

    def keep(session: Session) -> None:
        session.add(Group(channel="play", external_id="g1", created_at=naive))
        session.flush()

    with pytest.raises((ValueError, StatementError)):
        database.write_now(keep)


def test_days_and_json_come_back_as_they_were(database: Database) -> None:
    group = database.write_now(a_group)

    def change(session: Session) -> None:
        row = session.get_one(Group, group)
        row.facts, row.settings = {"hotline": "见群公告 📞"}, {"checkin": {"base": 2}}
        session.add(row)

    database.write_now(change)
    kept = database.read_now(lambda s: s.get_one(Group, group))
    assert (kept.facts, kept.settings) == ({"hotline": "见群公告 📞"}, {"checkin": {"base": 2}})
    assert columns.LocalDay().process_bind_param(date(2026, 2, 28), None) == "2026-02-28"


def test_a_prepared_list_is_refused() -> None:
    table = Group.__table__  # type: ignore[attr-defined]
    bad = Prepared("bad", select(table.c.id).where(table.c.id.in_(bindparam("ids", expanding=True))))
    with pytest.raises(ValueError, match="bad"):
        bad.sql("sqlite")


def test_a_prepared_statement_sees_what_the_orm_holds(database: Database) -> None:
    found = Prepared("find", select(Region.__table__.c.id).where(Region.__table__.c.name == bindparam("wanted")))  # type: ignore[attr-defined]

    def work(session: Session) -> Any:
        assert session.dialect_name == database.dialect
        session.add(Region(name="a"))
        return session.row(found, wanted="a"), session.rows(found, wanted="b")

    row, rows = database.write_now(work)
    assert (len(row), rows) == (1, [])


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite:///x.db", "postgresqlx", "x"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="postgresql"):
        DatabaseSettings(url=SecretStr(url))


def test_what_goes_wrong_says_nothing_of_a_row(database: Database) -> None:
    """A statement's values are people's names and words, and what goes wrong is logged."""

    def twice(session: Session) -> None:
        for _ in range(2):
            session.add(Region(name="王秀英 3栋2单元502"))
            session.flush()

    with pytest.raises(IntegrityError) as wrong:
        database.write_now(twice)
    told = "".join(traceback.format_exception(wrong.value))
    assert "王秀英" not in redact(None, "error", {"exception": told})["exception"]


@pytest.mark.parametrize("pool", [0, 65])
def test_the_pool_has_bounds(pool: int) -> None:
    with pytest.raises(ValidationError):
        DatabaseSettings(pool=pool)


def test_commits_are_durable(waiting_for_the_disk: None, sqlite: Database) -> None:
    """NORMAL lost committed rows in the power-cut test (ADR 0002)."""
    wanted = {"synchronous": 2, "foreign_keys": 1, "journal_mode": "wal"}
    have = sqlite.write_now(
        lambda s: {name: s.connection().execute(text(f"PRAGMA {name}")).scalar() for name in wanted}
    )
    assert have == wanted


def test_the_version_of_the_knowledge(database: Database) -> None:
    assert database.read_now(documents.counter) == 0
    assert [database.write_now(documents.raise_counter) for _ in range(3)] == [1, 2, 3]
    assert database.read_now(documents.counter) == 3


# ---------------------------------------------------------------- callers that share a function


def test_callers_share_a_function(database: Database) -> None:
    async def main() -> list[str]:
        gathering: Gathering[str, str] = Gathering(database.write, lambda session, name: str(add(name)(session)))
        return await asyncio.gather(*(gathering.add(f"{n:03d}") for n in range(MOST + 5)))

    assert asyncio.run(main()) == [f"{n:03d}" for n in range(MOST + 5)]
    assert sorted(names(database)) == [f"{n:03d}" for n in range(MOST + 5)]


def test_one_that_fails_does_not_concern_the_others(database: Database) -> None:
    async def main() -> list[str | BaseException]:
        gathering: Gathering[str, str] = Gathering(database.write, lambda session, name: str(add(name)(session)))
        return await asyncio.gather(*(gathering.add(name) for name in ("a", "b", "b", "c")), return_exceptions=True)

    first, second, repeated, last = asyncio.run(main())
    assert (first, second, last) == ("a", "b", "c")
    assert isinstance(repeated, Exception)
    assert names(database) == ["a", "b", "c"]


def test_one_that_does_not_wait_any_more(database: Database) -> None:
    async def main() -> None:
        gathering: Gathering[str, str] = Gathering(database.write, lambda session, name: str(add(name)(session)))
        first, twice, last = (asyncio.create_task(gathering.add(name)) for name in ("a", "a", "b"))
        await asyncio.sleep(0)
        first.cancel()
        twice.cancel()
        assert await last == "b"

    asyncio.run(main())
    assert names(database) == ["a", "b"]


def test_statistics_that_somebody_gathered_make_no_plans(sqlite: Database, tmp_path: Path) -> None:
    """The plans that are tested are made without: after ANALYZE SQLite goes through whole tables for what runs every second."""
    rows = "WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n WHERE v < 3000) SELECT 1, v FROM n"
    plan = text("EXPLAIN QUERY PLAN SELECT * FROM sample WHERE a = 1 AND b > 3")

    def planned(session: Session) -> list[str]:
        return [str(row[3]) for row in session.execute(plan)]

    def fill(session: Session) -> None:
        for statement in (
            "TABLE sample (a INTEGER, b INTEGER)",
            "INDEX by_a ON sample (a)",
            "INDEX by_b ON sample (b)",
        ):
            session.execute(text(f"CREATE {statement}"))
        session.execute(text(f"INSERT INTO sample {rows}"))

    sqlite.write_now(fill)
    before = sqlite.read_now(planned)
    sqlite.close()
    with closing(sqlite3.connect(tmp_path / "sqlite" / NAME)) as raw:
        raw.execute("ANALYZE")
        assert [str(row[3]) for row in raw.execute(str(plan))] != before
    again = open_database(tmp_path / "sqlite")
    assert again.write_now(planned) == again.read_now(planned) == before
    again.close()
