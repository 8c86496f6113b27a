"""How long the program takes to be there, and how much memory it takes: `serve` until ready, and `--help`.

    python -m bot bench start --json [--short] [--data DIR]

The first start makes the database and loads the starter knowledge base; the second finds them. Memory is the resident set
a moment after being ready, of the program as it is served to a Telegram group and of the simulator.
"""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.processes import cpu_seconds, resident_megabytes
from tests.platforms.serving import ROOT, serving


async def start_once(data: Path) -> dict[str, float]:
    """Serve a data directory until it is ready, and end it; returns seconds, CPU seconds till then, and megabytes."""
    started = time.perf_counter()
    async with serving(data, {"BOT_LOG_LEVEL": "WARNING"}, channels="web,sim", seconds=180) as served:
        seconds = time.perf_counter() - started
        cpu = cpu_seconds(served.process.pid)
        await asyncio.sleep(1.0)
        megabytes = resident_megabytes(served.process.pid)
    return {"ready_seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2), "rss_mb": round(megabytes, 1)}


def help_seconds() -> tuple[float, float]:
    """Return how long `--help` takes, and its CPU seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "bot", "--help"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - started
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime


def run(data: Path, groups: int, residents: int, short: bool) -> dict[str, Any]:
    """Measure; best of 3 later starts (1 with ``short``) and of 5 times `--help`.

    Args:
        data: where a temporary folder is made.
        groups, residents: not used.
    """
    del groups, residents
    data.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=data) as folder:
        home = Path(folder) / "data"
        first = asyncio.run(start_once(home))
        later = [asyncio.run(start_once(home)) for _ in range(1 if short else 3)]
    helped = [help_seconds() for _ in range(5)]
    return {
        "first_start": first,
        "second_start": {name: min(one[name] for one in later) for name in first},
        "help_seconds": round(min(seconds for seconds, _ in helped), 3),
        "help_cpu_seconds": round(min(cpu for _, cpu in helped), 3),
    }
