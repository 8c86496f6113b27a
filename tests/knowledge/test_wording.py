"""What a model may do with an answer: word it within a budget, once; and as a judge, doubt it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlmodel import select

from knowledge import breaker, budget, ingest, judge, model
from knowledge.answer import Scope
from knowledge.answering import Answering, open_answering
from knowledge.budget import Asker, RowPurse
from knowledge.errors import ModelFault
from knowledge.model import Worded
from knowledge.settings import KnowledgeSettings
from storage.documents import raise_counter
from storage.engine import Database
from storage.learning import ModelTally
from tests.knowledge.conftest import NOW
from tests.knowledge.faulty_model import FaultyModel, serving

Add = Callable[..., ingest.Added]
PLAIN = "提货后 24 小时内拍 2 张照片发给团长，坏了一部分按比例退。"
WORDED = "坏了一部分按比例退，提货后24小时内拍2张照片发给团长。"
REFUND: dict[str, object] = {
    "id": "refund",
    "question": "买的水果坏了怎么退？",
    "aliases": ["草莓烂了能退不"],
    "answer": PLAIN,
}
CHECKIN: dict[str, object] = {"id": "checkin", "question": "怎么签到？", "answer": "在群里发「签到」两个字。"}
FAQ = [REFUND, CHECKIN]
TODAY = NOW.date()


@pytest.fixture
def faulty() -> Iterator[FaultyModel]:
    """The server; it words well unless told otherwise."""
    with serving() as server:
        server.behaviour = WORDED
        server.usage = {"prompt_tokens": 300, "completion_tokens": 40, "total_tokens": 340}
        yield server


def _settings(server: FaultyModel, **more: object) -> KnowledgeSettings:
    values = {"base_url": server.url, "api_key": SecretStr("k"), "model": "m", "deadline": 10, "retries": 0}
    return KnowledgeSettings.model_validate({**values, **more})


Open = Callable[..., Answering]


@pytest.fixture
def opened(folder: Path, database: Database, entries: Add, faulty: FaultyModel) -> Iterator[Open]:
    """Opens a base of these settings."""
    made: list[Answering] = []
    entries(FAQ)

    def open_with(**more: object) -> Answering:
        settings = _settings(faulty, **more)
        model.EndpointChat(settings)._built()  # imports for seconds, once a process
        made.append(open_answering(database, folder, settings))
        made[-1].reload()
        return made[-1]

    yield open_with
    for one in made:
        one.close()


def _tallies(database: Database) -> dict[str, ModelTally]:
    return {row.subject: row for row in database.read_now(lambda s: list(s.exec(select(ModelTally))))}


async def test_the_same_question_is_worded_once_until_the_answer_changes(
    opened: Open, entries: Add, faulty: FaultyModel
) -> None:
    answering = opened()
    for _ in range(3):
        assert (await answering.ask("草莓烂了能退不", now=NOW)).text == WORDED
    assert len(faulty.bodies) == 1
    entries([{**REFUND, "answer": PLAIN.replace("24", "48")}, CHECKIN])
    told = await answering.ask("草莓烂了能退不", now=NOW)
    assert "24" not in told.text
    assert len(faulty.bodies) == 2


async def test_a_wording_that_was_refused_is_not_asked_for_again(opened: Open, faulty: FaultyModel) -> None:
    answering = opened()
    faulty.behaviour = "请打客服电话 4001234567。"
    for _ in range(3):
        assert (await answering.ask("草莓烂了能退不", now=NOW)).text == PLAIN
    assert len(faulty.bodies) == 1


async def test_a_groups_own_wording_is_never_said_in_another(opened: Open, entries: Add, faulty: FaultyModel) -> None:
    answering = opened()
    entries([{**REFUND, "answer": "金丝雀群当天退。"}], name="own.jsonl", scope="group:5")
    faulty.behaviour = "金丝雀群当天退。"
    assert "金丝雀" in (await answering.ask_within("草莓烂了能退不", Scope("5"), now=NOW)).text
    assert "金丝雀" not in (await answering.ask_within("草莓烂了能退不", Scope("6"), now=NOW)).text


async def test_who_is_over_the_budget_gets_the_passage_itself(
    opened: Open, database: Database, faulty: FaultyModel
) -> None:
    answering = opened(member_daily=2, group_daily=3)
    li, wang = Asker(TODAY, 1, 11), Asker(TODAY, 1, 12)

    async def asked(asker: Asker, question: str) -> str | None:
        return (await answering.ask(question, now=NOW, asker=asker)).model

    assert [await asked(li, f"草莓烂了能退不{end}") is not None for end in ("", "啊", "呢")][:2] == [True, True]
    faulty.bodies.clear()
    assert await asked(li, "买的水果坏了怎么退") is None
    assert not faulty.bodies, "a member's bound"
    await asked(wang, "水果坏了怎么退呢")
    await asked(wang, "请问水果坏了怎么退")
    assert len(faulty.bodies) <= 1, "the group's bound"
    tomorrow = Asker(TODAY + timedelta(days=1), 1, 11)
    await asked(tomorrow, "我买的水果坏了怎么退")
    assert _tallies(database).keys() >= {"member:11", "member:12", "group:1", "all"}


async def test_calls_tokens_and_cost_are_counted_and_a_failure_too(
    opened: Open, database: Database, faulty: FaultyModel
) -> None:
    answering = opened(prompt_price=2.0, completion_price=8.0)
    asker = Asker(TODAY, 1, 11)
    await answering.ask("草莓烂了能退不", now=NOW, asker=asker)
    faulty.behaviour = "500"
    await answering.ask("买的水果坏了怎么退", now=NOW, asker=asker)
    found = _tallies(database)
    assert found.keys() == {"all", "group:1", "member:11"}
    row = found["all"]
    assert (row.calls, row.failures, row.prompt_tokens, row.completion_tokens) == (1, 1, 300, 40)
    assert row.cost == 300 * 2 + 40 * 8
    (day,) = database.read_now(lambda session: budget.usage(session, TODAY))
    assert day["cost"] == pytest.approx(0.00092)


@pytest.mark.parametrize(
    "usage",
    [{"prompt_tokens": -5, "completion_tokens": 10**12, "total_tokens": 1}, {"prompt_tokens": "many"}, {}, None],
)
async def test_a_usage_that_lies_is_bounded(faulty: FaultyModel, usage: dict[str, object] | None) -> None:
    faulty.usage = usage
    try:
        worded = await model.EndpointChat(_settings(faulty)).word("问", ["资料"])
    except ModelFault:
        return
    assert 0 <= worded.prompt_tokens <= 1_000_000
    assert 0 <= worded.completion_tokens <= 1_000_000


async def test_a_busy_endpoint_is_asked_once_more(faulty: FaultyModel) -> None:
    faulty.behaviour = "busy once"
    chat = model.EndpointChat(_settings(faulty, retries=1, deadline=5))
    assert (await chat.word("问", ["资料"])).text == "好的。"
    assert len(faulty.bodies) == 2
    faulty.bodies.clear()
    faulty.behaviour = "500"
    with pytest.raises(ModelFault):
        await model.EndpointChat(_settings(faulty, retries=2, deadline=6)).word("问", ["资料"])
    assert len(faulty.bodies) <= 3


async def test_a_thousand_askers_of_a_dead_endpoint_wait_for_one_deadline(opened: Open, faulty: FaultyModel) -> None:
    answering = opened(deadline=1.0)
    faulty.behaviour = "hang"
    await asyncio.gather(*(answering.ask(f"草莓烂了能退不{n}", now=NOW) for n in range(breaker.FAILURES)))
    started = time.monotonic()
    told = await asyncio.gather(*(answering.ask("草莓烂了能退不", now=NOW) for _ in range(100)))
    assert {one.text for one in told} == {PLAIN}
    assert len(faulty.bodies) == breaker.FAILURES
    assert time.monotonic() - started < 5


def test_after_a_pause_one_caller_tries() -> None:
    now = 100.0
    one = breaker.Breaker(lambda: now)
    for _ in range(breaker.FAILURES):
        assert one.allows()
        one.failed()
    assert not one.allows()
    now += breaker.PAUSE
    assert [one.allows() for _ in range(3)] == [True, False, False]
    one.failed()
    assert not one.allows()
    now += breaker.PAUSE
    assert one.allows()
    one.succeeded()
    assert one.allows()
    assert one.allows()


@pytest.mark.parametrize(
    ("chances", "word", "expected"),
    [
        ([("是", -0.1), ("否", -2.4)], "是", 0.91),
        ([("否", -0.05), ("是", -3.1)], "否", 0.045),
        (None, "是", 1.0),
        ([], "否", 0.0),
    ],
)
async def test_a_judge_s_word_and_how_sure_it_is(
    faulty: FaultyModel, chances: list[tuple[str, float]] | None, word: str, expected: float
) -> None:
    faulty.behaviour, faulty.chances = word, chances
    chance, worded = await judge.EndpointJudge(_settings(faulty, deadline=20)).chance("我电话13912345678", "资料")
    assert chance == pytest.approx(expected, abs=0.01)
    assert worded == Worded(word, 300, 40)
    assert "13912345678" not in str(faulty.bodies)
    assert faulty.bodies[0]["max_tokens"] == 2


async def test_a_judge_that_says_neither_is_not_heard(faulty: FaultyModel) -> None:
    faulty.behaviour = "也许吧"
    with pytest.raises(ModelFault):
        await judge.EndpointJudge(_settings(faulty, deadline=20)).chance("问", "资料")


async def test_a_doubted_answer_becomes_a_question_back_and_never_more(opened: Open, faulty: FaultyModel) -> None:
    answering = opened(judge=True)
    faulty.behaviour = "否"
    told = await answering.ask("草莓烂了能退不", now=NOW)
    assert (told.decision, told.text, told.citations) == ("asked_back", "", ())
    assert told.candidates[0].id == "refund"
    assert len(faulty.bodies) == 1, "nothing is worded"
    faulty.behaviour = "500"
    told = await answering.ask("草莓烂了能退不", now=NOW)
    assert (told.decision, told.text) == ("answered", PLAIN), "a judge that is silent changes nothing"


async def test_what_nobody_could_answer_stays_so_whatever_the_judge_says(opened: Open, faulty: FaultyModel) -> None:
    answering = opened(judge=True)
    faulty.behaviour = "是"
    told = await answering.ask("火星上有没有水", now=NOW)
    assert told.decision in {"handed_over", "refused", "asked_back"}


async def test_two_calls_at_once_are_both_counted(database: Database, faulty: FaultyModel) -> None:
    purse = RowPurse(database, _settings(faulty))
    asker = Asker(TODAY, 1, 11)
    await asyncio.gather(*(purse.spent(asker, "m", Worded("x", 1, 1)) for _ in range(20)))
    assert _tallies(database)["all"].calls == 20
    database.write_now(raise_counter)


async def _shown(answering: Answering, question: str = "草莓烂了能退不") -> tuple[list[str], str]:
    shown: list[str] = []

    async def show(text: str) -> None:
        shown.append(text)

    told = await answering.ask(question, now=NOW, show=show)
    return shown, told.text


async def test_sentences_are_shown_as_they_come_each_after_the_gate(opened: Open, faulty: FaultyModel) -> None:
    faulty.behaviour = "提货后24小时内拍2张照片发给团长。坏了一部分按比例退。"
    shown, told = await _shown(opened())
    assert shown == ["提货后24小时内拍2张照片发给团长。", faulty.behaviour]
    assert told == faulty.behaviour
    assert faulty.bodies[0]["stream"] is True


@pytest.mark.parametrize(
    "said",
    [
        "请打客服电话 4001234567。坏了一部分按比例退。",
        "http://bad.example/x @所有人 提货后48小时内拍照。",
        "endless谁也不知道的话，一直说下去",
        "torn请打客服电话 4001234567。请加微信 abc。",
    ],
)
async def test_what_the_gate_refuses_is_never_shown(opened: Open, faulty: FaultyModel, said: str) -> None:
    faulty.behaviour = said
    shown, told = await _shown(opened())
    assert not any(part in one for one in (*shown, told) for part in ("4001234567", "bad.example", "@", "48", "微信"))
    assert told in (PLAIN, "坏了一部分按比例退。")


async def test_a_stream_that_is_torn_gives_the_passage_itself(opened: Open, faulty: FaultyModel) -> None:
    faulty.behaviour = "torn提货后24小时内拍2张照片发给团长。坏了一部分按比例退，坏了一部分按比例退。"
    shown, told = await _shown(opened())
    assert shown == ["提货后24小时内拍2张照片发给团长。"]
    assert told == PLAIN
