"""Reading the packs: every field is checked, and a wrong file is named."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from prompts import packs
from prompts.loader import PROMPTS

MONTH: dict[str, Any] = {
    "month": 3,
    "name": "春",
    "slogan": "一起",
    "opening": "开\n",
    "closing": "收\n",
    "beat": [{"day": 5, "title": "这周", "text": "做\n"}],
    "challenge": {"name": "挑", "rule": "规", "target": 20, "goal_text": "目", "reward_points": 30, "top": 10},
}


def test_the_packs_of_the_product_are_read_once() -> None:
    assert len(packs.topics()) >= 60
    assert sorted(packs.months()) == list(range(1, 13))
    assert packs.topics() is packs.topics()
    assert packs.months() is packs.months()
    assert packs.months()[3].name == "春日焕新季"
    assert packs.months()[9].name == "金秋丰收节"


def test_a_topic_with_everything() -> None:
    row = {
        "id": "a.b",
        "question": "问？",
        "hint": "提",
        "seasons": ["winter"],
        "months": [12],
        "weekdays": [0, 6],
        "festival": "laba",
    }
    (topic,) = packs.parse_topics({"topic": [row]}, "a.toml")
    assert topic == packs.Topic("a.b", "问？", "提", ("winter",), (12,), (0, 6), "laba")
    assert packs.parse_topics({"topic": [{"id": "a", "question": "问"}]}, "a.toml") == (packs.Topic("a", "问"),)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"question": "问"}, "id is missing"),
        ({"id": "a"}, "question is missing"),
        ({"id": "a", "question": ""}, "question is missing"),
        ({"id": "a", "question": 3}, "question is missing or no str"),
        ({"id": "a", "question": "问", "seasons": ["monsoon"]}, "seasons must be of"),
        ({"id": "a", "question": "问", "months": [13]}, "months must be whole numbers in 1 … 12"),
        ({"id": "a", "question": "问", "months": 3}, "months must be"),
        ({"id": "a", "question": "问", "weekdays": [7]}, "weekdays must be whole numbers in 0 … 6"),
        ({"id": "a", "question": "问", "weekdays": [True]}, "weekdays must be"),
    ],
)
def test_a_wrong_topic_is_named(row: dict[str, Any], said: str) -> None:
    with pytest.raises(packs.BadPack, match=f"a.toml, topic 1: {said}"):
        packs.parse_topics({"topic": [row]}, "a.toml")


def test_a_month_is_read_and_its_texts_are_trimmed() -> None:
    month = packs.parse_month(MONTH, "m.toml")
    assert (month.opening, month.closing, month.beats[0].text) == ("开", "收", "做")
    assert month.challenge.target == 20


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("month",), 13, "month must lie in 1 … 12"),
        (("month",), True, "month is missing or no int"),
        (("name",), "", "name is missing"),
        (("beat",), {}, "beat is missing"),
        (("beat", 0, "day"), 28, "day must lie in 2 … 27"),
        (("beat", 0, "text"), None, "text is missing"),
        (("challenge",), [], "challenge is missing"),
        (("challenge", "target"), 63, "target must lie in 1 … 62"),
        (("challenge", "reward_points"), 0, "reward_points must lie in"),
        (("challenge", "top"), "10", "top is missing or no int"),
    ],
)
def test_a_wrong_month_is_named(path: tuple[str | int, ...], value: object, said: str) -> None:
    table: Any = copy.deepcopy(MONTH)
    inner = table
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with pytest.raises(packs.BadPack, match=rf"m\.toml.*{said}"):
        packs.parse_month(table, "m.toml")


def test_two_topics_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text('[[topic]]\nid = "x.y"\nquestion = "问？"\n', "utf-8")
    with pytest.raises(packs.BadPack, match=r"b\.toml: x\.y stands twice"):
        packs.read_topics(tmp_path)


def test_a_month_twice_and_a_missing_month_are_refused(tmp_path: Path) -> None:
    source = (PROMPTS / "calendar" / "month_03.toml").read_text("utf-8")
    (tmp_path / "month_03.toml").write_text(source, "utf-8")
    with pytest.raises(packs.BadPack, match="no file for month 1"):
        packs.read_months(tmp_path)
    (tmp_path / "month_04.toml").write_text(source, "utf-8")
    with pytest.raises(packs.BadPack, match="month 3 stands twice"):
        packs.read_months(tmp_path)


def test_values_are_filled_in_and_never_looked_into() -> None:
    values = {"name": "{points}\n坏", "points": 3, "winners": None}
    assert packs.fill("你好 {name}，{points} 分\n榜：{winners}\n{unknown}", values) == [
        "你好 {points} 坏，3 分",
        "{unknown}",
    ]
