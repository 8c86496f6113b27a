"""Pushes through kill -9, cut connections and frozen processes: none is lost, and every double is explained (FAULTS F4, F7).

Each group gets three pushes: two that go out as one message and are sent again when nobody knows whether they arrived, and one
that is not. What was found ``sending`` by a process right after it was killed or frozen is in doubt: only that may arrive
twice, or stay ``unknown`` where it is not sent again. Repeat a run with ``TUANTUAN_SEED``; the seed is printed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import col, select

from scheduler import schedules
from scheduler.delivery import CONCURRENCY
from scheduler.engine import SHARDS_AT_ONCE, executor_name
from storage.campaigns import Campaign, Delivery, Schedule
from storage.engine import Database, Session
from storage.groups import Group
from tests.chaos.push_driver import ENDED, JOBS, OWN, SETTLEMENT, TOPIC
from tests.full import FULL
from tests.scheduler.community import Town, database_at

pytestmark = pytest.mark.chaos
ROOT = Path(__file__).resolve().parents[2]
IN_FLIGHT = CONCURRENCY * SHARDS_AT_ONCE
DEAD_AFTER = 8.0
KILL, CUT, FREEZE = "kill", "cut", "freeze"


@pytest.fixture
def platform() -> Iterator[int]:
    """The port of a platform in a process of its own; it says 429 now and then."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.platforms.local", "--delay-ms", "3", "--refuse-every", "97"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    yield int(process.stdout.readline())
    process.terminate()
    process.communicate(timeout=10)


def ask(port: int, path: str) -> list[str] | int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        found: list[str] | int = json.load(answer)
    return found


def prepare(folder: Path, url: str, groups: int) -> Database:
    """Groups in which three pushes became due a few minutes ago."""
    now = datetime.now(UTC)
    due = (now - timedelta(minutes=2)).replace(second=0, microsecond=0)
    database = database_at(folder, url)
    here = Town(database, *JOBS, start=now)
    here.add(groups, daily_budget=50, zone="UTC")
    while database.write_now(lambda s: schedules.ensure(s, JOBS, now)):
        pass

    def begin(session: Session) -> None:
        one = Campaign(key=f"own:{due.date()}:{due.hour * 60 + due.minute}", kind=OWN, created_at=now)
        session.add(one)
        session.flush()
        assert one.id is not None
        for group in session.exec(select(Group)).all():
            assert group.id is not None
            made = Schedule(campaign_id=one.id, group_id=group.id, kind=OWN, zone="UTC", local_minute=0)
            made.grace_minutes = 600
            session.add(made)
        session.flush()
        for row in session.exec(select(Schedule)).all():
            row.next_at = due
            session.add(row)

    database.write_now(begin)
    return database


@dataclass(slots=True)
class Trial:
    """Workers over one database, and what is done to them.

    Attributes:
        in_doubt: natural keys that were being sent when their process was stopped → how often.
        dead: lives of processes that ended; what they left is counted once.
    """

    folder: Path
    url: str
    port: int
    pushes: int
    database: Database
    in_doubt: Counter[str] = field(default_factory=Counter)
    worst: int = 0
    dead: set[str] = field(default_factory=set)
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def home(self, name: str) -> Path:
        found = self.folder / name if self.url else self.folder
        found.mkdir(exist_ok=True)
        return found

    def start(self, name: str) -> None:
        arguments = [str(self.home(name)), str(self.port), str(self.pushes), self.url]
        self.workers[name] = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.push_driver", *arguments],
            cwd=ROOT,
            env=os.environ | {"TUANTUAN_DEAD_AFTER": str(DEAD_AFTER)},
            stdout=subprocess.DEVNULL,
        )

    def do(self, what: str, name: str) -> None:
        """Kill a worker and start it again, freeze it past its heartbeat, or cut every connection to the database."""
        worker = self.workers[name]
        if what == CUT:
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            self.database.write_now(lambda s: s.execute(text(f"{others} AND pid <> pg_backend_pid()")))
            return
        os.kill(worker.pid, signal.SIGKILL if what == KILL else signal.SIGSTOP)
        if what == KILL:
            worker.wait()
        if self.url:
            time.sleep(0.3)  # the server may still be at a commit that it was sent
        sending = self.sending(name)
        self.worst = max(self.worst, len(sending))
        self.in_doubt.update(list(sending))
        if what == KILL:
            self.dead.update(sending.values())
            self.start(name)
            return
        time.sleep(DEAD_AFTER + 4)
        os.kill(worker.pid, signal.SIGCONT)

    def sending(self, name: str) -> dict[str, str]:
        """Return the natural key of what a worker is sending → which life of it."""
        mine = f"{executor_name(self.home(name))}/"
        found = {key: row.sender for key, row in self.rows().items() if row.state == "sending"}
        return {key: life for key, life in found.items() if life.startswith(mine) and life not in self.dead}

    def rows(self, kinds: Sequence[str] = (TOPIC, OWN, SETTLEMENT)) -> dict[str, Delivery]:
        """Return the rows by natural key, campaign:group:date."""
        wanted = select(Delivery).join(Campaign, col(Campaign.id) == col(Delivery.campaign_id))
        found = self.database.read_now(lambda s: s.exec(wanted.where(col(Campaign.kind).in_(kinds))).all())
        return {f"{one.campaign_id}:{one.group_id}:{one.local_date}": one for one in found}

    def wait(self, seconds: float) -> None:
        """Wait until every worker has ended by itself.

        Raises:
            AssertionError: one failed, or takes too long.
        """
        end = time.monotonic() + seconds
        for name, worker in self.workers.items():
            assert worker.wait(max(1.0, end - time.monotonic())) == 0, name

    def close(self) -> None:
        for worker in self.workers.values():
            if worker.poll() is None:
                worker.kill()
                worker.wait()
        self.database.close()


