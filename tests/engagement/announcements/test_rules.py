"""Words, templates, nights and stages, by table."""

from __future__ import annotations

import pytest

from engagement.announcements import rules
from engagement.announcements.rules import Form, Night, Row
from engagement.errors import Refusal


def test_lines() -> None:
    assert rules.lines_of(" 停水 \n\n到明早 6 点\u200b ") == ["停水", "到明早 6 点"]
    with pytest.raises(Refusal, match="empty"):
        rules.lines_of(" \u200b\n ")
    for words in ("长" * 301, "\n".join("1234567")):
        with pytest.raises(Refusal, match="too_long"):
            rules.lines_of(words)
    assert len(rules.lines_of("长" * 300)[0]) == 300


@pytest.mark.parametrize(
    ("text", "argument", "words"),
    [
        ("发公告 冷链车晚到，预计 19:00", "冷链车晚到,预计 19:00", "冷链车晚到，预计 19:00"),
        ("發公告：停水", "停水", "停水"),
        ("/announce 停水", "停水", "停水"),
        ("发 公 告 停水", "停水", "停水"),
        ("公告结束", "", ""),
    ],
)
def test_own_words(text: str, argument: str, words: str) -> None:
    assert rules.own_words(text, argument) == words


@pytest.mark.parametrize(
    ("words", "form"),
    [
        ("到货晚了 鸡蛋 19:00", Form("late", ("鸡蛋", "19:00"))),
        ("到貨晚了，鸡蛋，19:00 左右", Form("late", ("鸡蛋", "19:00 左右"))),
        ("到货晚了", Form("late")),
        ("到货晚了 鸡蛋", Form("late")),
        ("冷链车晚到", None),
        ("", None),
    ],
)
def test_forms(words: str, form: Form | None) -> None:
    assert rules.read_form(words) == form


def test_nights() -> None:
    nights = [Night("A", 1320, 420, 3), Night("B", 1320, 420, 4), Night("A", 0, 0, 5)]
    assert rules.asleep(nights, {"A": 1380, "B": 720}) == 3


@pytest.mark.parametrize(
    ("row", "stage"),
    [
        (Row("g", "sent"), "sent"),
        (Row("g", "pending"), "waiting"),
        (Row("g", "sending"), "waiting"),
        (Row("g", "", scheduled=True), "waiting"),
        (Row("g", ""), "withdrawn"),
        (Row("g", "cancelled", "cancelled"), "withdrawn"),
        (Row("g", "skipped", "late"), "failed"),
        (Row("g", "unknown", "cut"), "failed"),
    ],
)
def test_stages(row: Row, stage: str) -> None:
    assert rules.stage(row) == stage
    assert rules.tally([row])[stage] == 1


@pytest.mark.parametrize(("scope", "read"), [("own", ("own", 0)), ("all", ("all", 0)), ("region:3", ("region", 3))])
def test_scopes(scope: str, read: tuple[str, int]) -> None:
    assert rules.whose(scope) == read


@pytest.mark.parametrize(
    ("reference", "read"),
    [("3.1.2", (3, 1, 2)), ("3.1", (3, 1, 0)), ("", (0, 0, 0)), ("x.-1.９", (0, 0, 0)), ("1.2.3.4", (1, 2, 3))],
)
def test_references(reference: str, read: tuple[int, int, int]) -> None:
    assert rules.numbers(reference) == read


def test_the_beginning_of_words() -> None:
    assert rules.about("冷链车晚到") == "冷链车晚到"
    assert len(rules.about("长" * 40)) == rules.ABOUT


@pytest.mark.parametrize(
    ("words", "none"),
    [
        ("您好", True),
        ("好的，谢谢啊！", True),
        ("在吗", True),
        ("明天停水吗？", True),
        ("您好各位邻居，明天停水", False),
        ("好消息：明天到货", False),
        ("谢谢大家，车位清完了", False),
    ],
)
def test_an_announcement_may_begin_politely(words: str, none: bool) -> None:
    assert rules.is_no_draft(words) is none
