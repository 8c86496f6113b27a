"""Where a reply goes: into the conversation it answers, to a group, or in private to a person."""

from __future__ import annotations

from bot.voice import HEARD
from engagement.dispatch import Said
from engagement.feature import Context
from engagement.kernel import Kind, Outgoing, Place
from storage import identities, outbox


def at_desk(ctx: Context, one: Said) -> Outgoing | None:
    """Return what the page that asked shows of a reply; None when it is for somebody else, or nobody asked from a page."""
    reply, incoming = one.reply, ctx.incoming
    if not incoming.desk_person:
        return None
    private = reply.kind is Kind.DM and reply.to in (None, incoming.desk_person)
    if not private and (reply.kind is Kind.DM or reply.group_id is not None):
        return None
    return Outgoing(
        kind=Kind.REACTION if reply.kind is Kind.REACTION else Kind.REPLY,
        channel=incoming.channel,
        account=incoming.account,
        place=Place.DM,
        conversation=incoming.conversation,
        feature=one.feature,
        key=reply.key,
        values=reply.values,
        tails=tuple(reply.tails),
        buttons=tuple(reply.buttons),
        citations=tuple(reply.citations),
        subject=reply.subject,
        emoji=reply.emoji,
        document=reply.document,
    )


def address(ctx: Context, one: Said) -> Outgoing | None:
    """Turn a reply into a message with an address; None when the person meant cannot be reached on this channel."""
    reply, incoming = one.reply, ctx.incoming
    place, conversation, account = incoming.place, incoming.conversation, incoming.account
    to = to_name = ""
    reply_to = incoming.message_id
    if reply.to is not None:
        found = identities.address(ctx.session, reply.to, incoming.channel)
        if found is None:
            return None
        to, to_name = found[0], found[1]
    if reply.kind is Kind.DM:
        if not to:
            to = incoming.sender
        # A private word to who spoke in private: it may come after answers to what he typed meanwhile.
        spoken = incoming.media == HEARD and incoming.place is Place.DM and to == incoming.sender
        place, conversation, reply_to = Place.DM, to, incoming.message_id if spoken else ""
    elif reply.group_id is not None and (ctx.group is None or reply.group_id != ctx.group.id or place is Place.DM):
        row = identities.group_row_by_id(ctx.session, reply.group_id)
        if row is None:
            return None
        place, conversation, account, reply_to = Place.GROUP, str(row[3]), str(row[2]), ""
    elif reply.kind is Kind.PUSH:
        reply_to = ""
    if reply.kind is Kind.EDIT:
        reply_to = outbox.latest_about(
            ctx.session, channel=incoming.channel, account=account, conversation=conversation, subject=reply.subject
        )
        if not reply_to:
            return None
    return Outgoing(
        kind=reply.kind,
        channel=incoming.channel,
        account=account,
        place=place,
        conversation=conversation,
        feature=one.feature,
        key=reply.key,
        values=reply.values,
        tails=tuple(reply.tails),
        reply_to=reply_to,
        thread=incoming.thread if place is incoming.place else "",
        to=to,
        to_name=to_name,
        mention=reply.mention,
        buttons=tuple(reply.buttons),
        citations=tuple(reply.citations),
        subject=reply.subject,
        emoji=reply.emoji,
        card=reply.card,
        document=reply.document,
    )
