"""The platform: callbacks out with its deadline and its tries, its API in with its limits, and a log of both."""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any, Self

import httpx

from tests.platforms.telegram.wire import Connection, Request, Response
from tests.platforms.wechat.notices import Notices
from tests.platforms.wechat.signin import WHO, Browser, SignIn
from tests.platforms.wechat.signing import APP_ID, ORIGINAL_ID, SECRET, Post, document, opened, signed

PNG = b"\x89PNG\r\n\x1a\n"
_LONGEST_TEXT = 2048
_LARGEST_IMAGE = 10 * 1024 * 1024
_MEDIA_LASTS = 3 * 86_400.0
_GRANTS = {"message": (5, 172_800.0), "subscribe": (3, 60.0), "scan": (3, 60.0), "click": (3, 60.0)}
TEMPLATE, SUBSCRIPTION = "/cgi-bin/message/template/send", "/cgi-bin/message/subscribe/bizsend"
_PLACEHOLDER = "该公众号提供的服务出现故障，请稍后再试"


@dataclass(slots=True)
class Delivery:
    """One thing that reached, or did not reach, a person.

    Attributes:
        way: ``passive``, ``service``, ``fault`` (the platform's own apology after three tries in vain).
        code: 0, or why a customer-service message was refused.
    """

    at: float
    way: str
    who: str
    text: str = ""
    media_id: str = ""
    code: int = 0


@dataclass(slots=True)
class Try:
    """One try of a callback: the status, 0 when it took too long or broke off, and what was answered."""

    status: int
    body: bytes = b""
    seconds: float = 0.0


@dataclass(slots=True)
class _Person:
    follows: bool = True
    grants: dict[str, tuple[int, float]] = field(default_factory=dict)


