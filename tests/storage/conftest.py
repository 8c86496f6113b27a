"""A migrated database, on SQLite and on PostgreSQL. Each is migrated once a run and copied for the tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy.engine import make_url

import engagement.registry  # noqa: F401  (the tables of the slices register on import)
from storage import migrate
from storage.engine import Database, DatabaseSettings, open_database
from tests import postgresql


@pytest.fixture(scope="session")
def migrated_url(postgresql_socket: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A migrated PostgreSQL database, to be copied; nobody stays connected to it."""
    with postgresql.fresh_database(postgresql_socket) as url:
        database = open_database(tmp_path_factory.mktemp("unused"), DatabaseSettings(url=SecretStr(url)))
        migrate.upgrade(database)
        database.close()
        yield url


@pytest.fixture
def sqlite(tmp_path: Path, migrated_file: Path) -> Iterator[Database]:
    """On SQLite alone."""
    folder = tmp_path / "sqlite"
    shutil.copytree(migrated_file, folder)
    opened = open_database(folder)
    yield opened
    opened.close()


@pytest.fixture
def postgres(tmp_path: Path, postgresql_socket: str, migrated_url: str) -> Iterator[Database]:
    """On PostgreSQL alone."""
    template = make_url(migrated_url).database
    with postgresql.fresh_database(postgresql_socket, str(template)) as url:
        opened = open_database(tmp_path, DatabaseSettings(url=SecretStr(url)))
        yield opened
        opened.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """Every test that uses it runs twice."""
    opened: Database = request.getfixturevalue("sqlite" if request.param == "sqlite" else "postgres")
    return opened
