"""What is read of one person's entries never walks through everybody's: the ledger is the largest table there is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from engagement.points import service as points
from engagement.registry import FEATURES
from storage.engine import Session
from tests.engagement.stage import Stage, open_stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return open_stage(tmp_path, FEATURES, "2026-12-01T09:00")


@contextmanager
def asked(session: Session) -> Iterator[list[tuple[str, Any]]]:
    """Statements that are run, with their values."""
    seen: list[tuple[str, Any]] = []
    connection = session.connection()

    def note(_conn: Any, _cursor: Any, statement: str, values: Any, _context: Any, _many: bool) -> None:
        seen.append((statement, values))

    event.listen(connection, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(connection, "before_cursor_execute", note)


def scans(session: Session, statement: str, values: Any) -> list[str]:
    """Lines of the plan that read the whole ledger."""
    plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
    return [str(line[3]) for line in plan if str(line[3]).startswith("SCAN ledger_entry")]


def test_a_copy_of_ones_points_reads_ones_groups_alone(stage: Stage) -> None:
    stage.say("李阿姨", "签到")

    def read(session: Session) -> None:
        with asked(session) as seen:
            assert len(points.export(session, stage.person("李阿姨"))) == 1
        assert any("ledger_entry" in statement for statement, _ in seen)
        for statement, values in seen:
            assert not scans(session, statement, values), statement

    stage.database.read_now(read)


def test_a_scan_is_noticed(stage: Stage) -> None:
    def read(session: Session) -> None:
        assert scans(session, "SELECT id FROM ledger_entry WHERE member_id = ?", (1,))

    stage.database.read_now(read)
