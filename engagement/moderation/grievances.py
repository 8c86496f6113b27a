"""A complaint about the leader: it goes past the leader, to the staff and the region's manager, and is told honestly.

Nothing of it is kept: whoever receives it deals with it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import and_, or_
from sqlmodel import col
from sqlmodel import select as pick

from engagement.events import Posted
from engagement.feature import Context
from engagement.kernel import Kind, Place, Reply, one_line
from engagement.moderation import rules
from storage import audit, bots, identities
from storage.groups import Group, RoleGrant

_MOST = 300
_QUESTION = "question"


def above(ctx: Context) -> list[int]:
    """Return who stands above the group's leaders and can be reached in private: its region's manager, then the staff."""
    group = ctx.session.get_one(Group, ctx.here.id)
    works = col(RoleGrant.role) == "staff"
    manages = and_(col(RoleGrant.role) == "manager", col(RoleGrant.region_id) == group.region_id)
    rows = ctx.session.exec(
        pick(RoleGrant.person_id, RoleGrant.role)
        .where(
            or_(works, manages) if group.region_id is not None else works,
            bots.can_be_told(col(RoleGrant.person_id)),
        )
        .order_by(col(RoleGrant.role), col(RoleGrant.person_id))
    ).all()
    concerned = {*identities.leaders(ctx.session, ctx.here.id), ctx.actor.person_id}
    return [person for person in dict.fromkeys(person for person, _ in rows) if person not in concerned]


def typed(ctx: Context) -> Sequence[Reply]:
    """投诉团长 <什么事>."""
    words = one_line(ctx.argument, _MOST)
    receivers = above(ctx)
    if not receivers:
        hotline = ctx.here.facts.get("hotline", "")
        values = {"group": ctx.here.name, "hotline": hotline}
        tails = [*(["moderation.grievance_hotline"] if hotline else []), "moderation.grievance_official"]
        return [Reply("moderation.grievance_nobody", values, tails)]
    if not words:
        return [Reply("moderation.grievance_how", {"group": ctx.here.name})]
    return _sent(ctx, receivers, words)


def on_posted(ctx: Context, posted: Posted) -> Sequence[Reply]:
    """Words on their way to the leader that complain of the leader: they go to who stands above instead."""
    if posted.activity != _QUESTION or posted.hidden or not rules.complains_of_leader(posted.text):
        return ()
    receivers = above(ctx)
    if not receivers:
        # The leader gets them, as everything: the neighbour is told so, and of the other way.
        ctx.closing.append(("moderation.grievance_to_leader", {}))
        return ()
    posted.hidden = True
    return _sent(ctx, receivers, posted.text)


def _sent(ctx: Context, receivers: Sequence[int], words: str) -> list[Reply]:
    audit.record(ctx.session, at=ctx.now, actor_id=ctx.actor.person_id, group_id=ctx.here.id, action="grievance.sent")
    public = ["moderation.grievance_public"] if ctx.incoming.place is Place.GROUP else []
    values = {"name": ctx.actor.name, "group": ctx.here.name, "words": words}
    told = [Reply("moderation.grievance_to_staff", values, kind=Kind.DM, to=person) for person in receivers]
    return [Reply("moderation.grievance_sent", {"group": ctx.here.name, "count": len(receivers)}, public), *told]
