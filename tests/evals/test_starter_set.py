"""The starter evaluation set measures what it says: its counts, its labels, and none of its queries given away.

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

ROOT = Path(__file__).resolve().parents[2]
SET = Path(__file__).with_name("starter.jsonl")


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip():
            yield json.loads(line)


def _key(text: str) -> str:
    """What is left for comparing: normalised as the retriever does, without punctuation, spaces and pictures."""
    return re.sub(r"[\W_]+", "", question(text))


ROWS = list(_lines(SET))
ENTRIES = [entry for path in sorted((ROOT / "prompts/knowledge/faq").glob("*.jsonl")) for entry in _lines(path)]
CATEGORY = {entry["id"]: entry["category"] for entry in ENTRIES}


def _given_away(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    known = {_key(text): entry["id"] for entry in ENTRIES for text in (entry["question"], *entry["aliases"])}
    return [(row["query"], known[_key(row["query"])]) for row in rows if _key(row["query"]) in known]


def test_a_line_is_a_query_and_the_ids_that_answer_it() -> None:
    for row in ROWS:
        assert set(row) == {"query", "relevant"}, row
        assert row["query"] == row["query"].strip()
        assert 3 <= len(row["query"]) <= 40, row["query"]
        assert len(row["relevant"]) == len(set(row["relevant"])) <= 3, row["query"]


def test_the_counts_are_those_of_the_readme() -> None:
    answerable = [row for row in ROWS if row["relevant"]]
    assert (len(answerable), len(ROWS) - len(answerable)) == (200, 80)
    assert sum(len(row["relevant"]) > 1 for row in answerable) == 13


def test_every_id_stands_in_the_base() -> None:
    missing = {entry_id: row["query"] for row in ROWS for entry_id in row["relevant"] if entry_id not in CATEGORY}
    assert not missing


def test_the_set_is_spread_over_the_base() -> None:
    named = {entry_id for row in ROWS for entry_id in row["relevant"]}
    assert len(named) >= 150
    per_category = Counter(CATEGORY[row["relevant"][0]] for row in ROWS if row["relevant"])
    assert set(per_category) == set(CATEGORY.values())
    assert min(per_category.values()) >= 10, per_category


def test_no_query_stands_twice() -> None:
    assert all(_key(row["query"]) for row in ROWS)
    twice = [key for key, count in Counter(_key(row["query"]) for row in ROWS).items() if count > 1]
    assert not twice


def test_no_query_is_a_phrasing_of_the_base() -> None:
    assert not _given_away(ROWS)


@pytest.mark.parametrize("disguise", ["{}", "团长你好，{}？", " {}！！", "{}，谢谢"])
def test_a_phrasing_copied_into_the_set_is_noticed(disguise: str) -> None:
    entry = ENTRIES[0]
    for text in (entry["question"], entry["aliases"][0]):
        noticed = _given_away([{"query": disguise.format(text), "relevant": [entry["id"]]}])
        assert [entry_id for _, entry_id in noticed] == [entry["id"]]
