"""Held back, told, decided, appealed, taken back and forgotten; each test's docstring is the chat."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from engagement.kernel import Kind, Outgoing, Place
from engagement.moderation import rules
from engagement.moderation.tables import ModerationCase, ModerationWord
from engagement.registry import FEATURES
from engagement.topic.tables import TopicAnswer
from storage import audit
from storage.documents import Question
from storage.groups import Group, Member, Region, RoleGrant
from tests.engagement.stage import Stage, at, keys, open_stage, placeholders_match, shown

AD = "加我微信 abc123456 领鸡蛋"
DAY = "2026-12-01T"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A leader and two neighbours; the leader and 王姐 have written to the bot in private."""
    opened = open_stage(tmp_path, FEATURES, DAY + "09:00")
    for who in ("周团长", "李阿姨", "王姐", "孙大爷"):
        opened.say(who, "签到")
    for who in ("周团长", "王姐"):
        opened.say(who, "积分", private=True)
    opened.said.clear()
    return opened


def topic(stage: Stage, who: str, words: str, when: str = "") -> list[Outgoing]:
    (asked,) = stage.say(who, "今日话题", when)
    return stage.say(who, words, quoting=asked)


def cases(stage: Stage) -> list[ModerationCase]:
    def read(session: Any) -> list[ModerationCase]:
        rows = list(session.exec(select(ModerationCase).order_by(col(ModerationCase.id))))
        session.expunge_all()
        return rows

    return stage.database.read_now(read)


def answers(stage: Stage) -> list[str]:
    return stage.database.read_now(lambda s: [row.text for row in s.exec(select(TopicAnswer))])


def dms(messages: Sequence[Outgoing], to: str) -> list[str]:
    return [one.key for one in messages if one.place is Place.DM and one.to == to]


def press(stage: Stage, who: str, key: str, **more: Any) -> list[Outgoing]:
    return stage.say(who, "", button=key, private=True, **more)


def second_leader(stage: Stage) -> None:
    stage.say("周团长", "设团长 孙大爷")
    stage.say("孙大爷", "积分", private=True)


# ---------------------------------------------------------------- held back


def test_an_advertisement_under_the_topic(stage: Stage) -> None:
    """李阿姨 ↪ 加我微信 abc123456 领鸡蛋: held, no points, the leader is asked in private; then a real answer counts."""
    said = topic(stage, "李阿姨", AD)
    assert keys(said) == ["moderation.hidden_here", "moderation.to_leader"]
    assert "abc123456" not in shown(said[0])
    assert "广告" not in shown(said[0]), "nobody else needs to know why"
    assert dms(said, "周团长") == ["moderation.to_leader"]
    assert [button.key for button in said[1].buttons] == ["mod_pass:1", "mod_drop:1", "mod_remind:1", "mod_mute:1"]
    assert stage.points("李阿姨", "topic") == 0
    assert answers(stage) == []
    assert "topic.counted" in keys(topic(stage, "李阿姨", "我家炖了一锅羊肉"))[0]
    assert stage.points("李阿姨", "topic") == 2
    assert all(placeholders_match(one) for one in said)


def test_who_can_be_told_in_private_is_told_there_alone(stage: Stage) -> None:
    said = topic(stage, "王姐", "楼上那个贱人天天跳绳")
    assert keys(said) == ["moderation.warned"]
    assert dms(said, "王姐") == ["moderation.warned"]
    (case,) = cases(stage)
    assert (case.state, case.reason) == ("warned", "insult")


def test_a_number_is_covered_and_nobody_is_blamed(stage: Stage) -> None:
    """王姐 ↪ 我家腌了泡菜，电话 13800138000: counts, the number is not kept."""
    said = topic(stage, "王姐", "我家腌了泡菜，电话 13800138000")
    assert keys(said) == ["topic.counted_first", "moderation.masked"]
    assert answers(stage) == ["我家腌了泡菜，电话 〔手机号〕"]
    assert cases(stage) == []
    silent = topic(stage, "李阿姨", "我家也腌了，13800138000")
    assert keys(silent) == ["topic.counted_first"], "nothing public about it"


