"""The port of a server, taken before anything is announced; what is announced; and the web server that listens and drains.

Source: FAULTS A7.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from prompts.loader import texts

if TYPE_CHECKING:
    import uvicorn

    from bot.settings import Settings

HEAD_SECONDS = 10.0
"""How long somebody who has connected, or begun a further request, may take until its head is whole."""
LARGEST_HEAD = 64 * 1024
"""Bytes of a head, about: what comes in one piece with it is not taken apart."""


def bounded_protocol() -> type[asyncio.Protocol]:
    """Make the server's protocol with bounds for what comes before an application is asked.

    Uvicorn gives a head neither an end nor a size: whoever sends a byte a minute keeps his connection, and whoever sends
    headers without end has all of them kept in memory. Bodies are each application's to bound.
    """
    from uvicorn.protocols.http.auto import AutoHTTPProtocol

    class Bounded(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
        _deadline: asyncio.TimerHandle | None = None
        _head = 0

        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            self._wait()

        def data_received(self, data: bytes) -> None:
            before = self.cycle
            # Of a body that goes on after its answer nothing is wanted, and its sender may still come to read why.
            if self._deadline is None and (before is None or (before.response_complete and not before.more_body)):
                self._wait()
            if before is None or not before.more_body:
                self._head += len(data)
            super().data_received(data)
            if self.cycle is not before or self.transport.get_protocol() is not self:
                self._whole()
            elif self._head > LARGEST_HEAD:
                self.transport.abort()

        def connection_lost(self, exc: Exception | None) -> None:
            self._whole()
            super().connection_lost(exc)

        def _wait(self) -> None:
            self._deadline = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

        def _whole(self) -> None:
            self._head = 0
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

    return Bounded


def drained_server(config: uvicorn.Config) -> uvicorn.Server:
    """Make a server that ends with 0 after a drained SIGTERM or SIGINT (uvicorn's own raises the signal again)."""
    import uvicorn as library

    class Drained(library.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            before = {one: signal.signal(one, self.handle_exit) for one in (signal.SIGINT, signal.SIGTERM)}
            try:
                yield
            finally:
                for one, handler in before.items():
                    signal.signal(one, handler)

    return Drained(config)


def listen(host: str, port: int) -> socket.socket:
    """Take the port before anything is announced.

    Raises:
        OSError: somebody else has it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # What is accepted inherits it; else the second piece of an answer waits 40 ms for the first one to be acknowledged.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    return listening


def channels_are_local(channels: list[str]) -> bool:
    """Say whether nobody outside is talked to, so that the clock may be moved."""
    return set(channels) <= {"sim", "web", "terminal"} and bool({"sim", "terminal"} & set(channels))


def announce(settings: Settings, channels: list[str], port: int) -> None:
    """Say on the terminal where the pages are."""
    base = settings.web.public_url or f"http://{settings.web.host}:{port}"
    lines = [texts().raw("cli.serving")]
    if "sim" in channels:
        lines.append(texts().fill("cli.serving_sim", {"url": f"{base}/sim"}))
    if "web" in channels:
        lines.append(texts().fill("cli.serving_console", {"url": f"{base}/console"}))
        lines.append(texts().fill("cli.serving_h5", {"url": f"{base}/h5"}))
    lines.append(texts().raw("cli.serving_stop"))
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
