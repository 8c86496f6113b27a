"""The fake: tokens that end, members, appchats, robots, customer groups, and mass-sends that wait for the leader's tap.

It is an ASGI application, so a test reaches it through ``httpx.ASGITransport`` or serves it on the loopback. ``now`` is moved by
the test. What reaches somebody stands in ``log``; what WeCom throws away without a word stands in ``dropped``.
"""

from __future__ import annotations

import asyncio
import base64
import calendar
import hashlib
import itertools
import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import httpx

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

_CHINA = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something that somebody sees: where (``user:…``, ``appchat:…``, ``robot:…``, ``group:…``), what, when."""

    to: str
    kind: str
    content: str
    at: datetime


@dataclass(slots=True)
class Template:
    """A mass-send that a leader has to confirm."""

    msgid: str
    leader: str
    chats: tuple[str, ...]
    text: str
    link: str
    status: dict[str, int]
    made_at: datetime
    cancelled: bool = False
    reminded: list[datetime] = field(default_factory=list)


class No(Exception):
    """An errcode."""


@dataclass(slots=True)
class FakeWecom:
    """One company with one app.

    Attributes:
        per_month: mass-sends that a customer group takes in a calendar month; 0 = the days of the month.
        unlisted: tasks that the list of tasks does not show (yet).
        script: path → answers to give instead, in order: an int is an errcode, ``"drop"`` cuts the connection before anything
            happens, ``"cut"`` cuts it after the call was carried out, a float is the seconds it takes, a dict is the answer, a
            function is what somebody does meanwhile, and returns one of these, or None.
    """

    now: datetime
    corp_id: str = "ww-sample"
    secret: str = "secret-of-a-sample"
    agent_id: int = 7
    members: set[str] = field(default_factory=lambda: {"leader", "staff"})
    appchats: set[str] = field(default_factory=set)
    chat_members: dict[str, list[str]] = field(default_factory=dict)
    robots: set[str] = field(default_factory=set)
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    statistics: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    per_month: int = 0
    unlisted: set[str] = field(default_factory=set)
    page: int = 100
    script: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    log: list[Delivery] = field(default_factory=list)
    dropped: list[Delivery] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    templates: dict[str, Template] = field(default_factory=dict)
    _tokens: dict[str, datetime] = field(default_factory=dict)
    _met: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def client(self) -> httpx.AsyncClient:
        """Return a client whose every call comes here."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self), base_url="http://wecom.example")

    def add_group(self, chat: str, owner: str, *externals: str, name: str = "阳光花园") -> None:
        """Make a customer group."""
        joined = int(self.now.timestamp())
        people = [{"userid": owner, "type": 1, "join_time": joined}]
        people += [{"userid": one, "type": 2, "join_time": joined} for one in externals]
        self.groups[chat] = {"chat_id": chat, "name": name, "owner": owner, "member_list": people}

    def confirm(self, msgid: str) -> None:
        """The leader taps: each group gets it, or has had too many this month."""
        template = self.templates[msgid]
        assert not template.cancelled, "it was recalled; the leader sees no button"
        for chat, status in template.status.items():
            if status != 0:
                continue
            month = [one for one in self.log if one.to == f"group:{chat}" and _month(one.at) == _month(self.now)]
            if len(month) >= (self.per_month or _days(self.now)):
                template.status[chat] = 3
                continue
            template.status[chat] = 1
            self.log.append(Delivery(f"group:{chat}", "mass", f"{template.text}\n{template.link}".strip(), self.now))

    def expire_tokens(self) -> None:
        """Take no token any more that was given out."""
        self._tokens.clear()

    # ---------------------------------------------------------------- the wire

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        path = scope["path"].removeprefix("/cgi-bin/")
        query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
        self.calls.append(path)
        scripted = self.script[path].pop(0) if self.script[path] else None
        if callable(scripted):
            scripted = scripted()
        if scripted == "drop":
            raise httpx.ConnectError("dropped")
        if isinstance(scripted, float):
            await asyncio.sleep(scripted)
        if isinstance(scripted, dict):
            answer = scripted
        else:
            try:
                answer = {"errcode": 0, "errmsg": "ok"} | self._scripted(scripted, path, query, body)
            except No as no:
                answer = {"errcode": no.args[0], "errmsg": "hint: somebody's address"}
        if scripted == "cut":
            raise httpx.ReadError("cut")
        data = json.dumps(answer).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": data})

    def _scripted(self, scripted: Any, path: str, query: dict[str, str], body: bytes) -> dict[str, Any]:
        if isinstance(scripted, int):
            raise No(scripted)
        return self._answer(path, query, json.loads(body or b"null") or dict(query))

    def _answer(self, path: str, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        if path == "gettoken":
            return self._give_token(query)
        if path == "webhook/send":
            return self._robot(query.get("key", ""), body)
        if self._tokens.get(query.get("access_token", ""), self.now) <= self.now:
            raise No(42001)
        calls = {
            "message/send": self._message,
            "appchat/send": self._appchat,
            "appchat/create": self._create,
            "appchat/get": self._chat,
            "appchat/update": self._change_chat,
            "externalcontact/groupchat/list": self._list,
            "externalcontact/groupchat/get": self._group,
            "externalcontact/groupchat/statistic_group_by_day": self._statistic,
            "externalcontact/add_msg_template": self._template,
            "externalcontact/get_groupmsg_send_result": self._result,
            "externalcontact/remind_groupmsg_send": self._remind,
            "externalcontact/cancel_groupmsg_send": self._cancel,
            "externalcontact/get_groupmsg_list_v2": self._tasks,
            "agent/get": self._agent,
            "externalcontact/get_follow_user_list": self._serving,
        }
        if path not in calls:
            raise No(40058)
        return calls[path](body)

    def _agent(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["agentid"] != str(self.agent_id):
            raise No(301002)
        return {"agentid": self.agent_id, "name": "sample"}

    def _serving(self, _body: dict[str, Any]) -> dict[str, Any]:
        return {"follow_user": sorted(self.members)}

    def _tasks(self, body: dict[str, Any]) -> dict[str, Any]:
        if not 0 < body["limit"] <= 100 or body["end_time"] - body["start_time"] > 31 * 86400:
            raise No(40058)
        made = [
            one
            for one in self.templates.values()
            if body["start_time"] <= one.made_at.timestamp() <= body["end_time"] and one.msgid not in self.unlisted
        ]
        start = int(body.get("cursor") or 0)
        rows = [
            {
                "msgid": one.msgid,
                "create_time": str(int(one.made_at.timestamp())),
                "create_type": 0,
                "text": {"content": one.text},
                "attachments": [{"msgtype": "link", "link": {"title": "", "url": one.link}}] if one.link else [],
            }
            for one in made[start : start + body["limit"]]
        ]
        end = start + len(rows)
        return {"group_msg_list": rows, "next_cursor": str(end) if end < len(made) else ""}

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        people = body["userlist"]
        if not 2 <= len(people) <= 2000 or not set(people) <= self.members:
            raise No(86006)
        if body.get("owner") not in people:
            raise No(86005)
        chat = body.get("chatid") or f"chat{next(self._numbers)}"
        if chat in self.appchats or len(chat) > 32 or not chat.isalnum():
            raise No(86215)
        self.appchats.add(chat)
        self.chat_members[chat] = list(people)
        return {"chatid": chat}

    def _chat(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["chatid"] not in self.appchats:
            raise No(86003)
        return {"chat_info": {"chatid": body["chatid"], "userlist": self.chat_members.get(body["chatid"], [])}}

    def _change_chat(self, body: dict[str, Any]) -> dict[str, Any]:
        people = self.chat_members[body["chatid"]]
        if not set(body["add_user_list"]) <= self.members:
            raise No(86006)
        people[:] = [one for one in [*people, *body["add_user_list"]] if one not in body["del_user_list"]]
        if body["owner"] not in people:
            raise No(86005)
        return {}

    def _group(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["chat_id"] not in self.groups:
            raise No(86003)
        return {"group_chat": self.groups[body["chat_id"]]}

    def _statistic(self, body: dict[str, Any]) -> dict[str, Any]:
        first, last = body["day_begin_time"], body.get("day_end_time", body["day_begin_time"])
        if not 0 <= last - first < 30 * 86400 or first < (self.now - timedelta(days=180)).timestamp():
            raise No(40058)
        if last >= self.now.timestamp() or not 0 < len(body["owner_filter"]["userid_list"]) <= 100:
            raise No(40058)
        (owner,) = body["owner_filter"]["userid_list"]
        kept = self.statistics.get(owner, [])
        return {"items": [one for one in kept if type(at := one["stat_time"]) is not int or first <= at <= last]}

    def _result(self, body: dict[str, Any]) -> dict[str, Any]:
        template = self._known(body)
        if not 0 < body.get("limit", 500) <= 1000:
            raise No(40058)
        asked = template.status if body["userid"] == template.leader else {}
        rows = [{"chat_id": chat, "status": status} for chat, status in asked.items()]
        return {"send_list": rows, "next_cursor": ""}

    def _cancel(self, body: dict[str, Any]) -> dict[str, Any]:
        template = self._known(body)
        if any(template.status.values()):
            raise No(41095)
        template.cancelled = True
        return {}

    def _give_token(self, query: dict[str, str]) -> dict[str, Any]:
        if query.get("corpid") != self.corp_id:
            raise No(40013)
        if query.get("corpsecret") != self.secret:
            raise No(40001)
        words = f"token{next(self._numbers)}"
        self._tokens[words] = self.now + timedelta(seconds=7200)
        return {"access_token": words, "expires_in": 7200}

    def _over(self, name: str, *limits: tuple[int, int]) -> bool:
        met = self._met[name]
        over = any(sum(at > self.now - timedelta(seconds=seconds) for at in met) >= most for most, seconds in limits)
        if not over:
            met.append(self.now)
        return over

    def _message(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["agentid"] != self.agent_id:
            raise No(40056)
        content = body["text"]["content"]
        if not content:
            raise No(44004)
        known = [who for who in body["touser"].split("|") if who in self.members]
        if not known:
            raise No(81013)
        for who in known:
            seen = Delivery(f"user:{who}", "text", content.encode()[:2048].decode("utf-8", "ignore"), self.now)
            # Above the limits WeCom says yes, and nobody sees it.
            (self.dropped if self._over(seen.to, (30, 60), (1000, 3600)) else self.log).append(seen)
        unknown = "|".join(who for who in body["touser"].split("|") if who not in self.members)
        return {"invaliduser": unknown, "msgid": f"m{next(self._numbers)}"}

    def _appchat(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["chatid"] not in self.appchats:
            raise No(86003)
        seen = Delivery(f"appchat:{body['chatid']}", "text", body["text"]["content"], self.now)
        (self.dropped if self._over(seen.to, (200, 60)) else self.log).append(seen)
        return {}

    def _robot(self, key: str, body: dict[str, Any]) -> dict[str, Any]:
        if key not in self.robots:
            raise No(93000)
        if self._over(f"robot:{key}", (20, 60)):
            raise No(45009)
        kind = body["msgtype"]
        if kind == "image":
            data = base64.b64decode(body["image"]["base64"], validate=True)
            if len(data) > 2 * 1024 * 1024:
                raise No(40009)
            if hashlib.md5(data, usedforsecurity=False).hexdigest() != body["image"]["md5"]:
                raise No(301019)
            content = f"{len(data)} bytes"
        else:
            content = body[kind]["content"]
            if len(content.encode()) > {"text": 2048, "markdown": 4096}[kind]:
                raise No(45002)
        self.log.append(Delivery(f"robot:{key}", kind, content, self.now))
        return {}

    def _list(self, body: dict[str, Any]) -> dict[str, Any]:
        owners = body.get("owner_filter", {}).get("userid_list")
        found = [chat for chat, group in self.groups.items() if owners is None or group["owner"] in owners]
        start = int(body.get("cursor") or 0)
        end = start + min(self.page, body["limit"])
        rows = [{"chat_id": chat, "status": 0} for chat in found[start:end]]
        return {"group_chat_list": rows, "next_cursor": str(end) if end < len(found) else ""}

    def _template(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["chat_type"] != "group" or body["sender"] not in self.members:
            raise No(40096)
        chats = body["chat_id_list"]
        if len(chats) > 2000 or len(body.get("attachments", [])) > 9 or len(body["text"]["content"].encode()) > 4000:
            raise No(45002)
        mine = [chat for chat in chats if self.groups.get(chat, {}).get("owner") == body["sender"]]
        if not mine:
            raise No(41048)
        msgid = f"msg{next(self._numbers)}"
        link = next((one["link"]["url"] for one in body.get("attachments", [])), "")
        self.templates[msgid] = Template(
            msgid, body["sender"], tuple(mine), body["text"]["content"], link, dict.fromkeys(mine, 0), self.now
        )
        return {"msgid": msgid, "fail_list": [chat for chat in chats if chat not in mine]}

    def _known(self, body: dict[str, Any]) -> Template:
        if body["msgid"] not in self.templates:
            raise No(40058)
        return self.templates[body["msgid"]]

    def _remind(self, body: dict[str, Any]) -> dict[str, Any]:
        template = self._known(body)
        recent = [at for at in template.reminded if at > self.now - timedelta(hours=24)]
        if len(recent) >= 3 or template.cancelled:
            raise No(45009)
        template.reminded.append(self.now)
        return {}


def _month(at: datetime) -> tuple[int, int]:
    local = at.astimezone(UTC) + _CHINA
    return local.year, local.month


def _days(at: datetime) -> int:
    return calendar.monthrange(*_month(at))[1]
