"""Asking somebody to share an account, and the answers: nobody is in a family whom both sides did not want there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import col, or_, select, update

from engagement import rooms
from engagement.errors import Refusal
from engagement.feature import Context, GroupView
from engagement.households import rules, service
from engagement.households.tables import FamilyRequest
from storage import audit, identities, ledger
from storage.engine import Session
from storage.groups import Consent, Group, Member


@dataclass(frozen=True, slots=True)
class Joined:
    """Two households are one.

    Attributes:
        joiner: who came with ``points``; host: whose household it is.
        balance: whole points that they have together.
        request: the answered one.
    """

    joiner: Member
    host: Member
    points: int
    balance: int
    request: FamilyRequest


@dataclass(frozen=True, slots=True)
class Asked:
    """A request is waiting."""

    member: Member
    request: FamilyRequest


def ask(ctx: Context, name: str, kind: str) -> Asked | Joined:
    """Ask a neighbour to share an account; if he has just asked for the same, that is a yes from both.

    Args:
        kind: ``join`` = the actor comes to the other's household, ``invite`` = the other comes to the actor's.

    Raises:
        Refusal: nobody or several of that name, oneself, somebody who does not use the bot, a family already, a full
            one, asked lately, or too many asked.

    Source: F3.
    """
    me = ctx.session.get_one(Member, ctx.actor.member_id)
    other = _find(ctx, name)
    joiner, host = (me, other) if kind == "join" else (other, me)
    theirs = _latest(ctx, other, me)
    if theirs is not None and rules.is_open(theirs.state, theirs.asked_at, ctx.now):
        both_alone = _size(ctx, me) == 1 and _size(ctx, other) == 1
        if rules.crosses(theirs.kind, kind, both_alone=both_alone):
            return _accept(ctx, theirs, me, other)
    _check_room(ctx, joiner, host)
    mine = _latest(ctx, me, other)
    if mine is not None:
        if not rules.may_ask_again(mine.state, mine.asked_at, ctx.now):
            taken_back = mine.state == "withdrawn"
            raise Refusal(
                "households.asked_and_taken_back" if taken_back else "households.asked_already", name=other.name
            )
        if mine.state == "open":
            _settle(ctx, mine, "expired")
    waiting = ctx.session.exec(
        select(FamilyRequest.id).where(
            FamilyRequest.asker_id == me.id,
            col(FamilyRequest.state) != "accepted",
            col(FamilyRequest.asked_at) > ctx.now - rules.WAIT,
        )
    ).all()
    if len(waiting) >= rules.ASKS_MOST:
        raise Refusal("households.asked_many", most=rules.ASKS_MOST)
    assert me.id is not None and other.id is not None
    request = FamilyRequest(group_id=ctx.here.id, asker_id=me.id, asked_id=other.id, kind=kind, asked_at=ctx.now)
    ctx.session.add(request)
    ctx.session.flush()
    return Asked(other, request)


def accept(ctx: Context, request_id: int) -> Joined:
    """Say yes to a request; only who was asked can.

    Raises:
        Refusal: not his to answer, no longer open, or what was asked for is no longer possible.

    Source: F3.
    """
    request, asker, asked = _mine_to_answer(ctx, request_id)
    return _accept(ctx, request, asked, asker)


def decline(ctx: Context, request_id: int) -> FamilyRequest:
    """Say no, without telling anybody.

    Raises:
        Refusal: not his to answer, or no longer open.
    """
    request, _asker, _asked = _mine_to_answer(ctx, request_id)
    _settle(ctx, request, "declined")
    return request


def withdraw(ctx: Context, request_id: int) -> FamilyRequest:
    """Take a request of one's own back, also one that was declined, of which the asker does not know.

    Raises:
        Refusal: not one's own, or no longer open.
    """
    request = ctx.session.get(FamilyRequest, request_id)
    if request is None:
        raise Refusal("guard.old_button")
    if ctx.session.get_one(Member, request.asker_id).person_id != ctx.actor.person_id:
        raise Refusal("households.not_yours")
    if request.state not in ("open", "declined"):
        raise Refusal("guard.old_button")
    request.state, request.answered_at = "withdrawn", ctx.now
    ctx.session.add(request)
    ctx.session.flush()
    return request


def incoming(ctx: Context, name: str = "") -> list[Asked]:
    """Return the open requests to the actor in the group, oldest first, each with who asked; all or those of one name."""
    found = incoming_to(ctx.session, ctx.actor.member_id, ctx.now)
    return [one for one in found if not name or one.member.name == name]


def incoming_to(session: Session, member_id: int | None, now: datetime) -> list[Asked]:
    """Return the open requests to a member, oldest first, each with who asked."""
    rows = session.exec(
        select(FamilyRequest, Member)
        .join(Member, col(Member.id) == col(FamilyRequest.asker_id))
        .where(
            FamilyRequest.asked_id == member_id,
            FamilyRequest.state == "open",
            col(FamilyRequest.asked_at) > now - rules.WAIT,
            col(Member.left_at).is_(None),
        )
        .order_by(col(FamilyRequest.id))
    )
    return [Asked(member, request) for request, member in rows]


def outgoing(ctx: Context) -> list[Asked]:
    """Return the actor's requests of the last days that nobody has said yes to; a no is not told."""
    return outgoing_of(ctx.session, ctx.actor.member_id, ctx.now)


