"""The callback of the self-built app: who speaks, when, sealed for whom; persist; then 200. Nothing else happens before.

Source: FAULTS A1-A8, A11; WeCom developer documents (receiving messages and events, customer groups).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import structlog

from bot.channels.envelope import Forged, Malformed
from bot.channels.wecom import CHANNEL
from bot.channels.wecom.settings import HOOK_PATH, WecomSettings
from bot.channels.wecom.wire import LARGEST_BODY, Fields, Unreadable, first, parse_xml
from engagement.clocks import Clock
from engagement.kernel import MAX_TEXT, Event, Incoming, Place, one_line

if TYPE_CHECKING:
    from starlette.routing import BaseRoute
    from starlette.types import Receive, Scope, Send

log = structlog.get_logger("bot.channels.wecom")
WINDOW = timedelta(minutes=5)
"""How far a callback's timestamp may lie from our clock, inclusive, either way."""
BODY_SECONDS = 4.0
"""WeCom gives up after five."""
_QUERY = frozenset({"msg_signature", "timestamp", "nonce"})
_ID = 64
_KEY = 160


@dataclass(frozen=True, slots=True)
class Changed:
    """A customer group of which the callback says no more than that something is new: it has to be read again."""

    chat: str


Receiver = Callable[[Incoming | Changed], Awaitable[object]]
"""Persists what was heard; returns after the commit, raises when there was none."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request's query, each name once."""

    signature: str
    timestamp: str
    nonce: str
    echo: str = ""


def callback_routes(settings: WecomSettings, receive: Receiver, clock: Clock) -> list[BaseRoute]:
    """Make the route that WeCom calls, for the web application to mount.

    Args:
        receive: persists an event; what it raises becomes 500, so that WeCom sends the callback again.

    Raises:
        ValueError: there is no token or key.
    """
    from starlette.routing import Route

    if not settings.token.get_secret_value():
        raise ValueError("a callback without a token")
    hook = _Hook(settings, receive, clock)
    return [Route(HOOK_PATH, hook, methods=["GET", "POST"], include_in_schema=False)]


class _Hook:
    """The endpoint, without a framework's request object."""

    def __init__(self, settings: WecomSettings, receive: Receiver, clock: Clock) -> None:
        self._cipher = settings.cipher()
        self._corp = settings.corp_id
        self._agent = settings.agent_id
        self._receive = receive
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status, words = await self._answer(scope, receive)
        if status >= 400:
            log.info("wecom.callback_refused", status=status)
        headers = [(b"content-length", str(len(words)).encode()), (b"content-type", b"text/plain; charset=utf-8")]
        if status in (403, 408, 413):
            headers.append((b"connection", b"close"))  # its body was perhaps not read to the end
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": words})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, bytes]:
        now = self._clock.now()
        asked = _asked(scope.get("query_string", b""))
        if asked is None or not _is_recent(asked.timestamp, now):
            return 403, b""
        if scope["method"] != "POST":
            return self._verify(asked)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _body(scope, receive)
        except TimeoutError:
            return 408, b""
        if body is None:
            return 413, b""
        events = self._open(asked, body, now)
        if isinstance(events, int):
            return events, b""
        for event in events:
            await self._receive(event)
        return 200, b""

    def _open(self, asked: _Asked, body: bytes, now: datetime) -> Sequence[Incoming | Changed] | int:
        """Return what a body says, or the status that refuses it."""
        try:
            sealed = first(parse_xml(body), "Encrypt", LARGEST_BODY)
        except Unreadable:
            return 400
        # The signature covers the sealed body; without it the address alone would prove nothing. Whatever is wrong is one no.
        try:
            opened = self._cipher.open(sealed, asked.signature, asked.timestamp, asked.nonce)
        except (Forged, Malformed):
            return 403
        try:
            return events_of(parse_xml(opened), self._corp, now, self._agent)
        except (Unreadable, ValueError):
            return 400

    def _verify(self, asked: _Asked) -> tuple[int, bytes]:
        try:
            return 200, self._cipher.open(asked.echo, asked.signature, asked.timestamp, asked.nonce)
        except (Forged, Malformed):
            return 403, b""


def _asked(query: bytes) -> _Asked | None:
    """Read the query; None when something is missing, given twice, or no text."""
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, max_num_fields=20, errors="strict")
    except ValueError:
        return None
    found = dict(pairs)
    if len(found) != len(pairs) or not found.keys() >= _QUERY:
        return None
    # An unescaped "+" of base64 arrives as a blank.
    echo = found.get("echostr", "").replace(" ", "+")
    return _Asked(found["msg_signature"], found["timestamp"], found["nonce"], echo)


def _is_recent(timestamp: str, now: datetime) -> bool:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 11):
        return False
    return abs(datetime.fromtimestamp(int(timestamp), UTC) - now) <= WINDOW


