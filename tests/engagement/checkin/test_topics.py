"""Several topics at once, special days and photos, as a group lives with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.gateway import Gateway
from engagement.checkin import records
from engagement.dispatch import Dispatcher
from engagement.kernel import Outgoing
from engagement.registry import FEATURES
from tests.engagement.stage import Stage, keys, open_stage, placeholders_match, shown


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")  # a Tuesday
    opened.say("周团长", "新增打卡 健身 3分")
    return opened


def labels(message: Outgoing) -> list[str]:
    return [button.key for button in message.buttons]


def test_a_leader_makes_a_topic_and_neighbours_check_in(stage: Stage) -> None:
    """
    周团长: 新增打卡 亲子读书 5分  → 大家发「亲子读书打卡」就能打
    李阿姨: 健身打卡              → +3
    李阿姨: 打卡 健身             → 今天的健身已经打过卡啦
    李阿姨: 签到                  → 每天的签到是另一回事，+5
    李阿姨: 亲子读书打卡           → +5
    """
    (made,) = stage.say("周团长", "新增打卡 亲子读书 5分")
    assert made.key == "checkin.topic_added"
    assert "亲子读书打卡" in shown(made)
    (done,) = stage.say("李阿姨", "健身打卡")
    assert (done.key, done.values["points"], done.tails) == ("checkin.topic_done", 3, ("members.notice",))
    assert keys(stage.say("李阿姨", "打卡 健身")) == ["checkin.topic_already"]
    (daily,) = stage.say("李阿姨", "签到")
    assert (daily.key, daily.values["points"]) == ("checkin.first", 5)
    assert stage.say("李阿姨", "亲子读书签到")[0].values["points"] == 5
    assert stage.points("李阿姨", "checkin") == 13
    assert keys(stage.say("李阿姨", "健身打卡", "2026-12-02T09:00")) == ["👍checkin.topic_done"]
    assert stage.database.read_now(records.wrong_streaks) == 0


def test_the_list_has_a_button_for_each(stage: Stage) -> None:
    (shown_list,) = stage.say("李阿姨", "打卡主题")
    assert "健身：一天 3 分" in shown(shown_list)
    assert labels(shown_list) == ["checkin_topic:t1", "checkin_topic:daily"]
    assert shown_list.tails == (), "looking makes no record"
    assert stage.say("李阿姨", "", button="checkin_topic:t1")[0].key == "checkin.topic_done"
    assert stage.say("李阿姨", "", button="checkin_topic:daily")[0].key == "checkin.first"
    assert keys(stage.say("李阿姨", "", button="checkin_topic:t7")) == ["guard.old_button"]


def test_an_unknown_topic_shows_what_there_is(stage: Stage) -> None:
    (unknown,) = stage.say("李阿姨", "打卡 游泳")
    assert unknown.key == "checkin.topic_unknown"
    assert labels(unknown) == ["checkin_topic:t1", "checkin_topic:daily"]
    assert keys(stage.say("李阿姨", "/checkin 游泳")) == ["checkin.topic_unknown"]
    assert keys(stage.say("李阿姨", "/checkin 健身")) == ["checkin.topic_done"]
    assert stage.say("李阿姨", "游泳打卡") == [], "talk of neighbours"
    assert stage.points("李阿姨") == 3


def test_in_private_it_is_the_group_s_topic(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    assert keys(stage.say("李阿姨", "健身打卡", private=True)) == ["checkin.topic_done"]
    assert keys(stage.say("李阿姨", "健身打卡")) == ["checkin.topic_already"]


def test_after_a_restart_the_topics_are_still_heard(stage: Stage) -> None:
    started = Gateway(stage.database, Dispatcher(FEATURES), stage.clock)
    said = replace(stage.incoming("李阿姨"), text="健身打卡")
    assert started.routes.is_chatter(said), "nothing is known yet"
    stage.database.read_now(started.learn_all)
    assert not started.routes.is_chatter(said)
    assert started.routes.is_chatter(replace(said, conversation="g2"))


def test_stopping_begins_again_under_the_same_day(stage: Stage) -> None:
    """
    周团长: 停用打卡 健身   → 停了
    李阿姨: 健身打卡        → 已经停了，现在有…
    周团长: [撤销]         → 又能打了，今天打过的不再给分
    """
    stage.say("李阿姨", "健身打卡")
    (off,) = stage.say("周团长", "停用打卡 健身")
    assert off.key == "checkin.topic_off"
    assert keys(stage.say("王姐", "健身打卡")) == ["checkin.topics_none"]
    assert keys(stage.say("周团长", "停用打卡 健身")) == ["checkin.topic_not_there"]
    stage.say("周团长", "", button=off.buttons[0].key)
    assert keys(stage.say("李阿姨", "健身打卡")) == ["checkin.topic_already"]
    assert keys(stage.say("王姐", "健身打卡")) == ["checkin.topic_done"]
    stage.say("周团长", "停用打卡 健身")
    stage.say("周团长", "新增打卡 健身 9分")
    assert keys(stage.say("李阿姨", "健身打卡")) == ["checkin.topic_already"], "no second reward under a new rule"
    assert stage.points("李阿姨") == 3


def test_taking_back_a_new_topic_keeps_what_was_done(stage: Stage) -> None:
    (made,) = stage.say("周团长", "新增打卡 读书")
    stage.say("李阿姨", "读书打卡")
    stage.say("周团长", "", button=made.buttons[0].key)
    assert [button.key for button in stage.say("李阿姨", "读书打卡")[0].buttons] == [
        "checkin_topic:t1",
        "checkin_topic:daily",
    ]
    assert stage.points("李阿姨") == 2
    assert stage.database.read_now(records.wrong_streaks) == 0


def test_a_photo_is_asked_for_and_not_kept(stage: Stage) -> None:
    """
    李阿姨: 垃圾分类打卡             → 要带一张照片：回复这条发照片就行
    李阿姨: (照片，回复这条)          → 打好了
    王姐:   (照片) 垃圾分类打卡       → 打好了
    """
    stage.say("周团长", "新增打卡 垃圾分类 5分 要照片")
    (asked,) = stage.say("李阿姨", "垃圾分类打卡")
    assert asked.key == "checkin.topic_photo"
    assert stage.points("李阿姨") == 0
    assert keys(stage.say("李阿姨", "来了", quoting=asked)) == ["checkin.topic_photo"], "words are no photo"
    assert keys(stage.say("李阿姨", "", quoting=asked, media="photo")) == ["checkin.topic_done"]
    assert keys(stage.say("王姐", "垃圾分类打卡", media="photo")) == ["checkin.topic_done"]
    assert keys(stage.say("张哥", "垃圾分类打卡", media="voice")) == ["checkin.topic_photo"]
    assert stage.points("王姐") == 5


def test_a_photo_alone_is_enough_in_private(stage: Stage) -> None:
    """
    公众号里照片旁边写不了字，也引用不了:
    李阿姨: 垃圾分类打卡 → 要带一张照片：现在发一张来就行；她先说一句话 → 不当照片；发照片 → 打好了
    再发一张照片（没人问过）→ 不是打卡
    """
    stage.say("周团长", "新增打卡 垃圾分类 5分 要照片")
    stage.say("李阿姨", "签到")
    (asked,) = stage.say("李阿姨", "垃圾分类打卡", private=True)
    assert "现在发一张来" in shown(asked) and "回复" not in shown(asked)
    stage._remember(asked, "李阿姨")
    before = stage.points("李阿姨")
    assert "checkin.topic_done" not in keys(stage.say("李阿姨", "马上拍", private=True))
    (done,) = stage.say("李阿姨", "", private=True, media="photo")
    assert done.key == "checkin.topic_done" and stage.points("李阿姨") == before + 5
    assert "checkin.topic_done" not in keys(stage.say("王姐", "", private=True, media="photo"))


def test_weekdays_only(stage: Stage) -> None:
    """Friday and Monday are next to each other for a topic of working days; Saturday has none."""
    stage.say("周团长", "新增打卡 工位操 2分 工作日 连签")
    for number in (1, 2, 3, 4):
        stage.say("李阿姨", "工位操打卡", f"2026-12-0{number}T09:00")
    assert keys(stage.say("李阿姨", "工位操打卡", "2026-12-05T09:00")) == ["checkin.topic_weekend"]
    streaks = [stage.say("李阿姨", "工位操打卡", f"2026-12-0{number}T09:00")[0].values["streak"] for number in (7, 8)]
    assert streaks == [5, 6]
    (seventh,) = stage.say("李阿姨", "工位操打卡", "2026-12-09T09:00")
    assert (seventh.key, seventh.values["points"], seventh.values["bonus"]) == ("checkin.topic_milestone", 12, 10)
    assert seventh.card is not None
    assert seventh.card.values["topic"] == "工位操"
    assert stage.database.read_now(records.wrong_streaks) == 0


def test_without_a_streak_of_its_own_there_is_no_bonus(stage: Stage) -> None:
    said = [stage.say("李阿姨", "健身打卡", f"2026-12-0{number}T09:00")[0].values for number in range(1, 8)]
    assert [(one["streak"], one["points"]) for one in said] == [(number, 3) for number in range(1, 8)]


def test_no_more_topics_than_fit_under_a_message(stage: Stage) -> None:
    for number in "一二三四五六七":
        assert keys(stage.say("周团长", f"新增打卡 主题{number}")) == ["checkin.topic_added"]
    assert keys(stage.say("周团长", "新增打卡 主题八")) == ["checkin.topic_many"]


# ---------------------------------------------------------------- special days


def test_a_day_of_double_points(stage: Stage) -> None:
    """
    周团长: 双倍日 12-02    → 好的
    12-02 李阿姨: 签到      → 第一次 +10，今天是双倍日
    12-02 王姐: 健身打卡     → +6
    """
    (kept,) = stage.say("周团长", "双倍日 12-02")
    assert kept.key == "checkin.double_on"
    stage.say("赵伯", "签到")
    (first,) = stage.say("李阿姨", "签到", "2026-12-02T09:00")
    assert first.values["points"] == 10
    assert first.tails == ("checkin.first_how", "checkin.doubled", "members.notice")
    assert "今天是双倍日" in shown(first)
    assert stage.say("王姐", "健身打卡")[0].values["points"] == 6
    (stamp,) = stage.say("赵伯", "签到")
    assert keys([stamp]) == ["🎉checkin.done"]
    assert stamp.values["points"] == 6
    assert stage.say("李阿姨", "签到", "2026-12-03T09:00")[0].values["points"] == 3


def test_special_days_are_listed_taken_back_and_cancelled(stage: Stage) -> None:
    assert keys(stage.say("周团长", "双倍日")) == ["checkin.double_empty"]
    stage.say("周团长", "双倍日 12-12")
    (second,) = stage.say("周团长", "双倍日 12月24日")
    assert second.values["days"] == "12月12日、12月24日"
    stage.say("周团长", "", button=second.buttons[0].key)
    assert stage.say("周团长", "双倍日")[0].values["days"] == "12月12日"
    stage.say("周团长", "双倍日 12-24")
    (one_less,) = stage.say("周团长", "双倍日 取消 12-12")
    assert one_less.key == "checkin.double_off"
    assert stage.say("周团长", "双倍日")[0].values["days"] == "12月24日"
    assert keys(stage.say("周团长", "双倍日 取消")) == ["checkin.double_off"]
    assert keys(stage.say("周团长", "双倍日 取消")) == ["checkin.double_none"]
    assert keys(stage.say("周团长", "双倍日 昨天")) == ["checkin.double_how"]
    assert keys(stage.say("周团长", "双倍日 随便")) == ["checkin.double_how"]


def test_festivals_count_double_where_a_group_wants_it(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    assert stage.say("李阿姨", "签到", "2027-01-01T09:00")[0].values["points"] == 2
    (on,) = stage.say("周团长", "双倍日 节日")
    assert on.key == "checkin.festivals_on"
    (eve,) = stage.say("李阿姨", "签到", "2027-02-05T09:00")
    assert (eve.values["points"], eve.values["special"]) == (4, "今天除夕")
    (off,) = stage.say("周团长", "双倍日 节日 关")
    assert off.key == "checkin.festivals_off"
    assert stage.say("李阿姨", "签到", "2027-02-06T09:00")[0].values["points"] == 3
    stage.say("周团长", "", button=off.buttons[0].key)
    assert stage.say("王姐", "签到")[0].values["points"] == 10, "the first day of the year, taken back"


def test_there_is_an_end_to_special_days(stage: Stage) -> None:
    for number in range(1, 21):
        stage.say("周团长", f"双倍日 2027-3-{number}")
    assert keys(stage.say("周团长", "双倍日 2027-3-30")) == ["checkin.double_many"]


def test_everything_said_has_its_values(stage: Stage) -> None:
    stage.say("周团长", "新增打卡 垃圾分类 5分 要照片 工作日 连签")
    for number in range(1, 16):
        for text in ("签到", "健身打卡", "垃圾分类打卡", "打卡 游泳"):
            stage.say("李阿姨", text, f"2026-12-{number:02d}T09:00", media="photo")
    assert all(placeholders_match(message) for message in stage.said)


def test_the_first_morning_is_no_flood_of_pictures(tmp_path: Path) -> None:
    """Everybody's first check-in gets words; only the first few of a day a card."""
    stage = open_stage(tmp_path, FEATURES, "2026-12-01T08:00")
    cards = [stage.say(f"邻居{number}", "签到")[0].card for number in range(5)]
    assert [card is not None for card in cards] == [True, True, True, False, False]
