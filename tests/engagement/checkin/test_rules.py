"""Rewards, streaks, make-ups and days off, by table."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

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
    doubled = rules.reward(rules.Rewards(), streak, first=first, doubled=True)
    assert doubled == rules.Reward(2 * (points - bonus) + bonus, bonus)


@pytest.mark.parametrize(
    ("streak", "own", "points"), [(1, False, 3), (7, False, 3), (6, True, 3), (7, True, 13), (30, True, 23)]
)
def test_reward_of_a_topic(streak: int, own: bool, points: int) -> None:
    topic = rules.Topic("t1", "健身", points=3, streak=own)
    assert rules.topic_reward(rules.Rewards(), topic, streak).points == points
    assert rules.topic_reward(rules.Rewards(), topic, streak, doubled=True).points == points + 3


@pytest.mark.parametrize("wrong", ["5", 2.5, True, -1, 1001, None])
def test_a_group_s_nonsense_keeps_the_default(wrong: object) -> None:
    assert rules.Rewards.of({"base": wrong, "nobody_knows": 3}) == rules.Rewards()


def test_a_group_s_own_values() -> None:
    assert rules.Rewards.of({"base": 4, "most": 9}) == rules.Rewards(base=4, most=9)


def test_next_streak() -> None:
    assert rules.next_streak(6, DAY - timedelta(days=1), DAY) == 7
    assert rules.next_streak(6, DAY - timedelta(days=2), DAY) == 1
    assert rules.next_streak(0, None, DAY) == 1
    off = rules.Pauses(((DAY - timedelta(days=3), DAY - timedelta(days=1)),))
    assert rules.next_streak(6, DAY - timedelta(days=4), DAY, off) == 7
    assert rules.next_streak(6, DAY - timedelta(days=5), DAY, off) == 1


OFFSETS = st.sets(st.integers(0, 40))


@given(OFFSETS, OFFSETS)
def test_streak_ending_agrees_with_going_on_day_by_day(offsets: set[int], off: set[int]) -> None:
    days = {DAY + timedelta(days=n) for n in offsets}
    paused = {DAY + timedelta(days=n) for n in off}
    streak, last = 0, None
    for day in sorted(days):
        streak = rules.next_streak(streak, last, day, paused)
        last = day
        assert rules.streak_ending(days, day, paused) == streak


@given(OFFSETS, OFFSETS)
def test_streak_around_is_the_run_that_a_day_is_in(offsets: set[int], off: set[int]) -> None:
    days = {DAY + timedelta(days=n) for n in offsets}
    paused = {DAY + timedelta(days=n) for n in off}
    runs: list[list[date]] = []
    for day in sorted(days):
        if runs and rules.stands(runs[-1][-1], day, paused):
            runs[-1].append(day)
        else:
            runs.append([day])
    for run in runs:
        assert {rules.streak_around(days, day, paused) for day in run} == {len(run)}
    missing = DAY - timedelta(days=1)
    assert rules.streak_around(days, missing, paused) == rules.streak_ending(days, missing, paused) == 0


def test_weekends_of_some_topics_are_paused() -> None:
    friday, monday = date(2026, 12, 4), date(2026, 12, 7)
    off = rules.Pauses((), weekdays_only=True)
    assert rules.stands(friday, monday, off)
    assert not rules.stands(friday, monday + timedelta(days=1), off)
    assert date(2026, 12, 5) in off
    assert date(2026, 12, 5) not in off.only_spans()


@pytest.mark.parametrize(("streak", "left"), [(1, 6), (6, 1), (7, 23), (29, 1), (30, 30)])
def test_next_milestone(streak: int, left: int) -> None:
    assert rules.next_milestone(streak) == left


# ---------------------------------------------------------------- what stands in a group's settings


def test_topics_are_read_as_they_were_kept() -> None:
    made = rules.Topic("t1", "健身", 3, photo=True, weekdays=True, streak=True, active=False)
    assert rules.topics_of({"topics": [made.kept()]}) == (made,)
    damaged: list[Any] = [
        5,
        {"key": "t2"},
        {"key": 3, "name": "x"},
        {"key": "t3", "name": "读书", "points": "9", "new": 1},
    ]
    assert rules.topics_of({"topics": damaged}) == (rules.Topic("t3", "读书", 2),)
    assert rules.topics_of({"topics": "x"}) == ()


def test_a_key_is_never_used_again() -> None:
    assert rules.next_key(()) == "t1"
    topics = (rules.Topic("t1", "a", active=False), rules.Topic("t9", "b"), rules.Topic("odd", "c"))
    assert rules.next_key(topics) == "t10"


@pytest.mark.parametrize(
    ("settings", "quiet", "style"),
    [
        ({}, True, "reaction"),
        ({}, False, "words"),
        ({"acks": "summary"}, True, "summary"),
        ({"acks": "summary"}, False, "words"),
        ({"acks": 5}, True, "reaction"),
    ],
)
def test_acknowledgement(settings: dict[str, object], quiet: bool, style: str) -> None:
    assert rules.acks_of(settings, quiet=quiet) == style


@pytest.mark.parametrize(
    ("settings", "day", "special"),
    [
        ({}, "2027-02-06", ""),
        ({"double": ["2026-12-12"]}, "2026-12-12", "day"),
        ({"double": ["2026-12-12"]}, "2026-12-13", ""),
        ({"double": "2026-12-12"}, "2026-12-12", ""),
        ({"festivals": True}, "2027-02-05", "chuxi"),
        ({"festivals": True}, "2027-02-06", "chunjie"),
        ({"festivals": True}, "2026-12-22", ""),  # a solar term is no holiday
        ({"festivals": "yes"}, "2027-02-06", ""),
        ({"festivals": True, "double": ["2027-02-06"]}, "2027-02-06", "day"),
    ],
)
def test_special_days(settings: dict[str, object], day: str, special: str) -> None:
    assert rules.special_day(settings, date.fromisoformat(day)) == special


@pytest.mark.parametrize(("cards", "streak", "after"), [(0, 6, 0), (0, 7, 1), (2, 14, 3), (3, 21, 3), (3, 22, 3)])
def test_cards(cards: int, streak: int, after: int) -> None:
    assert rules.cards_after(cards, streak) == after


# ---------------------------------------------------------------- make-ups and days off


def missed(**changed: Any) -> rules.Missed:
    usual: dict[str, Any] = {
        "today": DAY,
        "first": DAY - timedelta(days=20),
        "joined": DAY - timedelta(days=30),
        "done": {DAY - timedelta(days=1), DAY - timedelta(days=20)},
        "paused": {DAY - timedelta(days=2)},
        "made_this_month": 0,
    }
    return rules.Missed(**usual | changed)


@pytest.mark.parametrize(
    ("ago", "changed", "why"),
    [
        (3, {}, ""),
        (7, {}, ""),
        (8, {}, "too_old"),
        (0, {}, "not_past"),
        (-1, {}, "not_past"),
        (1, {}, "done"),
        (2, {}, "paused"),
        (3, {"first": None}, "never"),
        (3, {"first": DAY - timedelta(days=2)}, "before_first"),
        (3, {"joined": DAY - timedelta(days=2)}, "before_first"),
        (3, {"made_this_month": 1}, ""),
        (3, {"made_this_month": 2}, "month_full"),
    ],
)
def test_what_can_be_made_up_for(ago: int, changed: dict[str, Any], why: str) -> None:
    assert rules.why_not(DAY - timedelta(days=ago), missed(**changed)) == why


def test_a_gap_is_bridged_whole_or_not_at_all() -> None:
    """The days between today and the check-in before: none to bridge, some, and one among them that is too long ago."""
    yesterday = DAY - timedelta(days=1)
    assert rules.gap(missed(done={yesterday}, paused=())) == []
    assert rules.gap(missed(done={DAY - timedelta(days=4)}, paused={yesterday})) == [
        DAY - timedelta(days=2),
        DAY - timedelta(days=3),
    ]
    assert rules.why_not_all([yesterday], missed(done=())) == ""
    assert rules.why_not_all([yesterday], missed(done=(), made_this_month=2)) == "month"
    long = rules.gap(missed(done={DAY - timedelta(days=rules.MAKEUP_WINDOW + 2)}, paused=()))
    assert rules.why_not_all(long, missed()) == "long"
    assert rules.why_not_all(long[-1:], missed()) == "long", "one day, and too long ago"


def test_the_latest_missed_day_is_offered() -> None:
    assert rules.latest_missed(missed()) == DAY - timedelta(days=3)
    assert rules.latest_missed(missed(made_this_month=2)) is None


def test_days_off_of_a_quarter() -> None:
    december = {date(2026, 12, day) for day in (24, 25, 26, 27, 28)}
    assert rules.leave_left(december, date(2026, 12, 30)) == 2
    assert rules.leave_left(december, date(2027, 1, 1)) == 7
    assert rules.leave_fits(december, set(rules.days_between(date(2026, 12, 30), date(2027, 1, 6))))
    assert not rules.leave_fits(december, set(rules.days_between(date(2026, 12, 29), date(2027, 1, 6))))
    assert rules.quarter_of(date(2026, 3, 31)) == (2026, 1)
    assert rules.quarter_of(date(2026, 4, 1)) == (2026, 2)


@pytest.mark.parametrize(
    ("topic", "allows"),
    [
        (rules.Topic("t1", "健身", streak=True), True),
        (rules.Topic("t1", "健身"), False),
        (rules.Topic("t1", "健身", streak=True, photo=True), False),
        (rules.Topic("t1", "健身", streak=True, photo=True, makeup=True), True),
        (rules.Topic("t1", "健身", streak=True, makeup=False), False),
        (rules.Topic("t1", "健身", streak=True, active=False), False),
    ],
)
def test_which_topics_are_made_up_for(topic: rules.Topic, allows: bool) -> None:
    assert topic.allows_makeups is allows
    assert rules.topics_of({"topics": [topic.kept()]}) == (topic,)