def test_where_nothing_of_it_stands_in_the_chat_nobody_is_sent_to_take_it_back(stage: Stage) -> None:
    """
    客户群，王姐在公众号里: 话题 …电话 138… → 给邻居看时遮住了，没有“群里那条还在”
    团长删了一条 → 没有“群里的原话我删不了”
    """
    stage.change(hears=False, speaks=False)
    said = stage.say("王姐", "话题 我家腌了泡菜，电话 13800138000", private=True)
    assert keys(said)[-1] == "moderation.masked_alone" and "撤回" not in shown(said[-1])
    held = stage.say("王姐", f"话题 {AD}", "2026-12-02T09:00", private=True)
    told = next(one for one in held if one.key == "moderation.to_leader")
    (done, *_) = press(stage, "周团长", next(one.key for one in told.buttons if one.key.startswith("mod_drop")))
    assert done.key == "moderation.done_deleted_quiet" and "撤回" not in shown(done)


def test_a_question_to_the_leader(stage: Stage) -> None:
    """王姐 (in private): 问团长 麻烦送到门口，13800138000: the number stays with her; rude complaints go through."""
    said = stage.say("王姐", "问团长 麻烦送到门口，13800138000", private=True)
    assert keys(said) == ["faq.passed_on", "moderation.masked_private", "faq.to_leader"]
    assert all("13800138000" not in shown(one) for one in said)
    assert cases(stage) == []
    assert keys(stage.say("王姐", "问团长 你们这群傻逼，退钱！！", private=True))[-1] == "faq.to_leader"
    held = stage.say("王姐", "问团长 招兼职打字员，日结200，无需押金", private=True)
    assert keys(held) == ["moderation.held", "moderation.to_leader"]
    texts = stage.database.read_now(lambda s: [row.text for row in s.exec(select(Question))])
    assert not any("13800138000" in text or "兼职" in text for text in texts)


def test_further_words_to_a_question_are_looked_at_too(stage: Stage) -> None:
    asked = stage.say("王姐", "问团长 我的米呢", private=True)[0]
    more = stage.say("王姐", "打我电话 13800138000", quoting=asked, private=True)
    assert keys(more)[0] == "faq.added"
    stage.say("王姐", AD, quoting=asked, private=True)
    (text,) = stage.database.read_now(lambda s: [row.text for row in s.exec(select(Question))])
    assert text == "我的米呢 打我电话 〔手机号〕"


def test_what_a_question_held_back_becomes_when_it_is_let_through(stage: Stage) -> None:
    stage.say("王姐", "问团长 招兼职打字员，日结200，无需押金", private=True)
    said = press(stage, "周团长", "mod_pass:1")
    assert "faq.to_leader" in keys(said)
    (row,) = stage.database.read_now(lambda s: [(q.text, q.state) for q in s.exec(select(Question))])
    assert row == ("招兼职打字员，日结200，无需押金", "open")


def test_the_leader_s_own_words_are_the_leader_s_business(stage: Stage) -> None:
    assert "topic.counted_first" in keys(topic(stage, "周团长", "要鸡蛋的加我微信 abc123456"))
    assert cases(stage) == []


def test_ordinary_talk_is_not_even_received_as_a_post(stage: Stage) -> None:
    assert stage.say("李阿姨", AD) == []
    assert cases(stage) == []


def test_a_family_s_name(stage: Stage) -> None:
    """王姐: 家庭名 傻逼一家: warned, and not taken; what a leader lets through is taken, and taken off with 撤销."""
    stage.say("王姐", "邀请家人 李阿姨")
    stage.say("李阿姨", "同意加入 王姐")
    assert keys(stage.say("王姐", "家庭名 幸福一家")) == ["households.named"]
    assert keys(stage.say("王姐", "家庭名 傻逼一家")) == ["moderation.warned"]
    assert "幸福一家" in shown(stage.say("李阿姨", "我的家庭")[0])
    done = press(stage, "周团长", "mod_pass:1")
    assert "傻逼一家" in shown(stage.say("李阿姨", "我的家庭")[0])
    press(stage, "周团长", done[0].buttons[0].key)
    assert "傻逼一家" not in shown(stage.say("李阿姨", "我的家庭")[0])


def test_the_same_text_again_makes_no_second_case_and_a_flood_makes_five(stage: Stage) -> None:
    topic(stage, "李阿姨", AD)
    assert keys(topic(stage, "李阿姨", AD)) == ["moderation.hidden_here"]
    assert len(cases(stage)) == 1
    for number in range(8):
        topic(stage, "李阿姨", f"兼职日结{number}号群，加我微信 zq77889{number}")
    assert len(cases(stage)) == rules.MOST_WAITING
    assert answers(stage) == []


