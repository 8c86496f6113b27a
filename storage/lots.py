"""Lots: which of an account's points expire, and when. A lot is what is left of one credit.

Only a credit that is posted while its group has a rule of expiry gets a lot; points without one never expire, so a new or a
shortened rule is never retroactive. What is taken uses up the lot that expires first and points without a lot last. A lot only
ever shrinks: what comes back, or is left over from a split, becomes a lot of its own.

For every account 0 ≤ the sum of its lots ≤ its balance (:func:`check`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import CheckConstraint, Index, bindparam, case, func, select, text, update
from sqlmodel import Field, SQLModel

from storage.columns import BigInt, day, ref
from storage.engine import Session
from storage.groups import Account
from storage.statements import Prepared


class Lot(SQLModel, table=True):
    """What is left of a credit that expires.

    Attributes:
        entry_id: the credit; or the giving half of a transfer that split a lot.
        account_id, member_id: whose it is now; a lot moves with a transfer.
        expires_on: the last local day on which the points are good.
        remaining: whole points that are neither used nor expired.
    """

    __tablename__ = "ledger_lot"
    __table_args__ = (
        CheckConstraint("remaining >= 0", name="ledger_lot_remaining"),
        Index(
            "ix_ledger_lot_open",
            "account_id",
            "expires_on",
            sqlite_where=text("remaining > 0"),
            postgresql_where=text("remaining > 0"),
        ),
        Index(
            "ix_ledger_lot_due",
            "expires_on",
            sqlite_where=text("remaining > 0"),
            postgresql_where=text("remaining > 0"),
        ),
    )
    entry_id: int = ref("ledger_entry.id", primary_key=True, index=False)
    account_id: int = ref("account.id", index=False)
    member_id: int = ref("member.id", index=False)
    expires_on: date = day()
    remaining: int = Field(sa_type=BigInt)


class Draw(SQLModel, table=True):
    """What a taking used up of lots, so that it can be given back.

    Attributes:
        entry_id: the taking.
        amount: whole points that came out of lots; the rest of the taking never expired.
        expires_on: the latest day among those lots.
    """

    __tablename__ = "ledger_draw"
    __table_args__ = (CheckConstraint("amount > 0", name="ledger_draw_amount"),)
    entry_id: int = ref("ledger_entry.id", primary_key=True, index=False)
    amount: int = Field(sa_type=BigInt)
    expires_on: date = day()


@dataclass(frozen=True, slots=True)
class Expiring:
    """Points that expire: how many, and the (latest) last day on which they are good."""

    amount: int
    expires_on: date


_L = Lot.__table__  # type: ignore[attr-defined]
_D = Draw.__table__  # type: ignore[attr-defined]
_A = Account.__table__  # type: ignore[attr-defined]
_OPEN_COLUMNS = ("entry_id", "account_id", "member_id", "expires_on", "remaining")
_INSERT = Prepared("lot.insert", lambda insert: insert(_L).values({c: bindparam(c) for c in _OPEN_COLUMNS}))
_DRAWN = Prepared(
    "lot.drawn",
    lambda insert: insert(_D).values(
        entry_id=bindparam("entry"), amount=bindparam("amount"), expires_on=bindparam("last_day")
    ),
)
_LEFT = Prepared(
    "lot.left",
    select(_L.c.entry_id, _L.c.member_id, _L.c.expires_on, _L.c.remaining)
    .where(_L.c.account_id == bindparam("account"), text("remaining > 0"))
    .order_by(
        case((_L.c.entry_id == bindparam("first_entry"), 0), (_L.c.member_id == bindparam("first_member"), 1), else_=2),
        _L.c.expires_on,
        _L.c.entry_id,
    ),
)
_TOTAL = Prepared(
    "lot.total",
    select(func.coalesce(func.sum(_L.c.remaining), 0)).where(
        _L.c.account_id == bindparam("account"), text("remaining > 0")
    ),
)
_SHRINK = Prepared(
    "lot.shrink", update(_L).where(_L.c.entry_id == bindparam("row")).values(remaining=_L.c.remaining - bindparam("by"))
)
_MOVE = Prepared(
    "lot.move",
    update(_L)
    .where(_L.c.entry_id == bindparam("row"))
    .values(account_id=bindparam("to_account"), member_id=bindparam("to_member")),
)


def open_lot(session: Session, entry_id: int, account_id: int, member_id: int, expiring: Expiring) -> None:
    """Note that points of a credit expire."""
    session.run(
        _INSERT,
        entry_id=entry_id,
        account_id=account_id,
        member_id=member_id,
        expires_on=expiring.expires_on.isoformat(),
        remaining=expiring.amount,
    )


def _pieces(
    session: Session, account_id: int, amount: int, entry: int, member: int
) -> list[tuple[int, int, date, int]]:
    """Return (lot, its member, last day, points of it) that ``amount`` points are made of, as far as lots reach."""
    found: list[tuple[int, int, date, int]] = []
    rows = session.rows(_LEFT, account=account_id, first_entry=entry, first_member=member)
    for lot, owner, last_day, remaining in rows:
        if not amount:
            break
        part = min(amount, remaining)
        amount -= part
        found.append((lot, owner, date.fromisoformat(last_day), part))
    return found


def total(session: Session, account_id: int) -> int:
    """Return how many points of an account expire some day."""
    return int(session.row(_TOTAL, account=account_id)[0])


def use(session: Session, account_id: int, amount: int, first: int | None = None) -> Expiring | None:
    """Use points up: the lot ``first``, if it is this account's, then whichever expires first; None when none had a lot.

    Args:
        amount: whole points taken, ≥ 0; what the lots do not have was good for ever.
    """
    pieces = _pieces(session, account_id, amount, first or 0, 0)
    for lot, _owner, _last_day, part in pieces:
        session.run(_SHRINK, row=lot, by=part)
    if not pieces:
        return None
    return Expiring(sum(piece[3] for piece in pieces), max(piece[2] for piece in pieces))


def note_draw(session: Session, entry_id: int, drawn: Expiring) -> None:
    """Keep what a taking used up of lots."""
    session.run(_DRAWN, entry=entry_id, amount=drawn.amount, last_day=drawn.expires_on.isoformat())


def drawn(session: Session, entry_id: int) -> Expiring | None:
    """Return what a taking used up of lots; None = nothing."""
    found = session.get(Draw, entry_id)
    return None if found is None else Expiring(found.amount, found.expires_on)


def of_entry(session: Session, entry_id: int) -> Lot | None:
    """Return the lot that a credit opened, used up or not."""
    return session.get(Lot, entry_id, populate_existing=True)


def move(
    session: Session,
    source: tuple[int, int],
    target: tuple[int, int],
    amount: int,
    entry_id: int,
    keeps: int | None = None,
) -> None:
    """Move the lots of transferred points; every lot keeps its day.

    The source member's own lots go first, then whichever expires first. Within one account only the member's own lots change
    hands. A lot that is not needed whole is split, and the part that moves becomes the lot of ``entry_id``.

    Args:
        source, target: (account, member).
        entry_id: the giving half of the transfer.
        keeps: whole points that the source holds afterwards: then its points that never expire go before other members' lots,
            of which only those go that it could not hold. None = other members' lots go first.
    """
    pieces = _pieces(session, source[0], amount, 0, source[1])
    own = sum(part for _lot, owner, _last_day, part in pieces if owner == source[1])
    others = amount if keeps is None else max(0, total(session, source[0]) - own - keeps)
    for lot, owner, last_day, piece in pieces:
        part = piece
        if owner != source[1]:
            part = 0 if source[0] == target[0] else min(piece, others)
            others -= part
        if not part:
            continue
        kept = of_entry(session, lot)
        assert kept is not None
        if kept.remaining == part:
            session.run(_MOVE, row=lot, to_account=target[0], to_member=target[1])
        else:
            session.run(_SHRINK, row=lot, by=part)
            open_lot(session, entry_id, target[0], target[1], Expiring(part, last_day))


_SOON = Prepared(
    "lot.soon",
    select(_L.c.expires_on, func.sum(_L.c.remaining))
    .where(_L.c.account_id == bindparam("account"), text("remaining > 0"), _L.c.expires_on <= bindparam("until"))
    .group_by(_L.c.expires_on)
    .order_by(_L.c.expires_on)
    .limit(1),
)


def upcoming(session: Session, account_id: int, most: int) -> list[Expiring]:
    """Return an account's points that expire, by their last good day, the first to go first; at most ``most`` days."""
    rows = session.execute(
        select(_L.c.expires_on, func.sum(_L.c.remaining))
        .where(_L.c.account_id == account_id, text("remaining > 0"))
        .group_by(_L.c.expires_on)
        .order_by(_L.c.expires_on)
        .limit(most)
    )
    return [Expiring(int(amount), day) for day, amount in rows]


