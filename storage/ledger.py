"""The points ledger: append-only entries of whole points, one account per household and group.

A balance is the sum of its entries; ``account.balance`` is a cache kept in the same transaction, guarded by CHECK and
verified by :func:`check`. Entries never change: triggers refuse UPDATE and DELETE, a correction is a reversing entry.
The idempotency key is natural (``checkin:{group}:{member}:{topic}:{local_date}``), so a redelivered message, a crash and a
second process all meet the same UNIQUE constraint.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import CheckConstraint, Index, Select, bindparam, func, select, update
from sqlmodel import Field, SQLModel

from storage import lots
from storage.columns import BigInt, day, micros, pk, ref, utc
from storage.engine import Session
from storage.groups import Account, Member
from storage.lots import Expiring
from storage.statements import Prepared

MAX_AMOUNT = 1_000_000
"""No single entry moves more points than this, whoever asks."""
HOME = "home:"  # How the keys of transfers begin that bring points to where a reversal finds them.


class Entry(SQLModel, table=True):
    """One change of one account.

    Attributes:
        amount: whole points, not zero, within ±1,000,000.
        kind: what it was for (``checkin``, ``topic``, ``adjust``, ``challenge``, ``reversal``, …).
        local_date: the group's local day it counts for.
        reverses_id: the entry that this one undoes; an entry is undone at most once.
    """

    __tablename__ = "ledger_entry"
    __table_args__ = (
        CheckConstraint("amount <> 0 AND amount BETWEEN -1000000 AND 1000000", name="ledger_entry_amount"),
        Index("ix_ledger_entry_group_day", "group_id", "local_date", "member_id"),
        Index("ix_ledger_entry_account", "account_id"),
    )
    id: int | None = pk()
    account_id: int = ref("account.id", index=False)
    group_id: int = ref("chat_group.id", index=False)
    member_id: int = ref("member.id", index=False)
    amount: int = Field(sa_type=BigInt)
    kind: str = Field(max_length=20)
    idempotency_key: str = Field(max_length=160, unique=True)
    local_date: date = day()
    occurred_at: datetime = utc()
    reverses_id: int | None = Field(
        default=None, foreign_key="ledger_entry.id", unique=True, nullable=True, sa_type=BigInt
    )


class EntryReason(SQLModel, table=True):
    """Free text about an entry; beside the ledger, since it can be erased and entries cannot."""

    __tablename__ = "ledger_reason"
    entry_id: int = ref("ledger_entry.id", primary_key=True, index=False)
    member_id: int = ref("member.id")
    given_by: int | None = ref("person.id", nullable=True, index=False)
    reason: str = Field(max_length=200)


@dataclass(frozen=True, slots=True)
class Posting:
    """What to write down; see :class:`Entry` for the fields.

    Attributes:
        expires_on: of a credit: the last local day on which its points are good; None = for ever.
    """

    account_id: int
    group_id: int
    member_id: int
    amount: int
    kind: str
    idempotency_key: str
    local_date: date
    occurred_at: datetime
    reverses_id: int | None = None
    expires_on: date | None = None


@dataclass(frozen=True, slots=True)
class Posted:
    """What came of a posting.

    Attributes:
        entry_id: the entry; of the first time when it is a repeat.
        balance: whole points of the account now.
        repeated: True when the key was there already: nothing was changed.
    """

    entry_id: int
    balance: int
    repeated: bool


class ConflictingPosting(Exception):
    """The idempotency key stands for another posting: same key, other account or amount."""


class LapsedPoints(Exception):
    """The credit's points have expired; undoing it would take others."""


class InsufficientPoints(Exception):
    """The account has fewer points than the posting takes; nothing was changed."""

    def __init__(self, balance: int) -> None:
        """Carry the balance in whole points."""
        super().__init__(balance)
        self.balance = balance


_T = Entry.__table__  # type: ignore[attr-defined]
_A = Account.__table__  # type: ignore[attr-defined]
_M = Member.__table__  # type: ignore[attr-defined]
_COLUMNS = (
    "account_id",
    "group_id",
    "member_id",
    "amount",
    "kind",
    "idempotency_key",
    "local_date",
    "occurred_at",
    "reverses_id",
)
_INSERT = Prepared(
    "ledger.insert",
    lambda insert: (
        insert(_T)
        .values({c: bindparam(c) for c in _COLUMNS})
        .on_conflict_do_nothing(index_elements=["idempotency_key"])
        .returning(_T.c.id)
    ),
)
_FIND = Prepared(
    "ledger.find",
    select(_T.c.id, _T.c.account_id, _T.c.amount).where(_T.c.idempotency_key == bindparam("key")),
)
_ADD = Prepared(
    "ledger.add",
    update(_A)
    .where(_A.c.id == bindparam("account"), _A.c.balance + bindparam("change") >= 0)
    .values(balance=_A.c.balance + bindparam("change"))
    .returning(_A.c.balance),
)
_BALANCE = Prepared("ledger.balance", select(_A.c.balance).where(_A.c.id == bindparam("account")))


