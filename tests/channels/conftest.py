"""The program, opened twice and a third time for scripts, for all tests of this folder; and a driver for each channel."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from bot.main import open_program
from bot.settings import Settings
from engagement.clocks import SetClock
from tests.channels.drivers import FAR, NAMES, NEAR, Driver, Play
from tests.channels.house import House, open_far, open_near
from tests.channels.pages import Page


def _copy(started: Path, factory: pytest.TempPathFactory, name: str) -> Path:
    return shutil.copytree(started, factory.mktemp(name) / "data")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def far(started: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """The program with every platform."""
    async with open_far(_copy(started, tmp_path_factory, "far")) as house:
        yield house


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def near(started: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """The program with the plain mode and what runs here alone."""
    async with open_near(_copy(started, tmp_path_factory, "near")) as house:
        yield house


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def play(started: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Play]:
    """A player over a program on a clock that stands."""
    clock = SetClock(datetime(2026, 12, 1, 1, tzinfo=UTC))
    program = open_program(_copy(started, tmp_path_factory, "play"), Settings(), clock=clock, gated=False)
    yield Play(program, clock)
    program.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def page(far: House) -> AsyncIterator[Page]:
    """Browsers in people's WeChat."""
    found = Page(far)
    yield found
    await found.close()


@pytest.fixture
def drivers(far: House, near: House, play: Play, page: Page) -> dict[str, Driver]:
    """A driver for each channel on which somebody talks with the bot in private."""
    found = {name: made(far) for name, made in FAR.items()} | {name: made(near) for name, made in NEAR.items()}
    return found | {"play": play, "page": page}


@pytest.fixture(params=NAMES)
def driver(request: pytest.FixtureRequest, drivers: dict[str, Driver]) -> Driver:
    """One after the other."""
    return drivers[request.param]


@pytest.fixture(params=[name for name in NAMES if name != "page"])
def sender(request: pytest.FixtureRequest, drivers: dict[str, Driver]) -> Driver:
    """Those that show what nobody asked for; a page shows what was asked on it."""
    return drivers[request.param]
