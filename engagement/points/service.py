"""Points: giving them, counting them, showing them. The one slice that others may call (DESIGN §3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, bindparam, func, literal_column, select
from sqlmodel import col
from sqlmodel import select as pick

from engagement.errors import Refusal
from engagement.feature import Context
from engagement.points import rules
from storage import audit, identities, ledger
from storage.engine import Session
from storage.groups import Account, Group, Member
from storage.ledger import Entry, EntryReason, Posted, Posting
from storage.statements import Prepared

HISTORY_ROWS = 8

_E = Entry.__table__  # type: ignore[attr-defined]
_M = Member.__table__  # type: ignore[attr-defined]
# What moves between accounts was earned once already.
_EARNED: ColumnElement[bool] = literal_column("ledger_entry.kind <> 'transfer'")
_SUM_SINCE = Prepared(
    "points.sum_since",
    select(func.coalesce(func.sum(_E.c.amount), 0)).where(
        _E.c.account_id == bindparam("account"), _E.c.local_date >= bindparam("since"), _EARNED
    ),
)
_BOARD = Prepared(
    "points.board",
    select(_E.c.member_id, _M.c.name, func.sum(_E.c.amount))
    .select_from(_E.join(_M, _M.c.id == _E.c.member_id))
    .where(
        _E.c.group_id == bindparam("group_row"),
        _E.c.local_date >= bindparam("since"),
        _EARNED,
        _M.c.left_at.is_(None),
        _M.c.account_id.is_not(None),
    )
    .group_by(_E.c.member_id, _M.c.name)
    .having(func.sum(_E.c.amount) > 0),
)


def award(
    ctx: Context, *, kind: str, key: str, amount: int, member_id: int | None = None, account_id: int | None = None
) -> Posted:
    """Post whole points for the acting member (or another), once per natural key.

    Args:
        key: idempotency key, e.g. ``topic:{group}:{member}:{local_date}``.
        amount: not zero.

    Raises:
        storage.ledger.InsufficientPoints: a taking beyond the balance.
    """
    member = ctx.actor.member_id if member_id is None else member_id
    account = ctx.actor.account_id if account_id is None else account_id
    assert member is not None and account is not None
    return ledger.post(
        ctx.session,
        Posting(account, ctx.here.id, member, amount, kind, key, ctx.today, ctx.incoming.occurred_at),
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """A member's points in a group.

    Attributes:
        balance: whole points that the household has.
        week: whole points of this week, Monday to today.
        rank: place on the week's board; 0 without points this week.
    """

    group_id: int
    group_name: str
    balance: int
    week: int
    rank: int


def standing(
    session: Session, group_id: int, group_name: str, member_id: int, account_id: int, today: date
) -> Standing:
    """Return a member's points in one group."""
    since = rules.period_start("week", today)
    assert since is not None
    week = int(session.row(_SUM_SINCE, account=account_id, since=since.isoformat())[0])
    place = next((r.rank for r in board(session, group_id, "week", today) if r.member_id == member_id), 0)
    return Standing(group_id, group_name, ledger.balance(session, account_id), week, place)


def all_standings(session: Session, person_id: int, today: date) -> list[Standing]:
    """Return a person's points in every group, for a private chat."""
    return [
        standing(session, group.id or 0, group.name, member.id or 0, member.account_id, today)
        for member, group in identities.memberships(session, person_id)
        if member.account_id is not None
    ]


def board(session: Session, group_id: int, period: rules.Period, today: date) -> list[rules.Rank]:
    """Return everybody with points in a period, ranked."""
    since = rules.period_start(period, today)
    rows = session.rows(_BOARD, group_row=group_id, since="0001-01-01" if since is None else since.isoformat())
    return rules.ranked([(int(m), str(n), int(p)) for m, n, p in rows])


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One entry of an account, as its owner sees it."""

    local_date: date
    kind: str
    amount: int
    reason: str


def history(session: Session, account_id: int, limit: int = HISTORY_ROWS) -> list[HistoryRow]:
    """Return the latest entries of an account, newest first."""
    rows = session.exec(
        pick(Entry, EntryReason.reason)
        .outerjoin(EntryReason, col(EntryReason.entry_id) == col(Entry.id))
        .where(col(Entry.account_id) == account_id)
        .order_by(col(Entry.id).desc())
        .limit(limit)
    )
    return [HistoryRow(e.local_date, e.kind, e.amount, r or "") for e, r in rows]


def _find_member(session: Session, group_id: int, name: str) -> Member:
    found = identities.named(session, group_id, name)
    if not found:
        raise Refusal("points.no_such_member", name=name)
    if len(found) > 1:
        raise Refusal("points.same_names", name=name, count=len(found))
    return found[0]


@dataclass(frozen=True, slots=True)
class Adjusted:
    """A leader's gift or taking, done."""

    entry_id: int
    member: Member
    balance: int


