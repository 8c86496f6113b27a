"""A small server on loopback that speaks chat.completions and embeddings, well or badly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.knowledge.faulty_http import Faulty, Handler, listening


class FaultyModel(Faulty):
    """Behaves as told and keeps what it was sent.

    Attributes:
        behaviour: one of the cases below, or words to answer with.
        bodies: decoded requests, in order.
        usage: what it says that an answer took.
        chances: of an answer's first token: token and natural logarithm; None = it tells none.
    """

    def __init__(self) -> None:
        super().__init__("好的。")
        self.vector: list[Any] = [0.0, 1.0]
        self.bodies: list[dict[str, Any]] = []
        self.usage: dict[str, Any] | None = None
        self.chances: list[tuple[str, float]] | None = None


@contextmanager
def serving() -> Iterator[FaultyModel]:  # noqa: C901  (one arm a behaviour)
    """The server, on a free port."""
    model = FaultyModel()

    class Answers(Handler):
        def do_POST(self) -> None:  # noqa: N802, C901  (the library's name; one arm a behaviour)
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            model.bodies.append(body)
            if self.path.endswith("/embeddings"):
                data = [
                    {"object": "embedding", "index": n, "embedding": model.vector} for n in range(len(body["input"]))
                ]
                self.say(200, json.dumps({"object": "list", "data": data, "model": "m", "usage": {}}))
                return
            match model.behaviour:
                case "429" | "500" | "404":
                    self.say(int(model.behaviour), json.dumps({"error": {"message": "no"}}))
                case "hang":
                    model.released.wait(20)
                case "drip":
                    self.drip()
                case "cut":
                    self.cut(b'{"choices": [')
                case "busy once":
                    model.behaviour = "好的。"
                    self.send_response(429)
                    self.send_header("Retry-After", "0")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                case "wrong charset":
                    self.say(200, json.dumps({"choices": "好的"}, ensure_ascii=False).encode("gb18030"))
                case "html":
                    self.say(200, "<html>please sign in</html>", "text/html")
                case "garbage":
                    self.say(200, "{]")
                case "no choices":
                    self.say(200, json.dumps({"choices": [], "id": "x", "object": "chat.completion"}))
                case "error in 200":
                    self.say(200, json.dumps({"error": {"message": "quota"}}))
                case "null":
                    self._answer(None)
                case words:
                    self._answer(words)

        def _stream(self, words: str) -> None:
            """Three characters at a time; with ``endless`` in front until nobody listens, with ``torn`` half of it."""
            endless, torn = words.startswith("endless"), words.startswith("torn")
            bare = words.removeprefix("endless").removeprefix("torn")
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            try:
                while True:
                    for at in range(0, len(bare) // 2 if torn else len(bare), 3):
                        delta = {"role": "assistant", "content": bare[at : at + 3]}
                        self._event([{"index": 0, "delta": delta, "finish_reason": None}])
                    if not endless or model.released.is_set():
                        break
                if not torn:
                    self._event([{"index": 0, "delta": {}, "finish_reason": "stop"}])
                    self._event([], model.usage)
                    self.wfile.write(b"data: [DONE]\n\n")
            except OSError:
                pass
            self.close_connection = True

        def _event(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> None:
            chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
            body = json.dumps({**chunk, "choices": choices, "usage": usage})
            self.wfile.write(f"data: {body}\n\n".encode())
            self.wfile.flush()

        def _answer(self, words: str | None) -> None:
            if model.bodies[-1].get("stream") and words is not None:
                self._stream(words)
                return
            message = {"role": "assistant", "content": words}
            choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": "stop"}
            if model.chances is not None:
                top = [{"token": token, "logprob": chance, "bytes": None} for token, chance in model.chances]
                choice["logprobs"] = {"content": [{**top[0], "top_logprobs": top}] if top else []}
            self.say(
                200,
                json.dumps(
                    {
                        "id": "x",
                        "object": "chat.completion",
                        "created": 1,
                        "model": "m",
                        "choices": [choice],
                        "usage": model.usage,
                    }
                ),
            )

    with listening(model, Answers):
        yield model
