"""What a leader types and presses about the calendar: what comes, taking part, other days, kinds, the late evening, lessons."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from engagement.kernel import Outgoing
from storage.campaigns import Delivery, Schedule
from storage.groups import Group, Region
from tests.engagement.campaigns import scene
from tests.engagement.campaigns.scene import (
    COURSE,
    FESTIVAL,
    LEADER,
    LESSON,
    MEMBER_DAY,
    NIGHT,
    TERMS,
    dm,
    labels,
    press,
    run,
)
from tests.engagement.campaigns.test_year_rules import pack
from tests.engagement.stage import Stage, at, keys, shown


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    opened = scene.scene(tmp_path, MEMBER_DAY, FESTIVAL, TERMS, LESSON, NIGHT, COURSE)
    yield opened
    opened.database.close()


def rows(message: Outgoing, name: str = "rows") -> list[tuple[object, object]]:
    found = message.values[name]
    assert isinstance(found, list)
    return [(row["number"], row["title"]) for row in found]


def settings(stage: Stage) -> object:
    return stage.database.read_now(lambda s: s.get_one(Group, stage.group_id).settings or {})


def test_the_next_14_days_and_what_is_only_for_the_leader(stage: Stage) -> None:
    said = dm(stage, "活动")
    assert rows(said) == [(1, "聊聊米"), (3, "t1"), (1, "上周的米")]
    assert "**1**" not in shown(said) and "1｜6月18日（周五）10:00｜会员日：聊聊米" in shown(said)
    assert rows(said, "lessons") == [(4, "一课"), (4, "一课")]
    assert labels(said) == ["button_show", "button_show", "button_kinds", "button_night"]


def test_neighbours_see_what_comes_and_no_button(stage: Stage) -> None:
    """在群里说「活动」：李阿姨 and the leader read the same; what the leader does not want is not there."""
    dm(stage, "不参加 3")
    for who in ("李阿姨", LEADER):
        (said,) = stage.say(who, "活动")
        assert said.key == "campaigns.list_here"
        assert rows(said) == [(1, "聊聊米"), (1, "上周的米")]
        assert not said.buttons
    assert keys(stage.say("李阿姨", "活动 1", private=True)) == ["guard.leader_only"]


def test_a_sentence_that_asks_what_comes_is_shown_it(stage: Stage) -> None:
    question = stage.say("李阿姨", "签到")[0]
    assert keys(stage.say("李阿姨", "群里最近有什么活动？", quoting=question)) == ["campaigns.list_here"]
    assert dm(stage, "接下来的活动有哪些").key == "campaigns.list"


def test_nothing_comes(tmp_path: Path) -> None:
    assert dm(scene.scene(tmp_path), "活动").key == "campaigns.list_none"


def test_one_campaign_with_every_day_and_what_became_of_it(stage: Stage) -> None:
    said = dm(stage, "活动 1")
    assert (said.key, said.tails) == ("campaigns.one", ("campaigns.one_running",))
    assert labels(said) == ["button_leave", "button_move", "button_try", "button_words"]
    assert len(run(stage, "2027-06-18T10:00")) == 1
    after = dm(stage, "活动1")
    assert "聊聊米（已发）" in shown(after)
    assert "button_move" not in labels(after)
    assert dm(stage, "活动 99").key == "campaigns.unknown"
    assert labels(dm(stage, "活动 2")) == []  # 端午 was on the 9th
    assert dm(stage, "活动 2").tails == ("campaigns.one_over",)


def test_not_taking_part_and_back(stage: Stage) -> None:
    left = dm(stage, "不参加 1")
    assert left.key == "campaigns.part_off"
    assert dm(stage, "不参加 1").key == "campaigns.left_already"
    assert run(stage, "2027-06-16T10:00") == []
    assert dm(stage, button=left.buttons[0].key).key == "campaigns.part_on"
    left = dm(stage, "不参加1")
    assert run(stage, "2027-06-18T10:00") == []
    assert dm(stage, button=left.buttons[0].key).key == "campaigns.part_on"
    assert [one.values["title"] for one in run(stage, "2027-06-22T10:00")] == ["上周的米"]
    assert dm(stage, "参加 1").key == "campaigns.over"


def test_every_button_under_a_campaign(stage: Stage) -> None:
    """活动 1 → 不参加 → 活动 1 → 参加 → 换日子 → 晚 2 天; each says what it did."""
    one = dm(stage, "活动 1")
    assert press(stage, one, "campaigns.button_leave").key == "campaigns.part_off"
    out = dm(stage, "活动 1")
    assert out.tails == ("campaigns.one_left",) and labels(out) == ["button_join"]
    assert "（不参加）" in shown(dm(stage, "活动"))
    assert press(stage, out, "campaigns.button_join").key == "campaigns.part_on"
    ways = press(stage, one, "campaigns.button_move")
    later = next(button for button in ways.buttons if button.key.endswith(".5"))
    assert "6月20日（周日）" in shown(dm(stage, button=later.key))
    assert labels(dm(stage, "换日子 1"))[3] == "button_own_days"
    assert dm(stage, "换日子 1 原来").key == "campaigns.moved"
    assert dm(stage, button=f"cal_shift:1.{stage.group_id}.99").key == "campaigns.move_far"
    assert dm(stage, button=f"cal_try:1.{stage.group_id}.99999").key == "guard.old_button"
    assert dm(stage, button=f"cal_kind:99.1.{stage.group_id}").key == "guard.old_button"


def test_a_long_campaign_has_pages(stage: Stage) -> None:
    stage.database.write_now(lambda s: s.add(Region(name="东区")))
    (long,) = scene.plan(stage, pack({"weekly": "wed"}, key="weeks", name="每周三"))
    one = dm(stage, f"活动 {long}")
    assert len(one.values["rows"]) == 8 and one.tails[0] == "campaigns.one_some"  # type: ignore[arg-type]
    assert "（过了）" in shown(one)
    further = press(stage, one, "campaigns.button_page")
    assert further.values["rows"] != one.values["rows"]


def test_what_waits_for_the_morning_does_not_come_after_all(stage: Stage) -> None:
    """A push that waits for the end of the quiet hours is left out, and goes out when the leader comes back in time."""
    stage.change(quiet_from=9 * 60, quiet_to=12 * 60)
    run(stage, "2027-06-18T10:00")

    def state() -> list[tuple[str, str]]:
        rows = stage.database.read_now(lambda s: s.execute(select(Delivery.state, Delivery.reason)).all())  # type: ignore[call-overload]
        return [(row[0], row[1]) for row in rows]

    assert state() == [("pending", "")]
    left = dm(stage, "不参加 1")
    assert state() == [("skipped", "off")]
    dm(stage, button=left.buttons[0].key)
    assert state() == [("pending", "")]
    assert len(run(stage, "2027-06-18T12:00")) == 1


def test_other_days_before_the_first_and_never_into_the_past(stage: Stage) -> None:
    ways = dm(stage, "换日子 1")
    assert labels(ways) == ["button_earlier"] * 3 + ["button_later"] * 3
    moved = dm(stage, button=ways.buttons[3].key)
    assert moved.key == "campaigns.moved" and "从 6月19日（周六）开始" in shown(moved)
    assert dm(stage, "换日子 1 晚1天").key == "campaigns.moved_already"
    assert run(stage, "2027-06-18T10:00") == []
    dm(stage, button=moved.buttons[0].key)  # back to a day whose hour has come
    assert dm(stage, "活动 1").tails == ("campaigns.one_later", "campaigns.one_running")
    assert dm(stage, "换日子 1 提前一天").key == "campaigns.move_past"
    assert dm(stage, "换日子 1 晚 9 天").key == "campaigns.move_far"
    assert dm(stage, "换日子 1 哪天好").key == "campaigns.move_how"
    assert [one.values["title"] for one in run(stage, "2027-06-19T10:00")] == ["聊聊米"]
    assert dm(stage, "换日子 1").key == "campaigns.begun_here"


def test_the_moved_days_can_be_taken_back_in_time(stage: Stage) -> None:
    moved = dm(stage, "换日子 1 早 2 天")
    assert dm(stage, button=moved.buttons[0].key).key == "campaigns.moved_back"
    assert stage.database.read_now(lambda s: s.execute(select(Schedule.shift_days)).scalar_one()) == 0  # type: ignore[call-overload]


def test_a_festivals_day_and_the_first_days_cannot_be_moved(stage: Stage) -> None:
    assert dm(stage, "换日子 3 晚 1 天").key == "campaigns.fixed"
    run(stage, "2027-06-10T12:01")
    assert dm(stage, "换日子 6").key == "campaigns.fixed"
    assert dm(stage, "换日子 4").key == "campaigns.fixed"
    assert dm(stage, "换日子 5").key == "campaigns.move_late"  # its first Friday was on the 4th
    assert "button_move" not in labels(dm(stage, "活动 3"))


@pytest.mark.parametrize("text", ["不要节气", "不要 节气", "不要節氣"])
def test_a_kind_that_never_comes_again(stage: Stage, text: str) -> None:
    off = dm(stage, text)
    assert (off.key, settings(stage)["calendar"]) == ("campaigns.unwanted", {"off": ["terms"]})  # type: ignore[index]
    assert rows(dm(stage, "活动")) == [(1, "聊聊米"), (1, "上周的米")]
    assert dm(stage, "活动 3").tails == ("campaigns.one_kind_off",)
    assert dm(stage, "不要节气").key == "campaigns.unwanted_already"
    assert dm(stage, button=off.buttons[0].key).key == "campaigns.wanted_again"
    assert "calendar" not in settings(stage)  # type: ignore[operator]
    assert dm(stage, "要节气").key == "campaigns.wanted_already"
    dm(stage, text)
    assert [one.values["title"] for one in run(stage, "2027-06-21T10:00")] == ["一课"]  # the leader's, in private


def test_every_kind_has_its_switch(stage: Stage) -> None:
    page = dm(stage, "不要的活动")
    assert page.key == "campaigns.kinds_all"
    for button in page.buttons:
        assert dm(stage, button=button.key).key in ("campaigns.unwanted", "campaigns.unwanted_private")
    after = dm(stage, "不要的活动")
    assert set(labels(after)) == {"button_want"}
    assert dm(stage, "活动").key == "campaigns.list_none"


def test_the_late_evening_is_said_before_it_is_opened(stage: Stage) -> None:
    page = dm(stage, "深夜福利")
    assert page.key == "campaigns.night_is_not" and "22:10" in shown(page) and "免打扰" in shown(page)
    assert run(stage, "2027-06-11T22:10") == []
    opened = press(stage, page, "campaigns.button_night_on")
    assert "第一次是 6月18日（周五）22:10" in shown(opened)
    assert dm(stage, "打开深夜福利").key == "campaigns.night_open_already"
    assert [one.values["title"] for one in run(stage, "2027-06-18T22:10")] == ["夜话"]
    assert dm(stage, "深夜福利 关").key == "campaigns.night_closed"
    assert dm(stage, button=opened.buttons[0].key).key == "campaigns.night_closed"


def test_the_first_days_and_the_lesson_of_the_week(stage: Stage) -> None:
    for day in (11, 12):
        run(stage, f"2027-06-{day}T09:40")
    said = dm(stage, "课程")
    assert (said.key, said.values["count"], said.values["days"]) == ("campaigns.course", 2, 7)
    assert [row["state"] for row in said.values["rows"]][:3] == ["（已发你）", "（已发你）", ""]  # type: ignore[attr-defined]
    assert said.tails == ("campaigns.weekly_next",)
    off = press(stage, said, "campaigns.button_want_not")
    assert off.key == "campaigns.unwanted_private"
    assert [one.key for one in run(stage, "2027-06-13T09:40")] == ["campaigns.lesson"]  # the first days go on
    assert [one.values["title"] for one in run(stage, "2027-06-14T10:00")] == ["第 4 步"]
    assert dm(stage, "课程").tails == ("campaigns.weekly_off",)


def test_who_leads_two_groups_reads_and_switches_lessons_for_the_first(stage: Stage) -> None:
    """The second group's list shows what comes privately too; 不要每周一课 there is kept where it is read."""
    second = scene.elsewhere(stage, "二期")
    scene.lead(stage, LEADER, second)
    dm(stage, button=f"group:{second}")
    assert rows(dm(stage, "活动"), "lessons") == [(4, "一课"), (4, "一课")]
    off = dm(stage, "不要每周一课")
    assert settings(stage)["calendar"] == {"off": ["lesson"]}  # type: ignore[index]
    said = dm(stage, "活动")
    assert said.values["group"] == "二期" and said.values["lessons"] == []
    assert "不要的：每周一课" in shown(said)
    assert [one.conversation for one in run(stage, "2027-06-11T09:40")] == [LEADER]  # the first days come once
    assert dm(stage, "课程").values["count"] == 1
    assert dm(stage, button=off.buttons[0].key).key == "campaigns.wanted_again"


