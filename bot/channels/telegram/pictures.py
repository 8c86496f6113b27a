"""Pictures on Telegram: each is uploaded once by a bot account and named by Telegram's id of it from then on.

A drawn card's file is named after what is on it, so a poster that five thousand groups get is one upload. The ids are kept in
memory: a process that starts uploads each picture once more, which costs less than a table that could be wrong.

Source: Telegram Bot API, "Sending files": a file_id is reused without limit, by the bot that it was given to.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import structlog

if TYPE_CHECKING:
    from telegram import Bot, Message

log = structlog.get_logger("bot.channels.telegram")
MOST_KNOWN = 500
"""Pictures whose ids are kept; the one that was sent longest ago is forgotten first."""
PATIENCE = 5.0
"""Seconds for which a send waits for another one's upload of the same picture; then it uploads the picture itself."""


class Uploads:
    """What one bot account has uploaded."""

    def __init__(self, bot: Bot) -> None:
        """Take the library's bot."""
        self._bot = bot
        self._known: OrderedDict[str, str] = OrderedDict()
        self._under_way: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def send(self, chat: int | str, path: Path, **more: Any) -> Message:
        """Send a picture.

        Args:
            path: its file; the name stands for the content.
            more: of the library's ``send_photo``.

        Raises:
            TelegramError: as the library does. An id that Telegram does not take any more is none: the file is uploaded.
        """
        name = path.name
        if name in self._known:
            return await self._again(chat, path, more)
        lock = self._under_way.setdefault(name, asyncio.Lock())
        held = await _acquired(lock)
        try:
            if name in self._known:
                return await self._again(chat, path, more)
            return await self._upload(chat, path, more)
        finally:
            if held:
                lock.release()

    async def _again(self, chat: int | str, path: Path, more: dict[str, Any]) -> Message:
        from telegram.error import BadRequest

        self._known.move_to_end(path.name)
        try:
            return await self._bot.send_photo(chat, self._known[path.name], **more)
        except BadRequest as error:
            # "Wrong file identifier", FILE_REFERENCE_EXPIRED …; a no to the chat is none to the picture.
            if "file" not in error.message.lower():
                raise
            log.info("telegram.picture_forgotten", reason=error.message[:80])
        self._known.pop(path.name, None)
        return await self._upload(chat, path, more)

    async def _upload(self, chat: int | str, path: Path, more: dict[str, Any]) -> Message:
        sent = await self._bot.send_photo(chat, path, **more)
        if sent.photo:
            self._known[path.name] = sent.photo[-1].file_id
            while len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
        return sent


async def _acquired(lock: asyncio.Lock) -> bool:
    """Wait for a lock, but not for ever: the upload of another send may hang."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await lock.acquire()
    except TimeoutError:
        return False
