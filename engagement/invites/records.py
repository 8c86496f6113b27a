"""What is shown of invitations, and the rights of who is in them.

Source: F130.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import case, delete, func, select
from sqlmodel import col
from sqlmodel import select as pick

from engagement.invites.tables import Invitation, InviteClaim, InviteCode
from storage.engine import Session
from storage.groups import Group, Member

_I = Invitation.__table__  # type: ignore[attr-defined]
_K = InviteClaim.__table__  # type: ignore[attr-defined]
_M = Member.__table__  # type: ignore[attr-defined]
_WHOM = _M.alias("invited")


def brought(session: Session, member_id: int) -> list[tuple[Invitation, Member]]:
    """Return whom a member brought, newest first, those who left too."""
    rows = session.exec(
        pick(Invitation, Member)
        .join(Member, col(Member.id) == col(Invitation.invited_id))
        .where(col(Invitation.inviter_id) == member_id)
        .order_by(col(Invitation.id).desc())
    )
    return list(rows)


def board(session: Session, group_id: int, limit: int) -> list[tuple[str, int, int]]:
    """Return (name, newcomers, of them paid for) of the neighbours who brought most and are still here.

    Whom they know on two accounts is one newcomer.
    """
    whom = func.coalesce(_WHOM.c.bonded_to, _WHOM.c.id)
    came = func.count(whom.distinct())
    stayed = func.count(case((_I.c.rewarded_on.is_not(None), whom), else_=None).distinct())
    rows = session.execute(
        select(_M.c.name, came, stayed)
        .select_from(_I.join(_M, _M.c.id == _I.c.inviter_id).join(_WHOM, _WHOM.c.id == _I.c.invited_id))
        .where(_I.c.group_id == group_id, _M.c.left_at.is_(None))
        .group_by(_M.c.id, _M.c.name)
        .order_by(stayed.desc(), came.desc(), _M.c.id)
        .limit(limit)
    )
    return [(str(name), int(one), int(two)) for name, one, two in rows]


# ---------------------------------------------------------------- the rights over one's own data


def _members(session: Session, person_id: int) -> dict[int, str]:
    rows = session.exec(
        pick(Member.id, Group.name)
        .join(Group, col(Group.id) == col(Member.group_id))
        .where(col(Member.person_id) == person_id)
    )
    return {member: name for member, name in rows if member is not None}


def export_codes(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return a person's codes."""
    groups = _members(session, person_id)
    rows = session.exec(pick(InviteCode).where(col(InviteCode.member_id).in_(groups)))
    return [{"group": groups[one.member_id], "code": one.code, "since": one.made_at.isoformat()} for one in rows]


def export_invitations(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return that a person brought somebody or was brought; never whom or by whom."""
    groups = _members(session, person_id)
    rows = session.exec(
        pick(Invitation)
        .where(col(Invitation.inviter_id).in_(groups) | col(Invitation.invited_id).in_(groups))
        .order_by(col(Invitation.id))
    )
    return [
        {
            "as": "inviter" if one.inviter_id in groups else "newcomer",
            "group": next(groups[member] for member in (one.invited_id, one.inviter_id) if member in groups),
            "how": one.how,
            "at": one.at.isoformat(),
            "points": one.points if one.inviter_id in groups else 0,
        }
        for one in rows
    ]


def export_claims(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return which groups' links a person pressed in the last days."""
    rows = session.exec(
        pick(InviteClaim, Group.name)
        .join(Group, col(Group.id) == col(InviteClaim.group_id))
        .where(col(InviteClaim.person_id) == person_id)
    )
    return [{"group": name, "at": one.at.isoformat()} for one, name in rows]


def erase(session: Session, person_id: int, _now: datetime) -> None:
    """Delete a person's codes and pressed links; that a pseudonym brought another stays, for the points' sake."""
    for member in _members(session, person_id):
        found = session.get(InviteCode, member)
        if found is not None:
            session.delete(found)
        session.execute(delete(_K).where(_K.c.inviter_id == member))
    session.execute(delete(_K).where(_K.c.person_id == person_id))
