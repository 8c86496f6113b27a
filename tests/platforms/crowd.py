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
from typing import Any, Protocol

from tests.platforms.wechat.signing import AES_KEY, ORIGINAL_ID, TOKEN, Post, document, signed
from tests.platforms.wecom.sealing import Seal, signature

CORP = "ww2c2769f8efd9abc2"
TWICE, LATE, FALSE = 0.30, 0.20, 0.05


@dataclass(frozen=True, slots=True)
class Call:
    """One callback: its number among the genuine messages, or -1, and with which statuses it may be answered."""

    number: int
    post: Post
    allowed: tuple[int, ...]
    kind: str


@dataclass(slots=True)
class Found:
    """What came of a crowd.

    Attributes:
        by_kind: seconds until each was answered: ``true`` the first time, ``again``, and each way of being false.
        wrong: answers that were not what they must be, by (kind, status).
    """

    by_kind: dict[str, list[float]] = field(default_factory=dict)
    wrong: Counter[tuple[str, int]] = field(default_factory=Counter)

    @property
    def seconds(self) -> list[float]:
        """All of them."""
        return [one for seconds in self.by_kind.values() for one in seconds]

    def within(self, share: float, kind: str = "") -> float:
        """Return the seconds within which so large a share of a kind, or of all, was answered."""
        found = sorted(self.by_kind[kind] if kind else self.seconds)
        return found[min(len(found) - 1, int(len(found) * share))]


class Speech(Protocol):
    """How a platform says things."""

    @property
    def false(self) -> tuple[str, ...]:
        """The ways in which a callback can be false."""
        ...

    def true(self, who: str, text: str, number: int, now: float) -> Post:
        """Return what somebody says."""
        ...

    def lie(self, kind: str, text: str, number: int, now: float) -> Post:
        """Return what ``o-evil`` would have somebody say, in one of the ways."""
        ...


def _words(us: str, who: str, text: str, number: int, now: float) -> dict[str, str | int]:
    head: dict[str, str | int] = {"ToUserName": us, "FromUserName": who, "CreateTime": int(now)}
    return head | {"MsgType": "text", "Content": text, "MsgId": number}


class OfWeChat:
    """The Official Account's."""

    def __init__(self, *, aes: bool) -> None:
        """Take the mode."""
        self._aes = aes
        self.false = ("forged", "old", "token", "account", "body", *(("app",) if aes else ()))

    def true(self, who: str, text: str, number: int, now: float) -> Post:
        """See :class:`Speech`."""
        return signed(document(_words(ORIGINAL_ID, who, text, number, now)), now, aes=self._aes)

    def lie(self, kind: str, text: str, number: int, now: float) -> Post:
        """See :class:`Speech`."""
        fields = _words("gh_other" if kind == "account" else ORIGINAL_ID, "o-evil", text, number, now)
        more = {"token": {"token": "another"}, "app": {"app_id": "wx0000000000000000"}}.get(kind, {})
        post = signed(document(fields), now - (3600.0 if kind == "old" else 0.0), aes=self._aes, **more)
        if kind == "forged":
            return Post({**post.query, "signature": "f" * 40, "msg_signature": "f" * 40}, post.body)
        if kind != "body":
            return post
        # A genuine signature, seen before, over other words; without encryption only that it was seen tells.
        first = signed(document(_words(ORIGINAL_ID, "o-0", "在吗", 8_000_000, now)), now, aes=self._aes, nonce="seen")
        return Post(first.query if self._aes else {**first.query, "signature": "0" * 40}, post.body)


class OfWecom:
    """The self-built app's; there is one mode, which encrypts."""

    false = ("forged", "old", "token", "account", "body", "app")

    def __init__(self) -> None:
        """Begin."""
        self._seals = {one: Seal.of(AES_KEY, one) for one in (CORP, "ww0000000000000000")}

    def true(self, who: str, text: str, number: int, now: float) -> Post:
        """See :class:`Speech`."""
        return self._post(CORP, CORP, who, text, number, now)

    def lie(self, kind: str, text: str, number: int, now: float) -> Post:
        """See :class:`Speech`."""
        other = "ww0000000000000000"
        inside = other if kind == "account" else CORP
        when = now - 3600.0 if kind == "old" else now
        post = self._post(other if kind == "app" else CORP, inside, "o-evil", text, number, when)
        if kind in ("forged", "token"):
            wrong = (
                "f" * 40 if kind == "forged" else signature("another", (post.query["timestamp"], post.query["nonce"]))
            )
            return Post({**post.query, "msg_signature": wrong}, post.body)
        if kind == "body":
            return Post(self._post(CORP, CORP, "o-0", "在吗", 8_000_000, now).query, post.body)
        return post

    def _post(self, sealed_for: str, us: str, who: str, text: str, number: int, now: float) -> Post:
        sealed = self._seals[sealed_for].close(document(_words(us, who, text, number, now) | {"AgentID": 7}))
        query = {"timestamp": str(int(now)), "nonce": f"n{number}"}
        query["msg_signature"] = signature(TOKEN, (query["timestamp"], query["nonce"], sealed))
        return Post(query, document({"ToUserName": us, "Encrypt": sealed}))


class Crowd:
    """Makes callbacks and sends them."""

    def __init__(self, application: Any, clock: Callable[[], float], speech: Speech, seed: int = 7) -> None:
        """Take the ASGI application of the callback, what its clock says, in seconds since 1970, and the platform's speech."""
        self._application = application
        self._clock = clock
        self._speech = speech
        self._rng = random.Random(seed)
        self._sent: set[int] = set()
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

    def _true(self, word: str) -> Call:
        number = self.genuine
        self.genuine += 1
        post = self._speech.true(f"o-{number // 4}", f"{word} {number}", 1_000_000 + number, self._clock())
        return Call(number, post, (200,), "true")

    def _false(self, word: str) -> Call:
        kind = self._rng.choice(self._speech.false)
        number = 9_000_000 + self._rng.randrange(10**6)
        return Call(-1, self._speech.lie(kind, f"{word} 0", number, self._clock()), (400, 403), kind)

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
        kind = "again" if call.kind == "true" and call.number in self._sent else call.kind
        self._sent.add(call.number)
        found.by_kind.setdefault(kind, []).append(time.perf_counter() - began)
        if status not in call.allowed:
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
