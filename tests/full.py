"""How much of what is many a test takes: a part in `make test` and `make chaos-short`, all of it in `make chaos`.

`make chaos` finds the modules that import this by that line.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

Row = TypeVar("Row")

FULL = os.environ.get("TUANTUAN_CHAOS") == "full"


def part(rows: Sequence[Row], one_in: int, first: int = 0) -> Sequence[Row]:
    """Return all rows at full size, else each ``one_in``-th from row ``first`` on, which may be beyond the first turn."""
    return rows if FULL else rows[first % one_in :: one_in]
