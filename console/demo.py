"""One-click sign-in of local mode: sample staff, manager and administrator are made when they first come.

Nothing of this is reachable in production: the routes refuse, and so does every session that began here.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update
from sqlmodel import col
from sqlmodel import select as pick

from console.auth import Role
from prompts.loader import texts
from storage import entry
from storage.engine import Session
from storage.entry import Login
from storage.groups import Account, Group, Identity, Member, Person, Region, RoleGrant

WHO = {role.value: role for role in Role}
RESIDENTS_SHOWN = 6
GROUPS_SHOWN = 20


def person(session: Session, role: Role, wanted: str, now: datetime) -> int | None:
    """Return the sample person of a role, the ``wanted`` resident if he is one; None while there is no sample yet."""
    if role in (Role.STAFF, Role.MANAGER, Role.ADMIN):
        return _employee(session, role, now)
    query = (
        pick(Member.person_id)
        .join(Identity, col(Identity.person_id) == col(Member.person_id))
        .where(Identity.channel == "sim", col(Member.left_at).is_(None), Member.name != "")
        .order_by(col(Member.id))
    )
    if role is Role.LEADER:
        query = query.where(Member.role == "leader")
    elif wanted.isascii() and wanted.isdecimal() and len(wanted) < 16:
        query = query.where(Member.person_id == int(wanted))
    else:
        # Whoever has most to show.
        query = (
            query.join(Account, col(Account.id) == col(Member.account_id))
            .where(Member.role == "member")
            .order_by(None)
            .order_by(col(Account.balance).desc(), col(Member.id))
        )
    return session.exec(query.limit(1)).first()


def _employee(session: Session, role: Role, now: datetime) -> int:
    name = entry.normal_name(texts().raw(f"console_doors.demo_{role.value}"))
    login = entry.login_named(session, name)
    if login is None:
        made = Person(created_at=now)
        session.add(made)
        session.flush()
        # Without a password nobody signs in by the sign-in page.
        login = Login(person_id=made.id or 0, name=name, made_at=now)
        session.add(login)
    region = region_of(session) if role is Role.MANAGER else None
    grant = session.get(RoleGrant, (login.person_id, role.value))
    if grant is None:
        grant = RoleGrant(person_id=login.person_id, role=role.value, granted_at=now)
    grant.region_id = region
    session.add(grant)
    session.flush()
    return login.person_id


def region_of(session: Session) -> int:
    """Return the first region, made if there is none; sample groups of no region belong to it."""
    found = session.exec(pick(Region.id).order_by(col(Region.id)).limit(1)).first()
    if found is None:
        made = Region(name=texts().raw("console_doors.demo_region"))
        session.add(made)
        session.flush()
        found = made.id or 0
    session.execute(
        update(Group).where(col(Group.channel) == "sim", col(Group.region_id).is_(None)).values(region_id=found)
    )
    return found


def residents(session: Session) -> list[tuple[int, str, str]]:
    """Return (person, name, group) of some sample residents, who has most to show first."""
    # First the groups: in an installation with millions of members elsewhere nobody is looked through in vain.
    groups = session.exec(
        pick(Group.id).where(Group.channel == "sim").order_by(col(Group.id)).limit(GROUPS_SHOWN)
    ).all()
    rows = session.exec(
        pick(Member.person_id, Member.name, Group.name)
        .join(Group, col(Group.id) == col(Member.group_id))
        .join(Account, col(Account.id) == col(Member.account_id))
        .where(col(Member.group_id).in_(groups), Member.role == "member", col(Member.left_at).is_(None))
        .order_by(col(Account.balance).desc(), col(Member.id))
        .limit(RESIDENTS_SHOWN * 2)
    ).all()
    seen: dict[int, tuple[int, str, str]] = {}
    for number, name, group in rows:
        seen.setdefault(number, (number, name, group))
    return list(seen.values())[:RESIDENTS_SHOWN]
