"""The port of a server, taken before anything is announced, and the web server that listens on it and drains."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import uvicorn


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
