"""A small installation on SQLite, closed afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engagement.pushes import JobSpec
from tests.scheduler.community import Town, database_at


@pytest.fixture
def town(data_dir: Path) -> Iterator[Callable[..., Town]]:
    """Make an installation with the given kinds of push."""
    made: list[Town] = []

    def make(*jobs: JobSpec, url: str = "", **changes: object) -> Town:
        found = Town(database_at(data_dir, url), *jobs, **changes)  # type: ignore[arg-type]
        made.append(found)
        return found

    yield make
    for one in made:
        one.database.close()
