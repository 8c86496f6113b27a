"""What every server on loopback that behaves badly has in common: slow, silent or cut answers, and its own end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Faulty:
    """Behaves as told.

    Attributes:
        behaviour: one of the cases of the server's handler, or words to answer with.
        url: where it is served, with ``/v1``.
        released: set when the test is over, so that nobody goes on hanging.
    """

    def __init__(self, behaviour: str) -> None:
        self.behaviour = behaviour
        self.url = ""
        self.released = threading.Event()


class Handler(BaseHTTPRequestHandler):
    """Answers of all kinds."""

    faulty: Faulty

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""

    def drip(self) -> None:
        """Promise much and send a byte now and then."""
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        for _ in range(100):
            if self.faulty.released.is_set():
                return
            try:
                self.wfile.write(b" ")
                self.wfile.flush()
            except OSError:
                return
            time.sleep(0.1)

    def cut(self, beginning: bytes) -> None:
        """Promise much and hang up after the beginning."""
        self.send_response(200)
        self.send_header("Content-Length", "5000")
        self.end_headers()
        self.wfile.write(beginning)
        self.close_connection = True

    def say(self, status: int, body: str | bytes, kind: str = "application/json") -> None:
        """Answer; a redirection leads back here, and 204 has no body."""
        content = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if status == 302:
            self.send_header("Location", f"{self.faulty.url}/elsewhere")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if status != 204:
            self.wfile.write(content)


@contextmanager
def listening(faulty: Faulty, handler: type[Handler]) -> Iterator[None]:
    """Serve on a free port of loopback until the block ends."""
    handler.faulty = faulty
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    faulty.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)  # half a second to end otherwise
    thread.start()
    try:
        yield
    finally:
        faulty.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
