"""WeCom's side of the long connection: subscription, one connection per bot, signs of life, limits, streams, and a log."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.platforms.wecom_bot.store import Laid, Media

STREAM_BYTES = 20_480
_QUIET = logging.getLogger("tests.platforms.wecom_bot")
_QUIET.setLevel(logging.WARNING)  # what the bot says about itself stands in its own log, or nowhere
TOO_MANY, NO_CALLBACK, STREAM_OVER, NEVER_SPOKE, BAD_REQUEST = 846607, 846605, 846608, 846610, 40058


class Hangup(StrEnum):
    """How a connection ends."""

    CLOSE = "close"
    """A farewell: code 1000."""
    AWAY = "away"
    """The server is restarted: code 1001, and for a moment it answers 503."""
    ERROR = "error"
    """Code 1011."""
    RESET = "reset"
    """The line is cut without a word."""
    SILENCE = "silence"
    """The line stays open and messages still come, but no sign of life is answered."""
    GONE = "gone"
    """The network is gone: nothing arrives on either side, and nobody hears of an end."""


@dataclass(slots=True)
class Seen:
    """A message as people see it.

    Attributes:
        by: ``stream``, ``welcome`` or ``send``.
        finished: a stream that is complete; others always are.
        frames: how often a stream was written.
    """

    chat: str
    by: str
    text: str
    stream: str = ""
    finished: bool = True
    frames: int = 1
    buttons: list[str] = field(default_factory=list)
    feedback: str = ""
    media: Media | None = None
    task: str = ""
    """A card's number; ``changed``: what its readers see in its place, by person, "" = everybody."""
    changed: dict[str, tuple[str, list[str]]] = field(default_factory=dict)


@dataclass(slots=True)
class _Callback:
    chat: str
    at: float
    kind: str
    answered: bool = False
    task: str = ""
    streams: dict[str, Seen] = field(default_factory=dict)
    opened: dict[str, float] = field(default_factory=dict)