def test_a_redelivery_makes_nothing(stage: Stage) -> None:
    (asked,) = stage.say("李阿姨", "今日话题")
    stage.say("李阿姨", AD, quoting=asked, dedupe_key="once")
    assert stage.say("李阿姨", AD, quoting=asked, dedupe_key="once") == []
    assert len(cases(stage)) == 1


# ---------------------------------------------------------------- the leader is told


def test_one_notice_in_ten_minutes_and_the_rest_together(stage: Stage) -> None:
    assert dms(topic(stage, "李阿姨", AD), "周团长") == ["moderation.to_leader"]
    assert dms(topic(stage, "李阿姨", "兼职日结，加我微信 zq778899", DAY + "09:04"), "周团长") == []
    assert dms(topic(stage, "王姐", "代开发票，全国可开", DAY + "09:09"), "周团长") == []
    later = topic(stage, "孙大爷", "网投平台注册就送", DAY + "09:11")
    assert dms(later, "周团长") == ["moderation.to_leader_many"]
    assert later[-1].values["count"] == 3


def test_quiet_hours_wait_for_the_morning_unless_it_is_grave(stage: Stage) -> None:
    stage.say("李阿姨", "今日话题", DAY + "21:50")
    assert dms(topic(stage, "李阿姨", AD, DAY + "23:00"), "周团长") == []
    assert dms(topic(stage, "李阿姨", "信不信我揍你", DAY + "23:20"), "周团长") == ["moderation.to_leader_many"]
    morning = stage.push("moderation_morning", "2026-12-02T09:05")
    assert morning is not None and morning.skip == "nothing", "both were told at 23:20"


def test_the_night_s_cases_in_the_morning_and_one_reminder_in_the_evening(stage: Stage) -> None:
    topic(stage, "李阿姨", AD, DAY + "23:00")
    morning = stage.push("moderation_morning", "2026-12-02T09:05")
    assert morning is not None and morning.reply is not None
    assert (morning.reply.key, morning.reply.kind, morning.reply.values["count"]) == (
        "moderation.to_leader_many",
        Kind.DM,
        1,
    )
    for kind, when, told in (
        ("evening", "2026-12-02T18:05", True),
        ("morning", "2026-12-03T09:05", False),
        ("evening", "2026-12-03T18:05", False),
    ):
        planned = stage.push(f"moderation_{kind}", when)
        assert planned is not None
        assert (planned.reply is not None) is told, when


def test_a_leader_who_never_wrote_finds_it_in_the_list(tmp_path: Path) -> None:
    stage = open_stage(tmp_path, FEATURES, DAY + "09:00")
    assert keys(topic(stage, "李阿姨", AD)) == ["moderation.hidden_here"]
    assert keys(stage.say("周团长", "待审核")) == ["moderation.wait_in_private"]
    nobody = stage.push("moderation_evening", DAY + "18:05")
    assert nobody is not None and nobody.skip == "nothing"
    (listed,) = stage.say("周团长", "待审核", private=True)
    assert listed.key == "moderation.to_leader"
    assert listed.values["text"] == AD
    assert "moderation.glance" in stage.say("周团长", "今日一览", private=True)[0].tails


# ---------------------------------------------------------------- decisions


def test_let_through_counts_as_if_it_had_never_been_held(stage: Stage) -> None:
    topic(stage, "王姐", AD)
    done = press(stage, "周团长", "mod_pass:1")
    assert keys(done) == ["moderation.done_released", "moderation.told_released"]
    assert stage.points("王姐", "topic") == 2
    assert answers(stage) == [AD]
    assert keys(press(stage, "周团长", "mod_drop:1")) == ["moderation.decided_already"]
    assert keys(press(stage, "周团长", done[0].buttons[0].key)) == ["moderation.undone"]
    assert answers(stage) == [""], "hidden again"
    assert cases(stage)[0].state == "waiting"


def test_an_insult_that_is_let_through_is_not_quoted_in_the_evening(stage: Stage) -> None:
    """王姐（话题）: 你们都是傻逼 → 先收着；团长放行 → 算她答过，晚上的小结不念出来；别人的照念"""
    topic(stage, "李阿姨", "我家炖了羊肉，满楼道都香")
    topic(stage, "张姐", "我家腌了两坛泡菜，等着过年吃")
    topic(stage, "王姐", "你们这群傻逼懂什么过日子")
    assert cases(stage)[0].reason == "insult"
    assert keys(press(stage, "周团长", "mod_pass:1"))[0] == "moderation.done_released"
    assert stage.points("王姐", "topic") == 2
    summary = stage.pushed("topic_summary", "2026-12-01T20:00")
    assert summary.values["answers"] == 3
    assert "傻逼" not in shown(summary)
    assert "羊肉" in shown(summary)


