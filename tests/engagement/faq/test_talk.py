"""Words that ask for nothing: a greeting, a picture, and a question of somebody whose group nobody knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engagement.faq import rules
from engagement.registry import FEATURES
from knowledge.answer import Answer
from tests.engagement.faq.test_faq import Librarian, _answer
from tests.engagement.stage import Stage, keys, open_stage, placeholders_match, shown

AGAIN = {"faq.hello_again", "faq.hello_again_here", "faq.hello_again_ask"}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    yield opened
    opened.database.close()


def librarian(stage: Stage, **known: Answer) -> None:
    stage.gateway.dispatcher.answering = Librarian(dict(known))  # type: ignore[assignment]


def test_it_introduces_itself_once(stage: Stage) -> None:
    """
    李阿姨: 你好 → 我是团团……；早上好 → 早上好。有事直接说；怎么用啊 → 又是全的
    """
    assert keys(stage.say("李阿姨", "请问 你好")) == ["faq.hello"]
    said = [stage.say("李阿姨", "早上好", f"2026-12-0{day}T09:00", private=True)[0] for day in range(2, 8)]
    assert {one.key for one in said} <= AGAIN
    assert len({one.key for one in said}) > 1, "not always the same words"
    assert all(shown(one).startswith("早上好") and placeholders_match(one) for one in said)
    assert keys(stage.say("李阿姨", "怎么用啊", private=True)) == ["faq.hello"]
    stage.say("王姐", "签到")
    assert keys(stage.say("王姐", "晚上好", private=True))[0] in AGAIN, "the check-in has told her who it is"


def test_a_stranger_is_told_again_another_day(stage: Stage) -> None:
    (hello,) = stage.say("路人", "你好", private=True)
    assert hello.key == "faq.hello"
    stage._remember(hello, "路人")  # it went out
    assert keys(stage.say("路人", "早上好", private=True))[0] in AGAIN
    assert keys(stage.say("路人", "早上好", "2026-12-03T09:00", private=True)) == ["faq.hello"]


@pytest.mark.parametrize(
    ("minute", "part"),
    [(299, "evening"), (300, "morning"), (659, "morning"), (660, "noon"), (780, "afternoon"), (1080, "evening")],
)
def test_parts_of_a_day(minute: int, part: str) -> None:
    assert rules.part_of_day(minute) == part


def test_a_picture_without_words(stage: Stage) -> None:
    """（只发一张照片）→ 看不了，说说是什么事，照片发给团长"""
    stage.say("李阿姨", "签到")
    (told,) = stage.say("李阿姨", "", private=True, media="photo")
    assert told.key == "faq.photo"
    assert "发给团长" in shown(told)


def test_where_the_group_is_not_known(stage: Stage) -> None:
    """路人（私聊）: 几点提货 → 怎么让我认得你在哪个群；不说「团长还没填」"""
    hours = replace(_answer("answered", "提货时间团长还没填。"), missing=("pickup_hours",))
    line = replace(_answer("answered", "先发消息给团长。"), missing=("hotline",))
    librarian(stage, 几点提货=hours, 团长不在=line, 截单几点=hours, **{"pickup.hours": hours})
    assert keys(stage.say("路人", "几点提货", private=True)) == ["faq.which_group"]
    assert keys(stage.say("路人", "", button="ask:pickup.hours", private=True)) == ["faq.which_group"]
    assert keys(stage.say("路人", "团长不在", private=True)) == ["faq.answer"], "it says enough without"
    stage.say("李阿姨", "签到")
    assert keys(stage.say("李阿姨", "几点提货", private=True))[0] == "faq.answer"
