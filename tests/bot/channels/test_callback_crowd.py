"""A crowd of callbacks over the real inbox and gateway, with answers that hang: in time, once, and nothing forged.

The long form is `python -m bot bench callbacks`: 100,000 of them at a fixed rate.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks.callbacks import TURNS, WORD, House
from storage.engine import open_database

pytestmark = [pytest.mark.timeout(60), pytest.mark.untraced]


@pytest.mark.parametrize("turn", TURNS)
async def test_while_the_model_hangs(tmp_path: Path, migrated_file: Path, turn: str) -> None:
    shutil.copytree(migrated_file, folder := tmp_path / "house")
    database = open_database(folder)
    house = House(database, turn, seconds=3600.0, patience=0.05)
    try:
        found = await house.crowd.send(1000, WORD, at_once=40)
        genuine = house.crowd.genuine
        assert not found.wrong and len(found.by_kind) == (7 if turn == "plain" else 8)
        assert len(found.by_kind["true"]) == genuine
        assert len(found.by_kind["again"]) > genuine * 0.2, "many came twice"
        assert house.rows() == (genuine, genuine, 0)
        assert len(house.model.asked) == len(set(house.model.asked)), "each had one effect"
        # The second that is wanted is measured in bench; this is when the platform would give up, on however busy a machine.
        assert found.within(0.99) <= 4.0
    finally:
        await house.close()
        database.close()
    # Everything was worked off, whether the platform took the answer or not.
    assert len(set(house.model.asked)) == genuine
