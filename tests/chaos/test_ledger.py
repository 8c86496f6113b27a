"""kill -9 in the middle of ledger writes: nothing acknowledged is lost, nothing happens twice.

200,000 mixed messages (5,000 in `make chaos-short`) with a fifth redelivered and 50 (5) kills of the process that
handles them; a sender sends again whatever was not acknowledged. The seed is printed; TUANTUAN_CHAOS_SEED sets it.

Source: F1, F6, F128; FAULTS B1-B3.
"""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from bot.settings import Settings
from bot.verification import verify
from storage import identities
from storage.engine import Session, open_database
from storage.groups import Group
from storage.migrate import upgrade
from tests.chaos.ledger_driver import Told, drive
from tests.chaos.ledger_model import CHANNEL, DAWN, GROUPS, MEMBERS, Model, group_name, leader_name, member_name
from tests.full import FULL

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1500)]


def people(data: Path) -> None:
    """Make the groups, their leaders and their members, as if the bot had met them."""
    database = open_database(data)
    upgrade(database)

    def meet(session: Session, group_id: int, name: str) -> None:
        person = identities.meet(session, CHANNEL, name, name, DAWN)
        member = identities.enter(session, group_id, person.person_id, name, DAWN)
        member.role = "leader" if name.startswith("leader") else "member"

    def make(session: Session) -> None:
        for number in range(GROUPS):
            group = Group(channel=CHANNEL, external_id=group_name(number), name=group_name(number), created_at=DAWN)
            session.add(group)
            session.flush()
            assert group.id is not None
            meet(session, group.id, leader_name(number))
            for member in range(MEMBERS):
                meet(session, group.id, member_name(number, member))

    database.write_now(make)
    database.close()


@contextmanager
def rows(data: Path) -> Iterator[sqlite3.Connection]:
    """The database as it is afterwards, without the product."""
    with closing(sqlite3.connect(f"file:{data / 'tuantuan.db'}?mode=ro", uri=True)) as connection:
        yield connection


def entries(connection: sqlite3.Connection) -> tuple[dict[str, int], dict[str, int]]:
    """Every ledger entry by its key, with names for ids; reversals apart, under the key of what they undo."""
    found: dict[str, int] = {}
    undone: dict[str, int] = {}
    keys = dict(connection.execute("SELECT id, idempotency_key FROM ledger_entry"))
    for key, amount, group, member, day, kind, reverses in connection.execute(
        "SELECT e.idempotency_key, e.amount, g.external_id, m.name, e.local_date, e.kind, e.reverses_id"
        " FROM ledger_entry e JOIN chat_group g ON g.id = e.group_id JOIN member m ON m.id = e.member_id"
    ):
        if kind == "checkin":
            found[f"checkin:{group}:{member}:daily:{day}"] = amount
        elif kind == "reversal":
            undone[keys[reverses]] = amount
        else:
            found[key] = amount
    return found, undone


def compare_with_model(data: Path, model: Model) -> None:
    """Ledger, balances and streaks are what the model says."""
    with rows(data) as connection:
        found, undone = entries(connection)
        assert found == model.entries
        assert undone == model.undone
        assert connection.execute("SELECT count(*) FROM ledger_entry").fetchone()[0] == len(found) + len(undone)
        balances = dict(
            connection.execute("SELECT m.name, a.balance FROM member m JOIN account a ON a.id = m.account_id")
        )
        streaks = {
            name: (streak, longest, total, last)
            for name, streak, longest, total, last in connection.execute(
                "SELECT m.name, s.streak, s.longest, s.total, s.last_date FROM checkin_streak s"
                " JOIN member m ON m.id = s.member_id"
            )
        }
    for (group, number), member in model.members.items():
        name = member_name(group, number)
        assert balances.get(name, 0) == member.balance, name
        assert (name in balances) == member.known, name
        if member.days:
            last = max(member.days)
            expected = (member.streak_ending(last), member.longest(), len(member.days), last.isoformat())
            assert streaks[name] == expected, name
        else:
            assert name not in streaks


def one_effect_each(data: Path, model: Model, told: Told) -> None:
    """Every message was acknowledged, is one inbox row that is done, and was answered by one outbox row."""
    assert set(told.acknowledged) == set(range(1, model.operations + 1))
    assert max(told.fresh.values()) == 1, "a redelivery was taken for new"
    with rows(data) as connection:

        def count(what: str) -> int:
            return int(connection.execute(f"SELECT count(*) FROM {what}").fetchone()[0])

        assert count("inbox") == count("inbox WHERE state = 'done' AND body = ''") == model.operations
        assert count("(SELECT DISTINCT dedupe_key FROM inbox)") == model.operations
        assert count("outbox") == model.operations, "one answer each"
        assert count("outbox WHERE state NOT IN ('sent', 'dropped')") == 0
        assert count("audit WHERE action IN ('points.given', 'points.taken')") == len(model.gifts)


def test_kills_in_the_middle_of_ledger_writes(data_dir: Path) -> None:
    seed = int(os.environ.get("TUANTUAN_CHAOS_SEED") or random.SystemRandom().randrange(1 << 32))
    operations, kills = (200_000, 50) if FULL else (5_000, 5)
    print(f"\nTUANTUAN_CHAOS_SEED={seed}: {operations} messages, {kills} kills")
    people(data_dir)
    model = Model(seed, operations)
    told, seconds = drive(data_dir, model, kills, seed)
    print(
        f"{seconds:.0f} s ({timedelta(seconds=round(seconds))}), {told.starts} starts, killed with {told.killed} messages"
        f" on their way and {told.killed_early} times while starting, {told.redelivered} redeliveries,"
        f" {told.answers} answers, {len(model.entries)} entries, {len(model.undone)} reversals"
    )
    assert len(told.killed) == kills
    assert told.redelivered >= operations * 0.18
    one_effect_each(data_dir, model, told)
    compare_with_model(data_dir, model)
    wrong = [check for check in verify(data_dir, Settings()) if not check.ok]
    assert wrong == []
    log = (data_dir.parent / "worker.log").read_text("utf-8")
    assert '"bug"' not in log and "Traceback" not in log, log[-2000:]
