"""推送发这里: which topic of a forum gets what nobody asked for. An answer goes where the question came from anyway.

Source: F130; CHANNELS (Telegram topics).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engagement import actions
from engagement.feature import Context
from engagement.groups import service
from engagement.kernel import Place, Reply
from storage.groups import thread_of

CHANGE = "group_thread"


def choose(ctx: Context) -> Sequence[Reply]:
    """Answer 推送发这里: the topic in which it was typed, or the general one."""
    if ctx.incoming.place is not Place.GROUP:
        return [Reply("groups.thread_how", {"group": ctx.here.name})]
    before, chosen = thread_of(ctx.here.settings), ctx.incoming.thread
    if before == chosen:
        return [Reply("groups.thread_already")]
    service.mark(ctx, **{service.THREAD: chosen or None})
    undo = actions.note(ctx, CHANGE, {"thread": before}, "groups.did_thread")
    return [Reply("groups.thread_here" if chosen else "groups.thread_general", buttons=[undo])]


def undo(ctx: Context, before: Mapping[str, object]) -> Sequence[Reply]:
    """Choose what was chosen before."""
    thread = before.get("thread")
    service.mark(ctx, **{service.THREAD: thread or None})
    return [Reply("groups.thread_back")]
