"""What stands in memory only, after a restart and beside a second process: nothing forged is taken, no sixth message sent."""

from __future__ import annotations

import shutil
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.channels.wechat.budget import Budget
from bot.channels.wechat.channel import WeChatChannel, WeChatSettings
from bot.rendering.render import Rendered
from engagement.clocks import ShiftedClock
from engagement.kernel import Incoming, Kind, Outcome, Outgoing, Place
from storage import nonces
from storage.engine import Database, open_database
from tests.platforms.crowd import answered
from tests.platforms.wechat import FakeWeChat
from tests.platforms.wechat.signing import AES_KEY, APP_ID, ORIGINAL_ID, SECRET, TOKEN, Post, document, signed


@pytest.fixture
def database(tmp_path: Path, migrated_file: Path) -> Iterator[Database]:
    shutil.copytree(migrated_file, folder := tmp_path / "house")
    opened = open_database(folder)
    yield opened
    opened.close()


@pytest.fixture
async def wechat() -> AsyncIterator[FakeWeChat]:
    async with FakeWeChat() as platform:
        yield platform


class Process:
    """One process of the account; those of one database share an inbox that keeps each event once."""

    def __init__(
        self, database: Database, mode: str, inbox: dict[str, Incoming], url: str = "http://127.0.0.1:1"
    ) -> None:
        self.inbox = inbox
        self.clock = ShiftedClock()
        settings = WeChatSettings.model_validate(
            {
                "app_id": APP_ID,
                "secret": SECRET,
                "token": TOKEN,
                "aes_key": AES_KEY,
                "original_id": ORIGINAL_ID,
                "base_url": url,
                "mode": mode,
                "patience": 0,
            }
        )
        self.channel = WeChatChannel(settings, self.receive, lambda _: Rendered(("好的",)), self.clock, None, database)

    async def receive(self, event: Incoming) -> bool:
        return self.inbox.setdefault(event.dedupe_key, event) is event

    async def hear(self, post: Post) -> int:
        (route,) = self.channel.routes()
        return await answered(route.app, post)  # type: ignore[attr-defined]

    async def say(self, who: str) -> Any:
        message = Outgoing(Kind.DM, "wechat", APP_ID, Place.DM, who, "demo", "demo.text", {})
        return await self.channel.sender.send(message)


def words(text: str, number: int = 901) -> bytes:
    head: dict[str, str | int] = {"ToUserName": ORIGINAL_ID, "FromUserName": "o-li", "CreateTime": int(time.time())}
    return document(head | {"MsgType": "text", "Content": text, "MsgId": number})


@pytest.mark.parametrize("mode", ["plain", "aes"])
async def test_a_signature_that_was_used_serves_nobody_else_later(database: Database, mode: str) -> None:
    """The address of a callback was seen by somebody; the program starts anew, or another process is asked."""
    inbox: dict[str, Incoming] = {}
    before, after = (Process(database, mode, inbox) for _ in range(2))
    seen = signed(words("签到"), time.time(), aes=mode == "aes")
    forged = Post(seen.query, signed(words("给我一百分", 902), time.time(), aes=mode == "aes").body)
    assert await before.hear(seen) == 200
    assert await after.hear(forged) == 403
    assert await after.hear(seen) == 200, "the platform's own next try, at the other process"
    assert [one.text for one in inbox.values()] == ["签到"]
    for one in (before, after):
        await one.channel.close()


async def test_two_processes_at_once_take_one_document(database: Database) -> None:
    import asyncio

    inbox: dict[str, Incoming] = {}
    processes = [Process(database, "plain", inbox) for _ in range(4)]
    first = signed(words("第 0 句", 1000), time.time(), aes=False)
    posts = [Post(first.query, words(f"第 {number} 句", 1000 + number)) for number in range(40)]
    statuses = await asyncio.gather(*(processes[n % 4].hear(post) for n, post in enumerate(posts)))
    assert sorted(statuses) == [200] + [403] * 39 and len(inbox) == 1
    for one in processes:
        await one.channel.close()


async def test_they_are_forgotten_when_they_are_too_old_to_be_used(database: Database) -> None:
    process = Process(database, "plain", {})
    await process.hear(signed(words("签到"), time.time(), aes=False))
    count = "SELECT COUNT(*) FROM used_nonce"
    assert database.read_now(lambda session: session.connection().exec_driver_sql(count).scalar_one()) == 1
    now = process.clock.now()
    await database.write(lambda session: nonces.prune(session, now - timedelta(hours=nonces.KEEP_HOURS)))
    assert database.read_now(lambda session: session.connection().exec_driver_sql(count).scalar_one()) == 1
    await database.write(lambda session: nonces.prune(session, now + timedelta(seconds=1)))
    assert database.read_now(lambda session: session.connection().exec_driver_sql(count).scalar_one()) == 0
    await process.channel.close()


async def test_after_a_restart_nobody_is_told_a_sixth_time(wechat: FakeWeChat, database: Database) -> None:
    """Three were sent, the program starts anew and knows nothing: two more arrive, and the platform says no to the rest."""
    wechat._grant("o-li", "message")
    before = Process(database, "aes", {}, wechat.url)
    await before.hear(signed(words("你好"), time.time(), aes=True))
    assert [(await before.say("o-li")).outcome for _ in range(3)] == [Outcome.SENT] * 3
    after = Process(database, "aes", {}, wechat.url)
    receipts = [await after.say("o-li") for _ in range(4)]
    assert [one.outcome for one in receipts] == [Outcome.SENT] * 2 + [Outcome.REJECTED] * 2
    assert receipts[-1].reason == "window_used" and len(wechat.shown("o-li")) == 5
    for one in (before, after):
        await one.channel.close()


def test_what_another_process_heard_is_not_denied() -> None:
    """Beside others, nothing left is never known: the platform is asked. Alone it is, and nobody asks in vain."""
    now = ShiftedClock().now()
    for alone, left in ((True, 0), (False, None)):
        budget = Budget((2, timedelta(hours=48)), (3, timedelta(minutes=1)), alone=alone)
        assert budget.left("o-li", now) is None
        budget.grant("o-li", now, words=True, of="1")
        assert budget.left("o-li", now) == 2
        budget.spend("o-li", now)
        budget.spend("o-li", now)
        assert budget.left("o-li", now) == left
        assert budget.left("o-li", now + timedelta(hours=49)) == left
