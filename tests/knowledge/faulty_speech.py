"""A small server on loopback that speaks ``/audio/transcriptions``, well or badly."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class FaultySpeech:
    """Behaves as told and keeps what it was sent.

    Attributes:
        behaviour: one of the cases below, or the words that it hears.
        forms: the fields of each request; the file as bytes.
        keys: the Authorization header of each request.
    """

    def __init__(self) -> None:
        self.behaviour = "签到。"
        self.forms: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.url = ""
        self.released = threading.Event()


def ogg(seconds: float, size: int = 400) -> bytes:
    """Something shaped like a voice message: two Ogg pages, the last one says how long it lasts."""

    def page(granule: int, body: bytes) -> bytes:
        return b"OggS\x00\x04" + granule.to_bytes(8, "little", signed=True) + b"\x01\x00\x00\x00" + body

    return page(0, b"OpusHead") + page(int(seconds * 48_000), bytes(size))


BODIES: dict[str, str | bytes] = {
    "html": "<html>please sign in</html>",
    "garbage": "{]",
    "not utf-8": b'{"text": "\xff\xfe"}',
    "nested": "[" * 30_000,
    "list": "[]",
    "no text": json.dumps({"error": {"message": "quota"}}),
    "number": json.dumps({"text": 5}),
    "huge": json.dumps({"text": "很" * 100_000}),
}
"""Behaviour → what is answered to it, with 200."""


@contextmanager
def serving() -> Iterator[FaultySpeech]:  # noqa: C901  (one arm a behaviour)
    """The server, on a free port."""
    speech = FaultySpeech()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            speech.keys.append(self.headers.get("Authorization", ""))
            speech.forms.append(_fields(self.headers["Content-Type"], body))
            if self.path != "/v1/audio/transcriptions":
                self._send(404, "{}")
                return
            match speech.behaviour:
                case "500" | "429" | "401" | "302" | "204":
                    self._send(int(speech.behaviour), json.dumps({"error": {"message": "no"}}))
                case "hang":
                    speech.released.wait(20)
                case "drip":
                    self._drip()
                case "cut":
                    self.send_response(200)
                    self.send_header("Content-Length", "5000")
                    self.end_headers()
                    self.wfile.write(b'{"text": "')
                    self.close_connection = True
                case "bomb":
                    self._endless()
                case words:
                    self._send(200, BODIES.get(words, json.dumps({"text": words})))

        def _drip(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            for _ in range(100):
                if speech.released.is_set():
                    return
                try:
                    self.wfile.write(b" ")
                    self.wfile.flush()
                except OSError:
                    return
                time.sleep(0.1)

        def _endless(self) -> None:
            self.send_response(200)
            self.end_headers()
            try:
                for _ in range(10_000):
                    self.wfile.write(b" " * 100_000)
            except OSError:
                return

        def _send(self, status: int, body: str | bytes, kind: str = "application/json") -> None:
            content = body.encode() if isinstance(body, str) else body
            self.send_response(status)
            self.send_header("Content-Type", kind)
            if status == 302:
                self.send_header("Location", f"{speech.url}/elsewhere")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if status != 204:
                self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    speech.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield speech
    finally:
        speech.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _fields(kind: str, body: bytes) -> dict[str, Any]:
    parsed: Message = BytesParser().parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
    found: dict[str, Any] = {}
    for part in parsed.walk():
        name = part.get_param("name", header="content-disposition")
        if isinstance(name, str):
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            found[name] = payload if part.get_filename() else payload.decode()
    return found
