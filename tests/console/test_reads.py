"""No page reads a large table from one end to the other: what it asks is found by an index, whatever there is besides.

Every page of the console and of the residents is opened over a small community, and SQLite says how it would find what each
statement asks for. Nothing is measured: the plan of three rows is that of three million, since no statistics are kept.

Source: F128.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import event
from starlette.testclient import TestClient

from bot.channels.sim.rehearsal import Rehearsal
from bot.pages import Pages
from console import demo
from console.auth import Role
from engagement.clocks import SetClock
from knowledge import ingest
from storage.engine import Database, Session
from storage.statements import Prepared
from tests.bot.channels.test_sim import open_simulator
from tests.browser import pages
from tests.console.doors import NOW, come_as

_GROWS = (
    "account answer_tally audit award_trace checkin checkin_makeup checkin_pause checkin_streak consent delivery "
    "dialog_turn entry_link family family_request feedback fire gift_request group_day group_hour group_week "
    "household identity inbox invitation invite_claim invite_code leader_action ledger_draw ledger_entry ledger_lot "
    "ledger_reason lookalike member moderation_case notice_off outbox person preference question schedule "
    "sent_message theme_score topic_answer topic_day web_session"
)
GROWS = frozenset(_GROWS.split())
"""Tables that have a row for every resident, every message or every group and day."""
SCANNED = re.compile(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?")
NAMED = re.compile(r"\b(\w+) AS (\w+)\b")
WHERE_ALL_ENDS = re.compile(r"ORDER BY (?:\w+\.)?id( DESC)?\s+LIMIT", re.ASCII)
"""Read from an end, up to so many: no filter can make it go on."""

pytestmark = [pytest.mark.xdist_group("reads"), pytest.mark.timeout(300), pytest.mark.untraced]
Asked = tuple[str, Any]


@dataclass
class Town:
    """The composed application and one person of each role."""

    app: Any
    database: Database
    people: Mapping[Role, int]
    partial: frozenset[str]
    """Indexes that hold a few of a table's rows: going through one of them is what it is for."""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    program, simulator = open_simulator(tmp_path_factory.mktemp("reads"), SetClock(NOW))
    asyncio.run(Rehearsal(simulator).play(days=1))
    ingest.seed(program.database, now=NOW, publish=True)
    app = Pages(program, sim=False, web=True).routes()[-1].app  # type: ignore[attr-defined]
    people = program.database.write_now(lambda s: {role: demo.person(s, role, "", NOW) or 0 for role in Role})

    def partial(session: Session) -> frozenset[str]:
        wanted = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '% WHERE %'"
        return frozenset(name for (name,) in session.connection().exec_driver_sql(wanted))

    yield Town(app, program.database, people, program.database.read_now(partial))
    simulator.close()
    program.close()


@contextmanager
def listening(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Asked]]:
    """Statements that are run, prepared ones among them, with their values."""
    seen: list[Asked] = []

    def note(_conn: Any, _cursor: Any, statement: str, values: Any, _context: Any, _many: bool) -> None:
        seen.append((statement, values))

    ran: Callable[..., Any] = Session.run

    def run(self: Session, statement: Prepared, **values: object) -> Any:
        sql, fixed = statement.sql(self.dialect_name)
        seen.append((sql, {**fixed, **values}))
        return ran(self, statement, **values)

    engines = (database.read_engine, database.write_engine)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    monkeypatch.setattr(Session, "run", run)
    try:
        yield seen
    finally:
        monkeypatch.undo()
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)


def scans(session: Session, asked: Asked, partial: frozenset[str]) -> list[str]:
    """Lines of a statement's plan that go through a whole table that grows."""
    statement, values = asked
    if not statement.lstrip().upper().startswith(("SELECT", "UPDATE", "DELETE", "WITH")):
        return []
    if " WHERE " not in " ".join(statement.split()) and WHERE_ALL_ENDS.search(" ".join(statement.split())):
        return []
    tables = {alias: table for table, alias in NAMED.findall(statement)}
    found = []
    for line in session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values):
        hit = SCANNED.match(str(line[3]))
        if hit is not None and tables.get(hit[1], hit[1]) in GROWS and hit[2] not in partial:
            found.append(str(line[3]))
    return found


WORLD = {"group_id": "1", "document": "1", "plan_id": "1", "day": "2026-11-20", "entry": "pickup.hours", "slot": "x"}
MORE = (
    ("leader", "/console/groups/1/ledger?q=a"),
    ("staff", "/console/groups/1/ledger?q=李阿姨"),
    ("leader", "/console/groups/1/ledger?kind=adjust&least=2"),
    ("leader", "/console/moderation?tab=decided"),
    ("staff", "/console/groups?q=a"),
    ("staff", "/console/groups?after=1"),
    ("staff", "/console/gaps?rows=1"),
    ("staff", "/console/pushes?days=14"),
    ("staff", "/console/moderation?tab=appeals"),
    ("staff", "/console/calendar/days/2026-11-20/group?group=1"),
    ("admin", "/console/audit?action=points"),
    ("admin", "/console/audit?person=1"),
    ("admin", "/console/audit?day=2026-11-19"),
)
"""Addresses that filter: who asks, and for what."""


def addresses() -> Iterator[tuple[str, str]]:
    for sample in pages.samples("page", "part", "file"):
        if sample.who and all(name in WORLD for name in pages.PARAMETER.findall(sample.address)):
            yield sample.who, sample.filled(WORLD).address
    yield from MORE


def test_no_page_walks_through_what_grows(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong: set[str] = set()
    opened = 0
    for who, address in addresses():
        role = Role(who)
        client = TestClient(town.app, follow_redirects=False)
        come_as(client, town.database, role, town.people[role], strong=True)
        with listening(town.database, monkeypatch) as seen:
            opened += client.get(address).status_code == 200
        assert seen, address

        def read(session: Session, asked: tuple[Asked, ...] = tuple(seen), page: str = address) -> set[str]:
            return {f"{page}: {line}: {one[0]}" for one in asked for line in scans(session, one, town.partial)}

        wrong |= town.database.read_now(read)
    assert not wrong, "\n".join(sorted(wrong))
    assert opened >= 60


@pytest.mark.parametrize(
    ("statement", "noticed"),
    [
        ("SELECT id FROM ledger_entry WHERE member_id = 1", True),
        ("SELECT count(*) FROM member AS somebody WHERE name LIKE '%x%'", True),
        ("SELECT id FROM question WHERE text = 'x' ORDER BY id LIMIT 5", True),
        ("SELECT id FROM audit ORDER BY id DESC LIMIT 5", False),
        ("SELECT id FROM region", False),
        ("SELECT id FROM delivery WHERE state IN ('pending', 'sending') ORDER BY id", False),
    ],
)
def test_a_walk_is_noticed(town: Town, statement: str, noticed: bool) -> None:
    found = town.database.read_now(lambda session: scans(session, (statement, ()), town.partial))
    assert bool(found) is noticed, found
