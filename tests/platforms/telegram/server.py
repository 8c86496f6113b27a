"""The Bot API, with its limits and its noes, and a log of everything that was asked of it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.platforms.telegram.bodies import Unusable, Upload, picture_of, read_call
from tests.platforms.telegram.chats import Chat, member_update, message_update, person, press_update, refusal
from tests.platforms.telegram.faults import Answer, Delay, Drop, Fault, fault_of
from tests.platforms.telegram.limits import Limits
from tests.platforms.telegram.markup import CannotParse, read, units
from tests.platforms.telegram.wire import Connection, Poster, Request, Response

USUAL = ("message", "edited_message", "callback_query", "my_chat_member", "channel_post")
"""What arrives when nobody says what is wanted: chat_member is not among it."""
SENDING = {"sendMessage", "sendPhoto", "sendDocument"}


class Refused(Exception):
    """The Bot API says no."""

    def __init__(self, status: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.answer = Answer(status, description, parameters)


@dataclass(slots=True)
class Delivery:
    """One call that the bot made.

    Attributes:
        seq: 1, 2, … in the order of arrival.
        at: seconds since the epoch.
        status: 200 when it was done; else the error. 0 when the connection was cut before anything was done.
        cut: it was done, but the bot was not told (its connection was cut).
        text: what people see, without markup.
        thread: the topic that it was said in; 0 = the general one, or no forum.
        entities: (kind, words): bold, text_mention, mention, url …
        buttons: keys, row by row.
    """

    seq: int
    at: float
    method: str
    chat: int
    status: int = 200
    cut: bool = False
    message_id: int = 0
    text: str = ""
    reply_to: int = 0
    thread: int = 0
    entities: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[list[str]] = field(default_factory=list)
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Rule:
    method: str
    fault: Fault
    times: int
    chat: int = 0


class FakeTelegram:
    """Start it, point a bot at `url`, act as its users, read `log`."""

    def __init__(
        self,
        token: str = "1:test",
        *,
        username: str = "tuantuan_bot",
        limits: Limits | None = None,
        privacy: bool = True,
        log_file: Path | None = None,
    ) -> None:
        """Prepare a platform with one bot.

        Args:
            token: what the bot must show; its id is the part before the colon.
            username: the bot's.
            limits: Telegram's own by default; `Limits.none()` for none.
            privacy: the bot sees only commands, mentions and answers in groups that it does not administer.
            log_file: every delivery is appended here too, as JSON lines.
        """
        self.token = token
        self.bot = person(int(token.partition(":")[0]), "团团", bot=True) | {"username": username}
        self.limits = limits or Limits()
        self.privacy = privacy
        self.log: list[Delivery] = []
        self.chats: dict[int, Chat] = {}
        self.webhook = ""
        self.secret = ""
        self.names: dict[int, str] = {}
        self.commands: list[dict[str, str]] = []
        self.files: dict[str, bytes] = {}
        """file_id → what people sent; getFile does not tell the size of those in `unsized`."""
        self.unsized: set[str] = set()
        self.photos: dict[str, tuple[int, int]] = {}
        """file_id → width and height of what bots uploaded; one that is taken away is refused from then on."""
        self.allowed: tuple[str, ...] = USUAL
        self.pending: list[dict[str, Any]] = []
        self.hook: Callable[[str, dict[str, Any]], Fault | None] | None = None
        self._rules: list[_Rule] = []
        self._log_file = log_file
        self._numbers = itertools.count(1000)
        self._news = asyncio.Event()
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._poster: Poster | None = None
        self.url = ""
        self.webhook_info: dict[str, Any] = {"pending_update_count": 0}
        self.can_join = True
        self.met: set[int] = set()
        """Who spoke in a group: known, but not to be written to before they write."""
        self._twins: list[FakeTelegram] = []

    def twin(self, token: str, username: str, *, privacy: bool = True) -> FakeTelegram:
        """Make a second bot on the same platform: its own token, webhook, secret, updates and log; people and limits apart."""
        other = FakeTelegram(token, username=username, limits=self.limits, privacy=privacy)
        other.url = self.url
        self._twins.append(other)
        return other

    # ---------------------------------------------------------------- life

    async def start(self, port: int = 0) -> Self:
        """Listen on loopback; `url` says where."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self._serve, self._connections), "127.0.0.1", port)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def stop(self) -> None:
        """Close every connection."""
        for poster in (self._poster, *(twin._poster for twin in self._twins)):
            if poster is not None:
                poster.close()
        for connection in list(self._connections):
            if connection.transport is not None:
                connection.transport.abort()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # ---------------------------------------------------------------- scripts

    def fail(self, method: str, fault: Fault, *, times: int = 1, chat: int = 0) -> None:
        """Let the next `times` calls of a method (`*`: of any; in one chat or all) meet a fault."""
        self._rules.append(_Rule(method, fault, times, chat))

    def add_group(self, chat: int, title: str = "测试群", *, admin: bool = False, kind: str = "supergroup") -> Chat:
        """Make a group in which the bot is, without telling it."""
        self.chats[chat] = Chat(chat, title, kind, "administrator" if admin else "member")
        return self.chats[chat]

    def chat(self, chat: int) -> Chat:
        """Return a chat; a private one is made when somebody first writes."""
        if chat not in self.chats:
            self.chats[chat] = Chat(chat) if chat > 0 else Chat(chat, "测试群", "supergroup")
        return self.chats[chat]

    def sent(self, chat: int | None = None) -> list[Delivery]:
        """Return what people got to see: messages that went out, also those whose answer was cut off."""
        return [d for d in self.log if d.method in SENDING and d.message_id and chat in (None, d.chat)]

    async def wait_for(self, found: Callable[[], Any], seconds: float = 20.0) -> Any:
        """Wait until `found()` is true and return it.

        Raises:
            AssertionError: it did not come true in time; the last calls are named.
        """
        end = time.monotonic() + seconds
        while not (result := found()):
            if time.monotonic() > end:
                last = [(d.method, d.chat, d.status, d.text[:40]) for d in self.log[-8:]]
                raise AssertionError(f"not within {seconds} s; last calls: {last}")
            await asyncio.sleep(0.01)
        return result

    # ---------------------------------------------------------------- people

    def person(self, user: int, name: str = "") -> dict[str, Any]:
        """Return a user under the name that was given last."""
        if name:
            self.names[user] = name
        return person(user, self.names.get(user, ""))

    async def say(
        self, chat: int, user: int, text: str, *, name: str = "", reply_to: int = 0, thread: int = 0, **more: Any
    ) -> int:
        """Somebody writes, in a forum in a topic; the bot is told if it may read it. Returns the message id."""
        room = self.chat(chat)
        if chat < 0:
            self.met.add(user)
        if thread:
            more = {"message_thread_id": thread, "is_topic_message": True} | more
        update = message_update(room, self.person(user, name), text, reply_to, **more)
        number: int = update["message"]["message_id"]
        if self.readable(room, update["message"]):
            await self.deliver(update)
        return number

    def readable(self, room: Chat, message: dict[str, Any]) -> bool:
        """Say whether privacy mode lets the bot read a message."""
        if room.kind == "private" or room.bot == "administrator" or not self.privacy:
            return room.bot != "left"
        text = message.get("text", "")
        quoted = message.get("reply_to_message", {}).get("from", {}).get("id")
        return room.bot != "left" and (
            text.startswith("/") or f"@{self.bot['username']}" in text or quoted == self.bot["id"]
        )

    async def block(self, user: int) -> None:
        """Somebody shuts the bot out of the private chat."""
        room = self.chat(user)
        room.blocked = True
        await self.deliver(member_update(room, self.bot, self.person(user), "member", "kicked", "my_chat_member"))

    async def press(self, chat: int, user: int, message_id: int, key: str, *, name: str = "") -> None:
        """Somebody presses a button."""
        query = f"q{next(self._numbers)}"
        await self.deliver(press_update(self.chat(chat), self.person(user, name), message_id, key, query))

    async def join(self, chat: int, user: int, *, name: str = "", by: int = 0) -> None:
        """Somebody joins, or is brought by another; told as the service message and, to an administrator, the change."""
        room, who = self.chat(chat), self.person(user, name)
        actor = self.person(by) if by else who
        service = message_update(room, actor, "", new_chat_members=[who])
        del service["message"]["text"]
        await self.deliver(service)
        if room.bot == "administrator":
            await self.deliver(member_update(room, who, actor, "left", "member"))

    async def leave(self, chat: int, user: int, *, name: str = "") -> None:
        """Somebody leaves."""
        who = self.person(user, name)
        service = message_update(self.chat(chat), who, "", left_chat_member=who)
        del service["message"]["text"]
        await self.deliver(service)

    async def add_bot(self, chat: int, by: int, *, title: str = "测试群", admin: bool = False, name: str = "") -> None:
        """Somebody brings the bot into a group."""
        room = self.add_group(chat, title, admin=admin) if chat not in self.chats else self.chats[chat]
        room.bot = "administrator" if admin else "member"
        await self.deliver(member_update(room, self.bot, self.person(by, name), "left", room.bot, "my_chat_member"))

    async def remove_bot(self, chat: int, by: int = 7, *, tell: bool = True) -> None:
        """Throw the bot out: sending there is forbidden from now on."""
        room = self.chat(chat)
        before, room.bot = room.bot, "left"
        if tell:
            await self.deliver(member_update(room, self.bot, self.person(by), before, "kicked", "my_chat_member"))

    async def migrate(self, chat: int, new: int = 0, *, tell: bool = True) -> int:
        """Make a group a supergroup: its id changes, the old one answers 400 with the new one."""
        old = self.chat(chat)
        new = new or chat - 1_000_000_000_000
        self.chats[new] = Chat(new, old.title, "supergroup", old.bot)
        old.moved_to = new
        if tell:
            update = message_update(old, person(7), "", migrate_to_chat_id=new)
            del update["message"]["text"]
            await self.deliver(update)
        return new

    async def deliver(self, update: dict[str, Any], *, patience: float = 10.0) -> int:
        """Hand an update to the bot: to its webhook, again and again until it says 200, or into getUpdates.

        Returns:
            The last status; 0 when nobody answered or the bot does not want such updates.
        """
        update = {"update_id": self.next_update_id()} | update
        if not any(kind in update for kind in self.allowed):
            return 0
        if not self.webhook:
            self.pending.append(update)
            self._news.set()
            return 200
        end = time.monotonic() + patience
        while True:
            status = await self.post_update(update)
            if status == 200 or time.monotonic() > end:
                return status
            await asyncio.sleep(0.1)

    def next_update_id(self) -> int:
        """Return the id of the next update; they only grow."""
        return next(self._numbers)

    async def post_update(self, update: dict[str, Any] | bytes, *, secret: str | None = None) -> int:
        """Post an update (or any bytes) to the webhook once, as it stands; `secret` replaces the right one.

        Returns:
            The status; 0 when nobody answered.
        """
        if self._poster is None or self._poster.url != self.webhook:
            self._poster = Poster(self.webhook)
        if isinstance(update, bytes):
            body = update
        else:
            self._remember(update)
            body = json.dumps(update).encode()
        shown = self.secret if secret is None else secret
        try:
            return await self._poster.post(body, {"x-telegram-bot-api-secret-token": shown} if shown else {})
        except OSError:
            return 0

    def _remember(self, update: dict[str, Any]) -> None:
        """Know a message that a test made by hand, so that the bot can quote it and react to it."""
        message = update.get("message")
        if isinstance(message, dict) and isinstance(message.get("message_id"), int):
            room = self.chat(message["chat"]["id"])
            room.messages.setdefault(message["message_id"], message)
            room.last = max(room.last, message["message_id"])

    # ---------------------------------------------------------------- the Bot API

    def _serve(self, request: Request) -> Any:
        if request.path.startswith("/_/"):
            return self._control(request)
        for twin in self._twins:
            if request.path.startswith((f"/bot{twin.token}/", f"/file/bot{twin.token}/")):
                return twin._serve(request)
        prefix = f"/bot{self.token}/"
        files = f"/file{prefix}"
        if request.path.startswith(files):
            content = self.files.get(request.path[len(files) :].removeprefix("voice/"))
            return _no(Answer(404, "Not Found")) if content is None else Response(body=content, kind="audio/ogg")
        if not request.path.startswith(prefix):
            return _no(Answer(401 if request.path.startswith("/bot") else 404, "Unauthorized"))
        method = request.path[len(prefix) :]
        try:
            params = read_call(request)
        except (ValueError, UnicodeError) as error:
            return _no(Answer(400, f"Bad Request: {type(error).__name__}"))
        if method == "getUpdates":
            return self._updates(params)
        return self._call(method, params)

    def _call(self, method: str, params: dict[str, Any]) -> Any:
        chat = params.get("chat_id", 0)
        entry = Delivery(len(self.log) + 1, time.time(), method, chat if isinstance(chat, int) else 0, params=params)
        self.log.append(entry)
        fault = self._fault(method, params, entry.chat)
        if isinstance(fault, Drop) and not fault.after_sending:
            entry.status = 0
            return self._done(entry, Response(drop=True))
        if isinstance(fault, Answer):
            entry.status = fault.status
            return self._done(entry, _no(fault))
        try:
            response = Response(body=json.dumps({"ok": True, "result": self._run(method, params, entry)}).encode())
        except Refused as refused:
            entry.status = refused.answer.status
            response = _no(refused.answer)
        if isinstance(fault, Drop):
            entry.cut = True
            response = Response(drop=True)
        return self._done(entry, response, fault.seconds if isinstance(fault, Delay) else 0.0)

    def _done(self, entry: Delivery, response: Response, wait: float = 0.0) -> Any:
        if self._log_file is not None:
            with self._log_file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(entry), ensure_ascii=False, default=str) + "\n")
        if not wait:
            return response

        async def later() -> Response:
            await asyncio.sleep(wait)
            return response

        return later()

    def _fault(self, method: str, params: dict[str, Any], chat: int) -> Fault | None:
        if self.hook is not None and (fault := self.hook(method, params)) is not None:
            return fault
        for rule in self._rules:
            if rule.times > 0 and rule.method in (method, "*") and rule.chat in (0, chat):
                rule.times -= 1
                return rule.fault
        return None

    def _run(self, method: str, params: dict[str, Any], entry: Delivery) -> Any:  # noqa: PLR0911, C901  (one arm a method)
        match method:
            case "getMe":
                return self.bot | {"can_join_groups": self.can_join, "can_read_all_group_messages": not self.privacy}
            case "setWebhook":
                self.webhook, self.secret = params.get("url", ""), params.get("secret_token", "")
                self.allowed = tuple(params.get("allowed_updates") or USUAL)
                return True
            case "getWebhookInfo":
                return {"url": self.webhook, "has_custom_certificate": False} | self.webhook_info
            case "deleteWebhook":
                self.webhook = self.secret = ""
                return True
            case "getFile":
                return self._file(str(params["file_id"]))
            case "setMyCommands":
                self.commands = params["commands"]
                return True
            case "answerCallbackQuery":
                return True
            case "sendMessage" | "sendPhoto" | "sendDocument":
                return self._send(self._room(entry.chat), method, params, entry)
            case "editMessageText" | "editMessageCaption":
                return self._edit(self._room(entry.chat), method, params, entry)
            case "sendMessageDraft":
                room = self._room(entry.chat)
                if room.id < 0 or not params.get("draft_id"):
                    raise Refused(400, "Bad Request: drafts are shown in private chats")
                return True
            case "setMessageReaction":
                if params["message_id"] not in self._room(entry.chat).messages:
                    raise Refused(400, "Bad Request: message to react not found")
                no = refusal(self.chats[entry.chat], method, params)
                if no:
                    raise Refused(400, f"Bad Request: {no}")
                entry.text = "".join(reaction.get("emoji", "") for reaction in params.get("reaction", []))
                return True
        raise Refused(404, "Not Found")

    def _file(self, name: str) -> dict[str, Any]:
        if name not in self.files and name not in self.unsized:
            raise Refused(400, "Bad Request: invalid file_id")
        size = {} if name in self.unsized else {"file_size": len(self.files[name])}
        return {"file_id": name, "file_unique_id": name, "file_path": f"voice/{name}", **size}

    def _photo(self, photo: object) -> tuple[str, tuple[int, int]]:
        """Return the id and the size of a picture that is uploaded, or was before."""
        if isinstance(photo, Upload) or not isinstance(photo, str):
            name = f"photo{next(self._numbers)}"
            try:
                self.photos[name] = picture_of(photo)
            except Unusable as error:
                raise Refused(400, f"Bad Request: {error}") from error
            return name, self.photos[name]
        if photo not in self.photos:
            raise Refused(400, "Bad Request: wrong file identifier/HTTP URL specified")
        return photo, self.photos[photo]

    def _room(self, chat: int) -> Chat:
        room = self.chats.get(chat)
        if room is None and chat in self.met:
            raise Refused(403, "Forbidden: bot can't initiate conversation with a user")
        if room is None:
            raise Refused(400, "Bad Request: chat not found")
        if room.moved_to:
            text = "Bad Request: group chat was upgraded to a supergroup chat"
            raise Refused(400, text, migrate_to_chat_id=room.moved_to)
        if room.bot == "left":
            raise Refused(403, "Forbidden: bot was kicked from the supergroup chat")
        if room.blocked:
            raise Refused(403, "Forbidden: bot was blocked by the user")
        return room

    def _send(self, room: Chat, method: str, params: dict[str, Any], entry: Delivery) -> dict[str, Any]:
        self._words(params, entry, "text" if method == "sendMessage" else "caption", 4096 if "text" in params else 1024)
        quoted = (params.get("reply_parameters") or {}).get("message_id", 0)
        topic = room.messages.get(quoted, {}).get("message_thread_id", 0)
        if topic and not params.get("message_thread_id"):
            params = params | {"message_thread_id": topic}  # a quote goes where the quoted words are
        no = refusal(room, method, params)
        if no:
            raise Refused(400, f"Bad Request: {no}")
        entry.thread = params.get("message_thread_id", 0)
        wait = self.limits.admit(room.id, asyncio.get_running_loop().time())
        if wait:
            raise Refused(429, f"Too Many Requests: retry after {wait}", retry_after=wait)
        if quoted and quoted not in room.messages:
            if not params["reply_parameters"].get("allow_sending_without_reply"):
                raise Refused(400, "Bad Request: message to be replied not found")
            quoted = 0
        entry.reply_to = quoted
        entry.message_id = room.next_id()
        message = {"message_id": entry.message_id, "from": self.bot, "chat": room.json(), "date": int(time.time())}
        if method == "sendMessage":
            message["text"] = entry.text
        elif method == "sendDocument":
            message["document"] = {"file_id": "f", "file_unique_id": "u"}
        else:
            name, (width, height) = self._photo(params.get("photo"))
            message["photo"] = [{"file_id": name, "file_unique_id": name, "width": width, "height": height}]
        if method != "sendMessage":
            message["caption"] = entry.text
        room.messages[entry.message_id] = message
        return message

    def _edit(self, room: Chat, method: str, params: dict[str, Any], entry: Delivery) -> dict[str, Any]:
        kind = "text" if method == "editMessageText" else "caption"
        self._words(params, entry, kind, 4096 if kind == "text" else 1024)
        message = room.messages.get(params["message_id"])
        if message is None or message["from"]["id"] != self.bot["id"]:
            raise Refused(400, "Bad Request: message to edit not found")
        if kind not in message:
            raise Refused(400, f"Bad Request: there is no {kind} in the message to edit")
        if message[kind] == entry.text:
            raise Refused(400, "Bad Request: message is not modified")
        message[kind] = entry.text
        entry.message_id = params["message_id"]
        return message

    @staticmethod
    def _words(params: dict[str, Any], entry: Delivery, name: str, limit: int) -> None:
        try:
            entry.text, entry.entities = read(str(params.get(name, "")), params.get("parse_mode"))
        except CannotParse as error:
            raise Refused(400, f"Bad Request: can't parse entities: {error}") from error
        if name == "text" and not entry.text.strip():
            raise Refused(400, "Bad Request: message text is empty")
        if units(entry.text) > limit:
            raise Refused(400, "Bad Request: message is too long")
        for row in (params.get("reply_markup") or {}).get("inline_keyboard", []):
            if not all(1 <= len(button["callback_data"].encode()) <= 64 for button in row):
                raise Refused(400, "Bad Request: BUTTON_DATA_INVALID")
            entry.buttons.append([button["callback_data"] for button in row])

    async def _updates(self, params: dict[str, Any]) -> Response:
        fault = self._fault("getUpdates", params, 0)
        if isinstance(fault, Answer):
            return _no(fault)
        if isinstance(fault, Drop):
            return Response(drop=True)
        if self.webhook:
            return _no(Answer(409, "Conflict: can't use getUpdates method while webhook is active"))
        if "allowed_updates" in params:
            self.allowed = tuple(params["allowed_updates"])
        offset = int(params.get("offset", 0))
        self.pending = [update for update in self.pending if update["update_id"] >= offset]
        if not self.pending:
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), float(params.get("timeout", 0)))
        found = self.pending[: int(params.get("limit", 100))]
        return Response(body=json.dumps({"ok": True, "result": found}).encode())

    # ---------------------------------------------------------------- from another process

    async def _control(self, request: Request) -> Response:
        asked = json.loads(request.body or b"{}")
        match request.path:
            case "/_/log":
                after = int(request.fields().get("after", 0))
                result: Any = {"entries": [asdict(entry) for entry in self.log[after:]], "next": len(self.log)}
            case "/_/update":
                result = {"status": await self.deliver(asked)}
            case "/_/say":
                result = {
                    "message_id": await self.say(asked.pop("chat"), asked.pop("user"), asked.pop("text"), **asked)
                }
            case "/_/fail":
                self.fail(asked["method"], fault_of(asked), times=asked.get("times", 1), chat=asked.get("chat", 0))
                result = {}
            case "/_/groups":
                self.add_group(asked["id"], asked.get("title", "测试群"), admin=bool(asked.get("admin", True)))
                result = {}
            case "/_/limits":
                self.limits = Limits(**asked)
                result = {}
            case "/_/migrate":
                result = {"id": await self.migrate(asked["chat"])}
            case "/_/remove":
                await self.remove_bot(asked["chat"])
                result = {}
            case _:
                return Response(404)
        return Response(body=json.dumps(result, ensure_ascii=True, default=str).encode())


def _no(answer: Answer) -> Response:
    if answer.raw is not None:
        return Response(answer.status, answer.raw, kind="text/html")
    body: dict[str, Any] = {"ok": False, "error_code": answer.status, "description": answer.description}
    if answer.parameters:
        body["parameters"] = answer.parameters
    return Response(answer.status, json.dumps(body).encode())
