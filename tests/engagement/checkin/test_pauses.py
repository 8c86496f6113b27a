"""Days that break no streak: a group's freeze, a neighbour's leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from engagement.checkin import records
from engagement.registry import FEATURES
from tests.engagement.stage import Stage, keys, open_stage, shown


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    for number in range(1, 5):
        opened.say("李阿姨", "签到", f"2026-12-0{number}T09:00")
    return opened


def streak(stage: Stage, who: str = "李阿姨") -> object:
    return stage.say(who, "打卡日历")[0].values["streak"]


def test_a_freeze_of_the_group(stage: Stage) -> None:
    """
    12-04 周团长: 冻结连签 12-05 12-08 停电
    12-06 李阿姨: 签到   → 冻结的日子打了照样算，第 5 天
    12-09 李阿姨: 签到   → 12-7、12-8 不算断，第 6 天
    12-11 李阿姨: 签到   → 12-10 断了
    """
    (frozen,) = stage.say("周团长", "冻结连签 12-05 12-08 停电")
    assert frozen.key == "checkin.frozen"
    assert "停电" in shown(frozen)
    assert stage.say("李阿姨", "签到", "2026-12-06T09:00")[0].values["streak"] == 5
    stage.clock.set(stage.clock.now().replace(day=8))
    assert streak(stage) == 5
    assert stage.say("李阿姨", "签到", "2026-12-09T09:00")[0].values["streak"] == 6
    (month,) = stage.say("李阿姨", "打卡日历")
    assert month.values["frozen"] == "5、7、8"
    assert month.card is not None
    assert month.card.values["frozen"] == [5, 7, 8]
    assert stage.say("李阿姨", "签到", "2026-12-11T09:00")[0].values["streak"] == 1
    assert stage.database.read_now(records.wrong_streaks) == 0


def test_a_freeze_after_the_fact_joins_and_its_undo_parts_again(stage: Stage) -> None:
    assert stage.say("李阿姨", "签到", "2026-12-07T09:00")[0].values["streak"] == 1
    (frozen,) = stage.say("周团长", "冻结连签 12-05 12-06 停电")
    # The year of a day that was is this one's, not the next one's.
    assert frozen.key == "checkin.frozen", shown(frozen)
    assert streak(stage) == 5
    stage.say("周团长", "", button=frozen.buttons[0].key)
    assert streak(stage) == 1
    assert stage.database.read_now(records.wrong_streaks) == 0


def test_freezes_are_listed_and_taken_away(stage: Stage) -> None:
    assert keys(stage.say("周团长", "冻结连签")) == ["checkin.freezes_none"]
    assert keys(stage.say("周团长", "冻结连签 取消")) == ["checkin.freezes_none"]
    stage.say("周团长", "冻结连签 2027-02-05 2027-02-11 春节")
    assert "春节：2月5日 到 2月11日，7 天" in shown(stage.say("周团长", "冻结连签")[0])
    (which,) = stage.say("周团长", "冻结连签 取消")
    assert keys(stage.say("李阿姨", "", button=which.buttons[0].key)) == ["guard.leader_only"]
    assert keys(stage.say("周团长", "", button=which.buttons[0].key)) == ["checkin.unfrozen"]
    assert keys(stage.say("周团长", "", button=which.buttons[0].key)) == ["guard.old_button"]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("冻结连签 2026-11-20 2026-11-22", "checkin.freeze_when"),
        ("冻结连签 2028-11-20", "checkin.freeze_when"),
        ("冻结连签 2027-02-01 2027-03-20", "checkin.freeze_long"),
        ("冻结连签 12-06 12-10", "checkin.freeze_there"),
        ("冻结连签 过年", "checkin.freeze_how"),
    ],
)
def test_what_cannot_be_frozen(stage: Stage, text: str, key: str) -> None:
    stage.say("周团长", "冻结连签 12-05 12-06")
    assert keys(stage.say("周团长", text)) == [key]


def test_a_leave_of_one_s_own(stage: Stage) -> None:
    """
    12-04 李阿姨: 请假 明天 3天   → 12-5 到 12-7，还能请 4 天
    12-08 李阿姨: 签到           → 第 5 天
    王姐没请假                   → 断了
    """
    stage.say("王姐", "签到")
    (taken,) = stage.say("李阿姨", "请假 明天 3天")
    assert (taken.key, taken.values["first"], taken.values["last"], taken.values["left"]) == (
        "checkin.leave_taken",
        "12月5日",
        "12月7日",
        4,
    )
    assert stage.say("李阿姨", "签到", "2026-12-08T09:00")[0].values["streak"] == 5
    assert stage.say("王姐", "签到")[0].values["streak"] == 1
    assert stage.database.read_now(records.wrong_streaks) == 0


def test_a_leave_by_button_and_its_early_end(stage: Stage) -> None:
    stage.say("王姐", "签到", "2026-12-05T09:00")
    (asked,) = stage.say("李阿姨", "请假")
    assert asked.key == "checkin.leave_ask"
    three = asked.buttons[1].key
    assert keys(stage.say("王姐", "", button=three)) == ["checkin.not_yours"]
    assert stage.say("李阿姨", "", button=three)[0].values["days"] == 3
    assert keys(stage.say("李阿姨", "", button=three)) == ["checkin.leave_there"]
    assert keys(stage.say("李阿姨", "补签 昨天", "2026-12-06T09:00")) == ["checkin.makeup_paused"]
    assert stage.say("李阿姨", "销假")[0].values["days"] == 2
    assert keys(stage.say("李阿姨", "销假")) == ["checkin.leave_not"]
    assert keys(stage.say("李阿姨", "", button=three)) == ["guard.old_button"]
    assert stage.say("李阿姨", "签到")[0].values["streak"] == 5
    assert stage.say("李阿姨", "签到", "2026-12-08T09:00")[0].values["streak"] == 1, "no leave any more"
    assert stage.database.read_now(records.wrong_streaks) == 0


def test_who_has_checked_in_today_needs_no_leave_for_today(stage: Stage) -> None:
    """
    12-04 李阿姨: 签到；请假        → 明天起 1 天、3 天
    李阿姨: 请假 3天               → 12-5 到 12-7，连上 12-4 一天也不浪费
    王姐（没签到）: 请假 1天        → 12-5 当天
    """
    stage.say("王姐", "签到")
    (asked,) = stage.say("李阿姨", "请假")
    assert {one.label for one in asked.buttons} == {"checkin.button_leave_next"}
    (taken,) = stage.say("李阿姨", "请假 3天")
    assert (taken.values["first"], taken.values["last"], taken.values["left"]) == ("12月5日", "12月7日", 4)
    assert stage.say("李阿姨", "签到", "2026-12-08T09:00")[0].values["streak"] == 5
    (asked,) = stage.say("王姐", "请假", "2026-12-05T09:00")
    assert {one.label for one in asked.buttons} == {"checkin.button_leave"}
    assert stage.say("王姐", "", button=asked.buttons[0].key)[0].values["first"] == "12月5日"


def test_seven_days_a_quarter(stage: Stage) -> None:
    assert stage.say("李阿姨", "请假 5天")[0].values["left"] == 2
    (full,) = stage.say("李阿姨", "请假 12-20 12-23")
    assert (full.key, full.values["left"]) == ("checkin.leave_full", 2)
    assert stage.say("李阿姨", "请假 12-20 12-21")[0].values["left"] == 0
    assert keys(stage.say("李阿姨", "请假")) == ["checkin.leave_none"]
    assert keys(stage.say("李阿姨", "请假 2027-01-02")) == ["checkin.leave_one"]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("请假 昨天", "checkin.leave_past"),
        ("请假 2027-03-01", "checkin.leave_far"),
        ("请假 8天", "checkin.leave_full"),
        ("请假 回老家", "checkin.leave_how"),
        ("请假 100天", "checkin.leave_full"),
        ("请假两天", "checkin.leave_taken"),
    ],
)
def test_leaves_in_words(stage: Stage, text: str, key: str) -> None:
    assert keys(stage.say("李阿姨", text)) == [key]


def test_a_leave_protects_something(stage: Stage) -> None:
    assert keys(stage.say("新邻居", "请假 3天")) == ["checkin.leave_nothing"]
