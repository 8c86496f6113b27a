"""Who brought whom, by the platform's word, a link or a typed code; and the thanks, once, when the newcomer stays.

Nothing is asked on a check-in before somebody in the group has brought somebody: that is a switch in the group's settings.

Source: F130.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import bindparam, delete, func, select, update
from sqlmodel import col
from sqlmodel import select as pick

from engagement import calendar
from engagement.errors import Refusal
from engagement.events import CheckedIn, Started
from engagement.feature import Context
from engagement.invites import rules
from engagement.invites.tables import Invitation, InviteClaim, InviteCode
from engagement.kernel import Kind, Reply
from engagement.points.service import award
from storage import audit, bonds, bots, identities
from storage.engine import Session
from storage.groups import Consent, Group, Member
from storage.ledger import Entry
from storage.statements import Prepared

_ON, _JOINS, _LINK = "on", "joins", "link"
_SETTINGS = "invites"

_I = Invitation.__table__  # type: ignore[attr-defined]
_K = InviteClaim.__table__  # type: ignore[attr-defined]
_E = Entry.__table__  # type: ignore[attr-defined]
_DAY = Prepared(
    "invitation.day",
    update(_I)
    .where(
        _I.c.invited_id == bindparam("member"),
        _I.c.inviter_id.is_not(None),
        _I.c.rewarded_on.is_(None),
        (_I.c.last_day.is_(None)) | (_I.c.last_day < bindparam("today")),
    )
    .values(days=_I.c.days + 1, last_day=bindparam("today"))
    .returning(_I.c.id, _I.c.days),
)


# ---------------------------------------------------------------- the group's switches


def _own(settings: Mapping[str, object] | None) -> dict[str, object]:
    kept = (settings or {}).get(_SETTINGS)
    return dict(kept) if isinstance(kept, Mapping) else {}


def _is_on(ctx: Context, name: str) -> bool:
    return _own(ctx.here.settings).get(name) is True


def _keep(ctx: Context, name: str, value: object) -> None:
    group = ctx.session.get_one(Group, ctx.here.id)
    own = _own(group.settings)
    if own.get(name) == value:
        return
    group.settings = {**(group.settings or {}), _SETTINGS: {**own, name: value}}
    ctx.session.add(group)
    ctx.session.flush()
    ctx.here.settings = dict(group.settings)


def group_link(settings: Mapping[str, object] | None) -> str:
    """Return a group's own way in, which its leader has set; empty when there is none."""
    link = _own(settings).get(_LINK)
    return link if isinstance(link, str) else ""


def set_link(ctx: Context, link: str) -> str:
    """Set the group's own way in (empty: none); returns what it was before."""
    before = group_link(ctx.here.settings)
    _keep(ctx, _LINK, link)
    audit.record(ctx.session, at=ctx.now, actor_id=ctx.actor.person_id, group_id=ctx.here.id, action="invites.link")
    return before


# ---------------------------------------------------------------- codes


def code_of(ctx: Context, *, anew: bool = False) -> InviteCode:
    """Return the acting member's codes in the group, made when there are none, or drawn anew."""
    member = ctx.actor.member_id
    assert member is not None
    found = ctx.session.get(InviteCode, member)
    if found is not None and not anew:
        return found
    chance = chance_of(ctx)
    code = _free(ctx, chance, rules.CODE, short=True)
    token = _free(ctx, chance, rules.TOKEN, short=False)
    if found is None:
        found = InviteCode(member_id=member, group_id=ctx.here.id, code=code, token=token, made_at=ctx.now)
    found.code, found.token, found.made_at = code, token, ctx.now
    ctx.session.add(found)
    ctx.session.flush()
    return found


def chance_of(ctx: Context) -> random.Random:
    """Return what codes are drawn from: the system's own chance, for what follows from an event's number could be guessed.

    Only a replayed script draws from the event, since it must play the same again.
    """
    return ctx.rng if ctx.incoming.channel == "play" else random.SystemRandom()


