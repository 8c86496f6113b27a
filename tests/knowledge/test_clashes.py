"""A document that says otherwise than what answers is seen when it is taken in, and one choice settles it."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from knowledge import choosing, clashes, disputes, editing, entries, erasing, ingest, lifecycle, passing, requests
from knowledge.answering import Answering
from knowledge.errors import KnowledgeRefusal
from storage.documents import Chunk, Document, DocumentVersion, Finding
from storage.engine import Database, Session, open_database
from storage.groups import Person, RoleGrant
from tests.databases import FILE
from tests.knowledge.conftest import NOW
from tests.scheduler.test_hot_statements import heard

Add = Callable[..., ingest.Added]
HAND = ingest.OPERATOR
OLD: list[dict[str, Any]] = [
    {"id": "hours", "question": "提货时间", "aliases": ["几点可以提货"], "answer": "每天 16:00-20:00。"},
    {"id": "cold", "question": "冷冻的放多久", "answer": "放一天。"},
]
CUTOFF = {
    "id": "cutoff",
    "question": "几点截单",
    "aliases": ["截单时间"],
    "answer": "{order_cutoff}",
    "plain": "问团长。",
}
NEW: list[dict[str, Any]] = [
    {"id": "when", "question": "几点可以提货？", "answer": "下午五点到晚上九点。"},
    {"id": "cold", "question": "冷冻的放多久", "answer": "只放一天。"},
]


@pytest.fixture(name="take")
def _take(answering: Answering, database: Database, entries: Add, tmp_path: Path) -> Callable[..., Any]:
    """Takes a file in as the pages do: entries, or the text of a .md; returns (document, what is to be chosen of)."""
    entries([*OLD, CUTOFF], name="old.jsonl")

    def take(
        what: Any, name: str = "new.jsonl", publish: bool = False, **more: Any
    ) -> tuple[int, list[dict[str, Any]]]:
        if isinstance(what, str):
            (tmp_path / name).write_text(what, "utf-8")
            added = ingest.add(database, tmp_path / name, now=NOW, publish=publish)
        else:
            added = entries(what, name=name, publish=publish, **more)
        return added.document, clashes.look(database, answering.base, added.document, added.version, NOW)

    return take


def answers(database: Database) -> set[str]:
    """Entries that would answer."""
    return set(
        database.read_now(
            lambda s: s.exec(
                select(Chunk.entry)
                .join(DocumentVersion, col(DocumentVersion.id) == col(Chunk.version_id))
                .join(Document, col(Document.id) == col(DocumentVersion.document_id))
                .where(DocumentVersion.state == "published", col(Chunk.withheld).is_(False))
                .where(col(Document.removed_at).is_(None), col(Chunk.entry).in_(("hours", "when")))
            )
        )
    )


def choose(database: Database, document: int, pair: dict[str, Any], how: str) -> dict[str, Any]:
    return database.write_now(lambda s: choosing.choose(s, document, pair["id"], how, HAND, NOW))


@pytest.mark.parametrize(
    ("name", "said", "differs"),
    [
        ("a.md", "# 提货须知\n\n## 一、提货时间\n\n每天 17:00-21:00，周末一样。\n", ["17点 21点 ↔ 16点 20点"]),
        (
            "b.md",
            "# 提货须知\n\n大家好，下面几条请看一眼。\n\n提货时间：每天 16:00-21:00。\n",
            ["16点 21点 ↔ 16点 20点"],
        ),
        ("c.md", "# 提货须知\n\n提货时间：下午四点到八点。\n", []),
        (
            "t.md",
            "| 项目 | 安排 | 备注 |\n| --- | --- | --- |\n| 提货时间 | 17:00-21:00 | 不变 |\n| 代领 | 可以 | 无 |\n",
            ["17点 21点 ↔ 16点 20点"],
        ),
        ("p.md", "# 通知\n\n截单时间：晚上十点。\n", ["晚上十点。 ↔ {order_cutoff}"]),
        ("d.md", "# 送货须知\n\n送货时间：每天 17:00-21:00。\n", []),
    ],
)
def test_a_text_is_held_against_what_answers(take: Any, name: str, said: str, differs: list[str]) -> None:
    _, found = take(said, name)
    assert [one["differs"].partition("：")[2] for one in found] == differs
    assert {one["old"]["body"] for one in found} <= {OLD[0]["answer"], CUTOFF["answer"]}


def test_the_old_words_stay(take: Any, database: Database) -> None:
    document, (pair,) = take(NEW)
    assert pair["old"]["entry"] == "hours" and pair["new"]["entry"] == "when"
    choose(database, document, pair, "old")
    database.write_now(lambda s: lifecycle.publish(s, document, HAND, NOW))
    assert answers(database) == {"hours"}
    assert take(NEW)[1] == []
    database.write_now(lambda s: entries.add_phrasings(s, "when", ["到几点关门"], HAND, NOW))
    database.write_now(lambda s: lifecycle.publish(s, document, HAND, NOW))
    assert answers(database) == {"hours"}  # one more way to ask changes nothing of it
    database.write_now(lambda s: entries.set_answer(s, "when", "看门口的牌子。", HAND, NOW))
    database.write_now(lambda s: lifecycle.publish(s, document, HAND, NOW))
    assert answers(database) == {"hours", "when"}


def test_a_choice_is_taken_back(take: Any, database: Database) -> None:
    document, (pair,) = take(NEW, publish=True)
    for how, left in (("old", {"hours"}), ("open", {"hours", "when"})):
        choose(database, document, pair, how)
        assert answers(database) == left


def test_a_passage_gives_way_with_the_publish_and_comes_back_with_it(take: Any, database: Database) -> None:
    take("# 须知\n\n## 提货地点\n\n东门小铺，21 号楼下，3 元存一天。\n", "place.md", publish=True)
    document, (pair,) = take("# 通知\n\n## 提货地点\n\n东门小铺，5 元存一天。\n", "new.md")

    def held() -> list[int]:
        wanted = select(DocumentVersion.document_id).join(Chunk, col(Chunk.version_id) == col(DocumentVersion.id))
        return list(database.read_now(lambda s: s.exec(wanted.where(col(Chunk.withheld).is_(True)))))

    assert choose(database, document, pair, "new")["live"] is False
    assert held() == []
    steps: list[tuple[Callable[..., Any], list[int]]] = [
        (lambda s: lifecycle.publish(s, document, HAND, NOW), [pair["old"]["document"]]),
        (lambda s: lifecycle.remove(s, document, HAND, NOW), []),
        (lambda s: lifecycle.restore(s, document, HAND, NOW), [pair["old"]["document"]]),
        (lambda s: choosing.choose(s, document, pair["id"], "open", HAND, NOW), []),
        (lambda s: choosing.choose(s, document, pair["id"], "new", HAND, NOW), [pair["old"]["document"]]),
    ]
    for act, left in steps:
        database.write_now(act)
        assert held() == left
    found = database.read_now(lambda s: s.exec(select(Finding).where(Finding.kind == disputes.OUTDONE)).one())
    let = database.write_now(lambda s: passing.accept(s, pair["old"]["document"], [found.id or 0], HAND, NOW))
    assert (let.freed, held()) == (1, [])
    database.write_now(lambda s: disputes.settle(s, document))
    assert held() == []  # somebody let it pass: it stays so


def test_an_entry_gets_the_new_words_and_keeps_its_ways_to_ask(
    answering: Answering, take: Any, database: Database
) -> None:
    document, (pair,) = take("# 通知\n\n- 提货时间：每天 17:00-21:00，周日休息。\n- 别的照旧，谢谢大家。\n", "new.md")
    for how, said in (("new", "每天 17:00-21:00，周日休息。"), ("open", "每天 16:00-20:00。")):
        asked = {"action": "clash", "id": str(document), "finding": str(pair["id"]), "choice": how}
        done = asyncio.run(requests.handle(answering, asked, NOW, hand=HAND))
        old = database.read_now(lambda s: entries.find(s, "hours", pair["old"]["document"]))
        assert (old.chunk.body, old.version.state) == (said, "draft")
        assert done["rewritten"] == (pair["old"]["document"] if how == "new" else 0)
    ways = database.read_now(lambda s: [one.text for one in editing.phrasings(s, old.chunk.id)])
    assert ways == ["提货时间", "几点可以提货"]


def test_both_stay_and_are_not_asked_about_again(take: Any, database: Database) -> None:
    document, (pair,) = take(NEW, publish=True)
    assert choose(database, document, pair, "both")["live"] is True
    assert answers(database) == {"hours", "when"}
    assert take([*NEW, {"id": "x", "question": "草莓几点到", "answer": "早上。"}])[1] == []


def test_what_is_erased_holds_nothing_back_and_leaves_no_word(take: Any, database: Database) -> None:
    document, (pair,) = take(NEW, publish=True)
    choose(database, document, pair, "old")
    erasing.erase(database, pair["old"]["document"], HAND, NOW)
    assert answers(database) == {"when"}
    kinds = database.read_now(lambda s: set(s.exec(select(Finding.kind).where(Finding.locator != ""))))
    assert not kinds & set(disputes.KINDS)


def test_what_is_for_others_or_is_the_same_document_is_no_clash(take: Any) -> None:
    assert take(NEW, scope="group:1")[1] == []
    assert take([OLD[0] | {"answer": "每天 17:00-21:00。"}], "old.jsonl")[1] == []


def test_what_groups_tell_of_themselves_gives_way_to_no_document(take: Any, database: Database) -> None:
    document, (pair,) = take([{"id": "when", "question": "几点截单？", "answer": "晚上十点。"}])
    assert (pair["facts"], pair["differs"]) == (True, "几点截单：晚上十点。 ↔ {order_cutoff}")
    with pytest.raises(KnowledgeRefusal, match="clash_facts"):
        choose(database, document, pair, "new")


def test_what_is_none_is_refused(take: Any, database: Database) -> None:
    document, (pair,) = take(NEW)
    for other, number, how in (
        (document, 999, "old"),
        (document + 1, pair["id"], "old"),
        (document, pair["id"], "all"),
    ):
        with pytest.raises(KnowledgeRefusal):
            choose(database, other, {"id": number}, how)


def test_it_takes_little_time(take: Any, entries: Add) -> None:
    """A list of five hundred against two thousand: far above what it takes, so that a loaded machine makes it not red."""
    entries(
        [{"id": f"e{n}", "question": f"{n}号柜怎么拿", "answer": f"扫码，{n} 元。"} for n in range(2000)],
        name="big.jsonl",
    )
    started = time.process_time()
    take([{"id": f"n{n}", "question": f"{n}号箱多少钱", "answer": f"{n} 元。"} for n in range(500)], "list.jsonl")
    assert time.process_time() - started < 20


PLACE = "# 须知\n\n## 提货地点\n\n东门小铺，21 号楼下，3 元存一天。\n"
PARKING = "\n## 停车\n\n北门可以停车。\n"
MOVED = "# 通知\n\n## 提货地点\n\n东门小铺，5 元存一天。\n"


def fees(database: Database) -> set[str]:
    """What would answer of the fee."""
    live = select(Chunk.body).join(DocumentVersion).join(Document).where(DocumentVersion.state == "published")
    live = live.where(col(Document.removed_at).is_(None))
    bodies = database.read_now(lambda s: s.exec(live.where(col(Chunk.withheld).is_(False))).all())
    return {one for one in ("3 元", "5 元", "6 元") if any(one in body for body in bodies)}


def pressed(answering: Answering, document: int, pair: dict[str, Any], how: str) -> dict[str, Any]:
    """What the page's button does."""
    asked = {"action": "clash", "id": str(document), "finding": str(pair["id"]), "choice": how}
    return asyncio.run(requests.handle(answering, asked, NOW, hand=HAND))


