"""Families: who shares an account, what each has contributed, naming, giving, leaving; a person's data in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import bindparam
from sqlalchemy import select as core_select
from sqlmodel import col, delete, func, select

from engagement import calendar
from engagement.errors import Refusal
from engagement.feature import Context, GroupView
from engagement.households import rules
from engagement.households.tables import Family
from storage import audit, bonds, identities, ledger
from storage.engine import Session
from storage.groups import Account, Member
from storage.ledger import Entry
from storage.statements import Prepared

_E = Entry.__table__  # type: ignore[attr-defined]
_LINES = Prepared(
    "households.lines",
    # Bare rows: a family of eight writes some thousands of entries a year, and all of them are read.
    core_select(_E.c.id, _E.c.member_id, _E.c.amount, _E.c.kind, _E.c.reverses_id)
    .where(_E.c.account_id == bindparam("account"))
    .order_by(_E.c.id),
)


@dataclass(frozen=True, slots=True)
class Share:
    """One member of a family and the whole points that are his."""

    member: Member
    points: int


@dataclass(frozen=True, slots=True)
class FamilyView:
    """A household as its members see it.

    Attributes:
        name: empty when it has none.
        shares: the members, longest in the group first; the points add up to ``balance``.
    """

    account_id: int
    name: str
    balance: int
    shares: Sequence[Share]

    @property
    def alone(self) -> bool:
        """It is of one member."""
        return len(self.shares) < 2

    def share_of(self, member_id: int | None) -> int:
        """Return a member's contribution in whole points."""
        return next((share.points for share in self.shares if share.member.id == member_id), 0)


def view(session: Session, account_id: int) -> FamilyView:
    """Read a household: its members, and what each has contributed.

    Source: F3.
    """
    members = identities.sharing(session, account_id)
    balance = ledger.balance(session, account_id)
    if len(members) == 1:
        shares = [Share(members[0], balance)]
    else:
        points = apart(session, account_id)
        for resting in bonds.resting(session, account_id):
            points[resting.bonded_to or 0] += points.pop(resting.id or 0)
        shares = [Share(member, points[member.id or 0]) for member in members]
    return FamilyView(account_id, family_name(session, account_id), balance, shares)


def apart(session: Session, account_id: int) -> dict[int, int]:
    """Return member → whole points of everybody who shares an account, a resting membership for itself."""
    everybody = [*identities.sharing(session, account_id), *bonds.resting(session, account_id)]
    rows = session.rows(_LINES, account=account_id)
    return rules.contributions(map(rules.Line._make, rows), [member.id or 0 for member in everybody])


def family_name(session: Session, account_id: int) -> str:
    """Return what an account's household is called, or ``""``."""
    found = session.exec(
        select(Family.name)
        .join(Account, col(Account.household_id) == col(Family.household_id))
        .where(col(Account.id) == account_id)
    ).first()
    return found or ""


def mine(ctx: Context) -> FamilyView:
    """Return the acting member's household in the group."""
    _ = ctx.here
    assert ctx.actor.account_id is not None
    return view(ctx.session, ctx.actor.account_id)


def family(ctx: Context) -> FamilyView:
    """The same of somebody who is not alone.

    Raises:
        Refusal: ``households.alone``.
    """
    found = mine(ctx)
    if found.alone:
        raise Refusal("households.alone")
    return found


def event_key(ctx: Context, what: str) -> str:
    """Return the idempotency key of what an event brings about: a redelivery has the same."""
    return f"family:{what}:{ctx.incoming.channel}:{ctx.incoming.account}:{ctx.incoming.dedupe_key}"


def day_in(ctx: Context, group: GroupView) -> date:
    """Return the local day that the event counts for in a group, which in private need not be the context's."""
    return calendar.business_day(ctx.incoming.occurred_at, ctx.incoming.received_at, group.zone)


def move(ctx: Context, group: GroupView, what: str, source: int, target: int, member: Member, amount: int) -> None:
    """Take a member's points along from one account to another; what rests on the member comes along."""
    assert member.id is not None
    for payer, part in _payers(ctx.session, source, member.id, amount):
        key = event_key(ctx, what if payer == member.id else f"{what}.{payer}")
        carry(ctx, group, key, source, target, payer, part)
    for one in bonds.resting(ctx.session, source):
        if one.bonded_to == member.id:
            one.account_id = target
            ctx.session.add(one)
    ctx.session.flush()


def _payers(session: Session, account_id: int, member_id: int, amount: int) -> list[tuple[int, int]]:
    """Return which membership gives how much of a member's points: what rests on him pays what he has not himself."""
    resting = [one.id or 0 for one in bonds.resting(session, account_id) if one.bonded_to == member_id]
    if not resting:
        return [(member_id, amount)]
    have, payers = apart(session, account_id), []
    for one in (member_id, *resting):
        part = min(amount, have[one])
        amount -= part
        payers.append((one, part))
    return payers


def carry(
    ctx: Context,
    group: GroupView,
    key: str,
    source: int,
    target: int,
    member_id: int,
    amount: int,
    *,
    lasting: bool = False,
) -> None:
    """Move whole points (≥ 0) of one member between accounts, once for a key; see :func:`storage.ledger.transfer`."""
    for number, part in enumerate(rules.portions(amount, ledger.MAX_AMOUNT)):
        ledger.transfer(
            ctx.session,
            source_account=source,
            target_account=target,
            group_id=group.id,
            source_member=member_id,
            target_member=member_id,
            amount=part,
            key=f"{key}{number or ''}",
            local_date=day_in(ctx, group),
            occurred_at=ctx.incoming.occurred_at,
            lasting=lasting,
        )


