"""What a card costs: milliseconds and bytes of each, of the first one, and the memory of a server that draws.

    python -m bot bench cards --json [--short] [--data DIR]

Cards are drawn as the server draws them, through the process of their own, one after the other. `first_ms` is the first card
after that process has said that it is ready; `cold_ms` begins with starting it; `cpu_ms` is what a card takes of a core, which
says more than the clock while other programs run. `loop_ms` is the longest that the event loop
stood still meanwhile. Memory is measured on `serve` with the simulator, before and after neighbours ask for cards.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from benchmarks.processes import cpu_seconds, resident_megabytes
from bot.pictures import Pictures
from engagement.clocks import SystemClock
from engagement.kernel import Card, Kind, Outgoing, Place
from tests.platforms.serving import serving

NEIGHBOURS = 30
_NAME = "李阿姨"  # zh: a name as it is drawn
_GROUP = "阳光花园一期"  # zh: a name as it is drawn
_ROWS = [{"name": _NAME, "what": _GROUP, "date": "2026-11-21", "points": 50 - n} for n in range(12)]
_COMMON: dict[str, Any] = {"name": _NAME, "group": _GROUP, "inviter": _NAME, "year": 2026, "month": 11}
SAMPLES: dict[str, dict[str, Any]] = {
    "checkin": {"today": 21, "done": list(range(1, 22)), "made_up": [22], "frozen": [23], "said": _GROUP * 4},
    "statement": {"balance": 1280, "earned": 186, "spent": 60, "expiring": 60, "rows": _ROWS},
    "board": {"rows": _ROWS, "begin": "2026-11-15", "end": "2026-11-21"},
    "milestone": {"kind": "streak", "days": 30, "points": 25, "date": "2026-11-21", "next_days": 70},
    "poster": {"link": "https://t.me/example_bot?start=inv_0123456789abcdef", "points": 5},
}


def card(name: str, number: int) -> Outgoing:
    """Make a message with a card that no other has."""
    values = {**_COMMON, **SAMPLES[name], "balance": 1280 + number, "streak": number, "total": number, "points": number}
    if name == "board":
        values["note"] = str(number)
    return Outgoing(
        Kind.REPLY, "sim", "", Place.GROUP, "g1", "checkin", "checkin.done", {}, card=Card(name, values)
    )  # fmt: skip


async def draw(folder: Path, each: int) -> dict[str, Any]:
    """Draw every card ``each`` times."""
    cold = Pictures(folder / "cold", SystemClock())
    started = time.perf_counter()
    await cold(card("checkin", 0))
    found: dict[str, Any] = {"cold_ms": _ms(started)}
    cold.close()
    pictures = Pictures(folder, SystemClock())
    await pictures.warm()
    easel = _children(os.getpid())
    used = sum(map(cpu_seconds, easel))
    stop = asyncio.Event()

    async def watch() -> float:
        longest = 0.0
        while not stop.is_set():
            before = time.perf_counter()
            await asyncio.sleep(0.002)
            longest = max(longest, time.perf_counter() - before - 0.002)
        return longest

    watching = asyncio.create_task(watch())
    everything: list[float] = []
    for name in SAMPLES:
        times: list[float] = []
        size = 0
        for number in range(each):
            started = time.perf_counter()
            drawn = await pictures(card(name, number))
            times.append(_ms(started))
            size = (pictures.folder / drawn.picture).stat().st_size
        if not everything:
            found["first_ms"] = times[0]
        everything += times
        times.sort()
        found[name] = {"p50_ms": times[len(times) // 2], "p99_ms": times[int(len(times) * 0.99)], "kb": size // 1024}
    started = time.perf_counter()
    await pictures(card("checkin", 0))
    found["again_ms"] = _ms(started)
    stop.set()
    found["loop_ms"] = round(await watching * 1000, 1)
    found["cpu_ms"] = round((sum(map(cpu_seconds, easel)) - used) * 1000 / len(everything), 1)
    pictures.close()
    everything.sort()
    found["p50_ms"], found["p99_ms"] = everything[len(everything) // 2], everything[int(len(everything) * 0.99)]
    return found


def _ms(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)


async def memory(data: Path) -> dict[str, Any]:
    """Serve, let neighbours ask for cards, and look at the memory before and after."""
    async with serving(data, {"BOT_LOG_LEVEL": "WARNING"}, channels="web,sim", seconds=180) as served:
        page = httpx.AsyncClient(base_url=served.url, timeout=60, trust_env=False)
        async with page:
            for _ in range(240):
                if not (await page.get("/sim/api/state")).json()["clock"]["preparing"]:
                    break
                await asyncio.sleep(0.5)
            await asyncio.sleep(1.0)
            before = resident_megabytes(served.process.pid)
            folder = data / "pictures"
            were = _count(folder)
            for number in range(NEIGHBOURS):
                body = {"conversation": "yangguang", "name": f"{_NAME}{number}", "invited_by": "li"}
                person = (await page.post("/sim/api/join", json=body)).json()["person"]
                for text in ("签到", "打卡日历", "积分账单"):  # zh: what people type
                    said = {"conversation": "yangguang", "person": person, "text": text}
                    (await page.post("/sim/api/say", json=said)).raise_for_status()
            for _ in range(100):
                drawn = _count(folder)
                await asyncio.sleep(0.5)
                if drawn == _count(folder):
                    break
            return {
                "cards": _count(folder) - were,
                "rss_before_mb": round(before, 1),
                "rss_after_mb": round(resident_megabytes(served.process.pid), 1),
                "easel_mb": round(sum(resident_megabytes(child) for child in _children(served.process.pid)), 1),
            }


def _count(folder: Path) -> int:
    return len(list(folder.glob("*.png")))


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


def run(data: Path, groups: int, residents: int, short: bool) -> dict[str, Any]:
    """Measure: 100 of each card (6 with ``short``), then the server's memory.

    Args:
        data: where a temporary folder is made.
        groups, residents: not used.
    """
    del groups, residents
    data.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=data) as folder:
        drawn = asyncio.run(draw(Path(folder) / "drawn", 6 if short else 100))
        return {**drawn, "server": asyncio.run(memory(Path(folder) / "served"))}
