"""The WeCom AI bot in the running program: its channel, and the pushes that only the process with the connection can send.

A platform that takes one live connection leaves no choice of who sends. So pushes to it are not the engine's, which any process
may run: whoever holds the connection takes their rows, beside the engines of all processes, and nobody else touches them.

Source: CHANNELS (WeCom AI bot); ADR-0004, ADR-0022.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog

from bot.channels.wecom_bot.channel import WecomBotChannel
from bot.channels.wecom_bot.receive import CHANNEL
from bot.rendering.capabilities import WECOM_BOT
from bot.rendering.render import render
from engagement.kernel import Event, Incoming, Place
from scheduler import heartbeats, rows, turns
from scheduler.delivery import Conduct, deliver
from storage import identities, send_counts

if TYPE_CHECKING:
    from datetime import datetime

    from bot.main import Program
    from storage.engine import Session

log = structlog.get_logger("bot.long_line")
LOOK_SECONDS = 1.0
DRAIN_SECONDS = 10.0
LEFT_SECONDS = 2.0
"""Between two looks for what others received and left to whoever is connected."""
COUNTED = timedelta(hours=1, minutes=1)
"""How long it matters what went into a conversation."""
FRUITLESS_SECONDS = 10.0
"""Before a shard in which nothing could be done is looked at again."""
_IDLE = frozenset({"no_sender", "not_taken", "broken"})


class LongLine:
    """The channel with its deliveries: a start, a stop and a close."""

    def __init__(self, program: Program) -> None:
        """Wire it into the program; nothing is opened yet."""
        self._program = program
        prefix = f"{heartbeats.ONE_CHANNEL}{heartbeats.name_of(program.me)}"
        self._pulse = heartbeats.Pulse(program.database, program.clock, prefix, uuid.uuid4().hex[:8])
        self.me = self._pulse.me
        self.channel = WecomBotChannel(
            program.settings.wecom_bot,
            self.receive,
            lambda message: render(message, WECOM_BOT),
            program.clock,
            program.database,
            program.me,
            program.pictures.folder,
        )
        name = self.channel.name
        program.senders[name] = self.channel.sender
        program.gateway.drafts[name] = self.channel.sender
        program.dispatcher.sources[name] = self.channel.fetch
        if program.gateway.ear is not None:
            program.gateway.ear.looks[name] = self.channel.look
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._resumed = 0
        self._pruned: datetime | None = None
        self._fruitless: dict[str, float] = {}
        self._led: set[str] = set()

    async def receive(self, incoming: Incoming) -> None:
        """Persist an event; before the first word of who is to lead a group, that the bot was added by them.

        The platform tells neither when the bot comes into a group nor who administers it.
        """
        program, group = self._program, incoming.conversation
        leading = program.settings.wecom_bot.leading
        if incoming.place is Place.GROUP and incoming.sender.lower() in leading and group not in self._led:
            if not await program.database.read(partial(_is_led, incoming=incoming)):
                added = replace(
                    incoming,
                    event=Event.BOT_ADDED,
                    dedupe_key=f"led:{incoming.dedupe_key}",
                    text="",
                    message_id="",
                    button="",
                    media="",
                    media_id="",
                    sender_is_admin=True,
                )
                await program.pump.receive(added)
            self._led.add(group)
        await program.pump.receive(incoming)

    async def start(self) -> None:
        """Connect as soon as this process may, and send what is due from then on."""
        await self.channel.start()
        self._tasks = [
            asyncio.create_task(self._over_and_over(self.turn, LOOK_SECONDS), name="wecom bot pushes"),
            asyncio.create_task(
                self._over_and_over(self._pulse.beat, heartbeats.BEAT_AFTER.total_seconds()), name="wecom bot heartbeat"
            ),
            asyncio.create_task(self._over_and_over(self.take_over, LEFT_SECONDS), name="wecom bot answers of others"),
        ]

    async def stop(self) -> None:
        """Take no further push, and finish what is being sent."""
        if not self._tasks:
            return
        self._stopping = True
        for task in self._tasks[:1]:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), DRAIN_SECONDS)
        for task in self._tasks[1:]:
            task.cancel()
        self._tasks = []
        await self._pulse.stop()

    async def close(self) -> None:
        """Hang up, after the last answer went out."""
        await self.stop()
        await self.channel.close()

    # ---------------------------------------------------------------- pushes

    async def _over_and_over(self, act: Callable[[], Awaitable[object]], seconds: float) -> None:
        while not self._stopping:
            if self.channel.connection.is_open:
                try:
                    await turns.tried(act)
                except turns.Failed as error:
                    log.warning("long_line.failed", kind=type(error.__cause__).__name__)
            await asyncio.sleep(seconds)

    async def turn(self) -> dict[str, int]:
        """Send what is due now; returns what came of it."""
        program, moment = self._program, time.monotonic()
        if self._pulse.is_faint:
            await self._pulse.beat()
        now = program.clock.now()
        due = await program.database.read(lambda session: rows.due_shards(session, self.me, now, CHANNEL))
        self._fruitless = {shard: until for shard, until in self._fruitless.items() if until > moment}
        result: dict[str, int] = {}
        for shard, _epoch in due:
            if shard in self._fruitless or self._pauses():
                continue
            done = await deliver(
                shard,
                program.clock,
                {self.channel.name: self.channel.sender},
                program.database,
                program.gate,
                program.jobs,
                Conduct(self.me, stopping=self._pauses, illustrate=program.pictures),
            )
            for outcome, count in done.outcomes.items():
                result[outcome] = result.get(outcome, 0) + count
            if set(done.outcomes) <= _IDLE and not self._pauses():
                self._fruitless[shard] = moment + FRUITLESS_SECONDS
        return result

    async def take_over(self) -> None:
        """Go on with what another process received and did not handle, or wrote down and could not say."""
        program, gained = self._program, self.channel.lease.gained
        now = program.clock.now()
        if self._pruned is None or now - self._pruned >= COUNTED:
            self._pruned = now
            await program.database.write(partial(send_counts.prune, before=now - COUNTED))
        if gained != self._resumed:
            await program.pump.take_over(CHANNEL)
            self._resumed = gained
        await program.courier.take_over(CHANNEL, self.channel.sender.doubt)

    def _pauses(self) -> bool:
        """Say that no further row is to be taken: the program ends, the line is down, or others may think us dead."""
        return self._stopping or not self.channel.connection.is_open or self._pulse.is_faint


def _is_led(session: Session, incoming: Incoming) -> bool:
    row = identities.group_row(session, incoming.channel, incoming.account, incoming.conversation)
    return row is not None and bool(identities.leaders(session, int(str(row[0]))))
