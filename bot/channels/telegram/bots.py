"""Several Telegram bot accounts behind one channel: each with its token, its webhook, its secret and its gate.

Which account serves a group, and which one a person started, stands in the rows (:mod:`storage.bots`); a message names its
account. Here it only goes out by that one.

Source: DESIGN §4 (a Telegram group takes 20 messages a minute and a bot about 30 a second, so several may serve one
installation, each group bound to one).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bot.channels.telegram.albums import Albums
from bot.channels.telegram.channel import CHANNEL, Me, TelegramChannel, TelegramSettings
from bot.channels.telegram.webhook import Receiver
from bot.channels.worded import Worded
from engagement.clocks import Clock
from engagement.kernel import Incoming, Outcome, Outgoing, Place, Receipt

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

_REMEMBERED = 20_000
NO_BOT = "no_bot"


class TelegramBots:
    """The accounts, as one channel; implements :class:`engagement.kernel.Sender`."""

    name = CHANNEL

    def __init__(
        self,
        settings: TelegramSettings,
        receive: Receiver,
        render: Callable[[Outgoing], Worded],
        clock: Clock,
        pictures: Path | None = None,
    ) -> None:
        """Wire the accounts; nothing is sent yet.

        Raises:
            Refusal: a setting is missing or wrong; the text says which and how to mend it.
        """
        accounts = settings.accounts()
        ids = frozenset(one.bot_id for one in accounts)
        self._receive = Albums(receive).take
        self._several = len(accounts) > 1
        self._private: OrderedDict[str, str] = OrderedDict()
        """Person → the account that heard him in private last."""
        self._channels = [
            TelegramChannel(one, self._take, render, clock, pictures, ids - {one.bot_id}) for one in accounts
        ]
        self._by_account = {str(one.settings.bot_id): one for one in self._channels}

    @property
    def accounts(self) -> frozenset[str]:
        """The accounts' ids, as they stand in ``Incoming.account``."""
        return frozenset(self._by_account)

    def routes(self) -> list[BaseRoute]:
        """Return the webhooks' routes."""
        return [route for one in self._channels for route in one.routes()]

    async def start(self, commands: Sequence[tuple[str, str]] = ()) -> list[Me]:
        """Start every account; see :meth:`bot.channels.telegram.channel.TelegramChannel.start`.

        Raises:
            Refusal: one of them cannot start.
        """
        if self._several:
            names = [me.username.lower() for me in await self.connect()]
            for number, one in enumerate(self._channels):
                one.also = frozenset(names[:number] + names[number + 1 :]) - {""}
        return [await one.start(commands) for one in self._channels]

    async def connect(self) -> list[Me]:
        """Ask who we are, and no more.

        Raises:
            Refusal: one of them is not known.
        """
        return [await one.connect() for one in self._channels]

    async def stop(self) -> None:
        """Take no more updates."""
        for one in self._channels:
            await one.stop()

    async def close(self) -> None:
        """Close the connections."""
        for one in self._channels:
            await one.close()

    async def send(self, message: Outgoing) -> Receipt:
        """Send one message by its account.

        In private the first one speaks for an account that is not configured any more, for the person may have started it too. In
        a group nobody does: that the first one is not there says nothing about the group, which would else be taken for gone.
        """
        if message.place is Place.GROUP and message.account and message.account not in self._by_account:
            return Receipt(Outcome.REJECTED, reason=NO_BOT)
        return await self._of(message.account).sender.send(message)

    async def draft(self, conversation: str, number: int, text: str, reply_to: str = "") -> None:
        """Show what is being written; see :meth:`bot.channels.telegram.sender.TelegramSender.draft`."""
        await self._of(self._private.get(conversation, "")).sender.draft(conversation, number, text, reply_to)

    async def fetch(self, media_id: str, most: int) -> bytes:
        """Return a file that somebody sent, from the account that it was sent to; see :class:`bot.voice.Fetch`."""
        account, marked, name = media_id.rpartition(":")
        return await self._of(account).fetch(name if marked else media_id, most)

    def _of(self, account: str) -> TelegramChannel:
        return self._by_account.get(account, self._channels[0])

    async def _take(self, incoming: Incoming) -> object:
        if self._several:
            if incoming.place is Place.DM:
                self._private[incoming.conversation] = incoming.account
                self._private.move_to_end(incoming.conversation)
                if len(self._private) > _REMEMBERED:
                    self._private.popitem(last=False)
            if incoming.media_id:
                # A file's id is understood by the account alone that it came to.
                incoming = replace(incoming, media_id=f"{incoming.account}:{incoming.media_id}")
        return await self._receive(incoming)