def test_a_group_of_long_ago_has_no_first_days(stage: Stage) -> None:
    stage.clock.set(stage.clock.now().replace(month=8))
    assert dm(stage, "课程").key == "campaigns.course_over"


def test_a_trial_is_just_what_the_group_reads(stage: Stage) -> None:
    stage.change(facts={"hotline": "400"})
    first = press(stage, dm(stage, "活动 1"), "campaigns.button_try")
    assert first.key == "campaigns.trial" and "现在只有你看得到" in shown(first)
    second = press(stage, first, "campaigns.button_try_next")
    assert second.values["title"] == "上周的米" and labels(second) == ["button_words"]
    (pushed,) = run(stage, "2027-06-18T10:00")
    assert shown(first).endswith(shown(pushed))
    assert first.card == pushed.card and first.card is not None


def test_only_the_own_group_and_only_its_leader(stage: Stage) -> None:
    at = f"1.{stage.group_id}"
    for button in (f"cal_leave:{at}", f"cal_shift:{at}.4", f"cal_words:{at}", f"cal_kind:0.0.{stage.group_id}"):
        assert dm(stage, button=button, who="李阿姨").key in ("guard.no_group", "guard.leader_only")
        stage.say("李阿姨", "签到")
        assert dm(stage, button=button, who="李阿姨").key == "guard.leader_only"
    other = scene.elsewhere(stage, "别的群")
    assert dm(stage, button=f"cal_leave:1.{other}").key == "guard.old_button"
    stage.database.write_now(lambda s: s.add(Region(name="东区")))
    (far,) = scene.plan(stage, pack({"day": "06-20"}, key="far"), scope="region:1")
    assert dm(stage, f"不参加 {far}").key == "campaigns.unknown"


