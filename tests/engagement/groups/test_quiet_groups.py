"""A group in which nobody hears the bot and it says nothing by itself: what its leader is told, in private."""

from __future__ import annotations

from pathlib import Path

import pytest

from engagement.kernel import Event, Place
from engagement.registry import FEATURES
from storage.groups import Group
from tests.engagement.stage import Stage, keys, open_stage, shown

LEADER = "周团长"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A customer group as the channel keeps it: it has greeted nobody, and its owner leads it."""
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    opened.say(LEADER, "今日一览", private=True)

    def quiet(session) -> None:  # type: ignore[no-untyped-def]
        group = session.get_one(Group, opened.group_id)
        group.hears = group.speaks = False
        group.settings = {**(group.settings or {}), "greeted": True}
        session.add(group)

    opened.database.write_now(quiet)
    return opened


def test_the_first_words_to_a_leader(stage: Stage) -> None:
    """群主第一次有群：只有私聊一条，说清楚群里听不到、每天点一次，接着就问第一件事；群里什么也没有。"""
    said = stage.happen(Event.BOT_ADDED, LEADER, group_name="阳光花园")
    assert [(one.key, one.place, one.conversation) for one in said] == [("groups.leader_start_quiet", Place.DM, LEADER)]
    words = shown(said[0])
    assert "点一次“发送”" in words
    assert "提货" in words
    assert "看得到大家" not in words


def test_the_steps_never_send_her_into_the_group(stage: Stage) -> None:
    """「开始」一路走到底，没有一句叫她到群里发「签到」。"""
    words = [shown(one) for one in stage.say(LEADER, "开始", private=True)]
    stage.say(LEADER, "群信息 提货点 东门", private=True)
    stage.say(LEADER, "群信息 提货时间 17:00-20:00", private=True)
    (step,) = stage.say(LEADER, "开始", private=True)
    words.append(shown(step))
    assert "点里面的链接打一次卡" in shown(step)
    stage.say(LEADER, "签到", private=True)
    words += [shown(one) for one in stage.said if one.place is Place.DM]
    (done,) = stage.say(LEADER, "开始", private=True)
    assert keys([done]) == ["groups.start_done_quiet"]
    assert not [one for one in words if "群里发一句" in one or "看得到大家的话" in one or "7:30 我发" in one]


def test_what_she_plans_is_said_as_it_will_be(stage: Stage) -> None:
    """明日话题、主题预告：到时请她点“发送”；深夜福利：发不了；设置里没有打卡的回复方式"""
    for text in ("明日话题", "写话题 你家的拿手菜是什么？", "主题预告"):
        (said,) = stage.say(LEADER, text, private=True)
        assert "请你点“发送”" in shown(said) and "发到群里" not in shown(said) and "不用你动手" not in shown(said), text
    for text in ("深夜福利", "深夜福利 开"):
        assert keys(stage.say(LEADER, text, private=True)) == ["campaigns.night_not_here"]
    for button in (f"cal_night:{stage.group_id}", f"cal_dark:1.{stage.group_id}"):
        assert keys(stage.say(LEADER, "", button=button, private=True)) == ["campaigns.night_not_here"]
    (settings,) = stage.say(LEADER, "设置", private=True)
    assert not [one for one in settings.buttons if one.key.startswith("quiet_acks")]


def test_who_leads_nothing_there_is_told_nothing(stage: Stage) -> None:
    assert stage.happen(Event.BOT_ADDED, "李阿姨", group_name="阳光花园") == []
