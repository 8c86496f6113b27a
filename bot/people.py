"""Who acts and where: the person behind a channel's id, his membership, and the group, made where they are new."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from engagement.feature import Actor, GroupView
from engagement.kernel import Event, Incoming, Place, one_line
from storage import identities
from storage.engine import Session
from storage.groups import Group


def group_of(session: Session, incoming: Incoming) -> GroupView | None:
    """Return the group of an event; None in private, and for a group that is not known yet."""
    if incoming.place is not Place.GROUP:
        return None
    row = identities.group_row(session, incoming.channel, incoming.account, incoming.conversation)
    return None if row is None else _view(row)


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
