"""The figures of ``kb eval``."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge import evaluation, ingest
from knowledge.answering import Answering
from knowledge.errors import KnowledgeRefusal
from storage.engine import Database
from tests.knowledge.conftest import NOW

_SCORES = st.lists(st.integers(0, 5).map(float), min_size=1, max_size=12)


@given(_SCORES, _SCORES)
def test_auroc_is_the_chance_of_the_right_order(positive: list[float], negative: list[float]) -> None:
    wins = sum((a > b) + 0.5 * (a == b) for a in positive for b in negative)
    assert evaluation.auroc(positive, negative) == pytest.approx(wins / (len(positive) * len(negative)))


def test_every_question_has_one_verdict(
    answering: Answering, database: Database, entries: Callable[..., ingest.Added], tmp_path: Path
) -> None:
    entries(
        [
            {"id": "a", "question": "几点可以提货", "answer": "四点。"},
            {"id": "b", "question": "退款多久到账", "answer": "三天。"},
            {"id": "c", "question": "怎么签到打卡", "answer": "发签到。"},
        ]
    )
    answering.reload()
    path = tmp_path / "q.jsonl"
    path.write_text(
        '{"query":"几点可以提货","relevant":["a"],"more":1}\n{"query":"退款多久到账","relevant":["c"]}\n'
        '{"query":"怎么签到打卡","relevant":[]}\n\n{"query":"火星上有没有水","relevant":["a"]}\n'
        '{"query":"qwerty","relevant":[]}\n',
        "utf-8",
    )
    cases = evaluation.read_cases(path)
    figures = evaluation.figures(evaluation.run(answering.base, database, cases, clock=time.perf_counter, now=NOW))
    assert figures["n"] == 5
    assert figures["answered_right"] == 1
    assert figures["answered_wrong"] == 2
    assert figures["handed_over_right"] == 1
    counted = (
        "answered_right",
        "answered_wrong",
        "asked_back_hit",
        "asked_back_miss",
        "handed_over_right",
        "handed_over_wrong",
    )
    assert sum(figures[name] for name in counted) == 5
    assert figures["r1"] == pytest.approx(1 / 3, abs=0.4)
    assert 0 < figures["ms_p50"] <= figures["ms_p99"]


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"query":"a"}', "nonsense"])
def test_an_unreadable_set_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(content, "utf-8")
    with pytest.raises(KnowledgeRefusal):
        evaluation.read_cases(path)
    with pytest.raises(KnowledgeRefusal):
        evaluation.read_cases(tmp_path / "none.jsonl")
