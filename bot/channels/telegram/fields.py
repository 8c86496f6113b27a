"""The fields of Telegram's updates that we read: chats, people, memberships, files; the rest stays unseen.

Source: Telegram Bot API; FAULTS A7, A8.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.channels.fields import as_integer, as_object, as_text
from engagement.kernel import Place

ANONYMOUS_ADMIN = 1087968824
"""Whoever administers a group anonymously arrives under this id: it is nobody."""
NOBODY = frozenset({ANONYMOUS_ADMIN, 136817688, 777000})
"""Ids behind which no person stands: anonymous administrators, people who speak as a channel, and Telegram itself, which
forwards the posts of a linked channel. The last one is not marked as a bot."""
_MANY = 20
_LONGEST_FILE_ID = 256
_LONGEST_FILE_NAME = 255
NAME = 160
"""Characters of a name that are kept; rendering shows fewer."""


@dataclass(frozen=True, slots=True)
class Chat:
    """Where an update happened."""

    place: Place
    id: str
    title: str

    @classmethod
    def of(cls, value: object) -> Chat | None:
        """Read a chat; None for channels and kinds that we do not know."""
        chat = as_object(value)
        kind = chat.get("type")
        number = as_integer(chat.get("id"))
        if kind == "private":
            return cls(Place.DM, str(number), "")
        if kind in ("group", "supergroup"):
            return cls(Place.GROUP, str(number), as_text(chat.get("title", ""), NAME))
        return None


def sender_of(message: dict[str, Any]) -> tuple[str | None, str]:
    """Return the writer's id and name: empty for somebody whom Telegram hides, None for other bots."""
    chat = message.get("sender_chat")
    if chat is not None:
        return "", as_text(as_object(chat).get("title", ""), NAME)
    author = message.get("from")
    if author is None:
        return "", ""
    author = as_object(author)
    who, name = person_of(author)
    if not who and author.get("id") not in NOBODY:
        return None, name
    return who, name


def person_of(value: object) -> tuple[str, str]:
    """Return a person's id and name; no id for bots and for anonymous administrators."""
    person = as_object(value)
    number = as_integer(person.get("id"))
    name = as_text(person.get("first_name", ""), NAME)
    last = person.get("last_name")
    if last:
        name = f"{name} {as_text(last, NAME)}"
    if number in NOBODY or person.get("is_bot") is True:
        return "", name
    return str(number), name


def speaks_for(message: dict[str, Any], chat: Chat) -> bool:
    """Say whether an administrator speaks in the group's own name; whoever speaks as a channel may be anybody."""
    speaker = message.get("sender_chat")
    return speaker is not None and str(as_integer(as_object(speaker).get("id"))) == chat.id


def status_of(value: object) -> str:
    """Return a membership's status; a restricted member who is in the chat counts as a member."""
    member = as_object(value)
    status = as_text(member.get("status"), 20)
    if status == "restricted":
        return "member" if member.get("is_member") is True else "left"
    return status


def media_of(message: dict[str, Any]) -> tuple[str, str]:
    """Return what goes with the words (``photo``, ``voice`` or empty) and Telegram's id of the file; it is not fetched."""
    sizes = message.get("photo")
    if sizes is not None:
        if type(sizes) is not list or not 0 < len(sizes) <= _MANY:
            raise ValueError("photo")
        return "photo", as_text(as_object(sizes[-1]).get("file_id", ""), _LONGEST_FILE_ID)
    voice = message.get("voice")
    if voice is not None:
        return "voice", as_text(as_object(voice).get("file_id", ""), _LONGEST_FILE_ID)
    sent_as_file = message.get("document")
    if type(sent_as_file) is dict and str(sent_as_file.get("mime_type", "")).startswith("image/"):
        return "photo", as_text(sent_as_file.get("file_id", ""), _LONGEST_FILE_ID)
    return "", ""


def file_of(message: dict[str, Any]) -> tuple[str, str, str, int]:
    """Return ``file`` or empty, Telegram's id of a document, its name as somebody gave it, and its size in bytes."""
    sent = message.get("document")
    if sent is None or message.get("animation") is not None:
        return "", "", "", 0
    sent = as_object(sent)
    name = as_text(sent.get("file_name", ""), _LONGEST_FILE_NAME)
    return (
        "file",
        as_text(sent.get("file_id", ""), _LONGEST_FILE_ID),
        name,
        max(0, as_integer(sent.get("file_size", 0))),
    )
