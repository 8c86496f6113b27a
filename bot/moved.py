"""The simulator's clock over restarts."""

from __future__ import annotations

import contextlib
import json
from datetime import timedelta
from pathlib import Path

from engagement.clocks import ShiftedClock

_SHIFT_FILE = "clock.json"


class MovedClock(ShiftedClock):
    """The simulator's clock; how far it was moved survives a restart, else yesterday's 签到 would come again."""

    def __init__(self, directory: Path) -> None:
        """Read how far it was moved."""
        self._file = directory / _SHIFT_FILE
        seconds = 0.0
        with contextlib.suppress(OSError, ValueError, TypeError):
            seconds = float(json.loads(self._file.read_text())["seconds"])
        super().__init__(timedelta(seconds=seconds))

    def keep(self) -> None:
        """Write it down."""
        self._file.write_text(json.dumps({"seconds": self.shift.total_seconds()}))
