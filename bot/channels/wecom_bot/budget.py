"""How much may go into a conversation: counted here, in rows, before the platform says no.

A restart does not begin the minute anew, nor does another process that gets the line.

Source: CHANNELS (30 a minute and 1,000 an hour per conversation).
"""

from __future__ import annotations

from functools import partial

import structlog

from bot.channels.wecom_bot.receive import CHANNEL
from bot.channels.wecom_bot.settings import WecomBotSettings
from engagement.clocks import Clock
from storage import send_counts
from storage.engine import Database

log = structlog.get_logger("bot.channels.wecom_bot")
_ON_THE_WAY = 1.0
"""Seconds that a window is longer here: the platform counts a message when it arrives, and not all take equally long."""
_UNCOUNTED = 5.0
"""Seconds to wait when the rows cannot be written."""


class Budget:
    """Counts what goes into each conversation: so many in any minute, so many in any hour."""

    def __init__(self, database: Database, clock: Clock, settings: WecomBotSettings) -> None:
        """Take the rows and the limits."""
        self._database = database
        self._clock = clock
        self._account = settings.bot_id
        self._limits = (settings.per_minute, 60.0 + _ON_THE_WAY), (settings.per_hour, 3600.0 + _ON_THE_WAY)

    async def take(self, conversation: str) -> float:
        """Count a message; returns 0.0, or the seconds until one may go there, and then none is counted."""
        count = partial(
            send_counts.take,
            channel=CHANNEL,
            account=self._account,
            name=conversation.lower(),
            limits=self._limits,
            now=self._clock.now(),
        )
        try:
            return await self._written(count)
        except _NotWritten as error:
            log.error("wecom_bot.not_counted", kind=type(error.__cause__).__name__)
            return _UNCOUNTED

    async def _written(self, count: partial[float]) -> float:
        try:
            return await self._database.write(count)
        except Exception as error:
            raise _NotWritten from error


class _NotWritten(Exception):
    """A message could not be counted; the cause says why."""
