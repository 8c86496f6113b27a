"""The keys of groups: what stands in the link by which a neighbour comes into a group's pages.

A key is random, so it can neither be guessed nor made for another group, and every process reads the same one. A leader whose
link has got into the wrong hands has a new one made: the old one stays here, so that whoever opens it is told why it does not
open any more, and a mass-send that carries it is still known as ours.

Source: ADR-0021; FAULTS E3.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Index, text, update
from sqlmodel import Field, SQLModel, col
from sqlmodel import select as pick

from storage.columns import ref, utc
from storage.engine import Session

_BYTES = 16
_KEY = re.compile(r"[A-Za-z0-9_-]{22}")


class GroupKey(SQLModel, table=True):
    """A key of a group.

    Attributes:
        ended_at: None while it opens; a group has at most one that does.
    """

    __tablename__ = "group_key"
    __table_args__ = (
        Index(
            "ix_group_key_opens",
            "group_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )
    key: str = Field(max_length=22, primary_key=True)
    group_id: int = ref("chat_group.id")
    made_at: datetime = utc()
    ended_at: datetime | None = utc(nullable=True)


@dataclass(frozen=True, slots=True)
class Opens:
    """What a key stands for; ``ended``: it did, until a new one was made."""

    group_id: int
    ended: bool


def opening(session: Session, group_id: int) -> GroupKey | None:
    """Return the key of a group that opens; None while nobody has needed one."""
    return session.exec(pick(GroupKey).where(GroupKey.group_id == group_id, col(GroupKey.ended_at).is_(None))).first()


def current(session: Session, group_id: int, now: datetime) -> str:
    """Return the key of a group that opens, made where there is none yet."""
    found = opening(session, group_id)
    return found.key if found is not None else _make(session, group_id, now)


def renew(session: Session, group_id: int, now: datetime) -> str:
    """End a group's key and return a new one."""
    session.execute(
        update(GroupKey)
        .where(col(GroupKey.group_id) == group_id, col(GroupKey.ended_at).is_(None))
        .values(ended_at=now)
    )
    session.expire_all()
    return _make(session, group_id, now)


def all_of(session: Session, group_id: int) -> list[str]:
    """Return every key that a group has had, the one that opens first."""
    rows = session.exec(
        pick(GroupKey.key)
        .where(GroupKey.group_id == group_id)
        .order_by(col(GroupKey.ended_at).is_not(None), col(GroupKey.made_at).desc())
    )
    return list(rows)


def find(session: Session, key: str) -> Opens | None:
    """Return what a key stands for; None for one that never was."""
    row = session.get(GroupKey, key) if _KEY.fullmatch(key) else None
    return None if row is None else Opens(row.group_id, row.ended_at is not None)


def _make(session: Session, group_id: int, now: datetime) -> str:
    key = secrets.token_urlsafe(_BYTES)
    session.add(GroupKey(key=key, group_id=group_id, made_at=now))
    session.flush()
    return key
