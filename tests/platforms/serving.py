"""The real program as a process: `python -m bot serve`, started, waited for, ended."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """Return a port of loopback on which nobody listens just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class Served:
    """A running program."""

    process: asyncio.subprocess.Process
    port: int
    log: Path

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def end(self, sign: signal.Signals = signal.SIGTERM, seconds: float = 20.0) -> int:
        """Signal it and wait for its end; killed when it does not come."""
        if self.process.returncode is None:
            self.process.send_signal(sign)
            try:
                await asyncio.wait_for(self.process.wait(), seconds)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()
                raise
        assert self.process.returncode is not None
        return self.process.returncode

    def tail(self) -> str:
        """Return the end of what it wrote."""
        return self.log.read_text("utf-8", "replace")[-4000:]


@asynccontextmanager
async def serving(
    data: Path,
    settings: dict[str, str],
    *,
    channels: str = "telegram",
    role: str = "all",
    port: int = 0,
    seconds: float = 60.0,
    module: str = "bot",
) -> AsyncIterator[Served]:
    """Run the program over a data folder until the block ends.

    Args:
        data: its folder.
        settings: environment variables (`BOT_…`).
        channels, role: as on the command line.
        port: where it listens; 0 = any free one.
        seconds: how long it may take until it is ready.
        module: what is run; ``tests.platforms.moved`` is the same program by a clock that the test moves.

    Raises:
        AssertionError: it ended, or was not ready in time; what it wrote is shown.
    """
    port = port or free_port()
    log = data.parent / f"serve-{port}.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BOT_")}
    environment |= {"BOT_WEB__PORT": str(port), "PYTHONUNBUFFERED": "1", **settings}
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", module, "serve", "--channels", channels, "--role", role, "--data", str(data)),
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
        )
    served = Served(process, port, log)
    try:
        end = time.monotonic() + seconds
        while not await _ready(port):
            assert process.returncode is None, f"it ended: {served.tail()}"
            assert time.monotonic() < end, f"not ready within {seconds} s: {served.tail()}"
            await asyncio.sleep(0.05)
        yield served
    finally:
        await served.end()


async def _ready(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        return (await reader.read(64)).startswith(b"HTTP/1.1 200")
    except OSError:
        return False
    finally:
        writer.close()
