"""The bot as it runs, behind an Official Account that signs, encrypts, repeats and counts."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.platforms.serving import free_port, serving
from tests.platforms.wechat import FakeWeChat
from tests.platforms.wechat.signing import AES_KEY, APP_ID, ORIGINAL_ID, SECRET, TOKEN, document, signed

LI = "o-li"
pytestmark = pytest.mark.timeout(180)


async def until(seen: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for something that comes by itself."""
    for _ in range(int(seconds / 0.05)):
        if seen():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come")


async def test_a_morning_in_the_official_account(started_dir: Path) -> None:
    """
    李阿姨关注公众号                  → 打招呼
    李阿姨：收到的水果坏了能退吗        → 带依据的回答，一条消息里
    平台重发三次                     → 只算一次
    有人冒充平台                     → 不理
    李阿姨在微信里打开我的页面          → 微信说她是谁，打开就是她的；没说过话的人看到怎么进来
    """
    port = free_port()
    async with FakeWeChat() as wechat:
        settings = {
            "BOT_WECHAT__APP_ID": APP_ID,
            "BOT_WECHAT__SECRET": SECRET,
            "BOT_WECHAT__TOKEN": TOKEN,
            "BOT_WECHAT__AES_KEY": AES_KEY,
            "BOT_WECHAT__ORIGINAL_ID": ORIGINAL_ID,
            "BOT_WECHAT__BASE_URL": wechat.url,
            "BOT_WECHAT__OPEN_URL": wechat.url,
            "BOT_WECHAT__PATIENCE": "4",
            "BOT_WEB__PUBLIC_URL": f"http://127.0.0.1:{port}",
        }
        async with serving(started_dir, settings, channels="wechat,web", port=port) as bot:
            wechat.callback = f"http://127.0.0.1:{port}/wechat/callback"
            assert [one["key"] for one in wechat.menu["button"] if one["type"] == "click"] == ["帮助"]
            await wechat.act(LI, "subscribe")
            await until(lambda: bool(wechat.shown(LI)))

            before = len(wechat.log)
            await wechat.say(LI, "收到的水果坏了能退吗")
            await until(lambda: len(wechat.log) > before)
            # On a busy machine it may come late, as a message of its own; once in any case.
            assert len(wechat.log) == before + 1 and wechat.log[-1].way in ("passive", "service"), bot.tail()
            assert "《" in wechat.log[-1].text

            fields = wechat.text(LI, "积分")
            wechat.person(LI)
            posts = [signed(document(fields), wechat.now(), aes=True) for _ in range(20)]
            tried = await asyncio.gather(*(wechat.post(post) for post in posts))
            assert [one.status for one in tried] == [200] * 20
            assert (await wechat.post(signed(document(fields), wechat.now(), aes=True, token="evil"))).status == 403
            with closing(sqlite3.connect(started_dir / "tuantuan.db")) as database:
                rows = database.execute("SELECT dedupe_key, state, body FROM inbox WHERE channel = 'wechat'").fetchall()
            assert len(rows) == 3 and {(state, body) for _, state, body in rows} == {("done", "")}
            assert not [one for one in wechat.log if one.code], "nothing was refused"

            wechat.web.domain = f"127.0.0.1:{port}"
            async with wechat.browser(LI) as hers, wechat.browser("o-nobody") as another:
                page = await hers.open(f"{bot.url}/h5/points")
                assert (page.status_code, page.url.path) == (200, "/h5/points"), bot.tail()
                page = await another.open(f"{bot.url}/h5/points")
                assert (page.status_code, page.url.path) == (200, "/door/wechat") and "还不认识你" in page.text
                await wechat.say("o-nobody", "你好")
                await until(lambda: bool(wechat.shown("o-nobody")))
                assert (await another.open(f"{bot.url}/h5")).url.path == "/h5", "who has said a word is known"
                another.client.cookies.clear()
                assert (await another.client.get(hers.way[-2])).status_code == 410, "passed on, it opens nothing"
        assert TOKEN not in bot.tail() and SECRET not in bot.tail() and "水果" not in bot.tail()
