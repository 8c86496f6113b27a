"""Where a push goes: into its group, onto an earlier message there, or in private to one person of it."""

from __future__ import annotations

from engagement.feature import GroupView
from engagement.kernel import Kind, Outgoing, Place, Reply
from storage import bots, outbox
from storage.engine import Session
from storage.groups import thread_of


def outgoing(session: Session, reply: Reply, group: GroupView) -> Outgoing | None:
    """Give a reply its address: the group, or in private the person it is for.

    The slice that speaks is the first part of its text key.

    Returns:
        None when the person meant cannot be reached, or there is no message of ours to edit.
    """
    person, channel, account = None, group.channel, group.account
    earlier = reply.subject if reply.kind is Kind.EDIT else reply.quotes
    reply_to = ""
    if earlier:
        reply_to = outbox.latest_about(
            session, channel=group.channel, account=group.account, conversation=group.external_id, subject=earlier
        )
    if reply.kind is Kind.EDIT and not reply_to:
        return None
    if reply.kind is Kind.DM:
        person = bots.reach(session, reply.to or 0, group.channel)
        if person is None:
            return None
        account = person.account or (account if person.channel == channel else "")
        channel = person.channel
    return Outgoing(
        kind=reply.kind if reply.kind in (Kind.DM, Kind.EDIT) else Kind.PUSH,
        channel=channel,
        account=account,
        place=Place.GROUP if person is None else Place.DM,
        conversation=group.external_id if person is None else person.external_id,
        thread=thread_of(group.settings) if person is None else "",
        to="" if person is None else person.external_id,
        to_name="" if person is None else person.name,
        feature=reply.key.partition(".")[0],
        key=reply.key,
        values=reply.values,
        tails=reply.tails,
        reply_to=reply_to,
        buttons=reply.buttons,
        citations=reply.citations,
        subject=reply.subject,
        card=reply.card,
    )
