"""冲正: a leader undoes one entry of the own group by an opposite one, with a reason that its owner reads.

Only points move: a check-in stays checked in, a streak goes on. What a reversal, a transfer or an expiry did is not reversed
here: the first is undone by 撤销, the second by moving points back, the third would come again the next night.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engagement.errors import Refusal
from engagement.feature import Context
from engagement.points import gifts
from storage import audit, ledger, lots
from storage.groups import Member
from storage.ledger import Entry, EntryReason, Posting

FINAL = frozenset({"reversal", "transfer", "expiry"})


@dataclass(frozen=True, slots=True)
class Corrected:
    """An entry that is to be, or was, reversed.

    Attributes:
        amount: whole points that the reversal moves, with their sign.
        balance: of the account afterwards; 0 while it is only looked at.
    """

    entry: Entry
    member: Member
    amount: int
    balance: int = 0
    reversal_id: int = 0


def look(ctx: Context, entry_id: int) -> Corrected:
    """Return an entry that the acting leader may reverse.

    Raises:
        Refusal: none of this group, of a kind that is final, of the own account, or reversed already.
    """
    entry = ctx.session.get(Entry, entry_id) if entry_id else None
    if entry is None or entry.group_id != ctx.here.id:
        raise Refusal("points.no_such_entry", entry=entry_id)
    if entry.kind in FINAL:
        raise Refusal("points.entry_final", entry=entry_id)
    member = ctx.session.get_one(Member, entry.member_id)
    if member.person_id == ctx.actor.person_id or entry.account_id == ctx.actor.account_id:
        raise Refusal("points.not_oneself")
    if ledger.find(ctx.session, f"reversal:{entry_id}") is not None:
        raise Refusal("points.reversed_already", entry=entry_id)
    return Corrected(entry, member, -entry.amount)


def reverse(ctx: Context, entry_id: int, reason: str) -> Corrected:
    """Reverse an entry of the group, with a reason.

    Raises:
        Refusal: as :func:`look`, or the points are spent or expired.

    Source: F6, ADR 0003.
    """
    found = look(ctx, entry_id)
    try:
        posted = ledger.reverse(ctx.session, entry_id, local_date=ctx.today, occurred_at=ctx.incoming.occurred_at)
    except ledger.InsufficientPoints as lacking:
        raise Refusal("points.spent_already", balance=lacking.balance) from lacking
    except ledger.LapsedPoints as lapsed:
        raise Refusal("points.lapsed_already") from lapsed
    assert found.member.id is not None
    ctx.session.add(
        EntryReason(entry_id=posted.entry_id, member_id=found.member.id, given_by=ctx.actor.person_id, reason=reason)
    )
    _note(ctx, action="points.reversed", entry=entry_id, reversal=posted.entry_id)
    return Corrected(found.entry, found.member, found.amount, posted.balance, posted.entry_id)


def take_back(ctx: Context, before: Mapping[str, object]) -> Corrected:
    """Undo a reversal: the entry's points move once more, and are good as long as they were.

    Raises:
        Refusal: what the reversal gave back is spent.
    """
    entry = ctx.session.get_one(Entry, int(str(before["entry"])))
    reversal = int(str(before["reversal"]))
    lot = lots.of_entry(ctx.session, reversal if entry.amount < 0 else int(entry.id or 0))
    posting = Posting(
        ledger.home(ctx.session, entry),
        entry.group_id,
        entry.member_id,
        entry.amount,
        # What was spent is spent once more: it counts no more than before.
        entry.kind if entry.amount < 0 else "adjust",
        f"again:{reversal}",
        ctx.today,
        ctx.incoming.occurred_at,
        expires_on=lot.expires_on if lot is not None and entry.amount > 0 else None,
    )
    try:
        posted = ledger.post(ctx.session, posting)
    except ledger.InsufficientPoints as lacking:
        raise Refusal("points.spent_already", balance=lacking.balance) from lacking
    _note(ctx, action="points.reversal_undone", entry=int(entry.id or 0), again=posted.entry_id)
    return Corrected(entry, ctx.session.get_one(Member, entry.member_id), entry.amount, posted.balance)


def _note(ctx: Context, *, action: str, **details: int) -> None:
    audit.record(ctx.session, at=ctx.now, actor_id=ctx.actor.person_id, group_id=ctx.here.id, action=action, **details)


def member_named(ctx: Context, name: str) -> Member:
    """Return a member whom the acting leader looks at.

    Raises:
        Refusal: the actor leads no group here, nobody or several are called so.
    """
    if not ctx.actor.leader:
        raise Refusal("points.others_leader_only")
    member = gifts.find_member(ctx.session, ctx.here.id, name)
    audit.record(
        ctx.session,
        at=ctx.now,
        actor_id=ctx.actor.person_id,
        group_id=ctx.here.id,
        action="points.looked_at",
        member=int(member.id or 0),
    )
    return member
