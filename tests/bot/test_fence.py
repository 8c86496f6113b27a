"""Several processes and one outbox: what a living one wrote no other says, what a dead one left is said once."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlmodel import col, select

from bot.courier import LEFT_AFTER, Courier
from bot.fence import Fence, life_of
from bot.pump import LEFT_AFTER as HANDLED_AFTER
from bot.queued import Queued, queue
from engagement.clocks import SetClock
from engagement.kernel import Kind, Outcome, Outgoing, Place, Receipt
from scheduler.gate import no_gate
from scheduler.heartbeats import DEAD_AFTER
from storage import inbox, migrate
from storage.engine import Database, DatabaseSettings, open_database
from storage.outbox import Outbox
from tests.bot.house import NOW


class Platform:
    """Hears everything; what is held is answered when it is let go."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.begun = asyncio.Event()
        self.held: asyncio.Event | None = None

    async def send(self, message: Outgoing) -> Receipt:
        self.heard.append(message.reply_to)
        self.begun.set()
        if self.held is not None:
            await self.held.wait()
        return Receipt(Outcome.SENT, provider_id=str(len(self.heard)))


class Process:
    """A courier with a name, as each process has one."""

    def __init__(self, folder: Path, home: Path, settings: DatabaseSettings | None, platform: Platform) -> None:
        self.clock = SetClock(NOW)
        self.database: Database = open_database(folder, settings, life_of(home))
        self.fence = Fence(self.database, self.clock)
        self.courier = Courier(self.database, {"play": platform}, no_gate(), self.clock, fence=self.fence)

    async def write(self, words: str, channel: str = "play") -> Queued:
        """Put an answer into the outbox."""
        now = self.clock.now()
        message = Outgoing(
            kind=Kind.REPLY,
            channel=channel,
            account="",
            place=Place.GROUP,
            conversation="g1",
            feature="probe",
            key="members.kept",
            values={},
            reply_to=words,
        )
        return await self.database.write(lambda s: queue(s, words, message, now))

    async def look(self) -> int:
        """Look for what others left, as every few seconds."""
        found = await self.courier.resume(LEFT_AFTER)
        await self.courier.drain()
        return found

    def states(self) -> list[tuple[str, str]]:
        """Return what became of each answer."""
        return self.database.read_now(
            lambda s: list(s.exec(select(Outbox.state, Outbox.reason).order_by(col(Outbox.id))).all())
        )


class Town:
    """Processes over one database, by one clock."""

    def __init__(self, folder: Path, settings: DatabaseSettings | None, stack: ExitStack) -> None:
        self.folder, self.settings, self.stack = folder, settings, stack
        self.platform = Platform()

    def process(self, home: str = "one") -> Process:
        """Start one on a data directory of its own."""
        made = Process(self.folder, self.folder / home, self.settings, self.platform)
        self.stack.enter_context(closing(made.database))
        return made


@pytest.fixture(params=["sqlite", "postgresql"])
def town(request: pytest.FixtureRequest, tmp_path: Path, migrated_file: Path) -> Iterator[Town]:
    folder, settings = tmp_path / "data", None
    if request.param == "sqlite":
        shutil.copytree(migrated_file, folder)
    else:
        settings = DatabaseSettings(url=SecretStr(request.getfixturevalue("postgres_url")))
        with closing(open_database(folder, settings)) as database:
            migrate.upgrade(database)
    with ExitStack() as stack:
        yield Town(folder, settings, stack)


def later(processes: tuple[Process, ...], by: timedelta) -> datetime:
    """Move the clocks on."""
    for one in processes:
        one.clock.set(one.clock.now() + by)
    return processes[0].clock.now()


