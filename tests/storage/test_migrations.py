"""An empty database is migrated to exactly the tables that the code describes; ledger and audit trail refuse changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

import engagement.registry  # noqa: F401  (the tables of the slices register on import)
from storage import audit, migrate
from storage.engine import Database, DatabaseSettings, open_database
from tests.storage.worlds import NOW, a_member, post

pytestmark = pytest.mark.usefixtures("every_migration")


def _differences(database: Database) -> list[object]:
    with database.write_engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        return list(compare_metadata(context, SQLModel.metadata))


def test_sqlite_from_empty(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    migrate.upgrade(database)
    assert _differences(database) == []
    assert not migrate.pending(database)
    database.close()


def test_postgresql_from_empty(tmp_path: Path, postgres_url: str) -> None:
    database = open_database(tmp_path, DatabaseSettings(url=SecretStr(postgres_url)))
    migrate.upgrade(database)
    assert _differences(database) == []
    database.close()


def test_twice_changes_nothing(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    migrate.upgrade(database)
    migrate.upgrade(database)
    assert not migrate.pending(database)
    database.close()


def test_down_and_up_again(database: Database) -> None:
    from alembic import command

    with database.write_engine.connect() as connection:
        command.downgrade(migrate._config(connection), "base")
        connection.commit()
    assert migrate.pending(database)
    migrate.upgrade(database)
    assert _differences(database) == []


@pytest.mark.parametrize("statement", ["UPDATE ledger_entry SET amount = 7", "DELETE FROM ledger_entry"])
def test_ledger_refuses_changes(database: Database, statement: str) -> None:
    database.write_now(lambda session: post(session, a_member(session), 5, "checkin:1"))
    with pytest.raises(DBAPIError, match="append-only"):
        database.write_now(lambda session: session.connection().execute(text(statement)))


@pytest.mark.parametrize("statement", ["UPDATE audit SET action = 'x'", "DELETE FROM audit"])
def test_audit_refuses_changes(database: Database, statement: str) -> None:
    database.write_now(lambda s: audit.record(s, at=NOW, actor_id=1, group_id=None, action="data.exported"))
    with pytest.raises(DBAPIError, match="append-only"):
        database.write_now(lambda session: session.connection().execute(text(statement)))


def test_the_newest_revision_is_known_without_alembic() -> None:
    from alembic.script import ScriptDirectory

    assert migrate.heads() == set(ScriptDirectory.from_config(migrate._config(None)).get_heads())
