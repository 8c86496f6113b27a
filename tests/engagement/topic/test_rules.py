"""Choosing a topic, judging an answer, and what the evening shows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from engagement import calendar
from engagement.topic import rules
from prompts import packs
from prompts.packs import Topic

PLAIN = Topic("life.a", "问甲？")
OTHER = Topic("life.b", "问乙？")
WINTER = Topic("season.w", "问冬？", seasons=("winter",))
MAY = Topic("season.m", "问五月？", months=(5,))
SUNDAY = Topic("weekend.s", "问周日？", weekdays=(6,))
DONGZHI = Topic("festival.d", "问冬至？", festival="dongzhi")
BANK = (PLAIN, OTHER, WINTER, MAY, SUNDAY, DONGZHI)
DAY = date(2026, 12, 1)


@pytest.mark.parametrize(
    ("month", "season"), [(3, "spring"), (5, "spring"), (6, "summer"), (11, "autumn"), (12, "winter"), (2, "winter")]
)
def test_seasons(month: int, season: str) -> None:
    assert rules.season_of(month) == season


def test_eligible_keeps_to_season_month_weekday_and_leaves_festivals_to_their_day() -> None:
    assert rules.eligible(BANK, 12, 0) == (PLAIN, OTHER, WINTER)
    assert rules.eligible(BANK, 5, 6) == (PLAIN, OTHER, MAY, SUNDAY)


def pick(
    bank: tuple[Topic, ...] = BANK,
    *,
    group: int = 1,
    day: date = DAY,
    festival: str = "",
    used: dict[str, date] | None = None,
    attempt: int = 0,
    current: str = "",
) -> Topic | None:
    return rules.pick(
        bank, group_id=group, day=day, festival=festival, used=used or {}, attempt=attempt, current=current
    )


def test_the_choice_follows_from_group_and_day() -> None:
    assert pick() == pick()
    assert len({pick(packs.topics(), group=group) for group in range(30)}) > 10
    assert len({pick(packs.topics(), day=DAY + timedelta(days=n)) for n in range(30)}) > 10


def test_a_festival_comes_first_but_not_twice_and_not_against_the_leader() -> None:
    assert pick(festival="dongzhi") == DONGZHI
    assert pick(festival="dongzhi", current=DONGZHI.id) != DONGZHI
    assert pick(festival="dongzhi", used={DONGZHI.id: DAY}) != DONGZHI
    assert pick(festival="chunjie") in (PLAIN, OTHER, WINTER)


def test_another_attempt_gives_another_topic() -> None:
    first = pick()
    assert first is not None
    assert pick(attempt=1, current=first.id) not in (None, first)


def test_used_ones_come_again_only_when_nothing_fresh_is_left_the_oldest_first() -> None:
    used = {PLAIN.id: DAY - timedelta(days=9), OTHER.id: DAY - timedelta(days=30)}
    assert pick(used=used) == WINTER
    assert pick(used=used | {WINTER.id: DAY - timedelta(days=3)}) == OTHER
    assert pick((MAY,)) is None


def test_the_nearest_day_of_a_question_counts_but_not_the_day_itself_nor_beyond_ninety() -> None:
    def days(*offsets: int) -> list[tuple[str, date]]:
        return [("life.a", DAY + timedelta(days=n)) for n in offsets]

    assert rules.nearest(days(-50, 3, -20), DAY) == {"life.a": DAY + timedelta(days=3)}
    assert rules.nearest(days(0, -91, 91), DAY) == {}
    assert rules.nearest(days(-90), DAY) == {"life.a": DAY - timedelta(days=90)}


def year_of_the_real_bank(kind: str, group: int, first: date) -> list[tuple[date, Topic]]:
    """What a group of this kind is asked in 366 days."""
    asked: list[tuple[date, Topic]] = []
    for n in range(366):
        day = first + timedelta(days=n)
        used = rules.nearest([(topic.id, when) for when, topic in asked], day)
        chosen = rules.pick(
            packs.topics(), group_id=group, day=day, festival=calendar.festival(day), used=used, kind=kind
        )
        assert chosen is not None
        assert chosen.id not in used, day
        asked.append((day, chosen))
    return asked


@pytest.mark.parametrize("kind", ["", *packs.GROUPS])
@pytest.mark.parametrize("year", [2026, 2027, 2028])
def test_a_year_of_the_real_bank_repeats_nothing_within_ninety_days(kind: str, year: int) -> None:
    """And a kind of group keeps what it was promised: something of its own every other day, all year."""
    asked = year_of_the_real_bank(kind, year % 97, date(year, 1, 1))
    assert len({topic.id for _, topic in asked}) >= 200
    for day, topic in asked:
        festival = calendar.festival(day)
        assert topic.festival == festival
        if kind and not festival and day.toordinal() % 2:
            assert topic.groups == (kind,), day


@pytest.mark.parametrize(
    ("settings", "points"),
    [
        ({}, 2),
        ({"topic": {"points": 5}}, 5),
        ({"topic": {"points": 100}}, 100),
        ({"topic": {"points": 101}}, 2),
        ({"topic": {"points": 0}}, 2),
        ({"topic": {"points": True}}, 2),
        ({"topic": {"points": "9"}}, 2),
        ({"topic": 3}, 2),
    ],
)
def test_points_of_a_group(settings: dict[str, object], points: int) -> None:
    assert rules.points_of(settings) == points


@pytest.mark.parametrize(
    ("text", "enough"),
    [
        ("好", False),
        ("", False),
        ("。。。", False),
        ("  ", False),
        ("咸的", True),
        ("ok", True),
        ("😂😂", True),
        ("😂", False),
    ],
)
def test_an_answer_says_something(text: str, enough: bool) -> None:
    assert rules.says_something(rules.tidy(text)) is enough


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("话题 甜的，咸的都行？", "甜的，咸的都行？"),
        ("#话题# 甜的", "甜的"),
        ("话题：甜的", "甜的"),
        ("/say 甜的\n咸的", "甜的\n咸的"),
        ("话题甜的", "router's"),
    ],
)
def test_words_are_kept_as_they_were_typed(text: str, words: str) -> None:
    assert rules.words_after(text, "router's") == words


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("提货点几点关门", True),
        ("我的订单怎么还没到？", True),
        ("积分能换东西吗", True),
        ("我昨天忘记签到了怎么办", True),
        ("咸豆腐脑，你们呢？", False),
        ("在提货点碰到的张姐", False),
        ("豆腐脑当然是咸的", False),
    ],
)
def test_a_question_about_the_service_is_no_answer(text: str, asks: bool) -> None:
    assert rules.asks_service(text) is asks


@pytest.mark.parametrize(
    ("text", "fault"), [("菜", "short"), ("菜呢？", "short"), ("吃啥了？", ""), ("菜" * 60, ""), ("菜" * 61, "long")]
)
def test_a_leaders_own_question(text: str, fault: str) -> None:
    assert rules.question_fault(text) == fault


def said(name: str, text: str, minute: int = 0) -> rules.Said:
    return rules.Said(name, text, datetime(2026, 12, 1, 8, minute, tzinfo=UTC))


def test_the_evening_shows_the_three_longest_the_earlier_of_equals() -> None:
    chosen = rules.shown(
        [
            said("甲", "短的"),
            said("乙", "一样长的话", 5),
            said("丙", "一样长的哈", 1),
            said("丁", "最长最长最长的一句话"),
            said("戊", "中等长度的话"),
        ]
    )
    assert [one["name"] for one in chosen] == ["丁", "戊", "丙"]


def test_the_evening_spreads_no_contacts_no_nameless_and_no_walls_of_text() -> None:
    chosen = rules.shown(
        [
            said("甲", "加我微信领优惠 abc123"),
            said("乙", "看 https://example.com/x 这个"),
            said("丙", "打我电话 138 0013 8000 聊"),
            said("丁", "@李阿姨 你说呢"),
            said("", "没有名字的人说的话"),
            said("戊", ""),
            said("一个名字特别特别特别长的邻居", "泡菜" * 100),
        ]
    )
    assert len(chosen) == 1
    assert len(chosen[0]["text"]) <= rules.SHOWN_TEXT
    assert len(chosen[0]["name"]) <= rules.SHOWN_NAME