def test_an_answer_given_meanwhile_stays(stage: Stage) -> None:
    topic(stage, "王姐", AD)
    topic(stage, "王姐", "我家炖了羊肉")
    press(stage, "周团长", "mod_pass:1")
    assert answers(stage) == ["我家炖了羊肉"]
    assert stage.points("王姐", "topic") == 2


def test_mute_for_three_days_and_back(stage: Stage) -> None:
    """团长 presses 禁用三天; 王姐 cannot check in; 撤销; she can."""
    topic(stage, "王姐", AD)
    done = press(stage, "周团长", "mod_mute:1")
    assert keys(done) == ["moderation.done_muted", "moderation.told_muted"]
    assert keys(stage.say("王姐", "签到", "2026-12-02T09:00")) == ["guard.muted"]
    assert keys(stage.say("王姐", "申诉", private=True)) == ["moderation.appeal_how"], "in private that right stays"
    (undo,) = [b for m in stage.say("周团长", "撤销", private=True) for b in m.buttons if b.key.startswith("undo:")]
    assert keys(press(stage, "周团长", undo.key)) == ["moderation.undone"]
    assert keys(stage.say("王姐", "签到"))[0] != "guard.muted"
    press(stage, "周团长", "mod_mute:1")
    assert keys(stage.say("王姐", "签到", "2026-12-05T09:01"))[0] != "guard.muted", "it ends by itself"


def test_the_third_warning_suggests_and_never_mutes_by_itself(stage: Stage) -> None:
    for number in range(2):
        assert keys(topic(stage, "王姐", f"楼上那个贱人{number}")) == ["moderation.warned"]
    said = topic(stage, "王姐", "你们全家都是畜生")
    assert keys(said) == ["moderation.warned", "moderation.third_time"]
    assert [button.key for button in said[1].buttons] == ["mod_mute:3", "mod_pass:3"]
    assert (
        stage.database.read_now(lambda s: s.exec(select(Member.muted_until).where(Member.name == "王姐")).one()) is None
    )
    assert keys(press(stage, "周团长", "mod_mute:3"))[0] == "moderation.done_muted"


def test_the_third_time_is_said_when_a_leader_deletes(stage: Stage) -> None:
    for number in range(3):
        topic(stage, "王姐", f"兼职日结{number}")
    for number in (1, 2):
        assert "moderation.many" not in press(stage, "周团长", f"mod_drop:{number}")[0].tails
    (done, _told) = press(stage, "周团长", "mod_remind:3")
    assert "moderation.many" in done.tails
    assert "mod_mute:3" in [button.key for button in done.buttons]


def test_old_warnings_do_not_count(stage: Stage) -> None:
    for number in range(2):
        topic(stage, "王姐", f"楼上那个贱人{number}")
    assert keys(topic(stage, "王姐", "你们全家都是畜生", "2027-01-02T09:00")) == ["moderation.warned"]


def test_nobody_else_decides(stage: Stage) -> None:
    topic(stage, "王姐", AD)
    for act in ("pass", "drop", "remind", "mute", "yes", "no"):
        assert keys(press(stage, "王姐", f"mod_{act}:1")) == ["guard.leader_only"]
        assert keys(stage.say("李阿姨", "", button=f"mod_{act}:1")) == ["guard.leader_only"]
    assert keys(press(stage, "王姐", "mod_next:")) == ["guard.leader_only"]
    assert keys(press(stage, "周团长", "mod_yes:1")) == ["moderation.decided_already"]
    assert cases(stage)[0].state == "waiting"


def test_a_leader_of_another_group_sees_and_does_nothing(stage: Stage) -> None:
    topic(stage, "王姐", AD)

    def elsewhere(session: Any) -> None:
        group = Group(channel="play", external_id="g2", name="金桂苑", created_at=stage.clock.now())
        session.add(group)
        session.flush()
        session.add(
            Member(group_id=group.id or 0, person_id=person, name="吴团长", role="leader", joined_at=stage.clock.now())
        )

    stage.say("吴团长", "帮助", private=True)
    person = stage.person("吴团长")
    stage.database.write_now(elsewhere)
    assert keys(stage.say("吴团长", "待审核", private=True)) == ["moderation.none_wait"]
    assert keys(press(stage, "吴团长", "mod_drop:1")) == ["guard.old_button"]
    assert cases(stage)[0].state == "waiting"


