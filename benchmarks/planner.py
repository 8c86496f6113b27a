"""The planner: a tick with nothing due, 5,000 due at once, and whether schedules are in order.

    python -m bot bench planner --json [--groups N] [--short] [--data DIR]

15,000 schedules of three daily kinds in 5,000 groups, then 40 approved campaigns of the calendar besides. What is planned is
held against a bare loop that inserts the same rows (fire, delivery) and moves the schedules on, with sqlite3, in transactions
of the same size and with the same durability. The best of some turns each: others may use the machine too.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from benchmarks.checkin import note
from engagement import registry
from engagement.campaigns import service
from engagement.campaigns.tables import Beat, Plan
from engagement.kernel import Kind, Reply
from engagement.pushes import JobSpec, Occurrence, Planned
from scheduler import planner, rows
from scheduler.clock import plan_due
from scheduler.watch import Watch
from storage import migrate
from storage.columns import micros
from storage.engine import Database, Session, open_database
from storage.groups import Group

GROUPS, KINDS, CAMPAIGNS = 5000, 3, 40
TEN = 10 * 60
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
"""20:00 in the groups' zone."""


def say(_session: Session, occurrences: Sequence[Occurrence], _now: datetime) -> Sequence[Planned]:
    """Say something of usual length to every group."""
    return [
        Planned(one, Reply("topic.push", {"title": "x" * 120, "n": one.group.id}, kind=Kind.PUSH))
        for one in occurrences
    ]


JOBS = tuple(JobSpec(f"sample{number}", TEN + 120 * number, say) for number in range(KINDS))


def _fill(database: Database, groups: int) -> None:
    def insert(session: Session) -> None:
        session.add_all(
            Group(channel="telegram", account="1", external_id=f"-{n}", name=f"Sample {n}", created_at=START)
            for n in range(1, groups + 1)
        )

    database.write_now(insert)


def _campaigns(database: Database, number: int) -> None:
    """Approved campaigns, each with a line on every third day, all of them running now."""

    def insert(session: Session) -> None:
        for n in range(number):
            first = date(2026, 11, 20)
            made = Plan(
                key=f"own:sample{n}",
                name=f"Sample {n}",
                form="theme",
                first_day=first,
                last_day=first,
                written_at=START,
            )
            session.add(made)
            session.flush()
            assert made.id is not None
            for day in range(0, 30, 3):
                session.add(
                    Beat(plan_id=made.id, local_day=first + timedelta(days=day), minute=TEN + n, title="x", text="x")
                )
            session.flush()
            service.days_changed(session, made)
            service.approve(session, made, None, START)

    database.write_now(insert)


def _best(turns: int, act: Callable[[], object]) -> float:
    """Return the milliseconds of the quickest of some turns."""
    found = []
    for _ in range(turns):
        started = time.perf_counter()
        act()
        found.append(time.perf_counter() - started)
    return min(found) * 1000


