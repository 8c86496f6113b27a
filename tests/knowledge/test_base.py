"""Documents in, questions asked: bands, scopes, facts, edits, and what happens when the index is broken."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlmodel import select

from knowledge import ingest, lifecycle
from knowledge.answer import Scope
from knowledge.answering import Answering, open_answering
from knowledge.base import KnowledgeBase
from knowledge.embedding import WordVectorEmbedder
from knowledge.errors import KnowledgeRefusal, ModelFault
from knowledge.settings import KnowledgeSettings
from storage.documents import Chunk, counter
from storage.engine import Database
from tests.knowledge.conftest import NOW

Add = Callable[..., ingest.Added]

HOURS = {
    "id": "hours",
    "question": "几点可以提货？",
    "aliases": ["取货到几点关门", "最早几点能领"],
    "answer": "提货时间：{pickup_hours}。",
    "facts": ["pickup_hours"],
    "answer_without_facts": "时间请问团长。",
    "source": "《提货说明》第1.2条",
}
REFUND = {
    "id": "refund",
    "question": "退款多久到账？",
    "aliases": ["钱啥时候退给我"],
    "answer": "1–3 个工作日原路退回。",
}
CHECKIN = {"id": "checkin", "question": "怎么签到？", "aliases": ["打卡要发啥"], "answer": "在群里发「签到」两个字。"}
FAQ = [HOURS, REFUND, CHECKIN]


async def test_an_answer_has_its_source_and_the_groups_facts(answering: Answering, entries: Add) -> None:
    entries(FAQ)
    told = await answering.ask("团长你好，几点可以提货？", facts={"pickup_hours": "16:00–20:00"}, now=NOW)
    assert (told.decision, told.text) == ("answered", "提货时间：16:00–20:00。")
    assert [(one.document, one.chunk) for one in told.citations] == [("《提货说明》第1.2条", "hours")]
    assert told.candidates[0].id == "hours"
    bare = await answering.ask("几点可以提货", facts={"pickup_hours": "  "}, now=NOW)
    assert (bare.text, bare.missing) == ("时间请问团长。", ("pickup_hours",))
    assert told.missing == ()


async def test_a_number_to_ring_if_all_else_fails_is_no_fact_that_was_asked_for(
    answering: Answering, entries: Add
) -> None:
    shut = {**REFUND, "answer": "先给团长发消息。联系不上就打 {hotline}。", "answer_without_facts": "先给团长发消息。"}
    entries([{**shut, "facts": ["hotline"]}])
    told = await answering.ask("退款多久到账", facts={}, now=NOW)
    assert (told.text, told.missing) == ("先给团长发消息。", ())


async def test_a_fact_is_put_in_as_it_is_and_never_looked_into(answering: Answering, entries: Add) -> None:
    entries(FAQ)
    told = await answering.ask(
        "几点可以提货", facts={"pickup_hours": "{hotline} {pickup_hours}", "hotline": "x"}, now=NOW
    )
    assert told.text == "提货时间：{hotline} {pickup_hours}。"


async def test_what_is_not_there_is_not_answered(answering: Answering, entries: Add) -> None:
    entries(FAQ)
    for question in ("火星上有没有水", "", "?!", "😀", "a" * 5000):
        told = await answering.ask(question, now=NOW)
        assert told.decision in {"handed_over", "refused", "asked_back"}
        assert told.text == ""
        assert not told.citations


async def test_an_edit_takes_effect_in_the_next_answer(answering: Answering, entries: Add, database: Database) -> None:
    first = entries(FAQ)
    assert (await answering.ask("退款多久到账", now=NOW)).text == "1–3 个工作日原路退回。"
    entries([{**REFUND, "answer": "当天退回。"}, CHECKIN])
    assert (await answering.ask("退款多久到账", now=NOW)).text == "当天退回。"
    assert (await answering.ask("几点可以提货", now=NOW)).decision != "answered"
    database.write_now(lambda session: lifecycle.rollback(session, first.document, 1, ingest.OPERATOR, NOW))
    assert (await answering.ask("退款多久到账", now=NOW)).text == "1–3 个工作日原路退回。"
    database.write_now(lambda session: lifecycle.remove(session, first.document, ingest.OPERATOR, NOW))
    assert (await answering.ask("退款多久到账", now=NOW)).decision != "answered"


async def test_a_draft_is_never_answered_from(answering: Answering, entries: Add, database: Database) -> None:
    draft = entries(FAQ, publish=False)
    assert (await answering.ask("怎么签到", now=NOW)).decision != "answered"
    hand = ingest.OPERATOR
    assert database.write_now(lambda session: lifecycle.publish(session, draft.document, hand, NOW)).number == 1
    assert (await answering.ask("怎么签到", now=NOW)).decision == "answered"
    with pytest.raises(KnowledgeRefusal):
        database.write_now(lambda session: lifecycle.publish(session, draft.document, hand, NOW))


async def test_a_scope_is_a_wall(answering: Answering, entries: Add, database: Database) -> None:
    entries([{"id": "door", "question": "仓库门的密码是多少", "answer": "金丝雀一号"}], name="a.jsonl", scope="group:1")
    entries(
        [{"id": "door", "question": "仓库门的密码是多少", "answer": "金丝雀二号"}], name="b.jsonl", scope="region:7"
    )
    for scope, answer in ((Scope("1"), "金丝雀一号"), (Scope("2", "7"), "金丝雀二号"), (Scope("2"), ""), (Scope(), "")):
        told = await answering.ask_within("仓库门的密码是多少", scope, now=NOW)
        assert told.text == answer
        assert all("金丝雀" not in one.question for one in told.candidates)
        if not answer:
            assert not told.candidates


async def test_a_groups_own_entry_goes_before_everybodys(answering: Answering, entries: Add) -> None:
    entries(FAQ)
    entries([{**REFUND, "answer": "本群当天退。"}], name="own.jsonl", scope="group:5")
    assert (await answering.ask_within("退款多久到账", Scope("5"), now=NOW)).text == "本群当天退。"
    assert (await answering.ask_within("退款多久到账", Scope("6"), now=NOW)).text == "1–3 个工作日原路退回。"


async def test_the_same_question_of_two_documents_is_offered_once(answering: Answering, entries: Add) -> None:
    """你是想问：退款多久到账？ / 几点可以提货？ — never the same words twice, and the best one's answer behind them."""
    entries(FAQ)
    entries([{"id": "money", "question": "退款多久到账", "answer": "三天。"}], name="more.jsonl")
    told = await answering.ask("退款 提货 签到", now=NOW)
    offered = [one.question.rstrip("？") for one in told.candidates]
    assert offered.count("退款多久到账") == 1 and len(offered) == len(set(offered)) > 1
    assert [one.score for one in told.candidates] == sorted((one.score for one in told.candidates), reverse=True)


