"""A migrated database, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

import engagement.registry  # noqa: F401  (the tables of the slices register on import)
from storage import migrate
from storage.engine import Database, DatabaseSettings, open_database


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Every test that uses it runs twice."""
    settings = DatabaseSettings()
    if request.param == "postgresql":
        settings = DatabaseSettings(url=SecretStr(request.getfixturevalue("postgres_url")))
    opened = open_database(tmp_path, settings)
    migrate.upgrade(opened)
    yield opened
    opened.close()
