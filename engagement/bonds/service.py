"""Codes, what they would bring together, and the confirmation: nothing happens to anybody before it.

Source: ADR-0020.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import col, delete, or_, select, update

from engagement import channels
from engagement.bonds import joining, rules
from engagement.errors import Refusal
from engagement.events import Share
from engagement.feature import Context
from storage import audit, bonds, entry, identities
from storage.bonds import Bond, BondCode
from storage.engine import Session
from storage.groups import Consent, Group, Identity, Member, RoleGrant


@dataclass(frozen=True, slots=True)
class Line:
    """What a group holds of who entered the code.

    Attributes:
        points: whole ones.
        shared: who made the code is in it as well; ``leads``: who entered it leads it.
        family: whole points of the family with whom these are shared, None = with nobody.
    """

    group: str
    points: int
    shared: bool
    leads: bool
    family: int | None


@dataclass(frozen=True, slots=True)
class Offer:
    """What would become one.

    Attributes:
        theirs: channels of who made the code; ``mine``: of who entered it.
        name: of who made it, masked; ``others``: how many groups he alone is in. Whoever found the code learns no more of him.
    """

    bond_id: int
    theirs: Sequence[str]
    mine: Sequence[str]
    name: str
    lines: Sequence[Line]
    others: int


# ---------------------------------------------------------------- codes


def make_code(ctx: Context) -> str:
    """Give the actor a new code; the one before it ends. Returns it as it is shown."""
    code = rules.draw(_chance(ctx))
    _withdraw(ctx.session, ctx.actor.person_id)
    row = _row(ctx.session, ctx.actor.person_id)
    row.digest, row.until, row.used_by = _digest(code), ctx.now + rules.LIVES, None
    ctx.session.add(row)
    ctx.session.flush()
    note(ctx, "bond.code_made")
    return rules.in_threes(code)


def void_code(session: Session, typed: str) -> bool:
    """End a code that others have read; False when it was none."""
    found = _living(session, typed)
    if found is None:
        return False
    _withdraw(session, found.person_id)
    found.digest = found.until = found.used_by = None
    session.add(found)
    session.flush()
    return True


def _withdraw(session: Session, survivor: int) -> None:
    """Let nobody confirm any more what an ended code has offered."""
    session.execute(
        update(Bond)
        .where(col(Bond.survivor_id) == survivor, col(Bond.state) == "offered")
        .values(state="refused")
        .execution_options(synchronize_session=False)
    )


def _chance(ctx: Context) -> random.Random:
    # A replayed script must play the same again; a guessed code would be somebody's points.
    return ctx.rng if ctx.incoming.channel == "play" else random.SystemRandom()


def _digest(code: str) -> str:
    return hashlib.sha256(f"bond:{code}".encode()).hexdigest()


def _row(session: Session, person_id: int) -> BondCode:
    return session.get(BondCode, person_id) or BondCode(person_id=person_id)


def _living(session: Session, typed: str) -> BondCode | None:
    code = rules.read_code(typed)
    return session.exec(select(BondCode).where(BondCode.digest == _digest(code))).first() if code else None


def enter_code(ctx: Context, typed: str) -> Offer | None:
    """Say what a code would bring together; None for a wrong one, which is counted.

    Raises:
        Refusal: too many wrong ones, the actor's own, or the two cannot become one.
    """
    me = ctx.actor.person_id
    mine = _row(ctx.session, me)
    tried = rules.counts(mine.tries, mine.tries_since, ctx.now)
    if tried >= rules.TRIES:
        raise Refusal("bonds.too_many", minutes=int(rules.TRIES_IN.total_seconds() // 60))
    found = _living(ctx.session, typed)
    if found is not None and found.person_id == me:
        raise Refusal("bonds.own_code")
    if found is None or found.until is None or found.until <= ctx.now or found.used_by not in (None, me):
        mine.tries, mine.tries_since = tried + 1, mine.tries_since if tried else ctx.now
        ctx.session.add(mine)
        ctx.session.flush()
        note(ctx, "bond.wrong_code", tries=mine.tries)
        return None
    check(ctx, found.person_id, me)
    found.used_by = me
    ctx.session.add(found)
    return _offer(ctx, found.person_id, found.until)


def _offer(ctx: Context, survivor: int, until: datetime) -> Offer:
    me = ctx.actor.person_id
    ctx.session.execute(
        delete(Bond)
        .where(col(Bond.absorbed_id) == me, col(Bond.state).in_(("offered", "refused")))
        .execution_options(synchronize_session=False)
    )
    bond = Bond(survivor_id=survivor, absorbed_id=me, until=until)
    ctx.session.add(bond)
    ctx.session.flush()
    assert bond.id is not None
    mine = sorted(identities.memberships(ctx.session, me), key=lambda one: one[1].id or 0)
    theirs = {group.id for _, group in identities.memberships(ctx.session, survivor)}
    shares = {one.member_id: one for _, one in joining.shares(ctx, [member.id or 0 for member, _ in mine])}
    named = ctx.session.exec(select(Identity.name).where(Identity.person_id == survivor).order_by(col(Identity.id)))
    return Offer(
        bond.id,
        bonds.channels(ctx.session, survivor),
        bonds.channels(ctx.session, me),
        rules.masked(named.first() or ""),
        [_line(member, group, shares.get(member.id or 0), shared=group.id in theirs) for member, group in mine],
        len(theirs - {group.id for _, group in mine}),
    )


def _line(member: Member, group: Group, share: Share | None, *, shared: bool) -> Line:
    points, family = (share.points, share.family) if share is not None else (0, None)
    return Line(group.name, points, shared, member.role == "leader", family)


# ---------------------------------------------------------------- whether


def check(ctx: Context, survivor: int, absorbed: int, *, again: bool = False) -> None:
    """Refuse two persons who cannot become one.

    Args:
        again: their parting is taken back, which need not wait.

    Raises:
        Refusal: see :func:`engagement.bonds.rules.why_not`.
    """
    key, values = rules.why_not(
        _side(ctx.session, survivor),
        _side(ctx.session, absorbed),
        _both(ctx.session, survivor, absorbed),
        None if again else _parted(ctx.session, survivor, absorbed),
        ctx.now,
    )
    if key:
        raise Refusal(key, **{n: channels.word(str(v)) if n == "channel" else v for n, v in values.items()})


def _side(session: Session, person_id: int) -> rules.Side:
    grants = session.exec(select(RoleGrant.role).where(RoleGrant.person_id == person_id)).first()
    consent = session.get(Consent, person_id)
    return rules.Side(
        bonds.channels(session, person_id),
        staff=grants is not None or entry.login_of(session, person_id) is not None,
        withdrew=consent is not None and consent.withdrawn_at is not None,
        survivor=bool(bonds.absorbed(session, person_id)),
    )


def _both(session: Session, survivor: int, absorbed: int) -> list[rules.Both]:
    theirs = {
        member.group_id: member for member in session.exec(select(Member).where(Member.person_id == survivor)).all()
    }
    found = []
    for member in session.exec(select(Member).where(Member.person_id == absorbed).order_by(col(Member.id))):
        into = theirs.get(member.group_id)
        if into is None:
            continue
        families = [identities.sharing(session, one.account_id) for one in (member, into) if one.account_id is not None]
        leads = member.role == "leader" and member.left_at is None and into.role != "leader"
        group = session.get_one(Group, member.group_id)
        found.append(rules.Both(group.name, family=any(len(family) > 1 for family in families), leads=leads))
    return found


def _parted(session: Session, one: int, other: int) -> datetime | None:
    two = (one, other)
    return session.exec(
        select(Bond.parted_at)
        .where(Bond.state == "parted", col(Bond.survivor_id).in_(two), col(Bond.absorbed_id).in_(two))
        .order_by(col(Bond.parted_at).desc())
        .limit(1)
    ).first()


# ---------------------------------------------------------------- the answer


@dataclass(frozen=True, slots=True)
class Bound:
    """Two are one.

    Attributes:
        came: channels of the one that was absorbed; ``chats``: (channel, account, id) of the other one's.
        channels: on which the person is known now.
        groups: how many they are in; ``points``: whole points in all of them.
        held: whole points of today's second check-ins, which stay behind.
    """

    came: Sequence[str]
    chats: Sequence[tuple[str, str, str]]
    channels: Sequence[str]
    groups: int
    points: int
    held: int


def confirm(ctx: Context, bond_id: int) -> Bound:
    """Let the two become one, once: of two confirmations the second meets a bond that is settled.

    Raises:
        Refusal: not the actor's, too late, settled already, or they cannot become one any more.
    """
    bond = ctx.session.get(Bond, bond_id)
    if bond is None:
        raise Refusal("guard.old_button")
    if bond.state == "bound" and bond.survivor_id == ctx.actor.person_id:
        raise Refusal("bonds.bound_already")
    if bond.absorbed_id != ctx.actor.person_id or bond.state != "offered":
        raise Refusal("guard.old_button")
    if bond.until <= ctx.now:
        raise Refusal("bonds.late")
    if bonds.is_absorbed(ctx.session, bond.survivor_id) or not bonds.channels(ctx.session, bond.survivor_id):
        raise Refusal("guard.old_button")
    check(ctx, bond.survivor_id, bond.absorbed_id)
    claim(ctx, bond, "offered", "bound")
    bond.bound_at = ctx.now
    came = bonds.channels(ctx.session, bond.absorbed_id)
    chats = bonds.open_chats(ctx.session, bond.survivor_id)
    held = joining.join(ctx, bond)
    forget_codes(ctx.session, bond)
    survivor = bond.survivor_id
    note(ctx, "bond.bound", bond=bond_id, survivor=survivor)
    ctx.actor = replace(ctx.actor, person_id=survivor, member_id=None, account_id=None, steps=None)
    mine = [member.id or 0 for member, _ in identities.memberships(ctx.session, survivor)]
    points = sum(share.points for _, share in joining.shares(ctx, mine))
    return Bound(came, chats, bonds.channels(ctx.session, survivor), len(mine), points, held)


def cancel(ctx: Context, bond_id: int) -> None:
    """Let everything be as it is.

    Raises:
        Refusal: not the actor's, or settled already.
    """
    bond = ctx.session.get(Bond, bond_id)
    if bond is None or bond.absorbed_id != ctx.actor.person_id:
        raise Refusal("guard.old_button")
    claim(ctx, bond, "offered", "refused")


def claim(ctx: Context, bond: Bond, before: str, after: str) -> None:
    """Bring a bond from one state to another, once.

    Raises:
        Refusal: somebody was quicker.
    """
    done = ctx.session.execute(
        update(Bond)
        .where(col(Bond.id) == bond.id, col(Bond.state) == before)
        .values(state=after)
        .returning(col(Bond.id))
        .execution_options(synchronize_session=False)
    ).first()
    if done is None:
        raise Refusal("guard.old_button")
    ctx.session.refresh(bond)


def forget_codes(session: Session, bond: Bond) -> None:
    """End the codes of both, and what else was offered to or by them."""
    two = (bond.survivor_id, bond.absorbed_id)
    session.execute(delete(BondCode).where(or_(col(BondCode.person_id).in_(two), col(BondCode.used_by).in_(two))))
    session.execute(
        update(Bond)
        .where(col(Bond.state) == "offered", or_(col(Bond.survivor_id).in_(two), col(Bond.absorbed_id).in_(two)))
        .values(state="refused")
        .execution_options(synchronize_session=False)
    )


def note(ctx: Context, action: str, **details: int | str) -> None:
    """Put on record what somebody did with his accounts."""
    audit.record(ctx.session, at=ctx.now, actor_id=ctx.actor.person_id, group_id=None, action=action, **details)
