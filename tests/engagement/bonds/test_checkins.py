"""A day's check-ins of two who become one: each topic counts once, whoever of them has done it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from engagement.registry import FEATURES
from tests.engagement.bonds.neighbours import MINE, THERE, balance, bind, on_another_channel, part, sound
from tests.engagement.stage import Stage, keys, open_stage


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    """Three neighbours with 5 points each; today is the second, and one may also check in on 健身."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00", url=url)
    for who in (MINE, THERE, "三号"):
        opened.say(who, "签到")
    opened.say("周团长", "新增打卡 健身 5分")
    opened.clock.set(opened.clock.now() + timedelta(days=1))
    return opened


def test_two_topics_of_a_day_are_two_things(stage: Stage) -> None:
    """小满 签到, 满满 健身打卡: nothing stays behind, and 健身 is done."""
    stage.say(MINE, "签到")
    stage.say(THERE, "健身打卡")
    on_another_channel(stage, THERE)
    mine, theirs = balance(stage, MINE), balance(stage, THERE)
    done = bind(stage)
    assert (done.values["held"], done.tails) == (0, ())
    assert balance(stage, MINE) == mine + theirs
    assert keys(stage.say(MINE, "健身打卡")) == ["checkin.topic_already"]
    sound(stage)
    part(stage)
    assert (balance(stage, MINE), balance(stage, THERE)) == (mine, theirs)
    sound(stage)


def test_a_topic_that_both_did_counts_once(stage: Stage) -> None:
    """Both 签到, 满满 健身打卡 as well: what he got for 签到 stays behind, what he got for 健身 comes along."""
    stage.say(MINE, "签到")
    before = balance(stage, THERE)
    stage.say(THERE, "签到")
    got = balance(stage, THERE) - before
    stage.say(THERE, "健身打卡")
    on_another_channel(stage, THERE)
    mine = balance(stage, MINE)
    done = bind(stage)
    assert (done.values["held"], done.tails) == (got, ("bonds.bound_held",))
    assert balance(stage, MINE) == mine + before + 5
    sound(stage)


def test_who_rests_there_already_has_checked_in_as_well(stage: Stage) -> None:
    """小满 is one with 满满, who has checked in today; 三号, who has as well, leaves his second check-in behind."""
    before = balance(stage, "三号")
    for who in (THERE, "三号"):
        stage.say(who, "签到")
    got = balance(stage, "三号") - before
    on_another_channel(stage, THERE)
    on_another_channel(stage, "三号", "wecom")
    bind(stage)
    mine = balance(stage, MINE)
    assert bind(stage, MINE, "三号", "wecom").values["held"] == got
    assert balance(stage, MINE) == mine + before
    sound(stage)
