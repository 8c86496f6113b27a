"""A month's texts in the words of a group, a region or everybody, instead of the ready ones."""

from __future__ import annotations

from pathlib import Path

from engagement.checkin.manifest import FEATURE as CHECKIN
from engagement.theme.manifest import FEATURE as THEME
from engagement.topic.manifest import FEATURE as TOPIC
from prompts import packs
from storage import wordings
from storage.groups import Region
from tests.engagement.stage import Stage, open_stage, shown

APRIL = packs.months()[4]
BEAT = APRIL.beats[0]


def opened(folder: Path) -> Stage:
    return open_stage(folder, (CHECKIN, TOPIC, THEME), "2026-03-20T06:00")


def word(stage: Stage, slot: str, scope: str, text: str) -> None:
    stage.database.write_now(lambda s: wordings.write(s, slot, scope, text, None, stage.clock.now()))


def test_the_opening_a_beat_and_the_closing_may_be_said_otherwise(tmp_path: Path) -> None:
    stage = opened(tmp_path)
    word(stage, "month:4:opening", "group:1", "{group}的四月，攒满 {target} 个。")
    word(stage, f"month:4:beat:{BEAT.day}", "group:1", "这周听{leader}的。")
    word(stage, "month:4:closing", "group:1", "四月一共 {checkins} 次签到，谢谢大家。\n领先的：{winners}")
    target = APRIL.challenge.target
    said = shown(stage.pushed("theme", "2026-04-01T10:00"))
    assert f"\n阳光花园一期的四月，攒满 {target} 个。\n" in said
    rules = said.splitlines()[-1]
    assert (
        "签到一天记 1 个" in rules and f"满 {target} 个" in rules and f"+{APRIL.challenge.reward_points} 积分" in rules
    )
    assert shown(stage.pushed("theme", f"2026-04-{BEAT.day:02d}T10:00")) == f"{BEAT.title}\n这周听周团长的。"
    (now,) = stage.say("李阿姨", "本月主题")
    assert "这周听周团长的。" in shown(now)
    stage.say("李阿姨", "签到", "2026-04-12T09:00")
    closing = shown(stage.pushed("theme", "2026-04-30T10:00"))
    assert closing.endswith("四月一共 1 次签到，谢谢大家。\n领先的：李阿姨 1 分")


def test_another_group_s_words_are_not_this_one_s_and_the_nearest_counts(tmp_path: Path) -> None:
    stage = opened(tmp_path)
    word(stage, "month:4:opening", "group:2", "别的群")
    ready = shown(stage.pushed("theme", "2026-04-01T10:00"))
    assert "别的群" not in ready
    stage.database.write_now(lambda s: s.add(Region(name="东区")))
    stage.change(region_id=1)
    word(stage, "month:4:opening", "region:1", "东区的话")
    assert shown(stage.pushed("theme", "2026-04-01T10:00")).splitlines()[1] == "东区的话"
    word(stage, "month:4:opening", "region:1", "")
    assert shown(stage.pushed("theme", "2026-04-01T10:00")) == ready
