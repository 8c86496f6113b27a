"""The points ledger: what is posted once, what is refused, what is undone, and what a check finds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from storage import ledger
from storage.engine import Database, Session
from storage.ledger import ConflictingPosting, InsufficientPoints, LedgerCheck, Posted, Posting
from tests.storage.worlds import NOW, TODAY, Somebody, a_member, post


@pytest.fixture
def li(database: Database) -> Somebody:
    """A member with an empty account."""
    return database.write_now(a_member)


def _post(database: Database, who: Somebody, amount: int, key: str) -> Posted:
    return database.write_now(lambda session: post(session, who, amount, key))


def _balance(database: Database, who: Somebody) -> int:
    return database.read_now(lambda session: ledger.balance(session, who.account_id))


def _check(database: Database) -> LedgerCheck:
    return database.read_now(ledger.check)


def _reverse(database: Database, entry: int) -> Posted:
    later = NOW + timedelta(hours=1)
    return database.write_now(lambda s: ledger.reverse(s, entry, local_date=TODAY, occurred_at=later))


def test_balance_is_the_sum(database: Database, li: Somebody) -> None:
    first = _post(database, li, 5, "checkin:1")
    second = _post(database, li, 7, "checkin:2")
    third = _post(database, li, -4, "adjust:1")
    assert [p.balance for p in (first, second, third)] == [5, 12, 8]
    assert not (first.repeated or second.repeated or third.repeated)
    assert first.entry_id < second.entry_id < third.entry_id
    assert _balance(database, li) == 8
    assert _check(database) == LedgerCheck(1, 3, 0, 0, 0)


@pytest.mark.parametrize("amount", [5, -3])
def test_a_repeat_changes_nothing(database: Database, li: Somebody, amount: int) -> None:
    _post(database, li, 10, "start")
    first = _post(database, li, amount, "again")
    second = _post(database, li, amount, "again")
    assert second == Posted(first.entry_id, 10 + amount, repeated=True)
    assert _check(database).entries == 2


def test_the_repeat_of_a_taking_is_told_from_a_lack(database: Database, li: Somebody) -> None:
    """Everything was taken; the redelivered taking must say so, not that points are missing."""
    _post(database, li, 10, "start")
    taken = _post(database, li, -10, "take")
    assert _post(database, li, -10, "take") == Posted(taken.entry_id, 0, repeated=True)


@pytest.mark.parametrize(("first", "second"), [(5, 6), (5, -5), (-5, -6), (-5, 5)])
def test_one_key_stands_for_one_posting(database: Database, li: Somebody, first: int, second: int) -> None:
    _post(database, li, 100, "start")
    _post(database, li, first, "key")
    with pytest.raises(ConflictingPosting):
        _post(database, li, second, "key")
    wang = database.write_now(lambda session: a_member(session, "u2"))
    _post(database, wang, 100, "start:2")
    with pytest.raises(ConflictingPosting):
        _post(database, wang, first, "key")
    assert (_balance(database, li), _balance(database, wang)) == (100 + first, 100)


@pytest.mark.parametrize("amount", [0, ledger.MAX_AMOUNT + 1, -ledger.MAX_AMOUNT - 1, 2**63, 10**20])
def test_amounts_that_are_none(database: Database, li: Somebody, amount: int) -> None:
    with pytest.raises(ValueError, match="amount"):
        _post(database, li, amount, "odd")
    assert _check(database) == LedgerCheck(1, 0, 0, 0, 0)


def test_the_largest_amounts(database: Database, li: Somebody) -> None:
    assert _post(database, li, ledger.MAX_AMOUNT, "most").balance == 1_000_000
    assert _post(database, li, -ledger.MAX_AMOUNT, "all of it").balance == 0


@pytest.mark.parametrize("amount", [1_000_001, 0])
def test_the_table_itself_refuses_amounts(database: Database, li: Somebody, amount: int) -> None:
    row = f"({li.account_id}, {li.group_id}, {li.member_id}, {amount}, 'x', 'x', '2026-12-01', 0)"
    names = "account_id, group_id, member_id, amount, kind, idempotency_key, local_date, occurred_at"
    with pytest.raises(IntegrityError):
        database.write_now(lambda s: s.connection().execute(text(f"INSERT INTO ledger_entry ({names}) VALUES {row}")))


def test_too_few_points(database: Database, li: Somebody) -> None:
    _post(database, li, 5, "start")
    with pytest.raises(InsufficientPoints) as lacking:
        _post(database, li, -6, "take")
    assert lacking.value.balance == 5
    assert (_balance(database, li), _check(database).entries) == (5, 1)
    assert _post(database, li, -5, "take").balance == 0, "the key of a refused taking is free"


def test_an_account_that_is_not_there(database: Database, li: Somebody) -> None:
    nobody = Posting(999, li.group_id, li.member_id, 5, "checkin", "ghost", TODAY, NOW)

    def unseen(session: Session) -> None:
        if database.dialect == "sqlite":
            session.connection().execute(text("PRAGMA defer_foreign_keys=ON"))
        ledger.post(session, nobody)

    # PostgreSQL's foreign key says it first; on SQLite the check is put off, so that the ledger has to notice.
    with pytest.raises(LookupError if database.dialect == "sqlite" else psycopg.errors.ForeignKeyViolation):
        database.write_now(unseen)
    assert database.read_now(lambda session: ledger.balance(session, 999)) == 0
    assert _check(database).entries == 0


def test_undone_once(database: Database, li: Somebody) -> None:
    given = _post(database, li, 20, "adjust:1")
    undone = _reverse(database, given.entry_id)
    assert (undone.balance, undone.repeated) == (0, False)
    again = _reverse(database, given.entry_id)
    assert again == Posted(undone.entry_id, 0, repeated=True)
    assert _check(database) == LedgerCheck(1, 2, 0, 0, 0)


def test_a_taking_is_given_back_once(database: Database, li: Somebody) -> None:
    _post(database, li, 20, "start")
    taken = _post(database, li, -20, "adjust:1")
    assert _reverse(database, taken.entry_id).balance == 20
    assert _reverse(database, taken.entry_id).repeated
    assert _balance(database, li) == 20


def test_what_cannot_be_undone(database: Database, li: Somebody) -> None:
    given = _post(database, li, 20, "adjust:1")
    undone = _reverse(database, given.entry_id)
    for entry in (undone.entry_id, 999):
        with pytest.raises(LookupError):
            _reverse(database, entry)
    spent = _post(database, li, 10, "adjust:2")
    _post(database, li, -1, "spend")
    with pytest.raises(InsufficientPoints):
        _reverse(database, spent.entry_id)
    assert _balance(database, li) == 9


def test_two_reversals_of_one_entry_meet_the_constraint(database: Database, li: Somebody) -> None:
    given = _post(database, li, 20, "adjust:1")
    _reverse(database, given.entry_id)
    _post(database, li, 30, "more")
    second = Posting(li.account_id, li.group_id, li.member_id, -20, "reversal", "other key", TODAY, NOW)
    with pytest.raises((DBAPIError, psycopg.IntegrityError, _sqlite_error())):
        database.write_now(lambda s: ledger.post(s, replace(second, reverses_id=given.entry_id)))
    assert _balance(database, li) == 30


def _sqlite_error() -> type[Exception]:
    import sqlite3

    return sqlite3.IntegrityError


PLANTED = {
    "wrong_balances": "UPDATE account SET balance = balance + 1",
    "wrong_reversals": "UPDATE ledger_entry SET amount = -19 WHERE reverses_id IS NOT NULL",
}


@pytest.mark.parametrize("what", PLANTED)
def test_a_check_finds_what_is_planted(database: Database, li: Somebody, what: str) -> None:
    given = _post(database, li, 20, "adjust:1")
    _reverse(database, given.entry_id)
    _tamper(database, PLANTED[what])
    found = _check(database)
    assert getattr(found, what) == 1


def test_a_check_finds_points_out_of_nothing(database: Database, li: Somebody) -> None:
    """An account without a single entry, and one below zero."""
    _tamper(database, "UPDATE account SET balance = 3")
    assert _check(database).wrong_balances == 1
    if database.dialect == "sqlite":
        _tamper(database, "PRAGMA ignore_check_constraints=ON", "UPDATE account SET balance = -3")
        assert _check(database).negative_balances == 1


def _tamper(database: Database, *statements: str) -> None:
    """Change rows by hand, past the triggers."""
    triggers = {
        "sqlite": ["DROP TRIGGER IF EXISTS ledger_entry_no_update"],
        "postgresql": ["DROP TRIGGER IF EXISTS ledger_entry_append_only ON ledger_entry"],
    }[database.dialect]

    def tamper(session: Session) -> None:
        for statement in (*triggers, *statements):
            session.connection().execute(text(statement))

    database.write_now(tamper)


def _transfer(database: Database, source: Somebody, target: Somebody, amount: int, key: str) -> tuple[Posted, Posted]:
    return database.write_now(
        lambda session: ledger.transfer(
            session,
            source_account=source.account_id,
            target_account=target.account_id,
            group_id=source.group_id,
            source_member=source.member_id,
            target_member=target.member_id,
            amount=amount,
            key=key,
            local_date=TODAY,
            occurred_at=NOW,
        )
    )


def test_a_transfer_is_two_entries_once(database: Database, li: Somebody) -> None:
    wang = database.write_now(lambda session: a_member(session, "u2"))
    _post(database, li, 20, "start")
    taken, given = _transfer(database, li, wang, 15, "transfer:1")
    assert (taken.balance, given.balance, taken.repeated) == (5, 15, False)
    again = _transfer(database, li, wang, 15, "transfer:1")
    assert [(p.entry_id, p.repeated) for p in again] == [(taken.entry_id, True), (given.entry_id, True)]
    for amount in (6, 16):
        with pytest.raises(InsufficientPoints if amount == 6 else ConflictingPosting):
            _transfer(database, li, wang, amount, "transfer:2" if amount == 6 else "transfer:1")
    with pytest.raises(ValueError, match="amount"):
        _transfer(database, li, wang, 0, "transfer:3")
    assert (_balance(database, li), _balance(database, wang)) == (5, 15)
    assert _check(database) == LedgerCheck(2, 3, 0, 0, 0)


def test_a_transfer_within_an_account_moves_what_a_member_contributed(database: Database, li: Somebody) -> None:
    wang = replace(li, member_id=database.write_now(lambda session: a_member(session, "u2")).member_id)
    _post(database, li, 20, "start")
    taken, given = _transfer(database, li, wang, 15, "transfer:1")
    assert (taken.balance, given.balance) == (20, 20)
    assert (_balance(database, li), _check(database).entries) == (20, 3)
