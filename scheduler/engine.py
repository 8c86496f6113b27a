"""DBOS drives the shards of the live server; nothing else imports it.

A workflow ``shard:epoch`` calls :func:`scheduler.delivery.deliver` and holds nothing that the delivery rows do not say. On
every tick and start the workflows are made again from rows that are still due: one that is missing is enqueued, one that
has ended is followed by the next epoch (a finished workflow id never runs again), one whose process has died (its heartbeat
is old) is resumed here. So DBOS's own file may be lost at any time and every row still reaches its end.

Its tables are unprefixed: they live in ``engine.db`` beside the database on SQLite, and in a schema of their own on
PostgreSQL, out of Alembic's sight.

Source: ADR-0004; https://docs.dbos.dev/python/reference/configuration.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from engagement.clocks import Clock
from engagement.kernel import Illustrator, Sender, in_words
from engagement.pushes import JobSpec
from scheduler import heartbeats, rows
from scheduler.clock import Ticker, plan_due
from scheduler.delivery import CONCURRENCY, Conduct, deliver
from scheduler.gate import RateGate
from scheduler.watch import Watch
from storage.engine import Database

log = structlog.get_logger("scheduler.engine")

VERSION = "shards-1"
"""DBOS recovers only workflows of its own application version; ours changes only when a workflow's meaning does."""
SCHEMA = "tuantuan_engine"
QUEUE = "shards"
SHARDS_AT_ONCE = 2
"""Times the sends in flight per shard: what one kill can double at most. Enough for 27 sends a second of 0.5 s each."""
POLLING_SECONDS = 0.25
MEND_SECONDS = 10.0
FRUITLESS_SECONDS = 30.0
"""How long a shard that could do nothing (its channel is not connected here) is left alone."""
STALLED_SECONDS = 15.0
DRAIN_SECONDS = 10.0
PRUNE_SECONDS = 3600.0
_ACTIVE = {"ENQUEUED", "PENDING", "DELAYED"}
_NO_PROGRESS = {"no_sender", "not_taken", "broken"}


def executor_name(directory: Path) -> str:
    """Return the stable and unique name of the server on a data directory of this host (one owns it at a time)."""
    return heartbeats.name_of(socket.gethostname(), str(directory.resolve()))


@dataclass(frozen=True, slots=True)
class Parts:
    """What the engine works with; composed in bot.main.

    Attributes:
        directory: the data directory, for ``engine.db`` and the executor's name.
        url: ``postgresql://…`` of the installation, or empty on SQLite.
        concurrency: sends in flight per shard.
        illustrate: draws a message's card before it is sent.
    """

    directory: Path
    database: Database
    jobs: Sequence[JobSpec]
    senders: Mapping[str, Sender]
    clock: Clock
    gate: RateGate
    url: str = ""
    concurrency: int = CONCURRENCY
    executor: str = ""
    illustrate: Illustrator = in_words


@dataclass(slots=True)
class _Times:
    """Monotonic instants of what is not done on every tick."""

    mend: float = float("-inf")
    seen: float = float("-inf")
    prune: float = field(default_factory=time.monotonic)


