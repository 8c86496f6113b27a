"""Doubles and contradictions are seen before they are saved, and over the whole base."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from knowledge import duplicates, entries, ingest
from knowledge.answering import Answering
from knowledge.lifecycle import Hand
from storage.engine import Database
from tests.knowledge.conftest import NOW

Add = Callable[..., ingest.Added]
FAQ = [
    {
        "id": "refund",
        "question": "退款多久到账？",
        "aliases": ["钱几天退给我", "退的钱要等多少天", "退款慢不慢", "几天退完", "款子几时回来"],
        "answer": "3 个工作日内退回。",
    },
    {"id": "hours", "question": "几点可以提货？", "aliases": ["取货到几点关门"], "answer": "下午四点到八点。"},
    {"id": "leave", "question": "退群要注意什么", "answer": "积分会清零。"},
    {"id": "join", "question": "进群要注意什么", "answer": "先看群公约。"},
    {"id": "child", "question": "孩子能代领吗", "answer": "可以代领，报手机尾号。"},
]


@pytest.fixture(name="faq")
def _faq(entries: Add) -> ingest.Added:
    return entries(FAQ)


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        ("人工服务", "人工服务在哪", "same"),
        ("啥时候给我个说法", "什么时候给我个说法", "same"),
        ("退群要注意什么", "进群要注意什么", ""),
        ("保温袋要不要还", "保温袋要不要带", ""),
        ("聊话题给积分吗", "聊话题没积分", ""),
        ("先占个位晚点付", "先占个位晚点付行吗", "near"),
        ("吗", "呢", ""),
    ],
)
def test_what_two_phrasings_are_to_each_other(one: str, other: str, kind: str) -> None:
    assert duplicates.kind_of(one, other, 0.9) == kind
    assert duplicates.kind_of(other, one, 0.9) == kind
    assert duplicates.kind_of(one, other, 0.3) == ""


@pytest.mark.parametrize(
    ("one", "other", "differs"),
    [
        ("三天内到账。", "5 天内到账。", "3天 | 5天"),
        ("提货 16:00 到 20:00。", "下午四点到八点可以提货。", ""),
        ("每天 16:00-20:00。", "下午四点到九点。", "16点 20点 | 16点 9点"),
        ("规格：5斤装；单价：29.9；团购价：25.9", "规格：5斤装；单价：¥32；团购价：25.9。", "单价:29.9 | 单价:32"),
        ("签到一次 10 积分。", "每天 2 分。", "10分 | 2分"),
        ("每斤 3.5 元。", "三块五一斤。", ""),
        ("每斤 3.5 元。", "四块五一斤。", "3.5元 | 4.5元"),
        ("不能代领。", "可以代领，报手机尾号。", "不能代领 | 可以代领"),
        ("可以代领。", "能代领的。", ""),
        ("好的。", "今天有货。", ""),
    ],
)
def test_answers_that_contradict_each_other(one: str, other: str, differs: str) -> None:
    assert duplicates.contradiction(one, other) == differs


def test_an_entry_is_looked_at_before_it_is_saved(answering: Answering, faq: ingest.Added, database: Database) -> None:
    answering.reload()

    def check(asked: list[str], answer: str, **more: Any) -> list[tuple[str, str, str]]:
        found = database.read_now(lambda s: duplicates.check(s, answering.base, asked, answer, NOW, **more))
        return [(one.kind, one.other, one.differs) for one in found]

    assert check(["退款多久能到账呀"], "") == [("same", "refund", "")]
    assert check(["退款多久能到账呀"], "5 个工作日内退回。") == [("conflict", "refund", "5个工作日 | 3个工作日")]
    assert check(["小孩能代领不", "孩子能代领吗"], "不能代领。") == [("conflict", "child", "不能代领 | 可以代领")]
    assert check(["退款多久到账"], "3 个工作日。", entry="refund") == []
    assert check(["几点去领货合适", "几点可以提货！"], "") == [("same", "hours", "")]
    assert check(["停车位有几个"], "3 个。") == []


def test_what_another_group_has_is_no_double(answering: Answering, entries: Add, database: Database) -> None:
    for group in ("1", "2"):
        entries(
            [{"id": f"own{group}", "question": "本群仓库门在哪", "answer": "东门。"}],
            name=f"{group}.jsonl",
            scope=f"group:{group}",
        )
    answering.reload()
    for scope, names in (("group:1", ["own1"]), ("group:3", []), ("all", [])):
        found = database.read_now(
            lambda s, scope=scope: duplicates.check(s, answering.base, ["本群仓库门在哪"], "", NOW, scope=scope)  # type: ignore[misc]
        )
        assert [one.other for one in found] == names
    assert duplicates.review(database, answering.base).clashes == ()


def test_the_whole_base_is_reviewed(answering: Answering, faq: ingest.Added, entries: Add, database: Database) -> None:
    entries(
        [
            {"id": "again", "question": "退款要多久到账呢", "answer": "7 个工作日内退回。"},
            {"id": "lone", "question": "有停车位吗", "answer": "有。"},
        ],
        name="more.jsonl",
    )
    answering.reload()
    steps: list[tuple[int, int]] = []
    found = duplicates.review(database, answering.base, lambda done, total: steps.append((done, total)))
    assert [(one.kind, {one.entry, one.other}) for one in found.clashes] == [("conflict", {"refund", "again"})]
    assert ("again", "退款要多久到账呢", "refund") in found.astray
    assert all(entry != "lone" for entry, _, _ in found.astray)
    assert ("lone", 1) in found.few
    assert all(entry != "refund" for entry, _ in found.few)
    assert steps[-1] == (found.phrasings, found.phrasings)
    assert json.dumps(found.clashes[0].document())


@pytest.mark.timeout(240)
def test_checking_is_quick_in_a_large_base(answering: Answering, entries: Add, database: Database) -> None:
    entries(
        [
            {
                "id": f"e{n}",
                "question": f"{n % 97}号柜第{n}格的东西怎么拿",
                "aliases": [f"拿{n}格的货"],
                "answer": "扫码。",
            }
            for n in range(2000)
        ]
    )
    answering.reload()
    asked = ["7号柜第104格的东西怎么拿", *(f"第{k}种问法" for k in range(8))]

    def check() -> None:
        database.read_now(lambda s: duplicates.check(s, answering.base, asked, "扫码。", NOW))

    check()
    started = time.process_time()
    for _ in range(5):
        check()
    assert (time.process_time() - started) / 5 < 0.3  # far above what it takes: a loaded machine must not make it red


def test_an_edit_of_an_entry_is_no_double_of_itself(
    answering: Answering, faq: ingest.Added, database: Database
) -> None:
    answering.reload()
    done = database.write_now(lambda s: entries.add_phrasings(s, "hours", ["几点能去提货"], Hand("甲", 1), NOW))
    asked = ["几点可以提货？", "几点能去提货"]
    assert (
        database.read_now(lambda s: duplicates.check(s, answering.base, asked, "四点。", NOW, entry=done.entry)) == []
    )
