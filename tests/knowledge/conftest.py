"""A migrated database for each test, and the starter base seeded once a worker."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import engagement.registry  # noqa: F401  (the tables of the slices register on import)
from knowledge import ingest
from knowledge.answering import Answering, open_answering
from knowledge.settings import KnowledgeSettings
from storage import migrate
from storage.engine import Database, open_database

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def migrated_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a migrated SQLite file, to be copied."""
    folder = tmp_path_factory.mktemp("knowledge")
    database = open_database(folder)
    migrate.upgrade(database)
    database.close()
    return folder


@pytest.fixture
def folder(tmp_path: Path, migrated_folder: Path) -> Path:
    """A data directory of this test's own."""
    own = tmp_path / "data"
    shutil.copytree(migrated_folder, own)
    return own


@pytest.fixture
def database(folder: Path) -> Iterator[Database]:
    """Its rows."""
    opened = open_database(folder)
    yield opened
    opened.close()


@pytest.fixture
def answering(folder: Path, database: Database) -> Iterator[Answering]:
    """Its knowledge base; empty."""
    opened = open_answering(database, folder, KnowledgeSettings())
    yield opened
    opened.close()


@pytest.fixture
def entries(tmp_path: Path, database: Database) -> Callable[..., ingest.Added]:
    """Takes entries in: ``entries([{"id": …, "question": …}], name="a.jsonl", scope="all", publish=True)``."""

    def add(
        rows: Sequence[dict[str, Any]], name: str = "faq.jsonl", scope: str = "all", publish: bool = True
    ) -> ingest.Added:
        path = tmp_path / "in" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        return ingest.add(database, path, now=NOW, label=ingest.Label(scope=scope), publish=publish)

    return add
