"""Messages that came in: there once, handled once, given up after some tries, forgotten in the end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import select

from storage import inbox
from storage.engine import Database, Session
from storage.inbox import Inbox
from tests.storage.worlds import NOW, waiting


def put(session: Session, key: str = "m1", channel: str = "play", account: str = "", days: int = 0) -> int | None:
    return inbox.put(
        session,
        channel=channel,
        account=account,
        dedupe_key=key,
        conversation="g1",
        received_at=NOW + timedelta(days=days),
        body=f"words of {key}",
    )


def rows(database: Database) -> list[tuple[str, str, str, int]]:
    return database.read_now(
        lambda s: [(r.dedupe_key, r.state, r.body, r.attempts) for r in s.exec(select(Inbox).order_by(Inbox.id))]  # type: ignore[arg-type]
    )


def test_a_redelivery_is_known(database: Database) -> None:
    assert database.write_now(put) is not None
    assert database.write_now(put) is None
    assert len(rows(database)) == 1


@pytest.mark.parametrize("other", [{"key": "m2"}, {"channel": "telegram"}, {"account": "bot2"}])
def test_the_key_holds_for_one_bot_account(database: Database, other: dict[str, str]) -> None:
    database.write_now(put)
    assert database.write_now(lambda s: put(s, **other)) is not None  # type: ignore[arg-type]


def test_a_redelivery_of_something_handled_is_known(database: Database) -> None:
    row = database.write_now(put)
    assert row is not None
    database.write_now(lambda s: inbox.claim(s, row))
    assert database.write_now(put) is None


def test_claimed_once_and_the_words_are_gone(database: Database) -> None:
    row = database.write_now(put)
    assert row is not None
    assert database.write_now(lambda s: inbox.claim(s, row))
    assert not database.write_now(lambda s: inbox.claim(s, row))
    assert not database.write_now(lambda s: inbox.claim(s, 999))
    assert rows(database) == [("m1", "done", "", 0)]


def test_a_claim_goes_with_its_effect(database: Database) -> None:
    row = database.write_now(put)
    assert row is not None

    def broken(session: Session) -> None:
        assert inbox.claim(session, row)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database.write_now(broken)
    assert database.write_now(lambda s: inbox.claim(s, row))


def test_pending_in_the_order_of_arrival(database: Database) -> None:
    for key in ("m3", "m1", "m2"):
        database.write_now(lambda s, key=key: put(s, key))  # type: ignore[misc]
    found = database.read_now(waiting)
    assert [body for _, body in found] == ["words of m3", "words of m1", "words of m2"]
    database.write_now(lambda s: inbox.claim(s, found[1][0]))
    assert database.read_now(waiting) == [found[0], found[2]]


def test_given_up_after_three_tries(database: Database) -> None:
    row = database.write_now(put)
    assert row is not None
    tries = [database.write_now(lambda s: inbox.failed(s, row, give_up_after=3)) for _ in range(4)]
    assert tries == [False, False, True, False]
    assert rows(database) == [("m1", "dead", "", 3)]
    assert database.read_now(waiting) == []
    assert not database.write_now(lambda s: inbox.claim(s, row))


def test_what_is_old_is_forgotten_also_what_nobody_could_handle(database: Database) -> None:
    for number, (key, days) in enumerate((("old", -20), ("old dead", -20), ("old pending", -20), ("new", 0)), start=1):
        row = database.write_now(lambda s, k=key, d=days: put(s, k, days=d))  # type: ignore[misc]
        assert row == number
    database.write_now(lambda s: inbox.claim(s, 1))
    database.write_now(lambda s: inbox.failed(s, 2, give_up_after=1))
    database.write_now(lambda s: inbox.claim(s, 4))
    assert database.write_now(lambda s: inbox.prune(s, NOW - timedelta(days=inbox.KEEP_DAYS))) == 0
    assert [key for key, *_ in rows(database)] == ["new"]
