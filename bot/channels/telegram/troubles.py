"""What Telegram does not let us do in a chat, told to the gateway as an event, so that somebody hears how to mend it.

The event is persisted like a message. Here stands only how often it is looked at: at most once an hour a chat and word; what is
said of it, and whether it was said before, is the product's business (:mod:`engagement.groups.troubles`). Not once a day: nobody
is told at night, and what was met then has to be met again by day.

Source: CHANNELS (Telegram groups: tell the leader how); FAULTS A11.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable

import structlog

from bot.channels.telegram.webhook import Receiver
from engagement.clocks import Clock
from engagement.kernel import Event, Incoming, Outgoing, Place

log = structlog.get_logger("bot.channels.telegram")
_REMEMBERED = 20_000

Tell = Callable[[Outgoing, str], None]
"""(message, fixed word): hears what a message met."""


class Troubles:
    """Hears what messages meet, and hands it on in the background: no send waits for it, none fails of it."""

    def __init__(self, receive: Receiver, clock: Clock, channel: str) -> None:
        """Take who persists events."""
        self._receive = receive
        self._clock = clock
        self._channel = channel
        self._told: OrderedDict[str, None] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    def tell(self, message: Outgoing, word: str) -> None:
        """Hand a trouble on, if this chat's was not in this hour."""
        now = self._clock.now()
        thread = message.thread if word.startswith("thread") else ""
        private = message.place is Place.DM
        # Who comes back and goes again within a day has gone again.
        when = f"{now:%Y%m%d%H%M}" if private else f"{now:%Y%m%d%H}"
        key = f"trouble:{word}:{message.conversation}:{thread}:{when}"
        if f"{message.account}:{key}" in self._told:
            return
        self._told[f"{message.account}:{key}"] = None
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        incoming = Incoming(
            event=Event.TROUBLE,
            channel=self._channel,
            account=message.account,
            dedupe_key=key,
            place=message.place,
            conversation=message.conversation,
            sender=message.conversation if private else "",
            occurred_at=now,
            received_at=now,
            text=word,
            thread=thread,
        )
        task = asyncio.get_running_loop().create_task(self._hand_on(incoming))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self) -> None:
        """Wait for what is under way."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)

    async def _hand_on(self, incoming: Incoming) -> None:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            await self._receive(incoming)
        except (OSError, SQLAlchemyError) as error:
            # The next message that meets it tells of it again.
            log.warning("telegram.trouble_not_told", kind=type(error).__name__)
            self._told.pop(f"{incoming.account}:{incoming.dedupe_key}", None)
