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
    """

    id: int
    title: str = ""
    kind: str = "private"
    bot: str = "member"
    moved_to: int = 0
    blocked: bool = False
    last: int = 0
    messages: dict[int, dict[str, Any]] = field(default_factory=dict)

    def next_id(self) -> int:
        """Return the next message id of this chat."""
        self.last += 1
        return self.last

    def json(self) -> dict[str, Any]:
        """Return it as Telegram shows it."""
        return {"id": self.id, "type": self.kind} | ({"title": self.title} if self.kind != "private" else {})


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
