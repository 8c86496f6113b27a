"""The whole program with all its platforms, killed while it answers: what was said before is not said again, nothing is lost."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from bot.main import Program
from bot.server import Server
from tests.channels.drivers import FAR, Driver
from tests.channels.house import House, platforms
from tests.channels.shown import Talk
from tests.platforms.serving import free_port, serving

pytestmark = [pytest.mark.timeout(180), pytest.mark.untraced]

QUESTION = "收到的水果坏了能退吗"


class Elsewhere(House):
    """The program in a process of its own."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def settle(self) -> None:
        await asyncio.sleep(0.05)


def environment(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Write settings as the variables that say the same."""
    return {
        f"BOT_{part}__{name}".upper(): str(value).replace("'", '"')
        for part, values in settings.items()
        for name, value in values.items()
    }


def answers(seen: list[Any]) -> int:
    return sum("依据：《" in one.text for one in seen)


async def test_a_kill_in_the_middle(started_dir: Path) -> None:
    """
    每个渠道：帮助 → 有回答；另一位：删除我的数据 → 两个选择；再一位问一句，程序正答着被 kill -9
    起来以后，平台把每一句再说两遍：帮助不再答；那一句答上了；前面的选择还算数；谁也没有出错
    """
    port = free_port()
    async with platforms(f"http://127.0.0.1:{port}") as (fakes, settings):
        robot = fakes["wecom_bot"]
        house = Elsewhere(cast(Program, None), cast(Server, None), f"http://127.0.0.1:{port}", **fakes)
        drivers = [kind(house) for kind in FAR.values()]
        channels = ",".join([*FAR, "web"])
        calm: list[tuple[Driver, Talk, Any]] = []
        choosing: list[tuple[Driver, Talk]] = []
        asked: list[tuple[Driver, Talk, Any, int]] = []
        async with serving(started_dir, environment(settings), channels=channels, port=port) as bot:
            await robot.wait_for(lambda: robot.live, 30)
            for driver in drivers:
                talk = await driver.newcomer()
                calm.append((driver, talk, await driver.say(talk, "帮助")))
                await driver.hear(talk)
                talk = await driver.newcomer()
                await driver.ask(
                    talk, "删除我的数据", 1 if not driver.can.button_limit or driver.name == "telegram" else 2
                )
                choosing.append((driver, talk))
            telling = []
            for driver in drivers:
                talk = await driver.newcomer()
                tell = await driver.typed(talk, QUESTION)
                asked.append((driver, talk, tell, 0))
                telling.append(asyncio.create_task(cast(Any, tell())))
            await asyncio.sleep(0.05)
            await bot.end(signal.SIGKILL)
            await asyncio.gather(*telling, return_exceptions=True)
            asked = [(driver, talk, tell, answers(await driver.seen(talk.who))) for driver, talk, tell, _ in asked]
        async with serving(started_dir, environment(settings), channels=channels, port=port) as bot:
            await robot.wait_for(lambda: robot.live, 30)
            for driver, talk, again in calm:
                await again()
                assert not await driver.quiet(talk), f"{driver.name}: said again"
            for driver, talk, tell, before in asked:
                for _ in range(2):
                    await tell()
                await driver.hear(talk)
                await driver.quiet(talk)
                # Only what was under way when it was killed may come once more.
                assert 1 <= answers(await driver.seen(talk.who)) <= 1 + before, driver.name
            for driver, talk in choosing:
                await driver.choose(talk, 2)
                assert "代码" not in await driver.hear(talk)
            assert "Traceback" not in bot.tail()
