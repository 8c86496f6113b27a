"""换文案: the dialogue about a group's own words for a day of a campaign."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from engagement.campaigns import words
from engagement.errors import Refusal
from engagement.kernel import Outgoing
from prompts.campaigns import PLACEHOLDERS
from storage.audit import AuditRow
from storage.wordings import Wording
from tests.engagement.campaigns import scene
from tests.engagement.campaigns.scene import FESTIVAL, LEADER, LESSON, MEMBER_DAY, dm, labels, press, run
from tests.engagement.stage import Stage, keys, shown


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    opened = scene.scene(tmp_path, MEMBER_DAY, LESSON, FESTIVAL)
    yield opened
    opened.database.close()


def asked(stage: Stage) -> Outgoing:
    """活动 1 → 换文案 → the first of two days."""
    which = press(stage, dm(stage, "活动 1"), "campaigns.button_words")
    assert which.key == "campaigns.word_which" and labels(which) == ["button_day"] * 2
    return dm(stage, button=which.buttons[0].key)


def kept(stage: Stage) -> list[tuple[str, str]]:
    return stage.database.read_now(lambda s: [(one.scope, one.text) for one in s.exec(select(Wording))])


def test_own_words_are_shown_kept_said_and_taken_back(stage: Stage) -> None:
    question = asked(stage)
    assert "{group}聊聊米，热线 {hotline}。" in shown(question) and "180 个字" in shown(question)
    assert question.tails == ("campaigns.word_braces",)
    done = dm(stage, "{group}今天聊米。\n\n谁家的\u200b香？", quoting=question)
    assert done.key == "campaigns.word_kept" and "阳光花园一期今天聊米。\n谁家的香？" in shown(done)
    assert labels(done)[:2] == ["button_reset", "button_again"] and done.card is not None
    assert kept(stage) == [(f"group:{stage.group_id}", "{group}今天聊米。\n谁家的香？")]
    undo = done.buttons[-1].key
    assert dm(stage, button=undo).key == "campaigns.word_back"
    assert kept(stage) == []
    dm(stage, "我们自己说", quoting=question)
    assert [one.values["body"] for one in run(stage, "2027-06-18T10:00")] == [["我们自己说"]]
    audit = stage.database.read_now(
        lambda s: [one.details for one in s.exec(select(AuditRow)) if "worded" in one.action]
    )
    assert len(audit) == 2 and "我们" not in "".join(audit)


def test_a_title_is_read_with_its_year(tmp_path: Path) -> None:
    """活动 → 「6月21日（周一）10:00　元旦：2027 年头一天」, and so wherever the day is named; never 「{year} 年头一天」."""
    stage = scene.scene(tmp_path, scene.NEW_YEAR)
    try:
        for asks in ("活动", "活动 1"):
            said = shown(dm(stage, asks))
            assert "2027 年头一天" in said and "{" not in said, said
        question = press(stage, dm(stage, "活动 1"), "campaigns.button_words")
        assert question.values["title"] == "2027 年头一天"
    finally:
        stage.database.close()


def test_the_ready_words_again(stage: Stage) -> None:
    question = asked(stage)
    dm(stage, "我们自己说", quoting=question)
    again = asked(stage)
    assert "我们自己说" in shown(again) and labels(again) == ["button_reset", "button_keep"]
    assert dm(stage, "恢复原文", quoting=again).key == "campaigns.word_ready"
    assert kept(stage) == []
    back = dm(stage, button=again.buttons[0].key)
    assert back.key == "campaigns.word_ready_already"
    assert dm(stage, "不改了", quoting=again).key == "campaigns.word_unchanged"
    assert press(stage, again, "campaigns.button_keep").key == "campaigns.word_unchanged"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("长" * 181, "campaigns.word_long"),
        ("短\n" * 9, "campaigns.word_long"),
        ("。。。", "campaigns.word_empty"),
        ("找{phone}", "campaigns.word_unknown"),
        ("找\uff5bphone\uff5d", "campaigns.word_unknown"),
        ("今晚一起吸冰毒", "campaigns.word_forbidden"),
    ],
)
def test_what_cannot_stand_is_said_and_the_question_stays_open(stage: Stage, text: str, key: str) -> None:
    no = dm(stage, text, quoting=asked(stage))
    assert no.key == key and kept(stage) == []
    assert ("{phone}" in shown(no) and "{days_left}" in shown(no)) or key != "campaigns.word_unknown"
    assert dm(stage, "这样行", quoting=no).key == "campaigns.word_kept"


def test_advertising_words_are_asked_about_once(stage: Stage) -> None:
    doubtful = dm(stage, "全网最低价的米来了", quoting=asked(stage))
    assert doubtful.key == "campaigns.word_doubtful" and "可以说成" in shown(doubtful)
    assert kept(stage) == []
    other = dm(stage, "全国第一的米来了", quoting=doubtful)
    assert other.key == "campaigns.word_doubtful"
    assert dm(stage, "全国第一的米来了", quoting=other).key == "campaigns.word_kept"


def test_the_groups_own_list_counts(stage: Stage) -> None:
    question = asked(stage)
    dm(stage, "敏感词 添加 老张家")
    assert dm(stage, "米在老张家买的", quoting=question).key == "campaigns.word_forbidden"


def test_what_is_over_or_not_for_the_group_has_no_words(stage: Stage) -> None:
    question = asked(stage)
    run(stage, "2027-06-18T10:00")
    assert dm(stage, "晚了", quoting=question).key == "campaigns.word_late"
    only = press(stage, dm(stage, "活动 1"), "campaigns.button_words")
    assert only.key == "campaigns.word_ask" and only.values["title"] == "上周的米"
    assert "button_words" not in labels(dm(stage, "活动 2"))
    assert dm(stage, button=f"cal_words:2.{stage.group_id}").key == "campaigns.word_late"
    assert dm(stage, button=f"cal_words:3.{stage.group_id}").key == "campaigns.word_late"


def test_a_neighbour_s_words_under_a_question_are_nobody_s(stage: Stage) -> None:
    question = asked(stage)
    assert keys(stage.say("李阿姨", "改成我的", quoting=question)) == []
    assert keys(stage.say("李阿姨", "改成我的", quoting=question, private=True))[0].startswith("guard.")
    assert keys(stage.say(LEADER, "", button=f"cal_words:1.{stage.group_id}")) == ["guard.private_only"]
    assert kept(stage) == []


def test_in_private_the_next_words_are_the_answer_and_what_follows_is_none(stage: Stage) -> None:
    """The question came last: its answer need not quote it. When it is answered, words are words again."""
    stage._remember(asked(stage), LEADER)
    done = dm(stage, "找{leader}，电话 {hotline}。\n不用引用也行")
    assert done.key == "campaigns.word_kept"
    assert done.tails == ("campaigns.beat", "campaigns.word_hidden")  # no hotline is known
    stage._remember(done, LEADER)
    stage.clock.set(stage.clock.now() + timedelta(seconds=1))
    assert dm(stage, "今天天气真好").key.startswith("faq.")
    assert len(kept(stage)) == 1


def test_every_variable_has_a_word() -> None:
    with pytest.raises(Refusal) as unknown:
        words.wording("找{phone}")
    known = unknown.value.values["known"]
    assert isinstance(known, list) and len(known) == len(PLACEHOLDERS)


def test_lines_are_cleaned_and_bounded() -> None:
    assert words.wording("一\u202e行\n\n 二行 ") == "一行\n二行"
    with pytest.raises(Refusal):
        words.wording("\u200b\n\n")
