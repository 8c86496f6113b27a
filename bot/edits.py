"""Edits of our own messages that come some seconds after their cause (Feature.follow_up): found, addressed, queued."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from bot.queued import Queued, queue
from engagement.feature import GroupView
from engagement.kernel import Kind, Outgoing, Place, Reply
from storage import outbox
from storage.columns import micros
from storage.engine import Session

Take = Callable[[Session, datetime], Sequence[tuple[GroupView, Reply]]]


def queue_edits(session: Session, take: Take, now: datetime) -> list[Queued]:
    """Claim what a slice wants edited by now and put it into the outbox; one whose message is gone is left out."""
    queued: list[Queued] = []
    for group, reply in take(session, now):
        message = edit(session, group, reply)
        if message is None:
            continue
        queued.append(queue(session, f"edit:{group.id}:{reply.subject}:{micros(now)}", message, now))
    return queued


def edit(session: Session, group: GroupView, reply: Reply) -> Outgoing | None:
    """Address an edit of our latest message about the reply's subject in a group; None when there is none."""
    found = outbox.latest_about(
        session,
        channel=group.channel,
        account=group.account,
        conversation=group.external_id,
        subject=reply.subject,
    )
    if not found:
        return None
    return Outgoing(
        kind=Kind.EDIT,
        channel=group.channel,
        account=group.account,
        place=Place.GROUP,
        conversation=group.external_id,
        feature=reply.key.partition(".")[0],
        key=reply.key,
        values=reply.values,
        tails=tuple(reply.tails),
        reply_to=found,
        buttons=tuple(reply.buttons),
        subject=reply.subject,
    )
