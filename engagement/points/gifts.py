"""A leader's 加分 and 扣分, and what needs a second leader.

Up to a cap one leader acts alone, and may undo it. Up to ten times that, the gift is a request: another leader of the group, or
staff, confirms it within 48 hours. Who asks never confirms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, or_, select
from sqlmodel import col
from sqlmodel import select as pick

from engagement import calendar, rooms
from engagement.errors import Refusal
from engagement.feature import Context, GroupView
from engagement.points import rules
from engagement.points.service import award, good_until
from engagement.points.tables import GiftRequest
from storage import actions, audit, bots, identities, ledger
from storage.engine import Session
from storage.groups import Group, Member, RoleGrant
from storage.ledger import Entry, EntryReason, Posting

CHECKERS = ("staff", "admin")
UNDO = "points_gift"
"""Under which a gift stands in the list of 「撤销」."""
_KEPT = timedelta(days=actions.KEEP_DAYS)
_MOST_NOTED = 200
_E = Entry.__table__  # type: ignore[attr-defined]
_R = EntryReason.__table__  # type: ignore[attr-defined]


def find_member(session: Session, group_id: int, name: str) -> Member:
    """Return the present member of just this name.

    Raises:
        Refusal: nobody or several are called so.
    """
    return rooms.the_only(session, group_id, name, nobody="points.no_such_member", several="points.same_names")


def check_leads(ctx: Context, group_id: int) -> None:
    """Let only leaders of this very group pass, and staff; a button may be pressed in private, about another group.

    Raises:
        Refusal: ``guard.leader_only``.
    """
    if ctx.actor.leader and ctx.group is not None and ctx.group.id == group_id:
        return
    if ctx.actor.person_id in identities.leaders(ctx.session, group_id):
        return
    if identities.roles(ctx.session, ctx.actor.person_id).isdisjoint(CHECKERS):
        raise Refusal("guard.leader_only")


@dataclass(frozen=True, slots=True)
class Adjusted:
    """A leader's gift or taking, done, or asked for.

    Attributes:
        entry_id: 0 when it waits for a second leader.
        request_id: 0 when it is done.
        checkers: persons who can confirm it and whose private chat is open.
    """

    member: Member
    entry_id: int = 0
    balance: int = 0
    request_id: int = 0
    checkers: Sequence[int] = ()


def adjust(ctx: Context, gift: rules.Gift, *, take: bool) -> Adjusted:
    """Let a leader give or take points with a reason, within the caps; once per message.

    Raises:
        Refusal: nobody or several of that name, the leader's cap of the day, the own household, too few points to take, or
            nobody to confirm what is beyond the cap.

    Source: F6, FAULTS B13.
    """
    group = ctx.here
    limits = rules.Limits.of(group.settings)
    member = find_member(ctx.session, group.id, gift.name)
    assert member.id is not None
    if member.person_id == ctx.actor.person_id or (
        member.account_id is not None and member.account_id == ctx.actor.account_id
    ):
        raise Refusal("points.not_oneself")
    if member.account_id is None:
        raise Refusal("points.not_yet_member", name=member.name)
    amount = -gift.amount if take else gift.amount
    if gift.amount > limits.gift_most:
        return _ask(ctx, member, amount, gift.reason, limits)
    used = _used(ctx)
    if used + gift.amount > limits.leader_day_most:
        left = max(0, limits.leader_day_most - used)
        raise Refusal("points.day_cap", left=left, most=limits.leader_day_most)
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
    _give_reason(ctx, posted.entry_id, member.id, ctx.actor.person_id, gift.reason)
    _note(
        ctx,
        group.id,
        action="points.taken" if take else "points.given",
        member=member.id,
        amount=amount,
        entry=posted.entry_id,
    )
    return Adjusted(member, posted.entry_id, posted.balance)


def _used(ctx: Context) -> int:
    """Return what the acting leader has given and taken alone in this group today, both directions added."""
    return int(
        ctx.session.execute(
            select(func.coalesce(func.sum(func.abs(_E.c.amount)), 0))
            .select_from(_E.join(_R, _R.c.entry_id == _E.c.id))
            .where(
                _E.c.group_id == ctx.here.id,
                _E.c.local_date == ctx.today,
                _E.c.kind == "adjust",
                _E.c.idempotency_key.like("adjust:%"),
                _R.c.given_by == ctx.actor.person_id,
            )
        ).scalar_one()
    )


def _give_reason(ctx: Context, entry_id: int, member_id: int, given_by: int, reason: str) -> None:
    ctx.session.add(EntryReason(entry_id=entry_id, member_id=member_id, given_by=given_by, reason=reason))


def _note(ctx: Context, group_id: int, *, action: str, **details: int | str) -> None:
    audit.record(ctx.session, at=ctx.now, actor_id=ctx.actor.person_id, group_id=group_id, action=action, **details)


# ---------------------------------------------------------------- two people


def _ask(ctx: Context, member: Member, amount: int, reason: str, limits: rules.Limits) -> Adjusted:
    leaders = [person for person in identities.leaders(ctx.session, ctx.here.id) if person != ctx.actor.person_id]
    others = [person for person in leaders if person != member.person_id]
    if not others:
        others = list(
            ctx.session.exec(
                pick(RoleGrant.person_id)
                .where(
                    col(RoleGrant.role).in_(CHECKERS),
                    col(RoleGrant.person_id).not_in((ctx.actor.person_id, member.person_id)),
                )
                .distinct()
            )
        )
        if not any(_is_open(ctx, person) for person in others):
            raise Refusal(
                "points.gift_to_other" if leaders else "points.gift_alone", most=limits.gift_most, name=member.name
            )
    assert member.id is not None
    request = GiftRequest(
        group_id=ctx.here.id,
        maker_id=ctx.actor.person_id,
        member_id=member.id,
        amount=amount,
        reason=reason,
        asked_at=ctx.now,
    )
    ctx.session.add(request)
    ctx.session.flush()
    assert request.id is not None
    _note(ctx, ctx.here.id, action="points.asked", member=member.id, amount=amount, request=request.id)
    reachable = [person for person in others if _is_open(ctx, person)]
    return Adjusted(member, request_id=request.id, checkers=reachable)


def _is_open(ctx: Context, person_id: int) -> bool:
    return bots.is_open(ctx.session, person_id, ctx.incoming.channel)


@dataclass(frozen=True, slots=True)
class Decided:
    """A request that was confirmed or turned down.

    Attributes:
        entry_id: 0 when it was turned down.
        maker_id: person to tell in private, 0 when that is not possible.
    """

    name: str
    amount: int
    reason: str
    group_name: str
    group_id: int
    maker_id: int
    entry_id: int = 0
    balance: int = 0


def decide(ctx: Context, request_id: int, *, agree: bool) -> Decided:
    """Let a second person confirm a request, or turn it down; the first one to press decides.

    Raises:
        Refusal: no such request, no right to it, the own one, too late, decided already, or too few points by now.
    """
    request = ctx.session.get(GiftRequest, request_id)
    if request is None:
        if not ctx.actor.leader:
            raise Refusal("guard.leader_only")
        raise Refusal("guard.old_button")
    check_leads(ctx, request.group_id)
    member = ctx.session.get_one(Member, request.member_id)
    if request.state != "open":
        raise Refusal("points.gift_decided")
    if request.asked_at < ctx.now - timedelta(hours=rules.REQUEST_HOURS):
        raise Refusal("points.gift_late", hours=rules.REQUEST_HOURS)
    if request.maker_id == ctx.actor.person_id:
        raise Refusal("points.gift_own")
    if member.account_id is None or member.person_id == ctx.actor.person_id:
        raise Refusal("points.not_oneself")
    group = GroupView.of(ctx.session.get_one(Group, request.group_id))
    request.state = "given" if agree else "refused"
    request.decided_by, request.decided_at = ctx.actor.person_id, ctx.now
    ctx.session.add(request)
    entry_id = balance = 0
    if agree:
        entry_id, balance = _post(ctx, request, member, group)
        _give_reason(ctx, entry_id, request.member_id, request.maker_id, request.reason)
    _note(
        ctx,
        request.group_id,
        action="points.agreed" if agree else "points.turned_down",
        request=request_id,
        amount=request.amount,
        entry=entry_id,
    )
    maker = request.maker_id if _is_open(ctx, request.maker_id) else 0
    return Decided(
        member.name, request.amount, request.reason, group.name, group.id, maker, entry_id=entry_id, balance=balance
    )


def _post(ctx: Context, request: GiftRequest, member: Member, group: GroupView) -> tuple[int, int]:
    assert member.id is not None and member.account_id is not None
    today = calendar.local_day(ctx.now, group.zone)
    posting = Posting(
        member.account_id,
        request.group_id,
        member.id,
        request.amount,
        "adjust",
        f"gift:{request.id}",
        today,
        ctx.now,
        expires_on=good_until(group.settings, today),
    )
    try:
        posted = ledger.post(ctx.session, posting)
    except ledger.InsufficientPoints as lacking:
        raise Refusal("points.too_few", name=member.name, balance=lacking.balance) from lacking
    return posted.entry_id, posted.balance


# ---------------------------------------------------------------- the way back


def undo(ctx: Context, entry_id: int) -> tuple[str, int, int]:
    """Reverse a leader's gift or taking; returns (name, points moved, balance).

    Raises:
        Refusal: it is not one of a group that the actor leads, was undone already, or the points are spent.
    """
    entry = ctx.session.get(Entry, entry_id)
    if entry is None or entry.kind != "adjust":
        if not ctx.actor.leader:
            raise Refusal("guard.leader_only")
        raise Refusal("guard.old_button")
    check_leads(ctx, entry.group_id)
    if ledger.find(ctx.session, f"reversal:{entry_id}") is not None:
        raise Refusal("points.undone_already")
    try:
        posted = ledger.reverse(ctx.session, entry_id, local_date=ctx.today, occurred_at=ctx.incoming.occurred_at)
    except ledger.InsufficientPoints as lacking:
        raise Refusal("points.spent_already", balance=lacking.balance) from lacking
    except ledger.LapsedPoints as lapsed:
        raise Refusal("points.lapsed_already") from lapsed
    member = ctx.session.get_one(Member, entry.member_id)
    _note(ctx, entry.group_id, action="points.undone", entry=entry_id)
    # Taken back by its own button it leaves the list of 「撤销」 too.
    for one in actions.latest(ctx.session, entry.group_id, ctx.now - _KEPT, limit=_MOST_NOTED):
        if one.kind == UNDO and (one.before or {}).get("entry") == entry_id:
            actions.claim(ctx.session, one.id or 0, ctx.now)
    return member.name, -entry.amount, posted.balance


# ---------------------------------------------------------------- personal data


def _about(session: Session, person_id: int) -> list[tuple[GiftRequest, str]]:
    mine = pick(Member.id).where(Member.person_id == person_id)
    rows = session.exec(
        pick(GiftRequest, Group.name)
        .join(Group, col(Group.id) == col(GiftRequest.group_id))
        .where(or_(col(GiftRequest.maker_id) == person_id, col(GiftRequest.member_id).in_(mine)))
        .order_by(col(GiftRequest.id))
    )
    return list(rows)


def export_requests(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return the requests that a person made, or that were about him."""
    return [
        {
            "group": name,
            "at": one.asked_at.isoformat(),
            "points": one.amount,
            "reason": one.reason,
            "state": one.state,
            "by_me": one.maker_id == person_id,
        }
        for one, name in _about(session, person_id)
    ]


def erase_requests(session: Session, person_id: int) -> None:
    """Empty the reasons; that two people agreed stays, for as long as the points do."""
    for one, _ in _about(session, person_id):
        one.reason = ""
        if one.state == "open":
            one.state = "refused"
        session.add(one)
