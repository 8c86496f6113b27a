"""Which processes live that drive deliveries: each says so every few seconds, and who is silent too long is taken for dead.

Source: ADR-0004.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from hashlib import blake2s

import structlog
from sqlalchemy import bindparam, delete, or_, select

from engagement.clocks import Clock
from scheduler import turns
from storage.campaigns import Heartbeat
from storage.columns import micros
from storage.engine import Database, Session
from storage.statements import Prepared

log = structlog.get_logger("scheduler.heartbeats")

DEAD_AFTER = timedelta(seconds=120)
"""A process whose heartbeat is older is taken for dead, and what it was sending for ambiguous."""
STALE_AFTER = DEAD_AFTER / 4
"""Without a heartbeat for so long, a process begins no send until it has given one: its rows may be another one's by now.

What it began just before has the rest of the time to end and to be written down.
"""
BEAT_AFTER = DEAD_AFTER / 24
"""Between two heartbeats."""
AGAIN_AFTER = BEAT_AFTER / 5
"""Before a heartbeat that could not be written is tried again."""
ONE_CHANNEL = "one:"
"""Begins the name of who sends on one channel only: what he took is his while he lives, but he plans and drives nothing else."""

_READABLE = 40
"""Characters of a host's name that stand in a process's name, for who reads it; a row has room for eighty in all."""

_H = Heartbeat.__table__  # type: ignore[attr-defined]
ALIVE = select(_H.c.executor).where(_H.c.beat_at > bindparam("fresh"))
"""Who has beaten later than ``fresh``, microseconds."""
_BEAT = Prepared(
    "heartbeat.beat",
    lambda insert: (
        insert(_H)
        .values(executor=bindparam("me"), beat_at=bindparam("now"))
        .on_conflict_do_update(index_elements=["executor"], set_={"beat_at": bindparam("now")})
    ),
)
_STOPPED = Prepared(
    "heartbeat.stopped",
    delete(_H).where(or_(_H.c.executor.like(bindparam("who"), escape="\\"), _H.c.beat_at < bindparam("long_ago"))),
)
_FRESH = Prepared("heartbeat.fresh", ALIVE)


def name_of(host: str, *more: str) -> str:
    """Return the stable name of a process: another one for each host, whatever its name ends with, and for each ``more``."""
    digest = blake2s("\0".join((host, *more)).encode(), digest_size=8).hexdigest()
    return f"{host[:_READABLE]}-{digest}"


def beat(session: Session, me: str, now: datetime) -> None:
    """Say that this process lives."""
    session.run(_BEAT, me=me, now=micros(now))


def stopped(session: Session, prefix: str, now: datetime) -> None:
    """Forget the heartbeats of an executor's earlier lives, and those silent for a day.

    Args:
        prefix: the stable name; heartbeats are ``{prefix}/{life}``.
    """
    safe = prefix.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    session.run(_STOPPED, who=f"{safe}/%", long_ago=micros(now - timedelta(days=1)))


def alive(session: Session, now: datetime) -> set[str]:
    """Return who has a fresh heartbeat and drives whatever is due."""
    fresh = (str(row[0]) for row in session.rows(_FRESH, fresh=micros(now - DEAD_AFTER)))
    return {who for who in fresh if not who.startswith(ONE_CHANNEL)}


class Pulse:
    """The heartbeat of one life of a process: it is given, and who gives it knows before others when it has failed."""

    def __init__(self, database: Database, clock: Clock, prefix: str, life: str) -> None:
        """Prepare; nothing is written yet.

        Args:
            prefix: the stable name; ``life`` is another one after each start.
        """
        self._database = database
        self._clock = clock
        self._prefix = prefix
        self.me = f"{prefix}/{life}"
        self._beaten: datetime | None = None

    async def beat(self) -> None:
        """Say that this process lives."""
        now = self._clock.now()
        await self._database.write(lambda session: beat(session, self.me, now))
        self._beaten = now

    async def keep(self) -> None:
        """Give it again and again, until cancelled.

        In a task of its own: planning may wait for a row that a frozen process has locked, and who waits is alive.
        """
        while True:
            try:
                await turns.tried(self.beat)
            except turns.Failed as error:
                log.warning("heartbeat.missed", kind=type(error.__cause__).__name__)
                await asyncio.sleep(AGAIN_AFTER.total_seconds())
            else:
                await asyncio.sleep(BEAT_AFTER.total_seconds())

    @property
    def is_faint(self) -> bool:
        """Others may soon take this process for dead: it was frozen, or its machine slept.

        By the wall clock, which goes on meanwhile; a clock that was set shows the same, and then one heartbeat mends it.
        """
        return self._beaten is None or not timedelta() <= self._clock.now() - self._beaten < STALE_AFTER

    async def stop(self) -> None:
        """Forget it, and those of earlier lives: what they were sending is ambiguous from now on."""
        now = self._clock.now()
        self._beaten = None
        await self._database.write(lambda session: stopped(session, self._prefix, now))
