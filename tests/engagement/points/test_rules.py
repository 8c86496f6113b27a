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
    ("text", "cuts"),
    [
        ("李阿姨 20 帮忙搬货", []),
        ("", []),
        ("李阿姨", []),
        ("李阿姨 -5 坏", []),
        ("李阿姨 1.5 半分", []),
        ("@李阿姨＋２０分 帮忙", [("李阿姨", "20 帮忙")]),
        ("李阿姨5分帮忙", [("李阿姨", "5 帮忙")]),
        ("李阿姨20", [("李阿姨", "20 "), ("李阿姨2", "0 ")]),
        ("张姐 2帮忙", [("张姐", "2 帮忙")]),
        ("3号楼王姐5 修4楼的灯", [("3号楼王姐", "5 修4楼的灯"), ("3号楼王姐5 修", "4 楼的灯")]),
    ],
)
def test_where_a_gift_without_blanks_may_be_cut(text: str, cuts: list[tuple[str, str]]) -> None:
    assert rules.readings(text) == cuts


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


@pytest.mark.parametrize(
    ("today", "months", "last"),
    [
        (date(2026, 12, 1), 3, date(2027, 3, 31)),
        (date(2026, 11, 30), 3, date(2027, 2, 28)),
        (date(2027, 11, 30), 3, date(2028, 2, 29)),
        (date(2026, 12, 31), 12, date(2027, 12, 31)),
        (date(2026, 1, 1), 120, date(2036, 1, 31)),
    ],
)
def test_points_are_good_until_the_end_of_a_month(today: date, months: int, last: date) -> None:
    assert rules.last_day(today, months) == last


@pytest.mark.parametrize(
    ("text", "months"),
    [
        ("12个月", 12),
        ("１２ 个月", 12),
        ("一年", 12),
        ("两年三个月", 27),
        ("18月", 18),
        ("無", 0),
        ("不过期", 0),
        ("六个月", 6),
    ],
)
def test_how_long_as_leaders_type_it(text: str, months: int) -> None:
    assert rules.read_months(text) == months


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", "expiry_how"),
        ("很久", "expiry_how"),
        ("12", "expiry_how"),
        ("-3个月", "expiry_how"),
        ("2个月", "expiry_bounds"),
        ("0个月", "expiry_bounds"),
        ("121个月", "expiry_bounds"),
    ],
)
def test_what_is_no_validity(text: str, key: str) -> None:
    with pytest.raises(Refusal) as refusal:
        rules.read_months(text)
    assert refusal.value.key == f"points.{key}"


@pytest.mark.parametrize(
    ("settings", "months"),
    [({}, 0), ({"points": 3}, 0), ({"points": {"expiry_months": "12"}}, 0), ({"points": {"expiry_months": True}}, 0)]
    + [({"points": {"expiry_months": number}}, number if 3 <= number <= 120 else 0) for number in (0, 2, 3, 120, 121)],
)
def test_only_a_sound_rule_counts(settings: dict[str, object], months: int) -> None:
    assert rules.expiry_months(settings) == months


def test_limits_of_a_group() -> None:
    assert rules.Limits.of({}) == rules.Limits.of({"points": []}) == rules.Limits(100, 500, 200, False)
    assert rules.Limits.of({"points": {"earn_most": 9, "gift_most": 0}}) == rules.Limits(100, 500, 9, True)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1024 记重了", (1024, "记重了")),
        ("#7，记重了", (7, "记重了")),
        ("７号 记  重了", (7, "记 重了")),
        ("No.7: 错", (7, "错")),
    ],
)
def test_reversals_as_leaders_type_them(text: str, found: tuple[int, str]) -> None:
    assert rules.read_reversal(text) == found


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", "reverse_how"),
        ("王姐 5", "reverse_how"),
        ("9" * 19, "reverse_how"),
        ("7", "reverse_reason"),
        ("7 ", "reverse_reason"),
    ],
)
def test_what_is_no_reversal(text: str, key: str) -> None:
    with pytest.raises(Refusal) as refusal:
        rules.read_reversal(text)
    assert refusal.value.key == f"points.{key}"


@pytest.mark.parametrize(
    ("text", "month"),
    [("", date(2026, 12, 1)), ("上月", date(2026, 11, 1)), ("2026.1", date(2026, 1, 1)), ("12月", date(2026, 12, 1))],
)
def test_months_of_a_statement(text: str, month: date) -> None:
    assert rules.read_month(text, TODAY) == month


@pytest.mark.parametrize("text", ["0月", "13", "1999-12", "2027-01", "九月", "2026-11-05"])
def test_what_is_no_month(text: str) -> None:
    with pytest.raises(Refusal, match="statement_how"):
        rules.read_month(text, TODAY)