@pytest.mark.parametrize(
    ("texts", "act", "numbers"),
    [
        (("不参加活动", "不参加", "取消活动"), "leave", [4, 1, 3]),
        (("活动换日子", "换日子", "推迟", "推遲。", "推迟 2 天"), "move", [1]),
        (("试发活动", "试发", "試發", "试发！"), "try", [4, 1, 3]),
        (("换活动文案", "换文案", "改文案"), "words", [1, 3]),
    ],
)
def test_without_a_number_it_says_what_there_is(
    stage: Stage, texts: tuple[str, ...], act: str, numbers: list[int]
) -> None:
    """
    周团长: 试发 → 试发哪个？点一下，或发「试发 1」这样 [1 会员日] [2 每周一课] …
    """
    for text in texts:
        answer = dm(stage, text)
        assert answer.key == f"campaigns.which_{act}", text
        assert [one.values["number"] for one in answer.buttons] == numbers
        assert shown(answer).count("｜") == len(numbers)
    pressed = dm(stage, button=dm(stage, texts[0]).buttons[-1].key)
    assert pressed.key in ("campaigns.part_off", "campaigns.move_which", "campaigns.trial", "campaigns.word_ask")
    assert dm(stage, f"{texts[1]} 李阿姨").key.startswith("faq."), "with what is no number behind it it is a question"


