"""DBOS drives the shards, and losing DBOS loses nothing. Each test runs in a process of its own: DBOS is a singleton."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engagement.calendar import local_minute
from engagement.clocks import SystemClock
from engagement.kernel import Outcome, Outgoing, Receipt
from scheduler import engine as engines
from scheduler import heartbeats
from scheduler.clock import Ticker
from scheduler.engine import Engine, Parts, executor_name
from scheduler.gate import no_gate
from tests.scheduler.community import Town, database_at, job

pytestmark = pytest.mark.xdist_group("engine")


def due_now(town: Callable[..., Town], groups: int, url: str = "") -> Town:
    """Groups whose push was due a minute ago, not yet planned, on the real clock."""
    now = datetime.now(UTC)
    here = town(job(minute=local_minute(now, "Asia/Shanghai"), ignores_quiet=True), url=url, start=now)
    here.add(groups)
    return here


def make_due(here: Town) -> None:
    """Put every schedule a minute into the past."""
    from sqlalchemy import text

    from scheduler import schedules
    from storage.columns import micros

    now = datetime.now(UTC)
    here.database.write_now(lambda s: schedules.ensure(s, here.jobs, now))
    due = micros(now - timedelta(minutes=1))
    here.database.write_now(lambda s: s.execute(text(f"UPDATE schedule SET next_at = {due}")))


def engine_of(here: Town, folder: Path, url: str = "", executor: str = "") -> Engine:
    return Engine(
        Parts(folder, here.database, here.jobs, here.senders, SystemClock(), no_gate(), url=url, executor=executor)
    )


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "too long"
        await asyncio.sleep(0.05)


async def test_shards_are_driven_and_what_waits_is_driven_again(town: Callable[..., Town], data_dir: Path) -> None:
    here = due_now(town, 12)
    make_due(here)
    refused = {"g3"}

    def answer(message: Outgoing) -> Receipt:
        if message.conversation in refused:
            refused.clear()
            return Receipt(Outcome.RETRY, retry_after=1.0)
        return Receipt(Outcome.SENT, provider_id="p")

    here.phone.answer = answer
    engine = engine_of(here, data_dir)
    begun = time.monotonic()
    await engine.start()
    started = time.monotonic() - begun
    await until(lambda: {row.state for row in here.deliveries()} == {"sent"} and len(here.deliveries()) == 12)
    took = time.monotonic() - begun
    print(f"engine started in {started:.2f} s, all sent after {took:.2f} s")
    assert here.deliveries()[3].attempts == 1, "what the platform wanted later was no send"
    assert here.deliveries()[3].epoch == 1, "a finished workflow id never runs again"
    assert len(here.phone.sent) == 12
    await engine.stop()
    assert (data_dir / "engine.db").exists()


async def test_stopping_drains_and_the_next_start_finishes(town: Callable[..., Town], data_dir: Path) -> None:
    here = due_now(town, 60)
    make_due(here)
    here.phone.takes = 0.05
    first = engine_of(here, data_dir)
    await first.start()
    await until(lambda: len(here.phone.sent) >= 10)
    await first.stop()
    states = [row.state for row in here.deliveries()]
    assert "sending" not in states
    assert states.count("sent") == len(here.phone.sent) < 60
    # DBOS's file is lost as well: the rows are the truth.
    for name in ("engine.db", "engine.db-wal", "engine.db-shm"):
        (data_dir / name).unlink(missing_ok=True)
    second = engine_of(here, data_dir)
    await second.start()
    await until(lambda: [row.state for row in here.deliveries()] == ["sent"] * 60)
    await second.stop()
    assert len(here.phone.sent) == len({one.conversation for one in here.phone.sent}) == 60


async def test_an_earlier_life_s_half_sent_rows_are_decided_at_once(town: Callable[..., Town], data_dir: Path) -> None:
    from sqlalchemy import text

    here = due_now(town, 5)
    make_due(here)
    await here.plan()
    name = executor_name(data_dir)

    def killed(session: object) -> None:
        session.execute(text(f"UPDATE delivery SET state='sending', sender='{name}/old', attempts=1"))  # type: ignore[attr-defined]
        heartbeats.beat(session, f"{name}/old", datetime.now(UTC))  # type: ignore[arg-type]

    here.clock.set(datetime.now(UTC))
    await here.plan()
    here.database.write_now(killed)
    engine = engine_of(here, data_dir)
    await engine.start()
    await until(lambda: [row.state for row in here.deliveries()] == ["sent"] * 5, 10)
    await engine.stop()


async def test_who_waits_for_a_row_is_not_taken_for_dead(
    town: Callable[..., Town], data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frozen process may hold a row that planning needs; what the waiting one is sending must not be sent again by others."""
    from sqlalchemy import text

    here = due_now(town, 1)
    waiting, done = asyncio.Event(), asyncio.Event()

    async def plan_due(*_: object, **__: object) -> None:
        waiting.set()
        await done.wait()

    def beaten() -> int:
        return int(here.database.read_now(lambda s: s.execute(text("SELECT max(beat_at) FROM heartbeat")).scalar_one()))

    monkeypatch.setattr(engines, "plan_due", plan_due)
    monkeypatch.setattr(heartbeats, "BEAT_AFTER", timedelta(seconds=0.05))
    engine = engine_of(here, data_dir)
    await engine.start()
    await waiting.wait()
    for _ in range(3):
        last = beaten()
        await until(lambda last=last: beaten() > last, 5)  # type: ignore[misc]
    done.set()
    await engine.stop()
    stopped = here.database.read_now(lambda s: s.execute(text("SELECT count(*) FROM heartbeat")).scalar_one())
    assert stopped == 0, "a heartbeat after the end"


