"""The bot as it runs, behind a company's app: a leader writes, forgers write, the process is killed and comes back."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.listening import listen
from tests.platforms.serving import Served, serving
from tests.platforms.wecom import FakeWecom
from tests.platforms.wecom.sealing import Seal, signature

KEY, TOKEN = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "token-of-a-sample"
pytestmark = [pytest.mark.timeout(180), pytest.mark.untraced]


@asynccontextmanager
async def open_for_business(wecom: FakeWecom) -> AsyncIterator[str]:
    """Serve the fake on loopback; yields its address."""
    import uvicorn

    taken = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(wecom, lifespan="off", log_level="critical"))
    running = asyncio.create_task(server.serve(sockets=[taken]))
    try:
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


class Platform:
    """What WeCom says to us."""

    def __init__(self, wecom: FakeWecom, bot: Served) -> None:
        self.wecom = wecom
        self.url = f"{bot.url}/wecom/callback"

    async def say(self, words: str, number: str, *, corp: str = "", token: str = TOKEN, late: int = 0) -> int:
        corp, now = corp or self.wecom.corp_id, str(int(time.time()) - late)
        inner = (
            f"<xml><ToUserName>{corp}</ToUserName><FromUserName>leader</FromUserName><CreateTime>{now}</CreateTime>"
            f"<MsgType>text</MsgType><Content>{words}</Content><MsgId>{number}</MsgId><AgentID>7</AgentID></xml>"
        )
        sealed = Seal.of(KEY, corp).close(inner.encode())
        query = {"msg_signature": signature(token, (now, "n", sealed)), "timestamp": now, "nonce": "n"}
        async with httpx.AsyncClient(trust_env=False) as client:
            body = f"<xml><Encrypt>{sealed}</Encrypt></xml>".encode()
            return (await client.post(self.url, params=query, content=body)).status_code


async def until(found: Callable[[], Any], bot: Served, seconds: float = 20.0) -> Any:
    """Wait for something to be there."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if there := found():
            return there
        await asyncio.sleep(0.1)
    raise AssertionError(bot.tail())


def read(folder: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(folder / "tuantuan.db")) as database:
        return database.execute(statement).fetchall()


async def test_a_morning_of_a_company(started_dir: Path) -> None:
    """
    启动                     → 团团看到客户群，群主是团长，一天一条；私聊告诉她怎么用，一遍
    团长私聊应用：今日一览       → 一条回答
    平台重发三次、20 次同时       → 还是一条
    冒充、别家公司、六分钟前的     → 不理
    kill -9 再起来            → 谁也没有听到第二遍，客户群还是那一个
    """
    wecom = FakeWecom(datetime.now(UTC))
    wecom.add_group("wr1", "leader", "wm-li", name="阳光花园")
    async with open_for_business(wecom) as address:
        settings = {
            "BOT_WECOM__CORP_ID": wecom.corp_id,
            "BOT_WECOM__AGENT_ID": str(wecom.agent_id),
            "BOT_WECOM__SECRET": wecom.secret,
            "BOT_WECOM__TOKEN": TOKEN,
            "BOT_WECOM__AES_KEY": KEY,
            "BOT_WECOM__BASE_URL": address,
        }
        groups = "SELECT name, daily_budget, state FROM chat_group WHERE channel = 'wecom'"
        async with serving(started_dir, settings, channels="wecom,web") as bot:
            platform = Platform(wecom, bot)
            await until(lambda: read(started_dir, groups), bot)
            assert read(started_dir, groups) == [("阳光花园", 1, "active")]
            await until(lambda: wecom.log, bot)
            assert "点一次“发送”" in wecom.log.pop().content
            assert await platform.say("今日一览", "1") == 200
            await until(lambda: wecom.log, bot)
            assert [await platform.say("今日一览", "1") for _ in range(3)] == [200] * 3
            assert await asyncio.gather(*(platform.say("今日一览", "1") for _ in range(20))) == [200] * 20
            for wrong in ({"corp": "ww-another"}, {"token": "guessed"}, {"late": 301}):
                assert await platform.say("今日一览", "2", **wrong) == 403
            await asyncio.sleep(0.5)
            assert [one.to for one in wecom.log] == ["user:leader"], bot.tail()
            assert "阳光花园" in wecom.log[0].content
            await bot.end(signal.SIGKILL)
        async with serving(started_dir, settings, channels="wecom,web") as bot:
            platform = Platform(wecom, bot)
            assert await platform.say("今日一览", "1") == 200
            assert await platform.say("团长帮助", "3") == 200
            await until(lambda: len(wecom.log) > 1, bot)
            await asyncio.sleep(0.5)
            assert [one.to for one in wecom.log] == ["user:leader"] * 2
            assert read(started_dir, groups) == [("阳光花园", 1, "active")]
            for secret in (TOKEN, KEY, wecom.secret, "今日一览"):
                assert secret not in bot.tail()


async def test_a_company_that_says_no_is_told_in_one_line(started_dir: Path) -> None:
    """Wrong secret: the program does not start, and says what to mend."""
    wecom = FakeWecom(datetime.now(UTC))
    async with open_for_business(wecom) as address:
        settings = {
            "BOT_WECOM__CORP_ID": wecom.corp_id,
            "BOT_WECOM__AGENT_ID": "7",
            "BOT_WECOM__SECRET": "not-this-one",
            "BOT_WECOM__TOKEN": TOKEN,
            "BOT_WECOM__AES_KEY": KEY,
            "BOT_WECOM__BASE_URL": address,
        }
        with pytest.raises(AssertionError, match="Secret"):
            async with serving(started_dir, settings, channels="wecom,web"):
                pass
