"""Messages in the outbox that are not sent yet, and whose they are to send: what a process that is no more left there.

Source: ADR-0023.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, literal_column, select, update

from storage.columns import micros
from storage.engine import Session
from storage.outbox import Outbox
from storage.owners import is_adrift
from storage.statements import Prepared

_T = Outbox.__table__  # type: ignore[attr-defined]
_OPEN = _T.c.state.in_([literal_column("'pending'"), literal_column("'sending'")])
_WAITING = (_T.c.id, _T.c.channel, _T.c.sender, _T.c.body, _T.c.created_at)
_WHEN = (_T.c.not_before, _T.c.account, _T.c.conversation)
_ADRIFT = Prepared(
    "outbox.adrift",
    select(*_WAITING, *_WHEN)
    .where(
        _OPEN,
        is_adrift(_T.c.sender, _T.c.created_at),
    )
    .order_by(_T.c.id),
)
_LEFT = Prepared(
    "outbox.left",
    select(*_WAITING, *_WHEN)
    .where(_OPEN, _T.c.channel == bindparam("channel"), _T.c.created_at <= bindparam("before"))
    .order_by(_T.c.id),
)
_TAKE = Prepared(
    "outbox.take",
    update(_T)
    .where(_OPEN, _T.c.id == bindparam("row"), _T.c.sender == bindparam("was"))
    .values(sender=bindparam("me"))
    .returning(_T.c.id),
)
_IS_OF = Prepared(
    "outbox.is_of", select(_T.c.id).where(_OPEN, _T.c.id == bindparam("row"), _T.c.sender == bindparam("me"))
)
_NEWEST = Prepared("outbox.newest", select(_T.c.id).order_by(_T.c.id.desc()).limit(1))


class Waiting(NamedTuple):
    """A message that is not sent yet; ``created_at`` in microseconds."""

    id: int
    channel: str
    sender: str
    body: str
    created_at: int


def adrift(
    session: Session, me: str, now: datetime, before: datetime, fresh: datetime, unnamed_before: datetime
) -> list[Waiting]:
    """Return the messages that no living process but this one says, oldest first.

    Args:
        me: this process's name.
        now: what the platform wants later is left alone until then.
        before: of this process's own, those written then or earlier.
        fresh: who has given a heartbeat later lives.
        unnamed_before: of those that bear no name, those written then or earlier.
    """
    found = session.rows(_ADRIFT, me=me, before=micros(before), fresh=micros(fresh), unnamed=micros(unnamed_before))
    return _due(found, now)


def left(session: Session, channel: str, now: datetime, before: datetime) -> list[Waiting]:
    """Return a channel's messages of ``before`` and earlier that are not sent yet and may be, whosever they are."""
    return _due(session.rows(_LEFT, channel=channel, before=micros(before)), now)


def _due(found: Sequence[Any], now: datetime) -> list[Waiting]:
    """Leave out what is wanted later, and what stands behind it in its conversation."""
    held: set[tuple[str, str, str]] = set()
    due = []
    for *row, not_before, account, conversation in found:
        waiting = Waiting(*row)
        where = (waiting.channel, account, conversation)
        if not_before is not None and not_before > micros(now):
            held.add(where)
        if where not in held:
            due.append(waiting)
    return due


def take(session: Session, found: Sequence[Waiting], me: str) -> list[Waiting]:
    """Make messages this process's own; returns those that were still as they were found."""
    return [one for one in found if session.row(_TAKE, row=one.id, was=one.sender, me=me) is not None]


def is_of(session: Session, row: int, sender: str) -> bool:
    """Say whether a message is still a process's to send."""
    return session.row(_IS_OF, row=row, me=sender) is not None


def newest(session: Session) -> int:
    """Return the highest id that was given; 0 if there is none."""
    row = session.row(_NEWEST)
    return 0 if row is None else int(row[0])