def test_a_new_leader_does_not_decide_on_his_own_words(stage: Stage) -> None:
    topic(stage, "王姐", AD)
    stage.say("周团长", "设团长 王姐")
    assert keys(stage.say("王姐", "待审核", private=True)) == ["moderation.none_wait"]
    assert keys(press(stage, "王姐", "mod_pass:1")) == ["moderation.own_case"]
    assert keys(press(stage, "周团长", "mod_mute:1")) == ["moderation.mute_leader"]


# ---------------------------------------------------------------- appeals


def test_an_appeal_goes_to_another_leader(stage: Stage) -> None:
    """周团长 deletes; 王姐: 申诉 我没有恶意; 孙大爷, who leads too, agrees; the answer counts, no warning stays."""
    second_leader(stage)
    topic(stage, "王姐", AD)
    press(stage, "周团长", "mod_drop:1")
    assert keys(stage.say("王姐", "申诉")) == ["moderation.appeal_in_private"]
    said = stage.say("王姐", "申诉 我没有恶意，电话 13800138000", private=True)
    assert keys(said) == ["moderation.appealed", "moderation.appeal_to_leader"]
    assert dms(said, "孙大爷") == ["moderation.appeal_to_leader"]
    assert "13800138000" not in shown(said[1])
    assert keys(stage.say("王姐", "申诉", private=True)) == ["moderation.appealed_already"]
    assert keys(press(stage, "周团长", "mod_yes:1")) == ["moderation.not_your_own"]
    assert keys(stage.say("周团长", "待审核", private=True)) == ["moderation.none_wait"]
    assert keys(stage.say("孙大爷", "待审核", private=True)) == ["moderation.appeal_to_leader"]
    done = press(stage, "孙大爷", "mod_yes:1")
    assert keys(done) == ["moderation.appeal_done_yes", "moderation.appeal_told_yes"]
    assert dms(done, "王姐") == ["moderation.appeal_told_yes"]
    assert answers(stage) == [AD]
    assert keys(press(stage, "孙大爷", "mod_no:1")) == ["moderation.decided_already"]


def test_with_one_leader_the_same_one_looks_again(stage: Stage) -> None:
    topic(stage, "王姐", AD)
    press(stage, "周团长", "mod_mute:1")
    (how,) = stage.say("王姐", "申诉", private=True)
    said = press(stage, "王姐", how.buttons[0].key)
    assert dms(said, "周团长") == ["moderation.appeal_to_leader"]
    assert keys(press(stage, "周团长", "mod_no:1")) == ["moderation.appeal_done_no", "moderation.appeal_told_no"]
    assert keys(stage.say("王姐", "签到", "2026-12-02T09:00")) == ["guard.muted"]


def test_the_staff_may_judge(stage: Stage) -> None:
    stage.say("运营小郑", "帮助", private=True)
    person = stage.person("运营小郑")
    stage.database.write_now(lambda s: s.add(RoleGrant(person_id=person, role="staff", granted_at=stage.clock.now())))
    topic(stage, "王姐", AD)
    press(stage, "周团长", "mod_mute:1")
    said = stage.say("王姐", "申诉", private=True)
    said = press(stage, "王姐", said[0].buttons[0].key)
    assert dms(said, "运营小郑") == ["moderation.appeal_to_leader"]
    assert keys(press(stage, "周团长", "mod_yes:1")) == ["moderation.not_your_own"]
    assert keys(stage.say("运营小郑", "待审核", private=True)) == ["moderation.appeal_to_leader"]
    done = press(stage, "运营小郑", "mod_yes:1")
    assert keys(done) == ["moderation.appeal_done_yes", "moderation.appeal_told_yes"]
    assert keys(stage.say("王姐", "签到", "2026-12-02T09:00"))[0] != "guard.muted"


def test_an_appeal_before_the_decision_is_one(stage: Stage) -> None:
    topic(stage, "王姐", AD)
    stage.say("王姐", "申诉 我开玩笑的", private=True)
    assert "moderation.appeal_done_no" in keys(press(stage, "周团长", "mod_no:1"))
    assert cases(stage)[0].state == "deleted"


