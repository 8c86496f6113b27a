"""Callbacks of an Official Account and of a WeCom app while the model hangs: in time, each message once, nothing forged.

    python -m bot bench callbacks --json [--short] [--data DIR]

The callback, the inbox and the gateway as they run, over SQLite with `synchronous=FULL`; each genuine message asks for an answer
that comes only after a minute. Callbacks arrive at a fixed rate, whether earlier ones are answered or not: 30 in 100 twice, 20 in
100 out of order, 5 in 100 forged, replayed with other words, for another account or app, or expired. Three turns, the plain mode,
the safe one and WeCom, have a third of them each; what a turn found is written to standard error at once. The full form takes 11
to 12 minutes; who calls when is chosen by the seed, which is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import text

from bot.channels.wechat.channel import WeChatChannel, WeChatSettings
from bot.channels.wecom.channel import WecomChannel
from bot.channels.wecom.settings import WecomSettings
from bot.courier import Courier
from bot.gateway import Gateway
from bot.pump import Pump
from bot.rendering.capabilities import WECHAT, WECOM
from bot.rendering.render import render
from engagement.clocks import SystemClock
from engagement.dispatch import Dispatcher
from engagement.feature import Command, Context, Feature, Slow
from engagement.kernel import Outcome, Outgoing, Receipt, Reply
from engagement.registry import FEATURES
from scheduler.gate import no_gate
from storage import migrate
from storage.engine import Database, open_database
from tests.platforms.crowd import CORP, Crowd, OfWeChat, OfWecom
from tests.platforms.wechat.signing import AES_KEY, APP_ID, ORIGINAL_ID, SECRET, TOKEN

NUMBER = 100_000
SHORT = 600
SEED = 7
TURNS = ("plain", "aes", "wecom")
RATE = 150.0
HANGS = 60.0
WORD = "慢慢想"


class Model:
    """Counts who asks, and lets everybody wait."""

    def __init__(self, seconds: float) -> None:
        """Take for how long."""
        self.asked: list[str] = []
        self.seconds = seconds
        self.freed = asyncio.Event()

    def feature(self) -> Feature:
        """Return a slice that asks it."""

        async def work(state: object) -> object:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.seconds):
                    await self.freed.wait()
            return state

        def begin(ctx: Context) -> object:
            self.asked.append(ctx.argument)
            return ctx.argument

        slow = Slow(begin, work, lambda _ctx, _state: [Reply("members.kept")])
        command = Command("probe.slow", (WORD,), slow, takes="optional", needs_group=False, consent=False)
        return Feature("probe", commands=(command,))


class Taken:
    """A platform that takes every message."""

    async def send(self, _message: Outgoing) -> Receipt:
        """Take one."""
        return Receipt(Outcome.SENT, provider_id="1")


class House:
    """The channel over a gateway whose answers hang."""

    def __init__(
        self, database: Database, turn: str, *, seconds: float, patience: float = -1.0, seed: int = SEED
    ) -> None:
        """Wire one of :data:`TURNS`; ``patience`` below 0 is the default of the settings."""
        self.database = database
        self.model = Model(seconds)
        self.name = "wecom" if turn == "wecom" else "wechat"
        clock = SystemClock()
        gateway = Gateway(database, Dispatcher((*FEATURES, self.model.feature())), clock)
        self.pump = Pump(gateway, Courier(database, {self.name: Taken()}, no_gate(), clock))
        self.channel = self._wecom(clock) if turn == "wecom" else self._wechat(clock, turn, patience)
        (route,) = self.channel.routes()
        speech = OfWecom() if turn == "wecom" else OfWeChat(aes=turn == "aes")
        self.crowd = Crowd(route.app, time.time, speech, seed)  # type: ignore[attr-defined]

    def _wechat(self, clock: SystemClock, mode: str, patience: float) -> WeChatChannel:
        settings = WeChatSettings.model_validate(
            {
                "app_id": APP_ID,
                "secret": SECRET,
                "token": TOKEN,
                "aes_key": AES_KEY,
                "original_id": ORIGINAL_ID,
                "mode": mode,
                **({} if patience < 0 else {"patience": patience}),
            }
        )
        return WeChatChannel(
            settings, self.pump.receive, lambda message: render(message, WECHAT), clock, None, self.database
        )

    def _wecom(self, clock: SystemClock) -> WecomChannel:
        settings = WecomSettings.model_validate(
            {"corp_id": CORP, "agent_id": 7, "secret": SECRET, "token": TOKEN, "aes_key": AES_KEY}
        )
        return WecomChannel(settings, self.pump.receive, lambda message: render(message, WECOM), clock, self.database)

    def rows(self) -> tuple[int, int, int]:
        """Return how many messages stand in the inbox, of how many keys, and how many of them are of forgers."""
        query = (
            "SELECT COUNT(*), COUNT(DISTINCT dedupe_key), COALESCE(SUM(conversation = 'o-evil'), 0) "
            "FROM inbox WHERE channel = :channel"
        )
        return self.database.read_now(
            lambda s: tuple(int(one) for one in s.execute(text(query), {"channel": self.name}).one())
        )  # type: ignore[return-value]

    async def close(self) -> None:
        """Let the answers come, and end."""
        self.model.freed.set()
        await self.pump.drain()
        await self.channel.close()


async def measure(folder: Path, number: int, rate: float, turn: str) -> dict[str, Any]:
    """Send a crowd and look at what came of it."""
    database = open_database(folder)
    migrate.upgrade(database)
    house = House(database, turn, seconds=HANGS)
    began, cpu = time.perf_counter(), time.process_time()
    try:
        found = await house.crowd.send(number, WORD, rate=rate)
        seconds = time.perf_counter() - began
        rows, keys, evil = house.rows()
        genuine = house.crowd.genuine
        asked = house.model.asked
        return {
            "callbacks": len(found.seconds),
            "genuine": genuine,
            "lost": genuine - keys,
            "doubled": rows - keys + len(asked) - len(set(asked)),
            "forged_accepted": evil,
            "wrong_answers": sum(found.wrong.values()),
            "per_second": round(len(found.seconds) / seconds, 1),
            "p50_ms": round(found.within(0.5) * 1000, 1),
            "p99_ms": round(found.within(0.99) * 1000, 1),
            "by_kind": {
                kind: {
                    "number": len(seconds),
                    "p50_ms": round(found.within(0.5, kind) * 1000, 1),
                    "p99_ms": round(found.within(0.99, kind) * 1000, 1),
                }
                for kind, seconds in sorted(found.by_kind.items())
            },
            "cpu_ms": round((time.process_time() - cpu) / len(found.seconds) * 1000, 2),
            "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }
    finally:
        await house.close()
        database.close()


def run(data: Path, groups: int, residents: int, short: bool) -> dict[str, Any]:
    """Measure plain and encrypted callbacks, each in a folder of its own; where and with how many is not asked."""
    del data, groups, residents
    found: dict[str, Any] = {"seed": SEED}
    for turn in TURNS:
        with tempfile.TemporaryDirectory() as folder:
            number = SHORT if short else NUMBER // len(TURNS)
            found[turn] = asyncio.run(measure(Path(folder), number, RATE, turn))
        sys.stderr.write(f"bench:   {turn}, seed {SEED}: {found[turn]}\n")
    for name in ("lost", "doubled", "forged_accepted", "wrong_answers"):
        if any(found[turn][name] for turn in TURNS):
            raise AssertionError(f"{name}: {found}")
    found["p99_ms"] = max(found[turn]["p99_ms"] for turn in TURNS)
    return found
