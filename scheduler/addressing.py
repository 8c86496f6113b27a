"""Where a push goes: into its group, or in private to one person of it."""

from __future__ import annotations

from engagement.feature import GroupView
from engagement.kernel import Kind, Outgoing, Place, Reply
from storage import identities
from storage.engine import Session


def outgoing(session: Session, reply: Reply, group: GroupView) -> Outgoing | None:
    """Give a reply its address: the group, or in private the person it is for.

    The slice that speaks is the first part of its text key.

    Returns:
        None when the person meant cannot be reached on the group's channel.
    """
    person = None
    if reply.kind is Kind.DM:
        person = identities.address(session, reply.to or 0, group.channel)
        if person is None:
            return None
    return Outgoing(
        kind=Kind.PUSH if person is None else Kind.DM,
        channel=group.channel,
        account=group.account,
        place=Place.GROUP if person is None else Place.DM,
        conversation=group.external_id if person is None else person[0],
        to="" if person is None else person[0],
        to_name="" if person is None else person[1],
        feature=reply.key.partition(".")[0],
        key=reply.key,
        values=reply.values,
        tails=reply.tails,
        buttons=reply.buttons,
        citations=reply.citations,
        subject=reply.subject,
        card=reply.card,
    )
