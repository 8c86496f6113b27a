"""One live connection over all replicas: who holds the lease connects, the others wait.

A lease lasts five sixths of its time and is looked at every sixth, by who has it and by who wants it: when a process is
killed, another one has it within the whole time. Who cannot renew it stops relying on it after two thirds: also a process
that was frozen meanwhile, whose timers have told it nothing. It asks :attr:`Lease.is_sure` before each thing it says.

Source: CHANNELS (one live connection per bot, a newer one kicks the older); ADR-0022; FAULTS F16.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TypeVar

import structlog

from engagement.clocks import Clock
from storage import leases
from storage.engine import Database, Session

T = TypeVar("T")
log = structlog.get_logger("bot.channels.wecom_bot")


def since_boot() -> float:
    """Return seconds that also go on while the process is frozen or its machine sleeps."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def name_of(bot: str) -> str:
    """Return the lease's name; a bot's id may be longer than a name."""
    return f"wecom_bot:{hashlib.sha256(bot.encode()).hexdigest()[:24]}"


class Lease:
    """Keeps one replica's claim.

    Attributes:
        held: set while this replica may connect.
        lost: set while it may not.
        gained: how often it came to have it.
        state: says how far this replica has come with the connection; written down with the lease.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        bot: str,
        replica: str,
        seconds: float,
        timer: Callable[[], float] = since_boot,
    ) -> None:
        """Prepare; :meth:`keep` begins.

        Args:
            replica: a name that no other process has, at most 80 characters.
            seconds: after so long a process that was killed is replaced, at the latest.
            timer: seconds that only go forward, and never stand still.
        """
        self._database = database
        self._clock = clock
        self._name = name_of(bot)
        self._replica = replica
        self._seconds = seconds
        self._timer = timer
        self._sure_until = 0.0
        self.gained = 0
        self.state: Callable[[], str] = str
        self.held = asyncio.Event()
        self.lost = asyncio.Event()
        self.lost.set()

    async def keep(self) -> None:
        """Take the lease and renew it, until cancelled; a database that does not answer ends it before others may take it."""
        while True:
            began = self._timer()
            try:
                async with asyncio.timeout(self._seconds / 6):
                    mine = await self._try()
            except (_NoAnswer, TimeoutError) as error:
                log.error("wecom_bot.no_lease", kind=type(error.__cause__ or error).__name__)
                mine = self.is_sure
            else:
                self._sure_until = began + self._seconds * 2 / 3
            # A yes that was read long after it was given, for the process was frozen in between, is none any more.
            self._note(mine and self._timer() < self._sure_until)
            await asyncio.sleep(self._seconds / 6)

    @property
    def is_sure(self) -> bool:
        """The lease is ours, and nobody else can have taken it yet: also in a process that has just woken up."""
        return self.held.is_set() and self._timer() < self._sure_until

    async def _try(self) -> bool:
        now = self._clock.now()
        until = now + timedelta(seconds=self._seconds * 5 / 6)
        take = partial(leases.take, name=self._name, me=self._replica, now=now, until=until, state=self.state()[:16])
        return await self._ask(take)

    async def _ask(self, what: Callable[[Session], T]) -> T:
        try:
            return await self._database.write(what)
        except Exception as error:
            raise _NoAnswer from error

    def _note(self, mine: bool) -> None:
        if mine == self.held.is_set():
            return
        log.info("wecom_bot.lease", held=mine)
        if mine:
            self.gained += 1
            self.lost.clear()
            self.held.set()
        else:
            self.held.clear()
            self.lost.set()

    async def let_go(self) -> None:
        """Release it at the end; where the database does not answer it runs out by itself."""
        held = self.held.is_set()
        self._note(mine=False)
        if not held:
            return
        try:
            await self._ask(partial(leases.release, name=self._name, me=self._replica))
        except _NoAnswer as error:
            log.warning("wecom_bot.not_let_go", kind=type(error.__cause__).__name__)


class _NoAnswer(Exception):
    """The database did not say whose the lease is; the cause says why."""