def test_nothing_to_choose_from_is_said(stage: Stage) -> None:
    assert dm(stage, "参加").key == "campaigns.which_join_none"
    for number in (1, 3, 4):
        dm(stage, f"不参加 {number}")
    assert dm(stage, "不参加").key == "campaigns.which_leave_none"
    assert dm(stage, "换日子").key == "campaigns.which_move_none"
    again = dm(stage, "参加")
    assert again.key == "campaigns.which_join" and len(again.buttons) == 3
    stage.clock.set(at("2027-09-10T12:00"))
    assert {dm(stage, text).key for text in ("试发", "换文案")} == {
        "campaigns.which_try_none",
        "campaigns.which_words_none",
    }


def test_a_word_alone_is_a_word_like_any_other_to_neighbours_and_in_the_group(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    for text in ("试发", "换文案", "参加"):
        assert all(
            not key.startswith(("campaigns.", "guard.")) for key in keys(stage.say("李阿姨", text, private=True))
        )
        assert all(not key.startswith("campaigns.") for key in keys(stage.say(LEADER, text)))
    (answer,) = stage.say(LEADER, "不参加活动")
    assert answer.key == "campaigns.leave_how"


def test_a_trial_by_number_and_one_put_off(stage: Stage) -> None:
    assert dm(stage, "试发 1").key == "campaigns.trial"
    assert dm(stage, "试发 4").key == "campaigns.trial_private"
    assert dm(stage, "试发 99").key == "campaigns.unknown"
    assert dm(stage, "换文案 1").key == "campaigns.word_which"
    put_off = dm(stage, "推迟 1 两天")
    assert put_off.key == "campaigns.moved" and put_off.values["days"] == 2
    assert dm(stage, "推迟 1").key == "campaigns.move_which"


def test_the_staffs_words_mean_the_own_group_to_a_leader(stage: Stage) -> None:
    assert dm(stage, "暂停活动 1").key == "campaigns.part_off"
    assert dm(stage, "恢复活动 1").key == "campaigns.part_on"
    assert dm(stage, "取消活动 1").key == "campaigns.part_off"
    assert dm(stage, "暂停活动").key == "groups.pause"
