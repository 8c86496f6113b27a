"""The same rows on PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from knowledge import ingest, requests
from knowledge.answering import open_answering
from knowledge.settings import KnowledgeSettings
from storage import migrate
from storage.engine import DatabaseSettings, open_database
from tests.knowledge.conftest import NOW


@pytest.mark.postgres
async def test_a_documents_life_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    database = open_database(tmp_path, DatabaseSettings(url=SecretStr(postgres_url)))
    migrate.upgrade(database)
    path = tmp_path / "a.jsonl"
    path.write_text('{"id":"a","question":"几点可以提货？","aliases":["几点能取"],"answer":"四点。"}\n', "utf-8")
    ingest.add(database, path, now=NOW, publish=True)
    answering = open_answering(database, tmp_path, KnowledgeSettings())
    assert (await answering.ask("几点能取", now=NOW)).text == "四点。"
    path.write_text('{"id":"a","question":"几点可以提货？","answer":"五点。"}\n', "utf-8")
    ingest.add(database, path, now=NOW, publish=True)
    assert (await answering.ask("几点可以提货", now=NOW)).text == "五点。"
    await requests.handle(answering, {"action": "rollback", "id": 1, "version": 1}, NOW)
    assert (await answering.ask("几点可以提货", now=NOW)).text == "四点。"
    assert [one["version"] for one in requests.read(database, {"action": "list"}, NOW)["documents"]] == [1]
    await requests.handle(answering, {"action": "remove", "id": 1}, NOW)
    assert (await answering.ask("几点可以提货", now=NOW)).decision != "answered"
    answering.close()
    database.close()
