"""What a theme says on which day, and how a challenge is counted."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from engagement.theme import rules
from prompts import packs

MARCH = packs.months()[3]
LONG_AGO = date(2025, 1, 1)


def kind_of(day: date, joined: date = LONG_AGO) -> str:
    part = rules.part_of(packs.months()[day.month], day, joined)
    return "" if part is None else part.kind


def test_a_month_opens_has_beats_and_closes() -> None:
    said = {day: kind_of(date(2026, 3, day)) for day in range(1, 32)}
    beats = [beat.day for beat in MARCH.beats]
    assert said[1] == "opening"
    assert said[31] == "closing"
    assert [day for day, kind in said.items() if kind == "beat"] == beats
    assert sum(1 for kind in said.values() if kind) == 2 + len(beats)


@pytest.mark.parametrize(("year", "last"), [(2026, 28), (2028, 29)])
def test_february_closes_on_its_last_day(year: int, last: int) -> None:
    assert kind_of(date(year, 2, last)) == "closing"
    assert kind_of(date(year, 2, last - 1)) == ""


def test_a_group_that_comes_in_mid_month_gets_a_short_opening_next_morning() -> None:
    assert kind_of(date(2026, 3, 10), joined=date(2026, 3, 9)) == "joined"
    assert kind_of(date(2026, 3, 28), joined=date(2026, 3, 27)) == "joined_late"
    assert kind_of(date(2026, 3, 10), joined=date(2026, 3, 10)) == ""
    assert kind_of(date(2026, 4, 1), joined=date(2026, 3, 31)) == "opening"
    assert kind_of(date(2026, 3, 31), joined=date(2026, 3, 30)) == ""
    assert kind_of(date(2026, 3, 31), joined=date(2026, 3, 25)) == ""
    assert kind_of(date(2026, 3, 31), joined=date(2026, 3, 24)) == "closing"
    beat = MARCH.beats[0].day
    assert kind_of(date(2026, 3, beat), joined=date(2026, 3, beat - 1)) == "joined"


def test_the_beat_that_is_on_is_the_latest_for_a_week() -> None:
    first, second = MARCH.beats[:2]
    assert rules.beat_of(MARCH, date(2026, 3, first.day - 1)) is None
    assert rules.beat_of(MARCH, date(2026, 3, first.day)) == first
    assert rules.beat_of(MARCH, date(2026, 3, second.day - 1)) == first
    assert rules.beat_of(MARCH, date(2026, 3, second.day)) == second


def test_what_can_still_be_had() -> None:
    assert rules.reach(date(2026, 3, 31)) == 2
    assert rules.reach(date(2026, 3, 31), checked_in=True) == 1
    assert rules.reach(date(2026, 3, 31), checked_in=True, answered=True) == 0
    assert rules.reach(date(2026, 3, 1)) == 62


@pytest.mark.parametrize("month", range(1, 13))
def test_every_target_can_be_reached_from_the_first(month: int) -> None:
    assert rules.reach(date(2027, month, 1)) >= packs.months()[month].challenge.target


def test_bits_are_one_per_day_and_fit_an_integer_of_thirty_two_bits() -> None:
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(31)]
    assert len({rules.bit_of(day) for day in days}) == 31
    assert sum(rules.bit_of(day) for day in days) < 2**31


def test_months_have_keys_that_sort() -> None:
    assert rules.month_key(date(2026, 9, 30)) == "2026-09"
    assert rules.month_key(date(2026, 9, 30)) < rules.month_key(date(2026, 10, 1)) < rules.month_key(date(2027, 1, 1))
    assert rules.next_month(date(2026, 12, 5)) == date(2027, 1, 1)


def test_a_completion_is_paid_at_once_when_the_closing_may_be_over() -> None:
    assert not rules.is_settled_at_once(date(2026, 3, 30), date(2026, 3, 30))
    assert rules.is_settled_at_once(date(2026, 3, 31), date(2026, 3, 31))
    assert rules.is_settled_at_once(date(2026, 3, 31), date(2026, 3, 30))
    assert rules.is_settled_at_once(date(2026, 4, 1), date(2026, 3, 31))


def test_ties_share_a_rank_and_the_next_is_left_out() -> None:
    scores = [rules.Score("甲", 9), rules.Score("乙", 9), rules.Score("丙", 7)]
    assert [row.rank for row in rules.ranked(scores)] == [1, 1, 3]
    assert rules.ranked([]) == []


@pytest.mark.parametrize(("target", "points"), [(1, 1), (10, 6), (20, 12), (24, 15)])
def test_who_is_close(target: int, points: int) -> None:
    assert rules.close_from(target) == points