async def test_an_entry_can_be_opened_by_its_id_within_its_scope(answering: Answering, entries: Add) -> None:
    entries(FAQ)
    entries([{"id": "own", "question": "本群的规矩", "answer": "好好说话。"}], name="own.jsonl", scope="group:5")
    told = await answering.entry("checkin", now=NOW)
    assert told is not None
    assert (told.decision, told.text) == ("answered", "在群里发「签到」两个字。")
    assert await answering.entry("own", now=NOW) is None
    assert await answering.entry("no such entry", now=NOW) is None


async def test_a_document_answers_where_no_entry_does(answering: Answering, database: Database, tmp_path: Path) -> None:
    path = tmp_path / "规则.md"
    path.write_text(
        "# 售后规则\n\n## 3 退款\n\n### 3.2 坏果\n\n坏果超过一半全退，不到一半按比例退。\n\n## 4 停车\n\n停车请停南门。\n",
        "utf-8",
    )
    ingest.add(database, path, now=NOW, publish=True)
    told = await answering.ask("坏果超过一半全退，不到一半按比例退吗", now=NOW)
    assert told.text == "坏果超过一半全退，不到一半按比例退。"
    assert told.citations[0].document == "《售后规则》 3.2"


async def test_a_learnt_phrasing_works_at_once(answering: Answering, entries: Add, database: Database) -> None:
    entries(FAQ)
    assert (await answering.ask("叽里咕噜", now=NOW)).decision != "answered"
    chunk = database.read_now(lambda s: s.exec(select(Chunk.id).where(Chunk.entry == "refund")).one())
    assert database.write_now(lambda session: ingest.learn(session, chunk or 0, "叽里咕噜"))
    assert not database.write_now(lambda session: ingest.learn(session, chunk or 0, "叽里咕噜"))
    assert (await answering.ask("叽里咕噜", now=NOW)).candidates[0].id == "refund"
    assert (await answering.ask("叽里咕噜", now=NOW)).decision == "answered"


def test_the_same_bytes_again_change_nothing(entries: Add, database: Database) -> None:
    first = entries(FAQ)
    before = database.read_now(counter)
    again = entries(FAQ)
    assert (again.document, again.version, again.unchanged) == (first.document, 1, True)
    assert database.read_now(counter) == before
    assert entries([*FAQ, {"id": "x", "question": "新的"}]).version == 2


