"""The program as it is served, with its channels, on loopback beside the fake platforms; opened once for the whole suite.

Two of them, because an Official Account is in one mode at a time: :func:`open_far` has every platform, :func:`open_near` the
plain mode and what runs on this machine alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn

from bot.channels.terminal import Terminal
from bot.listening import listen
from bot.main import Program, open_program
from bot.pages import terminal
from bot.queued import queue
from bot.server import Server
from bot.settings import Settings
from bot.switchboard import pushing
from engagement.clocks import ShiftedClock
from engagement.kernel import Outgoing, Receipt
from tests.platforms.telegram import FakeTelegram, Limits
from tests.platforms.wechat import FakeWeChat, signing
from tests.platforms.wecom import FakeWecom
from tests.platforms.wecom_bot import FakeWecomBot

SECRET = "a-secret-of-the-test-run"
WECOM_KEY, WECOM_TOKEN = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "token-of-a-sample"
ROBOT, APPCHAT, CUSTOMERS = "robot:shop", "appchat:staff", "wr-suite"
SHORT = 1.0
"""Seconds after which the program gives a platform up."""


class _Quiet(uvicorn.Server):
    """Leaves the signals to pytest."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def on_loopback(app: Any, port: Any = None) -> AsyncIterator[str]:
    """Serve a web application; yields its address."""
    taken = port or listen("127.0.0.1", 0)
    lifespan: Any = "on" if hasattr(app, "router") else "off"
    server = _Quiet(uvicorn.Config(app, lifespan=lifespan, log_level="critical", timeout_graceful_shutdown=2))
    running = asyncio.create_task(server.serve(sockets=[taken]))
    while not server.started:
        assert not running.done(), "it did not start"
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


def morning() -> timedelta:
    """How far ahead of us the town lives, so that it is about ten there whenever the tests run: at night nobody is asked."""
    local = datetime.now(UTC) + timedelta(hours=8)
    return (timedelta(hours=10) - timedelta(hours=local.hour)) % timedelta(hours=24)


@dataclass
class House:
    """A program with its server and the platforms that it talks to."""

    program: Program
    server: Server
    url: str = ""
    telegram: FakeTelegram | None = None
    wechat: FakeWeChat | None = None
    wecom: FakeWecom | None = None
    wecom_bot: FakeWecomBot | None = None
    terminal: Terminal | None = None
    written: list[str] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def now(self) -> datetime:
        """The town's time."""
        return self.program.clock.now()

    async def settle(self) -> None:
        """Wait until everything that came in is answered."""
        await self.program.pump.drain()

    async def send(self, message: Outgoing) -> Receipt:
        """Send an answer as the program does: outbox, gate, platform, what became of it."""
        now, key = self.now(), f"suite:{next(self._numbers)}"
        queued = await self.program.database.write(lambda session: queue(session, key, message, now))
        return await self.program.courier.send(queued)

    async def push(self, message: Outgoing) -> Receipt:
        """Send what nobody asked for, by what delivery would hand it to."""
        # The AI bot's line delivers by itself: what it hands messages to is what answers go to.
        senders = self.program.senders | pushing(self.program, self.server._lines)
        return await senders[message.channel].send(await self.program.pictures(message))


@asynccontextmanager
async def _opened(
    folder: Path, settings: Settings, channels: Sequence[str], port: Any, house: dict[str, Any]
) -> AsyncIterator[House]:
    program = open_program(folder, settings, clock=ShiftedClock(morning()))
    server = Server(program, list(channels), "web")
    try:
        app = server.compose()
        if server._pages is not None and server._pages.simulator is not None:
            server._pages.simulator.simulator.history.fresh = False  # no sample weeks
        async with on_loopback(app, port) as url:
            yield House(program, server, url, **house)
    finally:
        program.close()


def _wechat(platform: FakeWeChat, mode: str) -> dict[str, Any]:
    return {
        "app_id": signing.APP_ID,
        "secret": signing.SECRET,
        "token": signing.TOKEN,
        "aes_key": signing.AES_KEY,
        "original_id": signing.ORIGINAL_ID,
        "mode": mode,
        "base_url": platform.url,
        "open_url": platform.url,
        "patience": 4.0,
        "timeout": SHORT,
    }


@asynccontextmanager
async def platforms(here: str, ahead: timedelta = timedelta()) -> AsyncIterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Open every fake platform for a program at an address, ``ahead`` of our time; yields them and its settings."""
    wecom = FakeWecom(datetime.now(UTC) + ahead, appchats={"staff"}, robots={"robot-key"})
    wecom.add_group(CUSTOMERS, "leader", "wm-li")
    async with AsyncExitStack() as stack:
        telegram = await stack.enter_async_context(FakeTelegram(privacy=False, limits=Limits.none()))
        wechat = await stack.enter_async_context(FakeWeChat())
        robot = await stack.enter_async_context(FakeWecomBot())
        company = await stack.enter_async_context(on_loopback(wecom))
        wechat.callback = f"{here}/wechat/callback"
        wechat.shift = ahead.total_seconds()
        settings = {
            "telegram": {
                "token": telegram.token,
                "base_url": telegram.url,
                "mode": "webhook",
                "webhook_url": here,
                "secret": SECRET,
                "timeout": SHORT,
            },
            "wechat": _wechat(wechat, "aes"),
            "wecom": {
                "corp_id": wecom.corp_id,
                "agent_id": wecom.agent_id,
                "secret": wecom.secret,
                "token": WECOM_TOKEN,
                "aes_key": WECOM_KEY,
                "base_url": company,
                "robots": {"shop": "robot-key"},
                "poll_seconds": 0.01,
                "timeout": SHORT,
            },
            "wecom_bot": {
                "bot_id": robot.bot_id,
                "secret": robot.secret,
                "url": robot.url,
                "first_pause": 0.05,
                "longest_pause": 0.2,
                "timeout": SHORT,
                "lease": 3.0,
            },
            "web": {"public_url": here},
        }
        yield {"telegram": telegram, "wechat": wechat, "wecom": wecom, "wecom_bot": robot}, settings


@asynccontextmanager
async def open_far(folder: Path) -> AsyncIterator[House]:
    """Telegram by webhook, the Official Account in safe mode, the company's app, the AI bot."""
    port = listen("127.0.0.1", 0)
    here = f"http://127.0.0.1:{port.getsockname()[1]}"
    async with platforms(here, morning()) as (fakes, settings):
        channels = [*fakes, "web"]
        async with _opened(folder, Settings.model_validate(settings), channels, port, fakes) as house:
            await fakes["wecom_bot"].wait_for(lambda: fakes["wecom_bot"].live)
            yield house


@asynccontextmanager
async def open_near(folder: Path) -> AsyncIterator[House]:
    """The Official Account in plain mode, the simulator and a terminal that writes into a list."""
    async with AsyncExitStack() as stack:
        wechat = await stack.enter_async_context(FakeWeChat(aes=False))
        wechat.shift = morning().total_seconds()
        port = listen("127.0.0.1", 0)
        wechat.callback = f"http://127.0.0.1:{port.getsockname()[1]}/wechat/callback"
        settings = Settings.model_validate({"wechat": _wechat(wechat, "plain")})
        house = await stack.enter_async_context(_opened(folder, settings, ["wechat", "sim"], port, {"wechat": wechat}))
        house.terminal = terminal(house.program)
        house.terminal._write = house.written.append
        yield house
