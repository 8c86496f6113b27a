"""The audit trail: each row is chained to the one before, so that a change by hand is found."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from storage import audit
from storage.engine import Database, Session
from tests.storage.worlds import NOW


@pytest.fixture
def trail(database: Database) -> Database:
    """Four acts."""
    for number in range(1, 5):
        database.write_now(
            lambda s, n=number: audit.record(s, at=NOW, actor_id=n, group_id=None, action="points.given", amount=n)  # type: ignore[misc]
        )
    return database


def test_an_untouched_chain_holds(trail: Database) -> None:
    assert trail.read_now(audit.broken_links) == (4, None)


def test_an_empty_one_too(database: Database) -> None:
    assert database.read_now(audit.broken_links) == (0, None)


@pytest.mark.parametrize(
    ("tampering", "found"),
    [
        ("UPDATE audit SET details = '{\"amount\": 100}' WHERE id = 2", 2),
        ("UPDATE audit SET actor_id = 9 WHERE id = 1", 1),
        ("UPDATE audit SET group_id = 9 WHERE id = 4", 4),
        ("UPDATE audit SET at = at + 1 WHERE id = 3", 3),
        ("UPDATE audit SET action = 'x' WHERE id = 3", 3),
        ("DELETE FROM audit WHERE id = 2", 3),
        ("UPDATE audit SET chain = (SELECT a.chain FROM audit AS a WHERE a.id = 1) WHERE id = 2", 2),
    ],
)
def test_a_change_by_hand_is_found(trail: Database, tampering: str, found: int) -> None:
    drop = {
        "sqlite": ["DROP TRIGGER audit_no_update", "DROP TRIGGER audit_no_delete"],
        "postgresql": ["DROP TRIGGER audit_append_only ON audit"],
    }[trail.dialect]

    def tamper(session: Session) -> None:
        for statement in (*drop, tampering):
            session.connection().execute(text(statement))

    trail.write_now(tamper)
    assert trail.read_now(audit.broken_links)[1] == found


def test_an_act_is_not_kept_without_its_record(database: Database) -> None:
    def act(session: Session) -> None:
        audit.record(session, at=NOW, actor_id=1, group_id=None, action="data.exported")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        database.write_now(act)
    assert database.read_now(audit.broken_links) == (0, None)
