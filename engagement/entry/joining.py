"""进群: by the link in a group's message of the day into its pages, for who is vouched for by another platform than the group's.

Source: ADR-0021, F13.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import col
from sqlmodel import select as pick

from engagement.errors import Refusal
from engagement.kernel import MAX_NAME, one_line
from storage import audit, group_keys, identities
from storage.engine import Session
from storage.groups import Group, Identity, Member, Person

MOST = 1000
"""Neighbours in a group that takes more by its link: twice what a customer group holds, since some stand there twice."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a platform vouches for: its channel, the channel's id, and what all accounts of one company call him ("" unknown)."""

    channel: str
    external_id: str
    union_id: str = ""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Somebody in the chat whom the group's own platform knows under the same union id.

    Attributes:
        external_id: what the group's channel calls him; name: as he is shown there, empty when nobody says.
    """

    external_id: str
    name: str


def opened(session: Session, key: str) -> Group:
    """Return the group whose link this is.

    Raises:
        Refusal: ``entry.join_unknown``, ``entry.join_renewed`` or ``entry.join_closed``.
    """
    found = group_keys.find(session, key)
    if found is None:
        raise Refusal("entry.join_unknown")
    if found.ended:
        raise Refusal("entry.join_renewed")
    group = session.get_one(Group, found.group_id)
    if group.state != "active":
        raise Refusal("entry.join_closed", group=group.name)
    return group


def is_in(session: Session, group_id: int, person_id: int) -> bool:
    """Say whether somebody is in a group now."""
    return _member(session, group_id, person_id) is not None


def person_of(session: Session, account: Account) -> int:
    """Return who an account belongs to; 0 for nobody we know."""
    known = identities.known(session, account.channel, account.external_id, None)
    return 0 if known is None else known.person_id


def may_be(session: Session, group: Group, person_id: int, neighbour: Neighbour | None) -> str:
    """Return the name under which a group has somebody whom a newcomer may be; empty when he has to say his name himself.

    Two persons who both exist are not made one here.
    """
    if neighbour is None:
        return ""
    theirs = identities.known(session, group.channel, neighbour.external_id, group.id)
    if theirs is None:
        return neighbour.name
    if person_id not in (0, theirs.person_id):
        return ""
    return theirs.member_name or neighbour.name or theirs.name


def read_name(text: str) -> str:
    """Read how somebody is called in the group: one line of at most 32 characters, as a platform's names.

    Raises:
        Refusal: ``entry.join_no_name``.
    """
    name = one_line(text, MAX_NAME)
    if not any(char.isalnum() for char in name):
        raise Refusal("entry.join_no_name")
    return name


def join(
    session: Session,
    group: Group,
    name: str,
    now: datetime,
    *,
    account: Account | None = None,
    person_id: int = 0,
    neighbour: Neighbour | None = None,
) -> int:
    """Let somebody into a group: he is a member, has agreed, and his private words are about it from now on.

    Doing it again changes nothing but the name. Who was never there before begins a newcomer's first steps.

    Args:
        account: who came by another platform; unknown so far, or ``person_id``'s.
        person_id: who is known already; 0 = see ``account``.
        neighbour: whom the platforms say he is in the chat, and whom he says he is: he goes on as that person.

    Returns:
        The person's number.

    Raises:
        Refusal: ``entry.join_full``.
    """
    assert group.id is not None
    theirs = None if neighbour is None else identities.known(session, group.channel, neighbour.external_id, None)
    known = person_id or (0 if account is None else person_of(session, account))
    person = known or (0 if theirs is None else theirs.person_id) or _new(session, now)
    if account is not None and not known:
        session.add(Identity(person_id=person, channel=account.channel, external_id=account.external_id, name=name))
    if neighbour is not None and theirs is None:
        # So that his leaving the chat is his leaving here.
        session.add(Identity(person_id=person, channel=group.channel, external_id=neighbour.external_id, name=name))
    before = _member(session, group.id, person)
    fresh, outside = before is None, before is None or before.by_link
    if fresh and _count(session, group.id) >= MOST:
        raise Refusal("entry.join_full")
    member = identities.enter(session, group.id, person, name, now)
    assert member.id is not None
    # Nobody says that he is in the chat: that he is not in it later is no leaving.
    member.by_link = outside and neighbour is None
    if member.joined_at == now and member.steps is None:
        member.steps = 0
    session.add(member)
    identities.grant_consent(session, person, now)
    identities.open_account(session, member.id, now)
    row = session.get_one(Person, person)
    row.current_group_id = group.id
    session.add(row)
    session.flush()
    if fresh:
        audit.record(session, at=now, actor_id=person, group_id=group.id, action="entry.joined")
    return person


def _new(session: Session, now: datetime) -> int:
    person = Person(created_at=now)
    session.add(person)
    session.flush()
    assert person.id is not None
    return person.id


def _member(session: Session, group_id: int, person_id: int) -> Member | None:
    return session.exec(
        pick(Member).where(Member.group_id == group_id, Member.person_id == person_id, col(Member.left_at).is_(None))
    ).first()


def _count(session: Session, group_id: int) -> int:
    counted = pick(func.count()).select_from(Member)
    return int(session.exec(counted.where(Member.group_id == group_id, col(Member.left_at).is_(None))).one())
