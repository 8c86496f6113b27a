"""What check-ins write and read in SQL of their own, on PostgreSQL too."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from bot.edits import queue_edits
from engagement.checkin import records, summary
from engagement.registry import FEATURES
from tests.engagement.stage import keys, open_stage

pytestmark = pytest.mark.postgres


def test_make_ups_pauses_topics_and_the_summary(tmp_path: Path, postgres_url: str) -> None:
    stage = open_stage(tmp_path, FEATURES, "2026-12-01T09:00", url=postgres_url)
    stage.change(settings={"checkin": {"acks": "summary", "makeup_points": 3}})
    stage.say("周团长", "新增打卡 健身 3分 连签")
    for number in (*range(1, 9), 10):
        stage.say("李阿姨", "健身打卡", f"2026-12-{number:02d}T08:00")
        stage.say("李阿姨", "签到")
    (asked,) = stage.say("李阿姨", "补签 12-09")
    assert keys(stage.say("李阿姨", "", button=asked.buttons[0].key)) == ["checkin.makeup_made"]
    (late,) = stage.say("李阿姨", "签到", "2026-12-10T08:10", occurred="2026-12-09T23:00")
    assert late.tails == ("checkin.given_back",)
    assert stage.say("李阿姨", "打卡日历")[0].values["streak"] == 10
    (frozen,) = stage.say("周团长", "冻结连签 12-11 12-12 停电")
    assert stage.say("李阿姨", "请假 12-13")[0].key == "checkin.leave_one"
    (today,) = stage.say("李阿姨", "签到", "2026-12-14T08:00")
    assert today.key == "checkin.day_one"
    stage._remember(today, "g1")
    stage.say("王姐", "签到")
    now = stage.clock.now() + timedelta(seconds=30)
    (edit,) = stage.database.write_now(partial(queue_edits, take=summary.take_due, now=now))
    assert edit.message.values["count"] == 2
    assert stage.say("李阿姨", "打卡日历")[0].values["streak"] == 11
    assert stage.database.read_now(records.wrong_streaks) == 0
    stage.say("周团长", "", button=frozen.buttons[0].key)
    assert stage.say("李阿姨", "打卡日历")[0].values["streak"] == 1
    assert stage.database.read_now(records.wrong_streaks) == 0
    (sure,) = stage.say("李阿姨", "删除我的数据")
    assert keys(stage.say("李阿姨", "", button=sure.buttons[0].key)) == ["members.erased"]
    assert stage.database.read_now(records.wrong_streaks) == 0
    stage.database.close()
