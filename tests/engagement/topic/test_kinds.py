"""
周团长: 群类型            → 团团 says what it is now, with a button for each other kind
周团长: 群类型 亲子        → set, with the way back
"""

from __future__ import annotations

from pathlib import Path

import pytest

from engagement.registry import FEATURES
from engagement.topic.kinds import kind_of
from prompts import packs
from tests.engagement.stage import Stage, keys, open_stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return open_stage(tmp_path, FEATURES, "2026-12-01T09:00")


def test_a_kind_is_chosen_and_taken_back(stage: Stage) -> None:
    (shown,) = stage.say("周团长", "群类型")
    assert shown.key == "topic.kind_is_mixed"
    assert len(shown.buttons) == len(packs.GROUPS)
    (kept,) = stage.say("周团长", "群类型 亲子群")
    assert kept.key == "topic.kind_is_parents"
    assert keys(stage.say("周团长", "", button=kept.buttons[0].key)) == ["topic.kind_is_mixed"]
    assert keys(stage.say("周团长", "", button=shown.buttons[1].key)) == ["topic.kind_is_elders"]
    assert keys(stage.say("周团长", "群类型 都有")) == ["topic.kind_is_mixed"]


def test_rubbish_and_others_are_refused(stage: Stage) -> None:
    assert keys(stage.say("周团长", "群类型 火星")) == ["topic.kind_how"]
    assert keys(stage.say("周团长", "", button="topic_kind:martians")) == ["guard.old_button"]
    assert keys(stage.say("李阿姨", "", button="topic_kind:parents")) == ["guard.leader_only"]


def test_a_group_of_its_kind_is_asked_its_own_every_other_day(stage: Stage) -> None:
    """Ten coming days from the day after: five are of the kind; a mixed group never gets one."""
    stage.say("周团长", "群类型 亲子")
    asked = []
    for day in range(2, 12):
        (shown,) = stage.say("周团长", "明日话题", f"2026-12-{day:02d}T09:00")
        asked.append(str(shown.values["question"]))
    own = {topic.question for topic in packs.topics() if topic.groups == ("parents",)}
    assert 4 <= sum(question in own for question in asked) <= 6


@pytest.mark.parametrize("settings", [None, {}, {"topic": 3}, {"topic": {"kind": "martians"}}, {"topic": {"kind": 5}}])
def test_settings_that_say_nothing_are_mixed(settings: dict[str, object] | None) -> None:
    assert kind_of(settings) == ""
