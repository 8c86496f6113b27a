"""Messages that go out, and what a later quote of them is about."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlmodel import select

from storage import outbox, unsent
from storage.columns import micros
from storage.engine import Database, Session
from storage.inbox import PRUNED_AT_ONCE
from storage.outbox import Outbox, SentMessage
from tests.storage.worlds import NOW

OLD = NOW - timedelta(days=100)


def put(session: Session, key: str = "1:0", days: int = 0) -> int:
    return outbox.put(
        session,
        key=key,
        channel="play",
        account="",
        conversation="g1",
        kind="reply",
        body=f"words of {key}",
        created_at=NOW + timedelta(days=days),
    )


def remember(session: Session, provider_id: str = "77", subject: str = "topic:1", days: int = 0, **other: str) -> None:
    where: dict[str, str] = {"channel": "play", "account": "", "conversation": "g1", **other}
    outbox.remember(session, provider_id=provider_id, subject=subject, sent_at=NOW + timedelta(days=days), **where)


def subject(database: Database, provider_id: str = "77", **other: str) -> str | None:
    where: dict[str, str] = {"channel": "play", "account": "", "conversation": "g1", **other}
    return database.read_now(lambda s: outbox.subject_of(s, provider_id=provider_id, **where))


def waiting(database: Database) -> list[unsent.Waiting]:
    return database.read_now(lambda s: unsent.left(s, "play", NOW, NOW))


def one(database: Database, row: int) -> Outbox:
    return database.read_now(lambda s: s.get_one(Outbox, row))


def test_one_message_for_one_cause(database: Database) -> None:
    database.write_now(put)
    with pytest.raises((sqlite3.IntegrityError, psycopg.errors.UniqueViolation)):
        database.write_now(put)
    assert waiting(database) == [(1, "play", "", "words of 1:0", micros(NOW))]


def test_sent_and_the_words_are_gone(database: Database) -> None:
    row = database.write_now(put)
    later = NOW + timedelta(seconds=3)
    database.write_now(lambda s: outbox.mark_sent(s, row, later))
    assert (one(database, row).state, one(database, row).body, one(database, row).sent_at) == ("sent", "", later)
    assert waiting(database) == []


def test_put_off(database: Database) -> None:
    row = database.write_now(put)
    until = NOW + timedelta(seconds=30)
    assert [database.write_now(lambda s: outbox.postpone(s, row, until)) for _ in range(2)] == [1, 2]
    assert (one(database, row).not_before, one(database, row).state) == (until, "pending")


def test_given_up(database: Database) -> None:
    row = database.write_now(put)
    database.write_now(lambda s: outbox.drop(s, row, "stale"))
    kept = one(database, row)
    assert (kept.state, kept.body, kept.reason) == ("dropped", "", "stale")


def test_pending_in_the_order_of_their_causes(database: Database) -> None:
    for key in ("2:0", "1:0", "1:1"):
        database.write_now(lambda s, key=key: put(s, key))  # type: ignore[misc]
    assert [one.body for one in waiting(database)] == [
        "words of 2:0",
        "words of 1:0",
        "words of 1:1",
    ]


def test_a_quote_finds_what_it_is_about(database: Database) -> None:
    database.write_now(remember)
    database.write_now(lambda s: remember(s, subject="topic:2"))
    assert subject(database) == "topic:1", "the first that was noted stands"
    others: list[dict[str, Any]] = [
        {"provider_id": "78"},
        {"conversation": "g2"},
        {"account": "b"},
        {"channel": "telegram"},
    ]
    assert [subject(database, **other) for other in others] == [None] * 4


def test_what_was_sent_long_ago_is_forgotten(database: Database) -> None:
    kept = database.write_now(lambda s: put(s, "pending", days=-100))
    sent = database.write_now(lambda s: put(s, "sent", days=-100))
    dropped = database.write_now(lambda s: put(s, "dropped", days=-100))
    new = database.write_now(lambda s: put(s, "new"))
    for row in (sent, new):
        database.write_now(lambda s, row=row: outbox.mark_sent(s, row, NOW))  # type: ignore[misc]
    database.write_now(lambda s: outbox.drop(s, dropped, "stale"))
    database.write_now(lambda s: remember(s, "1", days=-100))
    database.write_now(lambda s: remember(s, "2"))
    before = NOW - timedelta(days=60)
    assert database.write_now(lambda s: outbox.prune(s, before)) == 0
    assert not database.write_now(lambda s: outbox.prune_subjects(s, before))
    assert database.read_now(lambda s: sorted(row.id or 0 for row in s.exec(select(Outbox)))) == [kept, new]
    assert database.read_now(lambda s: list(s.exec(select(SentMessage.provider_id)))) == ["2"]


def test_much_is_forgotten_in_pieces(database: Database) -> None:
    """So that the writer is not held; a piece of which nothing may go does not end it, and what is young is not looked at."""
    stays, before = PRUNED_AT_ONCE + 2, NOW - timedelta(days=60)

    def fill(session: Session) -> int:
        for number in range(PRUNED_AT_ONCE * 2 + 50):
            row = put(session, f"{number}:0", days=-100)
            remember(session, str(number), days=-100)
            if number >= stays:
                outbox.mark_sent(session, row, OLD)
        return put(session, "young")

    young, after, looks = database.write_now(fill), 0, 0
    while after := database.write_now(lambda s, after=after: outbox.prune(s, before, after)):  # type: ignore[misc]
        looks += 1
    left = database.read_now(lambda s: sorted(row.id or 0 for row in s.exec(select(Outbox))))
    assert (looks, len(left), left[-1]) == (2, stays + 1, young)
    more = [database.write_now(lambda s: outbox.prune_subjects(s, before)) for _ in range(3)]
    assert more == [True, True, False]
    assert not database.read_now(lambda s: s.exec(select(SentMessage)).all())