def rename(ctx: Context, name: str) -> FamilyView:
    """Call the actor's family something.

    Raises:
        Refusal: the actor is in no family.
    """
    found = family(ctx)
    assert ctx.actor.member_id is not None
    set_name(ctx.session, found.account_id, name, ctx.actor.member_id)
    return found


def set_name(session: Session, account_id: int, name: str, member_id: int) -> None:
    """Call a family something that a member of it chose."""
    household = session.get_one(Account, account_id).household_id
    row = session.get(Family, household) or Family(household_id=household)
    row.name, row.named_by = name, member_id
    session.add(row)
    session.flush()


def forget_name(session: Session, account_id: int) -> None:
    """Drop a family's name: nobody, or only one, is left of it."""
    household = session.get_one(Account, account_id).household_id
    session.execute(delete(Family).where(col(Family.household_id) == household))


@dataclass(frozen=True, slots=True)
class Left:
    """A member went.

    Attributes:
        points: whole points taken along.
        rest: what the others have.
        others: who is still there.
    """

    points: int
    rest: int
    others: Sequence[Member]


def leave(ctx: Context, account_id: int) -> Left:
    """Take the actor out of his family with his contribution, into a household of one.

    Args:
        account_id: the family that he was asked about; if he is in another one by now, the button is old.

    Raises:
        Refusal: ``guard.old_button``, or he is in no family.

    Source: F3.
    """
    if account_id != ctx.actor.account_id:
        raise Refusal("guard.old_button")
    found = family(ctx)
    group = ctx.here
    member = next(share.member for share in found.shares if share.member.id == ctx.actor.member_id)
    points = found.share_of(member.id)
    fresh = identities.new_account(ctx.session, group.id, ctx.now)
    move(ctx, group, "leave", account_id, fresh, member, points)
    member.account_id = fresh
    ctx.session.add(member)
    ctx.session.flush()
    others = [share.member for share in found.shares if share.member.id != member.id]
    if len(others) < 2:
        forget_name(ctx.session, account_id)
    _note(ctx, group.id, "household.left", member=member.id or 0, amount=points)
    return Left(points, found.balance - points, others)


@dataclass(frozen=True, slots=True)
class Given:
    """Points moved inside a family.

    Attributes:
        left: what the giver has still contributed.
    """

    member: Member
    left: int
    balance: int


def give(ctx: Context, name: str, amount: int) -> Given:
    """Move a part of the actor's contribution to somebody of his family; the account's balance stays.

    Raises:
        Refusal: nobody of that name in the family, oneself, or less contributed than that.

    Source: F3.
    """
    found = mine(ctx)
    named = [share.member for share in found.shares if share.member.name == name and share.member.left_at is None]
    if len(named) > 1:
        raise Refusal("households.same_names", name=name, count=len(named))
    if not named or found.alone:
        if name == ctx.actor.name:
            raise Refusal("households.not_oneself")
        raise Refusal("households.give_outside", name=name)
    target, group = named[0], ctx.here
    if target.id == ctx.actor.member_id:
        raise Refusal("households.not_oneself")
    have = found.share_of(ctx.actor.member_id)
    if amount > min(have, ledger.MAX_AMOUNT):
        raise Refusal("households.give_too_much", points=have)
    assert ctx.actor.member_id is not None and target.id is not None
    for payer, part in _payers(ctx.session, found.account_id, ctx.actor.member_id, amount):
        if not part:
            continue
        ledger.transfer(
            ctx.session,
            source_account=found.account_id,
            target_account=found.account_id,
            group_id=group.id,
            source_member=payer,
            target_member=target.id,
            amount=part,
            key=event_key(ctx, "give" if payer == ctx.actor.member_id else f"give.{payer}"),
            local_date=ctx.today,
            occurred_at=ctx.incoming.occurred_at,
        )
    _note(ctx, group.id, "household.gave", member=target.id, amount=amount)
    return Given(target, have - amount, found.balance)


def _note(ctx: Context, group_id: int, action: str, **details: int) -> None:
    audit.record(ctx.session, at=ctx.now, actor_id=ctx.actor.person_id, group_id=group_id, action=action, **details)


def wrong_households(session: Session) -> tuple[int, int]:
    """Count (families of several, what is wrong with households: one too large, or a member with another group's account)."""
    sizes = (
        select(Member.account_id, func.count().label("size"))
        .where(col(Member.bonded_to).is_(None))
        .group_by(col(Member.account_id))
        .subquery()
    )
    foreign = (
        select(func.count())
        .select_from(Member)
        .join(Account, col(Account.id) == col(Member.account_id))
        .where(col(Account.group_id) != col(Member.group_id))
    )
    families, large, wrong = (
        int(session.execute(statement).scalar_one())
        for statement in (
            select(func.count()).select_from(sizes).where(sizes.c.account_id.is_not(None), sizes.c.size > 1),
            select(func.count())
            .select_from(sizes)
            .where(sizes.c.account_id.is_not(None), sizes.c.size > rules.FAMILY_MOST),
            foreign,
        )
    )
    return families, large + wrong
