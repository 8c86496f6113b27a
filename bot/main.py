"""The composition root: the only file that knows everybody. Opens a data directory and wires the program over it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING

import structlog

from bot import transfer, weekly
from bot.courier import Courier
from bot.edits import queue_edits
from bot.fence import Fence, life_of
from bot.gateway import Gateway
from bot.live import Live
from bot.pictures import Pictures
from bot.play import Line, Player
from bot.pump import Pump
from bot.settings import Mode, Settings, resident_pages
from bot.upgrading import bring_up_to_date
from bot.voice import Ear
from engagement.campaigns import service as plans
from engagement.clocks import Clock, Movable, SetClock, SystemClock
from engagement.dispatch import Dispatcher
from engagement.errors import Refusal
from engagement.feature import Fetch, FollowUp
from engagement.kernel import Incoming, Sender, in_words
from engagement.pushes import JobSpec
from engagement.registry import FEATURES
from knowledge import speech
from prompts import campaigns
from prompts.loader import texts
from scheduler import clock as clock_work
from scheduler import posters
from scheduler.delivery import Conduct
from scheduler.gate import RateGate, Rates, open_gate
from storage import actions, inbox, migrate, nonces, offers, outbox
from storage.engine import Database, Session, open_database

if TYPE_CHECKING:
    from knowledge.answering import Answering
    from prompts.campaigns import Pack

log = structlog.get_logger("bot.main")
PRUNE_EVERY = timedelta(hours=1)
PLAN_EVERY = timedelta(days=1)
LEARN_EVERY = timedelta(seconds=30)
PLATFORMS = ("telegram", "wechat", "wecom", "wecom_bot")
APART = frozenset({"wecom_bot"})
"""Platforms that take one connection: whoever has it says also what other processes have to say there."""
"""Channels on which strangers write: there one person's commands a minute are bounded."""


class Busy(Exception):
    """Another process owns the data directory."""