def test_an_adding_that_was_cut_off_leaves_nothing(
    entries: Add, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"id": str(number), "question": f"第{number}个问题"} for number in range(90)]
    insert, calls = ingest._insert, 0

    def cut(*arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError("the disk is full")
        insert(*arguments)

    monkeypatch.setattr(ingest, "_insert", cut)
    with pytest.raises(OSError, match="disk"):
        entries(rows)
    monkeypatch.setattr(ingest, "_insert", insert)
    assert entries(rows).chunks == 90
    assert database.read_now(lambda s: len(s.exec(select(Chunk.id)).all())) == 90


@pytest.mark.parametrize("scope", ["", "everybody", "group:", "group:a b", "all:1", "person:3"])
def test_an_unknown_scope_is_refused(entries: Add, scope: str) -> None:
    with pytest.raises(KnowledgeRefusal):
        entries(FAQ, scope=scope)


class _Other(WordVectorEmbedder):
    name = "another-model"
    dimension = 3

    def embed(self, texts: Sequence[str]) -> Any:
        return np.ones((len(texts), 3), dtype=np.float32) / np.sqrt(3)


class _Broken(WordVectorEmbedder):
    def embed(self, texts: Sequence[str]) -> Any:
        raise ModelFault("embedding", "down")


async def test_another_embedder_means_another_collection(folder: Path, database: Database, entries: Add) -> None:
    entries(FAQ)
    for embedder in (WordVectorEmbedder(), _Other(), WordVectorEmbedder()):
        base = KnowledgeBase(folder, KnowledgeSettings(), embedder=embedder)
        database.read_now(base.load)
        assert base.index.size == 7
        assert (
            await base.ask(database, "几点可以提货", Scope(), {"pickup_hours": "8 点"}, now=NOW)
        ).text == "提货时间：8 点。"
        base.close()


async def test_keywords_answer_when_the_embedder_is_down(folder: Path, database: Database, entries: Add) -> None:
    entries(FAQ)
    answering = Answering(database, KnowledgeBase(folder, KnowledgeSettings(), embedder=_Broken()))
    answering.reload()
    assert answering.base.degraded
    assert (await answering.ask("怎么签到", now=NOW)).decision == "answered"
    answering.close()


@pytest.mark.parametrize("damage", ["gone", "flipped", "emptied", "half", "segment"])
async def test_a_damaged_index_is_made_anew(folder: Path, database: Database, entries: Add, damage: str) -> None:
    entries(FAQ)
    first = open_answering(database, folder, KnowledgeSettings())
    first.reload()
    assert first.base.index.size == 7
    first.close()
    chroma = folder / "chroma"
    file = chroma / "chroma.sqlite3"
    if damage == "gone":
        shutil.rmtree(chroma)
    elif damage == "flipped":
        content = bytearray(file.read_bytes())
        content[100:4096] = bytes(3996)
        file.write_bytes(content)
    elif damage == "emptied":
        file.write_bytes(b"")
    elif damage == "half":
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    else:
        for inner in chroma.iterdir():
            if inner.is_dir():
                shutil.rmtree(inner)
    again = open_answering(database, folder, KnowledgeSettings())
    assert (await again.ask("怎么签到", now=NOW)).decision == "answered"
    assert again.base.index.size == 7
    again.close()


def test_the_index_never_holds_what_is_no_longer_published(
    folder: Path, database: Database, entries: Add, answering: Answering
) -> None:
    entries(FAQ)
    answering.reload()
    entries([CHECKIN])
    answering.reload()
    assert answering.base.index.size == 2


async def test_the_first_question_finds_the_index_open(folder: Path, database: Database, entries: Add) -> None:
    entries(FAQ)
    opened = open_answering(database, folder, KnowledgeSettings())
    assert opened.base.index.size == 0
    assert (await opened.ask("怎么签到", now=NOW)).decision == "answered"
    assert opened.base.index.size == 7
    opened.close()


def test_closing_at_once_is_no_trouble(folder: Path, database: Database, entries: Add) -> None:
    entries(FAQ)
    opened = open_answering(database, folder, KnowledgeSettings())
    opened.close()
    assert opened.base.index.size == 0


def test_a_late_start_does_not_empty_the_index(
    folder: Path, database: Database, entries: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("knowledge.base.START_FIRST", 0.3)
    opened = open_answering(database, folder, KnowledgeSettings())  # its own filling begins after what follows
    entries(FAQ)
    opened.reload()
    assert opened.base._filling is not None
    opened.base._filling.join()
    assert opened.base.index.size == 7
    opened.close()
