"""The golden set is asked again whenever something is to be published; the week is counted, not remembered."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from knowledge import entries, golden, ingest, lifecycle, rearranging, report
from knowledge.answering import Answering
from knowledge.errors import KnowledgeRefusal
from knowledge.lifecycle import Hand
from storage.documents import DocumentVersion
from storage.engine import Database, Session
from storage.groups import Group
from storage.learning import AnswerTally
from tests.knowledge.conftest import NOW

Add = Callable[..., ingest.Added]
FAQ = [
    {"id": "hours", "question": "几点可以提货？", "aliases": ["取货到几点关门"], "answer": "下午四点。"},
    {"id": "refund", "question": "退款多久到账？", "aliases": ["钱啥时候退给我"], "answer": "三天内。"},
    {"id": "back", "question": "怎么签到？", "aliases": ["打卡要发啥"], "answer": "发「签到」。"},
]
ANNE, BEN = Hand("甲", 1), Hand("乙", 2)


@pytest.fixture(name="faq")
def _faq(entries: Add) -> ingest.Added:
    return entries(FAQ)


def fix(database: Database, question: str, *relevant: str, scope: str = "all") -> int:
    return database.write_now(lambda s: golden.add(s, question, relevant, ANNE, NOW, scope=scope)).id or 0


def refused(database: Database, *arguments: str) -> str:
    with pytest.raises(KnowledgeRefusal) as refusal:
        fix(database, *arguments)
    return refusal.value.key


def test_cases_are_added_listed_and_removed(faq: ingest.Added, database: Database) -> None:
    first = fix(database, "几点提货呀", "hours")
    assert fix(database, "几点提货呀", "hours", "refund") == first
    fix(database, "火星上有水吗 13812345678")
    cases = database.read_now(golden.listed)
    assert [(one.question, one.relevant) for one in cases] == [
        ("几点提货呀", ["hours", "refund"]),
        ("火星上有水吗 138****5678", []),
    ]
    assert refused(database, "几点提货", "no such entry") == "kb_entries.unknown"
    assert refused(database, "？", "hours") == "kb_entries.phrasing_short"
    database.write_now(lambda s: golden.remove(s, first, ANNE, NOW))
    assert len(database.read_now(golden.listed)) == 1
    with pytest.raises(KnowledgeRefusal):
        database.write_now(lambda s: golden.remove(s, first, ANNE, NOW))


def test_a_file_of_cases_is_taken_in_whole_or_not(faq: ingest.Added, database: Database, tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text('{"query":"几点提货呀","relevant":["hours"]}\n{"query":"x 谁","relevant":["nobody"]}\n', "utf-8")
    with pytest.raises(KnowledgeRefusal):
        golden.take_in(database, path, ANNE, NOW)
    assert database.read_now(golden.listed) == []
    path.write_text('{"query":"几点提货呀","relevant":["hours"]}\n{"query":"火星上有水吗","relevant":[]}\n', "utf-8")
    assert golden.take_in(database, path, ANNE, NOW) == 2
    assert golden.take_in(database, path, ANNE, NOW) == 2
    assert len(database.read_now(golden.listed)) == 2


def test_a_run_keeps_its_figures(answering: Answering, faq: ingest.Added, database: Database) -> None:
    answering.reload()
    with pytest.raises(KnowledgeRefusal):
        golden.run(database, answering.base, NOW, clock=time.perf_counter)
    fix(database, "几点可以提货", "hours")
    fix(database, "退款多久到账", "back")
    fix(database, "火星上有没有水")
    done = golden.run(database, answering.base, NOW, clock=time.perf_counter)
    assert done.figures is not None
    assert (done.figures["n"], done.figures["answered_right"], done.figures["answered_wrong"]) == (3, 1, 1)
    assert done.wrong == ["退款多久到账"]
    golden.run(database, answering.base, NOW, clock=time.perf_counter)
    assert len(database.read_now(golden.trend)) == 2


def newest(database: Database, document: int) -> int:
    return database.read_now(lambda s: lifecycle.versions(s, document)[-1].id or 0)


def test_a_publish_that_loses_a_question_names_it(answering: Answering, faq: ingest.Added, database: Database) -> None:
    answering.reload()
    fix(database, "几点可以提货", "hours")
    fix(database, "钱啥时候退给我", "refund")
    fix(database, "有停车位吗", "hours")
    database.write_now(lambda s: entries.drop(s, "refund", ANNE, NOW))
    database.write_now(lambda s: entries.add_phrasings(s, "hours", ["有停车位吗"], ANNE, NOW))
    instead: dict[int, int | None] = {faq.document: newest(database, faq.document)}
    found = database.read_now(lambda s: golden.compare(s, answering.base, instead))
    assert (found.lost, found.won, found.cases) == (("钱啥时候退给我",), ("有停车位吗",), 3)
    assert found.asked in {2, 3}
    states = database.read_now(lambda s: [one.state for one in s.exec(select(DocumentVersion))])
    assert states == ["published", "draft"]


MORE = [
    {"id": "where", "question": "在哪里提货？", "aliases": ["取货点在哪"], "answer": "东门。"},
    {"id": "card", "question": "补签卡怎么用？", "aliases": ["漏打卡了咋补"], "answer": "发「补签」。"},
    {"id": "invoice", "question": "能开发票吗？", "aliases": ["要报销怎么办"], "answer": "能开电子的。"},
]


APART = ("修水管", "借雨伞", "养宠物", "修电梯", "广场舞", "垃圾分类", "停车费", "图书角", "装宽带", "换门锁")
WAYS = (
    "归谁管",
    "电话多少",
    "要先登记吗",
    "周末有人吗",
    "收费不",
    "得等几天",
    "上门吗",
    "去哪儿办",
    "老人能办吗",
    "怎么约",
)


def test_what_is_not_asked_again_would_have_come_out_the_same(
    answering: Answering, entries: Add, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart = [
        {"id": one, "question": f"{one}找谁？", "aliases": [f"{one}{way}" for way in WAYS], "answer": "物业。"}
        for one in APART
    ]
    entries(apart, name="apart.jsonl")
    first, other = entries(FAQ).document, entries(MORE, name="more.jsonl").document
    answering.reload()
    for one in (*FAQ, *MORE, *apart):
        for question in (str(one["question"]), f"请问{one['aliases'][0]}呀", f"{one['aliases'][0][:3]}那个"):
            fix(database, question, str(one["id"]))
    fix(database, "有停车位吗")
    changes: list[dict[int, int | None]] = [{first: None}, {other: None}, {first: None, other: None}]

    def compared() -> list[golden.Compared]:
        return [
            database.read_now(lambda s, one=one: golden.compare(s, answering.base, one))  # type: ignore[misc]
            for one in changes
        ]

    few = compared()
    monkeypatch.setattr(golden, "_touched", lambda *_: True)
    whole = compared()
    assert [(one.lost, one.won) for one in few] == [(one.lost, one.won) for one in whole]
    assert min(len(one.lost) for one in few) >= 3
    assert [one.asked for one in whole] == [len(APART) * 3 + 19] * 3
    assert max(one.asked for one in few[:2]) < len(APART) * 3 + 19


async def test_comparing_leaves_what_answers_alone(answering: Answering, faq: ingest.Added, database: Database) -> None:
    answering.reload()
    fix(database, "退款多久到账", "refund")
    database.write_now(lambda s: entries.drop(s, "refund", ANNE, NOW))
    instead: dict[int, int | None] = {faq.document: newest(database, faq.document)}
    for wanted in (instead, {faq.document: None}):
        found = database.read_now(lambda s, wanted=wanted: golden.compare(s, answering.base, wanted))  # type: ignore[misc]
        assert found.lost == ("退款多久到账",)
        assert (await answering.ask("退款多久到账", now=NOW)).text == "三天内。"
    nothing = database.read_now(lambda s: golden.compare(s, answering.base, {}))
    assert (nothing.lost, nothing.won, nothing.asked) == ((), (), 0)


def test_cases_follow_a_merged_entry(answering: Answering, faq: ingest.Added, database: Database) -> None:
    answering.reload()
    fix(database, "打卡要发啥", "back")
    database.write_now(lambda s: rearranging.merge(s, "hours", "back", ANNE, NOW))
    database.write_now(lambda s: lifecycle.publish(s, faq.document, BEN, NOW))
    answering.reload()
    done = golden.run(database, answering.base, NOW, clock=time.perf_counter)
    assert done.wrong == []


# ---------------------------------------------------------------- the week


def test_a_week_is_counted_by_group_and_over_all(database: Database) -> None:
    last = date(2026, 3, 8)

    def write(session: Session) -> None:
        for number in (1, 2):
            session.add(Group(channel="play", external_id=f"g{number}", name="期", created_at=NOW))
        session.flush()
        for day, group, counts in (
            (
                0,
                1,
                {"answered": 80, "asked_back": 10, "chosen": 8, "handed_over": 10, "relayed": 5, "relay_seconds": 900},
            ),
            (6, 2, {"answered": 10, "missed": 4}),
            (7, 2, {"answered": 3, "handed_over": 1}),
        ):
            session.add(AnswerTally(group_id=group, local_date=last - timedelta(days=day), **counts))

    database.write_now(write)
    week = database.read_now(lambda s: report.week(s, last))
    assert (week.first, week.last) == (date(2026, 3, 2), last)
    assert [one.group for one in week.groups] == [1, 2]
    assert (week.groups[0].coverage, week.groups[0].resolution, week.groups[0].hand_over_seconds) == (0.88, 0.93, 180.0)
    assert (week.groups[1].coverage, week.groups[1].resolution, week.groups[1].hand_over_seconds) == (1.0, 0.6, None)
    assert (week.whole.questions, week.before.questions) == (110, 4)
    told = week.document()
    assert isinstance(told["all"], dict)
    assert (told["all"]["covered"], told["all"]["resolved"], told["all"]["prompt"]) == (False, True, True)
    assert [one.group for one in database.read_now(lambda s: report.week(s, last, groups=[2])).groups] == [2]


def test_an_empty_week_has_no_shares(database: Database) -> None:
    week = database.read_now(lambda s: report.week(s, date(2026, 3, 8)))
    assert (week.whole.coverage, week.whole.resolution, week.whole.hand_over_seconds, week.groups) == (
        None,
        None,
        None,
        (),
    )
