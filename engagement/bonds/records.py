"""What is kept about bonds: a copy, and its deletion.

Whoever erases his data erases those of everybody he goes on for (engagement.members); codes and rows go with him.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import col, delete, or_, select, update

from storage.bonds import Bond, BondCode, Moved
from storage.engine import Session
from storage.groups import Identity, Member


def export(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return what a person has bound and taken apart; never with whose number."""
    rows = session.exec(
        select(Bond)
        .where(or_(col(Bond.survivor_id) == person_id, col(Bond.absorbed_id) == person_id))
        .order_by(col(Bond.id))
    )
    return [
        {
            "state": row.state,
            "code_was_mine": row.survivor_id == person_id,
            "channels": sorted(
                session.exec(select(Identity.channel).where(col(Identity.id).in_(Moved.of(row).identities)))
            ),
            "bound": row.bound_at.isoformat() if row.bound_at else None,
            "parted": row.parted_at.isoformat() if row.parted_at else None,
        }
        for row in rows
    ]


def erase(session: Session, person_id: int, _now: datetime) -> None:
    """Delete a person's bonds; memberships that rested are nobody's by then, and rest on nobody."""
    mine = select(Member.id).where(Member.person_id == person_id)
    session.execute(
        update(Member)
        .where(
            or_(col(Member.person_id) == person_id, col(Member.bonded_to).in_(mine)), col(Member.bonded_to).is_not(None)
        )
        .values(bonded_to=None, account_id=None)
        .execution_options(synchronize_session=False)
    )
    session.execute(delete(Bond).where(or_(col(Bond.survivor_id) == person_id, col(Bond.absorbed_id) == person_id)))
    session.expire_all()


def export_code(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return whether there is a code, and until when; the code itself is kept nowhere."""
    row = session.get(BondCode, person_id)
    if row is None:
        return ()
    return [{"code_until": row.until.isoformat() if row.until else None, "wrong_codes": row.tries}]


def erase_code(session: Session, person_id: int, _now: datetime) -> None:
    """Delete it; a code that the person has entered ends, too."""
    session.execute(
        delete(BondCode).where(or_(col(BondCode.person_id) == person_id, col(BondCode.used_by) == person_id))
    )
