"""Callers of one turn of the event loop share a function of the writer, and each gets his own result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from storage.engine import Database, Session
from storage.gathering import MOST, Gathering


def add_region(session: Session, name: str) -> int:
    """Write a row; a name that is there already raises."""
    if name == "bad":
        raise ValueError(name)
    session.execute(text("INSERT INTO region (name) VALUES (:name)"), {"name": name})
    return int(session.execute(text("SELECT count(*) FROM region")).scalar_one())


class Counted:
    """`write`, counted."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.calls = 0

    async def __call__(self, fn: Callable[[Session], Any]) -> Any:
        self.calls += 1
        return await self.database.write(fn)


async def test_one_function_for_all_of_a_turn_in_their_order(database: Database) -> None:
    write = Counted(database)
    gathering = Gathering(write, add_region)
    found = await asyncio.gather(*(gathering.add(f"r{number}") for number in range(MOST)))
    assert found == list(range(1, MOST + 1))
    assert write.calls == 1
    await asyncio.gather(*(gathering.add(f"s{number}") for number in range(MOST + 5)))
    assert write.calls == 3
    assert await gathering.add("later") == 2 * MOST + 6


async def test_one_that_fails_does_not_concern_the_others(database: Database) -> None:
    write = Counted(database)
    gathering = Gathering(write, add_region)
    found = await asyncio.gather(*map(gathering.add, ("a", "bad", "b")), return_exceptions=True)
    assert (found[0], type(found[1]), found[2]) == (1, ValueError, 2)
    assert write.calls == 4
    with pytest.raises(ValueError, match="bad"):
        await gathering.add("bad")


async def test_who_does_not_wait_any_more_is_no_matter(database: Database) -> None:
    gathering = Gathering(database.write, add_region)
    calls = [asyncio.create_task(gathering.add(name)) for name in ("a", "bad", "c")]
    alone = asyncio.create_task(gathering.add("d"))
    await asyncio.sleep(0)
    for call in (*calls[:2], alone):
        call.cancel()
    assert await calls[2] in (2, 3)
    one = asyncio.create_task(gathering.add("e"))
    await asyncio.sleep(0)
    one.cancel()
    assert await gathering.add("f") >= 4


async def test_the_end_of_the_program_reaches_the_callers(database: Database) -> None:
    async def ends(_fn: object) -> Any:
        raise SystemExit(3)

    gathering = Gathering(ends, add_region)
    with pytest.raises((SystemExit, RuntimeError)):
        await gathering.add("a")
