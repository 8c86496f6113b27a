"""Who acts and where: the person behind a channel's id, his membership, and the group, made where they are new."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlmodel import col, select

from engagement.errors import Refusal
from engagement.feature import Actor, GroupView
from engagement.kernel import RIGHTS, Event, Incoming, Place, one_line
from prompts.loader import texts
from storage import bots, identities
from storage.engine import Session
from storage.groups import Consent, Group, Identity, Member, Person

_STAFF = frozenset({"staff", "admin"})
_SHUT = frozenset({Event.BOT_REMOVED, Event.TROUBLE})
_SUPERGROUP = "-100"
"""How the id of a Telegram supergroup begins: only there a message has the same number for every bot."""
_TAKES_OVER = frozenset({Event.MESSAGE, Event.BUTTON, Event.JOIN})


def group_of(session: Session, incoming: Incoming) -> GroupView | None:
    """Return the group of an event; None in private, and for a group that is not known yet.

    What a page is about is told by :func:`at_desk`.
    """
    row = _row_of(session, incoming)
    return None if row is None else _view(row)


def _row_of(session: Session, incoming: Incoming) -> tuple[object, ...] | None:
    if incoming.place is not Place.GROUP:
        return None
    return identities.group_row(session, incoming.channel, incoming.account, incoming.conversation)


def acting(
    session: Session, incoming: Incoming, now: datetime, running: Collection[str] = ()
) -> tuple[Actor, GroupView | None, bool]:
    """Return who acts, in or about which group, and whether the name was not seen there before.

    Args:
        running: the channel's bot accounts that this installation has; empty when that is not known.

    Raises:
        Refusal: see :func:`at_desk`, :func:`moved` and :func:`served_elsewhere`.
    """
    if incoming.desk_person:
        return *at_desk(session, incoming, now), False
    row = _row_of(session, incoming)
    group = None if row is None else _view(row)
    if row is not None and group is not None:
        bring_up_to_date(session, incoming, group, active=row[12] == "active")
    if incoming.place is Place.GROUP and group is None:
        group = moved(session, incoming) or served_elsewhere(session, incoming, running)
        group = group or found_group(session, incoming)
    name = one_line(incoming.sender_name)
    if not incoming.sender:
        return Actor(0, name), group, False
    if group is not None:
        actor, new_name = in_group(session, incoming, group, name, now)
        return actor, group, new_name
    return *in_private(session, incoming, name, now), False


def bring_up_to_date(session: Session, incoming: Incoming, group: GroupView, *, active: bool) -> None:
    """Note what an event tells of its group: what it is called by now, and that it is there.

    A platform that said that it was gone, while something was sent, was wrong, or is by now.
    """
    changed: dict[str, str] = {}
    called = one_line(incoming.group_name, 60)
    if called and called != group.name:
        changed["name"] = group.name = called
    if not active and incoming.event in _TAKES_OVER:
        changed["state"] = "active"
    if changed:
        session.execute(update(Group).where(col(Group.id) == group.id).values(**changed))


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
    """Return who writes in private, and the group that this is about; from now on this bot may write first.

    Who shut the bot out is not written to until he comes back; nobody is met by it, least of all who had himself erased.
    """
    if incoming.event in _SHUT:
        shut = identities.known(session, incoming.channel, incoming.sender, None)
        if shut is None:
            return Actor(0, name), None
        person = shut
        bots.close_private(session, person, incoming.account)
    else:
        person = identities.meet(session, incoming.channel, incoming.sender, name, now)
        bots.open_private(session, person, incoming.account)
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
    """Return who acts from a page, and in which group; the rights are what the rows say now, within those of the session.

    Staff act in every group as its leader would. A neighbour acts where he is a member. Who is in as a neighbour acts as one,
    whatever else he is: the residents' pages ask for no second step, and theirs is a cookie of months.

    Raises:
        Refusal: ``guard.anonymous`` for a person that is not there; ``guard.no_group`` for a group that is not, or not his.
    """
    person_id = incoming.desk_person
    if session.get(Person, person_id) is None:
        raise Refusal("guard.anonymous")
    roles = frozenset[str]() if incoming.desk_role else identities.roles(session, person_id)
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
        leader=staff or (member.role == "leader" and incoming.desk_role != "resident"),
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
    columns: tuple[Any, ...] = (
        *row[:9],
        bool(row[9]),
        identities.as_json(row[10]),
        facts,
        bool(row[13]),
        bool(row[14]),
    )
    return GroupView(*columns)


def moved(session: Session, incoming: Incoming) -> GroupView | None:
    """Return the group of an event that still names the chat's former id, or whose move was met before it was told.

    Raises:
        Refusal: without a text: the bot left the former chat, and is in the new one.

    Source: FAULTS A11.
    """
    if incoming.event is Event.MIGRATED:
        row = identities.group_row(session, incoming.channel, incoming.account, incoming.new_id)
        return None if row is None else _view(row)
    if incoming.event is Event.BOT_ADDED:
        return None  # a chat that is no more lets nobody in
    found = bots.moved_from(session, incoming.channel, incoming.account, incoming.conversation)
    row = None if found is None else identities.group_row_by_id(session, found)
    if row is None:
        return None
    if incoming.event is Event.BOT_REMOVED:
        raise Refusal("")
    return _view(row)


def served_elsewhere(session: Session, incoming: Incoming, running: Collection[str]) -> GroupView | None:
    """Return the group that another bot account served so far, and serve it from now on; None when there is none.

    A group is served by one account, so that nothing is counted or said twice while two are in the chat: the one that was
    added last, or the one that is left when that one was taken out of the group or of the installation. Points, settings and
    quoted messages stay. An account that only gets other rights in the chat takes nothing over.

    Raises:
        Refusal: without a text: another account serves the group, and this one is only there as well.

    Source: DESIGN §4 (several bot accounts, each group bound to one).
    """
    found = bots.elsewhere(session, incoming.channel, incoming.account, incoming.conversation)
    migrated = found is None and incoming.event is Event.MIGRATED
    if migrated and bots.elsewhere(session, incoming.channel, incoming.account, incoming.new_id) is not None:
        raise Refusal("")  # the chat has moved already, with the account that serves it
    if found is None:
        return None
    group_id, serving = found
    added = incoming.event is Event.BOT_ADDED
    active = serving in running if running else bool(serving)
    comes = added and (not active or incoming.text != RIGHTS)
    if not comes and (active or incoming.event not in _TAKES_OVER):
        raise Refusal("")
    group = session.get_one(Group, group_id)
    if added:
        # The leaders hear of it (groups.handlers); where the one before is out anyway, it goes on without a word.
        kept = dict(group.settings or {})
        mine = kept.get("groups")
        kept["groups"] = {**(mine if isinstance(mine, dict) else {}), "bot_before": group.account}
        group.settings = kept
    if incoming.conversation.startswith(_SUPERGROUP):
        bots.hand_over(session, incoming.channel, group.account, incoming.account, incoming.conversation)
    group.account, group.can_read = incoming.account, None
    if not added:
        group.state = "active"
    session.add(group)
    session.flush()
    return GroupView.of(group)


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
