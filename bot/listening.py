"""The port of a server, taken before anything is announced; what is announced; and the web server that listens and drains."""

from __future__ import annotations

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
