"""Pictures that were sent together: ten messages, and one answer.

Telegram sends every picture of an album as a message of its own; the words stand under one of them, and what the album quotes
is quoted by each. So the one with words is a message as always, and of those without only the first one is, if no words
came before it.

Source: Telegram Bot API (Message.media_group_id).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from bot.channels.fields import as_integer, as_text
from engagement.kernel import Incoming, Place

_PREFIX = "album:"
_REMEMBERED = 5_000


def album_key(chat: str, message: dict[str, Any], text: str) -> str:
    """Return the natural key of an album's message: all pictures without words have the same, so that one is handled.

    Raises:
        ValueError: the shape is not Telegram's.
    """
    album = as_text(message["media_group_id"], 40)
    return f"{_PREFIX}{chat}:{album}:{as_integer(message.get('message_id')) if text else ''}"


class Albums:
    """Knows the albums of the last minutes."""

    def __init__(self, receive: Callable[[Incoming], Awaitable[object]]) -> None:
        """Take who persists events."""
        self._receive = receive
        self._begun: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def take(self, incoming: Incoming) -> object:
        """Hand an event on; a further picture of an album is life in the group, and nothing that wants an answer."""
        if not incoming.dedupe_key.startswith(_PREFIX):
            return await self._receive(incoming)
        album, _, worded = incoming.dedupe_key.rpartition(":")
        key = (incoming.account, album)
        if worded:
            self._begin(key)
            return await self._receive(incoming)
        if key in self._begun:
            if incoming.place is Place.DM:
                return None
            incoming = replace(incoming, reply_to="", addressed=False)
        found = await self._receive(incoming)
        # Only now: what could not be persisted comes again, and is still the first.
        self._begin(key)
        return found

    def _begin(self, key: tuple[str, str]) -> None:
        self._begun[key] = None
        if len(self._begun) > _REMEMBERED:
            self._begun.popitem(last=False)
