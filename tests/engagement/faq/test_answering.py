"""A leader answers where nothing can be quoted: by the button under the question, and then in plain words."""

from __future__ import annotations

from pathlib import Path

import pytest

from engagement.kernel import Kind, Outgoing
from engagement.registry import FEATURES
from storage import identities
from storage.engine import Session
from storage.groups import Group, Person
from tests.engagement.stage import Stage, keys, open_stage, placeholders_match, shown

LEADER = "周团长"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    for who in ("李阿姨", "王姐"):
        opened.say(who, "签到")
    return opened


def asks(stage: Stage, what: str, who: str = "李阿姨") -> Outgoing:
    said = stage.say(who, f"问团长 {what}", private=True)
    return next(one for one in said if one.key == "faq.to_leader")


def goes_out(stage: Stage, message: Outgoing, who: str = LEADER) -> None:
    """What was said stands in the private chat, as if it had been sent."""
    stage._remember(message, who)


def press(stage: Stage, message: Outgoing, who: str = LEADER) -> Outgoing:
    (said,) = stage.say(who, "", button=message.buttons[0].key, private=True)
    goes_out(stage, said, who)
    return said


def test_by_the_button_and_in_plain_words(stage: Stage) -> None:
    """
    周团长（企业微信，引用不了）: 李阿姨问：燃气灶能代收吗 [回 李阿姨]
    点「回 李阿姨」→ 要回李阿姨什么？
    周团长: 可以，放门口 → 已经转给李阿姨；再说一句别的，不会当成又一次回答
    """
    told = asks(stage, "燃气灶能代收吗")
    assert "点下面再写" in shown(told)
    how = press(stage, told)
    assert how.key == "faq.answer_now" and placeholders_match(how) and "燃气灶能代收吗" in shown(how)
    done, relayed = stage.say(LEADER, "可以，放门口", private=True)
    assert (done.key, relayed.key, relayed.kind, relayed.to) == ("faq.relay_done", "faq.relayed", Kind.DM, "李阿姨")
    assert relayed.values["answer"] == ["可以，放门口"]
    goes_out(stage, done)
    assert keys(stage.say(LEADER, "今天风真大呀，你说呢", private=True)) == ["faq.leader_unknown"]


def test_laid_aside_by_a_word(stage: Stage) -> None:
    press(stage, asks(stage, "燃气灶能代收吗"))
    (said,) = stage.say(LEADER, "不用回", private=True)
    assert said.key == "faq.dismissed"
    goes_out(stage, said)
    assert keys(stage.say(LEADER, "待回复", private=True)) == ["faq.none_waiting"]


@pytest.mark.parametrize("words", ["取消了", "不用了", "不发了"])
def test_an_answer_that_sounds_like_giving_up_is_one(stage: Stage, words: str) -> None:
    """李阿姨: 明天还要带身份证吗 → 周团长点「回 李阿姨」: 不用了 → 转给李阿姨"""
    press(stage, asks(stage, "燃气灶能代收吗"))
    done, relayed = stage.say(LEADER, words, private=True)
    assert (done.key, relayed.key, relayed.to) == ("faq.relay_done", "faq.relayed", "李阿姨")
    assert relayed.values["answer"] == [words]


def test_each_that_waits_has_its_button(stage: Stage) -> None:
    """待回复 → 两条，各有各的按钮；按第一条，回的就是第一条"""
    asks(stage, "燃气灶能代收吗")
    asks(stage, "鸡蛋还有吗", "王姐")
    first, second = stage.say(LEADER, "待回复", private=True)
    assert [one.buttons[0].values["name"] for one in (first, second)] == ["李阿姨", "王姐"]
    press(stage, first)
    assert stage.say(LEADER, "可以，放门口", private=True)[1].to == "李阿姨"


def test_who_leads_nothing_there_answers_nothing(stage: Stage) -> None:
    told = asks(stage, "燃气灶能代收吗")
    assert keys(stage.say("王姐", "", button=told.buttons[0].key, private=True)) == ["guard.leader_only"]
    for wrong in ("answer:99", "answer:", "answer:x"):
        assert keys(stage.say(LEADER, "", button=wrong, private=True)) == ["faq.gone"]


def test_the_chat_goes_over_to_the_group_that_asked(stage: Stage) -> None:
    """周团长的私聊正在说别的群（那里她不是团长）：按了按钮，说的就是这个群，下一句照样转到。"""

    def another(session: Session) -> None:
        session.add(Group(channel="play", external_id="g2", name="月亮湾", created_at=stage.clock.now()))

    told = asks(stage, "燃气灶能代收吗")
    stage.database.write_now(another)
    leader = stage.person(LEADER)

    def go(session: Session) -> None:
        person = session.get_one(Person, leader)
        identities.enter(session, 2, leader, LEADER, stage.clock.now())
        person.current_group_id = 2
        session.add(person)

    stage.database.write_now(go)
    assert press(stage, told).key == "faq.answer_now"
    assert keys(stage.say(LEADER, "可以，放门口", private=True)) == ["faq.relay_done", "faq.relayed"]
