"""Check-ins a second over Telegram's webhook: ours against the usual bot, in one run, on the same machine.

    python -m bot bench webhook --json [--short] [--data DIR]

Both are processes of their own. Updates come over real HTTP on loopback from a platform of ours (tests/platforms/telegram),
and the answers go back to it with python-telegram-bot, which both use. A check-in counts when its answer has arrived. The
same again with every send answered only after 50 ms.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import seed
from benchmarks.processes import cpu_seconds
from benchmarks.workload import WORD
from tests.platforms.serving import ROOT, free_port, serving
from tests.platforms.telegram import Delay, FakeTelegram, Limits
from tests.platforms.telegram.chats import message_update, person

TOKEN = "1:sample"
SECRET = "sample-secret-of-a-benchmark"
NAMING = seed.Naming(channel="telegram", account="1", group="-1{:09d}", resident="5{:08d}")
GROUPS = 100
CONNECTIONS = 64
DELAY_SECONDS = 0.05
WARM_UP = 100


@dataclass(slots=True)
class Figures:
    """What was measured of one program: check-ins a second and CPU milliseconds each, of every turn."""

    rate: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def best(self) -> dict[str, float]:
        """Return the best of the turns."""
        return {"per_second": round(max(self.rate), 1), "cpu_ms": round(min(self.cpu), 2)}


class Crowd:
    """Residents who have not checked in yet; each does once."""

    def __init__(self, platform: FakeTelegram) -> None:
        """Make the groups."""
        self._platform = platform
        self._next = 0
        for number in range(GROUPS):
            platform.add_group(int(NAMING.group_id(number)), f"Sample group {number}")

    def updates(self, number: int) -> Iterator[dict[str, Any]]:
        """Return so many check-ins."""
        for resident in range(self._next, self._next + number):
            room = self._platform.chat(int(NAMING.group_id(resident % GROUPS)))
            who = person(int(NAMING.resident_id(resident)), seed.name_of(resident))
            yield {"update_id": 1_000_000 + resident} | message_update(room, who, WORD)
        self._next += number


async def _turn(platform: FakeTelegram, crowd: Crowd, pid: int, number: int) -> tuple[float, float]:
    """Post check-ins as fast as they are taken; returns (check-ins a second, CPU milliseconds each)."""
    before = len(platform.sent())
    left = crowd.updates(number)
    cpu, started = cpu_seconds(pid), time.perf_counter()

    async def post() -> None:
        for update in left:
            status = await platform.post_update(update)
            if status != 200:
                raise AssertionError(f"the webhook said {status}")

    await asyncio.gather(*(post() for _ in range(CONNECTIONS)))
    await platform.wait_for(lambda: len(platform.sent()) >= before + number, seconds=180)
    seconds = time.perf_counter() - started
    return number / seconds, (cpu_seconds(pid) - cpu) / number * 1000


async def _measure(platform: FakeTelegram, crowd: Crowd, pid: int, number: int, figures: dict[str, Figures]) -> None:
    platform.hook = None
    await _turn(platform, crowd, pid, WARM_UP)
    for name, hook in (("plain", None), ("delayed", lambda method, _: _delay(method))):
        platform.hook = hook
        rate, cpu = await _turn(platform, crowd, pid, number)
        figures[name].rate.append(rate)
        figures[name].cpu.append(cpu)
        sys.stderr.write(f"bench:   {name}: {rate:.0f}/s, {cpu:.2f} ms CPU each\n")
    platform.hook = None


def _delay(method: str) -> Delay | None:
    return Delay(DELAY_SECONDS) if method == "sendMessage" else None


@asynccontextmanager
async def _ours(platform: FakeTelegram, data: Path) -> AsyncIterator[int]:
    port = free_port()
    settings = {
        "BOT_TELEGRAM__TOKEN": TOKEN,
        "BOT_TELEGRAM__BASE_URL": platform.url,
        "BOT_TELEGRAM__MODE": "webhook",
        "BOT_TELEGRAM__WEBHOOK_URL": f"http://127.0.0.1:{port}",
        "BOT_TELEGRAM__SECRET": SECRET,
        "BOT_TELEGRAM__RATE": "1000",
        "BOT_TELEGRAM__GROUP_RATE": "10000",
        "BOT_LOG_LEVEL": "WARNING",
    }
    async with serving(data, settings, port=port) as served:
        yield served.process.pid


@asynccontextmanager
async def _usual(platform: FakeTelegram, data: Path) -> AsyncIterator[int]:
    arguments = ["--base-url", platform.url, "--token", TOKEN, "--port", str(free_port()), "--secret", SECRET]
    with (data / "usual-bot.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.usual_bot", *arguments, "--data", str(data)),
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
    try:
        await platform.wait_for(lambda: platform.webhook, seconds=30)
        await asyncio.sleep(0.5)  # it names its webhook just before it listens
        yield process.pid
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def measure(folder: Path, number: int, turns: int) -> dict[str, dict[str, Figures]]:
    """Measure both programs, in turns.

    Args:
        folder: an empty folder, which is filled with sample residents.
        number: check-ins of one turn.
    """
    found = {who: {"plain": Figures(), "delayed": Figures()} for who in ("ours", "usual_bot")}
    residents = turns * (2 * number + WARM_UP)
    programs = {"ours": _ours, "usual_bot": _usual}
    for who in programs:
        seed.fill(folder / who, groups=GROUPS, residents=residents, naming=NAMING, quiet=True)
    crowds: dict[str, Crowd] = {}
    platforms: dict[str, FakeTelegram] = {}
    try:
        for who in programs:
            platforms[who] = await FakeTelegram(TOKEN, limits=Limits.none(), privacy=False).start()
            crowds[who] = Crowd(platforms[who])
        for turn in range(turns):
            for who, start in programs.items():
                sys.stderr.write(f"bench: {who}, turn {turn + 1} of {turns}\n")
                platforms[who].webhook = ""
                async with start(platforms[who], folder / who) as pid:
                    await _measure(platforms[who], crowds[who], pid, number, found[who])
    finally:
        for platform in platforms.values():
            await platform.stop()
    return found


def run(data: Path, groups: int, residents: int, short: bool) -> dict[str, Any]:
    """Measure; a short run has one turn of fewer check-ins.

    Args:
        data: where a temporary folder is made.
        groups, residents: not used.
    """
    del groups, residents
    data.mkdir(parents=True, exist_ok=True)
    number, turns = (200, 1) if short else (1500, 3)
    with tempfile.TemporaryDirectory(dir=data) as folder:
        found = asyncio.run(measure(Path(folder), number, turns))
    best = {who: {name: figures.best() for name, figures in both.items()} for who, both in found.items()}
    ours, usual = best["ours"], best["usual_bot"]
    return {
        **best,
        "vs_usual_bot": round(ours["plain"]["per_second"] / usual["plain"]["per_second"], 2),
        "vs_usual_bot_delayed": round(ours["delayed"]["per_second"] / usual["delayed"]["per_second"], 2),
        "cpu_vs_usual_bot": round(usual["plain"]["cpu_ms"] / ours["plain"]["cpu_ms"], 2),
        "delayed_vs_plain": round(ours["delayed"]["per_second"] / ours["plain"]["per_second"], 2),
    }
