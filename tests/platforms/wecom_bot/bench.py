"""A channel of ours before the fake platform: a real database, an inbox, and a bot that repeats what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.channels.wecom_bot.channel import WecomBotChannel
from bot.channels.wecom_bot.settings import WecomBotSettings
from bot.rendering import Rendered
from engagement.clocks import SystemClock
from engagement.kernel import Event, Incoming, Kind, Outcome, Outgoing, Place, Receipt
from storage import inbox
from storage.engine import Database, Session

QUICK = {"first_pause": 0.05, "longest_pause": 0.2, "timeout": 0.5, "ping": 0.2, "stand_by": 600.0, "lease": 3.0}


def settings(url: str, **more: Any) -> WecomBotSettings:
    """Settings with short times."""
    return WecomBotSettings.model_validate({"bot_id": "bot-1", "secret": "shared", "url": url, **QUICK, **more})


def words(message: Outgoing) -> Rendered:
    """Show a message's ``text``, and its buttons as they are."""
    from bot.rendering import Choice

    text = str(message.values.get("text", ""))
    rows = tuple((Choice(button.key, button.label, button.settles),) for button in message.buttons)
    parts = tuple(str(message.values["parts"]).split("|")) if "parts" in message.values else (text,)
    return Rendered(parts, buttons=rows)


def outgoing(conversation: str, text: str, *, kind: Kind = Kind.REPLY, group: bool = False, **more: Any) -> Outgoing:
    """A message that says ``text``."""
    place = Place.GROUP if group else Place.DM
    values = {"text": text} | more.pop("values", {})
    return Outgoing(kind, "wecom_bot", "bot-1", place, conversation, "demo", "demo.text", values, **more)


@dataclass
class Bench:
    """What one replica received, and how it answers.

    Attributes:
        answer: what is said to an event; None = nothing.
        failing: so many times writing down fails.
    """

    database: Database
    channel: WecomBotChannel
    answer: Callable[[Incoming], str | None] = lambda incoming: f"好的：{incoming.text or incoming.button}"
    failing: int = 0
    came: list[Incoming] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def receive(self, incoming: Incoming) -> bool:
        """Persist, then answer, as the pump and the courier do."""
        if self.failing:
            self.failing -= 1
            raise OSError("disk")

        def put(session: Session) -> int | None:
            return inbox.put(
                session,
                channel=incoming.channel,
                account=incoming.account,
                dedupe_key=incoming.dedupe_key,
                conversation=incoming.conversation,
                received_at=incoming.received_at,
                body=incoming.dump(),
            )

        if await self.database.write(put) is None:
            return False
        self.came.append(incoming)
        said = self.answer(incoming)
        if said is not None and incoming.event in (Event.MESSAGE, Event.BUTTON):
            message = outgoing(
                incoming.conversation, said, group=incoming.place is Place.GROUP, reply_to=incoming.message_id
            )
            task = asyncio.create_task(self._deliver(message))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        return True

    async def _deliver(self, message: Outgoing) -> None:
        receipt = Receipt(Outcome.RETRY)
        for _ in range(40):
            receipt = await self.channel.sender.send(message)
            if receipt.outcome is not Outcome.RETRY:
                break
            await asyncio.sleep(min(receipt.retry_after, 0.05))
        self.receipts.append(receipt)


@asynccontextmanager
async def bench(
    database: Database, url: str, replica: str = "one", pictures: Path | None = None, **more: Any
) -> AsyncIterator[Bench]:
    """Run a channel until the block ends."""
    held: list[Bench] = []

    async def receive(incoming: Incoming) -> object:
        return await held[0].receive(incoming)

    channel = WecomBotChannel(settings(url, **more), receive, words, SystemClock(), database, replica, pictures)
    held.append(Bench(database, channel))
    await channel.start()
    try:
        yield held[0]
    finally:
        for task in held[0].tasks:
            task.cancel()
        await asyncio.gather(*held[0].tasks, return_exceptions=True)
        await channel.close()
