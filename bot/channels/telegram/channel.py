"""The Telegram channel: webhook or polling in, the Bot API out.

``TelegramChannel`` is what bot.main composes; the files beside this one are its parts.

Source: F1, F6, F62; Telegram Bot API; CHANNELS (Telegram).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from bot.channels.telegram.account import CHANNEL, Me
from bot.channels.telegram.api import build_bot, seconds_of
from bot.channels.telegram.files import fetch
from bot.channels.telegram.polling import Poller
from bot.channels.telegram.sender import TelegramSender
from bot.channels.telegram.settings import Mode, TelegramSettings
from bot.channels.telegram.troubles import Troubles
from bot.channels.telegram.updates import ALLOWED_UPDATES, parse, parse_all
from bot.channels.telegram.webhook import Receiver, webhook_routes
from bot.channels.worded import Worded
from engagement.clocks import Clock
from engagement.errors import Refusal
from engagement.kernel import Outgoing

if TYPE_CHECKING:
    from starlette.routing import BaseRoute
    from telegram import Bot

__all__ = [
    "CHANNEL",
    "Me",
    "Mode",
    "Receiver",
    "TelegramChannel",
    "TelegramSender",
    "TelegramSettings",
    "build_bot",
    "parse",
    "parse_all",
    "webhook_routes",
]
log = structlog.get_logger("bot.channels.telegram")
_PAUSES = (1.0, 2.0, 4.0)
"""Seconds between tries to reach Telegram at the start."""
_PATIENCE = 30.0
"""Seconds that Telegram may ask to wait at the start."""


class TelegramChannel:
    """One bot account: routes for the web application, a sender for delivery, a start and a stop.

    Attributes:
        sender: implements :class:`engagement.kernel.Sender`.
        me: the account; None until :meth:`start` has asked Telegram.
        also: names of the installation's other bot accounts; set before :meth:`start`.
    """

    name = CHANNEL

    def __init__(
        self,
        settings: TelegramSettings,
        receive: Receiver,
        render: Callable[[Outgoing], Worded],
        clock: Clock,
        pictures: Path | None = None,
        siblings: frozenset[int] = frozenset(),
    ) -> None:
        """Wire the parts; nothing is sent yet.

        Args:
            siblings: ids of the installation's other bot accounts.

        Raises:
            Refusal: a setting is missing or wrong; the text says which and how to mend it.
        """
        for problem in settings.problems():
            raise Refusal(problem)
        self.settings = settings
        self.me: Me | None = None
        self._receive = receive
        self._clock = clock
        self._bot = build_bot(settings)
        self.also: frozenset[str] = frozenset()
        self._siblings = siblings
        self._troubles = Troubles(receive, clock, CHANNEL)
        self.sender = TelegramSender(self._bot, render, pictures, self._troubles.tell)
        self._polling: Poller | None = None

    def routes(self) -> list[BaseRoute]:
        """Return the webhook's route; nothing when updates are polled."""
        if self.settings.mode is not Mode.WEBHOOK:
            return []
        return webhook_routes(
            self.settings, self._receive, me=lambda: self.me, clock=self._clock, pressed=self.sender.answer
        )

    async def start(self, commands: Sequence[tuple[str, str]] = ()) -> Me:
        """Ask who we are, tell Telegram where to send updates (or begin to poll), and show the commands.

        Args:
            commands: (slash name, what it does), for Telegram's menu.

        Raises:
            Refusal: the token is wrong, Telegram cannot be reached, or it refuses the webhook's address.
        """
        await self.connect()
        assert self.me is not None
        await _announce(self._bot, self.settings)
        await _show(self._bot, commands)
        if self.settings.mode is Mode.POLLING:
            self._polling = Poller(self._bot, self.me, self._receive, self._clock, self.sender.answer)
            self._polling.begin()
        return self.me

    async def connect(self) -> Me:
        """Ask who we are, and no more: enough for sending, while another process takes the updates.

        Raises:
            Refusal: the token is wrong, or Telegram cannot be reached.
        """
        self.me = replace(await connect(self._bot, self.settings), siblings=self._siblings, also=self.also)
        return self.me

    async def stop(self) -> None:
        """Take no more updates; the webhook stays set, so that Telegram keeps what comes meanwhile."""
        if self._polling is not None:
            await self._polling.end()
            self._polling = None

    async def close(self) -> None:
        """Close the connections, after the last answer went out."""
        await self.stop()
        await self.sender.drain()
        await self._troubles.drain()
        await self._bot.shutdown()

    async def fetch(self, media_id: str, most: int) -> bytes:
        """Return a file that somebody sent; see :class:`bot.voice.Fetch`."""
        return await fetch(self._bot, media_id, most, trust_env=not self.settings.on_this_machine)


async def connect(bot: Bot, settings: TelegramSettings) -> Me:
    """Ask Telegram who the bot is.

    Raises:
        Refusal: ``telegram.bad_token``, or ``telegram.unreachable`` after a few tries.
    """
    from telegram.error import InvalidToken, TelegramError

    for pause in (*_PAUSES, None):
        try:
            await bot.initialize()
        except InvalidToken as error:
            raise Refusal("telegram.bad_token", bot=settings.bot_id) from error
        except TelegramError as error:
            log.warning("telegram.unreachable", kind=type(error).__name__, again_in=pause)
            if pause is None:
                raise Refusal("telegram.unreachable", address=settings.base_url) from error
            await asyncio.sleep(pause)
        else:
            break
    user = bot.bot
    return Me(user.id, user.username or "", user.can_read_all_group_messages)


async def _announce(bot: Bot, settings: TelegramSettings) -> None:
    """Tell Telegram where updates go.

    Raises:
        Refusal: ``telegram.webhook_refused`` or ``telegram.unreachable``.
    """
    from telegram.error import BadRequest, RetryAfter, TelegramError

    for last in (False, False, True):
        try:
            if settings.mode is Mode.WEBHOOK:
                await bot.set_webhook(
                    settings.hook_url,
                    allowed_updates=ALLOWED_UPDATES,
                    secret_token=settings.secret.get_secret_value(),
                    max_connections=100,
                )
            else:
                await bot.delete_webhook()
        except BadRequest as error:
            raise Refusal("telegram.webhook_refused", reason=error.message) from error
        except RetryAfter as error:
            # Several processes start at once, or one a second time: Telegram takes one of these calls a second.
            if last or seconds_of(error) > _PATIENCE:
                raise Refusal("telegram.unreachable", address=settings.base_url) from error
            await asyncio.sleep(seconds_of(error))
        except TelegramError as error:
            raise Refusal("telegram.unreachable", address=settings.base_url) from error
        else:
            return


async def _show(bot: Bot, commands: Sequence[tuple[str, str]]) -> None:
    """Fill the menu of commands; without it the bot works as well."""
    from telegram.error import TelegramError

    if not commands:
        return
    try:
        await bot.set_my_commands([(name, text[:256]) for name, text in commands[:100]])
    except TelegramError as error:
        log.warning("telegram.no_menu", kind=type(error).__name__)