async def test_what_a_living_process_is_sending_is_not_said_again(town: Town) -> None:
    one, two = town.process("one"), town.process("two")
    await one.fence.begin()
    town.platform.held = asyncio.Event()
    one.courier.post(await one.write("slow"))
    later((one, two), DEAD_AFTER - timedelta(seconds=1))
    await two.fence.begin()
    assert await two.courier.resume() == 0
    await one.write("not posted yet")
    assert await two.look() == 0
    town.platform.held.set()
    await one.courier.drain()
    assert town.platform.heard == ["slow"]
    assert one.states() == [("sent", ""), ("pending", "")]


async def test_what_a_dead_one_left_is_said_once_and_in_order(town: Town) -> None:
    dead, two, three = town.process("dead"), town.process("two"), town.process("three")
    await dead.fence.begin()
    for words in ("first", "second"):
        await dead.write(words)
    await dead.write("elsewhere", channel="another")
    everybody = (two, three)
    later(everybody, DEAD_AFTER + timedelta(seconds=1))
    for one in everybody:
        await one.fence.begin()
    found = await asyncio.gather(*(one.look() for one in everybody))
    assert sum(found) == 2
    assert town.platform.heard == ["first", "second"]
    assert two.states() == [("sent", ""), ("sent", ""), ("pending", "")], "nobody here speaks there"


async def test_a_restart_goes_on_at_once(town: Town) -> None:
    """Its own data directory has one owner: the earlier life has ended, whatever its heartbeat says."""
    before, after = town.process("one"), town.process("one")
    await before.fence.begin()
    await before.write("left")
    await after.fence.begin()
    assert await after.courier.resume() == 1
    await after.courier.drain()
    assert town.platform.heard == ["left"]


async def test_who_ends_leaves_the_rest_to_anybody(town: Town) -> None:
    one, two = town.process("one"), town.process("two")
    await one.fence.begin()
    one.fence.keep()
    await one.write("left")
    await one.fence.end()
    await two.fence.begin()
    assert await two.look() == 1


async def test_who_was_frozen_says_only_what_is_still_his(town: Town) -> None:
    """Three answers wait behind a slow one; meanwhile he is taken for dead, and another says them."""
    frozen, two = town.process("frozen"), town.process("two")
    await frozen.fence.begin()
    town.platform.held = asyncio.Event()
    for words in ("under way", "a", "b", "c"):
        frozen.courier.post(await frozen.write(words))
    await asyncio.wait_for(town.platform.begun.wait(), 10)
    held, town.platform.held = town.platform.held, None
    later((frozen, two), DEAD_AFTER + timedelta(seconds=1))
    await two.fence.begin()
    assert await two.look() == 4
    held.set()
    await frozen.courier.drain()
    assert town.platform.heard == ["under way", "under way", "a", "b", "c"], "only what was in flight comes twice"
    frozen.courier.post(await frozen.write("new"))
    await frozen.courier.drain()
    assert town.platform.heard[-1] == "new"
    assert {state for state, _ in frozen.states()} == {"sent"}


async def test_nothing_is_said_while_no_heartbeat_can_be_given(town: Town) -> None:
    """Others may take it for dead by then; it says the rest itself when it can give one again."""
    one = town.process("one")
    await one.fence.begin()
    later((one,), DEAD_AFTER)
    waiting = await one.write("waits")
    beat, one.fence._pulse.beat = one.fence._pulse.beat, _broken  # type: ignore[method-assign]
    assert (await one.courier.send(waiting)).outcome is Outcome.RETRY
    one.fence._pulse.beat = beat  # type: ignore[method-assign]
    assert await one.look() == 0, "a moment ago"
    later((one,), LEFT_AFTER)
    assert await one.look() == 1
    assert town.platform.heard == ["waits"]


async def _broken() -> None:
    raise OSError("disk full")


