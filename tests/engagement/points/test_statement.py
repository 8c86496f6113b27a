"""积分账单: words, card and file."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from engagement.kernel import Kind, Outgoing
from engagement.points import statement
from engagement.registry import FEATURES
from tests.engagement.stage import Stage, keys, open_stage, placeholders_match


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    opened = open_stage(tmp_path, FEATURES, "2026-11-28T09:00")
    opened.say("李阿姨", "签到")
    opened.say("周团长", '加分 李阿姨 20 =HYPERLINK("http://x")', "2026-12-01T09:00")
    opened.say("周团长", "扣分 李阿姨 4 换了鸡蛋", "2026-12-02T09:00")
    return opened


def rows_of(message: Outgoing) -> list[list[str]]:
    assert message.document is not None
    assert message.document.text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(message.document.text[1:])))


def test_in_private_with_card_and_file(stage: Stage) -> None:
    words, file = stage.say("李阿姨", "积分账单", private=True)
    assert (words.key, file.key) == ("points.statement", "points.statement_file")
    assert placeholders_match(words)
    assert {name: words.values[name] for name in ("before", "earned", "spent", "after", "count")} == {
        "before": 5,
        "earned": 20,
        "spent": 4,
        "after": 21,
        "count": 2,
    }
    assert words.card is not None
    assert (words.card.name, words.card.values["balance"], words.card.values["rows"][0]["points"]) == (  # type: ignore[index]
        "statement",
        21,
        "-4",
    )
    head, opening, gift, taking = rows_of(file)
    assert head[0] == "日期"
    assert opening[-1] == "5"
    assert gift[3].startswith("'="), "no program takes it for a formula"
    assert (taking[0], taking[1], taking[5], taking[6]) == ("2026-12-02", "09:00", "-4", "21")


def test_in_the_group_short_and_the_rest_in_private(stage: Stage) -> None:
    (short,) = stage.say("李阿姨", "积分账单")
    assert (short.key, short.tails) == ("points.statement_short", ("points.statement_open",))
    stage.say("李阿姨", "积分", private=True)
    short, words, file = stage.say("李阿姨", "账单")
    assert short.tails == ("points.statement_sent",)
    assert words.kind is file.kind is Kind.DM
    assert words.to == file.to == "李阿姨"


@pytest.mark.parametrize(
    ("text", "key", "month"),
    [
        ("积分账单 上月", "points.statement_short", 11),
        ("积分账单 2026-11", "points.statement_short", 11),
        ("积分账单 2026年11月", "points.statement_short", 11),
        ("积分账单 11月", "points.statement_short", 11),
        ("积分账单 本月", "points.statement_short", 12),
        ("积分账单 10月", "points.statement_empty", 10),
        ("积分账单 2027-01", "points.statement_how", 0),
        ("积分账单 13月", "points.statement_how", 0),
        ("积分账单 0000-05", "points.statement_how", 0),
        ("积分账单 王姐", "points.statement_how", 0),
    ],
)
def test_months_as_people_type_them(stage: Stage, text: str, key: str, month: int) -> None:
    (said,) = stage.say("李阿姨", text)
    assert said.key == key
    assert not month or said.values["month"] == month


def test_a_month_later_than_this_one_is_last_year_s(stage: Stage) -> None:
    (said,) = stage.say("李阿姨", "积分账单 12月", "2027-01-05T09:00")
    assert (said.key, said.values["year"]) == ("points.statement_short", 2026)


def test_nobody_s_statement(stage: Stage) -> None:
    assert keys(stage.say("路人", "积分账单", private=True)) == ["guard.no_group"]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_cells_that_programs_would_obey(cell: str) -> None:
    made = statement.safe(cell)
    assert made.startswith("'") or not made.startswith(("=", "+", "-", "@"))
    assert "\n" not in made and "\r" not in made
