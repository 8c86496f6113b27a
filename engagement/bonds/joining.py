"""What moves when two persons become one, and how exactly that goes back.

Identities move. A membership in a group where the other person has none moves as it is: its points, check-ins and badges hang
on it. Where both have one, the absorbed person's rests, and its points share the account (engagement.households). What hangs
on the person (preferences, birthday, questions, requests) rests with him; of what protects somebody the stricter one holds: a
mute, a notice that is switched off, short answers, a withdrawal.

Source: ADR-0020.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import col, select, update

from engagement.events import Bonded, Parted, PartingAsked, Share, Shared, SharesAsked
from engagement.feature import Context
from storage import entry, identities, mutes, preferences
from storage.bonds import Bond, Meeting, Moved
from storage.columns import instant, micros
from storage.engine import Session
from storage.entry import WebSession
from storage.groups import Consent, Group, Identity, Member, Person


def join(ctx: Context, bond: Bond) -> int:
    """Bring two persons together; returns the whole points that stay behind (:attr:`Shared.held`)."""
    session, survivor, absorbed = ctx.session, bond.survivor_id, bond.absorbed_id
    _join_rights(ctx, survivor, absorbed)
    theirs = {one.group_id: one for one in session.exec(select(Member).where(Member.person_id == survivor))}
    moved, met = [], []
    for member in session.exec(select(Member).where(Member.person_id == absorbed).order_by(col(Member.id))).all():
        into = theirs.get(member.group_id)
        if into is None:
            member.person_id = survivor
            moved.append(member.id or 0)
        else:
            met.append(_rest(member, into, ctx.now))
            session.add(into)
        session.add(member)
    known = session.exec(select(Identity).where(Identity.person_id == absorbed).order_by(col(Identity.id))).all()
    bond.moved = Moved(_give(session, known, survivor), tuple(moved), tuple(met)).as_json()
    session.add(bond)
    session.flush()
    shared = _shared(met)
    ctx.emit(Bonded(bond.id or 0, survivor, absorbed, shared))
    return sum(one.held for one in shared)


def part(ctx: Context, bond: Bond) -> int:
    """Take them apart; returns the whole points of all groups that go along."""
    session, survivor, absorbed, moved = ctx.session, bond.survivor_id, bond.absorbed_id, Moved.of(bond)
    for member in session.exec(select(Member).where(col(Member.id).in_(moved.members), Member.person_id == survivor)):
        member.person_id = absorbed
        session.add(member)
    for one in moved.met:
        _rise(session, one)
    session.flush()
    shared = _shared(moved.met)
    ctx.emit(Parted(bond.id or 0, survivor, absorbed, shared, bond.bound_at or ctx.now))
    known = select(Identity).where(col(Identity.id).in_(moved.identities), Identity.person_id == survivor)
    _give(session, session.exec(known).all(), absorbed)
    _part_names(session, survivor, moved)
    _part_rights(ctx, survivor, absorbed, moved)
    return _points_along(ctx, moved, shared)


@dataclass(frozen=True, slots=True)
class Family:
    """A family in a group that two would have apart.

    Attributes:
        group: its name; ``goes``: the family is of the one who goes, else of the one who stays.
        points: whole points of what is his who goes; ``all``: of the whole family.
    """

    group: str
    goes: bool
    points: int
    all: int


@dataclass(frozen=True, slots=True)
class Going:
    """What goes along: how many groups, whole points of his own in them, and what is shared with others there."""

    groups: int
    points: int
    families: Sequence[Family]


def is_in(session: Session, group_id: int, person_id: int) -> bool:
    """Say whether somebody is in a group now."""
    here = (Member.group_id == group_id, Member.person_id == person_id, col(Member.left_at).is_(None))
    return session.exec(select(Member.id).where(*here)).first() is not None


def look_at_parting(ctx: Context, bond: Bond) -> Going:
    """Say what would go where; changes nothing."""
    moved = Moved.of(bond)
    shared = _shared(moved.met)
    ctx.emit(PartingAsked(shared))
    brought = {one.into_id: one.points for one in shared}
    families = []
    for member, one in shares(ctx, [*moved.members, *brought]):
        if one.family is not None:
            group, goes = ctx.session.get_one(Group, member.group_id), one.member_id not in brought
            families.append(Family(group.name, goes, brought.get(one.member_id, one.points), one.family))
    return Going(len(moved.members) + len(shared), _points_along(ctx, moved, shared), families)


def shares(ctx: Context, member_ids: Sequence[int]) -> list[tuple[Member, Share]]:
    """Return what is each membership's own, of those that have an account."""
    rows = ctx.session.exec(select(Member).where(col(Member.id).in_(member_ids)).order_by(col(Member.group_id)))
    found = [(one, Share(one.id or 0, one.account_id)) for one in rows if one.account_id is not None]
    ctx.emit(SharesAsked(tuple(share for _, share in found)))
    return found


