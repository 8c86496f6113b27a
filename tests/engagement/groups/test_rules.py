"""What leaders type about their group, by table."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engagement.errors import Refusal
from engagement.groups import rules


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("提货点 东门快递柜", ("pickup_place", "东门快递柜")),
        ("提货时间 16:00-20:00", ("pickup_hours", "16:00-20:00")),
        ("提货时间：16:00-20:00", ("pickup_hours", "16:00-20:00")),
        ("热线  400 000 0000", ("hotline", "400 000 0000")),
    ],
)
def test_facts(text: str, fact: tuple[str, str]) -> None:
    assert rules.read_fact(text) == fact


@pytest.mark.parametrize("text", ["", "提货点", "提货点 ", "天气 晴", "提货点 \u200b"])
def test_no_facts(text: str) -> None:
    with pytest.raises(Refusal, match="fact_how"):
        rules.read_fact(text)


def test_every_fact_has_one_shown_word() -> None:
    assert set(rules.shown_facts()) == set(rules.FACTS.values())


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("22:00-7:00", (1320, 420)),
        ("22点到7点", (1320, 420)),
        ("9～18", (540, 1080)),
        ("18:00-24:00", (1080, 0)),
        ("晚上十点到早上七点", (1320, 420)),
        ("晚上10点半到早上6点半", (1350, 390)),
        ("半夜12点至凌晨五点", (0, 300)),
        ("中午12点到下午2点", (720, 840)),
        ("中午一点到下午两点", (780, 840)),
        ("二十二点到七点", (1320, 420)),
        ("夜里1点到6点", (60, 360)),
        ("关", (0, 0)),
        ("取消", (0, 0)),
    ],
)
def test_spans(text: str, span: tuple[int, int]) -> None:
    assert rules.read_span(text) == span


@pytest.mark.parametrize(
    "text",
    [
        "",
        "晚上",
        "25:00-7:00",
        "22:60-7:00",
        "22:00-7:61",
        "22:00-24:01",
        "22:00",
        "8:00-8:00",
        "0:00-24:00",
        "全天",
        "9-12-18",
    ],
)
def test_no_spans(text: str) -> None:
    with pytest.raises(Refusal, match="quiet_how"):
        rules.read_span(text)


def test_clock_time() -> None:
    assert rules.clock_time(65) == "01:05"


def test_refusals_are_texts() -> None:
    readers: list[Callable[[str], object]] = [rules.read_fact, rules.read_span]
    for reader in readers:
        with pytest.raises(Refusal) as refusal:
            reader("?")
        assert refusal.value.key.startswith("groups.")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("提货时间是17-20", "17-20"),
        ("就是晚上五点到八点", "晚上五点到八点"),
        ("为期三天 17-20", "为期三天 17-20"),
    ],
)
def test_hours_lose_no_beginning(said: str, kept: str) -> None:
    assert rules.without_talk("pickup_hours", said) == kept


def test_the_button_goes_round_all_ways_to_acknowledge() -> None:
    assert [rules.next_acks(style) for style in rules.ACKS] == [*rules.ACKS[1:], rules.ACKS[0]]


def columns(facts: dict[str, str], start: int = 0, zone: str = "Asia/Shanghai") -> dict[str, object]:
    return {"facts": facts, "quiet_from": start, "quiet_to": 420, "quiet_acks": True, "zone": zone}


def test_what_goes_back_from_a_copy() -> None:
    """Only what the copy set and nobody has touched since; what was changed back by hand is not worth a word."""
    before = columns({"pickup_place": "东门", "hotline": "1"}, 1, "Asia/Urumqi")
    copied = columns({"pickup_place": "南门", "delivery_day": "周二"}, 2)
    untouched, kept = rules.back_from(before, copied, copied)
    assert (untouched, kept) == (before, [])
    now = columns({"pickup_place": "北门", "hotline": "1", "delivery_day": "周二"}, 3, "Asia/Tokyo")
    back, kept = rules.back_from(before, copied, now)
    assert back == {"facts": {"pickup_place": "北门", "hotline": "1"}, "quiet_acks": True}
    assert kept == ["pickup_place", "quiet", "zone"]
    assert rules.back_from(before, copied, before)[1] == []
