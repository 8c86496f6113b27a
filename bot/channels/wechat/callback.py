"""The callback: signature, size, XML, persist, then the answer if it is ready, else ``success``.

Source: FAULTS A1-A8, A12; WeChat Official Account documents (access guide, message encryption, passive replies).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import structlog

from bot.channels.choices import Choices, meant
from bot.channels.envelope import Cipher, Forged, Malformed, is_signed
from bot.channels.wechat.budget import Budget
from bot.channels.wechat.events import Heard, understand
from bot.channels.wechat.nonces import Nonces
from bot.channels.wechat.passive import Key, Window, Windows
from bot.channels.wechat.settings import Mode, WeChatSettings
from bot.channels.wechat.wire import LARGEST, read, sealed, write
from engagement.clocks import Clock
from engagement.kernel import Event, Incoming

if TYPE_CHECKING:
    from starlette.routing import BaseRoute
    from starlette.types import Receive, Scope, Send

log = structlog.get_logger("bot.channels.wechat")
BODY_SECONDS = 4.0
"""The platform itself gives up after five."""
LATEST = 4.6
"""Seconds after a callback's arrival in which an answer may still go back with it; then the platform may have hung up."""
SUCCESS = b"success"
_LONGEST_ECHO = 256

Receiver = Callable[[Incoming], Awaitable[object]]
"""Persists an event; returns after the commit, raises when there was none."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What callback and sender of one account know in common."""

    windows: Windows
    budget: Budget
    choices: Choices
    nonces: Nonces


@dataclass(frozen=True, slots=True)
class _Signed:
    """The query of a callback, checked."""

    timestamp: str
    nonce: str
    msg_signature: str = ""
    echo: str = ""


