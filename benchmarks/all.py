"""Every measurement, one after the other: `python -m bot bench all [--short]`.

A short run takes about two minutes on a quiet machine with two cores; it shows that everything runs.
"""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path
from typing import Any

NAMES = ("start", "checkin", "webhook", "callbacks", "month", "cards", "knowledge", "planner", "pushes")


def run(data: Path, groups: int, residents: int, short: bool) -> dict[str, Any]:
    """Run them; each has its own part of the result, with the seconds that it took."""
    found: dict[str, Any] = {"short": short}
    for name in NAMES:
        sys.stderr.write(f"bench: {name}\n")
        started = time.monotonic()
        module = importlib.import_module(f"benchmarks.{name}")
        found[name] = module.run(data=data, groups=groups, residents=residents, short=short)
        found[name]["took_seconds"] = round(time.monotonic() - started, 1)
    return found