@pytest.mark.postgres
async def test_on_postgresql_its_tables_have_a_schema_of_their_own(tmp_path: Path, postgres_url: str) -> None:
    from sqlalchemy import text

    now = datetime.now(UTC)
    here = Town(
        database_at(tmp_path, postgres_url),
        job(minute=local_minute(now, "Asia/Shanghai"), ignores_quiet=True),
        start=now,
    )
    here.add(30)
    make_due(here)
    engine = engine_of(here, tmp_path, postgres_url)
    await engine.start()
    await until(lambda: [row.state for row in here.deliveries()] == ["sent"] * 30)
    await engine.stop()
    assert len(here.phone.sent) == 30
    found = here.database.read_now(
        lambda s: s.execute(
            text(
                "SELECT table_schema, count(*) FROM information_schema.tables WHERE table_name='workflow_status' GROUP BY 1"
            )
        ).all()
    )
    assert [tuple(row) for row in found] == [(engines.SCHEMA, 1)]
    here.database.close()


async def test_the_tick_survives_an_error_and_a_clock_that_was_set_back() -> None:
    count = 0

    async def beat() -> None:
        nonlocal count
        count += 1
        if count == 1:
            raise RuntimeError("the database is gone for a moment")

    ticker = Ticker(beat, seconds=0.05)
    await ticker.start()
    await until(lambda: count >= 3, 5)
    # What APScheduler sees after the host's clock went back by a day: its job is due tomorrow.
    ticker._scheduler.get_job("tick").modify(next_run_time=datetime.now(UTC) + timedelta(days=1))
    await asyncio.sleep(0.2)
    stood = count
    await until(lambda: count > stood, 5)
    await ticker.stop()
    after = count
    await asyncio.sleep(0.2)
    assert count == after


async def test_ticks_come_with_the_seconds() -> None:
    """Pushes are due at whole minutes: a tick that came half a second later would let all groups wait for it."""
    came: list[datetime] = []

    async def beat() -> None:
        came.append(datetime.now(UTC))

    ticker = Ticker(beat)
    await asyncio.sleep((0.5 - time.time()) % 1.0)
    await ticker.start()
    await until(lambda: len(came) >= 4)
    await ticker.stop()
    assert came[0].microsecond > 400_000, "the first at once"
    late = sorted(moment.microsecond for moment in came[1:])
    assert late[1] < 300_000, late


async def test_one_tick_at_a_time() -> None:
    running = most = 0

    async def beat() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.2)
        running -= 1

    ticker = Ticker(beat, seconds=0.03)
    await ticker.start()
    await asyncio.sleep(0.7)
    await ticker.stop()
    assert most == 1


def test_the_executor_s_name_is_stable_and_its_own(tmp_path: Path) -> None:
    assert executor_name(tmp_path) == executor_name(tmp_path)
    assert executor_name(tmp_path) != executor_name(tmp_path / "other")


async def test_hosts_whose_long_names_differ_at_the_end_are_two(data_dir: Path) -> None:
    """As the pods of a deployment are: what one does at its start leaves the other's heartbeat alone."""
    pod = "community-group-buying-assistant-web-7c9f8d6b5c-"
    names = [heartbeats.name_of(f"{pod}{end}", "/data") for end in ("x2k4q", "m8z7w")]
    database, clock = database_at(data_dir), SystemClock()
    one, two = (heartbeats.Pulse(database, clock, name, "1") for name in names)
    await one.beat()
    await two.stop()
    assert await database.read(lambda session: heartbeats.alive(session, clock.now())) == {one.me}
    longest = heartbeats.name_of("h" * 64, "/data")
    assert len(f"{heartbeats.ONE_CHANNEL}answers:{longest}/12345678") <= 80, "what a row has room for"
    database.close()
