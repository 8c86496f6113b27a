"""The audit trail: who looked at, exported or changed what; append-only, each row chained to the one before by a hash."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

from sqlalchemy import Index, bindparam, literal_column, select
from sqlmodel import Field, SQLModel

from storage.columns import BigInt, micros, pk, utc
from storage.engine import Session
from storage.statements import Prepared


class AuditRow(SQLModel, table=True):
    """One act. Details hold ids and figures, never names, texts or other personal data.

    Attributes:
        action: a fixed word, e.g. ``points.given``, ``data.exported``.
        chain: SHA-256 (hex) of the previous row's chain and this row's fields.
    """

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_action", "action", "id"),)
    id: int | None = pk()
    at: datetime = utc(index=True)
    actor_id: int | None = Field(default=None, nullable=True, sa_type=BigInt, index=True)
    group_id: int | None = Field(default=None, nullable=True, sa_type=BigInt)
    action: str = Field(max_length=40)
    details: str = Field(default="{}", max_length=1000)
    chain: str = Field(max_length=64)


_T = AuditRow.__table__  # type: ignore[attr-defined]
_LAST = Prepared("audit.last", select(_T.c.chain).order_by(_T.c.id.desc()).limit(1))
_NEXT_ACTION = Prepared(
    "audit.next_action",
    select(_T.c.action).where(_T.c.action > bindparam("after")).order_by(_T.c.action).limit(literal_column("1")),
)
_INSERT = Prepared(
    "audit.insert",
    lambda insert: insert(_T).values(
        at=bindparam("at"),
        actor_id=bindparam("actor"),
        group_id=bindparam("group"),
        action=bindparam("action"),
        details=bindparam("details"),
        chain=bindparam("chain"),
    ),
)


def _link(previous: str, at: int, actor: int | None, group: int | None, action: str, details: str) -> str:
    material = json.dumps([previous, at, actor, group, action, details], ensure_ascii=False)
    return hashlib.sha256(material.encode()).hexdigest()


def record(
    session: Session, *, at: datetime, actor_id: int | None, group_id: int | None, action: str, **details: int | str
) -> None:
    """Append an act in the caller's transaction; if this fails, the act fails (FAULTS E11).

    Source: F117.
    """
    last = session.row(_LAST)
    text = json.dumps(details, ensure_ascii=False, sort_keys=True)
    moment = micros(at)
    chain = _link(last[0] if last else "", moment, actor_id, group_id, action, text)
    session.run(_INSERT, at=moment, actor=actor_id, group=group_id, action=action, details=text, chain=chain)


def broken_links(session: Session) -> tuple[int, int | None]:
    """Walk the chain; returns (rows, id of the first row that does not fit, or None)."""
    previous = ""
    rows = 0
    for row in session.execute(
        select(_T.c.id, _T.c.at, _T.c.actor_id, _T.c.group_id, _T.c.action, _T.c.details, _T.c.chain).order_by(_T.c.id)
    ):
        rows += 1
        expected = _link(previous, micros(row.at), row.actor_id, row.group_id, row.action, row.details)
        if row.chain != expected:
            return rows, int(row.id)
        previous = row.chain
    return rows, None


def details(session: Session, action: str, at: datetime) -> list[dict[str, object]]:
    """Return the details of the acts of one kind at a moment, in the order in which they were done."""
    rows = session.execute(select(_T.c.details).where(_T.c.at == at, _T.c.action == action).order_by(_T.c.id))
    return [json.loads(row[0]) for row in rows]


def actions(session: Session) -> list[str]:
    """Return the acts that are in the trail; from one to the next by the index, however long it is."""
    found: list[str] = []
    row = session.row(_NEXT_ACTION, after="")
    while row is not None:
        found.append(str(row[0]))
        row = session.row(_NEXT_ACTION, after=found[-1])
    return found
