"""A document removed, restored or erased: what is left of it."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from knowledge import erasing, ingest, lifecycle, listings, sweeping
from knowledge.answering import Answering
from storage.documents import Chunk, Document, DocumentVersion, Phrasing
from storage.engine import Database, Session
from tests.knowledge.conftest import NOW
from tests.knowledge.stages import NEW, OLD, Add, acts, refused, stages


async def test_a_removed_document_is_in_no_answer_and_no_vector_and_comes_back(
    answering: Answering, entries: Add, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    one = entries([OLD]).document
    answering.reload()
    assert answering.base.index.size == 1
    database.write_now(lambda s: lifecycle.remove(s, one, ingest.OPERATOR, NOW))
    told = await answering.ask("退款多久到账？", now=NOW)
    assert told.decision != "answered"
    assert (told.text, told.candidates) == ("", ())
    answering.reload()
    assert answering.base.index.size == 0
    assert refused(lambda: database.write_now(lambda s: lifecycle.remove(s, one, ingest.OPERATOR, NOW))) == (
        "kb.document_unknown"
    )
    database.write_now(lambda s: lifecycle.restore(s, one, ingest.OPERATOR, NOW))
    assert (await answering.ask("退款多久到账？", now=NOW)).text == "三天内。"
    assert refused(lambda: database.write_now(lambda s: lifecycle.restore(s, one, ingest.OPERATOR, NOW))) == (
        "kb.not_removed"
    )
    assert acts(database) == ["knowledge.published", "knowledge.removed", "knowledge.restored"]
    assert "三天内" not in caplog.text


async def test_something_new_for_a_removed_document_does_not_bring_the_old_back(
    answering: Answering, entries: Add, database: Database
) -> None:
    one = entries([OLD]).document
    database.write_now(lambda s: lifecycle.remove(s, one, ingest.OPERATOR, NOW))
    entries([NEW], publish=False)
    assert (await answering.ask("退款多久到账？", now=NOW)).text == ""
    assert stages(database, one) == ["superseded", "scanned"]
    database.write_now(lambda s: lifecycle.remove(s, one, ingest.OPERATOR, NOW))
    assert entries([NEW], publish=False).unchanged


async def test_erased_words_are_in_no_row_no_vector_and_no_file(
    answering: Answering, entries: Add, database: Database, folder: Path
) -> None:
    secret = "紫藤花架下的第七级台阶"
    rows = [{**OLD, "id": f"e{n}", "question": f"{secret}有多少块{n}？", "answer": f"{secret}{n}。"} for n in range(90)]
    one = entries(rows).document
    entries(rows[:50])
    other = entries([NEW], name="other.jsonl").document
    answering.reload()
    gone = erasing.erase(database, one, ingest.OPERATOR, NOW)
    assert (gone.versions, gone.chunks) == (2, 140)
    assert (await answering.ask(f"{secret}有多少块3？", now=NOW)).text == ""
    assert (await answering.ask("退款多久到账", now=NOW)).text == "五天内。"
    answering.reload()
    assert answering.base.index.size == 1

    def left(session: Session) -> tuple[int, ...]:
        tables = (Document, DocumentVersion, Chunk, Phrasing)
        return tuple(len(session.exec(select(table)).all()) for table in tables)

    assert database.read_now(left) == (2, 1, 1, 1)
    shell = database.read_now(lambda s: s.get_one(Document, one))
    assert (shell.name, shell.title, shell.owner) == (f"#{one}", "", "")
    assert refused(lambda: erasing.erase(database, one, ingest.OPERATOR, NOW)) == "kb.document_unknown"
    assert refused(lambda: database.write_now(lambda s: lifecycle.restore(s, one, ingest.OPERATOR, NOW))) == (
        "kb.not_removed"
    )
    assert refused(lambda: database.read_now(lambda s: listings.document(s, one, NOW))) == "kb.document_unknown"
    assert refused(lambda: database.write_now(lambda s: lifecycle.rollback(s, one, 1, ingest.OPERATOR, NOW)))
    assert other != one
    assert _holding(folder, secret) == []


def _holding(folder: Path, words: str) -> list[Path]:
    """Files in which words can be read."""
    return [file for file in folder.rglob("*") if file.is_file() and words.encode() in file.read_bytes()]


def test_an_erasing_that_was_cut_off_is_finished_by_the_next(
    entries: Add, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = entries([{**OLD, "id": f"e{n}"} for n in range(90)]).document
    whole = sweeping._some
    calls: list[int] = []

    def some(session: Session, version: int) -> bool:
        calls.append(version)
        if len(calls) == 2:
            raise RuntimeError("cut off")
        return whole(session, version)

    monkeypatch.setattr(sweeping, "_some", some)
    with pytest.raises(RuntimeError):
        erasing.erase(database, one, ingest.OPERATOR, NOW)
    assert database.read_now(lambda s: lifecycle.versions(s, one)) == []
    assert erasing.erase(database, one, ingest.OPERATOR, NOW).chunks == 50
    assert database.read_now(lambda s: s.exec(select(Chunk)).all()) == []


@pytest.mark.parametrize("cut", [1, 2, 3, 4, 5])
def test_what_a_cut_off_erasing_left_is_swept_without_a_trace(
    cut: int, entries: Add, database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "紫藤花架下的第七级台阶"
    one = entries([{**OLD, "id": f"e{n}", "answer": f"{secret}{n}。"} for n in range(90)]).document
    entries([NEW], name="other.jsonl")
    whole, calls = Database.write_now, 0

    def writing(self: Database, act: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > cut + 1:  # the first one only switches the writing over on
            raise RuntimeError("cut off")
        return whole(self, act)

    monkeypatch.setattr(Database, "write_now", writing)
    with pytest.raises(RuntimeError):
        erasing.erase(database, one, ingest.OPERATOR, NOW)
    monkeypatch.setattr(Database, "write_now", whole)
    assert database.read_now(lambda s: lifecycle.versions(s, one)) == []
    sweeping.sweep(database, before=NOW)
    assert _holding(folder, secret) == []
    assert database.read_now(lambda s: len(s.exec(select(DocumentVersion)).all())) == 1


def test_what_was_taken_in_by_half_leaves_no_trace_after_an_erasing(
    entries: Add, database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "紫藤花架下的第七级台阶"
    one = entries([OLD]).document
    written = ingest._insert
    calls: list[int] = []

    def cut(*arguments: Any) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("cut off")
        written(*arguments)

    monkeypatch.setattr(ingest, "_insert", cut)
    with pytest.raises(RuntimeError):
        entries([{**OLD, "id": f"e{n}", "question": f"{secret}第{n}问？"} for n in range(90)])
    monkeypatch.setattr(ingest, "_insert", written)
    assert _holding(folder, secret)
    entries([NEW])
    erasing.erase(database, one, ingest.OPERATOR, NOW)
    assert _holding(folder, secret) == []


def test_sqlite_is_what_the_fixture_says(database: Database) -> None:
    """The bytes on disk are looked at above; on another database that would prove nothing."""
    assert database.dialect == "sqlite"
    assert sqlite3.sqlite_version_info >= (3, 35)