def outgoing_of(session: Session, member_id: int | None, now: datetime) -> list[Asked]:
    """Return a member's requests of the last days that nobody has said yes to; a no is not told."""
    rows = session.exec(
        select(FamilyRequest, Member)
        .join(Member, col(Member.id) == col(FamilyRequest.asked_id))
        .where(
            FamilyRequest.asker_id == member_id,
            col(FamilyRequest.state).in_(("open", "declined")),
            col(FamilyRequest.asked_at) > now - rules.WAIT,
            col(Member.left_at).is_(None),
        )
        .order_by(col(FamilyRequest.id))
    )
    return [Asked(member, request) for request, member in rows]


# ---------------------------------------------------------------- how


def _find(ctx: Context, name: str) -> Member:
    found = rooms.the_only(
        ctx.session, ctx.here.id, name, nobody="households.no_such_member", several="households.same_names"
    )
    if found.id == ctx.actor.member_id:
        raise Refusal("households.not_oneself")
    if not _uses(ctx, found):
        raise Refusal("households.not_yet_member", name=name)
    return found


def _uses(ctx: Context, member: Member) -> bool:
    """Say whether a member lets himself be recorded: nobody else is asked, and nobody else's points are moved."""
    consent = ctx.session.get(Consent, member.person_id)
    return member.account_id is not None and consent is not None and consent.withdrawn_at is None


def _size(ctx: Context, member: Member) -> int:
    assert member.account_id is not None
    return len(identities.sharing(ctx.session, member.account_id))


def _check_room(ctx: Context, joiner: Member, host: Member) -> None:
    if joiner.account_id == host.account_id:
        other = host if joiner.id == ctx.actor.member_id else joiner
        raise Refusal("households.together_already", name=other.name)
    if _size(ctx, joiner) > 1:
        mine = joiner.person_id == ctx.actor.person_id
        raise Refusal("households.in_one_already" if mine else "households.other_in_one", name=joiner.name)
    if _size(ctx, host) >= rules.FAMILY_MOST:
        raise Refusal("households.full", most=rules.FAMILY_MOST)


def _latest(ctx: Context, asker: Member, asked: Member) -> FamilyRequest | None:
    return ctx.session.exec(
        select(FamilyRequest)
        .where(FamilyRequest.asker_id == asker.id, FamilyRequest.asked_id == asked.id)
        .order_by(col(FamilyRequest.id).desc())
        .limit(1)
    ).first()


def _mine_to_answer(ctx: Context, request_id: int) -> tuple[FamilyRequest, Member, Member]:
    request = ctx.session.get(FamilyRequest, request_id)
    if request is None:
        raise Refusal("guard.old_button")
    asker = ctx.session.get_one(Member, request.asker_id)
    asked = ctx.session.get_one(Member, request.asked_id)
    if asked.person_id != ctx.actor.person_id:
        raise Refusal("households.not_yours_to_answer", name=asked.name)
    if request.state != "open":
        together = request.state == "accepted" and asker.account_id == asked.account_id
        raise Refusal("households.together_already" if together else "households.answered_already", name=asker.name)
    if not rules.is_open(request.state, request.asked_at, ctx.now):
        raise Refusal("households.expired", name=asker.name)
    return request, asker, asked


def _settle(ctx: Context, request: FamilyRequest, state: str) -> None:
    """Close an open request, once: of two answers at the same moment the second meets a closed one."""
    done = ctx.session.execute(
        update(FamilyRequest)
        .where(col(FamilyRequest.id) == request.id, col(FamilyRequest.state) == "open")
        .values(state=state, answered_at=ctx.now)
        .returning(col(FamilyRequest.id))
    ).first()
    if done is None:
        raise Refusal("guard.old_button")
    ctx.session.refresh(request)


def _accept(ctx: Context, request: FamilyRequest, asked: Member, asker: Member) -> Joined:
    """Join two households: the joiner's points move to the host's account, and so does he."""
    joiner, host = (asker, asked) if request.kind == "join" else (asked, asker)
    if asker.left_at is not None or not _uses(ctx, asker):
        raise Refusal("households.gone", name=asker.name)
    if asked.left_at is not None or asked.account_id is None:
        raise Refusal("guard.old_button")
    _check_room(ctx, joiner, host)
    group = GroupView.of(ctx.session.get_one(Group, request.group_id))
    assert joiner.account_id is not None and host.account_id is not None
    _settle(ctx, request, "accepted")
    points = ledger.balance(ctx.session, joiner.account_id)
    service.forget_name(ctx.session, joiner.account_id)
    service.move(ctx, group, "join", joiner.account_id, host.account_id, joiner, points)
    joiner.account_id = host.account_id
    ctx.session.add(joiner)
    ctx.session.flush()
    _drop_others(ctx, [joiner.id, host.id])
    audit.record(
        ctx.session,
        at=ctx.now,
        actor_id=ctx.actor.person_id,
        group_id=group.id,
        action="household.joined",
        member=joiner.id or 0,
        host=host.id or 0,
        request=request.id or 0,
        amount=points,
    )
    if ctx.actor.member_id == joiner.id:
        ctx.actor = replace(ctx.actor, account_id=joiner.account_id)
    return Joined(joiner, host, points, ledger.balance(ctx.session, host.account_id), request)


def _drop_others(ctx: Context, members: Sequence[int | None]) -> None:
    """Close what those who have a family now asked, and were asked, about coming to another one."""
    ctx.session.execute(
        update(FamilyRequest)
        .where(
            col(FamilyRequest.state).in_(("open", "declined")),
            or_(
                col(FamilyRequest.asker_id).in_(members) & (col(FamilyRequest.kind) == "join"),
                col(FamilyRequest.asked_id).in_(members) & (col(FamilyRequest.kind) == "invite"),
            ),
        )
        .values(state="expired", answered_at=ctx.now)
    )
