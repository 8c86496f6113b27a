"""Doors in the rows, on SQLite and on PostgreSQL: links and codes are used once, failures are counted whoever comes at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlmodel import select

from console import limits
from console.auth import Signer
from storage import entry
from storage.engine import Database, Session
from storage.entry import EntryLink, Login, SignInFailure, SpentState, WebSession
from storage.groups import Person
from tests.storage.worlds import NOW

KEYS = limits.keys(Signer("a secret of the tests, long enough"), "wang", "127.0.0.1")


@pytest.fixture
def person(database: Database) -> int:
    def make(session: Session) -> int:
        found = Person(created_at=NOW)
        session.add(found)
        session.flush()
        session.add(Login(person_id=found.id or 0, name="wang", made_at=NOW))
        return found.id or 0

    return database.write_now(make)


async def test_a_link_opens_once_for_who_comes_first(database: Database, person: int) -> None:
    token = database.write_now(lambda s: entry.make_link(s, "h5", person, NOW))
    used = await asyncio.gather(
        *(database.write(lambda s: entry.use_link(s, token, NOW) is not None) for _ in range(6))
    )
    assert sum(used) == 1
    assert database.read_now(lambda s: entry.link(s, token, NOW)) is None


def test_a_link_ends_by_itself_and_with_the_next_one(database: Database, person: int) -> None:
    def make(session: Session) -> list[str]:
        old = entry.make_link(session, "console", person, NOW)
        return [old, entry.make_link(session, "console", person, NOW), entry.make_link(session, "h5", person, NOW)]

    old, new, other = database.write_now(make)
    late = NOW + timedelta(minutes=entry.LINK_MINUTES)

    def opens(session: Session) -> list[bool]:
        tries = ((old, NOW), (new, NOW), (other, NOW), (new, late), ("x", NOW), ("\ud800", NOW))
        return [entry.link(session, token, at) is not None for token, at in tries]

    assert database.read_now(opens) == [False, True, True, False, False, False]
    assert database.write_now(lambda s: entry.use_link(s, new, late)) is None


async def test_a_state_is_spent_once_and_forgotten_when_it_ends(database: Database) -> None:
    ends = NOW + timedelta(minutes=10)
    spent = await asyncio.gather(*(database.write(lambda s: entry.spend_state(s, "a state", ends)) for _ in range(6)))
    assert sum(spent) == 1
    assert database.write_now(lambda s: entry.spend_state(s, "another", ends))
    for now, left in ((ends - timedelta(seconds=1), 2), (ends, 0)):
        database.write_now(lambda s, now=now: entry.prune(s, now))  # type: ignore[misc]
        assert len(database.read_now(lambda s: s.exec(select(SpentState)).all())) == left


async def test_a_step_is_spent_once_and_never_an_earlier_one(database: Database, person: int) -> None:
    spent = await asyncio.gather(*(database.write(lambda s: entry.spend_step(s, person, 100)) for _ in range(6)))
    assert sum(spent) == 1
    assert [database.write_now(lambda s, n=step: entry.spend_step(s, person, n)) for step in (99, 100, 101)] == [  # type: ignore[misc]
        False,
        False,
        True,
    ]


async def test_tries_at_once_are_all_counted(database: Database) -> None:
    heard = await asyncio.gather(*(database.write(lambda s: limits.take(s, KEYS, NOW) is None) for _ in range(20)))
    assert sum(heard) == limits.ACCOUNT_FREE
    database.write_now(lambda s: limits.succeed(s, KEYS))
    assert database.write_now(lambda s: limits.take(s, KEYS, NOW)) is None
    row = database.read_now(lambda s: s.get_one(SignInFailure, KEYS[1][0]))
    assert row.count == limits.ACCOUNT_FREE


def test_what_is_over_is_forgotten(database: Database, person: int) -> None:
    def make(session: Session) -> None:
        for number, hours in enumerate((1, 48)):
            session.add(
                WebSession(
                    id=f"{number:064}", area="h5", role="resident", person_id=person, made_at=NOW, seen_at=NOW,
                    until=NOW + timedelta(hours=hours),
                )
            )  # fmt: skip
        entry.make_link(session, "h5", person, NOW)
        limits.take(session, KEYS, NOW)

    database.write_now(make)
    database.write_now(lambda s: entry.prune(s, NOW + timedelta(hours=30)))

    def left(session: Session) -> list[int]:
        return [len(session.exec(select(table)).all()) for table in (WebSession, EntryLink, SignInFailure)]

    assert database.read_now(left) == [1, 0, 0]


def test_erasing_takes_all_of_one_person(database: Database, person: int) -> None:
    database.write_now(lambda s: entry.make_link(s, "h5", person, NOW))
    database.write_now(lambda s: entry.erase(s, person))

    def left(session: Session) -> list[object]:
        return [
            *entry.export_login(session, person),
            *entry.export_sessions(session, person),
            *entry.export_links(session, person),
        ]

    assert database.read_now(left) == []
