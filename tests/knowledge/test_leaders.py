"""The leaders' manual of the starter base: leaders in private are answered from it, neighbours never.

Source: F73, F74, F75.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import select

from knowledge import evaluation
from knowledge.answer import Answer
from knowledge.answering import Answering, open_answering
from knowledge.ingest import STARTER
from knowledge.settings import KnowledgeSettings
from knowledge.starter import load_starter
from storage import migrate
from storage.documents import Document
from storage.engine import open_database
from tests.knowledge.conftest import NOW

ROWS = [
    json.loads(line)
    for path in sorted((STARTER / "leaders").glob("*.jsonl"))
    for line in path.read_text(encoding="utf-8").splitlines()
]
ASKED = {
    "几家都来说鸡胸有味，我该先干啥": "leaders.mass",
    "邻居要我十倍赔，我能应下来不": "leaders.complaint_pay",
    "我干不下去了，群咋交给别人": "leaders.quit",
    "冰柜昨晚断电了，饺子软了还发不发": "leaders.cold_chain",
    "想给搬货的大哥奖20分咋弄": "leaders.give",
    "给错人加了分，怎么退回来": "leaders.take",
    "几个群想一块儿通知一声": "leaders.announce",
    "没人聊天了，怎么把群暖起来": "leaders.quiet_group",
}
"""What a leader asks, in words that stand nowhere in the base → the entry that answers."""

pytestmark = [pytest.mark.xdist_group("starter"), pytest.mark.untraced]


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answering]:
    """The starter base, published."""
    folder = tmp_path_factory.mktemp("leaders")
    database = open_database(folder)
    migrate.upgrade(database)
    opened = open_answering(database, folder, KnowledgeSettings())
    load_starter(opened, NOW, publish=True)
    yield opened
    opened.close()
    database.close()


@pytest.fixture(scope="module")
def theirs(starter: Answering) -> set[int | None]:
    """The documents for leaders."""
    chosen = select(Document.id).where(Document.audience == "leaders")
    return set(starter.database.read_now(lambda session: session.exec(chosen).all()))


def _ask(starter: Answering, question: str, *, leader: bool) -> Answer:
    return asyncio.run(starter.ask(question, now=NOW, leader=leader))


def _shown(answer: Answer) -> list[str]:
    return [cited.chunk for cited in answer.citations] + [candidate.id for candidate in answer.candidates]


def test_every_document_of_the_folder_is_for_leaders(starter: Answering) -> None:
    documents = starter.database.read_now(lambda session: session.exec(select(Document)).all())
    told = {one.name: one.audience for one in documents}
    assert {name for name, audience in told.items() if audience == "leaders"} == {
        f"leaders/{path.name}" for path in (STARTER / "leaders").iterdir() if path.suffix in (".md", ".jsonl")
    }


@pytest.mark.parametrize("question", [row["question"] for row in ROWS])
def test_neighbours_are_never_answered_from_it(starter: Answering, theirs: set[int | None], question: str) -> None:
    answer = _ask(starter, question, leader=False)
    assert not [entry for entry in _shown(answer) if entry.startswith("leaders.")]
    assert not theirs & {cited.document_id for cited in answer.citations}


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_leaders_in_private_are_answered(starter: Answering, row: dict[str, str]) -> None:
    answer = _ask(starter, row["question"], leader=True)
    assert answer.decision == "answered"
    assert answer.text == row["answer"]


def test_leaders_are_answered_what_they_ask_in_their_own_words(starter: Answering) -> None:
    found = {question: _ask(starter, question, leader=True) for question in ASKED}
    near = [question for question, answer in found.items() if ASKED[question] in _shown(answer)]
    assert len(near) >= len(ASKED) - 2, {question: answer.candidates for question, answer in found.items()}


def test_leaders_are_still_answered_what_neighbours_are(starter: Answering) -> None:
    cases = evaluation.read_cases(Path(__file__).parents[1] / "evals" / "starter.jsonl")[:200:10]
    same = [
        case.query
        for case in cases
        if case.relevant and {one.chunk for one in _ask(starter, case.query, leader=True).citations} & case.relevant
    ]
    assert len(same) >= 13, same
