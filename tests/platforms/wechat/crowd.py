"""A crowd before the callback: genuine words, the platform's repeats, disorder, and everything that is not genuine.

Of 100 callbacks about 5 are forged, replayed with other words, for another account, or too old; of the genuine ones 30 in 100
come twice and 20 in 100 late and out of order. They go straight into the application (ASGI), so that what is measured is the bot.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.platforms.wechat.signing import ORIGINAL_ID, Post, document, signed

TWICE, LATE, FALSE = 0.30, 0.20, 0.05


@dataclass(frozen=True, slots=True)
class Call:
    """One callback: its number among the genuine messages, or -1, and what it must be answered with."""

    number: int
    post: Post
    status: int
    kind: str


@dataclass(slots=True)
class Found:
    """What came of a crowd.

    Attributes:
        seconds: until each was answered.
        wrong: answers that were not what they must be, by (kind, status).
    """

    seconds: list[float] = field(default_factory=list)
    wrong: Counter[tuple[str, int]] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)

    @property
    def p99(self) -> float:
        """Seconds within which 99 of 100 were answered."""
        return sorted(self.seconds)[int(len(self.seconds) * 0.99)]


class Crowd:
    """Makes callbacks and sends them."""

    def __init__(self, application: Any, clock: Callable[[], float], *, aes: bool, seed: int = 7) -> None:
        """Take the ASGI application of the callback and what its clock says, in seconds since 1970."""
        self._application = application
        self._clock = clock
        self._aes = aes
        self._rng = random.Random(seed)
        self.genuine = 0

    def calls(self, number: int, word: str) -> Iterator[Call]:
        """Yield so many callbacks; a repeat and a late one come a few dozen behind."""
        waiting: list[tuple[int, Call]] = []
        place = 0
        while place < number:
            place += 1
            if waiting and waiting[0][0] <= place:
                yield waiting.pop(0)[1]
                continue
            if self._rng.random() < FALSE:
                yield self._false(word)
                continue
            call = self._true(word)
            if self._rng.random() < TWICE:
                waiting.append((place + self._rng.randint(1, 40), call))
            if self._rng.random() < LATE:
                waiting.append((place + self._rng.randint(1, 40), call))
                waiting.sort(key=lambda one: one[0])
                place -= 1
                continue
            waiting.sort(key=lambda one: one[0])
            yield call
        yield from (call for _, call in waiting)

    def _words(self, who: str, text: str, number: int) -> dict[str, str | int]:
        head: dict[str, str | int] = {"ToUserName": ORIGINAL_ID, "FromUserName": who, "CreateTime": int(self._clock())}
        return head | {"MsgType": "text", "Content": text, "MsgId": number}

    def _true(self, word: str) -> Call:
        number = self.genuine
        self.genuine += 1
        fields = self._words(f"o-{number // 4}", f"{word} {number}", 1_000_000 + number)
        return Call(number, signed(document(fields), self._clock(), aes=self._aes), 200, "true")

    def _false(self, word: str) -> Call:
        kind = self._rng.choice(("forged", "old", "token", "account", "body") + (("app",) if self._aes else ()))
        fields = self._words("o-evil", f"{word} 0", 9_000_000 + self._rng.randrange(10**6))
        if kind == "account":
            fields["ToUserName"] = "gh_other"
        more = {"token": {"token": "another"}, "app": {"app_id": "wx0000000000000000"}}.get(kind, {})
        age = 3600.0 if kind == "old" else 0.0
        post = signed(document(fields), self._clock() - age, aes=self._aes, **more)
        if kind == "forged":
            post = Post({**post.query, "signature": "f" * 40, "msg_signature": "f" * 40}, post.body)
        if kind == "body":
            # A genuine signature, seen before, over other words; without encryption only that it was seen tells.
            first = signed(document(self._words("o-0", "在吗", 8_000_000)), self._clock(), aes=self._aes, nonce="seen")
            post = (
                Post(first.query, post.body) if self._aes else Post({**first.query, "signature": "0" * 40}, post.body)
            )
        return Call(-1, post, 403, kind)

    async def send(self, number: int, word: str, *, at_once: int = 0, rate: float = 0.0) -> Found:
        """Send callbacks: so many at a time, or so many a second whether earlier ones are answered or not."""
        found = Found()
        left = self.calls(number, word)

        async def worker() -> None:
            for call in left:
                await self._one(call, found)

        if not rate:
            await asyncio.gather(*(worker() for _ in range(at_once)))
            return found
        began, going = time.perf_counter(), set[asyncio.Task[None]]()
        for place, call in enumerate(left):
            await asyncio.sleep(max(0.0, began + place / rate - time.perf_counter()))
            task = asyncio.ensure_future(self._one(call, found))
            going.add(task)
            task.add_done_callback(going.discard)
        await asyncio.gather(*going)
        return found

    async def _one(self, call: Call, found: Found) -> None:
        began = time.perf_counter()
        status = await answered(self._application, call.post)
        found.seconds.append(time.perf_counter() - began)
        found.kinds[call.kind] += 1
        if status != call.status:
            found.wrong[(call.kind, status)] += 1


async def answered(application: Any, post: Post) -> int:
    """Put one callback into an application; returns the status."""
    status: list[int] = []
    unread = [{"type": "http.request", "body": post.body, "more_body": False}]
    never = asyncio.get_running_loop().create_future()

    async def receive() -> Any:
        return unread.pop() if unread else await never

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            status.append(int(message["status"]))

    scope = {"type": "http", "method": "POST", "path": "/", "query_string": post.tail.encode(), "headers": []}
    try:
        await application(scope, receive, send)
    except OSError:
        return 500
    return status[0]