def adjust(ctx: Context, gift: rules.Gift, *, take: bool) -> Adjusted:
    """Let a leader give or take points with a reason, within the caps; once per message.

    Raises:
        Refusal: nobody or several of that name, the day's cap, oneself, or too few points to take.

    Source: F6, FAULTS B13.
    """
    group = ctx.here
    member = _find_member(ctx.session, group.id, gift.name)
    assert member.id is not None
    if member.person_id == ctx.actor.person_id:
        raise Refusal("points.not_oneself")
    if member.account_id is None:
        raise Refusal("points.not_yet_member", name=member.name)
    used = int(
        ctx.session.execute(
            select(func.coalesce(func.sum(func.abs(_E.c.amount)), 0)).where(
                _E.c.group_id == group.id,
                _E.c.local_date == ctx.today,
                _E.c.kind == "adjust",
            )
        ).scalar_one()
    )
    if used + gift.amount > rules.GIVE_MOST_A_DAY:
        raise Refusal("points.day_cap", left=max(0, rules.GIVE_MOST_A_DAY - used), most=rules.GIVE_MOST_A_DAY)
    amount = -gift.amount if take else gift.amount
    try:
        posted = award(
            ctx,
            kind="adjust",
            key=f"adjust:{ctx.incoming.channel}:{ctx.incoming.account}:{ctx.incoming.dedupe_key}",
            amount=amount,
            member_id=member.id,
            account_id=member.account_id,
        )
    except ledger.InsufficientPoints as lacking:
        raise Refusal("points.too_few", name=member.name, balance=lacking.balance) from lacking
    ctx.session.add(
        EntryReason(entry_id=posted.entry_id, member_id=member.id, given_by=ctx.actor.person_id, reason=gift.reason)
    )
    audit.record(
        ctx.session,
        at=ctx.now,
        actor_id=ctx.actor.person_id,
        group_id=group.id,
        action="points.taken" if take else "points.given",
        member=member.id,
        amount=amount,
        entry=posted.entry_id,
    )
    return Adjusted(posted.entry_id, member, posted.balance)


def undo_adjust(ctx: Context, entry_id: int) -> tuple[str, int, int]:
    """Reverse a leader's gift or taking; returns (name, points moved, balance).

    Raises:
        Refusal: it is not one of this group, was undone already, or the points are spent.
    """
    entry = ctx.session.get(Entry, entry_id)
    if entry is None or entry.group_id != ctx.here.id or entry.kind != "adjust":
        raise Refusal("guard.old_button")
    try:
        posted = ledger.reverse(ctx.session, entry_id, local_date=ctx.today, occurred_at=ctx.incoming.occurred_at)
    except ledger.InsufficientPoints as lacking:
        raise Refusal("points.spent_already", balance=lacking.balance) from lacking
    member = ctx.session.get_one(Member, entry.member_id)
    if posted.repeated:
        raise Refusal("points.undone_already")
    audit.record(
        ctx.session,
        at=ctx.now,
        actor_id=ctx.actor.person_id,
        group_id=ctx.here.id,
        action="points.undone",
        entry=entry_id,
    )
    return member.name, -entry.amount, posted.balance


def export(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return every entry of a person's accounts, oldest first."""
    rows = session.exec(
        pick(Entry, EntryReason.reason, Group.name)
        .join(Account, col(Account.id) == col(Entry.account_id))
        .join(Group, col(Group.id) == col(Entry.group_id))
        .join(Member, col(Member.id) == col(Entry.member_id))
        .outerjoin(EntryReason, col(EntryReason.entry_id) == col(Entry.id))
        .where(col(Member.person_id) == person_id)
        .order_by(col(Entry.id))
    )
    return [
        {"group": name, "date": e.local_date.isoformat(), "kind": e.kind, "points": e.amount, "reason": r or ""}
        for e, r, name in rows
    ]


def erase_reasons(session: Session, person_id: int) -> None:
    """Delete the free texts about a person's entries; the entries stay, their sums intact."""
    members = list(session.exec(pick(Member.id).where(Member.person_id == person_id)))
    for row in session.exec(pick(EntryReason).where(col(EntryReason.member_id).in_(members))):
        session.delete(row)
