"""Long polling: each update is persisted before the next call confirms it.

Source: Telegram Bot API (getUpdates: an update is confirmed by an offset above its id).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import structlog

from bot.channels.telegram.account import Me
from bot.channels.telegram.api import seconds_of
from bot.channels.telegram.updates import ALLOWED_UPDATES, callback_id, is_numbered, parse_all
from bot.channels.telegram.webhook import Receiver
from engagement.clocks import Clock

if TYPE_CHECKING:
    from telegram import Bot

log = structlog.get_logger("bot.channels.telegram")
LONG_POLL = 25
"""Seconds that Telegram may keep a call open."""
LONGEST_PAUSE = 60.0


class Poller:
    """Fetches updates until it is cancelled."""

    def __init__(
        self,
        bot: Bot,
        me: Me,
        receive: Receiver,
        clock: Clock,
        pressed: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Prepare; see :func:`bot.channels.telegram.webhook.webhook_routes` for the arguments."""
        self._bot = bot
        self._me = me
        self._receive = receive
        self._clock = clock
        self._pressed = pressed
        self._offset = 0
        self._task: asyncio.Task[None] | None = None
        self._again: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Poll in the background until :meth:`end`, and begin again after whatever nobody thought of.

        A bot that stands there and hears nothing any more would be worse than one that says so and goes on.
        """
        self._task = asyncio.create_task(self.run(), name="telegram polling")
        self._task.add_done_callback(self._ended)

    async def end(self) -> None:
        """Poll no more."""
        if self._again is not None:
            self._again.cancel()
        task, self._task = self._task, None
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and self._task is task:
            log.error("telegram.poll_broken", kind=type(error).__name__, again_in=LONGEST_PAUSE, exc_info=error)
            self._again = asyncio.get_running_loop().call_later(LONGEST_PAUSE, self.begin)

    async def run(self) -> None:
        """Poll for ever; every failure of the network or the database is waited out and tried again."""
        from telegram.error import RetryAfter, TelegramError

        pause = 0.0
        while True:
            try:
                await self._once()
            except RetryAfter as error:
                pause = seconds_of(error)
            except TelegramError as error:
                pause = min(LONGEST_PAUSE, max(1.0, pause * 2))
                log.warning("telegram.poll_failed", kind=type(error).__name__, again_in=pause)
            except _NotPersisted as error:
                pause = min(LONGEST_PAUSE, max(1.0, pause * 2))
                log.error("telegram.not_persisted", kind=type(error.__cause__).__name__, again_in=pause)
            else:
                pause = 0.0
            if pause:
                await asyncio.sleep(pause)

    async def _once(self) -> None:
        updates = await self._fetch()
        known = [(update["update_id"], update) for update in updates if is_numbered(update)]
        if updates and not known:
            # Nothing of it can be confirmed, so it comes again at once.
            log.warning("telegram.malformed_update")
            await asyncio.sleep(1.0)
        # Ids may start anew below the last one after a quiet week: the inbox knows a repetition, not we.
        for number, update in known:
            try:
                events = parse_all(update, self._me, self._clock.now())
            except ValueError:
                log.warning("telegram.malformed_update", update=number)
                events = ()
            for event in events:
                try:
                    await self._receive(event)
                except Exception as error:
                    # Not confirmed: Telegram keeps it, and we ask for it again.
                    raise _NotPersisted from error
            waiting = callback_id(update)
            if waiting:
                self._pressed(waiting)
            self._offset = number + 1

    async def _fetch(self) -> list[dict[str, Any]]:
        """Ask for updates as plain JSON: the library's objects would let one odd update spoil a whole batch."""
        query = {"timeout": LONG_POLL, "limit": 100, "allowed_updates": json.dumps(ALLOWED_UPDATES)}
        if self._offset:
            query["offset"] = self._offset
        found = await self._bot.request.post(
            f"{self._bot.base_url}/getUpdates?{urlencode(query)}", read_timeout=LONG_POLL + 10
        )
        return found if isinstance(found, list) else []


class _NotPersisted(Exception):
    """An event could not be written down; the cause says why."""
