"""Accounts of staff, managers and leaders: made, given roles, stopped, opened again.

Both the command line and the page of the administrators call these.

Every act is audited with who did it (None: the command line). A role that is taken, a stopped account and a reset end the
person's sessions at once.

Source: F116, FAULTS E3, E7.
"""

from __future__ import annotations

from datetime import datetime

from sqlmodel import col, func
from sqlmodel import select as pick

from engagement.entry import rules
from engagement.errors import Refusal
from storage import audit, bonds, entry
from storage.engine import Session
from storage.entry import Login
from storage.groups import Person, Region, RoleGrant


def found(session: Session, name: str) -> Login:
    """Return the account of a name.

    Raises:
        Refusal: there is none.
    """
    login = entry.login_named(session, name)
    if login is None:
        raise Refusal("entry.no_account", name=name)
    return login


def add(
    session: Session, name: str, now: datetime, *, by: int | None, role: str = "", region: str = "", person: int = 0
) -> str:
    """Make an account that has no password yet. Returns the token of the link by which its person chooses one.

    Args:
        role: given at once; empty = none yet.
        region: name of a manager's region.
        person: somebody who is known from the chat already; 0 = somebody new.

    Raises:
        Refusal: the name, the role or the region cannot be, the name is taken, or the person is one on several channels.
    """
    wanted = rules.read_name(name)
    if entry.login_named(session, wanted) is not None:
        raise Refusal("entry.name_taken", name=wanted)
    if person:
        if session.get(Person, person) is None:
            raise Refusal("entry.no_person", person=person)
        if entry.login_of(session, person) is not None:
            raise Refusal("entry.has_account", person=person)
        if bonds.is_absorbed(session, person) or bonds.absorbed(session, person):
            # Whoever holds one of the chats would have the role: a code may have come to the wrong one.
            raise Refusal("entry.bound_person", person=person)
    else:
        made = Person(created_at=now)
        session.add(made)
        session.flush()
        person = made.id or 0
    session.add(Login(person_id=person, name=wanted, made_at=now))
    session.flush()
    _note(session, now, by, "account.made", person)
    if role:
        grant(session, person, role, now, by=by, region=region)
    return invite(session, person, now, by=by)


def invite(session: Session, person: int, now: datetime, *, by: int | None) -> str:
    """Make a link by which a person chooses a first password; an earlier one stops to open. Returns its token."""
    _note(session, now, by, "account.invited", person)
    return entry.make_link(session, "invite", person, now, path="/console")


def reset(session: Session, person: int, now: datetime, *, by: int | None, second: bool = False) -> str:
    """Let a person choose a new password, and with ``second`` set the second step up anew. Returns the link's token.

    Until then nobody gets in by the old one; all sessions end.
    """
    login = session.get_one(Login, person)
    login.password = ""
    if second:
        forget_second(login)
    session.add(login)
    session.flush()
    entry.drop_links(session, person)
    entry.end_sessions(session, person)
    _note(session, now, by, "account.reset", person, second=int(second))
    return entry.make_link(session, "reset", person, now, path="/console")


def forget_second(login: Login) -> None:
    """Take a person's second step away, with its recovery codes."""
    login.second, login.second_since, login.recovery = "", None, None


def grant(session: Session, person: int, role: str, now: datetime, *, by: int | None, region: str = "") -> None:
    """Give a role over groups; the same twice changes nothing but a manager's region.

    Raises:
        Refusal: no such role or region, or a manager without one.
    """
    wanted = rules.read_role(role)
    place = None
    if wanted == "manager":
        if not region:
            raise Refusal("entry.region_needed")
        place = session.exec(pick(Region.id).where(Region.name == region)).first()
        if place is None:
            raise Refusal("entry.no_region", region=region)
    row = session.get(RoleGrant, (person, wanted)) or RoleGrant(person_id=person, role=wanted, granted_at=now)
    row.region_id = place
    session.add(row)
    session.flush()
    # Whoever is in gets the new role by signing in again: a session never grows.
    entry.end_sessions(session, person, area="console")
    _note(session, now, by, "account.granted", person, role=wanted, region=place or 0)


def revoke(session: Session, person: int, role: str, now: datetime, *, by: int | None) -> None:
    """Take a role; whoever did not have it changes nothing.

    Raises:
        Refusal: it is the last administrator's.
    """
    wanted = rules.read_role(role)
    row = session.get(RoleGrant, (person, wanted))
    if row is None:
        return
    if wanted == "admin":
        _another_admin(session, person)
    session.delete(row)
    session.flush()
    entry.end_sessions(session, person, area="console")
    _note(session, now, by, "account.revoked", person, role=wanted)


def disable(session: Session, person: int, now: datetime, *, by: int | None) -> None:
    """Stop an account: nobody gets in by it, who is in is out, its links open nothing.

    Raises:
        Refusal: it is the last administrator's.
    """
    login = session.get_one(Login, person)
    if session.get(RoleGrant, (person, "admin")) is not None:
        _another_admin(session, person)
    login.disabled_at = now
    session.add(login)
    session.flush()
    entry.drop_links(session, person)
    entry.end_sessions(session, person)
    _note(session, now, by, "account.disabled", person)


def enable(session: Session, person: int, now: datetime, *, by: int | None) -> None:
    """Open a stopped account again, with its old password."""
    login = session.get_one(Login, person)
    login.disabled_at = None
    session.add(login)
    session.flush()
    _note(session, now, by, "account.enabled", person)


def sign_out(session: Session, person: int, now: datetime, *, by: int | None) -> None:
    """End all of a person's sessions."""
    _note(session, now, by, "account.signed_out", person, sessions=entry.end_sessions(session, person))


def note_unlocked(session: Session, person: int, now: datetime, *, by: int | None) -> None:
    """Note that wrong tries of an account were forgotten; whoever keeps them forgets them."""
    _note(session, now, by, "account.unlocked", person)


def _another_admin(session: Session, person: int) -> None:
    # Without a password nobody comes in: who was only invited, and the sample's, are no other administrator.
    others = session.exec(
        pick(func.count())
        .select_from(RoleGrant)
        .join(Login, col(Login.person_id) == col(RoleGrant.person_id))
        .where(
            RoleGrant.role == "admin",
            RoleGrant.person_id != person,
            col(Login.disabled_at).is_(None),
            col(Login.password) != "",
        )
    ).one()
    if not others:
        raise Refusal("entry.last_admin")


def _note(session: Session, now: datetime, by: int | None, action: str, person: int, **details: int | str) -> None:
    audit.record(session, at=now, actor_id=by, group_id=None, action=action, person=person, **details)
