"""The fake platform itself: it says no where the real one does, and comes back three times."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.platforms.wechat import FakeWeChat
from tests.platforms.wechat.signing import APP_ID, SECRET


@pytest.fixture
async def wechat() -> AsyncIterator[FakeWeChat]:
    async with FakeWeChat(deadline=0.2) as platform:
        yield platform


async def ask(wechat: FakeWeChat, path: str, body: dict[str, Any], token: str = "") -> Any:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.post(f"{wechat.url}{path}", params={"access_token": token}, json=body)).json()


async def token(wechat: FakeWeChat, **more: Any) -> Any:
    return await ask(wechat, "/cgi-bin/stable_token", {"appid": APP_ID, "secret": SECRET, **more})


async def test_tokens(wechat: FakeWeChat) -> None:
    first = (await token(wechat))["access_token"]
    assert (await token(wechat))["access_token"] == first
    second = (await token(wechat, force_refresh=True))["access_token"]
    say = {"touser": "o", "msgtype": "text", "text": {"content": "x"}}
    assert (await ask(wechat, "/cgi-bin/message/custom/send", say, first))["errcode"] == 40001
    assert (await ask(wechat, "/cgi-bin/message/custom/send", say, second))["errcode"] == 40003
    wechat.shift = 7201
    assert (await ask(wechat, "/cgi-bin/message/custom/send", say, second))["errcode"] == 42001
    assert (await token(wechat, secret="no"))["errcode"] == 40125


async def test_windows_and_counts(wechat: FakeWeChat) -> None:
    given = (await token(wechat))["access_token"]
    wechat._grant("o", "message")

    async def say() -> int:
        body = {"touser": "o", "msgtype": "text", "text": {"content": "x"}}
        return int((await ask(wechat, "/cgi-bin/message/custom/send", body, given))["errcode"])

    assert [await say() for _ in range(6)] == [0, 0, 0, 0, 0, 45047]
    wechat._grant("o", "click")
    assert [await say() for _ in range(4)] == [0, 0, 0, 45047]
    wechat.shift, wechat.token_lasts = 172_801, 10**6
    given = (await token(wechat))["access_token"]
    assert await say() == 45015


async def test_a_callback_that_is_not_answered_comes_three_times(wechat: FakeWeChat) -> None:
    seen: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.query)
        return httpx.Response(500 if len(seen) < 3 else 200, content=b"success")

    wechat.callback = "http://bot.example/wechat/callback"
    wechat.transport = httpx.MockTransport(answer)
    assert [one.status for one in await wechat.say("o", "x")] == [500, 500, 200]
    assert wechat.log == [] and len(set(seen)) == 3
    seen.clear()
    wechat.transport = httpx.MockTransport(lambda _: httpx.Response(500))
    assert len(await wechat.say("o", "x")) == 3
    assert [one.way for one in wechat.log] == ["fault"]
