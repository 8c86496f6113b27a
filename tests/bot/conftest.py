"""A gateway on a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bot.house import House, open_house


@pytest.fixture
def house(tmp_path: Path, migrated_file: Path) -> Iterator[House]:
    """Nobody has said anything yet."""
    opened = open_house(tmp_path / "house", migrated_file, paced=("telegram",))
    yield opened
    opened.database.close()
