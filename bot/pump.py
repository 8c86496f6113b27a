"""From the channels to the gateway: sort, persist, acknowledge, handle; what is handled goes to the courier."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

import structlog

from bot.courier import Courier
from bot.fence import Fence
from bot.gateway import Gateway, Handled
from bot.hearing import Hearing, keep, keep_seen
from bot.impostors import Watch
from engagement.kernel import Event, Incoming
from storage import inbox

log = structlog.get_logger("bot.pump")
MOST_AT_ONCE = 10_000
"""Messages in work; beyond it receiving waits, and the platform holds the rest."""
COMES_BACK = 60
COMES_BACK_AFTER = 3.0
"""How often, and after how many seconds, an event is looked at again when the database was down; then with what was left."""
LEFT_AFTER = timedelta(minutes=1)
"""What this process received and did not handle for so long, and is not at work on, it begins anew."""


class Pump:
    """Keeps the order within a conversation: events are handed to the writer in the order in which they were persisted."""

    def __init__(self, gateway: Gateway, courier: Courier, fence: Fence | None = None) -> None:
        """Wire the parts.

        Args:
            fence: knows who lives.
        """
        self.gateway = gateway
        self.courier = courier
        self.fence = fence or Fence(gateway.database, gateway.clock)
        self.hearing = Hearing()
        self.watch = Watch(gateway.database)
        gateway.post = courier.begin
        self._tasks: set[asyncio.Task[Any]] = set()
        self._under_way: set[int] = set()
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        # Each is there as long as somebody waits for it or has it.
        self._turn: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def receive(self, incoming: Incoming) -> bool:
        """Take an event from a channel; returns when it is durable and may be acknowledged.

        Returns:
            False for a redelivery and for what is not meant for the bot.

        Raises:
            Whatever the database raises: the platform must then send it again.
        """
        if incoming.event is Event.REACTION:
            self.hearing.saw(incoming)
            return False
        if self.gateway.routes.is_chatter(incoming):
            suspect = await self.overhear(incoming)
            if suspect is not None:
                row = await self.gateway.accept(suspect)
                if row is not None:
                    self._begin(row, suspect)
            return False
        await self._room.acquire()
        row = None
        try:
            row = await self.gateway.accept(incoming)
        finally:
            if row is None:
                self._room.release()
        if row is None:
            return False
        self._begin(row, incoming, self._room.release)
        return True

    async def overhear(self, incoming: Incoming) -> Incoming | None:
        """Count what neighbours say to each other; returns an event without words when somebody goes by a leader's name."""
        self.hearing.note(incoming)
        self.hearing.saw(incoming)
        return await self.watch.look(incoming)

    async def at_desk(self, incoming: Incoming) -> Handled:
        """Take what somebody does on a page, and wait for what comes of it; what others are told is sent as always.

        Returns:
            ``repeated`` for a form that was sent before. ``down``: it is durable, and comes back by itself.

        Raises:
            Whatever the database raises: then nothing was taken.
        """
        row = await self.gateway.accept(incoming)
        if row is None:
            return Handled("repeated")
        # A task of its own, so that a browser which goes away cancels nothing.
        doing = asyncio.ensure_future(self._at_desk(row, incoming))
        self._tasks.add(doing)
        doing.add_done_callback(self._tasks.discard)
        return await asyncio.shield(doing)

    async def _at_desk(self, row: int, incoming: Incoming) -> Handled:
        self._under_way.add(row)
        try:
            handled = await self._in_turn(row, incoming)
        finally:
            self._under_way.discard(row)
        if handled.outcome == "down":
            self._begin(row, incoming)
        self._post(handled)
        return handled

    def _post(self, handled: Handled) -> None:
        for queued in handled.queued:
            if not queued.is_shown:
                self.courier.post(queued)

    def _begin(self, row: int, incoming: Incoming, then: Callable[[], None] = lambda: None) -> None:
        self._under_way.add(row)
        task = asyncio.create_task(self._handle(row, incoming))
        self._tasks.add(task)
        task.add_done_callback(lambda ended: self._ended(ended, row, then))

    def _ended(self, task: asyncio.Task[Any], row: int, then: Callable[[], None]) -> None:
        self._tasks.discard(task)
        self._under_way.discard(row)
        then()

    async def _handle(self, row: int, incoming: Incoming) -> None:
        # Listening takes seconds: what the person types meanwhile is answered first, and nobody else waits.
        incoming = await self.gateway.hear(incoming)
        handled = await self._in_turn(row, incoming)
        for _ in range(COMES_BACK):
            if handled.outcome != "down":
                break
            await asyncio.sleep(COMES_BACK_AFTER)
            handled = await self._in_turn(row, incoming)
        self.hearing.saw(incoming)
        self._post(handled)

    async def _in_turn(self, row: int, incoming: Incoming) -> Handled:
        if self.gateway.database.dialect == "sqlite":
            # The one writer runs functions in the order in which they are submitted: that is the order per conversation.
            return await self.gateway.handle(row, incoming)
        async with self._turn_of(incoming.conversation):
            return await self.gateway.handle(row, incoming)

    def _turn_of(self, conversation: str) -> asyncio.Lock:
        turn = self._turn.get(conversation)
        if turn is None:
            turn = self._turn[conversation] = asyncio.Lock()
        return turn

    async def resume(self, left_after: timedelta = timedelta(), channels: Container[str] | None = None) -> int:
        """Handle what was received and nobody handles who lives; returns how many events.

        Args:
            left_after: how long what this process received itself must have waited; what it is at work on is left alone.
            channels: only their events, where the answer can be said; None = all.
        """
        adrift = partial(
            inbox.adrift,
            me=self.fence.me,
            before=self.gateway.clock.now() - left_after,
            fresh=self.fence.fresh(),
            unnamed_before=self.fence.unnamed_before(),
        )
        found = await self.gateway.database.read(adrift)
        return await self._take([one for one in found if channels is None or one.channel in channels])

    async def take_over(self, channel: str) -> int:
        """Handle what another process received on a channel that this one is connected to now; returns how many events."""
        return await self._take(await self.gateway.database.read(partial(inbox.on, channel=channel)))

    async def _take(self, found: Sequence[inbox.Received]) -> int:
        mine = [one for one in found if one.id not in self._under_way]
        taken = await self.gateway.database.write(partial(inbox.take, found=mine, me=self.fence.me)) if mine else []
        for one in taken:
            try:
                incoming = Incoming.load(one.body)
            except (ValueError, TypeError, KeyError) as error:
                # Another version may have written it; the others do not wait for it.
                log.error("inbox.unreadable", inbox=one.id, kind=type(error).__name__)
                await self.gateway.database.write(partial(inbox.give_up, inbox_id=one.id))
                continue
            self._begin(one.id, incoming)
        return len(taken)

    async def flush(self) -> None:
        """Write the counters of what was heard."""
        if not self.hearing:
            return
        heard = self.hearing.take()
        try:
            await self.gateway.database.write(lambda session: keep(session, heard))
        except BaseException:
            self.hearing.put_back(heard)
            raise

    async def keep_seen(self) -> None:
        """Write when people were last seen."""
        while seen := self.hearing.take_seen():
            try:
                await self.gateway.database.write(partial(keep_seen, seen=seen))
            except BaseException:
                self.hearing.put_back_seen(seen)
                raise

    async def drain(self) -> None:
        """Wait until everything received is handled and sent."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.courier.drain()
        await self.flush()
