"""Telegram's updates, straight from decoded JSON: bounded, strict where we read, blind to the rest.

No object of the library is made for an update: most of them are neighbours' chatter that is dropped a moment later.

Source: Telegram Bot API (Update); FAULTS A7, A11.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bot.channels.fields import LARGEST, as_integer, as_object, as_text, possible
from bot.channels.telegram.account import CHANNEL, Me
from bot.channels.telegram.albums import album_key
from bot.channels.telegram.fields import Chat, file_of, media_of, person_of, sender_of, speaks_for
from bot.channels.telegram.members import bot_moved, member_moved, reacted
from engagement.kernel import MAX_TEXT, Event, Incoming, Place

ALLOWED_UPDATES = ("message", "callback_query", "my_chat_member", "chat_member", "message_reaction")

_MANY = 20


def parse(
    update: dict[str, Any],
    account: str,
    received_at: datetime,
    bot_username: str,
    bot_id: int,
    reads_all: bool | None = None,
) -> Incoming | None:
    """Read one update; of several people who were added together, the first (:func:`parse_all` has them all).

    Raises:
        ValueError: the shape is not Telegram's.
    """
    found = parse_all(update, Me(bot_id, bot_username, reads_all, account), received_at)
    return found[0] if found else None


def parse_all(update: object, me: Me, received_at: datetime) -> tuple[Incoming, ...]:
    """Read one decoded update.

    Args:
        update: what :func:`decode` returned.
        me: the receiving bot.
        received_at: aware.

    Returns:
        Events, mostly one; empty for what is not ours to handle (edits, channel posts, other
            bots, pictures in private).

    Raises:
        ValueError: the shape is not Telegram's; nothing may come of it.
    """
    if type(update) is not dict or not is_numbered(update):
        raise ValueError("update")
    key = f"u{update['update_id']}"
    if "message" in update:
        return _message(as_object(update["message"]), me, received_at, key)
    if "callback_query" in update:
        return _button(as_object(update["callback_query"]), me, received_at, key)
    if "my_chat_member" in update:
        return bot_moved(as_object(update["my_chat_member"]), me, received_at, key)
    if "chat_member" in update:
        return member_moved(as_object(update["chat_member"]), me, received_at, key)
    if "message_reaction" in update:
        return reacted(as_object(update["message_reaction"]), me, received_at, key)
    return ()


def is_numbered(update: object) -> bool:
    """Say whether something decoded is an update of Telegram, whatever it holds: it has an id that can be confirmed."""
    number = update.get("update_id") if type(update) is dict else None
    return type(number) is int and 0 <= number < LARGEST


# ---------------------------------------------------------------- messages


def _message(message: dict[str, Any], me: Me, received_at: datetime, key: str) -> tuple[Incoming, ...]:
    chat = Chat.of(message.get("chat"))
    message_id = as_integer(message.get("message_id"))
    sent = as_integer(message.get("date"))
    sender, name = sender_of(message)
    if chat is None or sender is None or not possible(sent):
        return ()
    base: dict[str, Any] = {
        "channel": CHANNEL,
        "account": me.account,
        "dedupe_key": key,
        "place": chat.place,
        "conversation": chat.id,
        "sender": sender,
        "sender_name": name,
        "occurred_at": datetime.fromtimestamp(sent, UTC),
        "received_at": received_at,
        "group_name": chat.title,
    }
    if chat.place is Place.GROUP:
        service = _service(message, chat, base)
        if service is not None:
            return service
    text = message.get("text")
    if text is None:
        text = message.get("caption", "")
    text = as_text(text, MAX_TEXT * 2)
    if message.get("is_topic_message") is True:
        base["thread"] = str(as_integer(message.get("message_thread_id")))
    reply_to, addressed = _quoted(message, me)
    other = me.command.match(text)
    if other:
        if other.group(2).lower() not in (me.username.lower(), *me.also):
            return ()
        addressed = True
        text = f"/{other.group(1)}{text[other.end() :]}"
    text, mentioned = _without_mention(text, message, me)
    media, media_id = media_of(message)
    if not media and chat.place is Place.DM:
        media, media_id, name, size = file_of(message)
        base |= {"file_name": name, "file_size": size}
    if media != "file" and "media_group_id" in message:
        base["dedupe_key"] = album_key(chat.id, message, text.strip())
    if chat.place is Place.DM and not text.strip() and media not in ("voice", "file") and not (media and reply_to):
        return ()
    return (
        Incoming(
            event=Event.MESSAGE,
            text=text.strip()[:MAX_TEXT],
            media=media,
            media_id=media_id,
            message_id=str(message_id),
            reply_to=reply_to,
            addressed=addressed or mentioned or chat.place is Place.DM,
            sender_is_admin=True if not sender and speaks_for(message, chat) else None,
            **base,
        ),
    )


def _service(message: dict[str, Any], chat: Chat, base: dict[str, Any]) -> tuple[Incoming, ...] | None:
    """Read a message that nobody typed; None when somebody did."""
    if "new_chat_members" in message:
        people = message["new_chat_members"]
        if type(people) is not list:
            raise ValueError("new_chat_members")
        joined = []
        for person in people[:_MANY]:
            who, name = person_of(person)
            if who:
                joined.append((who, name))
        return tuple(
            Incoming(
                event=Event.JOIN,
                subject=who,
                subject_name=name,
                invited_by=base["sender"] if base["sender"] != who else "",
                **{**base, "dedupe_key": base["dedupe_key"] + (f":{index}" if index else "")},
            )
            for index, (who, name) in enumerate(joined)
        )
    if "left_chat_member" in message:
        who, name = person_of(message["left_chat_member"])
        return (Incoming(event=Event.LEAVE, subject=who, subject_name=name, **base),) if who else ()
    moved = message.get("migrate_to_chat_id"), message.get("migrate_from_chat_id")
    if moved != (None, None):
        # Both chats tell of the move; the key is the move's own, so that it happens once, whichever comes first.
        old = chat.id if moved[0] is not None else str(as_integer(moved[1]))
        new = str(as_integer(moved[0])) if moved[0] is not None else chat.id
        base |= {"conversation": old, "dedupe_key": f"migrated:{old}:{new}"}
        return (Incoming(event=Event.MIGRATED, new_id=new, **base),)
    if message.get("is_automatic_forward") is True:
        return ()
    typed = any(name in message for name in _TYPED)
    return None if typed else ()


_TYPED = frozenset(
    {
        "text",
        "caption",
        "photo",
        "video",
        "voice",
        "sticker",
        "document",
        "audio",
        "animation",
        "video_note",
        "location",
        "venue",
        "contact",
        "poll",
        "dice",
        "story",
        "checklist",
        "paid_media",
    }
)
"""What somebody did with their hands counts as life in the group, also without words; a pinned message does not."""


def _quoted(message: dict[str, Any], me: Me) -> tuple[str, bool]:
    """Return the quoted message's id, and whether it is the bot's."""
    quoted = message.get("reply_to_message")
    if quoted is None:
        return "", False
    quoted = as_object(quoted)
    # In a group with topics every message formally answers the one that opened the topic.
    if "forum_topic_created" in quoted:
        return "", False
    author = quoted.get("from")
    who = author.get("id") if type(author) is dict else None
    ours = type(who) is int and (who == me.id or who in me.siblings)
    return str(as_integer(quoted.get("message_id"))), ours


def _without_mention(text: str, message: dict[str, Any], me: Me) -> tuple[str, bool]:
    """Take the bot's name out of the words; tells whether it was there."""
    mentioned = False
    entities = message.get("entities", message.get("caption_entities"))
    if type(entities) is list and len(entities) <= 100:
        for entity in entities:
            if type(entity) is dict and entity.get("type") == "text_mention":
                who = entity.get("user")
                if type(who) is dict and who.get("id") == me.id:
                    mentioned = True
                    text = _cut_utf16(text, entity.get("offset"), entity.get("length"))
                    break
    if "@" in text:
        text, count = me.mention.subn(" ", text)
        mentioned = mentioned or count > 0
    return text, mentioned


