"""The day's one edited message: never more often than every 20 seconds, and right when the burst is over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from bot.edits import queue_edits
from engagement.checkin import records, summary
from engagement.kernel import Kind, Outgoing
from engagement.registry import FEATURES
from storage.groups import GroupDay
from tests.engagement.stage import Stage, keys, open_stage, shown

NEIGHBOURS = [f"邻居{number}" for number in range(40)]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T07:00")
    opened.change(settings={"checkin": {"acks": "summary"}})
    for who in NEIGHBOURS:
        opened.say(who, "签到")
    return opened


def edits(stage: Stage, seconds: int = 0) -> list[Outgoing]:
    """The clock goes on second by second; what is edited meanwhile."""
    return list(_edits(stage, seconds))


def _edits(stage: Stage, seconds: int) -> Iterator[Outgoing]:
    for _ in range(seconds + 1):
        now = stage.clock.now()
        due = stage.database.read_now(summary.next_due)
        if due is not None and due <= now:
            queued = stage.database.write_now(partial(queue_edits, take=summary.take_due, now=now))
            yield from (one.message for one in queued)
        if seconds:
            stage.clock.set(now + timedelta(seconds=1))


def sent(stage: Stage, message: Outgoing) -> None:
    """The day's message has gone out."""
    stage._remember(message, "g1")


def test_a_morning(stage: Stage) -> None:
    """
    07:00:00 邻居0: 签到 → 今日打卡 1 位：邻居0。（一条消息）
    07:00:01 … 39 位接着打 → 每 20 秒改一次，最后一次是 40 位
    """
    (message,) = stage.say(NEIGHBOURS[0], "签到", "2026-12-02T07:00:00")
    assert (message.kind, message.key) == (Kind.REPLY, "checkin.day_one")
    sent(stage, message)
    seen: list[Outgoing] = []
    for who in NEIGHBOURS[1:]:
        stage.clock.set(stage.clock.now() + timedelta(seconds=2))
        assert stage.say(who, "打卡") == []
        seen += edits(stage)
    over = stage.clock.now()
    seen += edits(stage, 60)
    assert {(one.kind, one.subject) for one in seen} == {(Kind.EDIT, message.subject)}
    assert len({one.reply_to for one in seen}) == 1
    assert 3 <= len(seen) <= 5, "80 seconds of check-ins, an edit each 20"
    assert seen[-1].values["count"] == 40
    assert "今日打卡 40 位，刚刚是 邻居39、邻居38" in shown(seen[-1])
    assert edits(stage, 60) == []
    assert stage.clock.now() - over == timedelta(seconds=122)
    assert stage.database.read_now(records.wrong_streaks) == 0


def test_it_is_never_unasked(stage: Stage) -> None:
    (message,) = stage.say(NEIGHBOURS[0], "签到", "2026-12-02T07:00:00")
    sent(stage, message)
    stage.say(NEIGHBOURS[1], "签到")
    assert edits(stage, 30)
    day = stage.database.read_now(lambda s: s.get(GroupDay, (stage.group_id, stage.clock.now().date())))
    assert day is None


def test_an_edit_waits_for_the_message_to_be_out(stage: Stage) -> None:
    (message,) = stage.say(NEIGHBOURS[0], "签到", "2026-12-02T07:00:00")
    stage.say(NEIGHBOURS[1], "签到")
    assert edits(stage, 45) == []
    sent(stage, message)
    (edit,) = edits(stage, 21)
    assert edit.values["count"] == 2


def test_a_message_that_never_went_out_is_given_up(stage: Stage) -> None:
    stage.say(NEIGHBOURS[0], "签到", "2026-12-02T07:00:00")
    stage.say(NEIGHBOURS[1], "签到")
    assert edits(stage, 700) == []
    assert stage.database.read_now(summary.next_due) is None


def test_who_had_words_of_his_own_is_counted_too(stage: Stage) -> None:
    (message,) = stage.say(NEIGHBOURS[0], "签到", "2026-12-02T07:00:00")
    sent(stage, message)
    assert keys(stage.say("新邻居", "签到")) == ["checkin.first"]
    (edit,) = edits(stage, 21)
    assert edit.values["count"] == 2


def test_a_check_in_in_private_is_answered_there_and_counted_here(stage: Stage) -> None:
    """The group's line of the day stays in the group, whoever was first."""
    (alone,) = stage.say(NEIGHBOURS[2], "签到", "2026-12-02T06:50:00", private=True)
    assert keys([alone]) == ["checkin.done"]
    (message,) = stage.say(NEIGHBOURS[0], "签到", "2026-12-02T07:00:00")
    sent(stage, message)
    assert keys(stage.say(NEIGHBOURS[1], "签到", private=True)) == ["checkin.done"]
    (edit,) = edits(stage, 21)
    assert edit.values["count"] == 3


def test_two_replicas_edit_once(stage: Stage) -> None:
    (message,) = stage.say(NEIGHBOURS[0], "签到", "2026-12-02T07:00:00")
    sent(stage, message)
    stage.say(NEIGHBOURS[1], "签到", dedupe_key="one")
    assert stage.say(NEIGHBOURS[1], "签到", dedupe_key="one") == []
    now = stage.clock.now() + timedelta(seconds=20)
    found = [stage.database.write_now(lambda s: summary.take_due(s, now)) for _ in range(2)]
    assert [len(one) for one in found] == [1, 0]


def test_a_special_day_is_said_in_it(stage: Stage) -> None:
    stage.say("周团长", "双倍日 12-02")
    (message,) = stage.say(NEIGHBOURS[0], "签到", "2026-12-02T07:00:00")
    assert "今天是双倍日，打卡积分翻倍" in shown(message)


def test_a_quote_of_it_and_a_routine_topic(stage: Stage) -> None:
    stage.say("周团长", "新增打卡 健身")
    (message,) = stage.say(NEIGHBOURS[0], "签到", "2026-12-02T07:00:00")
    said = stage.say(NEIGHBOURS[1], "签到", quoting=message)
    assert said == [], "a command in the quote is a command"
    stage.say(NEIGHBOURS[0], "健身打卡")
    assert keys(stage.say(NEIGHBOURS[0], "健身打卡", "2026-12-03T07:00:00")) == ["👍checkin.topic_done"]


def test_the_button_goes_round(stage: Stage) -> None:
    """设置 → 汇总 → 文字 → 点赞, and each can be taken back without touching the topics."""
    stage.change(settings={"checkin": {"topics": [{"key": "t1", "name": "健身"}]}})
    heard = []
    for _ in range(3):
        (settings,) = stage.say("周团长", "设置")
        (button,) = [one for one in settings.buttons if one.key.startswith("quiet_acks:")]
        (switched,) = stage.say("周团长", "", button=button.key)
        heard.append(switched.key)
        stage.say(NEIGHBOURS[5], "健身打卡")
    assert heard == ["groups.acks_summary", "groups.acks_words", "groups.acks_emoji"]
    (settings,) = stage.say("周团长", "设置")
    (button,) = [one for one in settings.buttons if one.key.startswith("quiet_acks:")]
    (switched,) = stage.say("周团长", "", button=button.key)
    stage.say("周团长", "", button=switched.buttons[0].key)
    assert keys(stage.say(NEIGHBOURS[0], "签到", "2026-12-02T07:00:00")) == ["👍checkin.done"]
    assert keys(stage.say(NEIGHBOURS[6], "健身打卡")) == ["checkin.topic_done"]
