"""补签: what it costs, what it restores, and what is given back when the real check-in turns up."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlmodel import select

from engagement.checkin import records
from engagement.kernel import Outgoing
from engagement.registry import FEATURES
from storage import ledger
from storage.groups import Member
from tests.engagement.stage import Stage, keys, open_stage, shown


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return open_stage(tmp_path, FEATURES, "2026-12-01T09:00")


def attend(stage: Stage, who: str, *days: int) -> None:
    for number in days:
        stage.say(who, "签到", f"2026-12-{number:02d}T09:00")


def right(stage: Stage) -> bool:
    return stage.database.read_now(records.wrong_streaks) == 0 and (
        stage.database.read_now(ledger.check).wrong_balances == 0
    )


def test_by_points(stage: Stage) -> None:
    """
    12-01 … 12-04 签到；12-05 忘了；12-06 签到（第 1 天）
    李阿姨: 补签      → 补 12-5 这天要 10 积分（你有 19），补上就是连续 6 天
    李阿姨: [用 10 积分补] → 补上了，现在连续 6 天
    12-07 签到        → 第 7 天，有惊喜
    """
    attend(stage, "李阿姨", 1, 2, 3, 4, 6)
    (asked,) = stage.say("李阿姨", "补签")
    assert asked.key == "checkin.makeup_ask"
    assert (asked.values["day"], asked.values["points"], asked.values["streak"]) == ("12月5日", 10, 6)
    assert stage.points("李阿姨") == 19, "asking costs nothing"
    (made,) = stage.say("李阿姨", "", button=asked.buttons[0].key)
    assert (made.key, made.values["streak"]) == ("checkin.makeup_made", 6)
    assert stage.points("李阿姨") == 9
    assert keys(stage.say("李阿姨", "", button=asked.buttons[0].key)) == ["checkin.makeup_done"]
    assert stage.points("李阿姨") == 9
    (seventh,) = stage.say("李阿姨", "签到", "2026-12-07T09:00")
    assert (seventh.key, seventh.values["streak"], seventh.values["bonus"]) == ("checkin.milestone", 7, 10)
    assert right(stage)


def test_by_card(stage: Stage) -> None:
    """A week brings a card; it is offered first, and is gone once used."""
    attend(stage, "李阿姨", *range(1, 8))
    (seventh,) = stage.said[-1:]
    assert "checkin.got_card" in seventh.tails
    assert stage.say("李阿姨", "补签卡")[0].values["cards"] == 1
    attend(stage, "李阿姨", 9)
    (asked,) = stage.say("李阿姨", "补签 昨天")
    assert asked.key == "checkin.makeup_ask_card"
    assert [button.key.split(":")[1] for button in asked.buttons] == ["card", "points"]
    before = stage.points("李阿姨")
    assert stage.say("李阿姨", "", button=asked.buttons[0].key)[0].values["streak"] == 9
    assert stage.points("李阿姨") == before
    assert keys(stage.say("李阿姨", "我的补签卡")) == ["checkin.cards_none"]
    attend(stage, "李阿姨", 11)
    (by_points,) = stage.say("李阿姨", "补签昨天")
    assert by_points.key == "checkin.makeup_ask"
    forged = by_points.buttons[0].key.replace("points", "card")
    assert keys(stage.say("李阿姨", "", button=forged)) == ["checkin.makeup_no_card"]
    assert right(stage)


def test_at_most_three_cards_are_held(stage: Stage) -> None:
    for number in range(1, 30):
        stage.say("李阿姨", "签到", f"2026-12-{number:02d}T09:00")
    (held,) = stage.say("李阿姨", "补签卡")
    assert held.values["cards"] == 3
    assert "3" in shown(held)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("补签 今天", "checkin.makeup_not_past"),
        ("补签 12-01", "checkin.makeup_too_old"),
        ("补签 12-08", "checkin.makeup_done"),
        ("补签 12-09", "checkin.makeup_not_past"),
        ("补签 随便", "checkin.makeup_how"),
        ("补签 12-31", "checkin.makeup_not_past"),
        ("补签 7-01", "checkin.makeup_too_old"),
        ("补签 2026-12-31", "checkin.makeup_not_past"),
    ],
)
def test_what_cannot_be(stage: Stage, text: str, key: str) -> None:
    attend(stage, "李阿姨", 1, 8, 9)
    assert keys(stage.say("李阿姨", text)) == [key]


def test_not_before_one_began(stage: Stage) -> None:
    assert keys(stage.say("李阿姨", "补签", "2026-12-08T09:00")) == ["checkin.makeup_never"]
    attend(stage, "李阿姨", 8)
    assert keys(stage.say("李阿姨", "补签 12-07")) == ["checkin.makeup_before_first"]
    assert keys(stage.say("李阿姨", "补签")) == ["checkin.makeup_nothing"]


def test_too_few_points(stage: Stage) -> None:
    attend(stage, "李阿姨", 1, 3)
    (no,) = stage.say("李阿姨", "补签")
    assert (no.key, no.values["balance"]) == ("checkin.makeup_poor", 7)


def test_twice_a_month(stage: Stage) -> None:
    attend(stage, "李阿姨", 1, 2, 3, 4, 5, 6, 7, 9, 11, 13)
    stage.say("周团长", "加分 李阿姨 50 帮忙")
    for day in ("12-08", "12-10"):
        (asked,) = stage.say("李阿姨", f"补签 {day}")
        stage.say("李阿姨", "", button=asked.buttons[-1].key)
    (full,) = stage.say("李阿姨", "补签")
    assert full.key == "checkin.makeup_month_full"
    assert right(stage)


def test_one_day_of_a_longer_gap_brings_nothing_back_and_is_said_so(stage: Stage) -> None:
    """
    （连着 8 天，漏了 9、10 日）李阿姨: 补签 → 补 12月10日…… 前面一共空了 2 天，都补上才接得上之前的连续天数
    """
    for number in range(1, 9):
        attend(stage, "李阿姨", number)
        attend(stage, "王姐", number)
    attend(stage, "李阿姨", 11)
    stage.say("周团长", "加分 李阿姨 50 帮忙")
    stage.say("周团长", "加分 王姐 50 帮忙")
    for tails, streak in ((("checkin.makeup_all",), 2), ((), 11)):
        (asked,) = stage.say("李阿姨", "补签")
        assert (tuple(asked.tails), asked.values["streak"]) == (tails, streak)
        stage.say("李阿姨", "", button=asked.buttons[-1].key)
    attend(stage, "王姐", 12)
    assert stage.say("王姐", "补签")[0].tails == ("checkin.makeup_alone",)


def test_who_has_points_for_one_of_two_days_hears_what_both_would_take(stage: Stage) -> None:
    """（漏了 3、4 日）李阿姨: 补签 → 补 12月4日……都补要 20 积分，你只有 11，只补这一天接不上"""
    attend(stage, "李阿姨", 1, 2, 5)
    (asked,) = stage.say("李阿姨", "补签")
    assert (asked.tails, asked.values["needed"], asked.values["gap"]) == (("checkin.makeup_short",), 20, 2)
    assert 10 <= int(str(asked.values["balance"])) < 20, asked.values


def test_a_streak_is_not_offered_back_when_the_month_has_no_make_ups_left(stage: Stage) -> None:
    attend(stage, "李阿姨", *range(1, 8), 9)
    stage.say("李阿姨", "你好", private=True)
    stage.say("周团长", "加分 李阿姨 90 帮忙")
    stage.say("李阿姨", "", button=stage.say("李阿姨", "补签")[0].buttons[-1].key)
    _, private = stage.say("李阿姨", "签到", "2026-12-12T09:00")
    assert private.key == "checkin.broken_month"
    assert "还剩 1 次" in shown(private)


def test_a_button_belongs_to_who_asked(stage: Stage) -> None:
    attend(stage, "李阿姨", 1, 2, 3, 4, 6)
    attend(stage, "王姐", 6)
    (asked,) = stage.say("李阿姨", "补签")
    assert keys(stage.say("王姐", "", button=asked.buttons[0].key)) == ["checkin.not_yours"]
    assert stage.points("李阿姨") == 19


def test_the_price_is_the_group_s(stage: Stage) -> None:
    stage.change(settings={"checkin": {"makeup_points": 0}})
    attend(stage, "李阿姨", 1, 3)
    (asked,) = stage.say("李阿姨", "补签")
    stage.say("李阿姨", "", button=asked.buttons[0].key)
    (late,) = stage.say("李阿姨", "签到", "2026-12-03T09:05", occurred="2026-12-02T23:59")
    assert late.values["cards"] == 0, "what was free gives nothing back"
    assert right(stage)


def made_up_and_late(stage: Stage, paid: str) -> tuple[Outgoing, ...]:
    """Yesterday was made up for, and then yesterday's message arrives."""
    (asked,) = stage.say("李阿姨", "补签")
    (button,) = [one for one in asked.buttons if paid in one.key]
    stage.say("李阿姨", "", button=button.key)
    return tuple(stage.say("李阿姨", "签到", "2026-12-09T10:00", occurred="2026-12-08T23:58", dedupe_key="late"))