def _points_along(ctx: Context, moved: Moved, shared: tuple[Shared, ...]) -> int:
    own = sum(one.points for _, one in shares(ctx, moved.members))
    return own + sum(one.points + one.held for one in shared)


def _shared(met: Sequence[Meeting]) -> tuple[Shared, ...]:
    return tuple(Shared(one.group, one.member, one.into, one.account) for one in met)


def _give(session: Session, known: Sequence[Identity], person_id: int) -> tuple[int, ...]:
    for one in known:
        one.person_id = person_id
        session.add(one)
    session.flush()
    return tuple(one.id or 0 for one in known)


# ---------------------------------------------------------------- memberships that rest


def _rest(member: Member, into: Member, now: datetime) -> Meeting:
    """Let one membership act for another of the same group; the stricter mute holds."""
    met = Meeting(
        member.group_id,
        member.id or 0,
        into.id or 0,
        member.account_id or 0,
        _when(member.left_at),
        _when(into.left_at),
        _when(member.muted_until),
        _when(into.muted_until),
        into.by_link,
    )
    if into.role != "leader":  # who leads a group is not muted in it
        into.muted_until = mutes.later(into.muted_until, member.muted_until)
    if member.left_at is None:
        # Who is seen in the chat as either is in it; who has only come by the link as either is not.
        into.by_link = member.by_link and (into.left_at is not None or into.by_link)
        into.left_at = None
        member.left_at = now
    member.bonded_to = into.id
    return met


def _rise(session: Session, met: Meeting) -> None:
    """Let a resting membership act for itself again; a mute that came meanwhile is its own, too."""
    member, into = session.get_one(Member, met.member), session.get_one(Member, met.into)
    member.bonded_to = None
    # Who left the group as one has left it as both.
    member.left_at = into.left_at if met.left is None else instant(met.left)
    if met.into_left is not None:
        into.left_at = instant(met.into_left)
    if met.into_by_link is not None:
        into.by_link = met.into_by_link  # the next reading of the chat sees whether it is in it by now
    if into.role != "leader":
        member.muted_until = into.muted_until  # the later end since they met, unless somebody has lifted it
    if met.left is None and into.role != "leader":
        member.role = "member"  # it was taken from the one person meanwhile
    session.add(member)
    session.add(into)


def _when(moment: datetime | None) -> int | None:
    return None if moment is None else micros(moment)


def _part_names(session: Session, survivor: int, moved: Moved) -> None:
    """Give the memberships that acted the survivor's own name again, where the other one's came to stand there."""
    own = session.exec(select(Identity.name).where(Identity.person_id == survivor).order_by(col(Identity.id))).first()
    for met in moved.met:
        member, into = session.get_one(Member, met.member), session.get_one(Member, met.into)
        if own and into.name == member.name:
            into.name = own
            session.add(into)
    session.flush()


# ---------------------------------------------------------------- what a person is allowed, and does not want


def _join_rights(ctx: Context, survivor: int, absorbed: int) -> None:
    session = ctx.session
    agreed = session.get(Consent, absorbed)
    if agreed is not None and session.get(Consent, survivor) is None:
        identities.grant_consent(session, survivor, ctx.now)
    for kind in preferences.switched_off(session, absorbed):
        preferences.switch(session, survivor, kind, on=False)
    known = session.exec(select(Identity).where(col(Identity.person_id).in_((survivor, absorbed)))).all()
    if any(one.elder for one in known):
        for one in known:
            one.elder = True
            session.add(one)
    # Whoever is in on a page stays in, as the person who goes on; nobody gets into the console by a bond.
    entry.drop_links(session, absorbed)
    entry.end_sessions(session, absorbed, area="console")
    session.execute(
        update(WebSession)
        .where(col(WebSession.person_id) == absorbed)
        .values(person_id=survivor)
        .execution_options(synchronize_session=False)
    )
    session.flush()


def _part_rights(ctx: Context, survivor: int, absorbed: int, moved: Moved) -> None:
    session = ctx.session
    consent = session.get(Consent, survivor)
    if consent is not None and consent.withdrawn_at is not None:
        identities.withdraw_consent(session, absorbed, ctx.now)
    person = session.get_one(Person, survivor)
    gone = session.exec(select(Member.group_id).where(col(Member.id).in_(moved.members))).all()
    if person.current_group_id in gone:
        person.current_group_id = None
        session.add(person)
    # Which of the browsers is whose nobody knows any more.
    entry.drop_links(session, survivor)
    entry.end_sessions(session, survivor)
    session.flush()
