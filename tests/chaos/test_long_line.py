"""Two processes and one AI bot on one PostgreSQL: one is connected, and when it is killed or frozen the other one is, in time."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import psycopg
import pytest
from websockets.exceptions import ConnectionClosed

from tests.chaos.server_driver import DRIVER
from tests.platforms.serving import Served, serving
from tests.platforms.wecom_bot import FakeWecomBot

pytestmark = [pytest.mark.chaos, pytest.mark.postgres]
LEASE = 6.0


async def test_of_two_processes_one_is_connected_and_the_other_takes_over(tmp_path: Path, postgres_url: str) -> None:
    """张: 签到 → +5; (the connected process is killed) → the same message again: nothing; 李: 签到 → +5."""
    async with FakeWecomBot() as wecom:
        settings = environment(wecom, postgres_url)

        def start(name: str):  # type: ignore[no-untyped-def]
            return serving(tmp_path / name, settings, channels="wecom_bot", role="web", seconds=240, module=DRIVER)

        async with start("one") as one:
            await wecom.wait_for(lambda: wecom.live, 30)
            async with start("two") as two:
                await wecom.say("zhang", "@团团 签到", group="g1", msgid="first")
                await wecom.wait_for(lambda: _answers(wecom) == 1, 60)
                await wecom.wait_for(lambda: any(seen.media for seen in wecom.seen), 90)
                await asyncio.sleep(1.0)
                assert (wecom.count("subscribed"), wecom.count("kicked")) == (1, 0), "the second waits"
                began = time.monotonic()
                await one.end(signal.SIGKILL)
                await wecom.wait_for(lambda: wecom.count("subscribed") == 2, 60)
                took = time.monotonic() - began
                await wecom.say("zhang", "@团团 签到", group="g1", msgid="first")
                await wecom.say("li", "@团团 签到", group="g1", msgid="second")
                await wecom.wait_for(lambda: _answers(wecom) == 2, 60)
                assert "Traceback" not in two.tail()
        assert took < LEASE + 2.0, "two seconds for a slow machine"
        told = [seen.text for seen in wecom.seen if seen.text.startswith("zhang")]
        assert len(told) == 1 and "+5" in told[0], "the message that was said again was answered before"
        assert (wecom.count("kicked"), wecom.most_live) == (0, 1)


async def test_a_process_that_was_frozen_wakes_up_and_says_nothing(tmp_path: Path, postgres_url: str) -> None:
    """
    张: 签到 → +5; (the connected process is frozen) 李: 签到, which only the frozen one is told;
    (the other process takes over) 王: 签到 → +5; (the frozen one wakes up) → 李: +5, once and said by the other one;
    (the other one ends in peace) 赵: 签到 → +5, said by the one that was frozen.
    """
    async with FakeWecomBot() as wecom:
        settings = environment(wecom, postgres_url)

        def start(name: str):  # type: ignore[no-untyped-def]
            return serving(tmp_path / name, settings, channels="wecom_bot", role="web", seconds=240, module=DRIVER)

        async with start("one") as one:
            await wecom.wait_for(lambda: wecom.live, 30)
            async with start("two") as two:
                await wecom.say("zhang", "@团团 签到", group="g1")
                await wecom.wait_for(lambda: _answers(wecom) == 1, 60)
                one.process.send_signal(signal.SIGSTOP)
                began = time.monotonic()
                await wecom.say("li", "@团团 签到", group="g1")
                await wecom.wait_for(lambda: wecom.count("subscribed") == 2, 60)
                took = time.monotonic() - began
                await wecom.say("wang", "@团团 签到", group="g1")
                await wecom.wait_for(lambda: _answers(wecom) == 2, 60)
                one.process.send_signal(signal.SIGCONT)
                woken = time.monotonic()
                await wecom.wait_for(lambda: _answers(wecom) == 3, 60)
                heard = time.monotonic() - woken
                await asyncio.sleep(LEASE)
                assert wecom.count("subscribed") == 2, "it does not throw out the one that took its place"
                assert wecom.count("not subscribed") == 0, "nor does it say a word on its old line"
                await two.end()
            await wecom.wait_for(lambda: wecom.count("subscribed") == 3, 60)
            await wecom.say("zhao", "@团团 签到", group="g1")
            await wecom.wait_for(lambda: _answers(wecom) == 4, 60)
            assert "Traceback" not in one.tail() + two.tail()
        assert took < LEASE + 2.0 and heard < 10.0
        told = [seen.text for seen in wecom.seen if seen.by == "stream"]
        assert all(
            who in text and "+5" in text for who, text in zip(("zhang", "wang", "li", "zhao"), told, strict=True)
        )
        assert (wecom.count("kicked"), wecom.most_live) == (1, 1)


async def test_in_a_rolling_restart_each_is_answered_once(tmp_path: Path, postgres_url: str) -> None:
    """Sixty people ask one after the other; twice the connected process ends in peace in the midst of them."""
    async with FakeWecomBot() as wecom, AsyncExitStack() as stack:
        settings = environment(wecom, postgres_url)

        async def start(name: str) -> Served:
            running = serving(tmp_path / name, settings, channels="wecom_bot", role="web", seconds=240, module=DRIVER)
            return await stack.enter_async_context(running)

        first = await start("one")
        await wecom.wait_for(lambda: wecom.live, 30)
        running = [first, await start("two"), await start("three")]
        ending: list[asyncio.Task[int]] = []
        people = [f"person{number}" for number in range(60)]
        for number, person in enumerate(people):
            if number in (20, 40):
                await wecom.wait_for(lambda: wecom.live and wecom.count("subscribed") == len(ending) + 1, 60)
                ending.append(asyncio.create_task(running[_connected(postgres_url, running)].end()))
            await _said(wecom, person)
            await asyncio.sleep(0.05)
        codes = await asyncio.gather(*ending)
        await asyncio.sleep(LEASE)
        for person in [one for one in people if not _to(wecom, one)]:
            # Said to a line that was being hung up: what a platform says once more.
            await _said(wecom, person)
        await wecom.wait_for(lambda: all(_to(wecom, person) for person in people), 60)
        await asyncio.sleep(LEASE)
        assert Counter(one.chat for one in wecom.seen if one.by == "stream") == dict.fromkeys(people, 1)
        assert (codes, wecom.count("kicked"), wecom.most_live, wecom.count("subscribed")) == ([0, 0], 0, 1, 3)
        assert not any("Traceback" in one.tail() for one in running)


async def _said(wecom: FakeWecomBot, person: str) -> None:
    await wecom.wait_for(lambda: wecom.live, 60)
    with contextlib.suppress(ConnectionClosed):
        await wecom.say(person, "你好", msgid=f"from {person}")


def _to(wecom: FakeWecomBot, person: str) -> int:
    return sum(1 for one in wecom.seen if one.chat == person and one.by == "stream")


def _connected(postgres_url: str, running: list[Served]) -> int:
    """Return which of the processes has the lease."""
    with psycopg.connect(postgres_url) as line:
        row = line.execute("SELECT holder FROM lease").fetchone()
    assert row is not None
    return next(n for n, one in enumerate(running) if f":{one.process.pid}/" in row[0])


def environment(wecom: FakeWecomBot, postgres_url: str) -> dict[str, str]:
    return {
        "BOT_DATABASE__URL": postgres_url,
        "BOT_WECOM_BOT__BOT_ID": wecom.bot_id,
        "BOT_WECOM_BOT__SECRET": wecom.secret,
        "BOT_WECOM_BOT__URL": wecom.url,
        "BOT_WECOM_BOT__LEASE": str(LEASE),
    }


def _answers(wecom: FakeWecomBot) -> int:
    return sum(1 for one in wecom.seen if one.by == "stream")
