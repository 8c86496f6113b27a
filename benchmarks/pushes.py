"""5,000 groups get their morning's topic: seconds against what the rate allows, and whether the platform ever said no.

    python -m bot bench pushes --json [--groups 5000] [--rate 27] [--short] [--data DIR]

The program is a process of its own, as `serve --channels telegram` starts it; the platform (tests/platforms/telegram) refuses
what comes too fast, as Telegram does: 30 in any second where 27 are configured, and in that proportion for other rates. The
clock starts at the instant at which the pushes are due, so planning and the engine's own waits count. The floor is groups by
rate. `peak_second` is the fullest second as the platform saw it; `a_core_could`: how many pushes a second one core carries, by
the CPU that these took: a rate above it cannot be kept.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
import time
from collections import Counter, deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from benchmarks.checkin import fsyncs_a_second, note
from benchmarks.processes import cpu_seconds, resident_megabytes
from bot.main import open_program
from bot.settings import Settings
from knowledge.base import START_FIRST
from scheduler import schedules
from storage.columns import micros
from storage.engine import Session
from storage.groups import Group
from tests.platforms.serving import Served, serving
from tests.platforms.telegram import FakeTelegram, Limits

TOKEN = "1:sample"
GROUPS, SHORT = 5000, 120
RATE = 27.0
TELEGRAM_ALLOWS = 30 / RATE
DUE_IN = 3.0


def fill(directory: Path, groups: int) -> None:
    """Make groups, all of whose schedules stand still; nothing else of the calendar is running."""
    program = open_program(directory, Settings(), answers=False, seed=True, gated=False, drawn=False)
    now = datetime.now(UTC)
    asyncio.run(program.plan_year())
    # It is about ten in the morning there, so that no other kind of the day comes due meanwhile.
    offset = (10 - now.hour + 12) % 24 - 12
    zone = f"Etc/GMT{-offset:+d}" if offset else "Etc/GMT"

    def insert(session: Session) -> None:
        session.add_all(
            Group(
                channel="telegram",
                account=TOKEN.partition(":")[0],
                external_id=str(-number),
                name=f"Sample group {number}",
                zone=zone,
                quiet_from=0,
                quiet_to=0,
                created_at=now - timedelta(days=60),
            )
            for number in range(1, groups + 1)
        )

    database = program.database
    database.write_now(insert)
    database.write_now(lambda s: s.execute(text("UPDATE campaign SET state = 'cancelled'")))
    for job in schedules.daily(program.jobs):
        while database.write_now(lambda s: schedules.ensure(s, [job], now)):  # noqa: B023 - run at once
            pass
    database.write_now(lambda s: s.execute(text("UPDATE schedule SET enabled = false")))
    program.close()


def make_due(directory: Path, at: datetime) -> None:
    """Let every group's topic be due at an instant."""
    connection = sqlite3.connect(directory / "tuantuan.db", timeout=30)
    with connection:
        connection.execute("UPDATE schedule SET enabled = true, next_at = ? WHERE kind = 'topic'", (micros(at),))
    connection.close()


def states(directory: Path) -> dict[str, int]:
    """Count the rows by state and reason."""
    connection = sqlite3.connect(directory / "tuantuan.db", timeout=30)
    found = connection.execute("SELECT state, reason, count(*) FROM delivery GROUP BY 1, 2").fetchall()
    connection.close()
    return {f"{state}:{reason}" if reason else state: count for state, reason, count in found}


def peak(moments: Sequence[float]) -> int:
    """Return the most that arrived in any one second."""
    window: deque[float] = deque()
    most = 0
    for moment in sorted(moments):
        window.append(moment)
        while window[0] <= moment - 1:
            window.popleft()
        most = max(most, len(window))
    return most


async def _is_calm(pid: int) -> None:
    """Wait until what the program does after its start is done: it opens the index of meanings when it has been up a while."""
    await asyncio.sleep(START_FIRST)
    calm = 0
    for _ in range(60):
        before = cpu_seconds(pid)
        await asyncio.sleep(1.0)
        calm = calm + 1 if cpu_seconds(pid) - before < 0.1 else 0
        if calm == 3:
            return


async def _push(platform: FakeTelegram, served: Served, folder: Path, groups: int, rate: float) -> dict[str, Any]:
    pid = served.process.pid
    before, cpu = len(platform.sent()), cpu_seconds(pid)
    # A whole second, as the instants of all pushes are: local times to the minute.
    due = (datetime.now(UTC) + timedelta(seconds=DUE_IN)).replace(microsecond=0)
    make_due(folder, due)
    memory = [resident_megabytes(pid)]
    floor = groups / rate
    end = time.monotonic() + DUE_IN + 4 * floor + 60
    while (done := len(platform.sent()) - before) < groups and time.monotonic() < end:
        await asyncio.sleep(0.5)
        memory.append(resident_megabytes(pid))
        if len(memory) % 40 == 0:
            note(f"pushes: {done} of {groups}")
    arrived = [one.at for one in platform.sent()[before:]]
    seconds = max(arrived, default=0.0) - due.timestamp()
    used = cpu_seconds(pid) - cpu
    await asyncio.sleep(1.0)
    twice = sum(count - 1 for count in Counter(one.chat for one in platform.sent()[before:]).values())
    quarter = max(1, len(memory) // 4)
    return {
        "groups": groups,
        "rate": rate,
        "floor_seconds": round(floor, 1),
        "seconds": round(seconds, 1),
        "vs_floor": round(seconds / floor, 3),
        "first_after_seconds": round(min(arrived, default=0.0) - due.timestamp(), 2),
        "arrived": len(arrived),
        "twice": twice,
        "refused_for_rate": platform.limits.refused,
        "platform_limit": platform.limits.per_second,
        "peak_second": peak(arrived),
        "cpu_ms_each": round(used / groups * 1000, 2),
        "a_core_could": round(groups / max(used, 0.01)),
        "memory_mb": {
            "start": round(memory[0]),
            "quarter": round(memory[quarter]),
            "middle": round(memory[len(memory) // 2]),
            "end": round(memory[-1]),
        },
        "states": states(folder),
    }


async def measure(folder: Path, groups: int, rate: float) -> dict[str, Any]:
    """Measure in a folder that was filled."""
    limits = Limits(per_second=round(rate * TELEGRAM_ALLOWS))
    async with FakeTelegram(TOKEN, limits=limits, privacy=False) as platform:
        for number in range(1, groups + 1):
            platform.add_group(-number, f"Sample group {number}")
        settings = {
            "BOT_TELEGRAM__TOKEN": TOKEN,
            "BOT_TELEGRAM__BASE_URL": platform.url,
            "BOT_TELEGRAM__RATE": f"{rate:g}",
            "BOT_LOG_LEVEL": "ERROR",
        }
        async with serving(folder, settings, seconds=180) as served:
            await _is_calm(served.process.pid)
            return await _push(platform, served, folder, groups, rate)


def run(data: Path, groups: int, residents: int, short: bool, rate: float = 0.0) -> dict[str, Any]:
    """Measure; a short run has 120 groups.

    Args:
        data: where a temporary folder is made.
        groups: 0 = the measurement's own number.
        residents: not used.
        rate: messages a second; 0 = 27, below Telegram's 30.
    """
    del residents
    data.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=data) as folder:
        home = Path(folder) / "data"
        home.mkdir()
        disk = fsyncs_a_second(home)
        number = groups or (SHORT if short else GROUPS)
        fill(home, number)
        found = asyncio.run(measure(home, number, rate or RATE))
    return {**found, "disk_fsyncs_per_second": round(disk), "load": round(os.getloadavg()[0], 1)}
