"""The beat: what is done whenever time has moved, and what moves it.

Live, APScheduler holds one job, ``tick``, once a second; ``play`` and tests call :func:`plan_due` and :func:`run_due` on a
clock that they set. No time of a push is ever given to APScheduler (ADR-0004).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog

from engagement.clocks import Clock
from engagement.kernel import Sender
from engagement.pushes import JobSpec
from scheduler import budget, due, expiry, planner, rows, schedules
from scheduler.delivery import DEFAULT, Conduct, deliver
from scheduler.gate import RateGate
from scheduler.watch import Watch
from storage.engine import Database, Session

log = structlog.get_logger("scheduler.clock")

_ROUNDS = 100


async def _go_on() -> None:
    """Do nothing else meanwhile."""


async def plan_due(
    database: Database,
    jobs: Sequence[JobSpec],
    now: datetime,
    *,
    mend: bool = True,
    watch: Watch | None = None,
    meanwhile: Callable[[], Awaitable[None]] = _go_on,
) -> planner.Tick:
    """Bring schedules up to date, plan everything that is due, and close what has expired.

    Each transaction is short, so that other writers come in between; where nothing is due there is none.

    Args:
        mend: look for groups without schedules, changed zones and the like; live this is done every few seconds only.
        watch: what is known about them from the last time; None = look at all of them.
        meanwhile: awaited between transactions while there is more to do: what is planned need not wait for it.

    Returns:
        The sums over all transactions.
    """
    if mend:
        unsettled = schedules.unsettled if watch is None else watch.unsettled
        # One kind after the other: each transaction looks at every group for the kinds that it is given.
        for job in await database.read(lambda session: unsettled(session, jobs, now)):
            while await database.write(partial(schedules.ensure, jobs=(job,), now=now)):
                await meanwhile()
    total = planner.Tick()
    shard, rows_in_shard = "", 0
    more, expired, without = await database.read(
        lambda session: (due.is_any(session, now), expiry.is_any(session, now), budget.is_any_without(session))
    )
    while without:
        without = await database.write(lambda session: budget.place(session, jobs, now)) > 0
        await meanwhile()
    while more:
        one = await database.write(partial(planner.tick, jobs=jobs, now=now, shard=shard))
        rows_in_shard += one.pending
        shard = one.shard if rows_in_shard + planner.CHUNK <= planner.SHARD else ""
        rows_in_shard = rows_in_shard if shard else 0
        total.schedules += one.schedules
        total.pending += one.pending
        for reason, count in one.skipped.items():
            total.skipped[reason] = total.skipped.get(reason, 0) + count
        more = one.more
        if more:
            await meanwhile()
    while expired:
        expired = await database.write(lambda session: expiry.close(session, now)) == expiry.AT_ONCE
    if total.schedules:
        log.info("tick.planned", schedules=total.schedules, pending=total.pending, skipped=total.skipped)
    return total


def next_instant(session: Session, now: datetime) -> datetime | None:
    """Return when there is next something to plan or to send (at or before ``now`` if there already is), or None."""
    found = [moment for moment in (due.next_instant(session), rows.next_instant(session, now)) if moment is not None]
    return min(found, default=None)


async def run_due(
    database: Database,
    jobs: Sequence[JobSpec],
    clock: Clock,
    senders: Mapping[str, Sender],
    gate: RateGate,
    conduct: Conduct = DEFAULT,
) -> None:
    """Plan and send everything that is due at the clock's present, without any engine (``play``, tests)."""
    await plan_due(database, jobs, clock.now())
    for _ in range(_ROUNDS):
        found = await database.read(lambda session: rows.due_shards(session, conduct.me, clock.now()))
        if not found:
            return
        progress = 0
        for shard, _epoch in found:
            result = await deliver(shard, clock, senders, database, gate, jobs, conduct)
            progress += sum(
                count
                for outcome, count in result.outcomes.items()
                if outcome not in {"no_sender", "not_taken", "broken"}
            )
        if not progress:
            return


def _this_second() -> datetime:
    """Return when this second began: pushes are due at whole minutes, and a tick comes right then, not up to a second later."""
    return datetime.now(UTC).replace(microsecond=0)


class Ticker:
    """Calls one coroutine function once a second while the program runs, never twice at once."""

    def __init__(self, beat: Callable[[], Awaitable[None]], *, seconds: float = 1.0) -> None:
        """Wire it; :meth:`start` begins."""
        self._beat = beat
        self._seconds = seconds
        self._scheduler: Any = None
        self._watch: asyncio.Task[None] | None = None
        self._last = time.monotonic()

    async def start(self) -> None:
        """Begin, in the running event loop; the first tick comes at once."""
        from apscheduler.events import EVENT_JOB_ERROR
        from apscheduler.schedulers.asyncio import AsyncIOScheduler

        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._scheduler.add_listener(self._failed, EVENT_JOB_ERROR)
        self._scheduler.add_job(
            self._tick,
            "interval",
            seconds=self._seconds,
            id="tick",
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
            next_run_time=_this_second(),
        )
        self._scheduler.start()
        self._watch = asyncio.create_task(self._watch_over(), name="tick-watch")

    async def stop(self) -> None:
        """End; a tick that is running is awaited no longer than the loop is."""
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=False)
            self._scheduler = None

    @property
    def silence(self) -> float:
        """Seconds since the last tick began."""
        return time.monotonic() - self._last

    async def _tick(self) -> None:
        self._last = time.monotonic()
        await self._beat()

    async def _watch_over(self) -> None:
        # APScheduler reckons in wall-clock time: when the host's clock is set back by a day it would sleep for a day.
        while True:
            await asyncio.sleep(max(1.0, 2 * self._seconds))
            if self.silence > 5 * self._seconds and self._scheduler is not None:
                job = self._scheduler.get_job("tick")
                if job is not None:
                    log.warning("tick.woken", silent_for=round(self.silence, 1))
                    job.modify(next_run_time=_this_second())

    @staticmethod
    def _failed(event: Any) -> None:
        if isinstance(event.exception, asyncio.CancelledError):
            return
        log.error("tick.failed", kind=type(event.exception).__name__, detail=str(event.exception)[:200])
