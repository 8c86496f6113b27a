"""Boards and gifts, by table."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement.errors import Refusal
from engagement.points import rules

TODAY = date(2026, 12, 2)


def test_periods() -> None:
    assert rules.period_of("") == "week"
    assert rules.period_of(" 本月 ") == "month"
    with pytest.raises(Refusal, match="unknown_period"):
        rules.period_of("年")
    assert rules.period_start("day", TODAY) == TODAY
    assert rules.period_start("week", TODAY) == date(2026, 11, 30)
    assert rules.period_start("month", TODAY) == date(2026, 12, 1)
    assert rules.period_start("all", TODAY) is None


def test_ties_share_a_rank_and_the_next_is_skipped() -> None:
    ranks = rules.ranked([(3, "丙", 5), (1, "甲", 9), (2, "乙", 5), (4, "丁", 1)])
    assert [(r.rank, r.name) for r in ranks] == [(1, "甲"), (2, "乙"), (2, "丙"), (4, "丁")]


@given(st.lists(st.tuples(st.integers(1, 50), st.just("邻居"), st.integers(1, 5)), unique_by=lambda row: row[0]))
def test_a_rank_is_one_more_than_those_with_more_points(rows: list[tuple[int, str, int]]) -> None:
    for rank in rules.ranked(rows):
        assert rank.rank == 1 + sum(points > rank.points for _, _, points in rows)


@pytest.mark.parametrize(
    ("text", "gift"),
    [
        ("李阿姨 20 帮忙搬货", rules.Gift("李阿姨", 20, "帮忙搬货")),
        ("@301 张哥 5分 修门", rules.Gift("301 张哥", 5, "修门")),
        ("李阿姨：＋１０积分，谢谢", rules.Gift("李阿姨", 10, "谢谢")),
    ],
)
def test_gifts_as_leaders_type_them(text: str, gift: rules.Gift) -> None:
    assert rules.read_gift(text, 100) == gift


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", "points.gift_how"),
        ("李阿姨", "points.gift_how"),
        ("李阿姨 -5 坏", "points.gift_how"),
        ("李阿姨 1.5 半分", "points.gift_how"),
        ("李阿姨 99999999999999999999 多", "points.gift_how"),
        ("李阿姨 0 没有", "points.gift_amount"),
        ("李阿姨 1001 太多", "points.gift_amount"),
        ("李阿姨 20", "points.gift_reason"),
        ("李阿姨 20 ", "points.gift_reason"),
    ],
)
def test_what_is_no_gift(text: str, key: str) -> None:
    with pytest.raises(Refusal) as refusal:
        rules.read_gift(text, 100)
    assert refusal.value.key == key
