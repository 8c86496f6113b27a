"""The starter base that tests copy is the one that is taken in."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from knowledge import ingest
from storage import audit
from storage.documents import Document
from storage.engine import Database, open_database
from storage.migrate import upgrade
from tests import starter
from tests.knowledge.conftest import NOW

LATER = NOW + timedelta(days=3, seconds=7)


def _everything(database: Database) -> dict[str, list[Any]]:
    with database.read_engine.connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        names = [name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: raw.execute(f'SELECT * FROM "{name}"').fetchall() for name in names}


def _empty(folder: Path) -> Database:
    folder.mkdir()
    made = open_database(folder)
    upgrade(made)
    return made


def test_what_is_copied_is_what_would_have_been_taken_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, copied, taken = (_empty(tmp_path / name) for name in ("first", "copied", "taken"))
    ingest.seed(first, now=NOW)
    added = ingest.seed(copied, now=LATER)
    starter.seed_each_time(wanted=True)
    try:
        assert ingest.seed(taken, now=LATER) == added
    finally:
        starter.seed_each_time(wanted=False)
    assert _everything(copied) == _everything(taken)
    assert _everything(copied) != _everything(first)
    assert copied.read_now(audit.broken_links) == taken.read_now(audit.broken_links)
    assert copied.read_now(audit.broken_links)[1] is None

    really: list[Database] = []
    monkeypatch.setattr(starter, "_seed", lambda database, **_more: really.append(database))
    other = _empty(tmp_path / "other")
    other.write_now(lambda session: session.add(Document(name="规则", created_at=NOW)))
    before = _everything(other)
    ingest.seed(other, now=LATER)
    assert really == [other], "a base that has something is not written over"
    assert _everything(other) == before