def post(session: Session, posting: Posting) -> Posted:
    """Write an entry, move the balance and see to the lots, once per idempotency key.

    A taking uses up the lot that expires first (:mod:`storage.lots`); an account without lots costs it one look.

    Raises:
        ValueError: the amount is zero or beyond ±``MAX_AMOUNT``.
        InsufficientPoints: the account would fall below zero.
        ConflictingPosting: the key was used for another account or amount (FAULTS B2).

    Source: F6, ADR 0003.
    """
    posted = _write(session, posting)
    if posted.repeated:
        return posted
    if posting.amount < 0:
        taken = -posting.amount
        if posting.reverses_id is not None and lots.of_entry(session, posting.reverses_id) is None:
            # The credit never expired, so those that never expire pay first.
            taken = max(0, lots.total(session, posting.account_id) - posted.balance)
        drawn = lots.use(session, posting.account_id, taken, posting.reverses_id)
        if drawn is not None and posting.reverses_id is None:
            lots.note_draw(session, posted.entry_id, drawn)
    elif posting.expires_on is not None:
        expiring = Expiring(posting.amount, posting.expires_on)
        lots.open_lot(session, posted.entry_id, posting.account_id, posting.member_id, expiring)
    return posted


def _write(session: Session, posting: Posting) -> Posted:
    """Write an entry and move the balance, and leave the lots alone."""
    if posting.amount == 0 or abs(posting.amount) > MAX_AMOUNT:
        raise ValueError(f"amount {posting.amount}")
    known = session.row(_FIND, key=posting.idempotency_key) if posting.amount < 0 else None
    if known is None:
        # A taking is looked up first, so that its repeat is told from a lack of points.
        if posting.amount < 0:
            have = balance(session, posting.account_id)
            if have + posting.amount < 0:
                raise InsufficientPoints(have)
        made = session.row(
            _INSERT,
            account_id=posting.account_id,
            group_id=posting.group_id,
            member_id=posting.member_id,
            amount=posting.amount,
            kind=posting.kind,
            idempotency_key=posting.idempotency_key,
            local_date=posting.local_date.isoformat(),
            occurred_at=micros(posting.occurred_at),
            reverses_id=posting.reverses_id,
        )
        if made is not None:
            added = session.row(_ADD, account=posting.account_id, change=posting.amount)
            if added is None:
                raise LookupError(f"account {posting.account_id}")
            return Posted(made[0], added[0], repeated=False)
        known = session.row(_FIND, key=posting.idempotency_key)
    entry_id, account_id, amount = known
    if account_id != posting.account_id or amount != posting.amount:
        raise ConflictingPosting(posting.idempotency_key)
    return Posted(entry_id, balance(session, account_id), repeated=True)


def balance(session: Session, account_id: int) -> int:
    """Return the whole points of an account; 0 if there is none."""
    found = session.row(_BALANCE, account=account_id)
    return 0 if found is None else int(found[0])


def find(session: Session, key: str) -> tuple[int, int] | None:
    """Return (entry id, amount) of an idempotency key, or None."""
    found = session.row(_FIND, key=key)
    return None if found is None else (int(found[0]), int(found[2]))


def home(session: Session, entry: Entry) -> int:
    """Return the account where the points of an entry belong by now: that of its member, who may have changed households.

    Whoever has erased his data has left them where they were, and what a household has spent comes back to it.
    """
    member = session.get_one(Member, entry.member_id)
    spent = entry.amount < 0 and entry.kind != "adjust"
    stays = spent and session.execute(select(_M.c.id).where(_M.c.account_id == entry.account_id).limit(1)).first()
    return entry.account_id if stays or member.account_id is None else member.account_id


def reverse(session: Session, entry_id: int, *, local_date: date, occurred_at: datetime) -> Posted:
    """Undo an entry by an opposite one; a second call changes nothing.

    A reversal stands in the account of what it undoes. When that is no longer the member's, a transfer brings the points there
    first, or from there to him: nobody's points end up in an account of nobody.

    Undoing a credit takes what is left of its own lot first; if it had none, points that never expire. Undoing a taking gives
    back as many expiring points as it had used up, as one lot that is good until the latest day among those that it had used:
    nothing is good for less long than before. If that day is over by now, they get as many days as they had left when they
    were taken. The rest never expired and does not now.

    Raises:
        LookupError: no such entry, or it is itself a reversal.
        InsufficientPoints: the points were spent already.
        LapsedPoints: the points have expired already; others would have to pay.
    """
    entry = session.get(Entry, entry_id)
    if entry is None or entry.reverses_id is not None:
        raise LookupError(f"entry {entry_id}")
    there, now_at = entry.account_id, home(session, entry)
    moved = there != now_at and find(session, f"reversal:{entry_id}") is None
    posted = None if moved and entry.amount > 0 else _reverse(session, entry, local_date, occurred_at)
    if moved:
        transfer(
            session,
            source_account=there if posted else now_at,
            target_account=now_at if posted else there,
            group_id=entry.group_id,
            source_member=entry.member_id,
            target_member=entry.member_id,
            amount=abs(entry.amount),
            key=f"{HOME}{entry_id}",
            local_date=local_date,
            occurred_at=occurred_at,
        )
    posted = posted or _reverse(session, entry, local_date, occurred_at)
    return replace(posted, balance=balance(session, now_at))


