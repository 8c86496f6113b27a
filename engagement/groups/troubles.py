"""What the platform does not let the bot do in a group: told to the leaders in private, each with what to press, and once.

What only the installation's settings can mend is told to those who set it up as well.

Again only after a week, or when the bot's rights were changed and it still does not work.

Source: F130; CHANNELS (Telegram groups: tell the leader how).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from sqlmodel import col, select

from engagement import calendar
from engagement.events import Unidentified
from engagement.feature import Context
from engagement.groups import service
from engagement.kernel import Kind, Reply
from storage import bots, identities
from storage.groups import RoleGrant, thread_of

AGAIN = timedelta(days=7)
"""When the same is said again, if nothing has changed."""
THREADS = frozenset({"thread_gone", "thread_closed"})
ROBOT_GONE = "robot_gone"
SILENT = frozenset({"cannot_write", "general_closed", ROBOT_GONE})
"""Troubles of which the group itself cannot be told."""
WORDS = THREADS | SILENT | {"no_pictures", "no_reactions"}
"""What channels tell of."""
ANONYMOUS = "anonymous"


def trouble(ctx: Context) -> Sequence[Reply]:
    """Handle Event.TROUBLE; a chosen topic that is gone is chosen no more."""
    word = ctx.incoming.text
    if word not in WORDS:
        return []
    if word in THREADS:
        if not ctx.incoming.thread or thread_of(ctx.here.settings) != ctx.incoming.thread:
            # A topic that somebody closed while his question was answered: nobody has to do anything.
            return []
        if word == "thread_gone":
            service.mark(ctx, **{service.THREAD: None})
    return told(ctx, word, aloud=word not in SILENT)


def unidentified(ctx: Context, _event: Unidentified) -> Sequence[Reply]:
    """Tell the leaders how an administrator can act although the group hides who he is."""
    return told(ctx, ANONYMOUS, aloud=False)


def told(ctx: Context, word: str, *, aloud: bool) -> list[Reply]:
    """Return what is said of a trouble, nothing at night or when it was said lately.

    Args:
        aloud: where no leader can be reached in private, the group hears it, if its budget has room.
    """
    group = ctx.here
    if calendar.is_quiet(calendar.local_minute(ctx.now, group.zone), group.quiet_from, group.quiet_to):
        return []
    known = _known(group.settings)
    if word in known and ctx.today - date.fromisoformat(known[word]) < AGAIN:
        return []
    people = service.reachable_leaders(ctx)
    if word == ROBOT_GONE:
        people = [*people, *(one for one in _admins(ctx) if one not in people)]
    key, values = f"groups.trouble_{word}", {"group": group.name}
    said = [Reply(key, values, kind=Kind.DM, to=person) for person in people]
    if not said:
        day = ctx.today.isoformat()
        if not aloud or not identities.spend_unasked(ctx.session, group.id, day, group.daily_budget):
            return []
        said = [Reply(key, values, kind=Kind.PUSH)]
    service.mark(ctx, **{service.TROUBLES: {**known, word: ctx.today.isoformat()}})
    return said


def _admins(ctx: Context) -> list[int]:
    """Return those who set up the installation (person ids) and have a private chat that is open, by id."""
    admins = select(RoleGrant.person_id).where(RoleGrant.role == "admin").order_by(col(RoleGrant.person_id))
    return [one for one in ctx.session.exec(admins) if bots.is_open(ctx.session, one, ctx.incoming.channel)]


def _known(settings: Mapping[str, object]) -> dict[str, str]:
    """Return trouble → local day on which it was told."""
    kept = service.own(settings).get(service.TROUBLES)
    return {str(word): str(day) for word, day in kept.items()} if isinstance(kept, Mapping) else {}
