"""What a leader may know of the neighbours: who is new, who went silent, and names that pass for the leader's own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func
from sqlmodel import col
from sqlmodel import select as pick

from engagement.events import Named
from engagement.feature import Context
from engagement.kernel import Kind, Place, Reply, one_line
from engagement.members import rules
from engagement.members.tables import Lookalike
from prompts.loader import texts
from storage import audit, identities
from storage.engine import Session
from storage.groups import Consent, Group, Member


def newcomers(ctx: Context) -> Sequence[Reply]:
    """Answer 新邻居: who joined in the last seven days, and which first steps they have done; in private only.

    Source: F13.
    """
    if ctx.incoming.place is Place.GROUP:
        return [Reply("members.look_privately")]
    since = ctx.now - timedelta(days=rules.NEW_DAYS)
    found = ctx.session.exec(
        pick(Member)
        .where(
            col(Member.group_id) == ctx.here.id,
            col(Member.left_at).is_(None),
            col(Member.joined_at) >= since,
            Member.role == "member",
            Member.name != "",
        )
        .order_by(col(Member.joined_at).desc(), col(Member.id).desc())
    ).all()
    values: dict[str, object] = {"group": ctx.here.name, "count": len(found), "days": rules.NEW_DAYS}
    if not found:
        return [Reply("members.newcomers_none", values)]
    values["rows"] = [{"name": one.name, "done": _done(one)} for one in found[: rules.LISTED]]
    tails = ["members.newcomers_more"] if len(found) > rules.LISTED else []
    return [Reply("members.newcomers", values, tails=[*tails, "members.newcomers_do"])]


def _done(member: Member) -> str:
    words = texts()
    done = [words.raw(f"members.step_short_{step}") for step in rules.done_steps(member.steps or 0)]
    if done:
        return words.raw("members.help_between").join(done)
    return words.raw("members.newcomer_uses" if member.account_id is not None else "members.newcomer_quiet")


def silent(ctx: Context) -> Sequence[Reply]:
    """Answer 沉默邻居: how many have not been seen for two weeks, and up to ten names, the latest first; private only.

    Who never agreed to be recorded, or withdrew, is no part of the list: such people are only counted.

    Source: DESIGN 4, F117.
    """
    if ctx.incoming.place is Place.GROUP:
        return [Reply("members.look_privately")]
    session, group = ctx.session, ctx.here
    here = (col(Member.group_id) == group.id, col(Member.left_at).is_(None), Member.role == "member")
    agreed = (
        pick(Member)
        .join(Consent, col(Consent.person_id) == col(Member.person_id))
        .where(*here, col(Consent.withdrawn_at).is_(None), col(Member.account_id).is_not(None))
    )
    found = session.exec(
        agreed.where(col(Member.last_seen) <= rules.silent_before(ctx.today)).order_by(
            col(Member.last_seen).desc(), col(Member.id)
        )
    ).all()
    everybody = session.exec(pick(func.count()).select_from(Member).where(*here)).one()
    with_consent = session.exec(pick(func.count()).select_from(agreed.subquery())).one()
    audit.record(
        session,
        at=ctx.now,
        actor_id=ctx.actor.person_id,
        group_id=group.id,
        action="members.silent_seen",
        listed=min(len(found), rules.LISTED),
    )
    values: dict[str, object] = {
        "group": group.name,
        "count": len(found),
        "days": rules.SILENT_DAYS,
        "unknown": everybody - with_consent,
    }
    tails = ["members.silent_unknown"] if everybody > with_consent else []
    if not found:
        return [Reply("members.silent_none", values, tails=tails)]
    values["rows"] = [
        {"name": one.name, "days": (ctx.today - one.last_seen).days if one.last_seen else 0}
        for one in found[: rules.LISTED]
    ]
    return [Reply("members.silent", values, tails=["members.silent_do", *tails])]


# ---------------------------------------------------------------- names


def on_named(ctx: Context, event: Named) -> Sequence[Reply]:
    """Look at the name of somebody who is seen for the first time, or under a new name."""
    return warn_of(ctx, event.person_id, event.name)


def joined(ctx: Context) -> Sequence[Reply]:
    """Look at the name of somebody who joins."""
    incoming = ctx.incoming
    name = one_line(incoming.subject_name or incoming.sender_name)
    known = identities.known(ctx.session, incoming.channel, incoming.subject or incoming.sender, ctx.here.id)
    return warn_of(ctx, known.person_id, name) if known is not None and name else ()


def warn_of(ctx: Context, person_id: int, name: str) -> Sequence[Reply]:
    """Tell a leader in private, once a name, that somebody goes by a name that passes for hers.

    Source: FAULTS A9.
    """
    leaders = ctx.session.exec(
        pick(Member)
        .where(col(Member.group_id) == ctx.here.id, Member.role == "leader", col(Member.left_at).is_(None))
        .order_by(col(Member.id))
    ).all()
    if not leaders or any(one.person_id == person_id for one in leaders):
        return ()
    whose = [one for one in leaders if one.name and rules.passes_for(name, one.name)]
    if not whose and not rules.claims_a_role(name):
        return ()
    if ctx.session.get(Lookalike, (ctx.here.id, person_id, name)) is not None:
        return ()
    ctx.session.add(Lookalike(group_id=ctx.here.id, person_id=person_id, name=name, found_at=ctx.now))
    audit.record(
        ctx.session, at=ctx.now, actor_id=None, group_id=ctx.here.id, action="lookalike.flagged", person=person_id
    )
    values = {"name": name, "group": ctx.here.name}
    key = "members.lookalike" if whose else "members.lookalike_role"
    return [Reply(key, values, kind=Kind.DM, to=one.person_id) for one in (whose or leaders[:1])]


def export(session: Session, person_id: int) -> Sequence[dict[str, object]]:
    """Return when a name of a person was told to a leader."""
    rows = session.exec(
        pick(Lookalike, Group.name)
        .join(Group, col(Group.id) == col(Lookalike.group_id))
        .where(Lookalike.person_id == person_id)
        .order_by(col(Lookalike.found_at))
    )
    return [{"group": group, "name": row.name, "at": row.found_at.isoformat()} for row, group in rows]


def erase(session: Session, person_id: int, _now: datetime) -> None:
    """Delete it."""
    for row in session.exec(pick(Lookalike).where(Lookalike.person_id == person_id)):
        session.delete(row)