class FakeWecomBot:
    """One AI bot's platform.

    Attributes:
        log: (what, detail) of everything that happened: connected, subscribed, refused, kicked, ping, frame, lost.
        seen: messages in the order in which they first appeared.
        delay: seconds before a frame is read: a slow server.
        laid: what the bot laid down.
        per_minute, per_hour: messages in a conversation.
        patience: seconds without a sign of life after which a connection is closed.
        refuse: errcodes that the next messages get, in order, without being said.
        lose_answers: so many frames take effect but are not answered: the line is cut instead.
    """

    def __init__(self, bot_id: str = "bot-1", secret: str = "shared") -> None:
        self.bot_id, self.secret = bot_id, secret
        self.per_minute, self.per_hour = 30, 1000
        self.patience = 90.0
        self.delay = 0.0
        self.lose_answers = 0
        self.refuse: list[int] = []
        self.refuse_handshakes = 0
        self.welcome_seconds, self.stream_seconds = 5.0, 600.0
        self.log: list[tuple[str, str]] = []
        self.seen: list[Seen] = []
        self.live: ServerConnection | None = None
        self.most_live = 0
        self.laid = Laid()
        self._muted: set[ServerConnection] = set()
        self._gone: set[ServerConnection] = set()
        self._subscribed: set[ServerConnection] = set()
        self._callbacks: dict[str, _Callback] = {}
        self._spoken: set[str] = set()
        self._sent: defaultdict[str, deque[float]] = defaultdict(deque)
        self._tasks: set[str] = set()
        self._numbers = itertools.count(1)
        self._server: Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            0,
            process_request=self._handshake,
            ping_interval=None,
            close_timeout=0.2,
            logger=_QUIET,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """Where it listens."""
        assert self._server is not None
        return f"ws://127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}"

    # ---------------------------------------------------------------- what people do

    async def say(self, user: str, text: str, *, group: str = "", msgid: str = "", **more: Any) -> str:
        """Say something; returns the message's number. The same number again is a repetition."""
        msgid = msgid or f"msg{next(self._numbers)}"
        chat = group or user
        self._spoken.add(chat)
        body = {
            "msgid": msgid,
            "aibotid": self.bot_id,
            "chattype": "group" if group else "single",
            "from": {"userid": user},
            "msgtype": "text",
            "text": {"content": text},
            **({"chatid": group} if group else {}),
            **more,
        }
        await self._tell("aibot_msg_callback", chat, "message", body)
        return msgid

    async def enter(self, user: str, **more: Any) -> None:
        """Open the private chat."""
        await self.event(user, {"eventtype": "enter_chat"}, **more)

    async def press(self, user: str, key: str, **more: Any) -> None:
        """Press a button of the latest card that has it; ``key`` without the mark that the bot puts before some."""
        found = ((one.task, full) for one in reversed(self.seen) for full in one.buttons if full.lstrip("!") == key)
        task, full = next(found, ("t", key))
        card = {"card_type": "button_interaction", "event_key": full, "task_id": task}
        await self.event(user, {"eventtype": "template_card_event", "template_card_event": card}, **more)

    async def event(self, user: str, event: dict[str, Any], **more: Any) -> None:
        """Tell of an event in a private chat."""
        body = {
            "msgid": f"evt{next(self._numbers)}",
            "aibotid": self.bot_id,
            "chattype": "single",
            "from": {"userid": user},
            "msgtype": "event",
            "create_time": int(time.time()),
            "event": event,
            **more,
        }
        await self._tell("aibot_event_callback", user, event["eventtype"], body)

    async def _tell(self, cmd: str, chat: str, kind: str, body: dict[str, Any]) -> None:
        assert self.live is not None, "nobody is connected: the platform drops this"
        req_id = f"req{next(self._numbers)}"
        task = body.get("event", {}).get("template_card_event", {}).get("task_id", "")
        self._callbacks[req_id] = _Callback(chat, time.monotonic(), kind, task=task)
        await self.live.send(json.dumps({"cmd": cmd, "headers": {"req_id": req_id}, "body": body}))

    async def hang_up(self, how: Hangup) -> None:
        """End the live connection."""
        live = self.live
        assert live is not None
        self.log.append(("hung up", how.value))
        match how:
            case Hangup.CLOSE:
                await live.close(1000)
            case Hangup.AWAY:
                self.refuse_handshakes = 2
                await live.close(1001)
            case Hangup.ERROR:
                await live.close(1011)
            case Hangup.RESET:
                live.transport.abort()
            case Hangup.SILENCE:
                self._muted.add(live)
                return
            case Hangup.GONE:
                self._gone.add(live)
                live.transport.pause_reading()
        self._forget(live)

    # ---------------------------------------------------------------- what came of it

    def shown(self, chat: str) -> list[str]:
        """Return what people see in a chat."""
        return [one.text for one in self.seen if one.chat == chat]

    def count(self, what: str) -> int:
        """Count what happened."""
        return sum(1 for kind, _detail in self.log if kind == what)

    async def wait_for(self, wanted: Callable[[], object], seconds: float = 10.0) -> None:
        """Wait until something is so."""
        end = time.monotonic() + seconds
        while not wanted():
            assert time.monotonic() < end, (self.log[-20:], self.seen[-5:])
            await asyncio.sleep(0.01)

    # ---------------------------------------------------------------- the connection

    def _handshake(self, connection: ServerConnection, _request: Request) -> Response | None:
        if self.refuse_handshakes > 0:
            self.refuse_handshakes -= 1
            self.log.append(("unavailable", ""))
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "restarting\n")
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        self.log.append(("connected", ""))
        try:
            while True:
                async with asyncio.timeout(self.patience):
                    raw = await connection.recv()
                if self.delay:
                    await asyncio.sleep(self.delay)
                frame = json.loads(raw)
                if connection in self._gone or (connection in self._muted and frame["cmd"] == "ping"):
                    continue
                code, told = await self._take(connection, frame)
                if self.lose_answers and frame["cmd"].startswith(("aibot_respond", "aibot_send")):
                    self.lose_answers -= 1
                    self.log.append(("lost", frame["cmd"]))
                    connection.transport.abort()
                    return
                answer = {"headers": frame["headers"], "errcode": code, "errmsg": "ok" if not code else "no"}
                if told:
                    answer["body"] = told
                await connection.send(json.dumps(answer))
        except TimeoutError:
            self.log.append(("no sign of life", ""))
            await connection.close(1000)
        except ConnectionClosed:
            pass
        finally:
            self._forget(connection)

    def _forget(self, connection: ServerConnection) -> None:
        self._subscribed.discard(connection)
        if self.live is connection:
            self.live = None

    async def _take(self, connection: ServerConnection, frame: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        cmd, body = frame["cmd"], frame.get("body") or {}
        if cmd == "aibot_subscribe":
            return await self._subscribe(connection, body), {}
        if cmd.startswith("aibot_upload_") and connection in self._subscribed:
            self.log.append(("upload", cmd))
            return self.laid.take(cmd, body)
        return await self._said(connection, frame, cmd, body), {}

    async def _said(self, connection: ServerConnection, frame: dict[str, Any], cmd: str, body: dict[str, Any]) -> int:
        if connection not in self._subscribed:
            self.log.append(("not subscribed", cmd))
            return BAD_REQUEST
        if cmd == "ping":
            self.log.append(("ping", ""))
            return 0
        self.log.append(("frame", cmd))
        req_id = frame["headers"]["req_id"]
        if self.refuse:
            return self.refuse.pop(0)
        if cmd == "aibot_send_msg":
            return self._send(body)
        callback = self._callbacks.get(req_id)
        if callback is None or time.monotonic() - callback.at > 86_400:
            return NO_CALLBACK
        if cmd == "aibot_respond_welcome_msg":
            return self._welcome(callback, body)
        if cmd == "aibot_respond_update_msg":
            return self._change(callback, body)
        return self._stream(callback, body["stream"]) if body.get("msgtype") == "stream" else BAD_REQUEST

    async def _subscribe(self, connection: ServerConnection, body: dict[str, Any]) -> int:
        if (body.get("bot_id"), body.get("secret")) != (self.bot_id, self.secret):
            self.log.append(("refused", ""))
            return BAD_REQUEST
        older, self.live = self.live, connection
        self._subscribed.add(connection)
        self.log.append(("subscribed", ""))
        if older is not None and older is not connection:
            self.log.append(("kicked", ""))
            self._subscribed.discard(older)
            event = {"msgtype": "event", "event": {"eventtype": "disconnected_event"}}
            with contextlib.suppress(ConnectionClosed):
                await older.send(json.dumps({"cmd": "aibot_event_callback", "headers": {"req_id": "k"}, "body": event}))
                await older.close(1000)
        self.most_live = max(self.most_live, len(self._subscribed))
        return 0

    # ---------------------------------------------------------------- messages

    def _admit(self, chat: str) -> bool:
        now = time.monotonic()
        sent = self._sent[chat]
        while sent and sent[0] <= now - 3600:
            sent.popleft()
        lately = sum(1 for at in sent if at > now - 60)
        if lately >= self.per_minute or len(sent) >= self.per_hour:
            self.log.append(("too many", chat))
            return False
        sent.append(now)
        return True

    def _stream(self, callback: _Callback, stream: dict[str, Any]) -> int:
        number, text = stream["id"], stream["content"]
        if callback.kind != "message" or len(text.encode()) > STREAM_BYTES:
            return BAD_REQUEST
        seen = callback.streams.get(number)
        if seen is None:
            if callback.streams:
                return NO_CALLBACK
            if not self._admit(callback.chat):
                return TOO_MANY
            seen = callback.streams[number] = Seen(callback.chat, "stream", text, number, finished=False, frames=0)
            callback.opened[number] = time.monotonic()
            self.seen.append(seen)
        elif seen.finished or time.monotonic() - callback.opened[number] > self.stream_seconds:
            return STREAM_OVER
        if not seen.frames:
            seen.feedback = stream.get("feedback", {}).get("id", "")
        seen.text, seen.finished = text, bool(stream["finish"])
        seen.frames += 1
        return 0

    def _welcome(self, callback: _Callback, body: dict[str, Any]) -> int:
        late = time.monotonic() - callback.at > self.welcome_seconds
        if callback.kind != "enter_chat" or callback.answered or late:
            return NO_CALLBACK
        if not self._admit(callback.chat):
            return TOO_MANY
        callback.answered = True
        self.seen.append(Seen(callback.chat, "welcome", body["text"]["content"]))
        return 0

    def _change(self, callback: _Callback, body: dict[str, Any]) -> int:
        """Put another card in the place of the one that was pressed: within five seconds, once."""
        late = time.monotonic() - callback.at > self.welcome_seconds
        if callback.kind != "template_card_event" or callback.answered or late:
            return NO_CALLBACK
        card = body["template_card"]
        keys = [one["key"] for one in card["button_list"]]
        shown = next((one for one in self.seen if one.task == callback.task), None)
        if (
            body["response_type"] != "update_template_card"
            or card["task_id"] != callback.task
            or shown is None
            or not keys
        ):
            return BAD_REQUEST
        callback.answered = True
        for person in body.get("userids") or [""]:
            shown.changed[person] = card["main_title"]["title"], keys
        return 0

    def _send(self, body: dict[str, Any]) -> int:
        chat = body["chatid"]
        if chat not in self._spoken:
            return NEVER_SPOKE
        buttons: list[str] = []
        text = task = ""
        media = None
        if body["msgtype"] in ("image", "file"):
            media = self.laid.media.get(body[body["msgtype"]]["media_id"])
            if media is None or media.kind != body["msgtype"]:
                return BAD_REQUEST
            text = media.name
        elif body["msgtype"] == "template_card":
            card = body["template_card"]
            buttons = [one["key"] for one in card["button_list"]]
            text = card["main_title"]["title"]
            if not 0 < len(buttons) <= 6 or card["task_id"] in self._tasks or not text:
                return BAD_REQUEST
            self._tasks.add(task := card["task_id"])
        elif body["msgtype"] == "markdown":
            text = body["markdown"]["content"]
        if not text or len(text.encode()) > STREAM_BYTES:
            return BAD_REQUEST
        if not self._admit(chat):
            return TOO_MANY
        self.seen.append(Seen(chat, "send", text, buttons=buttons, media=media, task=task))
        return 0
