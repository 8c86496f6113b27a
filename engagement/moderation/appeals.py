"""Appeals of neighbours, and the queue in which they wait with what was held back.

Source: F125.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import or_
from sqlmodel import col
from sqlmodel import select as pick

from engagement import calendar, rooms
from engagement.errors import Refusal
from engagement.feature import Context, GroupView
from engagement.kernel import Reply
from engagement.moderation import lists, rules, service
from engagement.moderation.tables import ModerationCase
from storage import audit, bonds, identities
from storage.columns import instant
from storage.engine import Session
from storage.groups import Group


def queue(ctx: Context) -> list[ModerationCase]:
    """Return what waits for the actor, appeals first, then the oldest: cases of groups that he leads, not his own."""
    groups = [group.id for group in rooms.led(ctx)]
    appeals = col(ModerationCase.appeal_state) == "waiting"
    mine = col(ModerationCase.group_id).in_(groups) & or_(col(ModerationCase.state) == "waiting", appeals)
    rows = ctx.session.exec(
        pick(ModerationCase)
        .where(
            or_(mine, appeals) if "staff" in ctx.actor.roles else mine,
            col(ModerationCase.member_id).not_in(bonds.memberships(ctx.session, ctx.actor.person_id)),
        )
        .order_by((appeals).desc(), col(ModerationCase.id))
    )
    return [one for one in rows if one.appeal_state != "waiting" or may_judge(ctx, one)]


def open_case(ctx: Context) -> ModerationCase:
    """Return the actor's latest case that can be appealed against.

    Raises:
        Refusal: ``moderation.nothing_to_appeal``, or ``moderation.appealed_already`` when the latest one was.
    """
    case = ctx.session.exec(
        pick(ModerationCase)
        .where(
            col(ModerationCase.member_id).in_(bonds.memberships(ctx.session, ctx.actor.person_id)),
            ModerationCase.state != "released",
            col(ModerationCase.created_at) >= ctx.now - rules.APPEAL_WITHIN,
        )
        .order_by(col(ModerationCase.id).desc())
        .limit(1)
    ).first()
    if case is None:
        raise Refusal("moderation.nothing_to_appeal")
    if case.appeal_state:
        raise Refusal("moderation.appealed_already")
    return case


def appeal(ctx: Context, case: ModerationCase, words: str) -> int:
    """File an appeal; returns the person who is told of it, 0 when nobody can be reached.

    Another leader than the one who decided comes first, then the staff, then whoever there is.
    """
    findings = rules.inspect(words, (), "appeal")
    case.appeal = rules.masked(words, findings, service.labels())[:200]
    case.appeal_state, case.appealed_at = "waiting", ctx.now
    ctx.group = GroupView.of(ctx.session.get_one(Group, case.group_id))
    service.save(ctx, case, service.author(ctx.session, case), "moderation.appealed")
    here = ctx.here
    minute = calendar.local_minute(ctx.now, here.zone)
    if calendar.is_quiet(minute, here.quiet_from, here.quiet_to):
        return 0
    mine = ctx.actor.person_id
    first = service.first_leader(ctx.session, here.id, {mine, case.decided_by or 0})
    staff = [one for one in lists.staff(ctx.session) if one not in (mine, case.decided_by)]
    if not first and not staff:
        first = service.first_leader(ctx.session, here.id, {mine})
    return first or next(iter(staff), 0)


def may_judge(ctx: Context, case: ModerationCase) -> bool:
    """Say whether the actor may judge an appeal: not who decided, as long as there is anybody else."""
    if case.decided_by != ctx.actor.person_id:
        return True
    mine = service.author(ctx.session, case).person_id
    others = {*identities.leaders(ctx.session, case.group_id), *lists.staff(ctx.session)}
    return not others - {mine, ctx.actor.person_id}


def settle(ctx: Context, case: ModerationCase, *, granted: bool) -> tuple[Mapping[str, object], Sequence[Reply]]:
    """Decide an appeal; returns what the way back needs, and what the activity wants said.

    Raises:
        Refusal: ``moderation.decided_already``, ``moderation.not_your_own``.
    """
    if case.appeal_state != "waiting":
        raise Refusal("moderation.decided_already")
    if not may_judge(ctx, case):
        raise Refusal("moderation.not_your_own")
    member = service.author(ctx.session, case)
    before = service.standing(case, member)
    case.appeal_state = "granted" if granted else "refused"
    said: Sequence[Reply] = ()
    if granted:
        said = service.publish(ctx, case)
        service.lift(ctx, case, stood_before(ctx.session, case))
        case.state = "released" if case.state == "waiting" else case.state
    elif case.state == "waiting":
        case.state = "deleted"
    case.decided_by = case.decided_by or ctx.actor.person_id
    case.decided_at = case.decided_at or ctx.now
    service.save(ctx, case, member, f"moderation.appeal_{case.appeal_state}")
    return before, said


def stood_before(session: Session, case: ModerationCase) -> datetime | None:
    """Return the end of the mute that a case's own has taken the place of, unless that was a case's that holds no more."""
    if case.decided_at is None:
        return None
    acts = audit.details(session, action="moderation.muted", at=case.decided_at)
    replaced = next((one.get("replaced") for one in acts if one.get("case") == case.id), None)
    if not isinstance(replaced, int):
        return None
    end = instant(replaced)
    earlier = session.exec(
        pick(ModerationCase).where(
            ModerationCase.member_id == case.member_id,
            ModerationCase.decided_at == end - rules.MUTE,
            col(ModerationCase.id) != case.id,
        )
    ).first()
    if earlier is None or (earlier.state == "muted" and earlier.appeal_state != "granted"):
        return end
    return stood_before(session, earlier)