class FakeWeChat:
    """Start it, point an account at ``url``, act as its followers, read ``log``."""

    def __init__(self, *, aes: bool = True, deadline: float = 5.0, verified: bool = True) -> None:
        """Prepare an account.

        Args:
            aes: the safe mode.
            deadline: seconds that a try may take; 5 in earnest.
            verified: it may send customer-service messages and have a menu.
        """
        self.aes = aes
        self.deadline = deadline
        self.verified = verified
        self.callback = ""
        self.transport: httpx.AsyncBaseTransport | None = None
        self.shift = 0.0
        self.log: list[Delivery] = []
        self.calls: list[str] = []
        self.tokens: dict[str, float] = {}
        self.token_lasts = 7200
        self.forced = 0
        self.left = 500_000
        self.media: dict[str, tuple[bytes, float]] = {}
        self.menu: dict[str, Any] = {}
        self.notices = Notices()
        self.web = SignIn()
        self.url = ""
        self._people: dict[str, _Person] = {}
        self._faults: list[tuple[str, int | bytes | float | None, int]] = []
        self._numbers = itertools.count(6_054_768_590_064_713_728)
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self._serve, self._connections), "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in list(self._connections):
            if connection.transport is not None:
                connection.transport.abort()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    # ---------------------------------------------------------------- people

    def now(self) -> float:
        """The platform's clock."""
        return time.time() + self.shift

    def person(self, who: str) -> _Person:
        """A follower, made where new."""
        return self._people.setdefault(who, _Person())

    def text(self, who: str, text: str, number: int = 0) -> dict[str, str | int]:
        """The document of a person's words."""
        return self._head(who, "text") | {"Content": text, "MsgId": number or next(self._numbers)}

    def event(self, who: str, name: str, key: str = "") -> dict[str, str | int]:
        """The document of an event."""
        return self._head(who, "event") | {"Event": name, "EventKey": key}

    def _head(self, who: str, kind: str) -> dict[str, str | int]:
        return {"ToUserName": ORIGINAL_ID, "FromUserName": who, "CreateTime": int(self.now()), "MsgType": kind}

    async def say(self, who: str, text: str) -> list[Try]:
        """A person writes."""
        self._grant(who, "message")
        return await self.deliver(self.text(who, text))

    async def act(self, who: str, name: str, key: str = "") -> list[Try]:
        """A person follows, scans, clicks, leaves."""
        self.person(who).follows = name != "unsubscribe"
        if name.lower() in _GRANTS:
            self._grant(who, name.lower())
        return await self.deliver(self.event(who, name, key))

    def browser(self, who: str, **more: Any) -> Browser:
        """The browser in a person's WeChat."""
        return Browser(self.url, who, **more)

    def shown(self, who: str) -> list[str]:
        """What a person sees, in order; pictures as their ids."""
        return [d.text or d.media_id for d in self.log if d.who == who and not d.code]

    def _grant(self, who: str, act: str) -> None:
        count, lasts = _GRANTS[act]
        self.person(who).grants[act] = (count, self.now() + lasts)

    # ---------------------------------------------------------------- callbacks

    async def deliver(self, fields: dict[str, str | int]) -> list[Try]:
        """Send a callback, three times if it is not answered in time."""
        who = str(fields["FromUserName"])
        tries: list[Try] = []
        for _ in range(3):
            tries.append(await self.post(signed(document(fields), self.now(), aes=self.aes)))
            if tries[-1].status == 200 and self._answered(who, tries[-1].body):
                return tries
        self.log.append(Delivery(self.now(), "fault", who, _PLACEHOLDER))
        return tries

    def _answered(self, who: str, body: bytes) -> bool:
        if body in (b"success", b""):
            return True
        reply = opened(body, aes=self.aes)
        assert reply["ToUserName"] == who and reply["FromUserName"] == ORIGINAL_ID
        assert reply["MsgType"] == "text" and 0 < len(reply["Content"].encode()) <= _LONGEST_TEXT
        self.log.append(Delivery(self.now(), "passive", who, reply["Content"]))
        return True

    async def post(self, post: Post, method: str = "POST") -> Try:
        """Make one try."""
        began = time.monotonic()
        async with httpx.AsyncClient(transport=self.transport, trust_env=False, timeout=None) as client:
            try:
                async with asyncio.timeout(self.deadline):
                    answer = await client.request(method, f"{self.callback}?{post.tail}", content=post.body)
            except (TimeoutError, httpx.HTTPError):
                return Try(0, seconds=time.monotonic() - began)
        return Try(answer.status_code, answer.content, time.monotonic() - began)

    # ---------------------------------------------------------------- the API

    def fail(self, path: str, how: float | bytes | None, times: int = 1) -> None:
        """Let the next calls fail: an errcode (0 = this one goes well), raw bytes, seconds of delay (a float), or None = cut."""
        self._faults.append((path, how, times))

    def expire_tokens(self) -> None:
        """Every token is over, as after somebody reset the secret."""
        self.tokens.clear()

    async def _serve(self, request: Request) -> Response:
        self.calls.append(request.path)
        for number, (path, how, times) in enumerate(self._faults):
            if path != request.path:
                continue
            if times > 1:
                self._faults[number] = (path, how, times - 1)
            else:
                del self._faults[number]
            if how == 0:
                break
            if how is None:
                return Response(drop=True)
            if isinstance(how, bytes):
                return Response(502 if how.startswith(b"<") else 200, how)
            if isinstance(how, int):
                return _json({"errcode": how, "errmsg": "made to fail"})
            await asyncio.sleep(how)
            break
        return self._answer(request)

    def _answer(self, request: Request) -> Response:
        fields = request.fields()
        match request.method, request.path:
            case "POST", "/cgi-bin/stable_token":
                return _json(self._stable_token(json.loads(request.body)))
            case "GET", "/sns/oauth2/access_token":
                return _json(self.web.exchange(fields))
            case "GET", "/connect/oauth2/authorize":
                return self.web.authorize(fields, request.headers.get(WHO, ""))
        given = str(fields.get("access_token", ""))
        if self.tokens.get(given, 0.0) < self.now():
            return _json({"errcode": 42001 if given in self.tokens else 40001, "errmsg": "access_token"})
        if (request.method, request.path) == ("GET", "/cgi-bin/media/get"):
            found = self.media.get(str(fields.get("media_id")))
            return _json({"errcode": 40007}) if found is None else Response(200, found[0], kind="audio/amr")
        return _json(self._with_token(request, fields))

    def _with_token(self, request: Request, fields: dict[str, str | bytes]) -> dict[str, Any]:
        match request.method, request.path:
            case "POST", "/cgi-bin/message/custom/send":
                return self._send(json.loads(request.body))
            case "POST", "/cgi-bin/media/upload":
                return self._upload(fields)
            case "POST", "/cgi-bin/menu/create":
                return self._set_menu(json.loads(request.body))
            case "GET", "/cgi-bin/menu/get":
                no = 48001 if not self.verified else 46003 if not self.menu else 0
                return {"errcode": no, "errmsg": "no"} if no else {"menu": self.menu}
            case "POST", "/cgi-bin/openapi/quota/get":
                return self._quota(json.loads(request.body).get("cgi_path"))
            case "GET", ("/cgi-bin/template/get_all_private_template" | "/wxaapi/newtmpl/gettemplate"):
                return self.notices.listed(request.path) if self.verified else {"errcode": 48001, "errmsg": "no"}
            case "POST", ("/cgi-bin/message/template/send" | "/cgi-bin/message/subscribe/bizsend"):
                asked = json.loads(request.body)
                known = self._people.get(str(asked.get("touser")))
                follows = None if known is None else known.follows
                return self.notices.send(asked, follows=follows, subscription=request.path == SUBSCRIPTION)
        return {"errcode": 40066, "errmsg": "invalid url"}

    def _quota(self, path: str) -> dict[str, Any]:
        left = {"/cgi-bin/message/custom/send": self.left, TEMPLATE: self.notices.left, SUBSCRIPTION: self.notices.left}
        if path not in left or not self.verified:
            return {"errcode": 48001 if not self.verified else 76021, "errmsg": "no"}
        return {"errcode": 0, "quota": {"daily_limit": 500_000, "used": 0, "remain": left[path]}}

    def _stable_token(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked.get("appid") != APP_ID:
            return {"errcode": 40013, "errmsg": "invalid appid"}
        if asked.get("secret") != SECRET:
            return {"errcode": 40125, "errmsg": "invalid appsecret"}
        living = [token for token, ends in self.tokens.items() if ends > self.now()]
        if living and not asked.get("force_refresh"):
            return {"access_token": living[-1], "expires_in": int(self.tokens[living[-1]] - self.now())}
        if asked.get("force_refresh"):
            self.forced += 1
            self.tokens.clear()
        token = secrets.token_urlsafe(24)
        self.tokens[token] = self.now() + self.token_lasts
        return {"access_token": token, "expires_in": self.token_lasts}

    def _send(self, asked: dict[str, Any]) -> dict[str, Any]:
        who = str(asked["touser"])
        text = str(asked.get("text", {}).get("content", ""))
        media_id = str(asked.get("image", {}).get("media_id", ""))
        code = self._refusal(who, text, media_id)
        self.log.append(Delivery(self.now(), "service", who, text, media_id, code))
        return {"errcode": code, "errmsg": "ok" if not code else "no"}

    def _refusal(self, who: str, text: str, media_id: str) -> int:
        known = self._people.get(who)
        noes = (
            (not self.verified, 48001),
            (known is None, 40003),
            (known is not None and not known.follows, 43004),
            (not text and not media_id, 44004),
            (len(text.encode()) > _LONGEST_TEXT, 45002),
            (bool(media_id) and self.media.get(media_id, (b"", 0.0))[1] < self.now(), 40007),
        )
        code = next((code for no, code in noes if no), 0)
        return code or self._spend(self.person(who))

    def _spend(self, person: _Person) -> int:
        grants = person.grants
        living = [act for act, (_, ends) in grants.items() if ends > self.now()]
        if not living:
            return 45015
        usable = [act for act in living if grants[act][0]]
        if not usable:
            return 45047
        first = min(usable, key=lambda act: grants[act][1])
        grants[first] = (grants[first][0] - 1, grants[first][1])
        return 0

    def _upload(self, fields: dict[str, str | bytes]) -> dict[str, Any]:
        content = fields.get("media")
        if fields.get("type") != "image" or not isinstance(content, bytes):
            return {"errcode": 41005, "errmsg": "media data missing"}
        if not content.startswith(PNG):
            return {"errcode": 40005, "errmsg": "invalid file type"}
        if len(content) > _LARGEST_IMAGE:
            return {"errcode": 40009, "errmsg": "invalid image size"}
        media_id = secrets.token_urlsafe(24)
        self.media[media_id] = (content, self.now() + _MEDIA_LASTS)
        return {"type": "image", "media_id": media_id, "created_at": int(self.now())}

    def _set_menu(self, asked: dict[str, Any]) -> dict[str, Any]:
        if not self.verified:
            return {"errcode": 48001, "errmsg": "api unauthorized"}
        buttons = asked.get("button", [])
        if not 0 < len(buttons) <= 3:
            return {"errcode": 40016, "errmsg": "invalid button size"}
        if any(len(one["name"].encode()) > 16 for one in buttons):
            return {"errcode": 40018, "errmsg": "invalid button name size"}
        self.menu = asked
        return {"errcode": 0, "errmsg": "ok"}


def _json(data: dict[str, Any]) -> Response:
    return Response(200, json.dumps(data).encode())
