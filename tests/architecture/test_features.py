"""docs/features.md, docs/faults.md and docs/adr/ are true: what code cites exists, what they call built is cited."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture import house_rules

pytestmark = pytest.mark.untraced

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("bot", "console", "scheduler", "engagement", "knowledge", "storage", "prompts", "benchmarks")
STATES = {"built", "partly", "planned", "content", "outside", "declined"}


def _states() -> dict[str, str]:
    rows = re.findall(
        r"^\| (F\d+) \|.*\| (\w+) \|$", (ROOT / "docs/features.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(rows) == len(dict(rows)), "a feature stands twice"
    return dict(rows)


def _cited() -> dict[str, list[str]]:
    where: dict[str, list[str]] = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*")):
            if path.suffix in {".py", ".toml", ".md", ".html"}:
                for line, name in house_rules.cited(path.read_text(encoding="utf-8")):
                    where.setdefault(name, []).append(f"{path.relative_to(ROOT)}:{line}")
    return where


def _decisions() -> set[str]:
    return {f"ADR-{path.name[:4]}" for path in (ROOT / "docs/adr").glob("[0-9]*.md")}


def _faults() -> set[str]:
    text = (ROOT / "docs/faults.md").read_text(encoding="utf-8")
    return {f"FAULTS {name}" for name in re.findall(r"^\| ([A-F]\d+) \|", text, re.MULTILINE)}


def test_the_list_is_whole() -> None:
    states = _states()
    assert list(states) == [f"F{number}" for number in range(1, 134)]
    assert set(states.values()) <= STATES


def test_what_the_code_cites_exists() -> None:
    known = _states().keys() | _decisions() | _faults()
    wrong = {name: places for name, places in _cited().items() if name not in known}
    assert not wrong


def test_what_is_called_built_is_cited_by_code() -> None:
    built = {name for name, state in _states().items() if state in {"built", "partly"}}
    missing = sorted(built - _cited().keys(), key=lambda name: int(name[1:]))
    assert not missing, f"called built or partly built, but no code says `Source: …` of: {', '.join(missing)}"


def test_what_is_called_planned_is_not_built_already() -> None:
    planned = {name for name, state in _states().items() if state == "planned"}
    assert not planned & _cited().keys(), "docs/features.md is behind the code"


def test_decisions_are_numbered_without_a_gap_and_say_the_same_things() -> None:
    decisions = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))
    assert [int(path.name[:4]) for path in decisions] == list(range(1, len(decisions) + 1))
    for path in decisions:
        text = path.read_text(encoding="utf-8")
        for heading in ("# ADR-" + path.name[:4], "## Decision", "## Why", "## What it costs"):
            assert heading in text, f"{path.name} has no «{heading}»"


def test_the_citations_are_understood() -> None:
    text = (
        "Source: F1, F6; ADR-0003; FAULTS F4, D1-D3; F9\n"
        "Sources: F92-F94 and more\n"
        "F7 alone is no citation, ADR 0001 is, and (FAULTS F14) is"
    )
    found = {name for _, name in house_rules.cited(text)}
    assert found == {
        *("F1", "F6", "F9", "F92", "F93", "F94", "ADR-0003", "ADR-0001"),
        *("FAULTS F4", "FAULTS D1", "FAULTS D2", "FAULTS D3", "FAULTS F14"),
    }
