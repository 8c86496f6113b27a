"""The evaluation sets about the starter base: their counts, their labels, and none of their queries given away.

Messages name a query and an entry's id, never the phrasing: whoever mends the set need not see the phrasings.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from knowledge.normalise import question

pytestmark = pytest.mark.untraced

ROOT = Path(__file__).resolve().parents[2]
SETS = {"starter.jsonl": (200, 80, 13), "blind.jsonl": (200, 80, 21), "final.jsonl": (400, 120, 28)}
"""File → how many of its questions have an answer, how many have none, how many have two right entries."""
YOUNGER = {"starter.jsonl": {"goods"}, "blind.jsonl": {"goods"}, "final.jsonl": set[str]()}
"""File → categories that the base gained when the set had been written."""
OF_EACH = pytest.mark.parametrize("name", SETS)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip():
            yield json.loads(line)


def _key(text: str) -> str:
    """What is left for comparing: normalised as the retriever does, without punctuation, spaces and pictures."""
    return re.sub(r"[\W_]+", "", question(text))


ROWS = {name: list(_lines(Path(__file__).with_name(name))) for name in SETS}
ENTRIES = [entry for path in sorted((ROOT / "prompts/knowledge/faq").glob("*.jsonl")) for entry in _lines(path)]
CATEGORY = {entry["id"]: entry["category"] for entry in ENTRIES}


def _given_away(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    known = {_key(text): entry["id"] for entry in ENTRIES for text in (entry["question"], *entry["aliases"])}
    return [(row["query"], known[_key(row["query"])]) for row in rows if _key(row["query"]) in known]


@OF_EACH
def test_a_line_is_a_query_and_the_ids_that_answer_it(name: str) -> None:
    for row in ROWS[name]:
        assert set(row) == {"query", "relevant"}, row
        assert row["query"] == row["query"].strip()
        assert 3 <= len(row["query"]) <= 40, row["query"]
        assert len(row["relevant"]) == len(set(row["relevant"])) <= 3, row["query"]


@OF_EACH
def test_the_counts_are_those_of_the_readme(name: str) -> None:
    answerable = [row for row in ROWS[name] if row["relevant"]]
    several = sum(len(row["relevant"]) > 1 for row in answerable)
    assert (len(answerable), len(ROWS[name]) - len(answerable), several) == SETS[name]


@OF_EACH
def test_every_id_stands_in_the_base(name: str) -> None:
    missing = {entry_id: row["query"] for row in ROWS[name] for entry_id in row["relevant"] if entry_id not in CATEGORY}
    assert not missing


@OF_EACH
def test_the_set_is_spread_over_the_base(name: str) -> None:
    named = {entry_id for row in ROWS[name] for entry_id in row["relevant"]}
    assert len(named) >= 150
    per_category = Counter(CATEGORY[row["relevant"][0]] for row in ROWS[name] if row["relevant"])
    assert set(per_category) | YOUNGER[name] == set(CATEGORY.values())
    assert min(per_category.values()) >= 10, per_category


@OF_EACH
def test_no_query_stands_twice(name: str) -> None:
    assert all(_key(row["query"]) for row in ROWS[name])
    twice = [key for key, count in Counter(_key(row["query"]) for row in ROWS[name]).items() if count > 1]
    assert not twice


@OF_EACH
def test_no_query_is_a_phrasing_of_the_base(name: str) -> None:
    assert not _given_away(ROWS[name])


@pytest.mark.parametrize("disguise", ["{}", "团长你好，{}？", " {}！！", "{}，谢谢"])
def test_a_phrasing_copied_into_the_set_is_noticed(disguise: str) -> None:
    entry = ENTRIES[0]
    for text in (entry["question"], entry["aliases"][0]):
        noticed = _given_away([{"query": disguise.format(text), "relevant": [entry["id"]]}])
        assert [entry_id for _, entry_id in noticed] == [entry["id"]]
