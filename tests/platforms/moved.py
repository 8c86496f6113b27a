"""`python -m tests.platforms.moved serve …`: the real program, by the host's clock moved on by what a file says.

A day of pushes passes in seconds; nothing else is other than in earnest. The file holds seconds and is read at every look.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engagement.clocks import SystemClock

FILE = "TESTS_CLOCK"


def moved(path: Path) -> datetime:
    """Return the present by a file."""
    return datetime.now(UTC) + timedelta(seconds=float(path.read_text("ascii") or 0))


if __name__ == "__main__":
    file = Path(os.environ[FILE])
    SystemClock.now = lambda self: moved(file)  # type: ignore[method-assign]

    from bot.__main__ import main

    main()
