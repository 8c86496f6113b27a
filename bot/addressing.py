"""Where a reply goes: into the conversation it answers, to a group, or in private to a person."""

from __future__ import annotations

from dataclasses import dataclass

from bot.voice import HEARD
from engagement.dispatch import Said
from engagement.feature import Context
from engagement.kernel import Kind, Outgoing, Place, Reply
from storage import bots, identities, outbox
from storage.groups import thread_of

SPEAKS = 14
"""Place of ``chat_group.speaks`` in a group's row."""


def at_desk(ctx: Context, one: Said) -> Outgoing | None:
    """Return what the page that asked shows of a reply; None when it is for somebody else, or nobody asked from a page."""
    reply, incoming = one.reply, ctx.incoming
    if not incoming.desk_person:
        return None
    private = reply.kind is Kind.DM and reply.chat is None and reply.to in (None, incoming.desk_person)
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


@dataclass(slots=True)
class _Way:
    """Where a reply goes, as far as it is known."""

    channel: str
    account: str
    place: Place
    conversation: str
    reply_to: str
    thread: str
    to: str = ""
    to_name: str = ""


def address(ctx: Context, one: Said) -> Outgoing | None:
    """Turn a reply into a message with an address.

    What is said to a group goes by the group's own channel, what is said to somebody in private by one on which he can be
    written to.

    Returns:
        None when the person meant cannot be reached, or nothing can be said in that group: whoever acted has an answer of his
        own, and what the group is to know goes into its message of the day.

    Source: ADR-0021.
    """
    reply, incoming = one.reply, ctx.incoming
    way = _Way(
        incoming.channel,
        incoming.account,
        incoming.place,
        incoming.conversation,
        incoming.message_id,
        incoming.thread,
    )
    if reply.kind is Kind.DM:
        found = _in_private(ctx, reply, way)
    elif reply.group_id is not None and (ctx.group is None or reply.group_id != ctx.group.id or way.place is Place.DM):
        found = _to_group(ctx, reply.group_id, way)
    else:
        if reply.kind is Kind.PUSH:
            way.reply_to = ""
            in_group = way.place is Place.GROUP and ctx.group is not None
            way.thread = thread_of(ctx.group.settings) if in_group and ctx.group is not None else way.thread
        found = way.place is Place.DM or ctx.group is None or ctx.group.speaks
    if not found:
        return None
    if reply.to is not None and reply.kind is not Kind.DM and not _name(ctx, reply.to, way):
        return None
    if reply.kind is Kind.EDIT:
        way.reply_to = outbox.latest_about(
            ctx.session,
            channel=way.channel,
            account=way.account,
            conversation=way.conversation,
            subject=reply.subject,
        )
        if not way.reply_to:
            return None
    return Outgoing(
        kind=reply.kind,
        channel=way.channel,
        account=way.account,
        place=way.place,
        conversation=way.conversation,
        feature=one.feature,
        key=reply.key,
        values=reply.values,
        tails=tuple(reply.tails),
        reply_to=way.reply_to,
        thread=way.thread,
        to=way.to,
        to_name=way.to_name,
        mention=reply.mention,
        buttons=tuple(reply.buttons),
        citations=tuple(reply.citations),
        subject=reply.subject,
        emoji=reply.emoji,
        card=reply.card,
        document=reply.document,
    )


def _in_private(ctx: Context, reply: Reply, way: _Way) -> bool:
    """Find the private chat of who is meant: the one that he is using, else one in which he has written; False if none."""
    incoming = ctx.incoming
    if reply.chat is not None:
        way.channel, way.account, way.to = reply.chat
        way.place, way.conversation, way.thread, way.reply_to = Place.DM, way.to, "", ""
        return True
    mine = reply.to is None or (reply.to == ctx.actor.person_id and incoming.place is Place.DM)
    if mine:
        way.to, way.to_name = incoming.sender, "" if reply.to is None else ctx.actor.name
    else:
        found = bots.reach(ctx.session, reply.to or 0, incoming.channel)
        if found is None:
            return False
        way.to, way.to_name = found.external_id, found.name
        if found.channel != way.channel:
            way.channel, way.account = found.channel, found.account
        else:
            way.account = found.account or way.account
    # A private word to who spoke in private: it may come after answers to what he typed meanwhile.
    here = incoming.place is Place.DM and (way.channel, way.to) == (incoming.channel, incoming.sender)
    spoken = incoming.media == HEARD and here
    way.place, way.conversation = Place.DM, way.to
    way.thread = way.thread if here else ""
    way.reply_to = incoming.message_id if spoken else ""
    if mine:
        way.account = bots.bot_of(ctx.session, way.channel, way.to) or way.account
    return True


def _to_group(ctx: Context, group_id: int, way: _Way) -> bool:
    """Go by the group's own channel and account; False when it is not there, or nothing can be said there."""
    row = identities.group_row_by_id(ctx.session, group_id)
    if row is None or not row[SPEAKS]:
        return False
    way.channel, way.account, way.conversation = str(row[1]), str(row[2]), str(row[3])
    way.place, way.reply_to = Place.GROUP, ""
    way.thread = thread_of(identities.as_json(row[10]))
    return True


def _name(ctx: Context, person_id: int, way: _Way) -> bool:
    """Say who is meant in a group: by the account that he has on its channel, else by name alone; False for nobody."""
    known = identities.address(ctx.session, person_id, way.channel)
    if known is not None:
        way.to, way.to_name = known[0], known[1]
        return True
    way.to_name = bots.name_of(ctx.session, person_id)
    return bool(way.to_name)
