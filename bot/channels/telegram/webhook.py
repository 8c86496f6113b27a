"""The webhook: secret, size, JSON, persist, then 200. Nothing else happens before Telegram has its answer.

Source: FAULTS A1, A2, A5, A7; Telegram Bot API (setWebhook, secret_token).
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import structlog

from bot.channels.fields import decode
from bot.channels.telegram.account import Me
from bot.channels.telegram.updates import callback_id, is_numbered, parse_all
from engagement.clocks import Clock
from engagement.kernel import Incoming

if TYPE_CHECKING:
    from starlette.routing import BaseRoute
    from starlette.types import Receive, Scope, Send

    from bot.channels.telegram.settings import TelegramSettings

log = structlog.get_logger("bot.channels.telegram")
LARGEST_BODY = 256 * 1024
"""Bytes, inclusive. Telegram's own updates stay below 100 KB."""
BODY_SECONDS = 10.0
_SECRET_HEADER = b"x-telegram-bot-api-secret-token"

Receiver = Callable[[Incoming], Awaitable[object]]
"""Persists an event; returns after the commit, raises when there was none."""


def webhook_routes(
    settings: TelegramSettings,
    receive: Receiver,
    *,
    me: Callable[[], Me | None],
    clock: Clock,
    pressed: Callable[[str], None] = lambda _: None,
) -> list[BaseRoute]:
    """Make the route that Telegram calls, for the web application to mount.

    Args:
        settings: its secret must not be empty.
        receive: persists an event; what it raises becomes 500, so that Telegram sends the update again.
        me: the bot account, None until it is known (then 503).
        clock: for the time of arrival.
        pressed: told the id of each pressed button once its event is persisted; must not wait.

    Raises:
        ValueError: there is no secret.
    """
    from starlette.routing import Route

    secret = settings.secret.get_secret_value().encode()
    if not secret:
        raise ValueError("a webhook without a secret")
    hook = _Hook(secret, receive, me, clock, pressed)
    return [Route(settings.hook_path, hook, methods=["POST"], include_in_schema=False)]


class _Hook:
    """The endpoint, without a framework's request object: it runs for every word spoken in every group."""

    def __init__(
        self,
        secret: bytes,
        receive: Receiver,
        me: Callable[[], Me | None],
        clock: Clock,
        pressed: Callable[[str], None],
    ) -> None:
        self._secret = secret
        self._receive = receive
        self._me = me
        self._clock = clock
        self._pressed = pressed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = await self._status(scope, receive)
        if status >= 400:
            log.info("telegram.refused", status=status)
        headers = [(b"content-length", b"0")]
        if status in (403, 408, 413):
            headers.append((b"connection", b"close"))  # its body was not read to the end
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def _status(self, scope: Scope, receive: Receive) -> int:
        given = [value for name, value in scope["headers"] if name == _SECRET_HEADER]
        # Compared in constant time, and always, so that the answer's delay tells nothing.
        right = hmac.compare_digest(given[0] if given else b"", self._secret)
        if not right or len(given) != 1:
            return 403
        me = self._me()
        if me is None:
            return 503
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _body(scope, receive)
        except TimeoutError:
            return 408
        if body is None:
            return 413
        try:
            update = decode(body)
        except ValueError:
            return 400
        try:
            events = parse_all(update, me, self._clock.now())
        except ValueError:
            if not is_numbered(update):
                return 400
            # Telegram would send it again and again, and what comes after it would wait.
            log.warning("telegram.malformed_update", update=update["update_id"])
            events = ()
        for event in events:
            await self._receive(event)
        waiting = callback_id(update)
        if waiting:
            self._pressed(waiting)
        return 200


async def _body(scope: Scope, receive: Receive) -> bytes | None:
    """Read the body; None as soon as it is, or says that it is, too large."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value[:20]) > LARGEST_BODY:
            return None
    first = await receive()
    chunk: bytes = first.get("body", b"")
    if not first.get("more_body", False):
        return chunk if len(chunk) <= LARGEST_BODY else None
    chunks = [chunk]
    size = len(chunk)
    while size <= LARGEST_BODY:
        message = await receive()
        chunk = message.get("body", b"")
        chunks.append(chunk)
        size += len(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks) if size <= LARGEST_BODY else None
    return None