def _cut_utf16(text: str, offset: object, length: object) -> str:
    """Take a stretch out that is counted in UTF-16 units, as Telegram does."""
    if type(offset) is not int or type(length) is not int or offset < 0 or length < 1:
        return text
    units = text.encode("utf-16-le")
    return (units[: offset * 2] + units[(offset + length) * 2 :]).decode("utf-16-le", "ignore")


# ---------------------------------------------------------------- buttons


def _button(query: dict[str, Any], me: Me, received_at: datetime, key: str) -> tuple[Incoming, ...]:
    message = query.get("message")
    data = query.get("data")
    if message is None or data is None:
        return ()
    message = as_object(message)
    chat = Chat.of(message.get("chat"))
    sender, name = person_of(query.get("from"))
    pressed = as_text(data, 64)
    if chat is None or not sender or not pressed:
        return ()
    thread = str(as_integer(message.get("message_thread_id"))) if message.get("is_topic_message") is True else ""
    return (
        Incoming(
            event=Event.BUTTON,
            channel=CHANNEL,
            account=me.account,
            dedupe_key=key,
            place=chat.place,
            conversation=chat.id,
            sender=sender,
            sender_name=name,
            occurred_at=received_at,
            received_at=received_at,
            message_id=str(as_integer(message.get("message_id"))),
            button=pressed,
            addressed=True,
            group_name=chat.title,
            thread=thread,
        ),
    )


def callback_id(update: dict[str, Any]) -> str:
    """Return the id under which a pressed button waits for an answer; empty when none does."""
    query = update.get("callback_query")
    found = query.get("id") if type(query) is dict else None
    return found if type(found) is str and len(found) <= 64 else ""
