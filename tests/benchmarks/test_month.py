"""Two days of a generated group: nothing breaks, nobody is flooded, the books agree, and the script replays to the same words."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from benchmarks.month import Played, play_month, unasked_a_day
from bot import play, verification
from bot.main import replay
from bot.settings import Settings
from tests.worlds.month import Month

pytestmark = pytest.mark.untraced

BUDGET = 4


def _played(folder: Path) -> Played:
    return asyncio.run(play_month(folder, Month(seed=7, people=40, days=2)))


@pytest.mark.timeout(240)
def test_two_days(tmp_path: Path) -> None:
    played = _played(tmp_path / "first")
    assert (played.summary["bugs"], played.summary["faults"]) == (0, 0)
    assert played.summary["messages"] > 100
    assert max(unasked_a_day(played).values()) <= BUDGET
    assert [check.key for check in verification.verify(tmp_path / "first", Settings()) if not check.ok] == []

    again: list[dict[str, Any]] = []
    lines = (play.parse_line(line, number) for number, line in enumerate(played.script, start=1))
    asyncio.run(replay(lines, tmp_path / "second", Settings(), again.append))
    different = [pair for pair in zip(played.outputs, again, strict=True) if pair[0] != pair[1]]
    assert not different, different[0]


def test_the_same_seed_is_the_same_month() -> None:
    assert list(Month(seed=3, people=20, days=3).lines()) == list(Month(seed=3, people=20, days=3).lines())
    assert list(Month(seed=3, people=20, days=3).lines()) != list(Month(seed=4, people=20, days=3).lines())
