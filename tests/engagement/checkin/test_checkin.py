"""Checking in, as a neighbour does it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engagement.checkin import records, service
from engagement.kernel import Kind
from engagement.registry import FEATURES
from storage import ledger
from tests.engagement.stage import Stage, day, keys, open_stage, placeholders_match, shown


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return open_stage(tmp_path, FEATURES, "2026-12-01T09:00")


def test_a_week(stage: Stage) -> None:
    """
    12-01 李阿姨: 签到        → 欢迎第一次打卡 +5，带一行说明
    12-02 … 12-06 李阿姨: 打卡 → 只点个赞
    12-07 李阿姨: 打卡        → 连续第 7 天，额外 10 分
    12-09 李阿姨: 打卡        → 断了一天，从第 1 天起
    """
    (first,) = stage.say("李阿姨", "签到")
    assert (first.key, first.values["points"], first.values["streak"]) == ("checkin.first", 5, 1)
    assert first.tails == ("checkin.first_how", "members.notice")
    for number in range(2, 7):
        (stamp,) = stage.say("李阿姨", "打卡！", f"2026-12-0{number}T08:00")
        assert keys([stamp]) == ["👍checkin.done"]
        assert stamp.values["streak"] == number
    (seventh,) = stage.say("李阿姨", "✅ 打 卡", "2026-12-07T08:00")
    assert (seventh.key, seventh.values["points"], seventh.values["bonus"]) == ("checkin.milestone", 15, 10)
    assert "连续第 7 天" in shown(seventh)
    (again,) = stage.say("李阿姨", "打卡", "2026-12-09T08:00")
    assert again.values["streak"] == 1
    assert stage.points("李阿姨", "checkin") == 5 + 3 + 4 + 5 + 5 + 5 + 15 + 2


def test_the_first_morning_is_no_flood(stage: Stage) -> None:
    """
    李阿姨、王姐、张姐: 签到 → 欢迎第一次打卡……连续 7 天有惊喜…… [看我的积分]
    刘姐、赵姐、陈姐: 签到   → 一行，换着说，没有按钮；私聊来的还是说全
    """
    neighbours = ("李阿姨", "王姐", "张姐", "刘姐", "赵姐", "陈姐")
    said = [stage.say(who, "签到")[0] for who in neighbours]
    assert keys(said) == ["checkin.first"] * 6
    assert all(one.card is not None and one.buttons and "连续 7 天有惊喜" in shown(one) for one in said[:3])
    brief = said[3:]
    assert len({shown(one).replace(who, "") for who, one in zip(neighbours[3:], brief, strict=True)}) == 3
    for who, one in zip(neighbours[3:], brief, strict=True):
        assert (one.values["points"], one.tails, one.buttons, one.card) == (5, ("members.notice_short",), (), None)
        assert who in shown(one)
        assert "+5" in shown(one)
    stage.say("周姐", "今天风好大")
    (alone,) = stage.say("周姐", "签到", private=True)
    assert (alone.key, alone.tails[0], alone.card) == ("checkin.first", "checkin.first_how", None)
    (tomorrow,) = stage.say("吴姐", "签到", "2026-12-02T09:00")
    assert tomorrow.tails == ("checkin.first_how", "members.notice")


def test_a_seventh_morning_of_many_has_few_pictures(stage: Stage) -> None:
    """Who began together is there for the seventh time together: words for everybody, a picture for the first three."""
    neighbours = ("李阿姨", "王姐", "张姐", "刘姐", "赵姐")
    for number in range(1, 7):
        for who in neighbours:
            stage.say(who, "签到", f"2026-12-0{number}T08:00")
    said = [stage.say(who, "签到", "2026-12-07T08:00")[0] for who in neighbours]
    assert keys(said) == ["checkin.milestone"] * 5
    assert [one.card is not None for one in said] == [True] * 3 + [False] * 2
    assert shown(said[4]).splitlines()[0] == "🎉 赵姐 连续第 7 天，+15 积分（含惊喜 10），一共 42。"


def test_in_private_a_check_in_has_words(stage: Stage) -> None:
    """李阿姨私聊: 签到 → 打卡好了，不只是一个赞；她说给机器人一个人听，吵不到谁"""
    stage.say("李阿姨", "签到")
    (said,) = stage.say("李阿姨", "签到", "2026-12-02T09:00", private=True)
    assert keys([said]) == ["checkin.done"]
    assert "连续第 2 天" in shown(said)


def test_twice_a_day_counts_once(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    (second,) = stage.say("李阿姨", "簽到")
    assert second.key == "checkin.already"
    assert second.values["points"] == 0
    assert stage.points("李阿姨") == 5


def test_a_redelivery_is_silent(stage: Stage) -> None:
    stage.say("李阿姨", "签到", dedupe_key="same")
    assert stage.say("李阿姨", "签到", dedupe_key="same") == []
    assert stage.points("李阿姨") == 5


def test_in_words_when_the_group_wants_words(stage: Stage) -> None:
    stage.change(quiet_acks=False)
    stage.say("李阿姨", "签到")
    (said,) = stage.say("李阿姨", "签到", "2026-12-02T09:00")
    assert said.key == "checkin.done"
    assert placeholders_match(said)
    assert "再来 5 天" in shown(said)


def test_yesterday_s_message_that_comes_today_counts_for_yesterday(stage: Stage) -> None:
    """
    12-01 签到；12-03 00:10 签到；00:20 才收到 12-02 23:58 发的签到 → 三天连上
    """
    stage.say("李阿姨", "签到", "2026-12-01T09:00")
    stage.say("李阿姨", "签到", "2026-12-03T00:10")
    (late,) = stage.say("李阿姨", "签到", "2026-12-03T00:20", occurred="2026-12-02T23:58")
    assert late.values["streak"] == 2
    (next_day,) = stage.say("李阿姨", "签到", "2026-12-04T09:00")
    assert next_day.values["streak"] == 4
    assert stage.database.read_now(records.wrong_streaks) == 0


def test_a_clock_that_lies_is_not_believed(stage: Stage) -> None:
    stage.say("李阿姨", "签到", "2026-12-05T09:00", occurred="2026-11-20T09:00")
    (again,) = stage.say("李阿姨", "签到", "2026-12-05T10:00")
    assert again.key == "checkin.already"


def test_free_check_ins_leave_no_entry(stage: Stage) -> None:
    stage.change(settings={"checkin": {"first": 0, "base": 0, "step": 0, "most": 0}})
    (said,) = stage.say("李阿姨", "签到")
    assert said.values["points"] == 0
    assert stage.database.read_now(ledger.check).entries == 0


def test_calendar(stage: Stage) -> None:
    (empty,) = stage.say("李阿姨", "打卡日历")
    assert empty.key == "checkin.calendar_empty"
    stage.say("李阿姨", "签到")
    (full,) = stage.say("李阿姨", "打卡日历")
    assert full.values["days"] == "1"
    assert not full.tails
    (tomorrow,) = stage.say("李阿姨", "打卡日历", "2026-12-02T09:00")
    assert tomorrow.tails == ("checkin.calendar_today",)
    assert tomorrow.values["streak"] == 1
    (later,) = stage.say("李阿姨", "打卡日历", "2026-12-04T09:00")
    assert later.values["streak"] == 0


def test_counts_for_the_console(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    stage.say("王姐", "签到")
    counts = stage.database.read_now(lambda s: service.counts_since(s, stage.group_id, day("2026-12-01")))
    assert counts == {day("2026-12-01"): 2}
    assert stage.database.read_now(lambda s: service.day_count(s, stage.group_id, day("2026-12-01"))) == 2


def test_a_broken_streak_gets_a_kind_word_in_private(stage: Stage) -> None:
    """
    李阿姨（私聊说过话）连着签到 4 天，空一天
    12-06 李阿姨: 签到 → 群里还是 👍；私聊：前面连着的 4 天空了一下，没关系……「补签」「请假」
    王姐没开私聊 → 群里只有 👍；张姐只连过 2 天 → 不提；私聊里签到 → 就在那条里说
    """
    stage.say("李阿姨", "你好", private=True)
    for number in range(1, 5):
        for who in ("李阿姨", "王姐", "刘姐"):
            stage.say(who, "签到", f"2026-12-0{number}T08:00")
    for number in (3, 4):
        stage.say("张姐", "签到", f"2026-12-0{number}T08:10")
    stamp, private = stage.say("李阿姨", "签到", "2026-12-06T08:00")
    assert (stamp.kind, private.key, private.kind, private.to) == (Kind.REACTION, "checkin.broken", Kind.DM, "李阿姨")
    assert all(word in shown(private) for word in ("4 天", "没关系", "「补签」"))
    assert keys(stage.say("王姐", "签到")) == ["👍checkin.done"]
    assert keys(stage.say("张姐", "签到")) == ["👍checkin.done"]
    (told,) = stage.say("刘姐", "签到", private=True)
    assert told.tails[-1] == "checkin.broken"
    assert keys(stage.say("李阿姨", "签到", "2026-12-07T08:00")) == ["👍checkin.done"]


@pytest.mark.parametrize(
    ("back", "price", "says"),
    [
        ("2026-12-10", 10, "broken|空了 1 天|「补签」"),
        ("2026-12-11", 10, "broken|空了 2 天|「补签」"),
        ("2026-12-11", 900, "broken_poor|空了 2 天|还要 900 积分|到 12月16日|「补签」"),
        ("2026-12-12", 10, "broken_long|空得久了些"),
    ],
    ids=["one day, one card", "a card and points", "a card and too few points", "more than a month lets"],
)
def test_making_up_is_offered_only_where_it_brings_the_streak_back(
    stage: Stage, back: str, price: int, says: str
) -> None:
    """
    李阿姨连着签到 8 天（1 张补签卡），漏了几天
    补得上 → 「想接上就发『补签』」；积分不够 → 说还要多少、到哪天；补不上 → 「补不上了，没关系，今天从第 1 天来」
    """
    stage.change(settings={"checkin": {"makeup_points": price}})
    stage.say("李阿姨", "你好", private=True)
    for number in range(1, 9):
        stage.say("李阿姨", "签到", f"2026-12-{number:02d}T08:00")
    _, private = stage.say("李阿姨", "签到", f"{back}T08:00")
    key, *said = says.split("|")
    text = shown(private)
    assert private.key == f"checkin.{key}"
    assert [words for words in said if words not in text] == []
    assert ("「补签」" in text) == (key != "broken_long")
