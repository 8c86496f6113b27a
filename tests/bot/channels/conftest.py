"""What the tests of the AI bot stand on: a database of their own, and the platform."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from storage.engine import Database, open_database
from tests.platforms.wecom_bot import FakeWecomBot


@pytest.fixture
def database(tmp_path: Path, migrated_file: Path) -> Iterator[Database]:
    """A database with all its tables, in ``tmp_path / "house"``."""
    shutil.copytree(migrated_file, tmp_path / "house")
    opened = open_database(tmp_path / "house")
    yield opened
    opened.close()


@pytest.fixture
async def wecom() -> AsyncIterator[FakeWecomBot]:
    """The platform of one AI bot."""
    async with FakeWecomBot() as platform:
        yield platform
