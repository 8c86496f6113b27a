"""The parts together: a lease, a connection under it, the intake and the sender.

Source: CHANNELS (WeCom AI bot).
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from bot.channels.wecom_bot.budget import Budget
from bot.channels.wecom_bot.cards import Cards
from bot.channels.wecom_bot.connection import Connection
from bot.channels.wecom_bot.files import Files
from bot.channels.wecom_bot.lease import Lease
from bot.channels.wecom_bot.receive import CHANNEL, Intake, Receiver
from bot.channels.wecom_bot.sender import WecomBotSender
from bot.channels.wecom_bot.settings import WecomBotSettings
from bot.channels.worded import Worded
from engagement.clocks import Clock
from engagement.errors import Refusal
from engagement.kernel import Outgoing
from storage.engine import Database

log = structlog.get_logger("bot.channels.wecom_bot")
DRAIN_SECONDS = 5.0


class WecomBotChannel:
    """One AI bot: a sender for delivery, a start and a stop.

    Attributes:
        sender: implements :class:`engagement.kernel.Sender`.
        connection: what it speaks over.
        fetch, look: hand out a file that somebody sent, and say what it is called.
    """

    name = CHANNEL

    def __init__(
        self,
        settings: WecomBotSettings,
        receive: Receiver,
        render: Callable[[Outgoing], Worded],
        clock: Clock,
        database: Database,
        replica: str,
        pictures: Path | None = None,
    ) -> None:
        """Wire the parts; nothing is opened yet.

        Args:
            receive: persists an event.
            replica: this process's name; it is made unique among those that serve the same bot.
            pictures: the folder of drawn cards.

        Raises:
            Refusal: a setting is missing or wrong; the text says which and how to mend it.
        """
        for problem in settings.problems():
            raise Refusal(problem)
        self.settings = settings
        self.lease = Lease(database, clock, settings.bot_id, f"{replica[:40]}/{uuid.uuid4().hex}", settings.lease)
        self.connection = Connection(settings, self.lease)
        self.lease.state = lambda: self.connection.state
        self.cards = Cards(self.connection)
        self.intake = Intake(self.connection.heard, receive, clock, settings.bot_id, settings.name, self.cards.pressed)
        self.sender = WecomBotSender(
            self.connection, render, Budget(database, clock, settings), pictures=pictures, cards=self.cards
        )
        self._files = Files(local=settings.on_this_machine)
        self.fetch, self.look = self._files.fetch, self._files.look
        self._tasks: list[asyncio.Task[Any]] = []
        self._intake: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin; whether the platform can be reached shows in the log, and it is tried until it can."""
        self._intake = asyncio.create_task(self.intake.run(), name="wecom bot intake")
        self._tasks = [
            asyncio.create_task(self.lease.keep(), name="wecom bot lease"),
            asyncio.create_task(self.connection.run(), name="wecom bot connection"),
        ]
        for task in (self._intake, *self._tasks):
            task.add_done_callback(_ended)

    async def close(self) -> None:
        """Hang up after the last answer went out, write down what came until then, and let the lease go."""
        await self.cards.drain()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._intake is not None:
            if not await self.intake.drained(DRAIN_SECONDS):
                log.error("wecom_bot.left_behind", count=self.connection.heard.qsize())
            self._intake.cancel()
            await asyncio.gather(self._intake, return_exceptions=True)
        if self._tasks:
            await self.lease.let_go()
        self._tasks, self._intake = [], None


def _ended(task: asyncio.Task[Any]) -> None:
    """Say that a part that never ends has ended: a bug, and from then on the bot is silent."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.critical("wecom_bot.broken", part=task.get_name(), kind=type(error).__name__, exc_info=error)