def test_a_late_check_in_gives_the_points_back(stage: Stage) -> None:
    attend(stage, "李阿姨", *range(1, 8), 9)
    before = stage.points("李阿姨")
    (late,) = made_up_and_late(stage, "points")
    assert late.key == "checkin.done"
    assert late.tails == ("checkin.given_back",)
    assert (late.values["streak"], late.values["points"]) == (8, 5)
    assert stage.points("李阿姨") == before + 5
    assert stage.say("李阿姨", "签到", dedupe_key="late") == []
    again = stage.say("李阿姨", "签到", "2026-12-09T10:05", occurred="2026-12-08T23:59")
    assert keys(again) == ["checkin.already"]
    assert stage.points("李阿姨") == before + 5
    assert right(stage)


def test_a_late_check_in_gives_the_card_back(stage: Stage) -> None:
    attend(stage, "李阿姨", *range(1, 8), 9)
    made_up_and_late(stage, "card")
    assert stage.say("李阿姨", "补签卡")[0].values["cards"] == 1
    assert right(stage)


def test_it_shows_in_the_calendar(stage: Stage) -> None:
    attend(stage, "李阿姨", 1, 2, 3, 4, 6)
    (asked,) = stage.say("李阿姨", "补签")
    stage.say("李阿姨", "", button=asked.buttons[0].key)
    (month,) = stage.say("李阿姨", "打卡日历")
    assert (month.values["count"], month.values["made_up"], month.values["streak"]) == (5, "5", 6)
    assert month.card is not None
    assert (month.card.values["made_up"], month.card.values["streak"]) == ([5], 6)