async def _idle(
    database: Database, jobs: Sequence[JobSpec], now: datetime, watch: Watch, *, mend: bool, turns: int
) -> float:
    """Return the milliseconds of a tick that finds nothing, as the engine does it."""
    found = []
    for _ in range(turns):
        started = time.perf_counter()
        await plan_due(database, jobs, now, mend=mend, watch=watch)
        await database.read(lambda session: rows.due_shards(session, "bench", now))
        found.append(time.perf_counter() - started)
    return sorted(found)[len(found) // 2] * 1000


def _bare(folder: Path, groups: int) -> float:
    """Return the seconds in which a loop writes what planning writes, and nothing else."""
    found = sqlite3.connect(folder / "tuantuan.db", isolation_level=None)
    found.execute("PRAGMA synchronous=FULL")
    due, body = micros(START), "x" * 260
    ids = [row[0] for row in found.execute("SELECT id FROM schedule WHERE kind = 'sample0' ORDER BY id")]
    started = time.perf_counter()
    for begin in range(0, groups, planner.CHUNK):
        found.execute("BEGIN IMMEDIATE")
        for group in range(begin + 1, min(begin + planner.CHUNK, groups) + 1):
            found.execute(
                "INSERT INTO fire (campaign_id, group_id, local_date, due_at, fired_at) VALUES (1, ?, '2020-01-01', ?, ?)",
                (group, due, due),
            )
            found.execute(
                "INSERT INTO delivery (campaign_id, group_id, local_date, recipient, shard, epoch, state, reason, body,"
                " attempts, sender, due_at, expires_at, provider_id)"
                " VALUES (1, ?, '2020-01-01', 0, 'bare', 0, 'sent', '', ?, 0, '', ?, ?, '')",
                (group, body, due, due),
            )
            found.execute("UPDATE schedule SET next_at = next_at WHERE id = ?", (ids[group - 1],))
        found.execute("COMMIT")
    seconds = time.perf_counter() - started
    found.close()
    return seconds


async def measure(folder: Path, groups: int, campaigns: int, turns: int) -> dict[str, Any]:
    """Measure in an empty folder."""
    database = open_database(folder)
    migrate.upgrade(database)
    _fill(database, groups)
    started = time.perf_counter()
    await plan_due(database, JOBS, START)
    result: dict[str, Any] = {"groups": groups, "schedules": groups * KINDS}
    result["made_seconds"] = round(time.perf_counter() - started, 2)
    watch = Watch()
    await plan_due(database, JOBS, START, watch=watch)
    result["idle_ms"] = round(await _idle(database, JOBS, START, watch, mend=False, turns=200), 3)
    planned, bare = [], []
    for turn in range(turns):
        # 10:00 of the next day: one kind is due in every group.
        now = START + timedelta(days=turn, hours=14)
        started = time.perf_counter()
        tick = await plan_due(database, JOBS, now, mend=False)
        planned.append(time.perf_counter() - started)
        if tick.pending != groups:
            raise AssertionError(f"{tick.pending} of {groups} planned")
        bare.append(_bare(folder, groups))
        note(f"planner: {groups} planned in {planned[-1]:.2f} s, a bare loop {bare[-1]:.2f} s")
        # The other two kinds of the day, so that the next turn has one again.
        await plan_due(database, JOBS, START + timedelta(days=turn, hours=19), mend=False)
        database.write_now(lambda s: s.execute(text("DELETE FROM fire WHERE local_date = '2020-01-01'")))
        database.write_now(lambda s: s.execute(text("DELETE FROM delivery")))
    result["due_planned_seconds"] = round(min(planned), 3)
    result["bare_loop_seconds"] = round(min(bare), 3)
    result["vs_bare_loop"] = round(min(planned) / min(bare), 2)
    jobs = (*JOBS, *(replace(job) for feature in registry.FEATURES for job in feature.jobs if job.rhythm is not None))
    _campaigns(database, campaigns)
    started = time.perf_counter()
    await plan_due(database, jobs, START)
    made = time.perf_counter() - started
    with_campaigns: dict[str, Any] = {"campaigns": campaigns, "made_seconds": round(made, 2)}
    with_campaigns["looked_through_ms"] = round(
        _best(3, lambda: database.read_now(lambda s: Watch().unsettled(s, jobs, START))), 1
    )
    watch = Watch()
    await plan_due(database, jobs, START, watch=watch)
    with_campaigns["settled_ms"] = round(
        _best(20, lambda: database.read_now(lambda s: watch.unsettled(s, jobs, START))), 1
    )
    with_campaigns["idle_ms"] = round(await _idle(database, jobs, START, watch, mend=False, turns=200), 3)
    result["with_campaigns"] = with_campaigns
    database.close()
    return result


def run(data: Path, groups: int, residents: int, short: bool) -> dict[str, Any]:
    """Measure; a short run has 200 groups and 8 campaigns.

    Args:
        data: where a temporary folder is made.
        groups: 0 = the measurement's own number.
        residents: not used.
    """
    del residents
    data.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=data) as folder:
        number = groups or (200 if short else GROUPS)
        return asyncio.run(measure(Path(folder), number, 8 if short else CAMPAIGNS, 2 if short else 3))
