"""Check-ins a second of the whole gateway, against the usual async ORM and against a bare loop, in one run.

    python -m bot bench checkin --json [--short] [--data DIR]

Every program works on the same database file, one after the other and in turns, so that disk, data and machine are the
same for all; after each turn the rows that it must have written are counted. Rates are the best of each program's turns;
latencies, from a message's arrival to its answer, are taken at half of the capacity of the same moment, in windows that
change between few residents and many, the best window of each: others may use the machine too.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import seed
from benchmarks.gateway_program import GatewayProgram
from benchmarks.rival_loop import LoopProgram
from benchmarks.rival_orm import OrmProgram
from benchmarks.workload import Crowd, Rounds, counted, percentile, same_work

CONVERSATIONS = 256
SMALL, LARGE, LARGE_SHORT = 1_000, 3_000_000, 10_000


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured.

    Attributes:
        turns: of each program, with ``gateway``, ``orm`` and ``loop`` messages.
        windows: of latency at each number of residents: ``probe`` messages for the capacity, then half of it.
    """

    turns: int
    gateway: int
    orm: int
    loop: int
    windows: int
    probe: int
    open_seconds: float


FULL = Size(turns=5, gateway=10_000, orm=500, loop=15_000, windows=6, probe=3000, open_seconds=4.0)
SHORT = Size(turns=1, gateway=1_500, orm=100, loop=2_500, windows=1, probe=500, open_seconds=1.0)


@dataclass(slots=True)
class Rates:
    """Check-ins a second, a figure for every turn."""

    gateway: list[float] = field(default_factory=list)
    orm: list[float] = field(default_factory=list)
    loop: list[float] = field(default_factory=list)


def note(words: str) -> None:
    """Tell how far it is."""
    sys.stderr.write(f"bench: {words}\n")


def fsyncs_a_second(directory: Path, seconds: float = 1.0) -> float:
    """Measure how many times a second this disk makes 4 kB durable."""
    path = directory / "fsync.probe"
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        done, started = 0, time.perf_counter()
        while (passed := time.perf_counter() - started) < seconds:
            os.pwrite(handle, b"x" * 4096, done % 4096 * 4096)
            os.fdatasync(handle)
            done += 1
        return done / passed
    finally:
        os.close(handle)
        path.unlink()


class Bench:
    """One seeded directory and the three programs over it."""

    def __init__(self, directory: Path, residents: int, size: Size) -> None:
        """Seed the directory, or go on with one that an earlier run has seeded."""
        groups = max(1, residents // seed.GROUP_SIZE)
        seed.fill(directory, groups=groups, residents=residents)
        self.directory = directory
        self.file = directory / "tuantuan.db"
        self.size = size
        self.residents = residents
        self.rounds = Rounds(Crowd(groups, residents), seed=residents)
        self.rounds.skip(self.file)

    def rates(self) -> Rates:
        """Let all programs work, in turns."""
        rates = Rates()
        self._gateway_turn(min(1000, self.size.gateway))  # everybody's first time, and warm caches
        for turn in range(self.size.turns):
            note(f"turn {turn + 1} of {self.size.turns}")
            rates.gateway.append(self._gateway_turn(self.size.gateway))
            rates.orm.append(self._orm_turn(self.size.orm))
            rates.loop.append(self._loop_turn(self.size.loop))
        return rates

    def _messages(self, number: int) -> list[Any]:
        """So many check-ins; a small crowd needs several days for them."""
        found: list[Any] = []
        while len(found) < number:
            found.extend(self.rounds.next(number - len(found)))
        return found

    def _gateway_turn(self, number: int) -> float:
        messages = self._messages(number)
        before = counted(self.file)
        program = GatewayProgram(self.directory, seed.CHANNEL)
        try:
            gc.collect()
            seconds = asyncio.run(program.closed_loop(messages, CONVERSATIONS))
        finally:
            program.close()
        same_work(before, counted(self.file), number)
        return number / seconds

    def _orm_turn(self, number: int) -> float:
        messages = self._messages(number)
        before = counted(self.file)

        async def turn() -> float:
            program = OrmProgram(self.directory)
            try:
                await program.closed_loop(messages[:20])
                return await program.closed_loop(messages[20:])
            finally:
                await program.close()

        seconds = asyncio.run(turn())
        same_work(before, counted(self.file), number)
        return (number - 20) / seconds

    def _loop_turn(self, number: int) -> float:
        messages = self._messages(number)
        before = counted(self.file)
        program = LoopProgram(self.directory)
        try:
            seconds = program.run(messages)
        finally:
            program.close()
        same_work(before, counted(self.file), number)
        return number / seconds

    def latency(self) -> dict[str, float]:
        """Measure the gateway's capacity of this moment, and its latencies while half of that arrives."""
        program = GatewayProgram(self.directory, seed.CHANNEL)
        try:
            asyncio.run(program.closed_loop(self._messages(200), CONVERSATIONS))
            gc.collect()
            seconds = asyncio.run(program.closed_loop(self._messages(self.size.probe), CONVERSATIONS))
            rate = self.size.probe / seconds / 2
            messages = self._messages(int(rate * self.size.open_seconds))
            acknowledged, answered = asyncio.run(program.open_loop(messages, rate))
        finally:
            program.close()
        return {
            "rate": round(rate),
            "acknowledged_p50_ms": round(percentile(acknowledged, 0.5) * 1000, 2),
            "acknowledged_p99_ms": round(percentile(acknowledged, 0.99) * 1000, 2),
            "answered_p50_ms": round(percentile(answered, 0.5) * 1000, 2),
            "answered_p99_ms": round(percentile(answered, 0.99) * 1000, 2),
        }


def run(data: Path, groups: int, residents: int, short: bool) -> dict[str, Any]:
    """Measure at 1,000 residents and at three million (10,000 with ``short``).

    Args:
        data: seeded directories are kept below it for the next run.
        groups, residents: not used; the sizes are the measurement's own.
    """
    del groups, residents
    size = SHORT if short else FULL
    many = LARGE_SHORT if short else LARGE
    data.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {"fsyncs_per_second": round(fsyncs_a_second(data)), "conversations": CONVERSATIONS}
    benches = {
        "small": Bench(data / f"residents-{SMALL}", SMALL, size),
        "large": Bench(data / f"residents-{many}", many, size),
    }
    for name, bench in benches.items():
        note(f"{bench.residents:,} residents")
        rates = bench.rates()
        best = {"gateway": max(rates.gateway), "async_orm": max(rates.orm), "batch_loop": max(rates.loop)}
        result[name] = {
            "residents": bench.residents,
            "per_second": {who: round(rate) for who, rate in best.items()},
            "vs_async_orm": round(best["gateway"] / best["async_orm"], 2),
            "vs_batch_loop": round(best["gateway"] / best["batch_loop"], 3),
        }
    windows: dict[str, list[dict[str, float]]] = {name: [] for name in benches}
    for window in range(size.windows):
        for name, bench in benches.items():
            windows[name].append(bench.latency())
            note(f"window {window + 1} of {size.windows}, {name}: {windows[name][-1]['answered_p99_ms']} ms")
    for name, found in windows.items():
        result[name]["latency"] = min(found, key=lambda one: one["answered_p99_ms"])
    result["vs_async_orm"] = result["small"]["vs_async_orm"]
    result["vs_batch_loop"] = result["small"]["vs_batch_loop"]
    p99 = [result[name]["latency"]["answered_p99_ms"] for name in ("small", "large")]
    result["p99_large_vs_small"] = round(p99[1] / p99[0], 2) if p99[0] else None
    return result