def test_the_question_stays_a_question(stage: Stage) -> None:
    (asked,) = stage.say("李阿姨", "我昨天忘记签到了怎么办", private=True)
    assert not asked.key.startswith("checkin.")


def test_rubbish_on_the_buttons(stage: Stage) -> None:
    attend(stage, "李阿姨", 1)
    for key in ("makeup:", "makeup:card", "makeup:gold:2026-12-01:1", "makeup:card:2026-13-01:1", "makeup:card:x:y:z"):
        assert keys(stage.say("李阿姨", "", button=key)) in (["guard.old_button"], ["checkin.not_yours"])


# ---------------------------------------------------------------- other topics


def on_topic(stage: Stage, who: str, topic: str, *days: int) -> None:
    for number in days:
        stage.say(who, f"{topic}打卡", f"2026-12-{number:02d}T09:00")


def test_a_topic_with_a_streak_of_its_own_is_made_up_for(stage: Stage) -> None:
    """
    周团长: 新增打卡 健身 5分 连签；12-01 … 12-03 健身打卡，12-04 忘了，12-05 健身打卡（第 1 天）
    李阿姨: 补签 健身       → 补 12月4日 这天的健身打卡要 10 积分，补上就是连续 5 天
    李阿姨: [用 10 积分补]  → 12-4 的健身打卡补上了
    李阿姨: 补签            → 每天的签到没打过，不混在一起
    """
    stage.say("周团长", "新增打卡 健身 5分 连签")
    on_topic(stage, "李阿姨", "健身", 1, 2, 3, 5)
    assert keys(stage.say("李阿姨", "补签")) == ["checkin.makeup_never"]
    (asked,) = stage.say("李阿姨", "补签 健身")
    assert (asked.key, asked.values["day"], asked.values["streak"]) == ("checkin.makeup_ask", "12月4日", 5)
    assert "补 12月4日 这天的健身打卡要 10 积分" in shown(asked)
    (made,) = stage.say("李阿姨", "", button=asked.buttons[0].key)
    assert (made.key, made.values["streak"]) == ("checkin.makeup_made", 5)
    assert "12月4日 的健身打卡补上了" in shown(made)
    assert stage.points("李阿姨") == 10
    assert keys(stage.say("李阿姨", "补签 健身 12-4")) == ["checkin.makeup_done"]
    on_topic(stage, "李阿姨", "健身", 6)
    on_topic(stage, "李阿姨", "健身", 7)
    assert stage.said[-1].values["streak"] == 7
    assert right(stage)


