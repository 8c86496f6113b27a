"""The bot and neighbours come and go; the leader sets the group up."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlmodel import select

from engagement.kernel import Event, Kind
from engagement.registry import FEATURES
from knowledge import ingest
from knowledge.lifecycle import Hand
from storage import identities
from storage.campaigns import Campaign, Schedule
from storage.engine import Session
from storage.groups import Group, Member
from tests.engagement.stage import Stage, at, keys, open_stage, placeholders_match, shown


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return open_stage(tmp_path, FEATURES, "2026-12-01T09:00")


def _group(stage: Stage) -> Group:
    return stage.database.read_now(lambda s: s.get_one(Group, stage.group_id))


def test_a_new_leader_hears_that_samples_answer_while_there_are_some(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "pickup.md"
    path.write_text("# 提货\n\n下午四点。\n", "utf-8")
    ingest.add(stage.database, path, now=at("2026-12-01T08:00"), hand=Hand("starter"), publish=True)
    hello = stage.happen(Event.BOT_ADDED, "周团长", group_name="阳光花园一期", can_read=True)
    assert "groups.leader_samples" in hello[1].tails
    assert "自带的示例" in shown(hello[1])


def test_added_removed_added_again_keeps_everything(stage: Stage) -> None:
    hello = stage.happen(Event.BOT_ADDED, "周团长", group_name="阳光花园一期", can_read=True)
    assert keys(hello)[:2] == ["groups.hello", "groups.leader_start"]
    assert hello[1].kind is Kind.DM
    assert "示例" not in shown(hello[1]), "there are none"
    stage.say("李阿姨", "签到")
    assert stage.happen(Event.BOT_REMOVED, "周团长") == []
    assert _group(stage).state == "removed"
    assert keys(stage.happen(Event.BOT_ADDED, "周团长"))[0] == "groups.hello_again"
    assert _group(stage).state == "active"
    (points,) = stage.say("李阿姨", "积分")
    assert points.values["balance"] == 5


def test_whoever_adds_it_leads_unless_somebody_does(stage: Stage) -> None:
    stage.happen(Event.BOT_ADDED, "王姐")
    roles = stage.database.read_now(lambda s: {m.name: m.role for m in s.exec(select(Member))})
    assert roles == {"周团长": "leader", "王姐": "member"}


def test_a_bot_that_cannot_read_says_so(stage: Stage) -> None:
    said = stage.happen(Event.BOT_ADDED, "周团长", can_read=False)
    assert said[1].tails == ("groups.cannot_read",)
    assert [button.key for button in said[1].buttons] == [f"start:{stage.group_id}"]
    assert _group(stage).can_read is False


def test_becoming_an_administrator_is_no_second_arrival(stage: Stage) -> None:
    """
    （进群，看不到消息）→ 群里打招呼，私聊团长怎么开权限
    （设为管理员）→ 只私聊说一声「收得到了」
    """
    stage.happen(Event.BOT_ADDED, "周团长", can_read=False)
    assert keys(stage.happen(Event.BOT_ADDED, "周团长", can_read=True)) == ["groups.can_read"]
    assert keys(stage.happen(Event.BOT_ADDED, "周团长", can_read=True)) == []
    assert keys(stage.happen(Event.BOT_ADDED, "周团长", can_read=False)) == ["groups.cannot_read"]


def test_newcomers_do_not_cost_the_day_its_topic(stage: Stage) -> None:
    _due(stage, "2026-12-01", topic=10, theme=11, topic_summary=20)
    assert [_joins(stage, name, "2026-12-01T09:00") for name in ("王姐", "刘姐", "陈师傅")] == [
        ["groups.welcome"],
        [],
        [],
    ]


def test_a_morning_newcomer_is_welcomed_when_the_theme_has_nothing_to_say(stage: Stage) -> None:
    """One message is said; on the 3rd theme and challenge are silent, so only the evening's summary keeps its place."""
    _due(stage, "2026-12-03", theme=10, challenge=19, topic_summary=20)
    stage.database.write_now(lambda session: identities.spend_unasked(session, stage.group_id, "2026-12-03", 4))
    said = [_joins(stage, name, "2026-12-03T09:00") for name in ("王姐", "刘姐", "陈师傅")]
    assert said == [["groups.welcome"], ["groups.welcome"], []]


def test_the_first_newcomer_of_a_full_day_is_welcomed_instead_of_the_evening_summary(stage: Stage) -> None:
    """Two messages are said, and on the 15th the challenge may speak: the summary's would be the last."""
    _due(stage, "2026-12-15", theme=10, challenge=19, topic_summary=20)
    for _ in range(2):
        stage.database.write_now(lambda session: identities.spend_unasked(session, stage.group_id, "2026-12-15", 4))
    assert _joins(stage, "王姐", "2026-12-15T09:00") == ["groups.welcome"]
    assert _joins(stage, "刘姐", "2026-12-15T09:01") == []


def test_what_goes_out_in_one_message_keeps_one_place(stage: Stage) -> None:
    _due(stage, "2026-12-05", topic=10, theme=10)
    said = [_joins(stage, name, "2026-12-05T09:00") for name in ("王姐", "刘姐", "陈师傅", "赵叔")]
    assert said == [["groups.welcome"], ["groups.welcome"], ["groups.welcome"], []]


def _joins(stage: Stage, name: str, when: str) -> list[str]:
    return keys(stage.happen(Event.JOIN, name, subject=name, subject_name=name, when=when))