def test_words_of_ones_own_answer_by_a_second_person_alone(take: Any, database: Database) -> None:
    def people(session: Session) -> list[int]:
        both = [Person(created_at=NOW), Person(created_at=NOW)]
        session.add_all(both)
        session.flush()
        session.add_all([RoleGrant(person_id=one.id or 0, role="staff", granted_at=NOW) for one in both])
        return [one.id or 0 for one in both]

    first, second = (lifecycle.Hand(str(one), one) for one in database.write_now(people))
    document, (pair,) = take(NEW)

    def press(how: str, hand: lifecycle.Hand) -> None:
        database.write_now(lambda s: choosing.choose(s, document, pair["id"], how, hand, NOW))

    def own(session: Session) -> None:
        made = session.exec(select(DocumentVersion).where(DocumentVersion.document_id == document)).one()
        made.created_by_id = first.person_id
        session.add(made)

    database.write_now(own)
    press("old", first)
    database.write_now(lambda s: lifecycle.publish(s, document, second, NOW))
    for how in ("both", "open", "new"):
        with pytest.raises(KnowledgeRefusal, match="second_person"):
            press(how, first)
    assert answers(database) == {"hours"}
    press("both", second)
    assert answers(database) == {"hours", "when"}


def test_a_choice_holds_whatever_becomes_of_the_other_document(take: Any, database: Database) -> None:
    take(PLACE, "place.md", publish=True)
    other, _ = take(PLACE + PARKING, "place.md", publish=True)
    document, (pair,) = take(MOVED, "new.md")
    choose(database, document, pair, "new")
    take(PLACE + PARKING * 2, "place.md")
    database.write_now(lambda s: lifecycle.publish(s, document, HAND, NOW))
    steps: list[Callable[..., Any]] = [
        lambda s: lifecycle.publish(s, other, HAND, NOW),
        lambda s: lifecycle.rollback(s, other, None, HAND, NOW),
        lambda s: lifecycle.rollback(s, other, 1, HAND, NOW),
        lambda s: lifecycle.remove(s, other, HAND, NOW),
        lambda s: lifecycle.restore(s, other, HAND, NOW),
    ]
    for act in steps:
        database.write_now(act)
        assert fees(database) == {"5 元"}
    take(PLACE + "\n## 雨天\n\n照常。\n", "place.md", publish=True)
    assert fees(database) == {"5 元"}
    database.write_now(lambda s: lifecycle.remove(s, document, HAND, NOW))
    assert fees(database) == {"3 元"}


