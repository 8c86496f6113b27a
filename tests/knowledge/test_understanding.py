"""How a message asks: cut into questions, leaning on the last, or meaning a command. Pure."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement.registry import FEATURES
from knowledge import understanding
from prompts.asking import intents
from tests.each import each

EVALS = Path(__file__).resolve().parents[1] / "evals"
COMMANDS = {command.name: command for feature in FEATURES for command in feature.commands}


def rows(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (EVALS / name).read_text(encoding="utf-8").splitlines()]


@each(rows("intents.jsonl"), lambda row: row["text"])
def test_what_a_sentence_means(row: dict[str, str]) -> None:
    assert understanding.meant(row["text"]) == row["command"]
    if row["command"]:
        assert COMMANDS[row["command"]].asked == row["how"]


def test_who_asks_whether_he_has_checked_in_means_himself() -> None:
    for text in (
        "签到了吗",
        "签上了吗",
        "今天签了没",
        "打卡成功了没有",
        "昨天打了没",
        "我签上没得",
        "我的签到算上了吗",
        "我的打卡记上没",
    ):
        assert understanding.meant(text) == "checkin.calendar", text
    for text in ("签到了没加分", "签到有用吗", "他签到了吗", "签了吗", "我昨天签到了没给分"):
        assert understanding.meant(text) == "", text


def test_every_command_that_sentences_mean_has_sentences() -> None:
    assert {name for name, command in COMMANDS.items() if command.asked} == set(intents())


@given(st.text(alphabet="帮我看一下请问团还有多少几积分的了吗签到打卡今天聊什么这个月连续", max_size=40))
def test_no_text_takes_long_and_a_question_is_never_empty(text: str) -> None:
    started = time.perf_counter()
    understanding.meant(text)
    assert all(part.strip() or part == text for part in understanding.several(text))
    understanding.leans(text)
    understanding.together(text, text)
    assert time.perf_counter() - started < 0.5


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("几点提货？坏了怎么赔？还有积分怎么花", ["几点提货", "坏了怎么赔", "积分怎么花"]),
        ("1、几点提货\n2、在哪提货", ["几点提货", "在哪提货"]),
        ("鸡蛋碎了 几点提货 还有积分怎么换", ["鸡蛋碎了", "几点提货", "积分怎么换"]),
        ("草莓烂了一半，积分怎么换", ["草莓烂了一半", "积分怎么换"]),
        ("鸡蛋碎了，怎么退", ["鸡蛋碎了，怎么退"]),
        ("昨天签到漏了，补签怎么弄", ["昨天签到漏了，补签怎么弄"]),
        ("订单下错了，截单前能改吗", ["订单下错了，截单前能改吗"]),
        ("地址填错了，提货点怎么改", ["地址填错了，提货点怎么改"]),
        ("积分少了，团长能补吗", ["积分少了，团长能补吗"]),
        ("货发错了，团长能换吗", ["货发错了，团长能换吗"]),
        ("苹果坏了，团长能赔吗", ["苹果坏了，团长能赔吗"]),
        ("葡萄烂了一半 积分能补吗", ["葡萄烂了一半 积分能补吗"]),
        ("葡萄烂了一半 积分怎么换", ["葡萄烂了一半", "积分怎么换"]),
        ("苹果坏了，团长电话多少", ["苹果坏了", "团长电话多少"]),
        ("鸡蛋少了一盒 几点提货", ["鸡蛋少了一盒", "几点提货"]),
        ("在吗？请问几点提货？", ["在吗？请问几点提货？"]),
        ("我昨天买的西瓜，打开一看坏了，孩子都哭了，怎么赔？", ["我昨天买的西瓜，打开一看坏了，孩子都哭了，怎么赔？"]),
        ("几点提货 怎么退款", ["几点提货", "怎么退款"]),
        ("提货点在哪 带什么", ["提货点在哪", "带什么"]),
        ("能开发票吗能货到付款吗", ["能开发票吗", "能货到付款吗"]),
        ("请问 几点提货", ["请问 几点提货"]),
        ("我的鸡蛋碎了 怎么退", ["我的鸡蛋碎了 怎么退"]),
        ("苹果烂了能退吗 怎么办", ["苹果烂了能退吗 怎么办"]),
        ("iPhone 能用吗", ["iPhone 能用吗"]),
        ("还有多久到货", ["还有多久到货"]),
        ("还有货吗", ["还有货吗"]),
        ("", [""]),
        ("？？？", ["？？？"]),
        ("今天天气真好", ["今天天气真好"]),
    ],
)
def test_several_questions(text: str, parts: list[str]) -> None:
    assert list(understanding.several(text)) == parts


@pytest.mark.parametrize("text", ["那周末呢", "要多久", "坏了呢", "那我媳妇能拿吗", "多久到账", "它能退吗"])
def test_leans(text: str) -> None:
    assert understanding.leans(text)


@pytest.mark.parametrize(
    "text", ["几点提货", "怎么签到", "那我下午去拿", "那算了", "那好吧谢谢", "", "积分怎么花", "提货点在哪里"]
)
def test_stands_alone(text: str) -> None:
    assert not understanding.leans(text)
