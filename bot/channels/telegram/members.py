"""Comings and goings in a group, the bot's rights in it, and stamps on messages.

Source: Telegram Bot API (ChatMemberUpdated, MessageReactionUpdated); FAULTS A11.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.channels.fields import as_object, moment_of
from bot.channels.telegram.account import CHANNEL, Me
from bot.channels.telegram.fields import Chat, person_of, status_of
from engagement.kernel import RIGHTS, Event, Incoming, Place

_HERE = frozenset({"creator", "administrator", "member"})
_GONE = frozenset({"left", "kicked"})
_MANY = 50
"""Stamps of one person on one message, before and after together; Telegram allows three."""


def bot_moved(change: dict[str, Any], me: Me, received_at: datetime, key: str) -> tuple[Incoming, ...]:
    """Read that the bot itself came, went, or got other rights.

    Raises:
        ValueError: the shape is not Telegram's.
    """
    chat = Chat.of(change.get("chat"))
    if chat is None:
        return ()
    before, after = status_of(change.get("old_chat_member")), status_of(change.get("new_chat_member"))
    if after in _GONE:
        event = Event.BOT_REMOVED  # in private: the person has shut the bot out
    elif chat.place is Place.DM:
        return ()
    elif after in _HERE and (before not in _HERE or _rights_of(change)):
        event = Event.BOT_ADDED
    else:
        return ()
    can_read = True if after == "administrator" else me.reads_all
    rights = event is Event.BOT_ADDED and before in _HERE
    told = _told(event, change, chat, person_of(change.get("from")), me, received_at, key)
    can_read_now = can_read if event is Event.BOT_ADDED else None
    return (replace(told, can_read=can_read_now, text=RIGHTS if rights else ""),)


def member_moved(change: dict[str, Any], me: Me, received_at: datetime, key: str) -> tuple[Incoming, ...]:
    """Read that a neighbour came or went.

    Raises:
        ValueError: the shape is not Telegram's.
    """
    chat = Chat.of(change.get("chat"))
    if chat is None or chat.place is Place.DM:
        return ()
    before, after = status_of(change.get("old_chat_member")), status_of(change.get("new_chat_member"))
    if before not in _HERE and after in _HERE:
        event = Event.JOIN
    elif before in _HERE and after in _GONE:
        event = Event.LEAVE
    else:
        return ()
    # Who let somebody in who had asked to join has not brought him.
    asked = change.get("via_join_request") is True
    subject, subject_name = person_of(as_object(change.get("new_chat_member")).get("user"))
    sender, name = person_of(change.get("from"))
    if not subject:
        return ()
    told = _told(event, change, chat, (sender, name), me, received_at, key)
    invited_by = sender if event is Event.JOIN and sender != subject and not asked else ""
    return (replace(told, subject=subject, subject_name=subject_name, invited_by=invited_by),)


def _rights_of(change: dict[str, Any]) -> bool:
    """Say whether what the bot may read or say has changed: it is an administrator now, or restricted, or neither any more."""
    kinds = {str(as_object(change.get(side)).get("status")) for side in ("old_chat_member", "new_chat_member")}
    return len(kinds) == 2 and not kinds.isdisjoint({"administrator", "restricted"})


def reacted(change: dict[str, Any], me: Me, received_at: datetime, key: str) -> tuple[Incoming, ...]:
    """Read that somebody put a stamp on a message in a group; taking one away, and whoever is hidden, is nothing.

    Raises:
        ValueError: the shape is not Telegram's.

    Source: Telegram Bot API (MessageReactionUpdated: told to administrators alone; ``actor_chat`` for who is anonymous).
    """
    chat = Chat.of(change.get("chat"))
    before, after = change.get("old_reaction"), change.get("new_reaction")
    if type(before) is not list or type(after) is not list or len(before) + len(after) > _MANY:
        raise ValueError("reaction")
    added = any(one not in before for one in after)
    if chat is None or chat.place is Place.DM or change.get("user") is None or not added:
        return ()
    sender, name = person_of(change.get("user"))
    if not sender:
        return ()
    return (_told(Event.REACTION, change, chat, (sender, name), me, received_at, key),)


def _told(
    event: Event, change: dict[str, Any], chat: Chat, who: tuple[str, str], me: Me, received_at: datetime, key: str
) -> Incoming:
    """Return what all of these say: where it was, when, and who (id, name) did it."""
    return Incoming(
        event=event,
        channel=CHANNEL,
        account=me.account,
        dedupe_key=key,
        place=chat.place,
        conversation=chat.id,
        sender=who[0],
        sender_name=who[1],
        occurred_at=moment_of(change.get("date"), received_at),
        received_at=received_at,
        group_name=chat.title,
    )
