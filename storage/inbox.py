"""Messages that came in: persisted before they are acknowledged, claimed in the transaction of their effect.

A row is unique on channel, account and dedupe key, so a redelivery finds it there. The body is personal data: it is erased
in the same transaction that marks the row done. Rows are kept for the days that a platform may redeliver
(:data:`KEEP_DAYS`).
"""

from __future__ import annotations

import sys
from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    Index,
    UniqueConstraint,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    text,
    update,
)
from sqlmodel import Field, SQLModel

from storage.columns import instant, micros, pk, utc
from storage.engine import Session
from storage.statements import Prepared

KEEP_DAYS = 14
PRUNED_AT_ONCE = 500
"""Rows that one transaction looks at."""


class Inbox(SQLModel, table=True):
    """One received event.

    Attributes:
        conversation: channel's id of the chat; events of one conversation are handled in the order of ``id``.
        body: JSON of :class:`engagement.kernel.Incoming`; empty once handled.
        state: ``pending``, ``done`` or ``dead`` (failed too often; kept for the maintainer, without a body).
    """

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("channel", "account", "dedupe_key"),
        CheckConstraint("state IN ('pending', 'done', 'dead')", name="inbox_state"),
        Index(
            "ix_inbox_pending", "id", sqlite_where=text("state = 'pending'"), postgresql_where=text("state = 'pending'")
        ),
    )
    id: int | None = pk()
    channel: str = Field(max_length=20)
    account: str = Field(default="", max_length=64)
    dedupe_key: str = Field(max_length=160)
    conversation: str = Field(max_length=160)
    received_at: datetime = utc()
    body: str = ""
    state: str = Field(default="pending", max_length=8)
    attempts: int = 0


_T = Inbox.__table__  # type: ignore[attr-defined]
_INSERT = Prepared(
    "inbox.insert",
    lambda insert: (
        insert(_T)
        .values(
            channel=bindparam("channel"),
            account=bindparam("account"),
            dedupe_key=bindparam("dedupe_key"),
            conversation=bindparam("conversation"),
            received_at=bindparam("received_at"),
            body=bindparam("body"),
            state="pending",
            attempts=0,
        )
        .on_conflict_do_nothing(index_elements=["channel", "account", "dedupe_key"])
        .returning(_T.c.id)
    ),
)
_CLAIM = Prepared(
    "inbox.claim",
    update(_T)
    .where(_T.c.id == bindparam("row"), _T.c.state == "pending")
    .values(state="done", body="")
    .returning(_T.c.id),
)
_PENDING = Prepared(
    "inbox.pending",
    select(_T.c.id, _T.c.body).where(_T.c.state == literal_column("'pending'")).order_by(_T.c.id),
)
_PENDING_ON = Prepared(
    "inbox.pending_on",
    select(_T.c.id, _T.c.body)
    .where(_T.c.state == literal_column("'pending'"), _T.c.channel == bindparam("channel"))
    .order_by(_T.c.id),
)
_FAILED = Prepared(
    "inbox.failed",
    update(_T)
    .where(_T.c.id == bindparam("row"), _T.c.state == "pending")
    .values(attempts=_T.c.attempts + 1)
    .returning(_T.c.attempts),
)
_DEAD = Prepared("inbox.dead", update(_T).where(_T.c.id == bindparam("row")).values(state="dead", body=""))
_EDGE = Prepared(
    "inbox.edge",
    select(_T.c.id, _T.c.received_at)
    .where(_T.c.id > bindparam("after"))
    .order_by(_T.c.id)
    .limit(1)
    .offset(PRUNED_AT_ONCE),
)
_PRUNE = Prepared(
    "inbox.prune",
    delete(_T).where(
        _T.c.id > bindparam("after"),
        _T.c.id <= bindparam("last"),
        _T.c.state != "pending",
        _T.c.received_at < bindparam("before"),
    ),
)


_HEARD = Prepared(
    "inbox.heard",
    select(_T.c.conversation, func.max(_T.c.received_at))
    .where(_T.c.channel == bindparam("channel"), _T.c.received_at > bindparam("since"))
    .group_by(_T.c.conversation),
)


def heard(session: Session, channel: str, since: datetime) -> dict[str, datetime]:
    """Return conversation → when something came in there last, of those heard later than ``since``; goes through all rows.

    Args:
        since: not longer ago than :data:`KEEP_DAYS`.
    """
    found = session.rows(_HEARD, channel=channel, since=micros(since))
    return {str(conversation): instant(at) for conversation, at in found}


def put(
    session: Session,
    *,
    channel: str,
    account: str,
    dedupe_key: str,
    conversation: str,
    received_at: datetime,
    body: str,
) -> int | None:
    """Persist an event; None if it is there already (a redelivery)."""
    row = session.row(
        _INSERT,
        channel=channel,
        account=account,
        dedupe_key=dedupe_key,
        conversation=conversation,
        received_at=micros(received_at),
        body=body,
    )
    return None if row is None else int(row[0])


def claim(session: Session, inbox_id: int) -> bool:
    """Take an event in the transaction of its effect; False if its effect is there already."""
    return session.row(_CLAIM, row=inbox_id) is not None


def pending(session: Session, channel: str = "") -> list[tuple[int, str]]:
    """Return (id, body) of what was received and not handled, oldest first (after a crash); empty ``channel``: on all."""
    found = session.rows(_PENDING_ON, channel=channel) if channel else session.rows(_PENDING)
    return [(int(i), b) for i, b in found]


def failed(session: Session, inbox_id: int, *, give_up_after: int) -> bool:
    """Count a failed try; after ``give_up_after`` the event is dead-lettered and True is returned."""
    row = session.row(_FAILED, row=inbox_id)
    if row is None or row[0] < give_up_after:
        return False
    session.run(_DEAD, row=inbox_id)
    return True


def prune(session: Session, before: datetime, after: int = 0) -> int:
    """Forget handled events received before an instant, some hundreds at a time: the writer is not held for long.

    Args:
        after: a row's id; those before it were looked at.

    Returns:
        The id to go on after; 0 when what follows is younger: they stand in the order in which they came in.
    """
    edge, received_at = session.row(_EDGE, after=after) or (sys.maxsize, sys.maxsize)
    session.run(_PRUNE, after=after, last=edge, before=micros(before))
    return int(edge) if received_at < micros(before) else 0
