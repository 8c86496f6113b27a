"""Ours: the whole gateway in one process, with a sender that keeps the message to itself instead of a network."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.workload import FIRST_DAY
from bot.main import Program, open_program
from bot.rendering.capabilities import PLAY
from bot.rendering.render import render
from bot.settings import Settings
from engagement.clocks import SetClock
from engagement.kernel import Incoming, Kind, Outcome, Outgoing, Receipt
from storage.engine import DatabaseSettings


class LocalSender:
    """Puts every message into words, as a channel does, and takes it."""

    def __init__(self) -> None:
        """Start with nothing sent."""
        self.sent_at: dict[str, float] = {}

    async def send(self, message: Outgoing) -> Receipt:
        """Take a message."""
        if message.kind is not Kind.REACTION:
            render(message, PLAY)
        self.sent_at[message.reply_to] = time.perf_counter()
        return Receipt(Outcome.SENT, provider_id=f"b{message.reply_to}")


class GatewayProgram:
    """The product over a seeded directory."""

    def __init__(self, directory: Path, channel: str) -> None:
        """Open it."""
        self.clock = SetClock(FIRST_DAY)
        self.program: Program = open_program(
            directory, Settings(database=DatabaseSettings()), clock=self.clock, answers=False, drawn=False
        )
        self.sender = LocalSender()
        self.program.senders[channel] = self.sender

    async def closed_loop(self, messages: Sequence[Incoming], conversations: int) -> float:
        """Work messages off as fast as possible, so many people speaking at once; returns seconds."""
        self.clock.set(messages[0].received_at)
        pump = self.program.pump
        left = iter(messages)

        async def speak() -> None:
            for message in left:
                await pump.receive(message)

        started = time.perf_counter()
        await asyncio.gather(*(speak() for _ in range(conversations)))
        await pump.drain()
        return time.perf_counter() - started

    async def open_loop(self, messages: Sequence[Incoming], rate: float) -> tuple[list[float], list[float]]:
        """Let messages arrive at a fixed rate, whether earlier ones are done or not.

        Returns:
            Seconds from the arrival that was planned to the acknowledgement, and to the answer.
        """
        self.clock.set(messages[0].received_at)
        pump = self.program.pump
        self.sender.sent_at.clear()
        due: dict[str, float] = {}
        acknowledged: list[float] = []

        async def arrive(message: Incoming) -> None:
            await pump.receive(message)
            acknowledged.append(time.perf_counter() - due[message.message_id])

        started = time.perf_counter()
        running = []
        for number, message in enumerate(messages):
            due[message.message_id] = at = started + number / rate
            wait = at - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            running.append(asyncio.create_task(arrive(message)))
        await asyncio.gather(*running)
        await pump.drain()
        return acknowledged, [self.sender.sent_at[name] - at for name, at in due.items()]

    def close(self) -> None:
        """Let go of the directory."""
        self.program.close()