def run(trial: Trial, names: Sequence[str], events: Sequence[str], chance: random.Random) -> None:
    """Do something to the workers at marks that are spread over the sends, and look what came of it."""
    messages = trial.pushes * 2 // 3
    for name in names:
        trial.start(name)
    # The first one may come while planning; each of the others is a little off its place.
    marks = [chance.randrange(0, 3)]
    step = messages / (len(events) + 1)
    marks += [int(n * step + chance.random() * step / 2) for n in range(1, len(events))]
    for what, mark in zip(events, sorted(marks), strict=True):
        end = time.monotonic() + 120
        while int(ask(trial.port, "/count")) < mark and time.monotonic() < end:  # type: ignore[arg-type]
            time.sleep(0.01)
        time.sleep(chance.random() * (3.0 if mark < 3 else 0.05))
        name = chance.choice(list(names))
        if trial.workers[name].poll() is None:
            trial.do(what, name)
    trial.wait(240)
    look(trial, events)


def look(trial: Trial, events: Sequence[str]) -> None:
    log = ask(trial.port, "/log")
    assert isinstance(log, list)
    arrived = Counter(key for said in log for key in said.split("|"))
    rows = trial.rows()
    again, once = trial.rows((TOPIC, OWN)), trial.rows((SETTLEMENT,))
    doubles = {key: count - 1 for key, count in arrived.items() if count > 1}
    unknown = {key for key, row in rows.items() if row.state == "unknown"}
    print(
        f"{trial.database.dialect}: {len(rows)} pushes in {len(log)} messages, {dict(Counter(events))}: "
        f"{sum(key not in arrived for key in again)} lost, {sum(doubles.values())} doubled, {len(unknown)} unknown, "
        f"{sum(trial.in_doubt.values())} in doubt, at most {trial.worst} rows in flight at once"
    )
    assert len(rows) == trial.pushes
    assert {row.state for row in rows.values()} <= set(ENDED)
    assert {row.state for row in again.values()} == {"sent"}
    assert set(again) <= set(arrived), "a row says sent and the platform never saw it"
    assert set(arrived) <= set(rows), "the platform saw what no row knows"
    for key, extra in doubles.items():
        assert key in again, "what is not sent again arrived twice"
        assert extra <= trial.in_doubt[key], (
            f"{key} arrived {extra + 1} times and was in doubt {trial.in_doubt[key]} times"
        )
    assert sum(1 for key in once if key not in arrived and key not in unknown) == 0
    assert {row.state for row in once.values()} <= {"sent", "unknown"}
    assert trial.worst <= 2 * IN_FLIGHT, "a message says two at most"
    carried = [row for row in again.values() if row.carrier is not None]
    assert len(carried) > len(again) // 4, "hardly anything went out together"


@pytest.fixture
def chance() -> random.Random:
    seed = int(os.environ.get("TUANTUAN_SEED") or random.SystemRandom().randrange(1_000_000))
    print(f"TUANTUAN_SEED={seed}")
    return random.Random(seed)


def test_kills_on_sqlite(data_dir: Path, platform: int, chance: random.Random) -> None:
    groups, kills = (1700, 20) if FULL else (200, 2)
    trial = Trial(data_dir, "", platform, 3 * groups, prepare(data_dir, "", groups))
    try:
        run(trial, ["one"], [KILL] * kills, chance)
    finally:
        trial.close()


@pytest.mark.postgres
def test_two_workers_on_postgresql(data_dir: Path, postgres_url: str, platform: int, chance: random.Random) -> None:
    groups, kills, cuts, freezes = (1000, 20, 4, 2) if FULL else (150, 1, 1, 1)
    trial = Trial(data_dir, postgres_url, platform, 3 * groups, prepare(data_dir, postgres_url, groups))
    events = [KILL] * kills + [CUT] * cuts + [FREEZE] * freezes
    chance.shuffle(events)
    try:
        run(trial, ["one", "two"], events, chance)
    finally:
        trial.close()
