"""Rows that were being sent when their process died, or by a call that broke: sent again, or left for review.

Source: ADR-0004.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, exists, literal_column, null, or_, select, update

from scheduler import heartbeats
from storage.campaigns import Campaign, Delivery
from storage.columns import micros
from storage.engine import Session
from storage.statements import Prepared

_D = Delivery.__table__  # type: ignore[attr-defined]
_C = Campaign.__table__  # type: ignore[attr-defined]
# Written out, so that the partial index on open rows is recognised.
_OPEN: ColumnElement[bool] = literal_column("delivery.state IN ('pending', 'sending')")
_ROW = _D.c.id == bindparam("row")
CARRIER = _D.alias("carrier_row")
# Rows of this process that nobody here is sending: one that goes along in another shard's message is being sent.
LEFT = (_D.c.sender == bindparam("me")) & ~exists().where(
    CARRIER.c.id == _D.c.carrier,
    CARRIER.c.id != _D.c.id,
    CARRIER.c.state == "sending",
    CARRIER.c.sender == bindparam("me"),
)
DEAD = (_D.c.sender != bindparam("me")) & _D.c.sender.not_in(heartbeats.ALIVE)
_ORPHANS = Prepared(
    "delivery.orphans",
    select(_D.c.id, _C.c.kind, _D.c.attempts)
    .join(_C, _C.c.id == _D.c.campaign_id)
    .where(
        # Both, so that the index of open rows is recognised: SQLite does not see that the one is part of the other.
        _OPEN,
        _D.c.state == "sending",
        # What goes along in a message of this shard is decided about with it.
        or_(
            _D.c.shard == bindparam("shard"),
            exists().where(CARRIER.c.id == _D.c.carrier, CARRIER.c.shard == bindparam("shard")),
        ),
        or_(LEFT, DEAD),
    ),
)
_ORPHAN_AGAIN = Prepared(
    "delivery.orphan_again",
    update(_D).where(_ROW, _D.c.state == "sending").values(state="pending", not_before=null(), carrier=null()),
)
_ORPHAN_UNKNOWN = Prepared(
    "delivery.orphan_unknown",
    update(_D).where(_ROW, _D.c.state == "sending").values(state="unknown", reason="crash"),
)


def resolve(
    session: Session, shard: str, me: str, now: datetime, resend: Collection[str], most_attempts: int
) -> tuple[int, int]:
    """Decide about rows that were being sent when their process died.

    Args:
        me: rows of this process count too: nobody here is sending them, or this shard would be running already; but not
            those that go along in a message of another shard that is on its way.
        resend: kinds that are sent again; the others become ``unknown`` for review.
        most_attempts: a row tried so often is not sent again either.

    Returns:
        How many will be sent again, and how many are unknown.
    """
    again_count = unknown = 0
    for row, kind, attempts in session.rows(_ORPHANS, shard=shard, me=me, fresh=micros(now - heartbeats.DEAD_AFTER)):
        if kind in resend and attempts < most_attempts:
            session.run(_ORPHAN_AGAIN, row=row)
            again_count += 1
        else:
            session.run(_ORPHAN_UNKNOWN, row=row)
            unknown += 1
    return again_count, unknown
