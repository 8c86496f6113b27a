"""Lots: what is used up first, what moves, what comes back, what expires."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import text

from storage import expiry, ledger, lots
from storage.engine import Database, Session
from storage.ledger import LapsedPoints, Posted, Posting
from tests.storage.worlds import NOW, TODAY, Somebody, a_member

JAN, FEB, MAR = date(2027, 1, 31), date(2027, 2, 28), date(2027, 3, 31)


@pytest.fixture
def li(database: Database) -> Somebody:
    """A member with an empty account."""
    return database.write_now(a_member)


def give(database: Database, who: Somebody, amount: int, key: str, until: date | None = None) -> Posted:
    one = Posting(who.account_id, who.group_id, who.member_id, amount, "checkin", key, TODAY, NOW, expires_on=until)
    return database.write_now(lambda session: ledger.post(session, one))


def left(database: Database, who: Somebody) -> list[tuple[date, int]]:
    """What of an account expires when, and for ever under the last day there is; checks the invariant on the way."""

    def read(session: Session) -> list[tuple[date, int]]:
        found = (
            session.connection()
            .execute(
                text(
                    "SELECT expires_on, remaining, member_id FROM ledger_lot WHERE account_id = :a AND remaining > 0"
                    " ORDER BY expires_on, entry_id"
                ),
                {"a": who.account_id},
            )
            .all()
        )
        assert lots.check(session)[1] == 0
        rest = ledger.balance(session, who.account_id) - sum(row[1] for row in found)
        return [(date.fromisoformat(row[0]), row[1]) for row in found] + ([(date.max, rest)] if rest else [])

    return database.read_now(read)


def undo(database: Database, entry: int, on: date = TODAY) -> Posted:
    return database.write_now(lambda s: ledger.reverse(s, entry, local_date=on, occurred_at=NOW))


def expire(database: Database, who: Somebody, on: date, most: int = 100) -> int:
    return database.write_now(lambda s: expiry.expire(s, {who.group_id: on}, NOW, most).entries)


def transfer(session: Session, source: Somebody, target: Somebody, amount: int, key: str) -> None:
    ledger.transfer(
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


def move(database: Database, source: Somebody, target: Somebody, amount: int, key: str = "transfer:1") -> None:
    database.write_now(lambda session: transfer(session, source, target, amount, key))


def test_what_expires_first_is_used_first_and_what_never_does_last(database: Database, li: Somebody) -> None:
    give(database, li, 10, "old")
    give(database, li, 5, "feb", FEB)
    give(database, li, 5, "jan", JAN)
    give(database, li, -7, "take:1")
    assert left(database, li) == [(FEB, 3), (date.max, 10)]
    give(database, li, -7, "take:1")
    assert left(database, li) == [(FEB, 3), (date.max, 10)], "a repeat uses nothing"
    give(database, li, -6, "take:2")
    assert left(database, li) == [(date.max, 7)]


def test_undoing_a_credit_takes_its_own_lot_first(database: Database, li: Somebody) -> None:
    give(database, li, 5, "jan", JAN)
    later = give(database, li, 5, "mar", MAR)
    undo(database, later.entry_id)
    assert left(database, li) == [(JAN, 5)]
    undo(database, later.entry_id)
    assert left(database, li) == [(JAN, 5)]


def test_undoing_a_spent_credit_takes_what_else_expires_first(database: Database, li: Somebody) -> None:
    first = give(database, li, 5, "jan", JAN)
    give(database, li, -3, "take")
    give(database, li, 5, "mar", MAR)
    give(database, li, 5, "feb", FEB)
    undo(database, first.entry_id)
    assert left(database, li) == [(FEB, 2), (MAR, 5)]


def test_undoing_a_credit_that_never_expired_takes_such_points_first(database: Database, li: Somebody) -> None:
    old = give(database, li, 10, "old")
    give(database, li, 5, "jan", JAN)
    give(database, li, 4, "older")
    undo(database, old.entry_id)
    assert left(database, li) == [(JAN, 5), (date.max, 4)]
    more = give(database, li, 6, "more")
    give(database, li, -7, "take")
    undo(database, more.entry_id)
    assert left(database, li) == [(date.max, 2)]


def test_undoing_a_taking_gives_back_what_expired_until_the_latest_day(database: Database, li: Somebody) -> None:
    give(database, li, 10, "old")
    give(database, li, 5, "jan", JAN)
    give(database, li, 5, "feb", FEB)
    taken = give(database, li, -12, "take")
    assert left(database, li) == [(date.max, 8)]
    undo(database, taken.entry_id)
    assert left(database, li) == [(FEB, 10), (date.max, 10)]
    undo(database, taken.entry_id)
    assert left(database, li) == [(FEB, 10), (date.max, 10)]


def test_undone_after_the_day_gives_as_many_days_as_were_left(database: Database, li: Somebody) -> None:
    give(database, li, 5, "jan", JAN)
    taken = give(database, li, -5, "take")
    undo(database, taken.entry_id, MAR)
    assert left(database, li) == [(MAR + (JAN - TODAY), 5)]


def test_expiry_is_one_entry_and_comes_once(database: Database, li: Somebody) -> None:
    give(database, li, 10, "old")
    credit = give(database, li, 5, "jan", JAN)
    give(database, li, 4, "jan2", JAN)
    give(database, li, 5, "feb", FEB)
    give(database, li, -2, "take")
    assert expire(database, li, JAN) == 0, "its last day is still good"
    for number in (1, 0, 0):
        assert expire(database, li, JAN + timedelta(days=1)) == number
    assert left(database, li) == [(FEB, 5), (date.max, 10)]
    rows = database.read_now(
        lambda s: (
            s.connection().execute(text("SELECT idempotency_key, amount FROM ledger_entry WHERE kind = 'expiry'")).all()
        )
    )
    assert [tuple(row) for row in rows] == [(f"expiry:{credit.entry_id}", -7)]
    assert database.read_now(ledger.check).wrong_balances == 0


def test_missed_days_are_made_up_for_and_the_rest_waits(database: Database, li: Somebody) -> None:
    wang = database.write_now(lambda session: a_member(session, "u2"))
    for who in (li, wang):
        give(database, who, 5, f"jan:{who.member_id}", JAN)
        give(database, who, 5, f"feb:{who.member_id}", FEB)
    assert expire(database, li, MAR, most=1) == 1
    assert expire(database, li, MAR, most=1) == 1
    assert expire(database, li, MAR, most=1) == 0
    assert left(database, li) == left(database, wang) == []
    assert database.write_now(lambda s: expiry.expire(s, {}, NOW, 9)) == expiry.Swept(0, frozenset())


def test_what_one_call_does_not_reach_is_named(database: Database, li: Somebody) -> None:
    """A limit is for all groups together, looking at one counts; the next call goes on where this one stopped."""
    wang = database.write_now(lambda session: a_member(session, "u2"))
    for who in (li, wang):
        give(database, who, 5, f"jan:{who.member_id}", JAN)
    days = {li.group_id: MAR, 999: MAR}
    first = database.write_now(lambda s: expiry.expire(s, days, NOW, expiry.LOOK + 1))
    assert first == expiry.Swept(1, frozenset(days))
    assert database.write_now(lambda s: expiry.expire(s, days, NOW, 100)) == expiry.Swept(1, frozenset())


def test_an_expired_credit_is_not_taken_twice(database: Database, li: Somebody) -> None:
    give(database, li, 10, "old")
    credit = give(database, li, 5, "jan", JAN)
    expire(database, li, FEB)
    with pytest.raises(LapsedPoints):
        undo(database, credit.entry_id, FEB)
    assert left(database, li) == [(date.max, 10)]


def test_lots_keep_their_days_when_they_move(database: Database, li: Somebody) -> None:
    wang = database.write_now(lambda session: a_member(session, "u2"))
    give(database, li, 10, "old")
    give(database, li, 5, "jan", JAN)
    give(database, li, 5, "feb", FEB)
    move(database, li, wang, 7)
    move(database, li, wang, 7)
    assert left(database, li) == [(FEB, 3), (date.max, 10)]
    assert left(database, wang) == [(JAN, 5), (FEB, 2)]
    move(database, li, wang, 13, "transfer:2")
    assert left(database, li) == []
    assert left(database, wang) == [(JAN, 5), (FEB, 3), (FEB, 2), (date.max, 10)]
    assert expire(database, li, FEB) == 1
    assert left(database, wang) == [(FEB, 3), (FEB, 2), (date.max, 10)]


def test_within_an_account_only_ones_own_lots_change_hands(database: Database, li: Somebody) -> None:
    wang = replace(li, member_id=database.write_now(lambda session: a_member(session, "u2")).member_id)
    give(database, wang, 5, "jan", JAN)
    give(database, li, 5, "feb", FEB)
    give(database, li, 5, "old")
    move(database, li, wang, 8)
    assert left(database, li) == [(JAN, 5), (FEB, 5), (date.max, 5)]
    owners = database.read_now(
        lambda s: s.connection().execute(text("SELECT member_id FROM ledger_lot ORDER BY entry_id")).scalars().all()
    )
    assert owners == [wang.member_id, wang.member_id]


def test_what_expires_next_and_who_is_told(database: Database, li: Somebody) -> None:
    give(database, li, 5, "feb", FEB)
    give(database, li, 5, "jan", JAN)
    give(database, li, 2, "jan2", JAN)
    assert database.read_now(lambda s: lots.next_expiring(s, li.account_id, JAN)) == lots.Expiring(7, JAN)
    assert database.read_now(lambda s: lots.next_expiring(s, li.account_id, JAN - timedelta(days=1))) is None
    told = database.read_now(lambda s: lots.expiring_on(s, [li.group_id], [FEB, MAR]))
    assert told == [lots.Notice(li.group_id, li.account_id, 5, FEB)]
    database.write_now(lambda s: lots.prolong(s, li.group_id, FEB))
    assert left(database, li) == [(FEB, 5), (FEB, 5), (FEB, 2)]


def test_whatever_happens_in_whatever_order_the_lots_stay_within_the_balance(sqlite: Database) -> None:
    """Credits, takings, transfers, reversals and expiries of three people at random; the same every time."""
    chance = random.Random(20261201)
    people = [sqlite.write_now(lambda session, name=f"u{n}": a_member(session, name)) for n in range(3)]  # type: ignore[misc]
    entries: list[int] = []
    today = TODAY
    refused = 0

    def act(session: Session, number: int) -> None:
        who, other = chance.choice(people), chance.choice(people)
        amount = chance.randint(1, 12)
        match chance.choice(["give", "give", "lend", "lend", "take", "take", "move", "undo", "undo", "expire"]):
            case "undo" if entries:
                ledger.reverse(session, chance.choice(entries), local_date=today, occurred_at=NOW)
            case "move":
                transfer(session, who, other, amount, f"move:{number}")
            case "expire":
                expiry.expire(session, {who.group_id: today}, NOW, chance.randint(1, 3))
            case act:
                until = today + timedelta(days=chance.randint(0, 40)) if act == "lend" else None
                signed = -amount if act == "take" else amount
                one = Posting(
                    who.account_id,
                    who.group_id,
                    who.member_id,
                    signed,
                    "x",
                    f"x:{number}",
                    today,
                    NOW,
                    expires_on=until,
                )
                entries.append(ledger.post(session, one).entry_id)

    for number in range(1500):
        today = TODAY + timedelta(days=number // 10)
        try:
            sqlite.write_now(lambda session, n=number: act(session, n))  # type: ignore[misc]
        except (ledger.InsufficientPoints, LapsedPoints):
            refused += 1
        if number % 10 == 0:
            found = sqlite.read_now(ledger.check)
            assert (found.wrong_balances, found.negative_balances, found.wrong_reversals, found.wrong_lots) == (
                0,
                0,
                0,
                0,
            )
    kinds: dict[str, int] = dict(
        sqlite.read_now(
            lambda s: s.connection().execute(text("SELECT kind, count(*) FROM ledger_entry GROUP BY kind")).all()
        )
    )
    assert min(kinds["expiry"], kinds["transfer"], kinds["reversal"], refused) > 20, kinds


def test_a_check_finds_lots_beyond_the_balance(database: Database, li: Somebody) -> None:
    give(database, li, 5, "jan", JAN)
    database.write_now(lambda s: s.connection().execute(text("UPDATE ledger_lot SET remaining = 6")))
    found = database.read_now(ledger.check)
    assert (found.lots, found.wrong_lots) == (1, 1)