def _free(ctx: Context, chance: random.Random, length: int, *, short: bool) -> str:
    while True:
        drawn = rules.draw(chance, length)
        taken = _by_code(ctx.session, ctx.here.id, drawn) if short else _by_token(ctx.session, drawn)
        if taken is None:
            return drawn


def _by_code(session: Session, group_id: int, code: str) -> InviteCode | None:
    return session.exec(pick(InviteCode).where(InviteCode.group_id == group_id, InviteCode.code == code)).first()


def _by_token(session: Session, token: str) -> InviteCode | None:
    return session.exec(pick(InviteCode).where(InviteCode.token == token)).first()


def link_of(ctx: Context, codes: InviteCode) -> str:
    """Return what a poster's QR code opens: the bot with the neighbour's code, else the group's own link, else empty."""
    if ctx.door:
        return f"{ctx.door}{rules.PREFIX}{codes.token}"
    return group_link(ctx.here.settings)


# ---------------------------------------------------------------- coming


def on_join(ctx: Context) -> Sequence[Reply]:
    """Note that a newcomer joined, and who brought him if the platform or a pressed link says so.

    Somebody who comes back is no newcomer: his first joining stands, whoever brings him now.
    """
    incoming, group = ctx.incoming, ctx.here
    known = identities.known(ctx.session, incoming.channel, incoming.subject or incoming.sender, group.id)
    if known is None or known.member_id is None:
        return ()
    member = ctx.session.get_one(Member, known.member_id)
    if ctx.now - member.joined_at > rules.JUST_NOW or _invitation(ctx.session, known.member_id) is not None:
        return ()
    _forget(ctx)
    _keep(ctx, _JOINS, True)
    joined = Invitation(group_id=group.id, invited_id=known.member_id, at=member.joined_at)
    ctx.session.add(joined)
    ctx.session.flush()
    inviter, how = _by_platform(ctx), "platform"
    if inviter is None:
        inviter, how = _by_claim(ctx, known.person_id), "link"
    if inviter is not None and inviter.id != known.member_id:
        _attribute(ctx, joined, inviter, how)
    return ()


def _invitation(session: Session, member_id: int) -> Invitation | None:
    return session.exec(pick(Invitation).where(Invitation.invited_id == member_id)).first()


def _of_one(session: Session, member_id: int) -> list[Invitation]:
    """Return the invitations of a member and of all that are one person with him, which bound accounts are."""
    ids = bonds.with_resting(session, [member_id])
    return list(session.exec(pick(Invitation).where(col(Invitation.invited_id).in_(ids))))


def _by_platform(ctx: Context) -> Member | None:
    """Return the neighbour who added the newcomer; None for one who does not let the bot keep anything."""
    if not ctx.incoming.invited_by:
        return None
    known = identities.known(ctx.session, ctx.incoming.channel, ctx.incoming.invited_by, ctx.here.id)
    if known is None or known.member_id is None or known.left or not known.consented or known.account_id is None:
        return None
    return ctx.session.get(Member, known.member_id)


def _by_claim(ctx: Context, person_id: int) -> Member | None:
    claim = ctx.session.get(InviteClaim, (person_id, ctx.here.id))
    if claim is None or not rules.is_fresh(claim.at, ctx.now):
        return None
    ctx.session.delete(claim)
    return _present(ctx.session, claim.inviter_id)


def _present(session: Session, member_id: int) -> Member | None:
    member = session.get(Member, member_id)
    return member if member is not None and member.left_at is None else None


def _forget(ctx: Context) -> None:
    """Let go of newcomers of whom nobody has said who brought them, and of links pressed long ago."""
    before = ctx.now - rules.FRESH
    ctx.session.execute(delete(_I).where(_I.c.group_id == ctx.here.id, _I.c.inviter_id.is_(None), _I.c.at < before))
    ctx.session.execute(delete(_K).where(_K.c.at < before))


