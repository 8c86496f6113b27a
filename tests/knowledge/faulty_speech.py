"""A small server on loopback that speaks ``/audio/transcriptions``, well or badly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from email.parser import BytesParser
from typing import Any

from tests.knowledge.faulty_http import Faulty, Handler, listening


class FaultySpeech(Faulty):
    """Behaves as told and keeps what it was sent.

    Attributes:
        behaviour: one of the cases below, or the words that it hears.
        forms: the fields of each request; the file as bytes.
        keys: the Authorization header of each request.
    """

    def __init__(self) -> None:
        super().__init__("签到。")
        self.forms: list[dict[str, Any]] = []
        self.keys: list[str] = []


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
def serving() -> Iterator[FaultySpeech]:
    """The server, on a free port."""
    speech = FaultySpeech()

    class Answers(Handler):
        def do_POST(self) -> None:  # noqa: N802  (the library's name)
            body = self.rfile.read(int(self.headers["Content-Length"]))
            speech.keys.append(self.headers.get("Authorization", ""))
            speech.forms.append(_fields(self.headers["Content-Type"], body))
            if self.path != "/v1/audio/transcriptions":
                self.say(404, "{}")
                return
            match speech.behaviour:
                case "500" | "429" | "401" | "302" | "204":
                    self.say(int(speech.behaviour), json.dumps({"error": {"message": "no"}}))
                case "hang":
                    speech.released.wait(20)
                case "drip":
                    self.drip()
                case "cut":
                    self.cut(b'{"text": "')
                case "bomb":
                    self._endless()
                case words:
                    self.say(200, BODIES.get(words, json.dumps({"text": words})))

        def _endless(self) -> None:
            self.send_response(200)
            self.end_headers()
            try:
                for _ in range(10_000):
                    self.wfile.write(b" " * 100_000)
            except OSError:
                return

    with listening(speech, Answers):
        yield speech


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
