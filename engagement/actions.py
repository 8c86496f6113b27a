"""Taking back what a leader did: a slice notes the action and what stood before; 「撤销」 or the button calls its undo.

Source: DESIGN 7 (every leader's action can be undone or is confirmed first).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from engagement.errors import Refusal
from engagement.feature import Context
from engagement.kernel import Button, Reply
from storage import actions, audit
from storage.actions import LeaderAction

WINDOW = timedelta(days=actions.KEEP_DAYS)
OF_STAFF = frozenset({"bond_parted_for"})
"""Kinds that any of the staff takes back, and a leader does not."""


def note(
    ctx: Context, kind: str, before: Mapping[str, object], told: str, values: Mapping[str, object] | None = None
) -> Button:
    """Keep what stood before an action of the acting leader, in its transaction.

    Args:
        kind: key of some feature's ``undos``.
        before: JSON-able; what the undo needs.
        told: text key of one line that says what was done, with ``values`` as its placeholders.

    Returns:
        The button that takes it back, for the reply.
    """
    action = LeaderAction(
        group_id=ctx.here.id,
        actor_id=ctx.actor.person_id,
        kind=kind,
        before=dict(before),
        told=told,
        values=dict(values or {}),
        done_at=ctx.now,
    )
    return Button(f"undo:{actions.note(ctx.session, action)}", "leader.button_undo")


def undo(ctx: Context, action: LeaderAction) -> Sequence[Reply]:
    """Take an action back, once; or ask first, where its slice does so.

    Raises:
        Refusal: it is of another group, too old, undone already, or its slice refuses.
    """
    if action.group_id != ctx.here.id or action.done_at < ctx.now - WINDOW:
        raise Refusal("guard.old_button")
    undoing = next((f.undos[action.kind] for f in ctx.features if action.kind in f.undos), None)
    if undoing is None:
        raise Refusal("guard.old_button")
    assert action.id is not None
    before = action.before or {}
    if action.undone_at is None:
        asked = [
            one for f in ctx.features if action.kind in f.undo_asks for one in f.undo_asks[action.kind](ctx, before)
        ]
        if asked:
            return asked
    if not actions.claim(ctx.session, action.id, ctx.now):
        raise Refusal("leader.undone_already")
    replies = undoing(ctx, before)
    audit.record(
        ctx.session,
        at=ctx.now,
        actor_id=ctx.actor.person_id,
        group_id=ctx.here.id,
        action="action.undone",
        undone=action.id,
    )
    return replies
