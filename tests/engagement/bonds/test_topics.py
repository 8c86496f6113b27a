"""The day's topic around a binding: one person answers it once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select

from engagement.registry import FEATURES
from engagement.topic.tables import TopicAnswer
from storage.ledger import Entry
from tests.engagement.bonds.neighbours import MINE, THERE, bind, on_another_channel, part, sound
from tests.engagement.stage import Stage, keys, open_stage

LEADER = "周团长"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """小满 and 满满 are both in the group; 满满 comes by the Official Account."""
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    for who in (MINE, THERE, LEADER):
        opened.say(who, "签到")
    on_another_channel(opened, THERE)
    return opened


def answer(stage: Stage, who: str, words: str) -> list[str]:
    return keys(stage.say(who, f"话题 {words}", channel="wechat" if who == THERE else "play"))


def paid(stage: Stage) -> int:
    """How many answers have brought points."""
    return stage.database.read_now(lambda s: len(s.exec(select(Entry).where(Entry.kind == "topic")).all()))


def test_answered_before_they_are_one(stage: Stage) -> None:
    """满满 answers, they become one, 小满 answers: once is enough; tomorrow is another day."""
    answer(stage, THERE, "我家最爱红烧肉")
    assert paid(stage) == 1
    bind(stage)
    assert answer(stage, MINE, "我家最爱清蒸鱼") == ["topic.again"]
    assert paid(stage) == 1
    stage.clock.set(stage.clock.now().replace(day=2))
    assert answer(stage, MINE, "今天吃面条") != ["topic.again"]
    assert paid(stage) == 2
    sound(stage)


def test_answered_while_they_are_one(stage: Stage) -> None:
    """As one they answer, and part: 满满 has answered, too; what 小满 had answered before is 小满's alone."""
    bind(stage)
    answer(stage, MINE, "我家最爱清蒸鱼")
    part(stage)
    assert answer(stage, THERE, "我家最爱红烧肉") == ["topic.again"]
    assert paid(stage) == 1


def test_what_each_answered_stays_his(stage: Stage) -> None:
    """小满 answers, they become one and part: 满满 has not answered."""
    answer(stage, MINE, "我家最爱清蒸鱼")
    stage.clock.set(stage.clock.now() + timedelta(minutes=1))
    bind(stage)
    part(stage)
    assert answer(stage, THERE, "我家最爱红烧肉") != ["topic.again"]
    assert paid(stage) == 2


def test_what_was_held_back_counts_once(stage: Stage) -> None:
    """满满's words wait; as one he answers otherwise; the leader lets them pass: once is enough."""
    answer(stage, THERE, "想赚钱，加我微信 abc12345")
    bind(stage)
    answer(stage, MINE, "我家最爱清蒸鱼")
    stage.say(LEADER, "", button="mod_pass:1", private=True)
    assert paid(stage) == 1


def test_what_was_let_pass_is_the_answer(stage: Stage) -> None:
    """The other way round: the leader lets 满满's words pass, then there is nothing more to answer."""
    answer(stage, THERE, "想赚钱，加我微信 abc12345")
    bind(stage)
    stage.say(LEADER, "", button="mod_pass:1", private=True)
    assert answer(stage, MINE, "我家最爱清蒸鱼") == ["topic.again"]
    words = stage.database.read_now(lambda s: s.exec(select(TopicAnswer.text).order_by(col(TopicAnswer.id))).all())
    assert [bool(one) for one in words] == [False, True]
    assert paid(stage) == 1