def test_what_was_written_after_a_choice_is_not_held_by_it(take: Any, database: Database) -> None:
    other, _ = take(PLACE, "place.md", publish=True)
    document, (pair,) = take(MOVED, "new.md", publish=True)
    choose(database, document, pair, "new")
    _, (later,) = take(PLACE.replace("3 元", "6 元"), "place.md")
    database.write_now(lambda s: _dated(s, other))
    database.write_now(lambda s: lifecycle.publish(s, other, HAND, NOW))
    assert fees(database) == {"5 元", "6 元"}
    choose(database, other, later, "new")
    assert fees(database) == {"6 元"}


def _dated(session: Session, document: int) -> None:
    draft = lifecycle.versions(session, document)[-1]
    draft.created_at = NOW + timedelta(days=1)
    session.add(draft)


def test_two_choices_against_each_other_leave_the_later_one(take: Any, database: Database) -> None:
    other, _ = take(PLACE, "place.md", publish=True)
    document, (pair,) = take(MOVED, "new.md", publish=True)
    choose(database, document, pair, "new")
    _, (again,) = take(PLACE + PARKING, "place.md")
    choose(database, other, again, "new")
    database.write_now(lambda s: lifecycle.publish(s, other, HAND, NOW))
    assert fees(database) == {"3 元"}


