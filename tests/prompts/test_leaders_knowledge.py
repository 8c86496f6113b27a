"""The leaders' manual and case library that ship: counted, well formed, no command that does not exist, nothing promised.

Source: F65, F66, F73, F74, F75.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from engagement.registry import FEATURES
from knowledge import loaders
from knowledge.chunking import MAX_PASSAGE, passages
from tests.each import each

BASE = Path(__file__).resolve().parents[2] / "prompts" / "knowledge"
FOLDER = BASE / "leaders"
CASES = "团长风险案例库"
DOCUMENTS = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.md"))}
MANUAL = {title: text for title, text in DOCUMENTS.items() if title != CASES}
POLICIES = {path.stem: path.read_text(encoding="utf-8") for path in sorted((BASE / "policies").glob("*.md"))}
ENTRIES: list[dict[str, Any]] = [
    json.loads(line)
    for path in sorted(FOLDER.glob("*.jsonl"))
    for line in path.read_text(encoding="utf-8").splitlines()
]
COMMANDS = {word for feature in FEATURES for command in feature.commands for word in command.words}
QUOTED = re.compile(r"「([^」]*)」")
SOURCE = re.compile(r"《([^》]+)》第(\d+\.\d+)条")
NUMBER_OF_A_PHONE = re.compile(r"\d[\d-]{6,}\d")
PROMISES = ("保证赔", "保证退", "一定赔", "先行赔付给", "包赔三倍")
every_document = each(DOCUMENTS)
every_entry = each(ENTRIES, lambda entry: str(entry["id"]))


def details(text: str) -> list[str]:
    return re.findall(r"^- (.+)$", text, re.MULTILINE)


def cases() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for block in re.split(r"^### ", DOCUMENTS[CASES], flags=re.MULTILINE)[1:]:
        heading, *lines = block.splitlines()
        found[heading] = [line for line in lines if line.startswith("- ")]
    return found


def test_the_manual_has_two_hundred_operating_details_and_more_and_none_twice() -> None:
    told = [detail for text in MANUAL.values() for detail in details(text)]
    assert len(told) >= 500
    assert len(set(told)) == len(told)
    assert all(6 <= len(detail) <= 90 for detail in told)


def test_the_case_library_tells_of_each_case_what_why_how_and_how_not_again() -> None:
    assert len(cases()) >= 32
    for heading, lines in cases().items():
        told = [re.match(r"- \*\*(.+?)\*\*：(.+)", line) for line in lines]
        assert [one and one[1] for one in told] == ["情形", "错在哪", "怎么办", "怎么防"], heading
        assert all(one and len(one[2]) >= 5 for one in told), heading


def test_a_range_in_the_table_of_cases_is_the_chapter() -> None:
    told = re.findall(r"^\| (\S+) \| (\d+)\.1–\1?(\d+)\.(\d+) \|$", DOCUMENTS[CASES], re.MULTILINE)
    assert len(told) == 6
    for name, chapter, again, last in told:
        held = [heading for heading in cases() if heading.startswith(f"{chapter}.")]
        assert (chapter, f"## {chapter} {name}" in DOCUMENTS[CASES], len(held)) == (again, True, int(last))


@every_document
def test_a_document_is_marked_as_a_sample_and_numbered_in_order(title: str) -> None:
    text = DOCUMENTS[title]
    lines = text.splitlines()
    assert lines[0].startswith("> 样例")
    assert f"# {title}" in lines
    assert "|---|" in text
    chapters = re.findall(r"^## (\d+) ", text, re.MULTILINE)
    sections = [(int(a), int(b)) for a, b in re.findall(r"^### (\d+)\.(\d+) ", text, re.MULTILINE)]
    assert [int(number) for number in chapters] == list(range(1, len(chapters) + 1))
    expected = [(int(a), n) for a in chapters for n in range(1, 1 + sum(one == int(a) for one, _ in sections))]
    assert sections == expected


@every_document
def test_a_document_names_only_commands_that_exist_and_promises_nothing(title: str) -> None:
    text = DOCUMENTS[title]
    for command in QUOTED.findall(text):
        assert command.split()[0] in COMMANDS, command
    assert not NUMBER_OF_A_PHONE.search(text)
    assert not [word for word in PROMISES if word in text]
    assert "{" not in text


@every_document
def test_a_section_is_one_passage(title: str) -> None:
    found = passages(title, loaders.load(FOLDER / f"{title}.md").blocks)
    assert all(len(passage.body) <= MAX_PASSAGE for passage in found)
    assert not [passage.entry for passage in found if "#" in passage.entry and not passage.entry.startswith("0")]


def test_there_are_enough_questions_of_leaders_and_no_phrasing_stands_twice() -> None:
    assert len(ENTRIES) >= 130
    ids = [entry["id"] for entry in ENTRIES]
    assert len(set(ids)) == len(ids)
    said = [text for entry in ENTRIES for text in (entry["question"], *entry["aliases"])]
    assert len({re.sub(r"\s", "", text) for text in said}) == len(said)


@every_entry
def test_an_entry_is_whole_and_its_source_can_be_opened(entry: dict[str, Any]) -> None:
    assert re.fullmatch(r"leaders\.[a-z0-9_]+", entry["id"])
    assert (entry["category"], entry["facts"]) == ("leaders", [])
    assert len(entry["aliases"]) >= 6
    assert all(2 <= len(text) <= 60 for text in (entry["question"], *entry["aliases"]))
    assert 0 < len(entry["answer"]) <= 120
    for command in QUOTED.findall(entry["answer"]):
        assert command.split()[0] in COMMANDS, command
    cited = SOURCE.fullmatch(entry["source"])
    assert cited, entry["source"]
    assert re.search(rf"^### {re.escape(cited[2])} ", (DOCUMENTS | POLICIES)[cited[1]], re.MULTILINE), entry["source"]


def test_every_case_can_be_asked_for() -> None:
    asked = {entry["source"] for entry in ENTRIES if entry["id"].startswith("leaders.case_")}
    assert asked == {f"《{CASES}》第{heading.split()[0]}条" for heading in cases()}


def test_no_question_of_leaders_is_a_phrasing_of_neighbours() -> None:
    theirs = {
        text
        for path in (BASE / "faq").glob("*.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines()
        for text in (json.loads(line)["question"], *json.loads(line)["aliases"])
    }
    assert not [text for entry in ENTRIES for text in (entry["question"], *entry["aliases"]) if text in theirs]


@pytest.mark.parametrize("hours", ["1 小时", "2 小时", "24 小时", "72 小时"])
def test_the_steps_of_a_complaint_stand_in_the_manual_and_in_an_answer(hours: str) -> None:
    assert hours in DOCUMENTS["团长客诉手册"]
    assert any(hours.replace(" ", "") in entry["answer"].replace(" ", "") for entry in ENTRIES)