def test_appeals_end_after_seven_days_and_need_a_case(stage: Stage) -> None:
    assert keys(stage.say("李阿姨", "申诉", private=True)) == ["moderation.nothing_to_appeal"]
    topic(stage, "王姐", AD)
    assert keys(stage.say("王姐", "申诉", "2026-12-08T09:01", private=True)) == ["moderation.nothing_to_appeal"]
    assert keys(press(stage, "王姐", "appeal:1")) == ["moderation.nothing_to_appeal"]


def test_at_night_an_appeal_waits(stage: Stage) -> None:
    topic(stage, "王姐", AD)
    second_leader(stage)
    press(stage, "周团长", "mod_drop:1")
    assert keys(stage.say("王姐", "申诉 不是广告", DAY + "23:30", private=True)) == ["moderation.appealed"]
    morning = stage.push("moderation_morning", "2026-12-02T09:05")
    assert morning is not None and morning.reply is not None
    assert morning.reply.to == stage.person("孙大爷"), "not who decided"
    assert stage.push("moderation_evening", "2026-12-02T23:45").skip == "nothing"  # type: ignore[union-attr]


# ---------------------------------------------------------------- word lists


def test_a_leader_s_words_hold_in_the_own_group(stage: Stage) -> None:
    assert keys(stage.say("周团长", "敏感词")) == ["moderation.words_in_private"]
    assert keys(stage.say("周团长", "敏感词", private=True)) == ["moderation.words_none"]
    (added,) = stage.say("周团长", "敏感词 添加 卖炭翁", private=True)
    assert added.key == "moderation.word_added"
    assert "卖炭翁" in shown(stage.say("周团长", "敏感词", private=True)[0])
    assert keys(topic(stage, "李阿姨", "我家请了卖.炭.翁"))[0] == "moderation.hidden_here"
    assert keys(stage.say("周团长", "敏感词 加 卖炭翁", private=True)) == ["moderation.word_there"]
    assert keys(press(stage, "周团长", added.buttons[0].key)) == ["moderation.word_undone"]
    assert "topic.counted" in keys(topic(stage, "孙大爷", "我家请了卖炭翁"))[0]
    stage.say("周团长", "敏感词 添加 「卖炭翁」", private=True)
    (removed,) = stage.say("周团长", "敏感词 删除 卖炭翁", private=True)
    assert removed.key == "moderation.word_removed"
    press(stage, "周团长", removed.buttons[0].key)
    assert [row.word for row in _words(stage)] == ["卖炭翁"]


def _words(stage: Stage) -> list[ModerationWord]:
    def read(session: Any) -> list[ModerationWord]:
        rows = list(session.exec(select(ModerationWord)))
        session.expunge_all()
        return rows

    return stage.database.read_now(read)


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ("添加 我", "moderation.word_short"),
        ("添加 " + "长" * 21, "moderation.word_long"),
        ("添加 打卡", "moderation.word_ordinary"),
        ("添加 团长", "moderation.word_ordinary"),
        ("删除 没加过", "moderation.word_not_there"),
        ("随便写点", "moderation.words_how"),
        ("添加 所有群 卖炭", "guard.staff_only"),
        ("添加 本区 卖炭", "guard.staff_only"),
    ],
)
def test_words_that_are_refused(stage: Stage, words: str, key: str) -> None:
    said = stage.say("周团长", f"敏感词 {words}", private=True)
    assert keys(said) == [key]
    if key == "moderation.word_ordinary":
        assert float(str(said[0].values["percent"])) > 2
    assert _words(stage) == []