def on_started(ctx: Context, event: Started) -> Sequence[Reply]:
    """Answer a pressed invitation link in private: who invites to which group, and how to get in."""
    token = rules.read_payload(event.payload)
    if not token:
        return ()
    codes = _by_token(ctx.session, token)
    inviter = _present(ctx.session, codes.member_id) if codes is not None else None
    group = ctx.session.get(Group, codes.group_id) if codes is not None else None
    if inviter is None or group is None or group.state != "active" or group.id is None:
        return [Reply("invites.link_old")]
    values = {"inviter": inviter.name, "group": group.name, "link": group_link(group.settings)}
    mine = ctx.session.exec(
        pick(Member).where(Member.group_id == group.id, Member.person_id == ctx.actor.person_id)
    ).first()
    if mine is not None and mine.left_at is None:
        return [Reply("invites.here_already", values)]
    if mine is not None:
        return [Reply("invites.back" if values["link"] else "invites.back_no_link", values)]
    claim = ctx.session.get(InviteClaim, (ctx.actor.person_id, group.id)) or InviteClaim(
        person_id=ctx.actor.person_id, group_id=group.id, inviter_id=codes.member_id if codes else 0, at=ctx.now
    )
    claim.inviter_id, claim.at = inviter.id or 0, ctx.now
    ctx.session.add(claim)
    return [Reply("invites.door" if values["link"] else "invites.door_no_link", values)]


def enter_code(ctx: Context, typed: str) -> Member:
    """Let a newcomer say by a code who brought him; returns the inviter.

    Raises:
        Refusal: not a code, nobody's, one's own, said already, no newcomer, or a circle.
    """
    code = rules.read_code(typed)
    if not code:
        raise Refusal("invites.code_how")
    member = ctx.actor.member_id
    assert member is not None
    if any(one.inviter_id is not None for one in _of_one(ctx.session, member)):
        raise Refusal("invites.said_already")
    mine = _invitation(ctx.session, member)
    row = ctx.session.get_one(Member, member)
    if not _is_new(ctx, row, mine):
        raise Refusal("invites.not_new")
    codes = _by_code(ctx.session, ctx.here.id, code)
    inviter = _present(ctx.session, codes.member_id) if codes is not None else None
    if inviter is None:
        raise Refusal("invites.no_such_code", code=code)
    if inviter.id == member:
        raise Refusal("invites.not_oneself")
    if mine is None:
        mine = Invitation(group_id=ctx.here.id, invited_id=member, at=row.joined_at)
        ctx.session.add(mine)
        ctx.session.flush()
    if not _attribute(ctx, mine, inviter, "code"):
        raise Refusal("invites.circle")
    return inviter


def _is_new(ctx: Context, row: Member, mine: Invitation | None) -> bool:
    """Say whether a member is new in the group.

    Where the platform tells of joinings only a seen one counts: an old neighbour who says his first word is not new. Where
    it does not, or neighbours come in by a link of ours and not by the chat, whoever is first seen by a bot that has long
    been there is taken to be new.
    """
    if mine is not None:
        return rules.is_fresh(mine.at, ctx.now)
    if (_is_on(ctx, _JOINS) and ctx.here.hears) or not rules.is_fresh(row.joined_at, ctx.now):
        return False
    group = ctx.session.get_one(Group, ctx.here.id)
    return row.joined_at - group.created_at > rules.FRESH


def _attribute(ctx: Context, joined: Invitation, inviter: Member, how: str) -> bool:
    """Write down who brought a newcomer; False when it would make a circle."""
    assert inviter.id is not None
    above: dict[int, int] = {}
    step: int | None = inviter.id
    while step is not None and len(above) < rules.LONGEST_CHAIN:
        found = _invitation(ctx.session, step)
        following = found.inviter_id if found is not None else None
        if following is None:
            break
        above[step] = following
        step = following if following not in above else None
    if rules.is_circle(joined.invited_id, inviter.id, above):
        return False
    joined.inviter_id, joined.how = inviter.id, how
    days = _days_before(ctx.session, joined)
    joined.days, joined.last_day = min(len(days), rules.DAYS), max(days, default=None)
    ctx.session.add(joined)
    ctx.session.flush()
    _keep(ctx, _ON, True)
    return True


