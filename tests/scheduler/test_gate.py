"""The rate gate keeps under the platform's limits, and lets replies go first; in memory and in rows alike."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engagement.clocks import SetClock
from scheduler import gate as gates
from scheduler.gate import TELEGRAM, Limit, MemorySlots, RateGate, Rates, RowSlots, limits
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


async def send_all(gate: RateGate, clock: SetClock, conversations: list[str]) -> list[float]:
    """Push to each conversation as soon as the gate allows, on a simulated clock; returns the seconds."""

    async def pause(seconds: float) -> None:
        clock.set(clock.now() + timedelta(seconds=seconds))

    times: list[float] = []
    for conversation in conversations:
        while wait := await gate.push("telegram", "bot", conversation, clock, pause=pause, patience=0.5):
            await pause(wait)
        await gate.pace("telegram", "bot", clock, pause=pause)
        times.append((clock.now() - NOW).total_seconds())
    return times


async def test_a_bot_stays_below_thirty_a_second_and_near_its_rate(slots: MemorySlots | RowSlots) -> None:
    gate = RateGate(slots, {"telegram": TELEGRAM})
    times = await send_all(gate, SetClock(NOW), [f"g{n}" for n in range(300)])
    assert most_within(times, 1.0) <= 28
    assert 300 / times[-1] > 26.5


async def test_what_was_lost_while_the_machine_was_busy_is_made_up_for_without_a_flood() -> None:
    """Now and then a push is held up by a quarter of a second: as many go out in the end, and no second has one more."""
    gate = RateGate(MemorySlots(), {"telegram": TELEGRAM})
    clock = SetClock(NOW)

    async def pause(seconds: float) -> None:
        clock.set(clock.now() + timedelta(seconds=seconds))

    times: list[float] = []
    for n in range(600):
        assert await gate.push("telegram", "bot", f"g{n}", clock, pause=pause, patience=0.5) == 0.0
        if n % 50 == 0:
            await pause(0.25)
        await gate.pace("telegram", "bot", clock, pause=pause)
        times.append((clock.now() - NOW).total_seconds())
    assert 600 / times[-1] > 26.5
    assert most_within(times, 1.0) <= 28


async def test_answers_count_for_the_second_in_which_pushes_go_out() -> None:
    gate = RateGate(MemorySlots(), {"telegram": TELEGRAM})
    clock = SetClock(NOW)
    waits: list[float] = []

    async def pause(seconds: float) -> None:
        waits.append(seconds)

    for n in range(28):
        await gate.reply("telegram", "bot", f"g{n}", NOW - timedelta(seconds=0.5))
    await gate.pace("telegram", "bot", clock, pause=pause)
    assert len(waits) == 1
    await gate.pace("telegram", "another", clock, pause=pause)
    await gate.pace("play", "bot", clock, pause=pause)
    assert len(waits) == 1, "another bot, and a channel without limits"


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
    gate = RateGate(slots, {"telegram": TELEGRAM})
    clock = SetClock(NOW)

    async def pause(seconds: float) -> None:
        clock.set(clock.now() + timedelta(seconds=seconds))

    waits: list[float] = []
    for n in range(100):
        while wait := await gate.push("telegram", "bot", f"g{n}", clock, pause=pause, patience=0.5):
            await pause(wait)
        if n % 5 == 0:
            waits.append(await gate.reply("telegram", "bot", f"r{n}", clock.now()))
    assert max(waits) <= 0.04
    # A burst of replies: a push is told to wait until they are through.
    for n in range(40):
        await gate.reply("telegram", "bot", f"x{n}", clock.now())
    refused = await gate.push("telegram", "bot", "late", clock, pause=pause, patience=0.5)
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
    for n in range(2, 4):
        assert await gate.push("telegram", "bot", f"g{n}", clock, pause=never, patience=0.0) == 0.0


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
    monkeypatch.setattr(gates, "_KEEP_NAMES", 50)
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
    assert bot == Limit("telegram:bot", 37037, 74074, paced=True)
    assert limits(Rates(), "x", "y", "z") == ()


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


@pytest.mark.postgres
def test_two_processes_share_one_rate_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    databases = [database_at(tmp_path, postgres_url) for _ in range(2)]
    rates = Rates(per_second=50.0)
    (limit,) = limits(rates, "telegram", "bot", "")
    done: list[float] = []
    begun = time.monotonic()

    def work(database: Database) -> None:
        while time.monotonic() - begun < 3:
            wait = database.write_now(lambda s: gates.reserve(s, [limit], datetime.now(UTC), push=True))
            if wait:
                time.sleep(wait)
            else:
                done.append(time.monotonic() - begun)

    threads = [threading.Thread(target=work, args=(database,)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rate = len(done) / max(done)
    print(f"two processes at 50/s: {rate:.1f}/s")
    assert most_within(done, 1.0) <= 58
    assert rate > 25
    for database in databases:
        database.close()


def test_the_row_gate_is_one_statement_when_the_row_is_there(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    (limit,) = limits(Rates(per_second=10), "telegram", "bot", "")
    run: list[str] = []
    database.write_now(lambda s: gates.reserve(s, [limit], NOW, push=False))
    original: Callable[..., object] = type(database.write_now(lambda s: s)).run

    def counted(self: object, statement: object, **values: object) -> object:
        run.append(statement.name)  # type: ignore[attr-defined]
        return original(self, statement, **values)

    monkeypatch.setattr("storage.engine.Session.run", counted)
    database.write_now(lambda s: gates.reserve(s, [limit], NOW, push=False))
    assert run == ["gate.take"]