def test_a_passage_that_is_published_at_once_is_held_against_others(take: Any) -> None:
    take(PLACE, "place.md", publish=True)
    _, (pair,) = take(MOVED, "new.md", publish=True)
    assert "3 元" in pair["old"]["body"]


@pytest.mark.parametrize("how", ["open", "old", "both"])
def test_what_stood_in_the_draft_comes_back(answering: Answering, take: Any, database: Database, how: str) -> None:
    document, (pair,) = take(NEW)
    old = pair["old"]["document"]

    def said() -> str:
        return database.read_now(lambda s: entries.find(s, "hours", old).chunk.body)

    def write(words: str) -> None:
        database.write_now(lambda s: entries.set_answer(s, "hours", words, HAND, NOW, document=old))

    write("三点到八点。")
    for _ in range(2):
        assert pressed(answering, document, pair, "new")["rewritten"] == old
        assert said() == "下午五点到晚上九点。"
    pressed(answering, document, pair, how)
    assert said() == "三点到八点。"
    pressed(answering, document, pair, "new")
    write("看牌子。")
    pressed(answering, document, pair, how)
    assert said() == "看牌子。"


def test_what_is_published_is_not_said_to_be_taken_back(answering: Answering, take: Any, database: Database) -> None:
    document, (pair,) = take(NEW)
    pressed(answering, document, pair, "new")
    database.write_now(lambda s: lifecycle.publish(s, pair["old"]["document"], HAND, NOW))
    with pytest.raises(KnowledgeRefusal, match="clash_published"):
        pressed(answering, document, pair, "open")
    database.write_now(lambda s: lifecycle.rollback(s, pair["old"]["document"], None, HAND, NOW))
    assert pressed(answering, document, pair, "open")["choice"] == "open"


def test_no_publish_goes_through_all_findings(take: Any, database: Database, folder: Path) -> None:
    document, (pair,) = take(NEW)
    with heard() as said, closing(open_database(folder)) as watched:
        choose(watched, document, pair, "old")
        watched.write_now(lambda s: lifecycle.publish(s, document, HAND, NOW))
        watched.write_now(lambda s: disputes.lose(s, document))
    asked = [sql for sql in said if "finding" in sql and sql.startswith(("SELECT", "UPDATE", "DELETE"))]
    with closing(sqlite3.connect(folder / FILE)) as raw:
        plans = {sql: [str(step[3]) for step in raw.execute(f"EXPLAIN QUERY PLAN {sql}")] for sql in asked}
    assert len(plans) > 3
    assert not {sql: plan for sql, plan in plans.items() if any("SCAN finding" in step for step in plan)}
