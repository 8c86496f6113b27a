"""What leaders type about muting, and what the overview remembers, by table."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engagement.errors import Refusal
from engagement.leader import rules

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "name", "length", "reason"),
    [
        ("王姐 2小时 刷屏", "王姐", 2 * HOUR, "刷屏"),
        ("王姐 ２小時", "王姐", 2 * HOUR, ""),
        ("@王姐 半小时", "王姐", HOUR / 2, ""),
        ("王姐 一个半小时 发广告 还骂人", "王姐", 1.5 * HOUR, "发广告 还骂人"),
        ("王 姐 两天", "王 姐", 48 * HOUR, ""),
        ("王姐：30分钟：吵架", "王姐", HOUR / 2, "吵架"),
        ("王姐 45 分", "王姐", 0.75 * HOUR, ""),
        ("王姐 3个钟头", "王姐", 3 * HOUR, ""),
        ("王姐 1星期", "王姐", 7 * 24 * HOUR, ""),
        ("王姐 三十天", "王姐", 30 * 24 * HOUR, ""),
        ("王姐 一百二十分钟", "王姐", 2 * HOUR, ""),
        ("王姐 两千分钟", "王姐", 2000 * HOUR / 60, ""),
        ("王姐 十分钟", "王姐", HOUR / 6, ""),
        ("王姐 30日", "王姐", 30 * 24 * HOUR, ""),
        ("王姐", "王姐", HOUR, ""),
    ],
)
def test_mutes(text: str, name: str, length: timedelta, reason: str) -> None:
    wish = rules.read_mute(text)
    assert (wish.name, wish.length, wish.reason) == (name, length, reason)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", "leader.mute_how"),
        ("@", "leader.mute_how"),
        ("王姐 5", "leader.mute_how"),
        ("王姐 5 谢谢", "leader.mute_how"),
        ("王姐 31天", "leader.mute_long"),
        ("王姐 0分钟", "leader.mute_long"),
        ("王姐 一万年", "leader.mute_long"),
        ("王姐 99999年", "leader.mute_long"),
        ("王姐 万万年", "leader.mute_long"),
        ("王姐 99999天", "leader.mute_long"),
    ],
)
def test_no_mutes(text: str, key: str) -> None:
    with pytest.raises(Refusal, match=key):
        rules.read_mute(text)


def test_a_reason_without_a_time() -> None:
    assert rules.split_reason("王姐 刷屏 一早上") == ("王姐", "刷屏 一早上")
    assert rules.split_reason("王姐") == ("王姐", "")


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (0, ("minutes", 1)),
        (1, ("minutes", 1)),
        (59.9, ("minutes", 59)),
        (60, ("hours", 1)),
        (90, ("minutes", 90)),
        (119, ("minutes", 119)),
        (125, ("hours", 2)),
        (1440, ("days", 1)),
        (1500, ("hours", 25)),
        (2880, ("days", 2)),
        (4000, ("days", 2)),
    ],
)
def test_stretches_of_time(minutes: float, said: tuple[str, int]) -> None:
    assert rules.spoken(timedelta(minutes=minutes)) == said


def test_marks_are_of_one_day() -> None:
    settings = {"leader": {"marks": {"day": "2026-12-01", "praised": [[3, 7]], "suspected": [4, 4]}}}
    assert rules.marks_of(settings, "2026-12-01") == rules.Marks(((3, 7),), (4, 4))
    empty: tuple[object, ...] = ({}, None, {"leader": 5}, {"leader": {}}, {"leader": {"marks": {"day": "2026-11-30"}}})
    for nothing in empty:
        assert rules.marks_of(nothing, "2026-12-01") == rules.Marks()


def test_milestones() -> None:
    assert [streak for streak in range(100) if rules.is_milestone(streak)] == [7, 30, 60, 90]
