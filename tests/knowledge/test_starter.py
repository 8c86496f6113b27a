"""The starter base that tests copy is the one that is taken in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from knowledge import evaluation, golden, ingest
from knowledge.answering import Answering
from knowledge.starter import sample_run
from prompts.loader import PROMPTS
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


def test_the_samples_golden_cases_are_asked_again_as_they_grow_and_keep_out_of_a_base_of_ones_own(
    answering: Answering, database: Database, entries: Callable[..., ingest.Added]
) -> None:
    entries([{"id": "own", "question": "自己的一条？", "answer": "自己的。"}], name="own.jsonl")
    sample_run(answering, 1.0, NOW)
    assert database.read_now(golden.listed) == [], "nothing here answers them"
    sample = evaluation.read_cases(PROMPTS / "sample" / "golden.jsonl")
    wanted = sorted({one for case in sample for one in case.relevant})
    entries([{"id": one, "question": f"样例 {one} 怎么办？", "answer": f"样例 {one}。"} for one in wanted])
    answering.reload()
    for days, share in enumerate((0.25, 1.0, 1.0)):
        sample_run(answering, share, NOW + timedelta(days=days))
    cases, runs = database.read_now(golden.listed), database.read_now(golden.trend)
    assert {one.made_by for one in cases} == {"示例数据"}
    assert [(run.figures or {})["n"] for run in runs] == [3, len(sample), len(sample)]


def test_the_samples_golden_cases_name_entries_that_ship() -> None:
    shipped = {one["id"] for path in (PROMPTS / "knowledge").rglob("*.jsonl") for one in _lines(path)}
    for case in evaluation.read_cases(PROMPTS / "sample" / "golden.jsonl"):
        assert case.relevant <= shipped, case.query


def test_an_answer_stands_without_its_question() -> None:
    """「到货了吗」 is answered by what happens when goods come, and not by 「会。」 to another question."""
    bare = re.compile(r"(?:不?(?:会|能|可以|行|算|用|要|一定|对|是)|没?有)[\u3002\uff0c\uff1a]|能补|一律")
    shipped = [one for path in (PROMPTS / "knowledge" / "faq").glob("*.jsonl") for one in _lines(path)]
    assert [one["id"] for one in shipped if bare.match(one["answer"])] == []


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
