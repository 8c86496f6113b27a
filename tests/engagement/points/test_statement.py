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


def test_what_a_family_moves_among_itself_stands_apart(tmp_path: Path) -> None:
    """王姐 comes with 5, 李阿姨 gives her 12, then 王姐 leaves with 17: neither earned nor spent a point of these.

    李阿姨: 积分账单 → 「月初 5，得到 20，用掉 0，现在 13 积分」「家里人互相转了 12 分，总数不变…」
    """
    stage = open_stage(tmp_path, FEATURES, "2026-11-28T09:00")
    for who in ("李阿姨", "王姐"):
        stage.say(who, "签到")
    (asked,) = stage.say("王姐", "加入家庭 李阿姨", "2026-12-01T09:00")
    stage.say("李阿姨", "", button=asked.buttons[0].key)
    stage.say("周团长", "加分 李阿姨 20 搬货")
    stage.say("李阿姨", "转给家人 王姐 12")
    words, file = stage.say("李阿姨", "积分账单", private=True)
    figures = {
        name: words.values[name] for name in ("before", "earned", "spent", "brought", "taken", "within", "after")
    }
    assert figures == {"before": 5, "earned": 20, "spent": 0, "brought": 5, "taken": 0, "within": 12, "after": 30}
    assert words.values["count"] == 3, "a gift inside the family is one movement"
    assert placeholders_match(words)
    assert words.tails == ("points.statement_within", "points.statement_along")
    assert words.card is not None
    assert [row["points"] for row in words.card.values["rows"]] == ["+20", "+5"]  # type: ignore[attr-defined]
    assert (words.card.values["within"], words.card.values["brought"], words.card.values["taken"]) == (12, 5, 0)
    head, *rows = rows_of(file)
    assert head[5:] == ["积分", "家里转分", "余额"]
    assert [(row[4], *row[5:]) for row in rows] == [
        ("", "", "", "5"),
        ("王姐", "", "5", "10"),
        ("李阿姨", "20", "", "30"),
        ("李阿姨", "", "-12", "18"),
        ("王姐", "", "12", "30"),
    ]
    (leave,) = stage.say("王姐", "退出家庭", "2026-12-02T09:00")
    stage.say("王姐", "", button=leave.buttons[0].key)
    words, _ = stage.say("李阿姨", "积分账单", private=True)
    figures = {
        name: words.values[name] for name in ("before", "earned", "spent", "brought", "taken", "within", "after")
    }
    assert figures == {"before": 5, "earned": 20, "spent": 0, "brought": 5, "taken": 17, "within": 12, "after": 13}
    words, _ = stage.say("王姐", "积分账单", private=True)
    assert (words.values["earned"], words.values["brought"], words.values["after"]) == (0, 17, 17)


def test_points_that_follow_their_owner_for_a_reversal_are_no_family_s(tmp_path: Path) -> None:
    """加分 before a family, undone in it: what leaves the family is a loss, not something taken along."""
    stage = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    for who in ("李阿姨", "王姐"):
        stage.say(who, "签到")
    (given,) = stage.say("周团长", "加分 王姐 20 搬货")
    (asked,) = stage.say("王姐", "加入家庭 李阿姨")
    stage.say("李阿姨", "", button=asked.buttons[0].key)
    stage.say("周团长", "", button=given.buttons[0].key)
    words, _ = stage.say("李阿姨", "积分账单", private=True)
    assert [words.values[name] for name in ("earned", "spent", "brought", "taken", "within", "after")] == [
        5, 20, 25, 0, 0, 10,
    ]  # fmt: skip


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_cells_that_programs_would_obey(cell: str) -> None:
    made = statement.safe(cell)
    assert made.startswith("'") or not made.startswith(("=", "+", "-", "@"))
    assert "\n" not in made and "\r" not in made
