"""Questions without an answer become groups, groups become proposals, proposals become drafts."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import func, select

from knowledge import editing, entries, gaps, ingest, lifecycle, likeness, proposals
from knowledge.answer import Scope
from knowledge.answering import Answering
from knowledge.errors import KnowledgeRefusal
from knowledge.lifecycle import Hand
from storage.documents import Question
from storage.engine import Database, Session
from storage.groups import Group, Member, Person, Region
from storage.learning import Proposal
from tests.knowledge.conftest import NOW

Add = Callable[..., ingest.Added]
FAQ = [
    {"id": "hours", "question": "几点可以提货？", "aliases": ["取货到几点关门"], "answer": "下午四点。"},
    {"id": "refund", "question": "退款多久到账？", "aliases": ["钱啥时候退给我"], "answer": "三天内。"},
]


@pytest.fixture(name="faq")
def _faq(entries: Add) -> ingest.Added:
    return entries(FAQ)


@pytest.fixture
def people(database: Database) -> Hand:
    """Two groups, a neighbour and a leader."""

    def make(session: Session) -> Hand:
        for number in (1, 2):
            session.add(Person(created_at=NOW))
            session.add(Group(channel="play", external_id=f"g{number}", name=f"{number}期", created_at=NOW))
        session.flush()
        session.add(Member(person_id=1, group_id=1, name="王小明", joined_at=NOW))
        session.add(Member(person_id=2, group_id=1, name="李团长", role="leader", joined_at=NOW))
        session.flush()
        return Hand("李团长", 2)

    return database.write_now(make)


def ask(database: Database, *asked: tuple[str, int], state: str = "open") -> list[int]:
    def write(session: Session) -> list[int]:
        rows = [
            Question(text=text, group_id=group, state=state, asked_at=NOW - timedelta(minutes=len(asked) - at))
            for at, (text, group) in enumerate(asked)
        ]
        session.add_all(rows)
        session.flush()
        return [one.id or 0 for one in rows]

    return database.write_now(write)


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(KnowledgeRefusal) as refusal:
        act()
    return refusal.value.key


PARKING = [("附近有停车位吗", 1), ("有停车位吗", 2), ("停车位有吗 打我 13812345678", 1)]


def test_gaps_are_grouped_counted_and_masked(
    answering: Answering, faq: ingest.Added, people: Hand, database: Database
) -> None:
    answering.reload()
    ask(database, *PARKING, ("能不能开发票", 2), ("", 1), ("退款到账要多久呢", 1))
    found = gaps.grouped(database, answering.base, NOW)
    parking = found[0]
    assert (parking.count, parking.groups, parking.scope, parking.waiting) == (3, 2, "all", 3)
    assert parking.text == "停车位有吗 打我 138****5678"
    assert {one.scope for one in found[1:]} == {"group:1", "group:2"}
    assert next(one for one in found if "退款" in one.text).near == "refund"
    assert all(one.near == "" or one.near_score >= gaps.NEAR for one in found), "no wild guess is offered"
    assert [one.count for one in gaps.grouped(database, answering.base, NOW, groups=[2])] == [1, 1]
    assert gaps.grouped(database, answering.base, NOW + timedelta(days=90)) == []


async def test_one_step_from_a_group_to_a_draft(
    answering: Answering, faq: ingest.Added, people: Hand, database: Database
) -> None:
    answering.reload()
    ask(database, *PARKING)
    (gap,) = gaps.grouped(database, answering.base, NOW)
    made = database.write_now(lambda s: gaps.propose(s, gap.questions, "南门有 3 个，先到先停。", people, NOW))
    again = database.write_now(lambda s: gaps.propose(s, gap.questions, "别的话。", people, NOW))
    assert (made.id, again.id, again.answer) == (1, 1, "南门有 3 个，先到先停。")
    assert gaps.grouped(database, answering.base, NOW) == []
    done = database.write_now(lambda s: gaps.accept(s, 1, people, NOW))
    assert (await answering.ask("有停车位吗", now=NOW)).decision != "answered"
    database.write_now(lambda s: lifecycle.publish(s, done.document, Hand("乙", 9), NOW))
    assert (await answering.ask("有停车位吗", now=NOW)).text == "南门有 3 个，先到先停。"
    assert (
        refused(lambda: database.write_now(lambda s: gaps.accept(s, 1, people, NOW))) == "kb_entries.proposal_decided"
    )
    assert (
        refused(lambda: database.write_now(lambda s: gaps.decline(s, 1, people, NOW))) == "kb_entries.proposal_decided"
    )
    assert (
        refused(lambda: database.write_now(lambda s: gaps.accept(s, 7, people, NOW))) == "kb_entries.proposal_unknown"
    )


async def test_another_way_to_ask_is_learned_at_once_and_survives_a_draft(
    answering: Answering, faq: ingest.Added, people: Hand, database: Database
) -> None:
    answering.reload()
    database.write_now(lambda s: entries.set_answer(s, "refund", "五天内。", people, NOW))
    (one,) = ask(database, ("叽里咕噜几时有", 1))
    database.write_now(lambda s: gaps.propose(s, [one], "", people, NOW, entry="refund"))
    done = database.write_now(lambda s: gaps.accept(s, 1, people, NOW))
    assert done.changed
    assert (await answering.ask("叽里咕噜几时有", now=NOW)).text == "三天内。"
    database.write_now(lambda s: lifecycle.publish(s, faq.document, Hand("乙", 9), NOW))
    assert (await answering.ask("叽里咕噜几时有", now=NOW)).text == "五天内。"


def test_what_is_laid_aside_does_not_come_back(
    answering: Answering, faq: ingest.Added, people: Hand, database: Database
) -> None:
    answering.reload()
    ids = ask(database, *PARKING)
    database.write_now(lambda s: gaps.dismiss(s, ids, people, NOW))
    ask(database, ("这里有停车位吗", 2))
    assert gaps.grouped(database, answering.base, NOW) == []
    states = database.read_now(lambda s: s.exec(select(Question.state)).all())
    assert set(states) == {"open"}  # whoever asked still waits for his leader


def test_what_a_leader_closed_does_not_come_back_to_staff(
    answering: Answering, faq: ingest.Added, people: Hand, database: Database
) -> None:
    """For his group, whoever looks; the other group that asks the same still has a gap."""
    answering.reload()
    ids = ask(database, *PARKING)
    database.write_now(lambda s: gaps.dismiss(s, [ids[0], ids[2]], people, NOW, scope="group:1"))
    (left,) = gaps.grouped(database, answering.base, NOW)
    assert (left.questions, left.scope) == ((ids[1],), "group:2")
    assert gaps.grouped(database, answering.base, NOW, groups=[1]) == []
    ask(database, ("附近有没有停车位", 1))
    assert gaps.grouped(database, answering.base, NOW)[0].scope == "group:2", "nor when it is asked again there"


def test_what_a_region_closed_is_closed_in_its_groups(
    answering: Answering, faq: ingest.Added, people: Hand, database: Database
) -> None:
    answering.reload()
    ids = ask(database, *PARKING)

    def close(session: Session) -> None:
        session.add(Region(id=7, name="东区"))
        session.flush()
        session.get_one(Group, 2).region_id = 7
        gaps.dismiss(session, ids, people, NOW, scope="region:7")

    database.write_now(close)
    (left,) = gaps.grouped(database, answering.base, NOW)
    assert set(left.questions) == {ids[0], ids[2]}


def answered(database: Database, text: str, reply: str) -> Question:
    def write(session: Session) -> Question:
        row = Question(text=text, group_id=1, member_id=1, state="answered", asked_at=NOW, answered_at=NOW)
        row.answer, row.answered_by = reply, 2
        session.add(row)
        session.flush()
        return row

    return database.write_now(write)


@pytest.mark.parametrize(
    ("reply", "kept"),
    [
        ("王小明，南门有三个车位，先到先停", "南门有三个车位，先到先停"),
        ("王阿姨，南门有三个车位，先到先停。", "南门有三个车位，先到先停。"),
        ("@王小明 南门有三个车位，先到先停", "南门有三个车位，先到先停"),
        ("发票在小程序订单里点申请，不懂打 13812345678", "发票在小程序订单里点申请，不懂打"),
        ("好的", ""),
        ("收到，我问问看哈", ""),
        ("不太清楚", ""),
        ("稍等，马上帮你看看", ""),
        ("你的单子我查了，已经退给你了", ""),
        ("今天下午的车已经在路上了，再等等", ""),
        ("加我微信说，发你位置", ""),
    ],
)
def test_a_leaders_reply_is_offered_when_it_helps_others(
    faq: ingest.Added, people: Hand, database: Database, reply: str, kept: str
) -> None:
    question = answered(database, "附近有停车位吗", reply)
    for _ in range(2):  # a redelivery offers it once
        made = database.write_now(lambda s: gaps.offer_reply(s, s.get_one(Question, question.id)))
        assert (made.answer if made else "") == kept
    count = database.read_now(lambda s: s.exec(select(func.count()).select_from(Proposal)).one())
    assert count == bool(kept)
    if kept:
        made = database.read_now(lambda s: s.exec(select(Proposal)).one())
        assert (made.origin, made.scope, made.made_by, made.phrasings) == ("reply", "group:1", 2, ["附近有停车位吗"])


async def test_a_leaders_correction_goes_before_the_general_answer_in_his_group(
    answering: Answering, faq: ingest.Added, people: Hand, database: Database
) -> None:
    answering.reload()

    def offer(session: Session) -> Proposal | None:
        return gaps.offer_correction(
            session, "refund", "钱几天到", "本群当天就退到零钱里。", scope="group:1", person=2, now=NOW
        )

    first, second = database.write_now(offer), database.write_now(offer)
    assert first is not None
    assert second is not None
    assert first.id == second.id
    done = database.write_now(lambda s: gaps.accept(s, first.id or 0, people, NOW))
    database.write_now(lambda s: lifecycle.publish(s, done.document, Hand("乙", 9), NOW))
    assert (await answering.ask_within("退款多久到账", Scope("1"), now=NOW)).text == "本群当天就退到零钱里。"
    assert (await answering.ask_within("退款多久到账", Scope("2"), now=NOW)).text == "三天内。"
    again = database.write_now(
        lambda s: gaps.offer_correction(s, "hours", "几点", "早上九点到十一点。", scope="all", person=2, now=NOW)
    )
    assert again is not None
    database.write_now(lambda s: gaps.accept(s, again.id or 0, people, NOW))
    assert database.read_now(lambda s: entries.find(s, "hours").chunk.body) == "早上九点到十一点。"
    assert (
        database.write_now(lambda s: proposals.offer_correction(s, "hours", "", "不对", scope="all", person=2, now=NOW))
        is None
    )


def test_proposals_are_listed_by_scope(faq: ingest.Added, people: Hand, database: Database) -> None:
    for scope in ("all", "group:1", "group:2"):
        database.write_now(
            lambda s, scope=scope: proposals.offer_correction(  # type: ignore[misc]
                s, "", f"{scope}的停车位在哪", "在南门外面，先到先停。", scope=scope, person=None, now=NOW
            )
        )
    assert len(database.read_now(proposals.listed)) == 3
    assert [one.scope for one in database.read_now(lambda s: proposals.listed(s, scopes=["group:1"]))] == ["group:1"]
    database.write_now(lambda s: gaps.decline(s, 1, people, NOW))
    assert [one.id for one in database.read_now(lambda s: proposals.listed(s, state="declined"))] == [1]


def test_an_entry_that_is_gone_is_refused(faq: ingest.Added, people: Hand, database: Database) -> None:
    (one,) = ask(database, ("有停车位吗", 1))
    for entry, answer, ids, key in (
        ("nothing", "", [one], "unknown"),
        ("", "", [one], "answer_empty"),
        ("", "有的，在南门。", [99], "question_unknown"),
    ):
        act = lambda s: gaps.propose(s, ids, answer, people, NOW, entry=entry)  # noqa: B023, E731
        assert refused(lambda: database.write_now(act)) == f"kb_entries.{key}"  # noqa: B023


# ---------------------------------------------------------------- likeness


def _starter() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in sorted((ingest.STARTER / "faq").glob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            row: dict[str, Any] = json.loads(line)
            found[row["id"]] = [row["question"], *row["aliases"]]
    return found


def test_the_floor_is_read_off_the_base() -> None:
    base = _starter()
    alike = likeness.Likeness([text for asked in base.values() for text in asked[:6]])
    calibrated = likeness.calibrate(alike, base)
    assert calibrated.precision >= likeness.PURE
    assert 0.3 < calibrated.floor < 0.7
    assert likeness.calibrate(alike, {"a": ["一个"]}).floor == likeness.FLOOR


def test_every_text_is_in_one_group_and_near_its_middle() -> None:
    texts = ["有停车位吗", "有没有停车位", "停车位有吗", "能开发票吗", "发票能开吗", "", "？？"]
    rows = likeness.Likeness(texts).rows(texts)
    found = likeness.groups(rows, 0.4)
    assert sorted(at for star in found for at in star) == list(range(len(texts)))
    assert sorted(map(sorted, found)) == [[0, 1, 2], [3, 4], [5], [6]]


def test_five_thousand_questions_are_grouped_in_seconds(
    answering: Answering, faq: ingest.Added, people: Hand, database: Database, tmp_path: Path
) -> None:
    answering.reload()
    texts = [text for asked in _starter().values() for text in asked][:5000]
    ask(database, *((text, 1 + at % 2) for at, text in enumerate(texts)))
    started = time.process_time()
    found = gaps.grouped(database, answering.base, NOW)
    assert found
    assert time.process_time() - started < 20  # 3 s on a quiet machine


def test_cleaned_words_keep_one_of_a_form() -> None:
    assert proposals.distinct(["有停车位吗？", "有停车位吗", "@团团 有停车位吗", "?", "能停几辆"]) == [
        "有停车位吗？",
        "能停几辆",
    ]
    assert editing.form("团长你好，有停车位吗？") == editing.form("有停车位吗")