def test_a_card_serves_a_topic_and_comes_back_to_where_cards_are(stage: Stage) -> None:
    """A card of the daily check-in pays; the late photo-less check-in of that day turns up, and the card is there again."""
    stage.say("周团长", "新增打卡 健身 5分 连签")
    on_topic(stage, "李阿姨", "健身", 1, 2)
    attend(stage, "李阿姨", *range(1, 8))
    on_topic(stage, "李阿姨", "健身", 7)
    (asked,) = stage.say("李阿姨", "补签 昨天 健身")
    assert asked.key == "checkin.makeup_ask_card"
    stage.say("李阿姨", "", button=asked.buttons[0].key)
    assert keys(stage.say("李阿姨", "补签卡")) == ["checkin.cards_none"]
    (back,) = stage.say("李阿姨", "健身打卡", "2026-12-07T09:30", occurred="2026-12-06T20:00")
    assert "补签卡" in shown(back)
    assert stage.say("李阿姨", "补签卡")[0].values["cards"] == 1
    assert right(stage)


@pytest.mark.parametrize(
    ("topic", "key"),
    [
        ("健身 5分", "checkin.makeup_no_streak"),
        ("健身 5分 连签 不补签", "checkin.makeup_not_here"),
        ("健身 5分 连签 可补签", "checkin.makeup_ask"),
        ("健身 5分 连签 工作日", "checkin.makeup_ask"),
    ],
)
def test_only_where_the_topic_allows_it(stage: Stage, topic: str, key: str) -> None:
    stage.say("周团长", f"新增打卡 {topic}")
    on_topic(stage, "李阿姨", "健身", 1, 3)
    attend(stage, "李阿姨", 3)
    assert keys(stage.say("李阿姨", "补签 健身")) == [key]


@pytest.mark.parametrize(("more", "key"), [("", "checkin.makeup_not_here"), (" 可补签", "checkin.makeup_ask")])
def test_a_photo_topic_is_not_made_up_for_unless_the_leader_says_so(stage: Stage, more: str, key: str) -> None:
    stage.say("周团长", f"新增打卡 早餐 8分 要照片 连签{more}")
    for number in (1, 3):
        (needs,) = stage.say("李阿姨", "早餐打卡", f"2026-12-{number:02d}T09:00")
        stage.say("李阿姨", "", quoting=needs, media="photo")
    (said,) = stage.say("李阿姨", "补签 早餐")
    assert said.key == key
    forged = f"makeup:points:2026-12-02:{stage_member(stage)}:t1"
    assert keys(stage.say("李阿姨", "", button=forged)) == [key.replace("_ask", "_made")]


def stage_member(stage: Stage) -> int:
    found = stage.database.read_now(
        lambda session: session.exec(select(Member.id).where(Member.name == "李阿姨")).one()
    )
    assert found is not None
    return found


def test_topics_that_are_not_there(stage: Stage) -> None:
    stage.say("周团长", "新增打卡 健身 5分 连签")
    attend(stage, "李阿姨", 1)
    assert keys(stage.say("李阿姨", "补签 健身")) == ["checkin.makeup_never_topic"]
    assert keys(stage.say("李阿姨", "补签 游泳")) == ["checkin.makeup_how"]
    assert keys(stage.say("李阿姨", "补签 健身 随便")) == ["checkin.makeup_how"]
    stage.say("周团长", "停用打卡 健身")
    assert keys(stage.say("李阿姨", "补签 健身")) == ["checkin.makeup_not_here"]
    assert keys(stage.say("李阿姨", "", button=f"makeup:points:2026-12-02:{stage_member(stage)}:t9")) == [
        "guard.old_button"
    ]
