"""What leaders and staff did by command, with what stood before, so that it can be taken back.

The audit trail proves that something was done; this table knows how to undo it, and is emptied after a while.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import bindparam, delete, update
from sqlmodel import Field, SQLModel, col
from sqlmodel import select as pick

from storage.columns import document, micros, pk, ref, utc
from storage.engine import Session
from storage.statements import Prepared

KEEP_DAYS = 7


class LeaderAction(SQLModel, table=True):
    """One thing done to a group.

    Attributes:
        kind: which undo takes it back (:attr:`engagement.feature.Feature.undos`).
        before: what that undo needs: ids and values as they stood.
        told: text key of one line that says what was done; ``values`` are its placeholders, never a person's name.
        undone_at: set once, by compare-and-set.
    """

    __tablename__ = "leader_action"
    id: int | None = pk()
    group_id: int = ref("chat_group.id")
    actor_id: int = ref("person.id")
    kind: str = Field(max_length=40)
    before: dict[str, object] | None = document()
    told: str = Field(max_length=60)
    values: dict[str, object] | None = document()
    done_at: datetime = utc(index=True)
    undone_at: datetime | None = utc(nullable=True)


_T = LeaderAction.__table__  # type: ignore[attr-defined]
_CLAIM = Prepared(
    "leader_action.claim",
    update(_T)
    .where(_T.c.id == bindparam("row"), _T.c.undone_at.is_(None))
    .values(undone_at=bindparam("moment"))
    .returning(_T.c.id),
)
_PRUNE = Prepared("leader_action.prune", delete(_T).where(_T.c.done_at < bindparam("earliest")))


def note(session: Session, action: LeaderAction) -> int:
    """Keep an action in the transaction that does it; returns its id."""
    session.add(action)
    session.flush()
    assert action.id is not None
    return action.id


def claim(session: Session, action_id: int, now: datetime) -> bool:
    """Mark an action as undone; False when somebody was quicker."""
    return session.row(_CLAIM, row=action_id, moment=micros(now)) is not None


def latest(
    session: Session, group_id: int, since: datetime, limit: int = 5, *, without: Collection[str] = ()
) -> list[LeaderAction]:
    """Return what was done to a group from ``since`` on and still stands, newest first; ``without`` some kinds."""
    return list(
        session.exec(
            pick(LeaderAction)
            .where(
                LeaderAction.group_id == group_id,
                col(LeaderAction.done_at) >= since,
                col(LeaderAction.undone_at).is_(None),
                col(LeaderAction.kind).not_in(without),
            )
            .order_by(col(LeaderAction.id).desc())
            .limit(limit)
        )
    )


def of_person(session: Session, person_id: int) -> list[LeaderAction]:
    """Return what a person did, oldest first."""
    return list(
        session.exec(pick(LeaderAction).where(LeaderAction.actor_id == person_id).order_by(col(LeaderAction.id)))
    )


def prune(session: Session, before: datetime) -> None:
    """Forget what was done long ago."""
    session.run(_PRUNE, earliest=micros(before))
