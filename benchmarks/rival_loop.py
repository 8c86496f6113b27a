"""The ceiling: a hand-written loop over sqlite3, a hundred messages a commit, the same statements and nothing else."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.workload import chunks
from engagement.kernel import Incoming
from storage.columns import micros

BATCH = 100
_DAY_MICROS = 86_400_000_000
_SHANGHAI_MICROS = 8 * 3_600_000_000

_RECEIVE = (
    "INSERT INTO inbox (channel, account, dedupe_key, conversation, received_at, body, state, attempts)"
    " VALUES (?, ?, ?, ?, ?, ?, 'pending', 0) ON CONFLICT (channel, account, dedupe_key) DO NOTHING RETURNING id"
)
_GROUP = (
    "SELECT id, zone, state, quiet_acks, settings, facts FROM chat_group"
    " WHERE channel = ? AND account = ? AND external_id = ?"
)
_WHO = (
    "SELECT m.id, m.account_id, m.name, m.muted_until, c.granted_at FROM identity i"
    " JOIN member m ON m.person_id = i.person_id AND m.group_id = ?"
    " JOIN consent c ON c.person_id = i.person_id WHERE i.channel = ? AND i.external_id = ?"
)
_CLAIM = "UPDATE inbox SET state = 'done', body = '' WHERE id = ? AND state = 'pending' RETURNING id"
_CHECKIN = (
    "INSERT INTO checkin (member_id, topic, local_date, occurred_at) VALUES (?, 'daily', ?, ?)"
    " ON CONFLICT (member_id, topic, local_date) DO NOTHING RETURNING id"
)
_STREAK = "SELECT streak, longest, total, last_date FROM checkin_streak WHERE member_id = ? AND topic = 'daily'"
_KEEP = (
    "INSERT INTO checkin_streak (member_id, topic, streak, longest, total, last_date) VALUES (?, 'daily', ?, ?, ?, ?)"
    " ON CONFLICT (member_id, topic) DO UPDATE SET streak = excluded.streak, longest = excluded.longest,"
    " total = excluded.total, last_date = excluded.last_date"
)
_ENTRY = (
    "INSERT INTO ledger_entry (account_id, group_id, member_id, amount, kind, idempotency_key, local_date, occurred_at)"
    " VALUES (?, ?, ?, ?, 'checkin', ?, ?, ?) ON CONFLICT (idempotency_key) DO NOTHING RETURNING id"
)
_BALANCE = "UPDATE account SET balance = balance + ? WHERE id = ? RETURNING balance"
_SCORE = (
    "INSERT INTO theme_score (group_id, month, member_id, points, days, answers, day_bits, answer_bits)"
    " VALUES (?, ?, ?, 1, 1, 0, ?, 0) ON CONFLICT (group_id, month, member_id) DO UPDATE SET points = points + 1,"
    " days = days + 1, day_bits = day_bits | excluded.day_bits RETURNING points"
)
_SEND = (
    "INSERT INTO outbox (idempotency_key, channel, account, conversation, kind, body, state, attempts, reason,"
    " created_at) VALUES (?, ?, ?, ?, 'reply', ?, 'pending', 0, '', ?) RETURNING id"
)
_SENT = "UPDATE outbox SET state = 'sent', body = '', sent_at = ? WHERE id = ?"


class LoopProgram:
    """Nothing but SQL: no routing, no concurrency, no order, no isolation of one message's failure from another's."""

    def __init__(self, directory: Path) -> None:
        """Open the file as durable as ours."""
        self.connection = sqlite3.connect(directory / "tuantuan.db", isolation_level=None, cached_statements=256)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-65536"):
            self.connection.execute(f"PRAGMA {pragma}")

    def run(self, messages: Sequence[Incoming]) -> float:
        """Work messages off; returns seconds."""
        cursor = self.connection.cursor()
        started = time.perf_counter()
        for batch in chunks(messages, BATCH):
            cursor.execute("BEGIN IMMEDIATE")
            for message in batch:
                _check_in(cursor, message)
            cursor.execute("COMMIT")
        return time.perf_counter() - started

    def close(self) -> None:
        """Let go."""
        self.connection.close()


def _check_in(cursor: sqlite3.Cursor, message: Incoming) -> None:
    at = micros(message.received_at)
    body = json.dumps({"text": message.text, "sender": message.sender, "name": message.sender_name})
    where = (message.channel, message.account, message.conversation)
    key = (message.channel, message.account, message.dedupe_key, message.conversation, at, body)
    row = cursor.execute(_RECEIVE, key).fetchone()
    if row is None:
        return
    inbox = row[0]
    group = cursor.execute(_GROUP, where).fetchone()[0]
    member, account, name, _, _ = cursor.execute(_WHO, (group, message.channel, message.sender)).fetchone()
    cursor.execute(_CLAIM, (inbox,)).fetchone()
    number = (at + _SHANGHAI_MICROS) // _DAY_MICROS
    day = time.strftime("%Y-%m-%d", time.gmtime(number * 86_400))
    if cursor.execute(_CHECKIN, (member, day, at)).fetchone() is None:
        return
    _, longest, total, _ = cursor.execute(_STREAK, (member,)).fetchone() or (0, 0, 0, None)
    cursor.execute(_KEEP, (member, 1, max(1, longest), total + 1, day))
    worth = 2 if total else 5
    entry = (account, group, member, worth, f"checkin:{group}:{member}:daily:{day}", day, at)
    cursor.execute(_ENTRY, entry).fetchone()
    balance = cursor.execute(_BALANCE, (worth, account)).fetchone()[0]
    cursor.execute(_SCORE, (group, day[:7], member, 1 << int(day[8:]) - 1)).fetchone()
    said = json.dumps({"text": f"{name}: 1, +{worth}, {balance}", "reply_to": message.message_id})
    sent = cursor.execute(_SEND, (f"{inbox}:0", *where, said, at)).fetchone()[0]
    cursor.execute(_SENT, (at, sent))
