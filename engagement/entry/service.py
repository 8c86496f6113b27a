"""One-time links for whoever asks in private, and 「不是我」.

Source: DESIGN §7, FAULTS E3.
"""

from __future__ import annotations

from sqlmodel import col
from sqlmodel import select as pick

from engagement.entry import rules
from engagement.errors import Refusal
from engagement.feature import Context
from storage import audit, entry, group_keys
from storage.engine import Session
from storage.groups import Group, Member


def leads_any(session: Session, person_id: int) -> bool:
    """Say whether somebody leads a group now."""
    found = session.exec(
        pick(Member.id)
        .join(Group, col(Group.id) == col(Member.group_id))
        .where(
            Member.person_id == person_id,
            Member.role == "leader",
            col(Member.left_at).is_(None),
            Group.state == "active",
        )
        .limit(1)
    ).first()
    return found is not None


def link(ctx: Context, purpose: str, path: str) -> str:
    """Make a link for who asks; earlier ones that were not used stop to open. Returns its address.

    Raises:
        Refusal: ``entry.no_pages``: nobody has said under which address the pages stand.
    """
    if not ctx.pages:
        raise Refusal("entry.no_pages")
    group = ctx.group.id if ctx.group is not None else None
    token = entry.make_link(ctx.session, purpose, ctx.actor.person_id, ctx.now, group_id=group, path=path)
    audit.record(
        ctx.session, at=ctx.now, actor_id=ctx.actor.person_id, group_id=group, action="entry.link_made", to=purpose
    )
    return rules.address(ctx.pages, f"/enter/{token}")


def join_link(ctx: Context, *, anew: bool = False) -> str:
    """Return the address by which neighbours come into the group; with ``anew`` the one that they had opens no more.

    Raises:
        Refusal: ``entry.join_not_needed``: the group's neighbours are heard in the chat; ``entry.no_pages``.

    Source: ADR-0021.
    """
    here = ctx.here
    if here.hears:
        raise Refusal("entry.join_not_needed")
    if not ctx.pages:
        raise Refusal("entry.no_pages")
    key = (group_keys.renew if anew else group_keys.current)(ctx.session, here.id, ctx.now)
    if anew:
        audit.record(
            ctx.session, at=ctx.now, actor_id=ctx.actor.person_id, group_id=here.id, action="entry.key_renewed"
        )
    return rules.address(ctx.pages, f"/h5/in/{key}")


def shut(ctx: Context) -> int:
    """End every session of who asks, and every link; returns how many sessions there were."""
    entry.drop_links(ctx.session, ctx.actor.person_id)
    ended = entry.end_sessions(ctx.session, ctx.actor.person_id)
    audit.record(
        ctx.session, at=ctx.now, actor_id=ctx.actor.person_id, group_id=None, action="entry.shut", sessions=ended
    )
    return ended
