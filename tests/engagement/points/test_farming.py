"""Bursts, copies and empty answers earn nothing; a normal week of people does."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement.points import farming
from engagement.points.farming import is_burst, is_copy, letters, word_fault
from engagement.registry import FEATURES
from tests.engagement.stage import Stage, at, keys, open_stage, shown

NOON = at("2026-12-01T12:00")


def moments(*seconds: float) -> list[datetime]:
    return [NOON + timedelta(seconds=number) for number in seconds]


@pytest.mark.parametrize(
    ("others", "burst"),
    [
        ((), False),
        ((0, 0), False),
        ((0, 0, 0), True),
        ((0.2, -0.9, 0.5), True),
        ((0, 0, -1), False),
        ((-9, -7, -5, -3, -2), False),
        ((-9, -7, -5, -3, -2, -1.5), True),
    ],
)
def test_bursts(others: tuple[float, ...], burst: bool) -> None:
    assert is_burst(moments(*others), NOON) is burst


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("", "short"),
        ("好", "short"),
        ("！！！", "short"),
        ("饺子", ""),
        ("妈妈", ""),
        ("爸爸妈妈", ""),
        ("对对对", "repeated"),
        ("哈哈哈哈哈哈", "repeated"),
        ("好的，好的，好的", "repeated"),
        ("６６６", "repeated"),
        ("😀😀😀", "repeated"),
        ("123123123", "repeated"),
        ("哈哈哈，我家的泡菜坛子", ""),
        ("abcabca", ""),
    ],
)
def test_what_says_nothing(words: str, fault: str) -> None:
    assert word_fault(words) == fault


@given(st.text(min_size=1, max_size=12), st.integers(3, 9))
def test_any_bit_three_times_and_more_is_repetition(bit: str, times: int) -> None:
    assert word_fault(bit * times) == ("short" if len(letters(bit * times)) < 2 else "repeated")


@given(st.text("天地玄黄宇宙洪荒", min_size=2, max_size=40))
def test_repetition_is_what_is_made_of_three_equal_pieces(words: str) -> None:
    made = any(
        len(words) % size == 0 and words[:size] * (len(words) // size) == words
        for size in range(1, len(words) // 3 + 1)
    )
    assert (word_fault(words) == "repeated") is made


@pytest.mark.parametrize(
    ("words", "before", "copy"),
    [
        ("饺子", 0, False),
        ("饺子", 2, False),
        ("饺子", 3, True),
        ("我家的泡菜坛子最大", 0, False),
        ("我家的泡菜坛子最大", 1, True),
    ],
)
def test_copies(words: str, before: int, copy: bool) -> None:
    assert is_copy(words, before) is copy


def test_marks_and_width_make_no_other_answer() -> None:
    assert farming.digest("我家的　ＡＢ，坛子！") == farming.digest("我家的ab坛子") != farming.digest("我家的坛子")
    assert len(farming.digest("x" * 10_000)) == 32


# ---------------------------------------------------------------- in the group


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return open_stage(tmp_path, FEATURES, "2026-12-01T09:00")


def test_the_same_answer_next_day_earns_nothing_and_nobody_is_accused(stage: Stage) -> None:
    """
    李阿姨: 话题 我家冰箱里的老豆腐 → +2
    （第二天）李阿姨: 话题 我家冰箱里的老豆腐！ → 这回不记分，说点今天的
    周团长: 今日一览 → 有 1 次像在刷分
    （第三天）李阿姨: 话题 昨天包的荠菜馄饨 → +2
    """
    stage.say("李阿姨", "话题 我家冰箱里的老豆腐")
    assert stage.points("李阿姨") == 2
    (copied,) = stage.say("李阿姨", "话题 我家冰箱里的老豆腐！", "2026-12-02T09:00")
    assert "points.kept_copy" in copied.tails
    assert "不记分" in shown(copied)
    assert stage.points("李阿姨") == 2
    assert "1 次像在刷分" in shown(stage.say("周团长", "今日一览", private=True)[0])
    stage.say("李阿姨", "话题 昨天包的荠菜馄饨", "2026-12-03T09:00")
    assert stage.points("李阿姨") == 4


def test_pure_repetition_earns_nothing(stage: Stage) -> None:
    (said,) = stage.say("李阿姨", "话题 哈哈哈哈哈哈")
    assert "points.kept_repeated" in said.tails
    assert stage.points("李阿姨") == 0


def test_a_day_s_cap_of_the_group(stage: Stage) -> None:
    stage.change(settings={"points": {"earn_most": 6}})
    stage.say("李阿姨", "签到")
    (said,) = stage.say("李阿姨", "话题 我家冰箱里的老豆腐")
    assert "points.kept_day" in said.tails
    assert stage.points("李阿姨") == 6
    assert stage.points("李阿姨", "topic") == 1
    stage.say("周团长", "加分 李阿姨 20 帮忙搬货")
    assert stage.points("李阿姨") == 26, "a leader's gift is not earned by farming"
    stage.say("李阿姨", "签到", "2026-12-02T09:00")
    assert stage.points("李阿姨", "checkin") == 8


def test_check_ins_in_many_groups_at_once(stage: Stage) -> None:
    """Over all groups, one person: the fourth reward of one second is not given; a minute later all is well."""
    dispatcher = stage.gateway.dispatcher
    person = stage.person("周团长")
    for number in range(3):
        assert len(dispatcher.acts.note(person, f"elsewhere {number}", stage.clock.now())) == number
    (kept,) = stage.say("周团长", "签到")
    assert "points.kept_burst" in kept.tails
    assert stage.points("周团长") == 0
    (said,) = stage.say("周团长", "话题 我家冰箱里的老豆腐", "2026-12-01T09:01")
    assert not set(said.tails) & {"points.kept_burst"}
    assert stage.points("周团长") == 2


def test_one_message_with_several_rewards_is_one_act(stage: Stage) -> None:
    note = stage.gateway.dispatcher.acts.note
    for _ in range(9):
        assert note(1, "the same", NOON) == []
    assert note(1, "later", NOON + timedelta(seconds=11)) == []
    assert keys(stage.say("李阿姨", "签到")) == ["checkin.first"]