async def _body(scope: Scope, receive: Receive) -> bytes | None:
    """Read the body; None as soon as it is, or says that it is, too large."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value[:20]) > LARGEST_BODY:
            return None
    chunks: list[bytes] = []
    size = 0
    while size <= LARGEST_BODY:
        message = await receive()
        chunk: bytes = message.get("body", b"")
        chunks.append(chunk)
        size += len(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks) if size <= LARGEST_BODY else None
    return None


# ---------------------------------------------------------------- what a callback says


def events_of(fields: Fields, corp_id: str, now: datetime, agent: int = 0) -> Sequence[Incoming | Changed]:
    """Turn an opened callback into events; empty for what does not concern us.

    Args:
        agent: id of our app; what WeCom marks as another one's is not ours. 0 = any.

    Raises:
        ValueError: it lacks what every callback has, or is for another company or app.
    """
    created = first(fields, "CreateTime", 20)
    if first(fields, "ToUserName", _ID) != corp_id or not (
        created.isascii() and created.isdigit() and len(created) <= 11
    ):
        raise ValueError("no callback of ours")
    if agent and first(fields, "AgentID", 20) not in ("", "0", str(agent)):
        raise ValueError("another app's")
    about = _About(corp_id, datetime.fromtimestamp(int(created), UTC), now, created)
    kind = first(fields, "MsgType", 32)
    if kind != "event":
        return _message(fields, kind, about)
    if first(fields, "Event", 64).lower() == "change_external_chat":
        return _group_change(fields, about)
    return _press(fields, about)


@dataclass(frozen=True, slots=True)
class _About:
    corp_id: str
    occurred_at: datetime
    received_at: datetime
    created: str

    def event(self, event: Event, place: Place, conversation: str, key: str, **more: str) -> Incoming:
        return Incoming(
            event,
            CHANNEL,
            key[:_KEY],
            place,
            conversation,
            more.pop("sender", ""),
            self.occurred_at,
            self.received_at,
            account=self.corp_id,
            **more,  # type: ignore[arg-type]  # the rest are texts
        )


_MEDIA = {"image": "photo", "voice": "voice"}


def _message(fields: Fields, kind: str, about: _About) -> list[Incoming]:
    sender, number = _whole(fields, "FromUserName"), _whole(fields, "MsgId")
    if not sender:
        raise ValueError("a message of nobody")
    if kind not in ("text", *_MEDIA):
        return []
    # Without an id (0 or none) the sender and the second are what a repetition shares.
    key = f"m:{sender}:{number}" if number.strip("0") else f"m:{sender}:t{about.created}"
    more = {"sender": sender, "message_id": number}
    if kind == "text":
        more["text"] = first(fields, "Content", MAX_TEXT)
    else:
        more |= {"media": _MEDIA[kind], "media_id": first(fields, "MediaId", 256)}
    if not one_line(more.get("text", "")) and not more.get("media_id"):
        return []  # nothing to be seen, or a picture that nobody can fetch
    return [about.event(Event.MESSAGE, Place.DM, sender, key, **more)]


def _press(fields: Fields, about: _About) -> list[Incoming]:
    """A menu or a card's button; a menu's key is a command's words, a card's is a button's key."""
    kind, sender = first(fields, "Event", 64).lower(), _whole(fields, "FromUserName")
    pressed = first(fields, "EventKey", 256)
    if not sender or not pressed or kind not in ("click", "template_card_event"):
        return []
    task = first(fields, "TaskId", 128)
    what = hashlib.sha256(f"{pressed}\n{task}".encode()).hexdigest()[:24]
    key = f"e:{sender}:{about.created}:{kind}:{what}"
    if kind == "click":
        return [about.event(Event.MESSAGE, Place.DM, sender, key, sender=sender, text=pressed[:MAX_TEXT])]
    return [about.event(Event.BUTTON, Place.DM, sender, key, sender=sender, button=pressed[:64], message_id=task[:64])]


def _group_change(fields: Fields, about: _About) -> Sequence[Incoming | Changed]:
    """Who came or went is told by name or not at all, whatever else changed not at all: then the group is read again.

    Source: WeCom developer documents (change_external_chat: ChangeType, UpdateDetail, MemChangeList).
    """
    chat = _whole(fields, "ChatId")
    change = first(fields, "ChangeType", 32)
    if not chat:
        raise ValueError("a change of no group")
    key = f"g:{chat}:{about.created}"
    if change == "dismiss":
        return [about.event(Event.BOT_REMOVED, Place.GROUP, chat, f"{key}:dismiss")]
    detail = first(fields, "UpdateDetail", 32)
    event = {"add_member": Event.JOIN, "del_member": Event.LEAVE}.get(detail)
    who = [one for one in dict.fromkeys(one.strip() for one in fields.get("MemChangeList/Item", ())) if _is_id(one)]
    if change != "update" or event is None or not who:
        return [Changed(chat)]
    return [about.event(event, Place.GROUP, chat, f"{key}:{detail}:{one}", sender=one, subject=one) for one in who]


def _whole(fields: Fields, name: str) -> str:
    """Return an id; cut off it could be somebody else's.

    Raises:
        ValueError: it is longer than any.
    """
    found = first(fields, name, _ID + 1)
    if len(found) > _ID:
        raise ValueError(name)
    return found


def _is_id(text: str) -> bool:
    return 0 < len(text) <= _ID
