"""Messages that came in: persisted before they are acknowledged, claimed in the transaction of their effect.

A row is unique on channel, account and dedupe key, so a redelivery finds it there. The body is personal data: it is erased
in the same transaction that marks the row done. Rows are kept for the days that a platform may redeliver
(:data:`KEEP_DAYS`).

A row bears the name of the process that received it: what a dead one did not handle, a living one takes by that name.

Source: ADR-0023.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import (
    CheckConstraint,
    Index,
    UniqueConstraint,
    bindparam,
    delete,
    literal_column,
    select,
    text,
    update,
)
from sqlmodel import Field, SQLModel

from storage.columns import micros, pk, utc
from storage.engine import Session
from storage.owners import is_adrift
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
        receiver: which process handles it (:class:`storage.campaigns.Heartbeat`).
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
    receiver: str = Field(default="", max_length=80, sa_column_kwargs={"server_default": ""})


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
            receiver=bindparam("receiver"),
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
_PENDING = _T.c.state == literal_column("'pending'")
_WAITING = (_T.c.id, _T.c.channel, _T.c.receiver, _T.c.body)
_ON = Prepared("inbox.on", select(*_WAITING).where(_PENDING, _T.c.channel == bindparam("channel")).order_by(_T.c.id))
_ADRIFT = Prepared(
    "inbox.adrift",
    select(*_WAITING)
    .where(
        _PENDING,
        is_adrift(_T.c.receiver, _T.c.received_at),
    )
    .order_by(_T.c.id),
)
_TAKE = Prepared(
    "inbox.take",
    update(_T)
    .where(_PENDING, _T.c.id == bindparam("row"), _T.c.receiver == bindparam("was"))
    .values(receiver=bindparam("me"))
    .returning(_T.c.id),
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
        _T.c.received_at < bindparam("before"),
    ),
)


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
        receiver=session.process,
    )
    return None if row is None else int(row[0])


def claim(session: Session, inbox_id: int) -> bool:
    """Take an event in the transaction of its effect; False if its effect is there already."""
    return session.row(_CLAIM, row=inbox_id) is not None


class Received(NamedTuple):
    """An event that is not handled yet."""

    id: int
    channel: str
    receiver: str
    body: str


def adrift(session: Session, me: str, before: datetime, fresh: datetime, unnamed_before: datetime) -> list[Received]:
    """Return the events that no living process but this one handles, oldest first.

    Args:
        me: this process's name.
        before: of this process's own, those received then or earlier.
        fresh: who has given a heartbeat later lives.
        unnamed_before: of those that bear no name, those received then or earlier.
    """
    found = session.rows(_ADRIFT, me=me, before=micros(before), fresh=micros(fresh), unnamed=micros(unnamed_before))
    return [Received(*row) for row in found]


def on(session: Session, channel: str) -> list[Received]:
    """Return a channel's events that are not handled yet, whoever received them, oldest first."""
    return [Received(*row) for row in session.rows(_ON, channel=channel)]


def take(session: Session, found: Sequence[Received], me: str) -> list[Received]:
    """Make events this process's own; returns those that were still as they were found."""
    return [one for one in found if session.row(_TAKE, row=one.id, was=one.receiver, me=me) is not None]


def failed(session: Session, inbox_id: int, *, give_up_after: int) -> bool:
    """Count a failed try; after ``give_up_after`` the event is dead-lettered and True is returned."""
    row = session.row(_FAILED, row=inbox_id)
    if row is None or row[0] < give_up_after:
        return False
    give_up(session, inbox_id)
    return True


def give_up(session: Session, inbox_id: int) -> None:
    """Mark an event that nobody can handle; its words are erased."""
    session.run(_DEAD, row=inbox_id)


def prune(session: Session, before: datetime, after: int = 0) -> int:
    """Forget events received before an instant, some hundreds at a time: the writer is not held for long.

    So long after they came it helps nobody to handle those that nobody could, on a channel that is not served any more.

    Args:
        after: a row's id; those before it were looked at.

    Returns:
        The id to go on after; 0 when what follows is younger: they stand in the order in which they came in.
    """
    edge, received_at = session.row(_EDGE, after=after) or (sys.maxsize, sys.maxsize)
    session.run(_PRUNE, after=after, last=edge, before=micros(before))
    return int(edge) if received_at < micros(before) else 0
