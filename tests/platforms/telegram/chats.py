"""The chats of the platform, and the updates that come from what people do in them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Chat:
    """One chat.

    Attributes:
        bot: the bot's status here: member, administrator or left.
        moved_to: the new id, once a group has become a supergroup.
        messages: what the bot sent and people wrote, by message id.
        topics: of a forum: thread id → whether it is open; one that was deleted is not there. None: no forum. 0 is the
            general one.
        denied: what the bot may not do here: ``messages``, ``photos``, ``reactions``.
    """

    id: int
    title: str = ""
    kind: str = "private"
    bot: str = "member"
    moved_to: int = 0
    blocked: bool = False
    last: int = 0
    messages: dict[int, dict[str, Any]] = field(default_factory=dict)
    topics: dict[int, bool] | None = None
    denied: set[str] = field(default_factory=set)

    def next_id(self) -> int:
        """Return the next message id of this chat."""
        self.last += 1
        return self.last

    def json(self) -> dict[str, Any]:
        """Return it as Telegram shows it."""
        forum = {"is_forum": True} if self.topics is not None else {}
        return {"id": self.id, "type": self.kind} | ({"title": self.title} if self.kind != "private" else {}) | forum


ANONYMOUS = {"id": 1087968824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
"""Whoever administers a group anonymously, as Telegram shows it."""
AS_CHANNEL = {"id": 136817688, "is_bot": True, "first_name": "Channel", "username": "Channel_Bot"}
"""Whoever speaks as a channel."""
SERVICE = {"id": 777000, "is_bot": False, "first_name": "Telegram"}
"""Telegram itself: it forwards the posts of a linked channel."""


def refusal(chat: Chat, method: str, params: dict[str, Any]) -> str:
    """Return Telegram's description of why it does not do this here; empty = it does."""
    if method == "setMessageReaction":
        return "REACTION_INVALID" if "reactions" in chat.denied else ""
    if "messages" in chat.denied:
        return "not enough rights to send text messages to the chat"
    if method == "sendPhoto" and "photos" in chat.denied:
        return "not enough rights to send photos to the chat"
    thread = params.get("message_thread_id", 0)
    if chat.topics is None:
        return "message thread not found" if thread and chat.kind != "private" else ""
    if thread and thread not in chat.topics:
        return "message thread not found"
    return "" if chat.topics.get(thread, True) or chat.bot == "administrator" else "TOPIC_CLOSED"


def person(user: int, name: str = "", *, bot: bool = False) -> dict[str, Any]:
    """Return a user as Telegram shows it."""
    return {"id": user, "is_bot": bot, "first_name": name or f"邻居{user}"}


def message_update(chat: Chat, sender: dict[str, Any], text: str, reply_to: int = 0, **more: Any) -> dict[str, Any]:
    """Somebody writes: an update without its id."""
    message: dict[str, Any] = {
        "message_id": chat.next_id(),
        "from": sender,
        "chat": chat.json(),
        "date": int(time.time()),
        "text": text,
    }
    if reply_to:
        message["reply_to_message"] = chat.messages.get(reply_to, {"message_id": reply_to, "chat": chat.json()})
    message |= more
    chat.messages[message["message_id"]] = message
    return {"message": message}


def member_update(
    chat: Chat, who: dict[str, Any], by: dict[str, Any], before: str, after: str, kind: str = "chat_member"
) -> dict[str, Any]:
    """Somebody's membership changes: an update without its id."""
    return {
        kind: {
            "chat": chat.json(),
            "from": by,
            "date": int(time.time()),
            "old_chat_member": {"user": who, "status": before},
            "new_chat_member": {"user": who, "status": after},
        }
    }


def press_update(chat: Chat, sender: dict[str, Any], message_id: int, key: str, query_id: str) -> dict[str, Any]:
    """Somebody presses a button: an update without its id."""
    message = chat.messages.get(message_id, {"message_id": message_id, "chat": chat.json(), "date": 0})
    return {"callback_query": {"id": query_id, "from": sender, "message": message, "chat_instance": "1", "data": key}}
