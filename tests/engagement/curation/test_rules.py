"""What staff type about documents."""

from __future__ import annotations

from datetime import date

import pytest

from engagement.curation import rules, words
from engagement.curation.rules import Caption, Days

TODAY = date(2026, 12, 1)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("12-20 到 12-31", Days(date(2026, 12, 20), date(2026, 12, 31))),
        ("12-20 至 1-5", Days(date(2026, 12, 20), date(2027, 1, 5))),
        ("从12月20日 到 12月31日", Days(date(2026, 12, 20), date(2026, 12, 31))),
        ("到 1/5", Days(None, date(2027, 1, 5))),
        ("今天 到 明天", Days(TODAY, date(2026, 12, 2))),
        ("12-20起", Days(date(2026, 12, 20), None)),
        ("从12-20 开始", Days(date(2026, 12, 20), None)),
        ("长期", Days(None, None)),
        ("2027-01-01 到 2028-01-01", Days(date(2027, 1, 1), date(2028, 1, 1))),
        ("12-10 到 12-05", None),
        ("2027-02-01 到 2027-01-01", None),
        ("2-30 到 3-1", None),
        ("胡说", None),
        ("胡说 到 12-31", None),
        ("胡说起", None),
        ("12-20 到 胡说", None),
        ("1999-01-01 起", None),
    ],
)
def test_days(typed: str, found: Days | None) -> None:
    assert rules.read_days(typed, TODAY) == found


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("90天", date(2027, 3, 1)),
        ("3 个月", date(2027, 3, 1)),
        ("12-31", date(2026, 12, 31)),
        ("随便", None),
    ],
)
def test_reviews(typed: str, found: date | None) -> None:
    assert rules.read_review(typed, TODAY) == found


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("给团长", Caption(leaders=True)),
        ("只给 阳光花园", Caption(scope="阳光花园")),
        ("只给 团长们", Caption(leaders=True)),
        ("这是新的规则", Caption()),
        ("", Caption()),
    ],
)
def test_captions(typed: str, found: Caption) -> None:
    assert rules.read_caption(typed) == found


@pytest.mark.parametrize(
    ("typed", "found"),
    [("3", (3, "")), ("#3 到 11-30", (3, "到 11-30")), ("3,长期", (3, "长期")), ("售后", (0, "售后")), ("", (0, ""))],
)
def test_numbers(typed: str, found: tuple[int, str]) -> None:
    assert rules.numbered(typed) == found


@pytest.mark.parametrize(
    ("typed", "found"), [("3", (3,)), ("3.2.1", (3, 2, 1)), ("3.x", ()), ("", ()), ("9" * 40, ()), ("-1", ())]
)
def test_references(typed: str, found: tuple[int, ...]) -> None:
    assert rules.reference(typed) == found


def test_days_as_numbers() -> None:
    assert rules.number_of(None) == 0 and rules.day_of(0) is None
    assert rules.day_of(rules.number_of(TODAY)) == TODAY
    with pytest.raises(ValueError, match="month"):
        rules.day_of(20261340)


def test_own_words_keep_their_marks() -> None:
    assert rules.own_words("新问答 周末能来吗？\n能，随时。") == "周末能来吗？\n能，随时。"
    assert rules.own_words("改答案：能，随时！") == "能，随时！"
    assert rules.own_words("新问答") == ""


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("规则.docx", "规则.docx"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\规则.md", "规则.md"),
        (" . .md", "document.md"),
        ("a<b>|c?.md", "abc.md"),
        ("", "document"),
        ("规" * 200 + ".pdf", "规" * 66 + ".pdf"),
        ("a\u202e\x00b.md", "ab.md"),
    ],
)
def test_file_names(raw: str, name: str) -> None:
    assert rules.file_name(raw) == name
    assert len(name.encode()) <= 255


@pytest.mark.parametrize("text", ["取消", "不用了", "不用 复查了", "取消提醒"])
def test_it_need_not_be_looked_through_again(text: str) -> None:
    assert rules.ends_review(text) and rules.read_review(text, TODAY) is None


@pytest.mark.parametrize("text", ["", "90天", "12-31", "不知道"])
def test_it_is_to_be_looked_through(text: str) -> None:
    assert not rules.ends_review(text)


@pytest.mark.parametrize(
    ("pieces", "line"),
    [
        ([(" ", "开到晚上"), ("-", "九点"), ("+", "十点"), (" ", "。")], "开到晚上（九点→十点）。"),
        ([("+", "周日"), ("-", "周六"), (" ", "不送")], "（周六→周日）不送"),
        ([(" ", "不收钱"), ("-", "，每人一杯")], "不收钱（去掉：，每人一杯）"),
        ([("+", "今天"), (" ", "不收钱")], "（加上：今天）不收钱"),
        (
            [("-", "二"), (" ", "三" * 60), ("+", "四")],
            f"（去掉：二）{'三' * 16}…{'三' * 16}（加上：四）",
        ),
    ],
)
def test_a_change_is_a_line_that_people_read(pieces: list[tuple[str, str]], line: str) -> None:
    assert words.edited(pieces) == line
