"""The starter knowledge base holds together: phrasings apart from each other, sources that exist, no unknown command.

Source: F62, F69, F70, F71.
"""

from __future__ import annotations

import csv
import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engagement.registry import FEATURES
from tests.each import each

BASE = Path(__file__).resolve().parents[2] / "prompts" / "knowledge"
CATEGORIES = {
    "activities",
    "after_sale",
    "checkin",
    "delivery",
    "goods",
    "group",
    "orders",
    "payment",
    "pickup",
    "points",
    "privacy",
}
FACTS = {"pickup_place", "pickup_hours", "delivery_day", "order_cutoff", "hotline", "leader_name"} | {
    "after_sale_time",
    "bad_fruit",
    "no_reason",
}
COMMANDS = {word for feature in FEATURES for command in feature.commands for word in command.words}
LONGEST_ANSWER = 120
QUOTED = re.compile(r"「([^」]*)」")
SOURCE = re.compile(r"《([^》]+)》第(\d+\.\d+)条")
SLOT = re.compile(r"{(\w+)}")
NUMBER_OF_A_PHONE = re.compile(r"\d[\d-]{6,}\d")
SUPERLATIVES = ("最好", "最佳", "最优", "最低价", "国家级", "顶级", "全网", "百分百", "保证退", "保证赔")
CURES = ("治疗", "治好", "降血压", "降血糖", "抗癌", "疗效")


def entries() -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for path in sorted((BASE / "faq").glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]


def policies() -> dict[str, str]:
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted((BASE / "policies").glob("*.md"))}


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).lower()


def answers(entry: dict[str, Any]) -> Iterator[str]:
    yield entry["answer"]
    if "answer_without_facts" in entry:
        yield entry["answer_without_facts"]


ENTRIES = entries()
POLICIES = policies()
every_entry = each(ENTRIES, lambda entry: str(entry["id"]))
every_policy = each(POLICIES)


def test_there_are_enough_entries_and_every_category_has_its_file() -> None:
    assert len(ENTRIES) >= 300
    assert {path.stem for path in (BASE / "faq").glob("*.jsonl")} == CATEGORIES


def test_ids_are_unique_and_say_their_category() -> None:
    ids = [entry["id"] for entry in ENTRIES]
    assert len(ids) == len(set(ids))
    for entry in ENTRIES:
        assert re.fullmatch(r"[a-z_]+\.[a-z0-9_]+", entry["id"]), entry["id"]
        assert entry["id"].split(".")[0] == entry["category"]


def test_a_file_holds_only_its_category() -> None:
    for path in (BASE / "faq").glob("*.jsonl"):
        found = {json.loads(line)["category"] for line in path.read_text(encoding="utf-8").splitlines()}
        assert found == {path.stem}


def test_no_phrasing_stands_twice() -> None:
    seen: dict[str, str] = {}
    for entry in ENTRIES:
        for phrasing in [entry["question"], *entry["aliases"]]:
            key = squeezed(phrasing)
            assert key not in seen, f"{phrasing}: {seen[key]} and {entry['id']}"
            seen[key] = entry["id"]


@every_entry
def test_an_entry_has_at_least_twelve_phrasings_beside_its_question(entry: dict[str, Any]) -> None:
    assert len(entry["aliases"]) >= 12
    assert all(2 <= len(phrasing) <= 60 for phrasing in [entry["question"], *entry["aliases"]])


@every_entry
def test_an_answer_fits_the_screen_and_promises_nothing(entry: dict[str, Any]) -> None:
    for answer in answers(entry):
        assert 0 < len(answer) <= LONGEST_ANSWER
        assert not NUMBER_OF_A_PHONE.search(answer)
        assert not [word for word in (*SUPERLATIVES, *CURES) if word in answer]


@every_entry
def test_group_facts_are_declared_and_have_a_sentence_for_when_they_are_missing(entry: dict[str, Any]) -> None:
    used = set(SLOT.findall(entry["answer"]))
    assert set(entry["facts"]) == used
    assert used <= FACTS
    assert ("answer_without_facts" in entry) == bool(used)
    if used:
        assert not SLOT.search(entry["answer_without_facts"])
        assert re.search("团长|运营|群主", entry["answer_without_facts"])


@every_entry
def test_an_answer_names_only_commands_that_exist(entry: dict[str, Any]) -> None:
    for text in (entry["question"], *answers(entry)):
        for command in QUOTED.findall(text):
            assert command.split()[0] in COMMANDS, command


@every_entry
def test_the_source_can_be_opened(entry: dict[str, Any]) -> None:
    cited = SOURCE.fullmatch(entry["source"])
    assert cited, entry["source"]
    title, section = cited.groups()
    assert re.search(rf"^### {re.escape(section)} ", POLICIES[title], re.MULTILINE), entry["source"]


@every_policy
def test_a_policy_is_marked_as_a_sample_and_well_formed(title: str) -> None:
    text = POLICIES[title]
    lines = text.splitlines()
    assert "样例模板" in lines[0]
    assert f"# {title}" in lines
    assert 40 <= len(lines) <= 120
    assert "|---|" in text
    sections = re.findall(r"^### (\d+)\.(\d+) ", text, re.MULTILINE)
    chapters = re.findall(r"^## (\d+) ", text, re.MULTILINE)
    assert len(sections) == len(set(sections))
    assert [int(number) for number in chapters] == list(range(1, len(chapters) + 1))
    assert [(int(a), int(b)) for a, b in sections] == sorted((int(a), int(b)) for a, b in sections)
    assert {chapter for chapter, _ in sections} == set(chapters)


@every_policy
def test_a_policy_names_only_commands_that_exist_and_invents_no_number(title: str) -> None:
    text = POLICIES[title]
    for command in QUOTED.findall(text):
        assert command.split()[0] in COMMANDS, command
    assert not NUMBER_OF_A_PHONE.search(text)
    assert not SLOT.search(text)
    assert not [word for word in (*SUPERLATIVES, *CURES) if word in text]


@pytest.mark.parametrize(
    ("entry_id", "said"),
    [
        ("after_sale.broken_fruit", ["24 小时", "1–3 个工作日"]),
        ("checkin.daily_points", ["+5", "2 分", "5 分"]),
        ("checkin.streak", ["7 天", "+10", "30 天", "+20"]),
        ("activities.topic_points", ["+2", "一次"]),
    ],
)
def test_numbers_of_the_rules_stand_in_the_answer_and_in_its_source(entry_id: str, said: list[str]) -> None:
    entry = next(entry for entry in ENTRIES if entry["id"] == entry_id)
    cited = SOURCE.fullmatch(entry["source"])
    assert cited
    policy = POLICIES[cited.group(1)]
    for piece in said:
        assert piece in entry["answer"]
        assert piece in policy


def test_the_sample_of_products_is_whole_and_says_that_it_is_one() -> None:
    with (BASE.parent / "sample" / "products.csv").open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    assert ",".join(head) == "商品,产地,批次,生产日期,保质期,检测报告,规格,储存方法,食用方法,供货方"
    assert len(rows) == len({row[0] for row in rows}) == 12
    for row in rows:
        assert len(row) == len(head) and all(row), row
        assert all("示例" in row[head.index(named)] for named in ("商品", "批次", "检测报告", "供货方")), row
