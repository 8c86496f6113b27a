"""What runs every second, or holds the one writer, goes through no table that grows with the years."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Pool, event

from engagement.kernel import Kind, Outcome, Outgoing, Place, Receipt, Reply
from engagement.pushes import Occurrence, Planned
from scheduler import heartbeats, rows
from storage import confirmations, inbox, outbox, unsent
from storage.campaigns import Delivery
from storage.engine import Session
from tests.databases import FILE
from tests.scheduler.community import Town, job
from tests.scheduler.test_delivery import EIGHT_O_CLOCK
from tests.scheduler.test_together_private import private

pytestmark = pytest.mark.untraced

GROWING = {"delivery", "fire", "group_day", "inbox", "mass_send", "outbox", "sent_message"}
PARTIAL = {"ix_delivery_open", "ix_delivery_waiting", "ix_inbox_pending", "ix_mass_send_open", "ix_outbox_pending"}
"""Indexes of what is still to be done: few rows, however long the table is."""
_SCAN = re.compile(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?")
_ALIASES = {"carrier_row": "delivery", "month": "mass_send"}


@contextmanager
def heard() -> Iterator[list[str]]:
    """Note every statement that SQLite is given from now on, with its values in it; what is opened inside is heard."""
    said: list[str] = []

    def listen(raw: sqlite3.Connection, _record: object, _proxy: object) -> None:
        raw.set_trace_callback(said.append)

    event.listen(Pool, "checkout", listen)
    try:
        yield said
    finally:
        event.remove(Pool, "checkout", listen)


def whole_tables(raw: sqlite3.Connection, sql: str) -> list[str]:
    """Return what of SQLite's plan goes through the whole of a growing table."""
    if sql.split(None, 1)[0] not in {"SELECT", "UPDATE", "DELETE"}:
        return []
    steps = [str(step[3]) for step in raw.execute(f"EXPLAIN QUERY PLAN {sql}")]
    found = [(step, _SCAN.match(step)) for step in steps]
    return [
        step
        for step, scan in found
        if scan is not None and _ALIASES.get(scan[1], scan[1]) in GROWING and scan[2] not in PARTIAL
    ]


def planned_twice() -> Callable[[Session, Sequence[Occurrence], datetime], Sequence[Planned]]:
    """Make a slice that has not finished at the first time."""
    asked: list[int] = []

    def plan(_session: Session, found: Sequence[Occurrence], _now: datetime) -> Sequence[Planned]:
        asked.append(1)
        if len(asked) == 1:
            return [Planned(one, again=True) for one in found]
        return [Planned(one, Reply("topic.push", {"title": "t"}, kind=Kind.PUSH, subject="topic:1")) for one in found]

    return plan


async def test_no_hot_statement_goes_through_a_whole_table(town: Callable[..., Town], data_dir: Path) -> None:
    with heard() as said:
        here = town(
            job(merges=True),
            job("second", merges=True),
            job("slow", plan=planned_twice()),
            private("lesson", 8 * 60, 1),
        )
        here.add(3)
        await here.run()
        here.clock.set(EIGHT_O_CLOCK)
        here.phone.answer = lambda m: Receipt(Outcome.RETRY, retry_after=1) if m.conversation == "g1" else _SENT

        def orphaned(session: Session) -> None:
            row = session.get(Delivery, 1)
            assert row is not None
            row.state, row.sender = "sending", "dead/1"
            session.add(row)

        def answers(session: Session) -> None:
            now = here.clock.now()
            inbox.put(
                session, channel="play", account="", dedupe_key="1", conversation="g1", received_at=now, body=_BODY
            )
            row = outbox.put(
                session,
                key="1:0",
                channel="play",
                account="",
                conversation="g1",
                kind="reply",
                body=_BODY,
                created_at=now,
            )
            outbox.postpone(session, row, now)
            found = unsent.adrift(session, "me", now, now, now, now)
            assert unsent.take(session, found, "me") and unsent.is_of(session, row, "me")
            unsent.left(session, "play", now, now)
            received = inbox.adrift(session, "me", now, now, now)
            assert received == inbox.on(session, "play") and inbox.take(session, received, "me")
            inbox.prune(session, now)
            outbox.prune(session, now)
            outbox.prune_subjects(session, now)

        await here.plan()
        here.database.write_now(orphaned)
        for second in range(4):
            await here.run(EIGHT_O_CLOCK + timedelta(seconds=second))
            here.database.read_now(lambda s: rows.due_shards(s, "me", here.clock.now(), "play"))
            here.database.read_now(lambda s: rows.due_shards(s, "me", here.clock.now()))
        here.database.write_now(lambda s: rows.next_epoch(s, "a", 0))
        here.database.write_now(answers)
        here.database.write_now(lambda s: heartbeats.beat(s, "me/1", here.clock.now()))
        here.database.read_now(lambda s: confirmations.waiting(s, date(2026, 11, 1), date(2026, 11, 30), 20))
    statements = {re.sub(r"'[^']*'|\b\d+\b", "?", sql): sql for sql in said}
    heard_of = {word for sql in statements for word in re.findall(r"\w+", sql)}
    assert GROWING <= heard_of and len(statements) > 40
    with closing(sqlite3.connect(data_dir / FILE)) as raw:
        slow = {shape: found for shape, sql in statements.items() if (found := whole_tables(raw, sql))}
    assert not slow, "\n".join(f"{found}\n  {shape}" for shape, found in slow.items())


_SENT = Receipt(Outcome.SENT, provider_id="p")
_BODY = Outgoing(Kind.REPLY, "play", "", Place.GROUP, "g1", "probe", "members.kept", {}).dump()