class Engine:
    """Plans and delivers while the server runs. One per process (DBOS is a singleton)."""

    def __init__(self, parts: Parts) -> None:
        """Wire it; :meth:`start` begins."""
        self.parts = parts
        self.executor = parts.executor or executor_name(parts.directory)
        self._pulse = heartbeats.Pulse(parts.database, parts.clock, self.executor, secrets.token_hex(4))
        self.me = self._pulse.me
        self.ticker = Ticker(self.beat)
        self._stopping = False
        self._active: set[str] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._fruitless: dict[str, float] = {}
        self._stalled: dict[str, float] = {}
        self._times = _Times()
        self._watch = Watch()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._beating: asyncio.Task[None] | None = None
        self._dbos: Any = None

    async def start(self) -> None:
        """Launch DBOS and the tick, in the running event loop.

        What an earlier life of this process was sending is ambiguous from now on: its heartbeat goes.
        """
        self._loop = asyncio.get_running_loop()
        await self._pulse.stop()
        await self._pulse.beat()
        self._beating = asyncio.create_task(self._pulse.keep(), name="heartbeat")
        await asyncio.to_thread(self._launch)
        await self.ticker.start()
        log.info("engine.started", executor=self.me)

    async def stop(self) -> None:
        """Take no further row, let sends in flight end (at most ten seconds), then let go of DBOS."""
        self._stopping = True
        await self.ticker.stop()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), DRAIN_SECONDS)
        drained = not self._active
        if self._dbos is not None:
            await asyncio.to_thread(self._dbos.destroy, destroy_registry=True, workflow_completion_timeout_sec=0)
            self._dbos = None
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.wait({self._beating})
        if drained:
            await self._pulse.stop()
        log.info("engine.stopped", drained=drained)

    async def beat(self) -> None:
        """One tick: plan, and see that every shard with something due is being driven."""
        if self._stopping:
            return
        if self._pulse.is_faint:
            await self._pulse.beat()
        mend = time.monotonic() - self._times.mend >= MEND_SECONDS
        if mend:
            self._times.mend = time.monotonic()
        parts, now = self.parts, self.parts.clock.now()
        await plan_due(parts.database, parts.jobs, now, mend=mend, watch=self._watch, meanwhile=self._meanwhile)
        await self._see_to_shards(now)
        if time.monotonic() - self._times.prune >= PRUNE_SECONDS:
            self._times.prune = time.monotonic()
            await asyncio.to_thread(self._prune, now)

    async def _meanwhile(self) -> None:
        """While much is being planned: let go out what is planned already."""
        if not self._stopping and time.monotonic() - self._times.seen >= POLLING_SECONDS:
            await self._see_to_shards(self.parts.clock.now())

    async def _see_to_shards(self, now: datetime) -> None:
        moment = self._times.seen = time.monotonic()
        due = await self.parts.database.read(lambda session: rows.due_shards(session, self.me, now))
        wanted = [
            (shard, epoch)
            for shard, epoch in due
            if shard not in self._active and self._fruitless.get(shard, 0.0) <= moment
        ]
        self._stalled = {
            name: since for name, since in self._stalled.items() if name in {f"{s}:{e}" for s, e in wanted}
        }
        self._fruitless = {shard: until for shard, until in self._fruitless.items() if until > moment}
        if not wanted:
            return
        states = await asyncio.to_thread(self._states, [f"{shard}:{epoch}" for shard, epoch in wanted])
        living = {who.rpartition("/")[0] for who in await self.parts.database.read(lambda s: heartbeats.alive(s, now))}
        start: list[tuple[str, str]] = []
        resume: list[str] = []
        for shard, epoch in wanted:
            name = f"{shard}:{epoch}"
            state, executor = states.get(name, ("", ""))
            if not state:
                start.append((name, shard))
            elif state not in _ACTIVE:
                await self.parts.database.write(partial(rows.next_epoch, shard=shard, before=epoch))
                start.append((f"{shard}:{epoch + 1}", shard))
            elif (state == "PENDING" and executor not in living) or (
                (state != "PENDING" or executor == self.executor) and self._is_stalled(name)
            ):
                resume.append(name)
        await asyncio.to_thread(self._begin, start, resume)

    def _is_stalled(self, name: str) -> bool:
        since = self._stalled.setdefault(name, time.monotonic())
        if time.monotonic() - since < STALLED_SECONDS:
            return False
        del self._stalled[name]
        return True

    async def _drive(self, shard: str) -> dict[str, int]:
        """Deliver a shard, in the server's event loop, where the senders live."""
        if shard in self._active or self._stopping:
            return {}
        self._active.add(shard)
        self._idle.clear()
        try:
            parts = self.parts
            conduct = Conduct(
                self.me,
                parts.concurrency,
                stopping=lambda: self._stopping or self._pulse.is_faint,
                illustrate=parts.illustrate,
            )
            result = await deliver(shard, parts.clock, parts.senders, parts.database, parts.gate, parts.jobs, conduct)
        finally:
            self._active.discard(shard)
            if not self._active:
                self._idle.set()
        if set(result.outcomes) <= _NO_PROGRESS:
            self._fruitless[shard] = time.monotonic() + FRUITLESS_SECONDS
        log.info("shard.driven", shard=shard, **result.outcomes)
        return result.outcomes

    # ---------------------------------------------------------------- DBOS, in a thread of its own

    def _launch(self) -> None:
        from dbos import DBOS

        logging.getLogger("dbos").setLevel(logging.ERROR)
        url = self.parts.url.replace("postgresql+psycopg://", "postgresql://")
        self._dbos = DBOS
        DBOS(
            config={
                "name": "tuantuan",
                "system_database_url": url or f"sqlite:///{self.parts.directory / 'engine.db'}",
                "dbos_system_schema": SCHEMA,
                "application_version": VERSION,
                "executor_id": self.executor,
                "log_level": "ERROR",
                "enable_otlp": False,
                "use_listen_notify": False,
                "notification_listener_polling_interval_sec": 1.0,
            }
        )

        @DBOS.workflow(name="drive_shard", max_recovery_attempts=None)
        def drive_shard(shard: str) -> dict[str, int]:
            assert self._loop is not None
            return asyncio.run_coroutine_threadsafe(self._drive(shard), self._loop).result()

        DBOS.launch()
        DBOS.register_queue(
            QUEUE,
            worker_concurrency=SHARDS_AT_ONCE,
            polling_interval_sec=POLLING_SECONDS,
            on_conflict="always_update",
        )

    def _states(self, names: list[str]) -> dict[str, tuple[str, str]]:
        found = self._dbos.list_workflows(workflow_ids=names, load_input=False, load_output=False)
        return {one.workflow_id: (one.status, one.executor_id or "") for one in found}

    def _begin(self, start: list[tuple[str, str]], resume: list[str]) -> None:
        for name, shard in start:
            options = {"workflow_name": "drive_shard", "queue_name": QUEUE, "workflow_id": name}
            self._dbos.enqueue_workflow_with_options(options, shard)
        if resume:
            log.warning("engine.resumed", workflows=len(resume))
            self._dbos.resume_workflows(resume, queue_name=QUEUE)

    def _prune(self, now: datetime) -> None:
        """Forget workflows that ended a day ago; the delivery rows tell the story."""
        before = (now - timedelta(days=1)).isoformat()
        old = self._dbos.list_workflows(completed_before=before, limit=1000, load_input=False, load_output=False)
        if old:
            self._dbos.delete_workflows([one.workflow_id for one in old])
