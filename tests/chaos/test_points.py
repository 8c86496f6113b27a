"""Points at full size: 100,000 steps of the state machine, and four clients at once on PostgreSQL."""

from __future__ import annotations

import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest
from psycopg.errors import DeadlockDetected, SerializationFailure
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

import engagement.registry  # noqa: F401  (the tables of the slices register on import)
from storage import ledger, migrate
from storage.engine import Database, DatabaseSettings, Session, open_database
from tests import postgresql
from tests.full import FULL
from tests.storage.points_model import Model
from tests.storage.points_play import NAMES, PEOPLE, Act, Step, Walk, agrees, begin, go_on, imagined, really, standing
from tests.storage.test_points_machine import run
from tests.storage.worlds import Somebody

pytestmark = pytest.mark.chaos
SEED = int(os.environ.get("TUANTUAN_SEED", "20261201"))
CLIENTS = 4


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where there is such a place: here nothing is killed, and a hundred thousand commits wait for no disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as made:
        yield Path(made)


def test_a_hundred_thousand_steps(folder: Path) -> None:
    database = open_database(folder)
    migrate.upgrade(database)
    wanted, done = 100_000 if FULL else 3_000, 0
    while done < wanted:
        done += run(database, 200 if FULL else 30, 100)
        sys.stderr.write(f"points: {done} steps\n")
    sys.stderr.write(f"points: {done} steps, {database.read_now(ledger.check)}\n")
    database.close()


def _act(rng: random.Random) -> Act:
    amount = rng.choice([1, 2, 3, 5, 8, 13, 40])
    return Act(rng.choice(NAMES), rng.randrange(PEOPLE), rng.randrange(PEOPLE), amount, rng.randrange(60))


def test_four_clients_at_once(postgresql_socket: str, tmp_path: Path) -> None:
    """Whatever order the database chose, the model comes to the same accounts in that order.

    Every act ends by taking a number from one row: transactions run side by side up to there, those that saw what another one
    changed are run again by the writer, and the number says in which order they count.
    """
    steps = 2_000 if FULL else 150
    with postgresql.fresh_database(postgresql_socket) as url:
        database = open_database(tmp_path, DatabaseSettings(url=SecretStr(url), pool=CLIENTS))
        migrate.upgrade(database)
        people = database.write_now(lambda session: begin(session, "four")).people
        database.write_now(lambda session: session.execute(text("CREATE TABLE turn (n BIGINT)")))
        database.write_now(lambda session: session.execute(text("INSERT INTO turn VALUES (0)")))
        steps_taken = _all_at_once(database, people, steps)
        model = Model()
        wrong = [step for _, step in sorted(steps_taken, key=lambda one: one[0]) if not agrees(model, step)]
        assert not wrong, wrong[0]
        found = database.read_now(lambda session: standing(session, people[0].group_id))
        assert found == imagined(model, found)
        check = database.read_now(ledger.check)
        assert (check.wrong_balances, check.negative_balances, check.wrong_reversals, check.wrong_lots) == (0, 0, 0, 0)
        sys.stderr.write(f"points: {len(steps_taken)} acts of {CLIENTS} clients, seed {SEED}, {check}\n")
        database.close()


def _all_at_once(database: Database, people: list[Somebody], steps: int) -> list[tuple[int, Step]]:
    """Let every client do its acts; returns what came of them, each with its number."""

    def turn(session: Session, walk: Walk, act: Act) -> tuple[int, Step | None]:
        step = really(session, walk, act)
        return int(session.execute(text("UPDATE turn SET n = n + 1 RETURNING n")).scalar_one()), step

    def client(number: int) -> list[tuple[int, Step]]:
        rng, walk = random.Random(SEED * 10 + number), Walk(f"client{number}", people, months=number)
        taken: list[tuple[int, Step]] = []
        for _ in range(steps):
            act = _act(rng)
            place, step = _insisting(lambda: database.write_now(lambda session: turn(session, walk, act)))  # noqa: B023
            go_on(walk, act, step)
            if step is not None:
                taken.append((place, step))
        return taken

    with ThreadPoolExecutor(CLIENTS) as clients:
        return [one for taken in clients.map(client, range(CLIENTS)) for one in taken]


T = TypeVar("T")


def _insisting(act: Callable[[], T]) -> T:
    """Do it again as long as others are quicker: here every transaction meets every other one."""
    while True:
        try:
            return act()
        except (OperationalError, SerializationFailure, DeadlockDetected):  # prepared statements raise the driver's own
            continue
