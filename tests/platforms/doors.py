"""The callbacks of WeChat and WeCom as doors to knock at, and a watch over what a knock costs.

Source: FAULTS A6-A8.
"""

from __future__ import annotations

import asyncio
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bot.channels.wechat.channel import WeChatChannel, WeChatSettings
from bot.channels.wecom.callback import Changed, callback_routes
from bot.channels.wecom.settings import WecomSettings
from bot.rendering.render import Rendered
from engagement.clocks import SetClock
from engagement.kernel import Incoming
from tests.platforms.wechat.signing import (
    AES_KEY,
    APP_ID,
    ORIGINAL_ID,
    SECRET,
    TOKEN,
    Post,
    document,
    sha1,
    signed,
)
from tests.platforms.wecom.sealing import Seal, signature

NOW = datetime(2026, 9, 1, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
CORP = "ww2c2769f8efd9abc2"
WORDS: dict[str, str | int] = {"CreateTime": int(STAMP), "MsgType": "text", "Content": "签到", "MsgId": 901}
WECHAT: dict[str, str | int] = {"ToUserName": ORIGINAL_ID, "FromUserName": "o-li", **WORDS}
WECOM: dict[str, str | int] = {"ToUserName": CORP, "FromUserName": "li", **WORDS, "AgentID": 7}

Seals = Callable[[bytes], Post]


@dataclass
class Door:
    """One callback in one mode.

    Attributes:
        sound: fields of a message that is taken.
        sealed: puts a document where the platform puts it, with right signatures.
        bare: puts bytes where the envelope should be, the address as right as it can be; the same where there is none.
        events: what was taken, once per key.
    """

    name: str
    application: Any
    sound: dict[str, str | int]
    sealed: Seals
    bare: Seals
    events: dict[str, Incoming | Changed] = field(default_factory=dict)

    async def knock(self, post: Post, method: str = "POST", pieces: Sequence[bytes] | None = None) -> int:
        """Return the status."""
        return (await self.answer(post, method, pieces))[0]

    async def answer(
        self, post: Post, method: str = "POST", pieces: Sequence[bytes] | None = None
    ) -> tuple[int, bytes]:
        """Return status and body; the request's body comes in ``pieces`` when they are given, and then ends."""
        given = [post.body] if pieces is None else pieces
        unread = iter([*({"type": "http.request", "body": one, "more_body": True} for one in given[:-1])])
        last = iter([{"type": "http.request", "body": given[-1], "more_body": False}])
        never = asyncio.get_running_loop().create_future()
        sent: list[Any] = []

        async def receive() -> Any:
            message = next(unread, None) or next(last, None)
            return message if message is not None else await never

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": method, "path": "/", "query_string": post.tail.encode(), "headers": []}
        await self.application(scope, receive, send)
        return int(sent[0]["status"]), bytes(sent[1]["body"])


@asynccontextmanager
async def wechat(*, aes: bool) -> AsyncIterator[Door]:
    """Open the Official Account's."""
    settings = WeChatSettings.model_validate(
        {
            "app_id": APP_ID,
            "secret": SECRET,
            "token": TOKEN,
            "aes_key": AES_KEY,
            "mode": "aes" if aes else "plain",
            "original_id": ORIGINAL_ID,
            "patience": 0,
        }
    )
    door: Door

    async def receive(event: Incoming) -> bool:
        return door.events.setdefault(event.dedupe_key, event) is event

    channel = WeChatChannel(settings, receive, lambda _: Rendered(("好的",)), SetClock(NOW))
    (route,) = channel.routes()

    def seal(body: bytes) -> Post:
        return signed(body, float(STAMP), aes=aes)

    def bare(body: bytes) -> Post:
        query = signed(document(WECHAT), float(STAMP), aes=aes).query
        if aes:
            query["msg_signature"] = sha1(TOKEN, query["timestamp"], query["nonce"], "")
        return Post(query, body)

    door = Door("wechat aes" if aes else "wechat plain", route.handle, WECHAT, seal, bare)
    yield door
    await channel.close()


@asynccontextmanager
async def wecom() -> AsyncIterator[Door]:
    """Open the self-built app's."""
    settings = WecomSettings.model_validate(
        {"corp_id": CORP, "agent_id": 7, "secret": "s", "token": TOKEN, "aes_key": AES_KEY}
    )
    door: Door

    async def receive(event: Incoming | Changed) -> None:
        key = event.dedupe_key if isinstance(event, Incoming) else event.chat
        door.events.setdefault(key, event)

    (route,) = callback_routes(settings, receive, SetClock(NOW))
    nonces = iter(range(10**9))

    def envelope(sealed: str, body: bytes | None = None) -> Post:
        nonce = str(next(nonces))
        query = {"msg_signature": signature(TOKEN, (STAMP, nonce, sealed)), "timestamp": STAMP, "nonce": nonce}
        return Post(query, document({"ToUserName": CORP, "Encrypt": sealed}) if body is None else body)

    def seal(body: bytes) -> Post:
        return envelope(Seal.of(AES_KEY, CORP).close(body))

    door = Door("wecom", route.handle, WECOM, seal, lambda body: envelope("", body))
    yield door


@asynccontextmanager
async def door_of(name: str) -> AsyncIterator[Door]:
    """Open the door of that name."""
    async with wecom() if name == "wecom" else wechat(aes=name == "wechat aes") as door:
        yield door


NAMES = ("wechat plain", "wechat aes", "wecom")


# ---------------------------------------------------------------- what a knock costs

_touched: list[str] = []
_watching = False
_installed = False


def _watch(event: str, _: object) -> None:
    if _watching and (event == "open" or event.startswith(("socket.", "subprocess.", "os.", "urllib."))):
        _touched.append(event)


@contextmanager
def hands_off() -> Iterator[list[str]]:
    """Watch every file, socket and process that Python opens meanwhile; the list tells which."""
    global _watching, _installed  # noqa: PLW0603  # an audit hook stays for good, and there is one of it
    if not _installed:
        sys.addaudithook(_watch)
        _installed = True
    _touched.clear()
    _watching = True
    try:
        yield _touched
    finally:
        _watching = False


async def cost(act: Callable[[], Any], limit: float, tries: int = 3) -> tuple[float, float]:
    """Return (seconds of the processor, seconds by the clock) of the cheapest of a few tries; one below the limit is enough.

    Other programs and the garbage collector take their time out of ours now and then, and never three times in a row.
    """
    best = (float("inf"), float("inf"))
    for _ in range(tries):
        began, cpu = time.perf_counter(), time.process_time()
        await act()
        best = min(best, (time.process_time() - cpu, time.perf_counter() - began))
        if best[0] < limit:
            break
    return best


@contextmanager
def traced() -> Iterator[Callable[[], int]]:
    """Trace memory; the function returns how many bytes were held at most since it was last asked, above what was held then."""
    tracemalloc.start()
    held = tracemalloc.get_traced_memory()[0]

    def grown() -> int:
        nonlocal held
        now, peak = tracemalloc.get_traced_memory()
        grew, held = peak - held, now
        tracemalloc.reset_peak()
        return grew

    try:
        yield grown
    finally:
        tracemalloc.stop()