def _reverse(session: Session, entry: Entry, local_date: date, occurred_at: datetime) -> Posted:
    entry_id = entry.id
    assert entry_id is not None
    undoing = Posting(
        entry.account_id,
        entry.group_id,
        entry.member_id,
        -entry.amount,
        "reversal",
        f"reversal:{entry_id}",
        local_date,
        occurred_at,
        reverses_id=entry_id,
    )
    if entry.amount > 0:
        own = lots.of_entry(session, entry_id)
        lapsed = own is not None and own.expires_on < local_date and not own.remaining
        if lapsed and find(session, undoing.idempotency_key) is None:
            raise LapsedPoints
        return post(session, undoing)
    posted = _write(session, undoing)
    drawn = None if posted.repeated else lots.drawn(session, entry_id)
    if drawn is not None:
        until = drawn.expires_on
        if until < local_date:
            until = local_date + max(until - entry.local_date, timedelta())
        lots.open_lot(session, posted.entry_id, entry.account_id, entry.member_id, Expiring(drawn.amount, until))
    return posted


def transfer(  # noqa: PLR0913
    session: Session,
    *,
    source_account: int,
    target_account: int,
    group_id: int,
    source_member: int,
    target_member: int,
    amount: int,
    key: str,
    local_date: date,
    occurred_at: datetime,
    kind: str = "transfer",
    lasting: bool = False,
) -> tuple[Posted, Posted]:
    """Move points by two entries of one transaction, ``{key}:out`` and ``{key}:in``; returns both. A repeat changes nothing.

    Within one account only what each member has contributed moves: the balance stays as it is, and must still hold the
    amount. Points that expire keep their days (:func:`storage.lots.move`).

    Args:
        amount: whole points, 1 … ``MAX_AMOUNT``.
        key: idempotency key without its ending.
        lasting: beside the member's own lots, points that never expire go before other members' lots.

    Raises:
        ValueError: the amount is out of bounds.
        InsufficientPoints: the source has fewer; nothing was changed.
        ConflictingPosting: the key stands for another transfer.

    Source: F3, ADR 0003.
    """
    if amount < 1:
        raise ValueError(f"amount {amount}")
    out = Posting(source_account, group_id, source_member, -amount, kind, f"{key}:out", local_date, occurred_at)
    into = replace(out, account_id=target_account, member_id=target_member, amount=amount, idempotency_key=f"{key}:in")
    taken = _write(session, out)
    given = _write(session, into)
    if not given.repeated:
        source, target = (source_account, source_member), (target_account, target_member)
        lots.move(session, source, target, amount, given.entry_id, taken.balance if lasting else None)
    if source_account == target_account:
        taken = replace(taken, balance=given.balance)
    return taken, given


@dataclass(frozen=True, slots=True)
class LedgerCheck:
    """Figures of a whole check of the ledger; all that begin with ``wrong`` or ``negative`` must be 0."""

    accounts: int
    entries: int
    wrong_balances: int
    negative_balances: int
    wrong_reversals: int
    lots: int = 0
    wrong_lots: int = 0


def check(session: Session) -> LedgerCheck:
    """Compare every cached balance with the sum of its entries, and every reversal with what it undoes."""
    sums = select(_T.c.account_id, func.sum(_T.c.amount).label("total")).group_by(_T.c.account_id).subquery()
    wrong = (
        select(func.count())
        .select_from(_A.outerjoin(sums, sums.c.account_id == _A.c.id))
        .where(_A.c.balance != func.coalesce(sums.c.total, 0))
    )
    undone = _T.alias()
    reversals = (
        select(func.count())
        .select_from(_T.join(undone, _T.c.reverses_id == undone.c.id))
        .where((_T.c.amount != -undone.c.amount) | (_T.c.account_id != undone.c.account_id))
    )

    def number(statement: Select[int]) -> int:
        return int(session.execute(statement).scalar_one())

    open_lots, wrong_lots = lots.check(session)
    return LedgerCheck(
        accounts=number(select(func.count()).select_from(_A)),
        entries=number(select(func.count()).select_from(_T)),
        wrong_balances=number(wrong),
        negative_balances=number(select(func.count()).select_from(_A).where(_A.c.balance < 0)),
        wrong_reversals=number(reversals),
        lots=open_lots,
        wrong_lots=wrong_lots,
    )
