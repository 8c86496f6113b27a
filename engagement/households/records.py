"""What is kept about a person's families and requests: a copy, and its deletion."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import col, delete, or_, select

from engagement.households import service
from engagement.households.tables import Family, FamilyRequest
from storage import identities
from storage.engine import Session
from storage.groups import Account, Group, Member


def _members_of(session: Session, person_id: int) -> list[Member]:
    return list(session.exec(select(Member).where(Member.person_id == person_id).order_by(col(Member.id))))


def export_names(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return the family names that a person has given."""
    mine_ = [member.id for member in _members_of(session, person_id)]
    rows = session.exec(select(Family).where(col(Family.named_by).in_(mine_)).order_by(col(Family.household_id)))
    return [{"family": row.name} for row in rows]


def erase_names(session: Session, person_id: int, _now: datetime) -> None:
    """Drop the family names that the person gave or is named in, and take him out of his families.

    What he contributed stays with those who shared the account with him: the ledger cannot give it to nobody.
    """
    for member in _members_of(session, person_id):
        for row in session.exec(
            select(Family)
            .join(Account, col(Account.household_id) == col(Family.household_id))
            .where(Account.group_id == member.group_id)
        ):
            if row.named_by == member.id or (len(member.name) > 1 and member.name in row.name):
                session.delete(row)
        session.flush()
        if member.account_id is None:
            continue
        others = [one for one in identities.sharing(session, member.account_id) if one.id != member.id]
        if len(others) == 1:
            service.forget_name(session, member.account_id)
        if others:
            member.account_id = None
            session.add(member)
    session.flush()


def export_requests(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return what a person asked and was asked; never whom and by whom."""
    mine_ = [member.id for member in _members_of(session, person_id)]
    rows = session.exec(
        select(FamilyRequest, Group.name)
        .join(Group, col(Group.id) == col(FamilyRequest.group_id))
        .where(or_(col(FamilyRequest.asker_id).in_(mine_), col(FamilyRequest.asked_id).in_(mine_)))
        .order_by(col(FamilyRequest.id))
    )
    return [
        {
            "group": name,
            "kind": row.kind,
            "asked_by_me": row.asker_id in mine_,
            # Whoever asked must not read here that the other said no.
            "state": "open" if row.state == "declined" and row.asker_id in mine_ else row.state,
            "at": row.asked_at.isoformat(),
        }
        for row, name in rows
    ]


def erase_requests(session: Session, person_id: int, _now: datetime) -> None:
    """Delete them."""
    mine_ = [member.id for member in _members_of(session, person_id)]
    session.execute(
        delete(FamilyRequest).where(or_(col(FamilyRequest.asker_id).in_(mine_), col(FamilyRequest.asked_id).in_(mine_)))
    )
