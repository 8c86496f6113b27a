"""Feeds the worker, kills it, starts it again, and sends again what was not acknowledged: as a platform does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import subprocess
import sys
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.ledger_model import Model, Sent

ROOT = Path(__file__).resolve().parents[2]
WINDOW = 400
"""Messages that may be without acknowledgement."""
REDELIVERED = 0.2


@dataclass(slots=True)
class Told:
    """What the worker said.

    Attributes:
        fresh: how often a message was acknowledged as new; a second time would be a second effect.
        acknowledged: how often at all.
    """

    fresh: dict[int, int] = field(default_factory=dict)
    acknowledged: dict[int, int] = field(default_factory=dict)
    answers: int = 0
    redelivered: int = 0
    starts: int = 0
    killed: list[int] = field(default_factory=list)
    killed_early: int = 0


class Driver:
    """One run."""

    def __init__(self, data: Path, model: Model, kills: int, rng: random.Random) -> None:
        """Choose the points at which the worker dies: after how many messages that were sent."""
        self.data = data
        self.model = model
        self.told = Told()
        self._rng = rng
        self._points = sorted(rng.sample(range(1, model.operations), kills))
        self._stream = model.stream()
        self._unacknowledged: OrderedDict[int, Sent] = OrderedDict()
        self._done: list[Sent] = []
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._news = asyncio.Event()
        self._drained = False
        self._sent = 0

    async def run(self) -> Told:
        """Send everything, through every kill, until all is acknowledged and the worker has ended by itself.

        Raises:
            AssertionError: the worker ended although nobody killed it.
        """
        await self._start()
        going = True
        while going or self._unacknowledged:
            if self._points and self._sent >= self._points[0]:
                self._points.pop(0)
                await self._kill_and_go_on()
            if going and len(self._unacknowledged) < WINDOW:
                going = self._next()
                continue
            await self._wait()
        await self._finish()
        return self.told

    # ---------------------------------------------------------------- sending

    def _next(self) -> bool:
        """Send the next message, and sometimes an earlier one again; False at the end of the stream."""
        sent = next(self._stream, None)
        if sent is None:
            return False
        self._sent += 1
        self._unacknowledged[sent.number] = sent
        self._send(sent)
        if self._rng.random() < REDELIVERED:
            again = self._rng.choice(self._done) if self._done and self._rng.random() < 0.5 else sent
            self.told.redelivered += 1
            self._send(again)
        return True

    def _send(self, sent: Sent) -> None:
        assert self._process is not None and self._process.stdin is not None
        # The worker may have died meanwhile, which `_wait` and `_start` find.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._process.stdin.write(json.dumps([sent.number, sent.incoming.dump()]).encode() + b"\n")

    async def _wait(self) -> None:
        """Wait for an acknowledgement."""
        assert self._process is not None and self._process.stdin is not None
        self._news.clear()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await self._process.stdin.drain()
        await asyncio.wait_for(self._news.wait(), 120)
        assert self._process.returncode is None, f"the worker ended: {self._process.returncode}"

    # ---------------------------------------------------------------- life and death

    async def _start(self) -> None:
        self._ready.clear()
        with (self.data.parent / "worker.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.chaos.ledger_worker", "--data", str(self.data)),
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                limit=1 << 22,
            )
        self.told.starts += 1
        self._reading = asyncio.create_task(self._read(self._process))

    async def _kill_and_go_on(self) -> None:
        """Kill the worker a moment from now, start it, and send again; now and then kill it while it starts."""
        await asyncio.sleep(self._rng.uniform(0, 0.05))
        await self._kill()
        self.told.killed.append(len(self._unacknowledged))
        await self._start()
        if self._rng.random() < 0.2:
            await asyncio.sleep(self._rng.uniform(0, 1.5))
            await self._kill()
            self.told.killed_early += 1
            await self._start()
        for sent in list(self._unacknowledged.values()):
            self._send(sent)
            if self._rng.random() < REDELIVERED:
                self.told.redelivered += 1
                self._send(sent)

    async def _kill(self) -> None:
        assert self._process is not None and self._reading is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        await self._reading  # what it said before it died counts

    async def _finish(self) -> None:
        """Let the worker end by itself."""
        assert self._process is not None and self._process.stdin is not None and self._reading is not None
        self._process.stdin.close()
        await asyncio.wait_for(self._process.wait(), 120)
        await self._reading
        assert self._drained and self._process.returncode == 0, f"the worker's end: {self._process.returncode}"

    # ---------------------------------------------------------------- hearing

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            if not line.endswith(b"\n"):
                break  # cut off in the middle of a line
            self._hear(json.loads(line))
        self._news.set()

    def _hear(self, said: dict[str, object]) -> None:
        match said:
            case {"ack": int(number), "fresh": bool(fresh)}:
                self.told.acknowledged[number] = self.told.acknowledged.get(number, 0) + 1
                self.told.fresh[number] = self.told.fresh.get(number, 0) + fresh
                sent = self._unacknowledged.pop(number, None)
                if sent is not None:
                    self._done.append(sent)
            case {"answer": str(key), "buttons": list(buttons)}:
                self.told.answers += 1
                for button in buttons:
                    prefix, _, entry = str(button).partition(":")
                    if prefix == "undo_points":
                        self.model.learn(key, int(entry))
            case {"drained": True}:
                self._drained = True
        self._news.set()


def drive(data: Path, model: Model, kills: int, seed: int) -> tuple[Told, float]:
    """Run it; returns what the worker said and the seconds."""
    started = time.monotonic()

    async def run() -> Told:
        return await Driver(data, model, kills, random.Random(seed + 1)).run()

    return asyncio.run(run()), time.monotonic() - started
