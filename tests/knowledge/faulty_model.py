"""A small server on loopback that speaks chat.completions and embeddings, well or badly."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class FaultyModel:
    """Behaves as told and keeps what it was sent.

    Attributes:
        behaviour: one of the methods of ``_Handler`` below, or words to answer with.
        bodies: decoded requests, in order.
    """

    def __init__(self) -> None:
        self.behaviour = "好的。"
        self.vector: list[Any] = [0.0, 1.0]
        self.bodies: list[dict[str, Any]] = []
        self.url = ""
        self.released = threading.Event()


@contextmanager
def serving() -> Iterator[FaultyModel]:  # noqa: C901  (one arm a behaviour)
    """The server, on a free port."""
    model = FaultyModel()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            model.bodies.append(body)
            if self.path.endswith("/embeddings"):
                data = [
                    {"object": "embedding", "index": n, "embedding": model.vector} for n in range(len(body["input"]))
                ]
                self._send(200, json.dumps({"object": "list", "data": data, "model": "m", "usage": {}}))
                return
            match model.behaviour:
                case "429" | "500" | "404":
                    self._send(int(model.behaviour), json.dumps({"error": {"message": "no"}}))
                case "hang":
                    model.released.wait(20)
                case "drip":
                    self._drip()
                case "cut":
                    self.send_response(200)
                    self.send_header("Content-Length", "5000")
                    self.end_headers()
                    self.wfile.write(b'{"choices": [')
                    self.close_connection = True
                case "html":
                    self._send(200, "<html>please sign in</html>", "text/html")
                case "garbage":
                    self._send(200, "{]")
                case "no choices":
                    self._send(200, json.dumps({"choices": [], "id": "x", "object": "chat.completion"}))
                case "error in 200":
                    self._send(200, json.dumps({"error": {"message": "quota"}}))
                case "null":
                    self._answer(None)
                case words:
                    self._answer(words)

        def _answer(self, words: str | None) -> None:
            message = {"role": "assistant", "content": words}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self._send(
                200,
                json.dumps(
                    {
                        "id": "x",
                        "object": "chat.completion",
                        "created": 1,
                        "model": "m",
                        "choices": [choice],
                        "usage": None,
                    }
                ),
            )

        def _drip(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            for _ in range(100):
                if model.released.is_set():
                    return
                try:
                    self.wfile.write(b" ")
                    self.wfile.flush()
                except OSError:
                    return
                time.sleep(0.1)

        def _send(self, status: int, body: str, kind: str = "application/json") -> None:
            content = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    model.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield model
    finally:
        model.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