async def test_the_heartbeat_goes_on_and_looks(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.heartbeats.BEAT_AFTER", timedelta(seconds=0.01))
    one, two = town.process("one"), town.process("two")
    await one.fence.begin()
    looked, times = asyncio.Event(), 0

    async def look() -> None:
        nonlocal times
        times += 1
        if times == 1:
            raise OSError("the database is away")
        looked.set()

    one.fence.keep(look)
    later((one, two), DEAD_AFTER * 3)
    await one.write("mine")
    await asyncio.wait_for(looked.wait(), 10)
    await two.fence.begin()
    assert await two.look() == 0
    await one.fence.end()


async def test_the_heartbeat_goes_on_while_looking_has_to_wait(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking writes, and may wait for a row that another holds."""
    monkeypatch.setattr("scheduler.heartbeats.BEAT_AFTER", timedelta(seconds=0.01))
    one = town.process("one")
    await one.fence.begin()
    looking, beaten, beat = asyncio.Event(), asyncio.Event(), one.fence._pulse.beat

    async def look() -> None:
        looking.set()
        await asyncio.Event().wait()

    async def noted() -> None:
        await beat()
        beaten.set()

    one.fence._pulse.beat = noted  # type: ignore[method-assign]
    one.fence.keep(look)
    await asyncio.wait_for(looking.wait(), 10)
    later((one,), DEAD_AFTER)
    for _ in range(2):  # the first may have been under way
        beaten.clear()
        await asyncio.wait_for(beaten.wait(), 10)
    assert not one.fence._pulse.is_faint
    await one.fence.end()


async def test_what_bears_no_name_was_written_by_an_earlier_version(town: Town) -> None:
    """On SQLite it is no more; on PostgreSQL it may still run beside this one."""
    one = town.process("one")
    old = open_database(town.folder, town.settings)
    with closing(old):
        await one.fence.begin()
        one.database, database = old, one.database
        await one.write("unnamed")
        one.database = database
        assert await one.look() == (database.dialect == "sqlite")
        later((one,), DEAD_AFTER)
        await one.look()
    assert town.platform.heard == ["unnamed"]


# ---------------------------------------------------------------- what was received and not handled


def received(process: Process, key: str, channel: str = "play") -> None:
    """Persist an event, as when its process dies just behind that."""
    process.database.write_now(
        lambda s: inbox.put(
            s,
            channel=channel,
            account="",
            dedupe_key=key,
            conversation="g1",
            received_at=process.clock.now(),
            body=key,
        )
    )


def left(process: Process) -> list[str]:
    """Return what nobody living handles, as a process sees it that looks every few seconds."""
    found = process.database.read_now(
        lambda s: inbox.adrift(
            s,
            process.fence.me,
            process.clock.now() - HANDLED_AFTER,
            process.fence.fresh(),
            process.fence.unnamed_before(),
        )
    )
    return [one.body for one in found]


async def test_what_a_dead_one_received_is_anybodys_and_taken_once(town: Town) -> None:
    dead, two, three = town.process("dead"), town.process("two"), town.process("three")
    for one in (dead, two, three):
        await one.fence.begin()
    for key in ("first", "second"):
        received(dead, key)
    later((two, three), DEAD_AFTER - timedelta(seconds=1))
    assert left(two) == [], "it may be at work on them"
    later((two, three), timedelta(seconds=2))
    for one in (two, three):
        await one.fence.begin()
    found = two.database.read_now(lambda s: inbox.on(s, "play"))
    taken = [one.database.write_now(partial(inbox.take, found=found, me=one.fence.me)) for one in (two, three)]
    assert [len(one) for one in taken] == [2, 0]
    assert left(three) == []


async def test_what_this_process_let_lie_it_begins_anew(town: Town) -> None:
    """The database was away for longer than it was tried; nobody has to start the program for that."""
    one = town.process("one")
    await one.fence.begin()
    received(one, "mine")
    assert left(one) == []
    later((one,), HANDLED_AFTER)
    assert left(one) == ["mine"]


async def test_what_an_earlier_life_received_is_handled_at_once(town: Town) -> None:
    before, after = town.process("one"), town.process("one")
    await before.fence.begin()
    received(before, "left")
    await after.fence.begin()
    assert left(after) == ["left"]
