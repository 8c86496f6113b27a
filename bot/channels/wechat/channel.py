"""The Official Account (公众号): one person at a time, no groups; callbacks in, answers and messages out.

``WeChatChannel`` is what bot.main composes; the files beside this one are its parts.

Source: F130; WeChat Official Account documents; CHANNELS (Official Account).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from bot.channels.choices import InMemory, Kept
from bot.channels.wechat import nonces
from bot.channels.wechat.api import Api, ApiError
from bot.channels.wechat.budget import Budget
from bot.channels.wechat.callback import Receiver, Shared, callback_routes
from bot.channels.wechat.events import CHANNEL
from bot.channels.wechat.examine import wrong
from bot.channels.wechat.menu import Item, set_menu
from bot.channels.wechat.oauth import OAuth
from bot.channels.wechat.passive import Windows
from bot.channels.wechat.sender import WeChatSender
from bot.channels.wechat.settings import Mode, WeChatSettings
from bot.channels.worded import Worded
from engagement.clocks import Clock
from engagement.errors import Refusal
from engagement.kernel import Outgoing

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from storage.engine import Database

__all__ = ["CHANNEL", "Item", "Mode", "WeChatChannel", "WeChatSender", "WeChatSettings"]
log = structlog.get_logger("bot.channels.wechat")


class WeChatChannel:
    """One account: a route for the web application, a sender for delivery, a start and a stop."""

    name = CHANNEL

    def __init__(
        self,
        settings: WeChatSettings,
        receive: Receiver,
        render: Callable[[Outgoing], Worded],
        clock: Clock,
        pictures: Path | None = None,
        database: Database | None = None,
        page: str = "",
    ) -> None:
        """Wire the parts; nothing is sent yet.

        Args:
            settings, receive, render, clock: of this account; persists an event; puts words to a message; the present.
            pictures: folder of the cards; None: words alone.
            database: where numbered choices are kept; None: in memory.
            page: address that opens when somebody taps a notice; empty = nothing does.

        Raises:
            Refusal: a setting is missing or wrong; the text says which and how to mend it.
        """
        for problem in settings.problems():
            raise Refusal(problem)
        self.settings = settings
        self.api = Api(settings)
        self._receive = receive
        self._clock = clock
        self._shared = Shared(
            Windows(),
            Budget(
                (settings.budget, timedelta(hours=settings.budget_hours)),
                (settings.event_budget, timedelta(seconds=settings.event_seconds)),
                alone=database is None or database.dialect == "sqlite",
            ),
            InMemory() if database is None else Kept(database, CHANNEL),
            nonces.InMemory(settings.replay_window)
            if database is None or settings.mode is Mode.AES
            else nonces.Kept(database, settings.app_id),
        )
        self.sender = WeChatSender(self.api, render, self._shared, clock, pictures, settings.notices, page)

    def routes(self) -> list[BaseRoute]:
        """Return the callback's route."""
        return callback_routes(self.settings, self._receive, self._shared, self._clock)

    def door(self, secret: str) -> OAuth:
        """Return the way on which people who open a page inside WeChat are vouched for; ``secret`` signs its states."""
        return OAuth(self.settings, self.api, secret.encode())

    async def start(self, menu: Sequence[Item] = ()) -> None:
        """Ask for a token, so that wrong settings are known now, and set the menu.

        Raises:
            Refusal: the account's settings are wrong, or the platform cannot be reached.
        """
        try:
            await self.api.token()
        except ApiError as error:
            key, values = wrong(error, self.settings)
            raise Refusal(key, **values) from error
        if not menu or not self.settings.menu:
            return
        try:
            await set_menu(self.api, menu)
        except ApiError as error:
            # An account that is not verified may have none; without it the bot works as well.
            log.warning("wechat.no_menu", code=error.code)

    async def stop(self) -> None:
        """Nothing runs by itself."""

    async def close(self) -> None:
        """Close the connections, after the last answer went out."""
        await self.api.close()

    async def fetch(self, media_id: str, most: int) -> bytes:
        """Return a file that somebody sent; see :class:`bot.voice.Fetch`."""
        return await self.api.media(media_id, most)
