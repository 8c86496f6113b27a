"""The check-ins that are measured: one message each of distinct residents, day by day."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.seed import SAMPLE, Naming, name_of
from engagement.kernel import Event, Incoming, Place

FIRST_DAY = datetime(2026, 2, 1, 2, 0, tzinfo=UTC)
DAY_STEP = timedelta(days=3)
"""Days between two rounds, so that no streak grows and every program's check-ins are worth the same."""
WORD = "签到"  # zh: what people type


@dataclass(frozen=True, slots=True)
class Crowd:
    """Who lives in a seeded directory."""

    groups: int
    residents: int
    naming: Naming = SAMPLE


class Rounds:
    """Hands out days, each used once, and the messages of a day."""

    def __init__(self, crowd: Crowd, seed: int = 1) -> None:
        """Start before the first day."""
        self._crowd = crowd
        self._rng = random.Random(seed)
        self._day = 0

    def skip(self, database: Path) -> None:
        """Begin after the last day that an earlier run has used."""
        connection = sqlite3.connect(database)
        try:
            last = connection.execute("SELECT max(local_date) FROM checkin").fetchone()[0]
        finally:
            connection.close()
        if last is not None:
            at = datetime.fromisoformat(f"{last}T00:00:00+00:00")
            self._day = max(0, (at - FIRST_DAY) // DAY_STEP + 1)

    def next(self, messages: int) -> list[Incoming]:
        """Return check-ins of so many distinct residents (at most all of them) on a day that nobody has used."""
        self._day += 1
        at = FIRST_DAY + DAY_STEP * self._day
        crowd = self._crowd
        chosen = self._rng.sample(range(crowd.residents), min(messages, crowd.residents))
        return [self._message(number, at) for number in chosen]

    def _message(self, number: int, at: datetime) -> Incoming:
        crowd = self._crowd
        return Incoming(
            event=Event.MESSAGE,
            channel=crowd.naming.channel,
            account=crowd.naming.account,
            dedupe_key=f"{self._day}:{number}",
            place=Place.GROUP,
            conversation=crowd.naming.group_id(number % crowd.groups),
            sender=crowd.naming.resident_id(number),
            sender_name=name_of(number),
            text=WORD,
            message_id=f"{self._day}{number:08d}",
            occurred_at=at,
            received_at=at,
        )


TABLES = ("inbox", "outbox", "checkin", "ledger_entry")


def counted(database: Path) -> dict[str, int]:
    """Count what the programs write, and how many answers are marked as sent: every program must add the same."""
    connection = sqlite3.connect(database)
    try:
        found = {table: int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]) for table in TABLES}
        for name, where in (("done", "inbox WHERE state = 'done'"), ("sent", "outbox WHERE state = 'sent'")):
            found[name] = int(connection.execute(f"SELECT count(*) FROM {where}").fetchone()[0])
        return found
    finally:
        connection.close()


def same_work(before: dict[str, int], after: dict[str, int], messages: int) -> None:
    """Check that a program brought about every effect of its messages.

    Raises:
        AssertionError: with the counters that are wrong.
    """
    added = {name: after[name] - before[name] for name in after}
    wrong = {name: number for name, number in added.items() if number != messages}
    if wrong:
        raise AssertionError(f"{messages} messages, but {wrong}")


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which ``share`` (0 … 1) of the values lie; 0.0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def chunks(messages: Sequence[Incoming], size: int) -> Iterator[Sequence[Incoming]]:
    """Cut a sequence into pieces of ``size``."""
    for start in range(0, len(messages), size):
        yield messages[start : start + size]
