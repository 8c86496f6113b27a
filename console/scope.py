"""Which groups somebody may see: decided here, from the session's role, and by nothing that a request says."""

from __future__ import annotations

from sqlalchemy import ColumnElement, false
from sqlmodel import col, select

from console.auth import Role, Visitor
from storage.engine import Session
from storage.groups import Group, Member

MOST = 200
OFFERED = 50
"""Groups in a list to choose from; from so many on the list has a field that looks for others."""


def groups_of(session: Session, visitor: Visitor) -> list[Group]:
    """Return the groups a visitor may see: staff all, a manager her region's, a leader those she leads; at most ``MOST``.

    The bot must be in them.
    """
    query = select(Group).where(Group.state == "active").order_by(col(Group.id)).limit(MOST)
    if visitor.role is Role.MANAGER:
        if visitor.region_id is None:
            return []
        query = query.where(Group.region_id == visitor.region_id)
    if visitor.role is Role.LEADER:
        query = query.join(Member, col(Member.group_id) == col(Group.id)).where(
            Member.person_id == visitor.person_id, Member.role == "leader", col(Member.left_at).is_(None)
        )
    return list(session.exec(query))


def group_of(session: Session, visitor: Visitor, group_id: int) -> Group | None:
    """Return one group if it is this visitor's to see; None else, and nobody learns whether there is such a group.

    Staff see any, a manager her region's, a leader those she leads, a resident those he is in.
    """
    query = select(Group).where(Group.id == group_id, Group.state == "active")
    if visitor.role is Role.MANAGER:
        if visitor.region_id is None:
            return None
        query = query.where(Group.region_id == visitor.region_id)
    elif visitor.role not in (Role.STAFF, Role.ADMIN):
        query = query.join(Member, col(Member.group_id) == col(Group.id)).where(
            Member.person_id == visitor.person_id, col(Member.left_at).is_(None)
        )
        if visitor.role is Role.LEADER:
            query = query.where(Member.role == "leader")
    return session.exec(query).first()


def offered(
    session: Session, visitor: Visitor | None = None, q: str = "", within: str = "", chosen: str = ""
) -> list[tuple[int, str]]:
    """Return groups (id, name) to choose from, the oldest first: at most ``OFFERED``, and the chosen one in any case.

    Args:
        visitor: whose groups; None = all that the bot is in.
        q: stands in the name; empty = any.
        within: a scope that they are in: ``all``, ``region:3`` or ``group:7``; empty = anywhere.
        chosen: ``group:7`` or ``7``; anything else is no group.
    """
    what, _, number = within.partition(":")
    here = [col(Group.state) == "active"] if visitor is None else in_scope(visitor)
    if what == "region":
        here.append(col(Group.region_id) == int(number))
    elif what == "group":
        here.append(col(Group.id) == int(number))
    wanted = [*here, col(Group.name).contains(q, autoescape=True)] if q else here
    columns = select(Group.id, Group.name, Group.external_id)
    found = list(session.exec(columns.where(*wanted).order_by(col(Group.id)).limit(OFFERED)).all())
    own = chosen.removeprefix("group:")
    if own.isascii() and own.isdecimal() and len(own) < 16 and all(one != int(own) for one, _, _ in found):
        found += session.exec(columns.where(*here, col(Group.id) == int(own))).all()
    return [(one or 0, name or external) for one, name, external in found]


def in_scope(visitor: Visitor) -> list[ColumnElement[bool]]:
    """Return the conditions on groups that a visitor may see, for a query that is paged or searched by itself."""
    found: list[ColumnElement[bool]] = [col(Group.state) == "active"]
    if visitor.role is Role.MANAGER:
        found.append(col(Group.region_id) == visitor.region_id if visitor.region_id is not None else false())
    elif visitor.role not in (Role.STAFF, Role.ADMIN):
        mine = select(Member.group_id).where(Member.person_id == visitor.person_id, col(Member.left_at).is_(None))
        mine = mine.where(Member.role == "leader") if visitor.role is Role.LEADER else mine
        found.append(col(Group.id).in_(mine))
    return found