def _days_before(session: Session, joined: Invitation) -> list[date]:
    """Return the local days on which a newcomer checked in before he said who brought him."""
    rows = session.execute(
        select(_E.c.local_date)
        .where(_E.c.group_id == joined.group_id, _E.c.member_id == joined.invited_id, _E.c.kind == "checkin")
        .distinct()
    )
    return [row[0] for row in rows]


# ---------------------------------------------------------------- thanks


def on_checked_in(ctx: Context, event: CheckedIn) -> Sequence[Reply]:
    """Count a newcomer's days and pay the thanks on the second one; asks nothing in a group where nobody was brought."""
    if not _is_on(ctx, _ON):
        return ()
    counted = ctx.session.row(_DAY, member=event.member_id, today=ctx.today.isoformat())
    if counted is None or counted[1] < rules.DAYS:
        return ()
    return pay(ctx, ctx.session.get_one(Invitation, counted[0]))


def pay_if_due(ctx: Context) -> Sequence[Reply]:
    """Pay for the acting newcomer who has his days already and has only now said who brought him."""
    mine = _invitation(ctx.session, ctx.actor.member_id or 0)
    return pay(ctx, mine) if mine is not None and mine.days >= rules.DAYS and mine.rewarded_on is None else ()


def pay(ctx: Context, invitation: Invitation) -> Sequence[Reply]:
    """Pay newcomer and inviter once for one person, by the natural key of who was invited; tells both."""
    ctx.session.refresh(invitation)
    newcomer = ctx.session.get_one(Member, invitation.invited_id)
    inviter = ctx.session.get(Member, invitation.inviter_id)
    if newcomer.account_id is None or inviter is None or inviter.id is None:
        return ()
    same = _of_one(ctx.session, invitation.invited_id)
    thanked = any(one.rewarded_on is not None for one in same)
    for one in same:
        one.rewarded_on = one.rewarded_on or ctx.today
    ctx.session.add_all(same)
    if thanked:
        return ()
    points = rules.worth(
        here=_may_get(ctx.session, inviter),
        shared=inviter.account_id == newcomer.account_id,
        paid_this_month=_paid_since(ctx.session, inviter.id, calendar.month_start(ctx.today)),
    )
    key = f"invite:{invitation.group_id}:{invitation.invited_id}"
    award(
        ctx,
        kind="invited",
        key=f"{key}:newcomer",
        amount=rules.FOR_NEWCOMER,
        member_id=newcomer.id,
        account_id=newcomer.account_id,
    )
    if points:
        award(ctx, kind="invite", key=key, amount=points, member_id=inviter.id, account_id=inviter.account_id)
    invitation.rewarded_on, invitation.points, invitation.days = ctx.today, points, rules.DAYS
    ctx.session.add(invitation)
    values = {
        "name": newcomer.name,
        "inviter": inviter.name,
        "points": rules.FOR_NEWCOMER,
        "thanks": points,
        "days": rules.DAYS,
    }
    if not points:
        return [Reply("invites.paid_newcomer", values)]
    said = [Reply("invites.paid", values)]
    if bots.is_open(ctx.session, inviter.person_id, ctx.incoming.channel):
        told = {**values, "group": ctx.here.name}
        said.append(Reply("invites.told_inviter", told, kind=Kind.DM, to=inviter.person_id))
    return said


def _may_get(session: Session, inviter: Member) -> bool:
    consent = session.get(Consent, inviter.person_id)
    kept = consent is not None and consent.withdrawn_at is None
    return kept and inviter.left_at is None and inviter.account_id is not None


def _paid_since(session: Session, inviter_id: int, since: date) -> int:
    return int(
        session.execute(
            select(func.count())
            .select_from(_I)
            .where(_I.c.inviter_id == inviter_id, _I.c.points > 0, _I.c.rewarded_on >= since)
        ).scalar_one()
    )
