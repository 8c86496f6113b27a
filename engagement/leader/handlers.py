"""撤销 and its button: arguments → service → reply."""

from __future__ import annotations

from collections.abc import Sequence

from engagement import actions
from engagement.errors import Refusal
from engagement.feature import Context
from engagement.kernel import Button, Reply, row_id
from storage.actions import LeaderAction, latest


def undo(ctx: Context) -> Sequence[Reply]:
    """Answer 撤销: what was done lately, each with its button."""
    found = latest(ctx.session, ctx.here.id, ctx.now - actions.WINDOW)
    if not found:
        raise Refusal("leader.nothing_to_undo")
    buttons = [Button(f"undo:{one.id}", one.told, one.values or {}) for one in found]
    return [Reply("leader.undo_which", {"count": len(found)}, buttons=buttons)]


def undo_button(ctx: Context) -> Sequence[Reply]:
    """Take one action back."""
    if not ctx.actor.leader:
        raise Refusal("guard.leader_only")
    action = ctx.session.get(LeaderAction, row_id(ctx.text))
    if action is None:
        raise Refusal("guard.old_button")
    return actions.undo(ctx, action)
