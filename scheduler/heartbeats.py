"""Which processes live that drive deliveries: each says so every few seconds, and who is silent too long is taken for dead.

Source: ADR-0004.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, or_, select

from storage.campaigns import Heartbeat
from storage.columns import micros
from storage.engine import Session
from storage.statements import Prepared

DEAD_AFTER = timedelta(seconds=60)
"""A process whose heartbeat is older is taken for dead, and what it was sending for ambiguous."""

_H = Heartbeat.__table__  # type: ignore[attr-defined]
ALIVE = select(_H.c.executor).where(_H.c.beat_at > bindparam("fresh"))
"""Who has beaten later than ``fresh``, microseconds."""
_BEAT = Prepared(
    "heartbeat.beat",
    lambda insert: (
        insert(_H)
        .values(executor=bindparam("me"), beat_at=bindparam("now"))
        .on_conflict_do_update(index_elements=["executor"], set_={"beat_at": bindparam("now")})
    ),
)
_STOPPED = Prepared(
    "heartbeat.stopped",
    delete(_H).where(or_(_H.c.executor.like(bindparam("who"), escape="\\"), _H.c.beat_at < bindparam("long_ago"))),
)
_FRESH = Prepared("heartbeat.fresh", ALIVE)


def beat(session: Session, me: str, now: datetime) -> None:
    """Say that this process lives."""
    session.run(_BEAT, me=me, now=micros(now))


def stopped(session: Session, prefix: str, now: datetime) -> None:
    """Forget the heartbeats of an executor's earlier lives, and those silent for a day.

    Args:
        prefix: the stable name; heartbeats are ``{prefix}/{life}``.
    """
    safe = prefix.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    session.run(_STOPPED, who=f"{safe}/%", long_ago=micros(now - timedelta(days=1)))


def alive(session: Session, now: datetime) -> set[str]:
    """Return who has a fresh heartbeat."""
    return {row[0] for row in session.rows(_FRESH, fresh=micros(now - DEAD_AFTER))}
