"""Pushes through kill -9: none is lost, and a double is a send that was in flight at a kill (FAULTS F4, F7).

Every doubled message is explained by a row that was found ``sending`` right after a kill. Repeat a run with
``TUANTUAN_SEED``; the seed is printed.
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
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from scheduler import schedules
from scheduler.delivery import CONCURRENCY
from scheduler.engine import SHARDS_AT_ONCE
from storage.columns import micros
from storage.engine import Database
from tests.chaos.push_driver import JOB
from tests.scheduler.community import Town, database_at

pytestmark = pytest.mark.chaos
ROOT = Path(__file__).resolve().parents[2]
IN_FLIGHT = CONCURRENCY * SHARDS_AT_ONCE


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


def prepare(folder: Path, url: str, pushes: int) -> Database:
    """Groups whose push became due a minute ago."""
    now = datetime.now(UTC)
    database = database_at(folder, url)
    here = Town(database, JOB, start=now)
    here.add(pushes, daily_budget=50)
    while database.write_now(lambda s: schedules.ensure(s, (JOB,), now)):
        pass
    due = micros(now - timedelta(minutes=1))
    database.write_now(lambda s: s.execute(text(f"UPDATE schedule SET next_at = {due}")))
    return database


def natural_keys(database: Database, state: str) -> list[str]:
    """Return campaign:group:date of the rows in a state."""
    found = database.read_now(
        lambda s: s.execute(
            text("SELECT campaign_id, group_id, local_date FROM delivery WHERE state = :state"), {"state": state}
        ).all()
    )
    return [f"{campaign}:{group}:{day}" for campaign, group, day in found]


def run_with_kills(folder: Path, url: str, port: int, pushes: int, kills: int, chance: random.Random) -> None:
    database = prepare(folder, url, pushes)
    command = [sys.executable, "-m", "tests.chaos.push_driver", str(folder), str(port), str(pushes), url]
    # The first kill may come while planning; the others are spread over the sends, each a little off.
    marks = [chance.randrange(0, 3)]
    marks += [n * pushes // (kills + 1) + chance.randrange(0, pushes // (2 * kills + 2)) for n in range(1, kills)]
    in_doubt: Counter[str] = Counter()
    worst = 0
    for mark in sorted(marks):
        worker = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 90
        while int(ask(port, "/count")) < mark and time.monotonic() < end and worker.poll() is None:  # type: ignore[arg-type]
            time.sleep(0.01)
        time.sleep(chance.random() * (3.0 if mark < 3 else 0.05))
        assert worker.poll() is None, "the worker ended by itself"
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        sending = natural_keys(database, "sending")
        assert len(sending) <= IN_FLIGHT
        worst = max(worst, len(sending))
        in_doubt.update(sending)
    last = subprocess.run(command, cwd=ROOT, timeout=240, check=True, stdout=subprocess.DEVNULL)
    assert last.returncode == 0
    log = ask(port, "/log")
    assert isinstance(log, list)
    arrived = Counter(log)
    sent = natural_keys(database, "sent")
    doubles = {key: count - 1 for key, count in arrived.items() if count > 1}
    print(
        f"{database.dialect}: {pushes} pushes, {kills} kills: {pushes - len(arrived)} lost, {sum(doubles.values())} doubled, "
        f"{sum(in_doubt.values())} in doubt, at most {worst} in flight at a kill"
    )
    assert len(sent) == pushes
    assert set(sent) == set(arrived), "a row says sent and the platform never saw it, or the other way round"
    for key, extra in doubles.items():
        assert extra <= in_doubt[key], f"{key} went out {extra + 1} times and was in doubt {in_doubt[key]} times"
    assert sum(doubles.values()) <= kills * IN_FLIGHT
    database.close()


@pytest.fixture
def chance() -> random.Random:
    seed = int(os.environ.get("TUANTUAN_SEED") or random.SystemRandom().randrange(1_000_000))
    print(f"TUANTUAN_SEED={seed}")
    return random.Random(seed)


def test_kills_on_sqlite(data_dir: Path, platform: int, chance: random.Random, chaos_short: bool) -> None:
    pushes, kills = (500, 2) if chaos_short else (5000, 10)
    run_with_kills(data_dir, "", platform, pushes, kills, chance)


@pytest.mark.postgres
def test_kills_on_postgresql(
    data_dir: Path, postgres_url: str, platform: int, chance: random.Random, chaos_short: bool
) -> None:
    pushes, kills = (300, 2) if chaos_short else (2000, 5)
    run_with_kills(data_dir, postgres_url, platform, pushes, kills, chance)