def next_expiring(session: Session, account_id: int, until: date) -> Expiring | None:
    """Return the points of an account that expire next, if that is on or before ``until``."""
    row = session.row(_SOON, account=account_id, until=until.isoformat())
    return None if row is None else Expiring(int(row[1]), date.fromisoformat(row[0]))


def prolong(session: Session, group_id: int, until: date) -> None:
    """Let no lot of a group expire before ``until``."""
    mine = select(_A.c.id).where(_A.c.group_id == group_id)
    session.execute(
        update(_L)
        .where(_L.c.account_id.in_(mine), text("remaining > 0"), _L.c.expires_on < until)
        .values(expires_on=until)
        .execution_options(synchronize_session=False)
    )


@dataclass(frozen=True, slots=True)
class Notice:
    """Points of an account that expire on a day."""

    group_id: int
    account_id: int
    amount: int
    expires_on: date


def expiring_on(session: Session, group_ids: Sequence[int], days: Sequence[date]) -> list[Notice]:
    """Return what expires on just these days, per account of these groups."""
    rows = session.execute(
        select(_A.c.group_id, _A.c.id, func.sum(_L.c.remaining), _L.c.expires_on)
        .select_from(_L.join(_A, _A.c.id == _L.c.account_id))
        .where(_A.c.group_id.in_(group_ids), _L.c.expires_on.in_(days), text("remaining > 0"))
        .group_by(_A.c.group_id, _A.c.id, _L.c.expires_on)
        .order_by(_A.c.group_id, _A.c.id, _L.c.expires_on)
    )
    return [Notice(group, account, int(amount), last_day) for group, account, amount, last_day in rows]


def check(session: Session) -> tuple[int, int]:
    """Return (open lots, accounts whose lots are negative or more than the balance)."""
    sums = (
        select(_L.c.account_id, func.sum(_L.c.remaining).label("total"), func.min(_L.c.remaining).label("least"))
        .group_by(_L.c.account_id)
        .subquery()
    )
    wrong = (
        select(func.count())
        .select_from(sums.join(_A, _A.c.id == sums.c.account_id))
        .where((sums.c.total > _A.c.balance) | (sums.c.least < 0))
    )
    lots = select(func.count()).select_from(_L).where(text("remaining > 0"))
    return int(session.execute(lots).scalar_one()), int(session.execute(wrong).scalar_one())