def _due(stage: Stage, day: str, **hours: int) -> None:

    def write(session: Session) -> None:
        for number, (kind, hour) in enumerate(hours.items(), start=1):
            session.add(Campaign(id=number, key=kind, kind=kind, created_at=stage.clock.now()))
            session.flush()
            session.add(
                Schedule(
                    campaign_id=number,
                    group_id=stage.group_id,
                    kind=kind,
                    zone="Asia/Shanghai",
                    local_minute=hour * 60,
                    next_at=at(f"{day}T{hour:02d}:00"),
                )
            )

    stage.database.write_now(write)


def test_the_zone_of_the_platform_is_taken(stage: Stage) -> None:
    stage.happen(Event.BOT_ADDED, "周团长", zone="Asia/Urumqi")
    assert _group(stage).zone == "Asia/Urumqi"


def test_welcomes_stay_within_the_budget_and_out_of_the_night(stage: Stage) -> None:
    stage.change(daily_budget=2)
    assert keys(stage.happen(Event.JOIN, "王姐", subject="王姐", subject_name="王姐")) == ["groups.welcome"]
    assert stage.happen(Event.JOIN, "王姐", subject="王姐", subject_name="王姐", when="2026-12-01T09:01") == []
    assert keys(stage.happen(Event.JOIN, "刘姐", subject="刘姐", subject_name="刘姐")) == ["groups.welcome"]
    assert stage.happen(Event.JOIN, "陈师傅", subject="陈师傅", subject_name="陈师傅") == []
    assert stage.happen(Event.JOIN, "夜猫", subject="夜猫", subject_name="夜猫", when="2026-12-02T23:00") == []


def test_leaving_and_coming_back_keeps_points(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    assert stage.happen(Event.LEAVE, "李阿姨", subject="李阿姨") == []
    assert stage.happen(Event.LEAVE, "没来过", subject="没来过") == []
    (board,) = stage.say("周团长", "排行榜")
    assert board.key == "points.board_empty_week"
    (points,) = stage.say("李阿姨", "积分", "2026-12-01T10:00")
    assert points.values["balance"] == 5


def test_migration_follows_the_new_id(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    stage.happen(Event.MIGRATED, "", new_id="g1")
    assert stage.happen(Event.MIGRATED, "周团长", new_id="-100g1") == []
    assert _group(stage).external_id == "-100g1"


def test_settings_facts_and_switches(stage: Stage) -> None:
    """
    周团长: 设置 → 还没填什么
    周团长: 群信息 提货点 东门快递柜 → 记下了
    周团长: 设置 → 看得到
    """
    (before,) = stage.say("周团长", "设置")
    assert before.key == "groups.settings_no_facts"
    assert "groups.settings_missing" in before.tails
    for text in (
        "群信息 提货点 东门快递柜",
        "群信息 提货时间 16:00-20:00",
        "群信息 送货日 周二周五",
        "群信息 截单 22:00",
        "群信息 热线 400-000-0000",
        "群信息 团长称呼 周姐",
        "群信息 售后时限 提货后 24 小时内",
        "群信息 坏果包赔 坏多少赔多少",
        "群信息 七天无理由 支持",
    ):
        (kept,) = stage.say("周团长", text)
        assert kept.key == "groups.fact_kept"
    (after,) = stage.say("周团长", "设置")
    assert after.key == "groups.settings"
    assert "groups.settings_missing" not in after.tails
    assert "提货点：东门快递柜" in shown(after)
    assert placeholders_match(after)
    assert keys(stage.say("周团长", "群信息 热线 无")) == ["groups.fact_cleared"]
    (without,) = stage.say("周团长", "设置")
    assert "还没填：热线" in shown(without)
    (words,) = stage.say("周团长", "", button="quiet_acks:off")
    assert words.key == "groups.acks_words"
    (shown_again,) = stage.say("周团长", "设置")
    (emoji,) = stage.say("周团长", "", button=shown_again.buttons[-1].key)
    assert emoji.key == "groups.acks_emoji"
    (no,) = stage.say("李阿姨", "", button="quiet_acks:off")
    assert no.key == "guard.leader_only"


def test_quiet_hours_zone_and_a_second_leader(stage: Stage) -> None:
    assert keys(stage.say("周团长", "免打扰 21:00-8:00")) == ["groups.quiet_kept"]
    assert (_group(stage).quiet_from, _group(stage).quiet_to) == (1260, 480)
    assert keys(stage.say("周团长", "时区 Mars/Olympus")) == ["groups.zone_how"]
    assert keys(stage.say("周团长", "时区 Asia/Tokyo")) == ["groups.zone_kept"]
    stage.say("王姐", "签到")
    assert keys(stage.say("周团长", "设团长 谁")) == ["groups.no_such_member"]
    assert keys(stage.say("周团长", "设团长 王姐")) == ["groups.leader_added"]
    assert keys(stage.say("王姐", "设置")) == ["groups.settings_no_facts"]
    assert keys(stage.say("李阿姨", "设置")) == ["guard.leader_only"]
    assert keys(stage.say("王姐", "取消团长 李阿姨")) == ["groups.no_such_leader"]
    assert keys(stage.say("周团长", "取消团长 王姐")) == ["groups.leader_removed"]
    assert keys(stage.say("王姐", "设置")) == ["guard.leader_only"]
    assert keys(stage.say("周团长", "取消团长 周团长")) == ["groups.last_leader"]


def test_choosing_a_group_in_private(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    assert keys(stage.say("李阿姨", "切换群")) == ["guard.private_only"]
    (which,) = stage.say("李阿姨", "切换群", private=True)
    (chosen,) = stage.say("李阿姨", "", button=which.buttons[0].key, private=True)
    assert chosen.key == "groups.chosen"
    for nonsense in ("group:", "group:999", "group:x"):
        assert keys(stage.say("李阿姨", "", button=nonsense, private=True)) == ["guard.old_button"]
    assert keys(stage.say("路人", "切换群", private=True)) == ["guard.no_group"]
