"""A fresh house for every test that asks for one, and the real program behind the pages."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.channels.sim.rehearsal import Rehearsal
from bot.main import Program
from engagement.clocks import SetClock
from knowledge import ingest
from storage.engine import open_database
from tests.bot.channels.test_sim import open_simulator
from tests.console.browsers import Browser
from tests.console.doors import House, people
from tests.console.entering import LIVED, application


@pytest.fixture
def house(tmp_path: Path, migrated_file: Path) -> Iterator[House]:
    """The application as it runs in production, over https, with a leader and a resident in it."""
    folder = tmp_path / "house"
    shutil.copytree(migrated_file, folder)
    database = open_database(folder)
    database.write_now(people)
    yield House(database)
    database.close()


@pytest.fixture(scope="session")
def _lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lived")
    program, simulator = open_simulator(folder, SetClock(LIVED))
    asyncio.run(Rehearsal(simulator).play(days=2))
    ingest.seed(program.database, now=LIVED, publish=True)
    simulator.close()
    program.close()
    return folder


@pytest.fixture(scope="module")
def community(_lived: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The program after two days of the sample community, with the starter base's entries in it; of a module's own."""
    folder = tmp_path_factory.mktemp("community") / "data"
    shutil.copytree(_lived, folder)
    program, simulator = open_simulator(folder, SetClock(LIVED))
    yield program
    simulator.close()
    program.close()


@pytest.fixture(scope="module")
def _filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled") / "data"
    program, simulator = open_simulator(folder, SetClock(request.module.NOW))
    program.database.write_now(request.module.filled)
    simulator.close()
    program.close()
    return folder


@pytest.fixture
def program(data_dir: Path, _filled: Path, request: pytest.FixtureRequest) -> Iterator[Program]:
    """The program with what the module's own ``filled`` writes into it, at the module's ``NOW``: a copy for every test."""
    shutil.copytree(_filled, data_dir, dirs_exist_ok=True)
    program, simulator = open_simulator(data_dir, SetClock(request.module.NOW))
    yield program
    simulator.close()
    program.close()


@pytest.fixture
def client(program: Program) -> Iterator[Browser]:
    """A browser before the pages of the program."""
    with Browser(application(program), follow_redirects=False) as client:
        yield client
