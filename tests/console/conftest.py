"""A fresh house for every test that asks for one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.engine import open_database
from tests.console.doors import House, people


@pytest.fixture
def house(tmp_path: Path, migrated_file: Path) -> Iterator[House]:
    """The application as it runs in production, over https, with a leader and a resident in it."""
    folder = tmp_path / "house"
    shutil.copytree(migrated_file, folder)
    database = open_database(folder)
    database.write_now(people)
    yield House(database)
    database.close()