class _Line:
    """The connection of a callback: what came in by it may go back by it, as long as the platform holds it."""

    def __init__(self, receive: Receive, send: Send, began: float) -> None:
        self._receive = receive
        self.send = send
        self._began = began

    def seconds(self, patience: float) -> float:
        """Return how long an answer may still be waited for, counted from the callback's arrival; below 0 = not at all."""
        return self._began + min(patience, LATEST) - asyncio.get_running_loop().time()

    async def while_open(self, answer: Coroutine[Any, Any, str | None]) -> str | None:
        """Return the answer, or None as soon as the platform hangs up: it would go nowhere."""
        waiting = asyncio.ensure_future(answer)
        hanging_up = asyncio.ensure_future(self._hung_up())
        try:
            await asyncio.wait({waiting, hanging_up}, return_when=asyncio.FIRST_COMPLETED)
            return waiting.result() if waiting.done() and not hanging_up.done() else None
        finally:
            waiting.cancel()
            hanging_up.cancel()

    async def _hung_up(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass


class _Refused(Exception):
    """What the platform is told instead."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


def callback_routes(settings: WeChatSettings, receive: Receiver, shared: Shared, clock: Clock) -> list[BaseRoute]:
    """Make the route that the platform calls, for the web application to mount.

    Args:
        settings: its token must not be empty.
        receive: persists an event; what it raises becomes 500, so that the platform tries again.
        shared: with the sender.
        clock: for the time of arrival and the age of a callback.

    Raises:
        ValueError: there is no token.
    """
    from starlette.routing import Route

    if not settings.token.get_secret_value():
        raise ValueError("a callback without a token")
    return [
        Route(
            settings.path, Callback(settings, receive, shared, clock), methods=["GET", "POST"], include_in_schema=False
        )
    ]


class Callback:
    """The endpoint."""

    def __init__(self, settings: WeChatSettings, receive: Receiver, shared: Shared, clock: Clock) -> None:
        """Wire."""
        self._settings = settings
        self._token = settings.token.get_secret_value()
        self._receive = receive
        self._shared = shared
        self._clock = clock
        self._cipher: Cipher | None = None
        if settings.mode is Mode.AES:
            self._cipher = Cipher(self._token, settings.aes_key.get_secret_value(), settings.app_id)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        began = asyncio.get_running_loop().time()
        try:
            signed = self._signed(scope)
            if scope["method"] != "POST":
                # Also in the safe mode the address is verified with plain words.
                await _respond(send, 200, signed.echo.encode(), kind=b"text/plain; charset=utf-8")
                return
            heard = await self._heard(signed, await _body(scope, receive))
        except _Refused as refused:
            log.info("wechat.refused", status=refused.status, why=refused.why)
            await _respond(send, refused.status)
            return
        await self._take(heard, signed, _Line(receive, send, began))

    # ---------------------------------------------------------------- who calls

    def _signed(self, scope: Scope) -> _Signed:
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=None)
        query = dict(pairs)
        wanted = [query.get(name, "") for name in ("signature", "timestamp", "nonce")]
        # The signature is always computed, so that the answer's delay tells nothing.
        right = is_signed(wanted[0], self._token, wanted[1], wanted[2])
        if len(query) != len(pairs) or not right or not all(wanted):
            raise _Refused(403, "signature")
        if not (wanted[1].isascii() and wanted[1].isdigit() and len(wanted[1]) <= 12 and len(wanted[2]) <= 64):
            raise _Refused(403, "signature")
        if abs(self._clock.now().timestamp() - int(wanted[1])) > self._settings.replay_window:
            raise _Refused(403, "expired")
        echo = query.get("echostr", "")
        if scope["method"] != "POST" and not (0 < len(echo) <= _LONGEST_ECHO and echo.isascii() and echo.isprintable()):
            raise _Refused(400, "echo")
        return _Signed(wanted[1], wanted[2], query.get("msg_signature", ""), echo)

    async def _heard(self, signed: _Signed, body: bytes) -> Heard:
        try:
            document = self._opened(signed, body)
            heard = understand(read(document), self._settings.app_id, self._clock.now())
        except Forged as error:
            raise _Refused(403, str(error)) from error
        except Malformed as error:
            raise _Refused(400, str(error)) from error
        if self._settings.original_id and heard.us != self._settings.original_id:
            raise _Refused(403, "account")
        await self._only_once(signed, document)
        return heard

    def _opened(self, signed: _Signed, body: bytes) -> bytes:
        if self._cipher is None:
            return body
        if not signed.msg_signature:
            # The signature of the address does not cover the body.
            raise Forged("msg_signature")
        encrypted = read(body, LARGEST).get("Encrypt", "")
        return self._cipher.open(encrypted, signed.msg_signature, signed.timestamp, signed.nonce)

    async def _only_once(self, signed: _Signed, document: bytes) -> None:
        """Refuse another document under the signature of an earlier one; the same again is the platform's next try."""
        digest = hashlib.sha256(document).hexdigest()
        if not await self._shared.nonces.take(f"{signed.timestamp} {signed.nonce}", digest, self._clock.now()):
            raise _Refused(403, "replayed")

    # ---------------------------------------------------------------- what becomes of it

    async def _take(self, heard: Heard, signed: _Signed, line: _Line) -> None:
        now = self._clock.now()
        if heard.left:
            self._shared.budget.close(heard.who)
        if heard.words or heard.acted:
            self._shared.budget.grant(heard.who, now, words=heard.words, of=heard.of)
        incoming = heard.incoming
        if incoming is not None and heard.left:
            await self._receive(incoming)  # nothing can be said to it any more
            incoming = None
        if incoming is None:
            await _respond(line.send, 200, SUCCESS)
            return
        if incoming.text and (key := await self._meant(heard.who, incoming.text)):
            incoming = replace(incoming, event=Event.BUTTON, button=key, text="")
        at = (heard.who, incoming.message_id)
        window = self._shared.windows.open(at)
        try:
            # Raises when nothing was written down: the platform is told nothing and comes again.
            fresh = await self._receive(incoming)
        except BaseException:
            self._let_go(at, window)
            raise
        if window is None or fresh is False:
            self._let_go(at, window)
            text = self._shared.windows.said(at, self._clock.now())
            await _respond(line.send, 200, SUCCESS if text is None else self._reply(heard, text, signed))
            return
        await self._answer(heard, at, window, signed, line)

    async def _meant(self, who: str, text: str) -> str:
        return await meant(self._shared.choices, who, text, self._clock.now())

    def _let_go(self, at: Key, window: Window | None) -> None:
        """Nothing goes back by a window; what somebody has put into it goes its own way."""
        if window is not None:
            self._shared.windows.shut(at, window)
            window.done(written=False)

    async def _answer(self, heard: Heard, at: Key, window: Window, signed: _Signed, line: _Line) -> None:
        written = False
        try:
            text = await line.while_open(window.wait(line.seconds(self._settings.patience)))
            self._shared.windows.shut(at, window)
            await _respond(line.send, 200, SUCCESS if text is None else self._reply(heard, text, signed))
            if text is not None:
                written = True
                self._shared.windows.keep(at, text, self._clock.now())
        finally:
            self._shared.windows.shut(at, window)
            window.done(written=written)

    def _reply(self, heard: Heard, text: str, signed: _Signed) -> bytes:
        seconds = int(self._clock.now().timestamp())
        document = write(
            {
                "ToUserName": heard.who,
                "FromUserName": heard.us,
                "CreateTime": seconds,
                "MsgType": "text",
                "Content": text,
            }
        )
        return document if self._cipher is None else sealed(self._cipher, document, str(seconds), signed.nonce)


async def _respond(send: Send, status: int, body: bytes = b"", kind: bytes = b"text/xml; charset=utf-8") -> None:
    headers = [
        (b"content-type", kind if body and body != SUCCESS else b"text/plain; charset=utf-8"),
        (b"x-content-type-options", b"nosniff"),
        (b"content-length", str(len(body)).encode()),
    ]
    if status in (403, 408, 413):
        headers.append((b"connection", b"close"))  # its body was not read to the end
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _body(scope: Scope, receive: Receive) -> bytes:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value[:20]) > LARGEST:
            raise _Refused(413, "size")
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Refused(400, "cut off")
                chunk = message.get("body", b"")
                chunks.append(chunk)
                size += len(chunk)
                more = message.get("more_body", False)
                if size > LARGEST:
                    raise _Refused(413, "size")
    except TimeoutError as error:
        raise _Refused(408, "slow") from error
    return b"".join(chunks)
