"""Fills a migrated SQLite database with generated groups and residents, plainly sample ones.

Every resident has an identity, a consent, a membership, a household and an account. Rows are written in chunks of one
transaction each and in the order of their numbers, so a run that was broken off goes on where it stopped.

    python -m bot bench seed --groups 10000 --residents 3000000 --data .cache/bench/three-million
"""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.main import Busy, Ownership
from bot.settings import Settings
from storage.columns import micros
from storage.engine import open_database
from storage.identities import NOTICE_VERSION
from storage.migrate import upgrade

CHANNEL = "sample"
GROUP_SIZE = 300
CHUNK = 20_000
START = datetime(2026, 1, 1, tzinfo=UTC)
"""When all of them joined."""


@dataclass(frozen=True, slots=True)
class Naming:
    """How the platform calls the generated chats and people.

    Attributes:
        group, resident: patterns of the ids, with ``{}`` for the number (0, 1, …).
    """

    channel: str = CHANNEL
    account: str = ""
    group: str = "sample-group-{:06d}"
    resident: str = "sample-resident-{:08d}"

    def group_id(self, number: int) -> str:
        """Return a group's id on the channel."""
        return self.group.format(number)

    def resident_id(self, number: int) -> str:
        """Return a resident's id on the channel."""
        return self.resident.format(number)


SAMPLE = Naming()


def name_of(number: int) -> str:
    """Return a resident's display name."""
    return f"Sample resident {number}"


def fill(directory: Path, *, groups: int, residents: int, naming: Naming = SAMPLE, quiet: bool = False) -> int:
    """Bring a data directory (made and migrated if absent) up to so many sample residents; returns how many were added.

    Args:
        groups: resident ``n`` lives in group ``n % groups``; 0 = as many as there are, else one for every 300.
        quiet: no progress on stderr.

    Raises:
        ValueError: no group or no resident is asked for, or the directory was filled with another number of groups.
    """
    if groups < 0 or residents < 1:
        raise ValueError("at least one group and one resident")
    database = open_database(directory)
    upgrade(database)
    database.close()
    with _bulk(directory / "tuantuan.db") as connection:
        groups = _groups(connection, groups, residents, naming)
        have = _count(connection, naming)
        started = time.monotonic()
        for first in range(have, residents, CHUNK):
            last = min(first + CHUNK, residents)
            _residents(connection, range(first, last), groups, naming)
            if not quiet:
                rate = (last - have) / (time.monotonic() - started)
                sys.stderr.write(f"\rseed: {last:,} of {residents:,} residents, {rate:,.0f}/s ")
                sys.stderr.flush()
        if not quiet and have < residents:
            sys.stderr.write("\n")
    return max(0, residents - have)


@contextmanager
def _bulk(path: Path) -> Iterator[sqlite3.Connection]:
    """Open for bulk writing: the rows are valid by construction and a lost chunk is made again, so checks may wait."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        for pragma in ("synchronous=OFF", "foreign_keys=OFF", "cache_size=-524288", "wal_autocheckpoint=20000"):
            connection.execute(f"PRAGMA {pragma}")
        yield connection
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def _one(connection: sqlite3.Connection, sql: str, *values: Any) -> int:
    return int(connection.execute(sql, values).fetchone()[0])


def _count(connection: sqlite3.Connection, naming: Naming) -> int:
    return _one(
        connection,
        "SELECT count(*) FROM identity WHERE channel = ? AND name LIKE 'Sample resident %'",
        naming.channel,
    )


def _groups(connection: sqlite3.Connection, groups: int, residents: int, naming: Naming) -> int:
    where = "channel = ? AND account = ? AND name LIKE 'Sample group %'"
    have = _one(connection, f"SELECT count(*) FROM chat_group WHERE {where}", naming.channel, naming.account)
    if have:
        if groups not in (0, have):
            raise ValueError(f"the directory holds {have} sample groups, not {groups}")
        return have
    groups = groups or max(1, residents // GROUP_SIZE)
    at = micros(START)
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(
        "INSERT INTO chat_group (channel, account, external_id, name, zone, quiet_from, quiet_to, daily_budget,"
        " quiet_acks, state, created_at) VALUES (?, ?, ?, ?, 'Asia/Shanghai', 1320, 420, 4, 1, 'active', ?)",
        ((naming.channel, naming.account, naming.group_id(n), f"Sample group {n}", at) for n in range(groups)),
    )
    connection.execute("COMMIT")
    return groups


def _residents(connection: sqlite3.Connection, numbers: range, groups: int, naming: Naming) -> None:
    at = micros(START)
    first_group = _one(
        connection,
        "SELECT min(id) FROM chat_group WHERE channel = ? AND account = ? AND name LIKE 'Sample group %'",
        naming.channel,
        naming.account,
    )
    top = {
        table: _one(connection, f"SELECT coalesce(max(id), 0) + 1 FROM {table}")
        for table in ("person", "household", "account", "member", "identity")
    }
    person, household, account = top["person"], top["household"], top["account"]
    member, identity = top["member"], top["identity"]
    rows = list(enumerate(numbers))
    statements: list[tuple[str, Iterator[tuple[Any, ...]]]] = [
        ("person (id, created_at) VALUES (?, ?)", ((person + i, at) for i, _ in rows)),
        ("household (id, created_at) VALUES (?, ?)", ((household + i, at) for i, _ in rows)),
        (
            "account (id, household_id, group_id, balance) VALUES (?, ?, ?, 0)",
            ((account + i, household + i, first_group + n % groups) for i, n in rows),
        ),
        (
            "member (id, group_id, person_id, name, role, account_id, joined_at) VALUES (?, ?, ?, ?, 'member', ?, ?)",
            ((member + i, first_group + n % groups, person + i, name_of(n), account + i, at) for i, n in rows),
        ),
        (
            "consent (person_id, notice_version, granted_at) VALUES (?, ?, ?)",
            ((person + i, NOTICE_VERSION, at) for i, _ in rows),
        ),
        (
            "identity (id, person_id, channel, external_id, name, dm_open) VALUES (?, ?, ?, ?, ?, 0)",
            ((identity + i, person + i, naming.channel, naming.resident_id(n), name_of(n)) for i, n in rows),
        ),
    ]
    connection.execute("BEGIN IMMEDIATE")
    for statement, values in statements:
        connection.executemany(f"INSERT INTO {statement}", values)
    connection.execute("COMMIT")


def run(data: Path, groups: int, residents: int, short: bool) -> dict[str, Any]:
    """Fill ``data``.

    Args:
        groups: 0 = one for every 300 residents, or as many as there are.
        short: at most 30,000 residents.

    Raises:
        ValueError: as :func:`fill`, or a server runs on the directory, or PostgreSQL is configured.
    """
    if short:
        residents = min(residents, 30_000)
    if Settings().database.url.get_secret_value():
        raise ValueError("BOT_DATABASE__URL is set, and only SQLite is filled")
    started = time.monotonic()
    try:
        owner = Ownership(data)
    except Busy as error:
        raise ValueError(f"a server runs on {data}") from error
    try:
        added = fill(data, groups=groups, residents=residents)
    finally:
        owner.release()
    seconds = time.monotonic() - started
    return {
        "residents": residents,
        "added": added,
        "seconds": round(seconds, 1),
        "per_second": round(added / seconds),
        "megabytes": round((data / "tuantuan.db").stat().st_size / 1e6, 1),
    }
