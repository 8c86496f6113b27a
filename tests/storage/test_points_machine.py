"""Ledger, lots, families, make-ups, expiry and reversals in any order against a model of sixty lines."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from storage import ledger
from storage.engine import Database
from tests.storage.points_model import Model
from tests.storage.points_play import NAMES, PEOPLE, Act, Walk, agrees, begin, go_on, imagined, really, standing

ACTS = st.builds(
    Act,
    st.sampled_from(NAMES),
    st.integers(0, PEOPLE - 1),
    st.integers(0, PEOPLE - 1),
    st.sampled_from([1, 2, 3, 5, 8, 13, 40]),
    st.integers(0, 60),
)
_groups = count()


class PointsMachine(RuleBasedStateMachine):
    """Four neighbours of a group of their own; the database is the same for all runs."""

    database: Database
    walk: Walk
    model: Model
    steps = 0

    @initialize()
    def a_new_group(self) -> None:
        name = f"walk-{next(_groups)}"
        self.walk = self.database.write_now(lambda session: begin(session, name))
        self.model = Model()

    @rule(act=ACTS)
    def something_happens(self, act: Act) -> None:
        step = self.database.write_now(lambda session: really(session, self.walk, act))
        assert agrees(self.model, step), step
        go_on(self.walk, act, step)
        type(self).steps += 1

    @invariant()
    def accounts_are_as_they_ought_to_be(self) -> None:
        group = self.walk.people[0].group_id
        found = self.database.read_now(lambda session: standing(session, group))
        assert found == imagined(self.model, found)


def run(database: Database, examples: int, steps: int) -> int:
    """Let the machine run: ``examples`` walks of at most ``steps`` steps; the books of all of them agree at the end.

    Returns:
        How many steps were taken.
    """
    machine: Any = type("Machine", (PointsMachine,), {"database": database})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            # A walk that fails is short enough to be read; to shorten it, every step would be a commit again.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    check = database.read_now(ledger.check)
    assert (check.wrong_balances, check.negative_balances, check.wrong_reversals, check.wrong_lots) == (0, 0, 0, 0)
    return int(machine.steps)


@pytest.fixture(params=["sqlite", "postgres"])
def either(request: pytest.FixtureRequest) -> tuple[Database, int]:
    """A database, and how many walks it gets: a commit of PostgreSQL takes longer."""
    return request.getfixturevalue(request.param), 25 if request.param == "sqlite" else 8


def test_the_model(either: tuple[Database, int], migrated_file: Path) -> None:
    database, examples = either
    run(database, examples, 40)
