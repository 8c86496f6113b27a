"""The rate gate: how fast a bot may talk, over all and in one group.

In one group: a GCRA (generic cell rate algorithm): one number, the theoretical arrival time, moved on by one interval for each
message. An answer takes its slot at once and then waits for it; a push takes a slot only when one is free now, and leaves half
of the burst allowance to the answers. Over all: a push takes its slot at the moment at which it goes out, after its row is
committed, and there is no burst; an answer goes before it. So answers go first without a queue, and pushes fill what is left.

Where the numbers live is the only difference between installations (:mod:`scheduler.slots`).

Source: ADR-0004; https://core.telegram.org/bots/faq (about 30 messages a second, 20 a minute in a group).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

from engagement.clocks import Clock
from scheduler.pace import SECOND, Left
from scheduler.slots import AHEAD, Limit, MemorySlots, RowSlots, Slots
from storage.columns import micros
from storage.engine import Database

_FEWEST_AHEAD = 2

Pause = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Rates:
    """What one bot account of a channel may send.

    Attributes:
        per_second: over all conversations; 0 = no limit.
        group_per_minute: into one group; 0 = no limit. Any 60 seconds see at most this many: a quarter may come in a burst,
            the rest is spread.
        burst: how many answers may go out at the same instant over all.
    """

    per_second: float = 0.0
    group_per_minute: float = 0.0
    burst: int = 3


TELEGRAM = Rates(per_second=27.0, group_per_minute=20.0)
"""Below Telegram's stated 30 a second, so that a burst of three still fits."""


def limits(rates: Rates, channel: str, account: str, conversation: str) -> tuple[Limit | None, Limit | None]:
    """Return the limits that a message to a conversation is under: the group's, and the bot's over all."""
    group = bot = None
    if rates.group_per_minute:
        burst = max(1, int(rates.group_per_minute // 4))
        interval = round(60 * SECOND / max(rates.group_per_minute - burst, 0.5))
        group = Limit(f"{channel}:{account}:{conversation}"[:200], interval, interval * (burst - 1))
    if rates.per_second:
        interval = round(SECOND / rates.per_second)
        bot = Limit(f"{channel}:{account}", interval, interval * (rates.burst - 1), int(rates.per_second) + 1)
    return group, bot


class _Door:
    """What the pushes of one bot go through, in this process."""

    def __init__(self, bot: Limit) -> None:
        self.bot = bot
        self.places = asyncio.Semaphore(max(_FEWEST_AHEAD, AHEAD // bot.interval))
        self.turn = asyncio.Lock()
        self.standing = 0


class Turn:
    """One push on its way through the gate: it has one of the few places between taking its row and going out."""

    def __init__(self, slots: Slots, door: _Door | None) -> None:
        """Use :meth:`RateGate.turn`."""
        self._slots = slots
        self._door = door
        self._inside = False
        self._left: Left | None = None

    async def __aenter__(self) -> Self:
        if self._door is not None:
            await self._door.places.acquire()
            self._inside = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._go_by()

    async def go(self, clock: Clock, pause: Pause) -> None:
        """Wait until the push may go out, which it then does at once."""
        if self._door is None:
            return
        door, bot = self._door, self._door.bot
        door.standing += 1
        try:
            async with door.turn:
                while wait := await self._slots.ahead(bot, micros(clock.now()), door.standing):
                    await pause(wait / SECOND)
                self._left = self._slots.leave(bot, micros(clock.now()))
        finally:
            door.standing -= 1
        self._go_by()

    def answered(self, clock: Clock) -> None:
        """Say that the platform has answered, whatever it answered."""
        if self._door is not None and self._left is not None:
            self._slots.answered(self._door.bot, self._left, micros(clock.now()))

    def _go_by(self) -> None:
        if self._inside and self._door is not None:
            self._inside = False
            self._door.places.release()


class RateGate:
    """What every sender passes before it talks to a platform: answers and pushes through the same limits."""

    def __init__(self, slots: Slots, rates: Mapping[str, Rates]) -> None:
        """Wire it.

        Args:
            rates: channel → rates; a channel that is not named has no limit.
        """
        self._slots = slots
        self._rates = rates
        self._doors: dict[str, _Door] = {}

    async def reply(self, channel: str, account: str, conversation: str, now: datetime) -> float:
        """Take a slot for an answer; returns the seconds to wait before sending it (mostly 0.0)."""
        rates = self._rates.get(channel)
        if rates is None:
            return 0.0
        group, bot = limits(rates, channel, account, conversation)
        return await self._slots.answer(group, bot, micros(now)) / SECOND

    async def stamp(self, channel: str, account: str, now: datetime) -> float:
        """Take a slot for an emoji on somebody's message: no message, so a group's limit does not hold it."""
        rates = self._rates.get(channel)
        if rates is None:
            return 0.0
        _group, bot = limits(rates, channel, account, "")
        return await self._slots.answer(None, bot, micros(now)) / SECOND

    async def push(
        self, channel: str, account: str, conversation: str, clock: Clock, *, pause: Pause, patience: float
    ) -> float:
        """Wait until a push may begin, at most ``patience`` seconds at a time.

        Args:
            conversation: the group; empty = somebody in private, who is under the bot's limit alone.

        Returns:
            0.0 = go; else nothing was taken and the group is closed for that many seconds: send others meanwhile.
        """
        rates = self._rates.get(channel)
        if rates is None:
            return 0.0
        group, bot = limits(rates, channel, account, conversation)
        if not conversation:
            group = None
        while wait := await self._slots.admit(group, bot, micros(clock.now())) / SECOND:
            if wait > patience:
                return wait
            await pause(wait)
        return 0.0

    def turn(self, channel: str, account: str) -> Turn:
        """Return a push's way out: entered before its row is taken, gone through when it is sent."""
        rates = self._rates.get(channel)
        _group, bot = (None, None) if rates is None else limits(rates, channel, account, "")
        if bot is None:
            return Turn(self._slots, None)
        return Turn(self._slots, self._doors.setdefault(bot.name, _Door(bot)))

    async def closed(self, channel: str, account: str, conversation: str, until: datetime) -> None:
        """Remember that the platform takes nothing for a conversation before ``until``."""
        rates = self._rates.get(channel)
        if rates is not None:
            group, _bot = limits(rates, channel, account, conversation)
            if group is not None:
                await self._slots.hold(group, until)


def open_gate(database: Database, rates: Mapping[str, Rates]) -> RateGate:
    """Make the gate that fits the installation: rows on PostgreSQL, memory on SQLite."""
    return RateGate(MemorySlots() if database.dialect == "sqlite" else RowSlots(database), rates)


def no_gate() -> RateGate:
    """Make a gate that holds nothing back (``play``, the simulator, tests)."""
    return RateGate(MemorySlots(), {})
