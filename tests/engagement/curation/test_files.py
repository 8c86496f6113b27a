"""A file from staff to a published document, and what a resident may not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engagement.curation.office import SUN, WANG, Office, closed, open_office
from tests.engagement.stage import keys, placeholders_match, shown

MELTED = "冷冻水饺化了怎么办"
RULES = json.dumps(
    {
        "id": "frozen.melted",
        "question": MELTED,
        "aliases": ["水饺送来是软的"],
        "answer": "当天 21:00 前拍照发给团长，全额退款。",
    },
    ensure_ascii=False,
)
RULES_NEW = (
    RULES.replace("21:00", "20:00")
    + "\n"
    + json.dumps(
        {"id": "frozen.short", "question": "冷冻品少送了怎么办", "answer": "第二天补送，不用再付钱。"},
        ensure_ascii=False,
    )
)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = open_office(tmp_path)
    yield office
    closed(office)


def test_from_a_file_to_an_answer(office: Office) -> None:
    """
    王运营（私聊）: [冷冻品退换规则.jsonl] → 看完了：…… [看差异] [不要了]（要另一位来发布）
    孙运营（私聊）: 发布 1 → 发布……？ [发布] → 发布了
    """
    (told,) = office.send(WANG, "冷冻品退换规则.jsonl", RULES)
    assert told.key == "curation.file_draft"
    assert "冷冻品退换规则" in shown(told) and "1 条问答" in shown(told)
    assert "另一位同事" in shown(told)
    assert placeholders_match(told)
    assert [one.key for one in told.buttons] == ["kb_diff:1.1", "kb_drop:1.1"]
    assert office.ask(MELTED).decision != "answered", "a draft answers nobody"
    listed = office.say(SUN, "知识库")
    assert "等发布" in shown(listed) and placeholders_match(listed)
    sure = office.say(SUN, "发布 1")
    assert sure.key == "curation.publish_sure" and placeholders_match(sure)
    assert office.ask(MELTED).decision != "answered"
    done = office.press(SUN, sure, "kb_go")
    assert done.key == "curation.published"
    found = office.ask(MELTED)
    assert found.decision == "answered" and "21:00" in found.text


def test_who_sent_it_does_not_publish_it(office: Office) -> None:
    office.send(WANG, "规则.jsonl", RULES)
    assert office.say(WANG, "发布 1").key == "curation.no_second_person"
    assert office.say(WANG, "", button="kb_go:1.1").key == "curation.no_second_person"
    assert office.ask(MELTED).decision != "answered"


def test_a_new_version_is_compared_published_and_rolled_back(office: Office) -> None:
    office.send(WANG, "规则.jsonl", RULES)
    office.press(SUN, office.say(SUN, "发布 1"), "kb_go")
    (told,) = office.send(SUN, "规则.jsonl", RULES_NEW)
    assert told.values["version"] == 2
    difference = office.press(WANG, told, "kb_diff")
    assert "[-21-]{+20+}" in shown(difference) or "20" in shown(difference)
    assert "＋" in shown(difference)
    done = office.press(WANG, office.say(WANG, "发布1"), "kb_go")
    assert "20:00" in office.ask(MELTED).text
    sure = office.press(WANG, done, "kb_back")
    assert sure.key == "curation.back_sure" and placeholders_match(sure)
    backed = office.press(WANG, sure, "kb_back")
    assert backed.key == "curation.backed"
    assert "21:00" in office.ask(MELTED).text
    assert office.press(WANG, backed, "kb_back").key == "curation.backed"
    assert "20:00" in office.ask(MELTED).text


def test_down_and_up_again(office: Office) -> None:
    office.send(WANG, "规则.jsonl", RULES)
    office.press(SUN, office.say(SUN, "发布 1"), "kb_go")
    sure = office.say(WANG, "下架 1")
    assert office.ask(MELTED).decision == "answered", "not before the confirmation"
    taken = office.press(WANG, sure, "kb_take")
    assert office.ask(MELTED).decision != "answered"
    assert "已下架：1" in shown(office.say(SUN, "知识库"))
    assert office.press(WANG, taken, "kb_restore").key == "curation.restored"
    assert office.ask(MELTED).decision == "answered"


def test_a_resident_gets_a_plain_no_and_nothing_is_fetched(office: Office) -> None:
    """
    李阿姨（私聊）: [规则.jsonl] → 文件我这儿只有团长和运营同事能交……
    """
    office.stage.say("李阿姨", "签到")
    assert keys(office.send("李阿姨", "规则.jsonl", RULES)) == ["curation.file_not_you"]
    assert office.fetched == []
    office.send(WANG, "规则.jsonl", RULES)
    for text in ("知识库", "看 1", "差异 1", "发布 1", "回滚 1", "下架 1", "恢复 1", "缺口"):
        assert office.say("李阿姨", text).key == "guard.leader_only", text
    for button in (
        "kb_go:1.1",
        "kb_show:1",
        "kb_diff:1.1",
        "kb_take:1.1",
        "kb_back:1.0.1",
        "kb_gaps:0",
        "kb_pass:1.1.9",
    ):
        assert office.say("李阿姨", "", button=button).key == "guard.leader_only", button


def test_a_redelivery_is_one_draft(office: Office) -> None:
    incoming = office.incoming(WANG, "规则.jsonl", RULES, key="again")
    assert len(office.take(incoming)) == 1
    assert office.take(incoming) == []
    assert office.say(SUN, "知识库").values["count"] == 1
    sure = office.say(SUN, "发布 1")
    assert office.press(SUN, sure, "kb_go").key == "curation.published"
    assert office.press(SUN, sure, "kb_go").key == "curation.published_already"
