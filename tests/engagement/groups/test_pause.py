"""暂停: every way to be quieter, one tap each, and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engagement.kernel import Event
from engagement.registry import FEATURES
from storage.campaigns import Campaign, Delivery
from storage.engine import Session
from storage.groups import Group
from storage.moves import LOST
from tests.engagement.stage import Stage, keys, open_stage, placeholders_match, shown

LEADER = "周团长"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    yield opened
    opened.database.close()


def budget(stage: Stage) -> int:
    return stage.database.read_now(lambda s: s.get_one(Group, stage.group_id).daily_budget)


def waits(stage: Stage) -> int:
    """Write a message that waits for the morning; returns its row."""

    def write(session: Session) -> int:
        now, group = stage.clock.now(), stage.group_id
        campaign = Campaign(key="waits", kind="topic", created_at=now)
        session.add(campaign)
        session.flush()
        row = Delivery(
            campaign_id=campaign.id or 0, group_id=group, local_date=now.date(), shard="s", due_at=now, expires_at=now
        )
        session.add(row)
        session.flush()
        assert row.id is not None
        return row.id

    return stage.database.write_now(write)


def test_a_pause_and_the_way_back(stage: Stage) -> None:
    """
    周团长: 暂停活动 → 怎么个安静法？[都先停] …；点 [都先停] → 不主动说话了
    王姐进群 → 不出声；李阿姨: 签到 → 照常答
    周团长: 暂停 → 现在停着 [恢复活动]；恢复活动 → 一天最多 5 条，和以前一样
    """
    stage.change(daily_budget=5)
    row = waits(stage)
    (asked,) = stage.say(LEADER, "暂停活动")
    assert asked.key == "groups.pause"
    assert placeholders_match(asked)
    assert budget(stage) == 5, "asking changes nothing"
    (done,) = stage.say(LEADER, "", button=asked.buttons[0].key)
    assert (done.key, budget(stage)) == ("groups.paused", 0)
    kept = stage.database.read_now(lambda s: s.get_one(Delivery, row))
    assert (kept.state, kept.expires_at) == ("pending", LOST), "what was planned for the morning looks for a place anew"
    assert stage.happen(Event.JOIN, "王姐", subject="王姐", subject_name="王姐") == []
    assert keys(stage.say("李阿姨", "签到")) == ["checkin.first"]
    (is_,) = stage.say(LEADER, "暂停")
    assert (is_.key, is_.buttons[0].label) == ("groups.pause_is", "groups.button_pause_off")
    assert keys(stage.say(LEADER, "", button=asked.buttons[0].key)) == ["groups.pause_already"]
    (again,) = stage.say(LEADER, "恢复活动")
    assert (again.key, budget(stage)) == ("groups.resumed", 5)
    assert "5 条" in shown(again)
    assert keys(stage.say(LEADER, "取消暂停")) == ["groups.pause_not"]
    stage.say(LEADER, "", button=f"pause:on:{stage.group_id}")
    assert keys(stage.say(LEADER, "恢复", private=True)) == ["groups.resumed"]


def test_a_pause_is_taken_back(stage: Stage) -> None:
    (done,) = stage.say(LEADER, "", button=f"pause:on:{stage.group_id}")
    assert keys(stage.say(LEADER, "", button=done.buttons[0].key)) == ["groups.resumed"]
    assert budget(stage) == 4
    stage.change(quiet_from=0, quiet_to=0)
    (asked,) = stage.say(LEADER, "暂停", private=True)
    night = next(one for one in asked.buttons if one.key.startswith("pause:night"))
    (kept,) = stage.say(LEADER, "", button=night.key, private=True)
    assert (kept.key, kept.values["quiet_from"]) == ("groups.quiet_kept", "22:00")
    tomorrow = next(one for one in asked.buttons if one.key.startswith("do:topic"))
    assert keys(stage.say(LEADER, "", button=tomorrow.key, private=True))[0].startswith("topic.")


def test_a_neighbour_is_told_what_he_can_do(stage: Stage) -> None:
    """李阿姨: 暂停 → 要团长来；少收提醒「通知设置」，出门「请假」；按团长的按钮也不行"""
    assert keys(stage.say("李阿姨", "暂停")) == ["groups.pause_neighbour"]
    assert keys(stage.say("李阿姨", "", button=f"pause:on:{stage.group_id}")) == ["guard.leader_only"]
    assert budget(stage) == 4


def test_today_and_no_more(stage: Stage) -> None:
    """
    周团长: 今日 → 今日一览；李阿姨: 今日、今天 → 今日话题
    """
    assert keys(stage.say(LEADER, "今日")) == ["leader.today_here"]
    assert keys(stage.say(LEADER, "今天", private=True)) == ["leader.today"]
    assert (
        keys(stage.say("李阿姨", "今日")) == keys(stage.say("李阿姨", "今天")) == keys(stage.say("李阿姨", "今日话题"))
    )
