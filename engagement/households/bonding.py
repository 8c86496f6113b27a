"""Points of persons who become one, and part: the resting membership shares the account, and leaves as one leaves a family.

Source: F3, ADR-0020.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlmodel import col, select

from engagement.events import Bonded, Parted, PartingAsked, Shared, SharesAsked
from engagement.feature import Context, GroupView
from engagement.households import service
from engagement.kernel import Reply
from storage import identities, ledger
from storage.groups import Group, Member
from storage.ledger import Entry

_TOPIC = 3
"""Place of the topic in the key of a check-in's entry: checkin:{group}:{member}:{topic}:{day}."""


def on_bonded(ctx: Context, event: Bonded) -> Sequence[Reply]:
    """Bring what the resting memberships have to the accounts of those that act for them."""
    for one in event.shared:
        resting = ctx.session.get_one(Member, one.member_id)
        if resting.account_id is None:
            continue
        into = identities.open_account(ctx.session, one.into_id, ctx.now)
        one.held = _twice_today(ctx, one)
        one.points = max(0, ledger.balance(ctx.session, resting.account_id) - one.held)
        _carry(ctx, f"bond:{event.bond_id}:{one.group_id}", one, resting.account_id, into)
        _settle(ctx, resting, into)
    return ()


def on_shares_asked(ctx: Context, event: SharesAsked) -> Sequence[Reply]:
    """Say what is a member's own in an account."""
    for one in event.shares:
        found = service.view(ctx.session, one.account_id)
        one.points = found.share_of(one.member_id)
        one.family = None if found.alone else found.balance
    return ()


def on_parting_asked(ctx: Context, event: PartingAsked) -> Sequence[Reply]:
    """Say what is left of what was brought."""
    for one in event.shared:
        one.points = _share(ctx, ctx.session.get_one(Member, one.member_id))
        one.held = ledger.balance(ctx.session, one.account_id)
    return ()


def on_parted(ctx: Context, event: Parted) -> Sequence[Reply]:
    """Give that back, into the account where it came from."""
    for one in event.shared:
        resting = ctx.session.get_one(Member, one.member_id)
        if resting.account_id is None:
            continue
        shared = resting.account_id
        one.points = _share(ctx, resting)
        one.held = ledger.balance(ctx.session, one.account_id)
        home = one.account_id or identities.new_account(ctx.session, one.group_id, ctx.now)
        _carry(ctx, f"part:{event.bond_id}:{one.group_id}", one, shared, home)
        _settle(ctx, resting, home)
    return ()


def _twice_today(ctx: Context, one: Shared) -> int:
    """Return what the resting membership got today for a check-in that the other one made as well: it stays behind.

    Who is one person checks in once a day on each topic, from the day on which he says so.
    """
    today = service.day_in(ctx, GroupView.of(ctx.session.get_one(Group, one.group_id)))
    mine = _got(ctx, one.group_id, [one.member_id], today)
    # Another one who rests there as well may have checked in for him.
    resting = ctx.session.exec(select(Member.id).where(Member.bonded_to == one.into_id, Member.id != one.member_id))
    theirs = _got(ctx, one.group_id, [one.into_id, *resting], today)
    return sum(points for topic, points in mine.items() if theirs.get(topic))


def _got(ctx: Context, group_id: int, member_ids: Sequence[int | None], today: date) -> dict[str, int]:
    """Return check-in topic → points that memberships got for it on a day, as far as nobody took them back."""
    undone = select(Entry.reverses_id).where(col(Entry.reverses_id).is_not(None), col(Entry.member_id).in_(member_ids))
    entries = ctx.session.exec(
        select(Entry.idempotency_key, Entry.amount).where(
            Entry.group_id == group_id,
            Entry.local_date == today,
            col(Entry.member_id).in_(member_ids),
            Entry.kind == "checkin",
            col(Entry.id).not_in(undone),
        )
    )
    found: dict[str, int] = {}
    for key, amount in entries:
        topic = key.split(":")[_TOPIC]
        found[topic] = found.get(topic, 0) + amount
    return found


def _share(ctx: Context, member: Member) -> int:
    return 0 if member.account_id is None else service.apart(ctx.session, member.account_id)[member.id or 0]


def _carry(ctx: Context, key: str, one: Shared, source: int, target: int) -> None:
    group = GroupView.of(ctx.session.get_one(Group, one.group_id))
    # What the one had for ever does not come back as points of the other that expire.
    service.carry(ctx, group, key, source, target, one.member_id, one.points, lasting=True)


def _settle(ctx: Context, member: Member, account_id: int) -> None:
    member.account_id = account_id
    ctx.session.add(member)
    ctx.session.flush()
