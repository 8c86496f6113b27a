"""Leases: what only one process may do at a time (a platform takes one live connection per bot), held until a moment.

A lease says nothing about whether a process lives that sends what is due: that is :class:`storage.campaigns.Heartbeat`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, case, delete, or_, select
from sqlmodel import Field, SQLModel

from storage.columns import instant, micros, utc
from storage.engine import Session
from storage.statements import Prepared


class Lease(SQLModel, table=True):
    """Who may do something, and until when.

    Attributes:
        name: what it is about.
        holder: a process, by a name that no other one has; ``since`` when.
        state: how far the holder has come with what it is about, a word of his, and ``state_at`` when it was first so.
    """

    __tablename__ = "lease"
    name: str = Field(primary_key=True, max_length=80)
    holder: str = Field(max_length=80)
    until: datetime = utc()
    since: datetime | None = utc(nullable=True)
    state: str = Field(default="", max_length=16, sa_column_kwargs={"server_default": ""})
    state_at: datetime | None = utc(nullable=True)


@dataclass(frozen=True, slots=True)
class Held:
    """A lease that somebody has: see :class:`Lease`."""

    holder: str
    since: datetime
    state: str
    state_at: datetime


_T = Lease.__table__  # type: ignore[attr-defined]
_MINE = _T.c.holder == bindparam("me")
_TAKE = Prepared(
    "lease.take",
    lambda insert: (
        insert(_T)
        .values(
            name=bindparam("lease"),
            holder=bindparam("me"),
            until=bindparam("until"),
            since=bindparam("now"),
            state=bindparam("state"),
            state_at=bindparam("now"),
        )
        .on_conflict_do_update(
            index_elements=["name"],
            set_={
                "holder": bindparam("me"),
                "until": bindparam("until"),
                "since": case((_MINE, _T.c.since), else_=bindparam("now")),
                "state": bindparam("state"),
                "state_at": case((_MINE & (_T.c.state == bindparam("state")), _T.c.state_at), else_=bindparam("now")),
            },
            where=or_(_MINE, _T.c.until <= bindparam("now")),
        )
        .returning(_T.c.holder)
    ),
)
_HELD = Prepared(
    "lease.held",
    select(_T.c.holder, _T.c.since, _T.c.state, _T.c.state_at).where(
        _T.c.name == bindparam("lease"), _T.c.until > bindparam("now")
    ),
)
_RELEASE = Prepared("lease.release", delete(_T).where(_T.c.name == bindparam("lease"), _T.c.holder == bindparam("me")))


def take(session: Session, name: str, me: str, *, now: datetime, until: datetime, state: str = "") -> bool:
    """Take a lease that is free or has run out, or renew one's own: one statement, so that two never both have it.

    Args:
        name, me: at most 80 characters.
        now: a lease that runs out at this moment is free.
        state: how far one has come with what it is about, at most 16 characters.

    Returns:
        False when somebody else holds it.
    """
    return session.row(_TAKE, lease=name, me=me, now=micros(now), until=micros(until), state=state) is not None


def held(session: Session, name: str, now: datetime) -> Held | None:
    """Return who holds a lease and how it stands; None when it is free."""
    row = session.row(_HELD, lease=name, now=micros(now))
    if row is None:
        return None
    # What was taken before there were such columns has neither moment.
    holder, since, state, state_at = row
    return Held(str(holder), instant(since or micros(now)), str(state), instant(state_at or micros(now)))


def holder(session: Session, name: str, now: datetime) -> str | None:
    """Return who holds a lease; None when it is free."""
    found = held(session, name, now)
    return None if found is None else found.holder


def release(session: Session, name: str, me: str) -> None:
    """Let one's own go, so that nobody need wait until it runs out."""
    session.run(_RELEASE, lease=name, me=me)
