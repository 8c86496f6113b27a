"""A platform in a process of its own: takes messages over HTTP on the loopback and keeps a log of what it accepted.

    python -m tests.platforms.local --delay-ms 3 --refuse-every 0

prints its port on the first line. ``POST /send`` with {"id", "conversation"} is logged **before** it is answered, as a real
platform shows a message before the sender knows; ``--refuse-every n`` answers every n-th new send with 429 and
``retry_after``. ``GET /log`` gives the accepted ids in order, ``GET /count`` how many.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from typing import Any


class Platform:
    """What was accepted, in order."""

    def __init__(self, delay: float, refuse_every: int) -> None:
        self.delay = delay
        self.refuse_every = refuse_every
        self.log: list[str] = []
        self.asked = 0

    async def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """Answer one request."""
        if (method, path) == ("GET", "/log"):
            return 200, self.log
        if (method, path) == ("GET", "/count"):
            return 200, len(self.log)
        if (method, path) != ("POST", "/send"):
            return 404, {"ok": False}
        message = json.loads(body)
        self.asked += 1
        if self.refuse_every and self.asked % self.refuse_every == 0:
            return 429, {"ok": False, "retry_after": 0.5}
        self.log.append(message["id"])
        number = len(self.log)
        await asyncio.sleep(self.delay)
        return 200, {"ok": True, "message_id": str(number)}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until its end."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                first, *lines = head.decode("latin-1").split("\r\n")
                method, path, _ = first.split(" ")
                fields = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
                body = await reader.readexactly(int(fields.get("content-length", "0")))
                status, content = await self.answer(method, path, body)
                data = json.dumps(content).encode()
                writer.write(
                    f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n".encode()
                    + data
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def main() -> None:
    """Run until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--delay-ms", type=float, default=3.0)
    parser.add_argument("--refuse-every", type=int, default=0)
    arguments = parser.parse_args()
    platform = Platform(arguments.delay_ms / 1000, arguments.refuse_every)
    server = await asyncio.start_server(platform.serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    server.close()
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
