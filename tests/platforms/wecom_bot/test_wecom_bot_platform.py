"""The fake platform says no where the documents say that WeCom does; else tests against it would show nothing."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.platforms.wecom_bot import FakeWecomBot
from tests.platforms.wecom_bot.server import BAD_REQUEST, NEVER_SPOKE, NO_CALLBACK, STREAM_BYTES, STREAM_OVER, TOO_MANY

_numbers = itertools.count()


@pytest.fixture
async def wecom() -> AsyncIterator[FakeWecomBot]:
    async with FakeWecomBot() as platform:
        yield platform


@pytest.fixture
async def line(wecom: FakeWecomBot) -> AsyncIterator[ClientConnection]:
    async with connect(wecom.url, ping_interval=None, close_timeout=0.2) as socket:
        assert await ask(socket, "aibot_subscribe", bot_id="bot-1", secret="shared") == 0
        yield socket


async def tell(socket: ClientConnection, cmd: str, req_id: str = "", **body: Any) -> dict[str, Any]:
    number = req_id or f"own{next(_numbers)}"
    await socket.send(json.dumps({"cmd": cmd, "headers": {"req_id": number}, "body": body}))
    while True:
        frame: dict[str, Any] = json.loads(await socket.recv())
        if "errcode" in frame and frame["headers"]["req_id"] == number:
            return frame


async def ask(socket: ClientConnection, cmd: str, req_id: str = "", **body: Any) -> int:
    return int((await tell(socket, cmd, req_id, **body))["errcode"])


def stream(text: str, *, finish: bool, number: str = "s1") -> dict[str, Any]:
    return {"msgtype": "stream", "stream": {"id": number, "finish": finish, "content": text}}


async def test_nobody_is_heard_before_he_has_subscribed(wecom: FakeWecomBot) -> None:
    async with connect(wecom.url, ping_interval=None, close_timeout=0.2) as socket:
        assert await ask(socket, "ping") == BAD_REQUEST
        assert await ask(socket, "aibot_subscribe", bot_id="bot-1", secret="wrong") == BAD_REQUEST
        assert wecom.live is None
        assert await ask(socket, "aibot_subscribe", bot_id="bot-1", secret="shared") == 0
        assert await ask(socket, "ping") == 0


async def test_a_newer_connection_kicks_the_older(wecom: FakeWecomBot, line: ClientConnection) -> None:
    async with connect(wecom.url, ping_interval=None, close_timeout=0.2) as newer:
        assert await ask(newer, "aibot_subscribe", bot_id="bot-1", secret="shared") == 0
        told = json.loads(await line.recv())
        assert told["body"]["event"]["eventtype"] == "disconnected_event"
        with pytest.raises(ConnectionClosed):
            await line.recv()
        assert (wecom.count("kicked"), wecom.most_live) == (1, 1)


async def test_who_gives_no_sign_of_life_is_hung_up_on(wecom: FakeWecomBot) -> None:
    wecom.patience = 0.1
    async with connect(wecom.url, ping_interval=None, close_timeout=0.2) as socket:
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert wecom.count("no sign of life") == 1


async def test_a_stream_has_bounds(wecom: FakeWecomBot, line: ClientConnection) -> None:
    await wecom.say("zhang", "在吗")
    req_id = json.loads(await line.recv())["headers"]["req_id"]
    assert await ask(line, "aibot_respond_msg", "unknown", **stream("x", finish=True)) == NO_CALLBACK
    assert await ask(line, "aibot_respond_msg", req_id, **stream("x" * (STREAM_BYTES + 1), finish=False)) == BAD_REQUEST
    assert await ask(line, "aibot_respond_msg", req_id, **stream("x" * STREAM_BYTES, finish=False)) == 0
    assert await ask(line, "aibot_respond_msg", req_id, **stream("y", finish=False, number="s2")) == NO_CALLBACK
    assert await ask(line, "aibot_respond_msg", req_id, **stream("好的", finish=True)) == 0
    assert await ask(line, "aibot_respond_msg", req_id, **stream("好的", finish=True)) == STREAM_OVER
    assert wecom.shown("zhang") == ["好的"]


async def test_pushes_need_a_chat_that_has_spoken_and_a_place_in_the_minute(
    wecom: FakeWecomBot, line: ClientConnection
) -> None:
    words: dict[str, Any] = {"msgtype": "markdown", "markdown": {"content": "早上好"}}
    assert await ask(line, "aibot_send_msg", chatid="zhang", **words) == NEVER_SPOKE
    await wecom.say("zhang", "在吗")
    codes = [await ask(line, "aibot_send_msg", chatid="zhang", **words) for _ in range(31)]
    assert codes == [0] * 30 + [TOO_MANY]
    card: dict[str, Any] = {"card_type": "button_interaction", "main_title": {"title": "x"}, "task_id": "t1"}
    wecom.per_minute = 100
    seven = card | {"button_list": [{"text": "x", "key": str(number)} for number in range(7)]}
    one = card | {"button_list": seven["button_list"][:1]}
    sent = [
        await ask(line, "aibot_send_msg", chatid="zhang", msgtype="template_card", template_card=what)
        for what in (seven, one, one)
    ]
    assert sent == [BAD_REQUEST, 0, BAD_REQUEST], "at most six buttons, and no number twice"


async def test_an_upload_has_to_fit_together(wecom: FakeWecomBot, line: ClientConnection) -> None:
    def init(content: bytes, **more: Any) -> dict[str, Any]:
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        return {"type": "file", "filename": "a", "total_size": len(content), "total_chunks": 1, "md5": digest} | more

    for bad in ({"type": "film"}, {"total_chunks": 101}, {"filename": ""}, {"total_size": 21 << 20}):
        assert await ask(line, "aibot_upload_media_init", **init(b"12345", **bad)) != 0, bad
    told = await tell(line, "aibot_upload_media_init", **init(b"12345"))
    upload = told["body"]["upload_id"]
    assert await ask(line, "aibot_upload_media_finish", upload_id=upload) != 0, "a piece is missing"
    assert await ask(line, "aibot_upload_media_chunk", upload_id=upload, chunk_index=0, base64_data="MTIzNDY=") == 0
    assert await ask(line, "aibot_upload_media_finish", upload_id=upload) != 0, "other bytes than were promised"
    assert await ask(line, "aibot_upload_media_chunk", upload_id=upload, chunk_index=0, base64_data="MTIzNDU=") == 0
    assert await ask(line, "aibot_upload_media_finish", upload_id=upload) == 0
    assert [one.content for one in wecom.laid.media.values()] == [b"12345"]
