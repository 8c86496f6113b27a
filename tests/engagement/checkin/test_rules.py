"""Rewards and streaks, by table."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement.checkin import rules

DAY = date(2026, 12, 1)


@pytest.mark.parametrize(
    ("streak", "first", "points", "bonus"),
    [
        (1, True, 5, 0),
        (1, False, 2, 0),
        (2, False, 3, 0),
        (3, False, 4, 0),
        (4, False, 5, 0),
        (5, False, 5, 0),
        (7, False, 15, 10),
        (8, False, 5, 0),
        (30, False, 25, 20),
        (60, False, 25, 20),
    ],
)
def test_reward(streak: int, first: bool, points: int, bonus: int) -> None:
    assert rules.reward(rules.Rewards(), streak, first=first) == rules.Reward(points, bonus)


@pytest.mark.parametrize("wrong", ["5", 2.5, True, -1, 1001, None])
def test_a_group_s_nonsense_keeps_the_default(wrong: object) -> None:
    assert rules.Rewards.of({"base": wrong, "nobody_knows": 3}) == rules.Rewards()


def test_a_group_s_own_values() -> None:
    assert rules.Rewards.of({"base": 4, "most": 9}) == rules.Rewards(base=4, most=9)


def test_next_streak() -> None:
    assert rules.next_streak(6, DAY - timedelta(days=1), DAY) == 7
    assert rules.next_streak(6, DAY - timedelta(days=2), DAY) == 1
    assert rules.next_streak(0, None, DAY) == 1


@given(st.sets(st.integers(0, 40)))
def test_streak_ending_agrees_with_going_on_day_by_day(offsets: set[int]) -> None:
    days = {DAY + timedelta(days=n) for n in offsets}
    streak, last = 0, None
    for day in sorted(days):
        streak = rules.next_streak(streak, last, day)
        last = day
        assert rules.streak_ending(days, day) == streak


@pytest.mark.parametrize(("streak", "left"), [(1, 6), (6, 1), (7, 23), (29, 1), (30, 30)])
def test_next_milestone(streak: int, left: int) -> None:
    assert rules.next_milestone(streak) == left
