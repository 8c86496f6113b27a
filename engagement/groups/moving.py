"""A group whose chat gets another id: a Telegram group that becomes a supergroup.

Source: FAULTS A11.
"""

from __future__ import annotations

from sqlmodel import select as pick

from engagement.errors import Refusal
from engagement.feature import Context, GroupView
from storage import bots
from storage.groups import Group
from storage.ledger import Entry


def move_group(ctx: Context, new_id: str) -> None:
    """Follow a chat whose id changed; a row that the new id got meanwhile is put aside if nothing hangs on it."""
    group = ctx.session.get_one(Group, ctx.here.id)
    other = ctx.session.exec(
        pick(Group).where(Group.channel == group.channel, Group.account == group.account, Group.external_id == new_id)
    ).first()
    if other is not None and other.id != group.id:
        if ctx.session.exec(pick(Entry.id).where(Entry.group_id == other.id).limit(1)).first() is not None:
            raise Refusal("groups.cannot_move")
        other.external_id = f"moved:{group.id}:{other.id}"
        other.state = "removed"
        ctx.session.add(other)
        ctx.session.flush()
    bots.moves(group, ctx.incoming.conversation, new_id)
    group.state = "active"  # that the bot left the former chat may have come first
    ctx.session.add(group)
    ctx.session.flush()
    ctx.group = GroupView.of(group)  # its own words are looked up by the chat's id from now on
