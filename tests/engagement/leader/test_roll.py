"""今天谁没签到, 群里有多少人, 导出名单: figures in the group, names for the leader alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engagement.leader import roll
from engagement.registry import FEATURES
from tests.engagement.bonds.neighbours import MINE, THERE, bind, on_another_channel
from tests.engagement.stage import Stage, keys, open_stage, placeholders_match, shown

LEADER = "周团长"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    yield opened
    opened.database.close()


def test_who_has_not_checked_in_today(stage: Stage) -> None:
    """
    （昨天）李阿姨、王姐、小陈: 签到；（今天）王姐: 签到
    团长（私聊）: 今天谁没签到 → 签了 1 位：王姐；还没签的：小陈、李阿姨
    """
    assert keys(stage.say(LEADER, "签到名单", private=True)) == ["leader.roll_nobody"]
    stage.say("王姐", "签到", "2026-11-24T09:00")
    for who in ("李阿姨", "小陈"):
        stage.say(who, "签到", "2026-11-30T09:00")
    (nobody,) = stage.say(LEADER, "签到名单", "2026-12-01T08:00", private=True)
    assert (nobody.key, nobody.values["who"]) == ("leader.roll_nobody", "小陈、李阿姨、王姐")
    stage.say("王姐", "签到", "2026-12-01T09:00")
    (told,) = stage.say(LEADER, "今天谁没签到", private=True)
    assert (told.key, told.values["names"], told.values["who"]) == ("leader.roll", "王姐", "小陈、李阿姨")
    assert placeholders_match(told)
    assert "今天签到 1 位：王姐" in shown(told)
    stage.say("小陈", "退出")
    stage.say("李阿姨", "签到")
    (all_here,) = stage.say(LEADER, "谁还没打卡", private=True)
    assert (all_here.values["names"], all_here.tails) == ("王姐、李阿姨", ("leader.roll_nobody_missing",))
    (later,) = stage.say(LEADER, "签到名单", "2026-12-20T09:00", private=True)
    assert (later.key, later.tails) == ("leader.roll_nobody", ()), "who has not come for long is no part of it"


def test_who_did_it_with_two_accounts_is_one(stage: Stage) -> None:
    """（昨天）小满: 签到；（今天）满满: 签到；绑在一起 → 签了 1 位：小满，没有谁还没签"""
    stage.say(MINE, "签到", "2026-11-30T09:00")
    stage.say(THERE, "签到", "2026-12-01T09:00")
    on_another_channel(stage, THERE)
    bind(stage)
    (told,) = stage.say(LEADER, "签到名单", private=True)
    assert (told.key, told.values["names"], told.tails) == ("leader.roll", MINE, ("leader.roll_nobody_missing",))


def test_a_long_list_is_cut(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roll, "LISTED", 1)
    for who in ("李阿姨", "王姐"):
        stage.say(who, "签到")
    assert "2 位：李阿姨 等 2 位。" in shown(stage.say(LEADER, "签到名单", private=True)[0])


def test_in_the_group_only_how_many(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    for said in ("签到名单", "请问 今天谁没签到"):
        (here,) = stage.say(LEADER, said)
        assert (here.key, here.values["checkins"]) == ("leader.roll_here", 1)
        assert "李阿姨" not in shown(here)
    assert keys(stage.say("李阿姨", "请问 今天谁没签到")) == ["leader.roll_not_yours"]
    assert keys(stage.say("李阿姨", "签到名单", private=True)) == ["leader.roll_not_yours"]


def test_how_many_there_are(stage: Stage) -> None:
    """群里有多少人 → 我认得几位，用过我的几位；真实人数看群成员列表"""
    stage.say("李阿姨", "签到")
    (told,) = stage.say("李阿姨", "请问 群里有多少人")
    assert (told.key, told.tails) == ("leader.people", ())
    assert told.values["used"] == 1
    (mine,) = stage.say(LEADER, "群里有多少人", private=True)
    assert mine.tails == ("leader.people_who",)
    assert placeholders_match(mine)
    assert keys(stage.say("路人", "群里有多少人", private=True)) == ["guard.no_group"]


def test_no_list_is_taken_away(stage: Stage) -> None:
    """团长: 导出名单 → 不整份导出，说去哪看；有网页的，说表格在哪"""
    (told,) = stage.say(LEADER, "导出名单", private=True)
    assert (told.key, told.tails) == ("leader.export", ())
    stage.gateway.dispatcher.pages = "https://pages.example"
    (told,) = stage.say(LEADER, "把群成员名单导出来", private=True)
    assert told.tails == ("leader.export_page",)
    stage.say("李阿姨", "签到")
    assert keys(stage.say("李阿姨", "导出名单", private=True)) == ["leader.roll_not_yours"]


def test_what_only_a_leader_means(stage: Stage) -> None:
    """
    团长（私聊）: 提货点换地方了 → 设置；怎么看后台 → 后台；群里咋样 → 今日一览
    李阿姨说同样的话: 照常当提问答
    """
    stage.say("李阿姨", "签到")
    for said, key in (
        ("提货点换地方了", "groups.settings_no_facts"),
        ("改一下提货时间 改成五点到八点", "groups.settings_no_facts"),
        ("怎么看后台", "entry.no_pages"),
        ("看看群里活跃不", "leader.today"),
    ):
        assert keys(stage.say(LEADER, said, private=True)) == [key], said
        assert keys(stage.say("李阿姨", said, private=True))[0] == "faq.handed_over", said
        assert keys(stage.say("李阿姨", f"请问 {said}"))[0].startswith("faq."), said
