"""Two processes that answer on Telegram, on one PostgreSQL: what one is saying the other does not say, until that one is dead."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.chaos.server_driver import DRIVER
from tests.platforms.serving import free_port, serving
from tests.platforms.telegram import FakeTelegram, delay
from tests.platforms.telegram.faults import Fault

pytestmark = [pytest.mark.chaos, pytest.mark.postgres]
GROUP = -1001
LI, WANG = 8, 9
DEAD_AFTER = 8.0


async def test_an_answer_under_way_is_said_by_another_only_when_its_process_is_dead(
    tmp_path: Path, postgres_url: str
) -> None:
    """
    李: 积分 (the platform is slow to take the answer); 王: 积分, which waits behind it; a second process starts and says neither;
    the first one is killed → the second one says both, once its heartbeat is old; the first one starts again and says nothing.
    """
    async with FakeTelegram(privacy=False) as telegram:
        telegram.add_group(GROUP, "阳光花园")
        held = True

        def slow(method: str, params: dict[str, Any]) -> Fault | None:
            return delay(90.0) if held and method == "sendMessage" and params.get("chat_id") == GROUP else None

        port = free_port()
        settings = {
            "BOT_DATABASE__URL": postgres_url,
            "BOT_TELEGRAM__TOKEN": telegram.token,
            "BOT_TELEGRAM__BASE_URL": telegram.url,
            "BOT_TELEGRAM__MODE": "webhook",
            "BOT_TELEGRAM__WEBHOOK_URL": f"http://127.0.0.1:{port}",
            "BOT_TELEGRAM__SECRET": "a-secret-of-the-test-run",
            "BOT_TELEGRAM__TIMEOUT": "100",
            "TUANTUAN_DEAD_AFTER": str(DEAD_AFTER),
        }

        def start(name: str, at: int):  # type: ignore[no-untyped-def]
            return serving(tmp_path / name, settings, role="web", port=at, seconds=240, module=DRIVER)

        def answers(to: int) -> int:
            return sum(1 for one in telegram.sent(GROUP) if one.reply_to == to)

        async with start("one", port) as one:
            telegram.hook = slow
            first = await telegram.say(GROUP, LI, "积分")
            await telegram.wait_for(lambda: answers(first) == 1, 60)
            second = await telegram.say(GROUP, WANG, "积分")
            await _until(postgres_url, "SELECT count(*) = 2 FROM outbox WHERE state = 'pending'")
            held = False
            async with start("two", free_port()) as two:
                for _ in range(3):
                    await _beaten(postgres_url)
                assert (answers(first), answers(second)) == (1, 0), "the first one lives and is at it"
                await one.end(signal.SIGKILL)
                killed = time.monotonic()
                await telegram.wait_for(lambda: answers(second) == 1, 60)
                took = time.monotonic() - killed
                assert answers(first) == 2, "it was under way when its process was killed"
                async with start("one", port) as again:
                    third = await telegram.say(GROUP, LI, "积分")
                    await telegram.wait_for(lambda: answers(third) == 1, 60)
                    assert (answers(first), answers(second)) == (2, 1)
                    assert "Traceback" not in two.tail() + again.tail()
    print(f"said {took:.1f} s after the kill")
    assert DEAD_AFTER / 2 < took < DEAD_AFTER * 2 + 5.0, (
        "not before it was silent for long; five seconds for a slow machine"
    )


async def test_after_a_restart_on_the_same_directory_nothing_waits(tmp_path: Path, postgres_url: str) -> None:
    """李: 积分 (the platform is slow); 王: 积分; the process is killed and starts again → both are answered at once."""
    async with FakeTelegram(privacy=False) as telegram:
        telegram.add_group(GROUP, "阳光花园")
        port = free_port()
        settings = {
            "BOT_DATABASE__URL": postgres_url,
            "BOT_TELEGRAM__TOKEN": telegram.token,
            "BOT_TELEGRAM__BASE_URL": telegram.url,
            "BOT_TELEGRAM__TIMEOUT": "100",
        }
        async with serving(tmp_path / "one", settings, role="web", port=port, seconds=240, module=DRIVER) as one:
            telegram.fail("sendMessage", delay(90.0), chat=GROUP)
            first = await telegram.say(GROUP, LI, "积分")
            await telegram.wait_for(lambda: telegram.sent(GROUP), 60)
            second = await telegram.say(GROUP, WANG, "积分")
            await _until(postgres_url, "SELECT count(*) = 2 FROM outbox WHERE state = 'pending'")
            await one.end(signal.SIGKILL)
        async with serving(tmp_path / "one", settings, role="web", port=port, seconds=240, module=DRIVER):
            ready = time.monotonic()
            await telegram.wait_for(lambda: any(one.reply_to == second for one in telegram.sent(GROUP)), 60)
            took = time.monotonic() - ready
        assert took < 10.0
        assert [one.reply_to for one in telegram.sent(GROUP)] == [first, first, second]


async def _until(postgres_url: str, query: str, seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while True:
            if _value(postgres_url, query):
                return
            await asyncio.sleep(0.05)


async def _beaten(postgres_url: str) -> None:
    """Wait until each process that lives has given one more heartbeat: with it, it looked for what others left."""
    oldest = _value(postgres_url, "SELECT max(beat_at) FROM heartbeat")
    await _until(postgres_url, f"SELECT min(beat_at) > {oldest} FROM heartbeat")


def _value(postgres_url: str, query: str) -> Any:
    with psycopg.connect(postgres_url) as line:
        row = line.execute(query).fetchone()
    return row[0] if row is not None else None
