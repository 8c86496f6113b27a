"""Whose the answers are that stand in the outbox, where several processes write into one.

A process puts its name on what it writes down, and gives a heartbeat. What a living one wrote, no other says; what a dead one
left is taken by its name and said once. Who was frozen looks before he says what he wrote earlier: it may be another's by now.

Its heartbeat is of the kind that drives no pushes.

Source: ADR-0023.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import structlog

from engagement.clocks import Clock
from scheduler import heartbeats, turns
from scheduler.engine import executor_name
from storage import unsent
from storage.engine import Database

log = structlog.get_logger("bot.fence")
_ALL = sys.maxsize


def life_of(directory: Path) -> str:
    """Return the name of a new life of the process that owns a data directory."""
    return f"{heartbeats.ONE_CHANNEL}answers:{executor_name(directory)}/{secrets.token_hex(4)}"


class Fence:
    """Says which answers are this process's to say. Until :meth:`begin`, and where processes have no names, all are."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Wire it; nothing is written yet."""
        self._database = database
        self._clock = clock
        self.me = database.process
        prefix, _, life = self.me.rpartition("/")
        self._pulse = heartbeats.Pulse(database, clock, prefix, life)
        self._begun = False
        self._beating = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._doubted = 0
        """Rows up to this one may have been taken while this process was silent."""

    async def begin(self) -> None:
        """Say that this process lives; what its earlier lives left on the same data directory is nobody's from now on."""
        await self._pulse.stop()
        await self._beat()
        self._begun = bool(self.me)

    def keep(self, look: Callable[[], Awaitable[object]] | None = None) -> None:
        """Go on saying so, and look as often for what others left.

        In a task of its own: looking may wait for a row that a frozen process has locked, and who waits is alive.
        """
        self._tasks = [
            asyncio.create_task(_over_and_over(act), name=name)
            for name, act in (("answers heartbeat", self._beat), ("answers of others", look))
            if act is not None
        ]

    async def end(self) -> None:
        """Say nothing any more: what is left is anybody's."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._begun:
            self._begun = False
            await self._pulse.stop()

    async def owns(self, row: int) -> bool:
        """Say whether an answer may be said here now; not while the heartbeat cannot be given."""
        if not self._begun or not row:
            return True
        with contextlib.suppress(turns.Failed):
            if self._pulse.is_faint:
                await turns.tried(self._beat)
            return row > self._doubted or await self._database.read(partial(unsent.is_of, row=row, sender=self.me))
        return False

    def fresh(self) -> datetime:
        """Return since when somebody must have given a heartbeat to be alive."""
        return self._clock.now() - heartbeats.DEAD_AFTER

    def unnamed_before(self) -> datetime:
        """Return until when what bears no name was written by somebody who is no more: an earlier version may still run."""
        age = timedelta() if self._database.dialect == "sqlite" else heartbeats.DEAD_AFTER
        return self._clock.now() - age

    async def _beat(self) -> None:
        async with self._beating:
            if self._pulse.is_faint and self._begun:
                self._doubted = _ALL
            await self._pulse.beat()
            if self._doubted == _ALL:
                # Nobody takes what is written from here on.
                self._doubted = await self._database.read(unsent.newest)


async def _over_and_over(act: Callable[[], Awaitable[object]]) -> None:
    while True:
        await asyncio.sleep(heartbeats.BEAT_AFTER.total_seconds())
        try:
            await turns.tried(act)
        except turns.Failed as error:
            log.warning("fence.failed", kind=type(error.__cause__).__name__)