def test_regions_and_everywhere(stage: Stage) -> None:
    """The staff add for all groups, a regional manager for the region; a group elsewhere is not touched."""

    def grant(session: Any) -> None:
        region = Region(name="城东")
        session.add(region)
        session.flush()
        group = session.get_one(Group, stage.group_id)
        group.region_id = region.id
        session.add(group)
        now = stage.clock.now()
        session.add(RoleGrant(person_id=staff, role="staff", granted_at=now))
        session.add(RoleGrant(person_id=manager, role="manager", region_id=region.id, granted_at=now))

    for who in ("运营小郑", "何经理"):
        stage.say(who, "帮助", private=True)
    staff, manager = stage.person("运营小郑"), stage.person("何经理")
    stage.database.write_now(grant)
    assert keys(stage.say("何经理", "敏感词 添加 卖炭翁", private=True)) == ["moderation.word_added"]
    assert keys(stage.say("何经理", "敏感词 添加 所有群 卖炭翁", private=True)) == ["guard.staff_only"]
    assert keys(stage.say("运营小郑", "敏感词 添加 卖火柴", private=True)) == ["moderation.word_added"]
    assert keys(stage.say("运营小郑", "敏感词 添加 本区 卖火柴", private=True)) == ["moderation.no_region"]
    assert keys(stage.say("运营小郑", "敏感词 添加 本群 卖火柴", private=True)) == ["guard.leader_only"]
    assert {(row.scope, row.word) for row in _words(stage)} == {("region", "卖炭翁"), ("all", "卖火柴")}
    listed = shown(stage.say("周团长", "敏感词", private=True)[0])
    assert "本区：卖炭翁" in listed and "所有群：卖火柴" in listed
    assert keys(topic(stage, "李阿姨", "卖炭翁来了"))[0] == "moderation.hidden_here"
    stage.change(region_id=None)
    assert "topic.counted" in keys(topic(stage, "李阿姨", "卖炭翁来了"))[0]


# ---------------------------------------------------------------- keeping


def test_words_are_forgotten_after_thirty_days(stage: Stage) -> None:
    topic(stage, "王姐", AD)
    stage.say("王姐", "申诉 不是广告", private=True)
    stage.push("moderation_morning", "2026-12-31T08:59")
    assert cases(stage)[0].text == AD
    stage.push("moderation_morning", "2026-12-31T09:05")
    (case,) = cases(stage)
    assert (case.text, case.appeal, case.reason) == ("", "", "advert")
    assert keys(press(stage, "周团长", "mod_yes:1"))[0] == "moderation.appeal_done_yes", "nothing to publish any more"
    assert answers(stage) == []


def test_after_an_erasure_its_buttons_are_old(stage: Stage) -> None:
    topic(stage, "王姐", AD)
    done = press(stage, "周团长", "mod_drop:1")
    (sure,) = stage.say("王姐", "删除我的数据")
    stage.say("王姐", "", button=sure.buttons[0].key)
    assert cases(stage) == []
    assert keys(press(stage, "周团长", "mod_pass:1")) == ["guard.old_button"]
    assert keys(press(stage, "周团长", done[0].buttons[0].key)) == ["guard.old_button"]


def test_every_act_is_on_record_and_no_word_of_it(stage: Stage) -> None:
    topic(stage, "王姐", AD)
    press(stage, "周团长", "mod_mute:1")
    stage.say("周团长", "敏感词 添加 卖炭翁", private=True)
    copy = stage.say("王姐", "导出", private=True)[-1].document
    assert copy is not None and "abc123456" in copy.text
    rows = stage.database.read_now(lambda s: [(r.action, r.details) for r in s.exec(select(audit.AuditRow))])
    assert {"moderation.muted", "moderation.word_added"} <= {action for action, _ in rows}
    assert not any("abc123456" in details or "卖炭" in details for _, details in rows)
    assert at(DAY + "09:00") <= stage.clock.now()


@pytest.mark.postgres
def test_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    """Held, listed, decided, appealed, granted, a word added, reminded and forgotten."""
    stage = open_stage(tmp_path, FEATURES, DAY + "09:00", url=postgres_url)
    for who in ("周团长", "王姐"):
        stage.say(who, "签到")
        stage.say(who, "积分", private=True)
    assert keys(topic(stage, "王姐", AD)) == ["moderation.held", "moderation.to_leader"]
    number = cases(stage)[0].id
    assert keys(stage.say("周团长", "待审核", private=True)) == ["moderation.to_leader"]
    press(stage, "周团长", f"mod_mute:{number}")
    stage.say("王姐", "申诉 开玩笑的", private=True)
    assert "moderation.appeal_done_yes" in keys(press(stage, "周团长", f"mod_yes:{number}"))
    assert answers(stage) == [AD]
    assert keys(stage.say("周团长", "敏感词 添加 卖炭翁", private=True)) == ["moderation.word_added"]
    assert keys(topic(stage, "李阿姨", "卖炭翁来了"))[0] == "moderation.hidden_here"
    evening = stage.push("moderation_evening", DAY + "18:05")
    assert evening is not None and evening.reply is not None
    stage.push("moderation_morning", "2027-01-15T09:05")
    assert {case.text for case in cases(stage)} == {""}
    stage.database.close()
