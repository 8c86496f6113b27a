"""A month of a 300-person group, played on its simulated clock: seconds, commits, and whether the house stands afterwards.

    python -m bot bench month --json [--short] [--data DIR]

The seconds depend on how many writes a second the disk makes durable, so that is measured in the same run and printed beside.
"""

from __future__ import annotations

import asyncio
import heapq
import os
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import event

from bot import play, verification
from bot.main import open_program
from bot.settings import Settings
from engagement.clocks import SetClock
from tests.worlds.month import ZONE, Line, Month

SEED = 20261201
UNASKED = ("push",)


class Played:
    """A month and what came of it.

    Attributes:
        outputs: every line that the bot put out, in order.
        script: every line that went in, reactions included; ``play`` gives the same outputs for it.
    """

    def __init__(self) -> None:
        """Start empty."""
        self.outputs: list[dict[str, Any]] = []
        self.script: list[Line] = []
        self.summary: dict[str, int] = {}
        self.commits = 0
        self.seconds = 0.0


async def play_month(directory: Path, month: Month) -> Played:
    """Play a month over an empty directory; people react to what the bot says."""
    played = Played()
    waiting: list[tuple[datetime, int, Line]] = []
    numbers = count()
    clock = SetClock(datetime.fromisoformat("2026-01-01T00:00:00+00:00"))
    own = iter(month.lines())
    first = next(own)
    clock.set(datetime.fromisoformat(first["at"]))
    program = open_program(directory, Settings(), clock=clock, seed=True, gated=False)
    event.listen(program.database.write_engine, "commit", lambda connection: _count(played))
    stage = play.Player(program, clock, played.outputs.append)
    started = time.perf_counter()

    def merged() -> Iterator[Line]:
        upcoming: Line | None = first
        while upcoming is not None or waiting:
            if upcoming is None or (waiting and waiting[0][0] < datetime.fromisoformat(upcoming["at"])):
                yield heapq.heappop(waiting)[2]
            else:
                yield upcoming
                upcoming = next(own, None)

    last = clock.now()
    for number, coming in enumerate(merged(), start=1):
        last = max(last, datetime.fromisoformat(coming["at"]))
        line = {**coming, "at": last.isoformat()}
        played.script.append(line)
        before = len(played.outputs)
        await stage.line(play.parse_line(line, number))
        for output in played.outputs[before:]:
            answer = month.react(output, str(line.get("member", "")))
            if answer is not None:
                heapq.heappush(waiting, (datetime.fromisoformat(answer["at"]), next(numbers), answer))
    played.summary = await stage.play(())
    played.seconds = time.perf_counter() - started
    program.close()
    return played


def _count(played: Played) -> None:
    played.commits += 1


def unasked_a_day(played: Played) -> dict[tuple[str, date], int]:
    """How many messages nobody had asked for each group got on each local day."""
    found: Counter[tuple[str, date]] = Counter()
    for output in played.outputs:
        if output["kind"] in UNASKED:
            found[output["group"], datetime.fromisoformat(output["at"]).astimezone(ZONE).date()] += 1
    return dict(found)


def durable_writes(folder: Path, seconds: float = 1.0) -> float:
    """How many small writes a second the disk makes durable."""
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        done, started = 0, time.perf_counter()
        while time.perf_counter() - started < seconds:
            file.write(b"x" * 512)
            file.flush()
            os.fsync(file.fileno())
            done += 1
        return done / (time.perf_counter() - started)


def run(data: Path, groups: int, residents: int, short: bool) -> dict[str, Any]:
    """Measure a month of 300, or with ``short`` two days of it.

    Args:
        data: where a temporary folder is made.
        groups, residents: not used.

    Returns:
        Figures; ``over_budget`` and ``broken`` must be empty, ``bugs`` and ``faults`` 0.
    """
    del groups, residents
    data.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=data) as folder:
        home = Path(folder) / "data"
        disk = durable_writes(Path(folder))
        played = asyncio.run(play_month(home, Month(SEED, days=2 if short else 30)))
        checks = verification.verify(home, Settings())
    over = {f"{group} {day}": told for (group, day), told in unasked_a_day(played).items() if told > 4}
    kinds: defaultdict[str, int] = defaultdict(int)
    for output in played.outputs:
        kinds[output["kind"]] += 1
    return {
        "seed": SEED,
        "messages": played.summary["messages"],
        "events": len(played.script),
        "seconds": round(played.seconds, 1),
        "commits_per_event": round(played.commits / max(len(played.script), 1), 2),
        "disk_fsyncs_per_second": round(disk),
        "outputs": dict(kinds),
        "over_budget": over,
        "bugs": played.summary["bugs"],
        "faults": played.summary["faults"],
        "broken": [check.key for check in checks if not check.ok],
        "entries": next(check.figure for check in checks if check.key == "keys"),
    }
