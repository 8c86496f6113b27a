"""The rate gate keeps under the platform's limits, and lets replies go first; in memory and in rows alike."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from engagement.clocks import SetClock, SystemClock
from scheduler import gate as gates
from scheduler import slots as kept
from scheduler.gate import TELEGRAM, RateGate, Rates, limits
from scheduler.slots import Limit, MemorySlots, RowSlots
from storage.columns import micros
from storage.engine import Database
from tests.scheduler.community import database_at

NOW = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)


@pytest.fixture
def database(data_dir: Path) -> Iterator[Database]:
    found = database_at(data_dir)
    yield found
    found.close()


@pytest.fixture(params=["memory", "rows"])
def slots(request: pytest.FixtureRequest) -> MemorySlots | RowSlots:
    return MemorySlots() if request.param == "memory" else RowSlots(request.getfixturevalue("database"))


def most_within(times: list[float], span: float) -> int:
    """Return the largest number of instants in any half-open window of ``span`` seconds."""
    return max(sum(1 for other in times if one <= other < one + span) for one in times)


class Way:
    """What pushes go through from the gate to a platform, on a clock that stands still but for the waiting."""

    def __init__(self, slots: MemorySlots | RowSlots, rates: Rates = TELEGRAM) -> None:
        self.gate = RateGate(slots, {"telegram": rates})
        self.clock = SetClock(NOW)

    @property
    def seconds(self) -> float:
        return (self.clock.now() - NOW).total_seconds()

    async def pause(self, seconds: float) -> None:
        self.clock.set(self.clock.now() + timedelta(seconds=seconds))

    async def push(self, conversation: str, commit: float = 0.0) -> float:
        """Let one push through, whose row takes so long to commit; returns when it went out."""
        while wait := await self.gate.push("telegram", "bot", conversation, self.clock, pause=self.pause, patience=0.5):
            await self.pause(wait)
        async with self.gate.turn("telegram", "bot") as turn:
            await self.pause(commit)
            await turn.go(self.clock, self.pause)
            out = self.seconds
            turn.answered(self.clock)
        return out

    async def answer(self, conversation: str) -> float:
        return await self.gate.reply("telegram", "bot", conversation, self.clock.now())


async def test_a_bot_stays_below_thirty_a_second_and_near_its_rate(slots: MemorySlots | RowSlots) -> None:
    way = Way(slots)
    times = [await way.push(f"g{n}") for n in range(300)]
    assert most_within(times, 1.0) <= 28
    assert 300 / times[-1] > 26.5
    apart = sorted(b - a for a, b in pairwise(times))
    assert apart[150] == pytest.approx(1 / 27, abs=0.002), "evenly"


async def test_what_was_lost_while_the_machine_was_busy_is_made_up_for_without_a_flood() -> None:
    """Now and then a push is held up by a quarter of a second: as many go out in the end, and no second has one more."""
    way = Way(MemorySlots())
    times = [await way.push(f"g{n}", 0.25 if n % 50 == 10 else 0.0) for n in range(600)]
    assert 600 / times[-1] > 26.5
    assert most_within(times, 1.0) <= 28
    assert min(b - a for a, b in pairwise(times)) > 0.02, "not in a heap"


async def test_commits_in_groups_make_no_heap(slots: MemorySlots | RowSlots) -> None:
    """Pushes whose rows become durable at the same instant go out one after the other."""
    way = Way(slots)

    async def one(n: int) -> float:
        async with way.gate.turn("telegram", "bot") as turn:
            await turn.go(way.clock, way.pause)
            return way.seconds

    times = sorted(await asyncio.gather(*(one(n) for n in range(60))))
    assert min(b - a for a, b in pairwise(times)) > 0.025
    assert most_within(times, 1.0) <= 28


async def test_a_slot_that_a_process_slept_through_is_lost(database: Database) -> None:
    """Others have theirs right behind it: used late, it would crowd them."""
    clock = SetClock(NOW)
    sleepy, awake = (RateGate(RowSlots(database), {"telegram": TELEGRAM}) for _ in range(2))
    times: list[float] = []
    nap = 0.0

    async def pause(seconds: float) -> None:
        clock.set(clock.now() + timedelta(seconds=seconds))

    async def nod_off(seconds: float) -> None:
        nonlocal nap
        await pause(seconds + nap)
        nap = 0.0

    async def push(gate: RateGate, how: Callable[[float], Awaitable[None]]) -> None:
        async with gate.turn("telegram", "bot") as turn:
            await turn.go(clock, how)
            times.append((clock.now() - NOW).total_seconds())

    for n in range(60):
        nap = 0.3 if n % 10 == 5 else 0.0
        await push(sleepy, nod_off)
        await push(awake, pause)
    assert min(b - a for a, b in pairwise(times)) > 0.018, "half a slot's length late at most"
    assert most_within(times, 1.0) <= 28


async def test_only_a_few_stand_between_their_row_and_the_way_out(slots: MemorySlots | RowSlots) -> None:
    """What is taken and not yet sent is in doubt when the process dies."""
    gate = RateGate(slots, {"telegram": TELEGRAM})
    inside = most = 0

    async def one() -> None:
        nonlocal inside, most
        async with gate.turn("telegram", "bot") as turn:
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            await turn.go(SystemClock(), asyncio.sleep)
            inside -= 1

    await asyncio.gather(*(one() for _ in range(16)))
    assert 2 <= most <= 4


async def test_a_push_that_gives_up_leaves_its_place_to_the_next() -> None:
    way = Way(MemorySlots())
    for _ in range(20):
        with pytest.raises(ZeroDivisionError):
            async with way.gate.turn("telegram", "bot"):
                _ = 1 // 0
    async with asyncio.timeout(5):
        assert await way.push("g") == 0.0


async def test_answers_count_for_the_second_in_which_pushes_go_out(slots: MemorySlots | RowSlots) -> None:
    """Ten answers in the middle of a flood of pushes: they wait for nothing, and the pushes make room for them."""
    way = Way(slots)
    times: list[float] = []
    for n in range(120):
        times.append(await way.push(f"g{n}"))
        if n % 8 == 4:
            wait = await way.answer(f"r{n}")
            assert wait <= 0.001
            times.append(way.seconds + wait)
    assert most_within(times, 1.0) <= 30, "two answers may be ahead of their time"
    assert len(times) / times[-1] < 27.5, "pushes make up for that"
    assert await way.gate.push("play", "bot", "g", way.clock, pause=way.pause, patience=0) == 0.0


async def test_a_burst_of_answers_among_pushes_keeps_below_thirty() -> None:
    """Memory knows the second before: with a full second of pushes behind it, only as many go at once as the platform takes."""
    way = Way(MemorySlots())
    times = [await way.push(f"g{n}", 0.4 if n == 40 else 0.0) for n in range(70)]
    times += [way.seconds + await way.answer(f"r{n}") for n in range(12)]
    assert most_within(times, 1.0) <= 30
    assert times[-12:] == sorted(times[-12:])


async def test_a_group_never_sees_more_than_twenty_a_minute(slots: MemorySlots | RowSlots) -> None:
    """Replies ask without a break; each is sent when its wait is over."""
    gate = RateGate(slots, {"telegram": TELEGRAM})
    times: list[float] = []
    for n in range(60):
        asked = NOW + timedelta(seconds=n * 0.1)
        times.append(n * 0.1 + await gate.reply("telegram", "bot", "g1", asked))
    assert most_within(times, 60.0) <= 20
    assert times == sorted(times)
    assert times[4] < 1.0, "a handful comes at once"
    assert times[-1] < 60 * 60 / 14, "and the rest is spread, not stopped"


async def test_replies_go_first(slots: MemorySlots | RowSlots) -> None:
    """Pushes take what is free; replies that come meanwhile hardly wait, and pushes stand back while replies wait."""
    way = Way(slots)
    waits: list[float] = []
    for n in range(100):
        await way.push(f"g{n}")
        if n % 5 == 0:
            waits.append(await way.answer(f"r{n}"))
    assert max(waits) <= 0.04
    # A burst of replies: a push is told to wait until they are through, before its row is taken.
    for n in range(40):
        await way.answer(f"x{n}")
    refused = await way.gate.push("telegram", "bot", "late", way.clock, pause=way.pause, patience=0.5)
    assert refused > 0.9


async def test_nothing_is_taken_when_one_of_two_limits_refuses(slots: MemorySlots | RowSlots) -> None:
    gate = RateGate(slots, {"telegram": TELEGRAM})
    clock = SetClock(NOW)

    async def never(_seconds: float) -> None:
        pytest.fail("too long to wait for")

    for _ in range(3):
        assert await gate.push("telegram", "bot", "g1", clock, pause=never, patience=0.5) == 0.0
        clock.set(clock.now() + timedelta(seconds=0.2))
    assert await gate.push("telegram", "bot", "g1", clock, pause=never, patience=0.5) > 0.5
    # The bot itself lost nothing by the refusal: another group goes at once.
    assert await gate.push("telegram", "bot", "g2", clock, pause=never, patience=0.0) == 0.0


async def test_a_closed_group_stays_closed_and_others_are_open(slots: MemorySlots | RowSlots) -> None:
    gate = RateGate(slots, {"telegram": TELEGRAM})
    clock = SetClock(NOW)
    await gate.closed("telegram", "bot", "g1", NOW + timedelta(seconds=30))
    assert await gate.push("telegram", "bot", "g1", clock, pause=asyncio.sleep, patience=0.5) >= 30
    assert await gate.reply("telegram", "bot", "g1", NOW) >= 30
    assert await gate.push("telegram", "bot", "g2", clock, pause=asyncio.sleep, patience=0.5) == 0.0


async def test_a_channel_without_rates_is_never_held_back() -> None:
    gate = gates.no_gate()
    assert await gate.reply("play", "", "g1", NOW) == 0.0
    assert await gate.push("play", "", "g1", SetClock(NOW), pause=asyncio.sleep, patience=0) == 0.0
    await gate.closed("play", "", "g1", NOW + timedelta(days=1))
    assert await gate.reply("play", "", "g1", NOW) == 0.0


async def test_memory_does_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_KEEP_NAMES", 50)
    slots = MemorySlots()
    gate = RateGate(slots, {"telegram": Rates(group_per_minute=20)})
    for n in range(500):
        await gate.reply("telegram", "bot", f"g{n}", NOW + timedelta(seconds=n))
    assert len(slots._tat) <= 51


def test_the_gate_fits_the_installation(database: Database) -> None:
    assert isinstance(gates.open_gate(database, {})._slots, MemorySlots)


def test_rates_become_limits() -> None:
    group, bot = limits(TELEGRAM, "telegram", "bot", "g1")
    assert group == Limit("telegram:bot:g1", 4_000_000, 16_000_000)
    assert bot == Limit("telegram:bot", 37037, 74074, most=28)
    assert limits(Rates(), "x", "y", "z") == (None, None)


def test_a_reply_costs_the_memory_gate_next_to_nothing() -> None:
    async def many() -> float:
        gate = RateGate(MemorySlots(), {"telegram": TELEGRAM})
        begun = time.perf_counter()
        for n in range(5000):
            await gate.reply("telegram", "bot", f"g{n % 500}", NOW)
        return (time.perf_counter() - begun) / 5000

    each = asyncio.run(many())
    print(f"memory gate: {each * 1e6:.1f} µs a reply")
    assert each < 0.0005


class Receiver:
    """A platform that counts what arrives, and answers after a moment."""

    def __init__(self) -> None:
        self.arrived: list[float] = []

    async def take(self) -> None:
        await asyncio.sleep(0.002)
        self.arrived.append(time.monotonic())
        await asyncio.sleep(0.002)


@pytest.mark.postgres
@pytest.mark.parametrize(("rate", "most"), [(27.0, 28), (100.0, 102)])
async def test_two_processes_keep_one_rate_on_postgresql(
    tmp_path: Path, postgres_url: str, rate: float, most: int
) -> None:
    """Two gates over one database, each with as many senders as a worker has; at the receiver no second is too full."""
    databases = [database_at(tmp_path, postgres_url) for _ in range(2)]
    gate_of = [RateGate(RowSlots(database), {"telegram": Rates(rate)}) for database in databases]
    receiver, clock = Receiver(), SystemClock()
    begun = time.monotonic()

    async def worker(gate: RateGate, name: str) -> None:
        n = 0
        while time.monotonic() < begun + 5:
            n += 1
            wait = await gate.push("telegram", "bot", f"{name}{n}", clock, pause=asyncio.sleep, patience=0.5)
            assert wait == 0.0
            async with gate.turn("telegram", "bot") as turn:
                await turn.go(clock, asyncio.sleep)
                await receiver.take()
                turn.answered(clock)

    await asyncio.gather(*(worker(gate, f"{p}:{w}:") for p, gate in enumerate(gate_of) for w in range(16)))
    for database in databases:
        database.close()
    seconds = receiver.arrived[-1] - receiver.arrived[0]
    each = len(receiver.arrived) / seconds
    peak = most_within(receiver.arrived, 1.0)
    print(f"two processes at {rate:g}/s: {each:.1f}/s, at most {peak} in a second")
    assert peak <= most
    assert each > 0.6 * rate, "on a busy machine slots are lost, but not most of them"


def test_the_row_gate_is_one_statement_when_the_row_is_there(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    _group, limit = limits(Rates(per_second=10), "telegram", "bot", "")
    assert limit is not None
    now = micros(NOW)
    run: list[str] = []
    database.write_now(lambda s: kept.reserve(s, limit, now))
    original: Callable[..., object] = type(database.write_now(lambda s: s)).run

    def counted(self: object, statement: object, **values: object) -> object:
        run.append(statement.name)  # type: ignore[attr-defined]
        return original(self, statement, **values)

    monkeypatch.setattr("storage.engine.Session.run", counted)
    database.write_now(lambda s: kept.reserve(s, limit, now))
    assert run == ["gate.take"]
