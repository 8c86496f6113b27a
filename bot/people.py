"""Who acts and where: the person behind a channel's id, his membership, and the group, made where they are new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlmodel import col, select

from engagement.errors import Refusal
from engagement.feature import Actor, GroupView
from engagement.kernel import Event, Incoming, Place, one_line
from prompts.loader import texts
from storage import identities
from storage.engine import Session
from storage.groups import Consent, Group, Identity, Member, Person

_STAFF = frozenset({"staff", "admin"})


def group_of(session: Session, incoming: Incoming) -> GroupView | None:
    """Return the group of an event; None in private, and for a group that is not known yet.

    What a page is about is told by :func:`at_desk`.
    """
    if incoming.place is not Place.GROUP:
        return None
    row = identities.group_row(session, incoming.channel, incoming.account, incoming.conversation)
    return None if row is None else _view(row)


def acting(session: Session, incoming: Incoming, now: datetime) -> tuple[Actor, GroupView | None, bool]:
    """Return who acts, in or about which group, and whether the name was not seen there before.

    Raises:
        Refusal: see :func:`at_desk`.
    """
    if incoming.desk_person:
        return *at_desk(session, incoming, now), False
    group = group_of(session, incoming)
    if incoming.place is Place.GROUP and group is None:
        group = found_group(session, incoming)
    name = one_line(incoming.sender_name)
    if not incoming.sender:
        return Actor(0, name), group, False
    if group is not None:
        actor, new_name = in_group(session, incoming, group, name, now)
        return actor, group, new_name
    return *in_private(session, incoming, name, now), False


def in_group(session: Session, incoming: Incoming, group: GroupView, name: str, now: datetime) -> tuple[Actor, bool]:
    """Return who acts in a group, entered if new, and whether the name was not seen there before."""
    known = identities.known(session, incoming.channel, incoming.sender, group.id)
    new_name = False
    if known is None:
        identities.meet(session, incoming.channel, incoming.sender, name, now)
        known = identities.known(session, incoming.channel, incoming.sender, group.id)
        assert known is not None
    if known.member_id is None or (known.left and incoming.event is not Event.LEAVE):
        identities.enter(session, group.id, known.person_id, name or known.name, now)
        known = identities.known(session, incoming.channel, incoming.sender, group.id)
        assert known is not None
        new_name = True
    if name and known.member_name != name:
        identities.rename(session, known, name)
        new_name = True
    return _actor(known, frozenset(), now), new_name


def in_private(session: Session, incoming: Incoming, name: str, now: datetime) -> tuple[Actor, GroupView | None]:
    """Return who writes in private, and the group that this is about; from now on the bot may write first."""
    person = identities.meet(session, incoming.channel, incoming.sender, name, now)
    identities.open_private(session, person)
    row = identities.current_group(session, person.person_id, incoming.channel)
    group = None if row is None else _view(row)
    roles = identities.roles(session, person.person_id)
    if group is None:
        alone = Actor(person.person_id, person.name, roles=roles, consented=person.consented, elder=person.elder)
        return alone, None
    here = identities.known(session, incoming.channel, incoming.sender, group.id)
    assert here is not None
    return _actor(here, roles, now), group


def at_desk(session: Session, incoming: Incoming, now: datetime) -> tuple[Actor, GroupView | None]:
    """Return who acts from a page, and in which group; the rights are what the rows say now.

    Staff act in every group as its leader would. A neighbour acts where he is a member.

    Raises:
        Refusal: ``guard.anonymous`` for a person that is not there; ``guard.no_group`` for a group that is not, or not his.
    """
    person_id = incoming.desk_person
    if session.get(Person, person_id) is None:
        raise Refusal("guard.anonymous")
    roles = identities.roles(session, person_id)
    identity = session.exec(
        select(Identity)
        .where(Identity.person_id == person_id)
        .order_by((col(Identity.channel) == incoming.channel).desc(), col(Identity.id))
        .limit(1)
    ).first()
    consent = session.get(Consent, person_id)
    me = Actor(
        person_id,
        texts().raw("guard.desk_name") if identity is None else identity.name,
        roles=roles,
        consented=consent is not None and consent.withdrawn_at is None,
        elder=identity is not None and identity.elder,
    )
    if not incoming.desk_group:
        return me, None
    row = identities.group_row_by_id(session, incoming.desk_group)
    member = session.exec(
        select(Member).where(
            Member.group_id == incoming.desk_group, Member.person_id == person_id, col(Member.left_at).is_(None)
        )
    ).first()
    staff = not roles.isdisjoint(_STAFF)
    if row is None or row[12] != "active" or (member is None and not staff):
        raise Refusal("guard.no_group")
    if member is None:
        return replace(me, leader=True), _view(row)
    acting = replace(
        me,
        name=member.name or me.name,
        member_id=member.id,
        account_id=member.account_id,
        leader=staff or member.role == "leader",
        muted=member.muted_until is not None and member.muted_until > now,
        steps=member.steps,
    )
    return acting, _view(row)


def _actor(known: identities.Known, roles: frozenset[str], now: datetime) -> Actor:
    return Actor(
        known.person_id,
        known.member_name or known.name,
        known.member_id,
        known.account_id,
        known.leader,
        roles,
        known.consented,
        muted=known.muted_until is not None and known.muted_until > now,
        steps=known.steps,
        elder=known.elder,
    )


def _view(row: Sequence[Any]) -> GroupView:
    facts = {k: str(v) for k, v in identities.as_json(row[11]).items()}
    columns: tuple[Any, ...] = (*row[:9], bool(row[9]), identities.as_json(row[10]), facts)
    return GroupView(*columns)


def found_group(session: Session, incoming: Incoming) -> GroupView:
    """Make the row of a group that speaks before we heard that we were added (a lost event, an old installation)."""
    group = Group(
        channel=incoming.channel,
        account=incoming.account,
        external_id=incoming.conversation,
        name=one_line(incoming.group_name, 60),
        zone=incoming.zone or "Asia/Shanghai",
        created_at=incoming.received_at,
    )
    session.add(group)
    session.flush()
    return GroupView.of(group)