class Ownership:
    """The lock of a data directory: one owner at a time (two Chroma owners on one folder lose records silently)."""

    def __init__(self, directory: Path) -> None:
        """Take the lock.

        Raises:
            Busy: somebody has it.
        """
        directory.mkdir(parents=True, exist_ok=True)
        self._file: IO[str] = (directory / "owner.lock").open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise Busy(str(directory)) from error
        self._file.seek(0)
        self._file.truncate()
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Let it go."""
        fcntl.flock(self._file, fcntl.LOCK_UN)
        self._file.close()


@dataclass(slots=True)
class Program:
    """Everything that is open.

    Attributes:
        senders: channel → sending half; filled by whoever starts a channel.
        seeded: the starter base and the ready year belong into it.
    """

    directory: Path
    settings: Settings
    database: Database
    clock: Clock
    answering: Answering | None
    dispatcher: Dispatcher
    gateway: Gateway
    gate: RateGate
    senders: dict[str, Sender]
    pictures: Pictures
    courier: Courier
    pump: Pump
    fence: Fence
    live: Live
    ownership: Ownership | None
    me: str
    seeded: bool = False
    _pruned: datetime | None = field(default=None)
    _year_planned: datetime | None = field(default=None)
    _learnt: datetime | None = field(default=None)
    _running: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def sources(self) -> dict[str, Fetch]:
        """Channel → how it hands out files that people sent."""
        return self.dispatcher.sources

    @property
    def jobs(self) -> list[JobSpec]:
        """Every kind of push."""
        return [job for feature in self.dispatcher.features for job in feature.jobs]

    async def next_instant(self) -> datetime | None:
        """Return when something is due next: a schedule, a delivery that waits, or a follow-up."""

        def read(session: Session) -> datetime | None:
            found = [clock_work.next_instant(session, self.clock.now()), *(one.due(session) for one in self.follow_ups)]
            return min((moment for moment in found if moment is not None), default=None)

        return await self.database.read(read)

    @property
    def follow_ups(self) -> list[FollowUp]:
        """What slices say some seconds after events."""
        return [feature.follow_up for feature in self.dispatcher.features if feature.follow_up is not None]

    async def follow_up(self) -> None:
        """Say what is due some seconds after events."""
        now = self.clock.now()
        for one in self.follow_ups:
            due = await self.database.read(one.due)
            if due is not None and due <= now:
                for queued in await self.database.write(partial(queue_edits, take=one.take, now=now)):
                    self.courier.post(queued)
        for queued in await self.live.attend():
            self.courier.post(queued)

    async def attend(self) -> None:
        """Do what a live program does every few seconds beside its work; replicas learn what another one was told."""
        await self.follow_up()
        now = self.clock.now()
        if self.database.dialect != "sqlite" and (self._learnt is None or now - self._learnt >= LEARN_EVERY):
            self._learnt = now
            await self.database.read(self.gateway.learn_all)

    async def advance(self, clock: Movable, to: datetime) -> None:
        """Move a clock to an instant, stopping at every due instant on the way to plan and deliver."""
        await self.run_due()
        while True:
            due = await self.next_instant()
            if due is None or due > to:
                break
            if due > clock.now():
                clock.set(due)
            await self.run_due()
            await self.follow_up()
            await self.courier.drain()
            if await self.next_instant() == due:
                # Something cannot go out now; the clock must still reach its end.
                break
        if to > clock.now():
            clock.set(to)
        await self.pump.flush()
        await self.prune()
        await self.plan_year()
        while await weekly.step(self.database, self.clock.now()):
            pass

    async def run_due(self) -> None:
        """Plan and send what is due now, in this process (``play``, the simulator); live channels use the engine."""
        async with self._running:
            conduct = Conduct(me=self.me, concurrency=1, illustrate=self.pictures)
            await clock_work.run_due(self.database, self.jobs, self.clock, self.senders, self.gate, conduct)

    async def take(self, incoming: Incoming) -> str:
        """Handle one event and send what it brings, one after the other (``play``); returns the outcome."""
        if self.gateway.routes.is_chatter(incoming):
            suspect = await self.pump.overhear(incoming)
            if suspect is None:
                return "heard"
            incoming = suspect
        row = await self.gateway.accept(incoming)
        if row is None:
            return "repeated"
        handled = await self.gateway.handle(row, await self.gateway.hear(incoming))
        self.pump.hearing.saw(incoming)
        for queued in handled.queued:
            await self.courier.send(queued)
        return handled.outcome

    async def flush(self) -> None:
        """Write what is buffered."""
        await self.pump.flush()
        await self.pump.keep_seen()

    async def prune(self) -> None:
        """Forget what need not be kept, at most once an hour."""
        now = self.clock.now()
        if self._pruned is not None and now - self._pruned < PRUNE_EVERY:
            return
        self._pruned = now
        await self.pump.keep_seen()

        def forget(session: Session) -> None:
            actions.prune(session, now - timedelta(days=actions.KEEP_DAYS))
            offers.prune(session, now - timedelta(days=offers.KEEP_DAYS))
            nonces.prune(session, now - timedelta(hours=nonces.KEEP_HOURS))

        await self.database.write(forget)
        for prune, days in ((inbox.prune, inbox.KEEP_DAYS), (outbox.prune, outbox.KEEP_DAYS)):
            before, after = now - timedelta(days=days), 0
            while after := await self.database.write(partial(prune, before=before, after=after)):
                pass
        long_ago = now - timedelta(days=outbox.SUBJECT_DAYS)
        while await self.database.write(partial(outbox.prune_subjects, before=long_ago)):
            pass
        await self.pictures.prune(now)

    async def draw_early(self) -> None:
        """Draw the pictures that pushes go out with in the next minutes."""
        wanted = await self.database.read(lambda session: posters.coming(session, self.jobs, self.clock.now()))
        await self.pictures.early(wanted)

    async def plan_year(self) -> None:
        """Plan the ready campaigns of this year and in time those of the next one, one a transaction, once a day."""
        now = self.clock.now()
        if not self.seeded or (self._year_planned is not None and now - self._year_planned < PLAN_EVERY):
            return
        self._year_planned = now

        def missing(session: Session) -> list[tuple[Pack, int]]:
            return plans.unplanned(session, campaigns.packs(), now)

        local = self.settings.mode is Mode.LOCAL
        for pack, year in await self.database.read(missing):
            # Another process may have planned it in the same moment.
            with contextlib.suppress(Refusal):
                await self.database.write(partial(plans.load, pack=pack, year=year, now=now, approved=local))

    def close(self) -> None:
        """Finish and let go."""
        self.pictures.close()
        if self.answering is not None:
            self.answering.close()
        self.database.close()
        if self.ownership is not None:
            self.ownership.release()


def open_program(
    directory: Path,
    settings: Settings | None = None,
    *,
    clock: Clock | None = None,
    answers: bool = True,
    seed: bool = False,
    own: bool = True,
    gated: bool = True,
    drawn: bool = True,
) -> Program:
    """Open a data directory: lock, database at the program's schema, knowledge base, dispatcher, pump.

    Args:
        settings: default: read from the environment.
        clock: default: the host's.
        answers: open the knowledge base (heavy libraries are imported only then).
        seed: load the starter knowledge base into a directory that has none, and plan the ready year.
        own: take the directory's lock; False only for reading beside a server.
        gated: hold sends back to the platforms' rates; False on a simulated clock, where nothing waits.
        drawn: draw cards; False sends their words alone (measurements of everything else).

    Raises:
        Busy: a server runs on the directory.
        Refusal: questions would go abroad, and no basis for it is stated; see :func:`bot.transfer.tell`.
    """
    settings = settings or Settings()
    if answers:
        transfer.tell(settings)
    clock = clock or SystemClock()
    ownership = Ownership(directory) if own else None
    database: Database | None = None
    try:
        database = open_database(directory, settings.database, life_of(directory))
        if own:
            bring_up_to_date(database, directory, SystemClock().now(), _tell)
        else:
            migrate.upgrade(database)
    except BaseException:
        if database is not None:
            database.close()
        if ownership is not None:
            ownership.release()
        raise
    answering: Answering | None = None
    if answers:
        from knowledge.answering import open_answering

        answering = open_answering(database, directory, settings.llm, settings.knowledge)
        answering.base.patient = not gated
        if seed:
            from knowledge.starter import load_starter

            load_starter(answering, clock.now(), publish=settings.mode is Mode.LOCAL, wait=not gated)
    dispatcher = Dispatcher(FEATURES, answering)
    dispatcher.pages = resident_pages(settings)
    gateway = Gateway(database, dispatcher, clock, paced=PLATFORMS if gated else ())
    gateway.ear = Ear(speech.configured(settings.speech), settings.speech)
    database.read_now(gateway.learn_all)
    telegram = settings.telegram
    gate = open_gate(database, {"telegram": Rates(telegram.rate, telegram.group_rate)} if gated else {})
    senders: dict[str, Sender] = {}
    pictures = Pictures(directory, clock, replay=not gated)
    fence = Fence(database, clock)
    courier = Courier(database, senders, gate, clock, pictures if drawn else in_words, APART, fence)
    live = Live(database, dispatcher, clock)
    database.read_now(live.resume)
    courier.told = live.sent
    return Program(
        directory,
        settings,
        database,
        clock,
        answering,
        dispatcher,
        gateway,
        gate,
        senders,
        pictures,
        courier,
        Pump(gateway, courier, fence),
        fence,
        live,
        ownership,
        f"{os.uname().nodename}:{os.getpid()}",
        seeded=seed,
    )


def _tell(key: str, values: dict[str, object]) -> None:
    sys.stderr.write(texts().fill(key, values) + "\n")


async def replay(
    script: Iterator[Line], directory: Path, settings: Settings, write: Callable[[dict[str, object]], None]
) -> dict[str, int]:
    """Play a script over a data directory (``play``); an empty one is seeded first. Returns the summary."""
    first = next(script, None)
    clock = SetClock(first.at if first is not None else datetime(2026, 1, 1, tzinfo=UTC))
    program = open_program(directory, settings, clock=clock, seed=True, gated=False)
    try:
        return await Player(program, clock, write).play(chain([] if first is None else [first], script))
    finally:
        program.close()
