"""Sends what stands in the outbox: gate → send → record; in order within a conversation, side by side across them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Container, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog

from bot.fence import Fence
from bot.queued import Queued
from engagement.clocks import Clock
from engagement.kernel import Illustrator, Kind, Outcome, Outgoing, Place, Receipt, Sender, in_words
from scheduler import turns
from scheduler.gate import RateGate
from storage import bots, outbox, unsent
from storage.columns import instant
from storage.engine import Database, Session
from storage.gathering import Gathering
from storage.unsent import Waiting

log = structlog.get_logger("bot.courier")

STALE_AFTER = timedelta(minutes=10)
"""An answer that could not be sent for so long helps nobody any more."""
TRIES = 5
LEFT_AFTER = timedelta(seconds=3)
"""What stands unsent so long, nobody in the process that wrote it down is about to send."""
_REMEMBERED = 50_000
_ABOUT_ONE = frozenset({Kind.EDIT, Kind.REACTION})
"""What is done to one message, and to nothing else when that one has stayed behind in a chat that has moved."""
_Sent = tuple[int, Outgoing, Receipt, datetime]
_BACKOFF_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0)


class Courier:
    """Owns the queues of answers."""

    def __init__(
        self,
        database: Database,
        senders: Mapping[str, Sender],
        gate: RateGate,
        clock: Clock,
        illustrate: Illustrator = in_words,
        apart: Collection[str] = (),
        fence: Fence | None = None,
    ) -> None:
        """Wire the parts; ``senders`` may still be filled afterwards.

        Args:
            apart: channels to which one process of several is connected. The others leave their messages in the outbox,
                where it looks for them (:meth:`take_over`).
            fence: knows which messages are this process's to say.
        """
        self._database = database
        self._senders = senders
        self._gate = gate
        self._clock = clock
        self._illustrate = illustrate
        self._apart = apart
        self._fence = fence or Fence(database, clock)
        self._posted: OrderedDict[int, None] = OrderedDict()
        self._lanes: dict[tuple[str, str, str], deque[Queued]] = {}
        self._running: set[asyncio.Task[Any]] = set()
        self.told: Callable[[Outgoing, Receipt], None] | None = None
        """Hears what became of each message, once that is written down."""
        self._sent: Gathering[_Sent, None] = Gathering(database.write, lambda session, sent: record(session, *sent))

    def post(self, queued: Queued) -> None:
        """Queue a message behind the others of its conversation; what was posted before is not posted again."""
        message = queued.message
        if not self._is_new(queued.outbox_id):
            return
        if message.kind is Kind.REACTION:
            # A stamp on a message says nothing that others would have to wait for.
            _ = self.begin(queued)
            return
        key = (message.channel, message.account, message.conversation)
        lane = self._lanes.get(key)
        if lane is not None:
            lane.append(queued)
            return
        self._lanes[key] = deque([queued])
        _ = self._start(self._drive(key))

    def begin(self, queued: Queued) -> asyncio.Future[Any]:
        """Send a message beside the others of its conversation; done when it is recorded what became of it."""
        self._is_new(queued.outbox_id)
        return self._start(self.send(queued), queued.outbox_id)

    async def drain(self) -> None:
        """Wait until everything that was posted is sent or given up."""
        while self._running:
            await asyncio.gather(*self._running, return_exceptions=True)

    def _is_new(self, outbox_id: int) -> bool:
        """Remember that this process sends a row; False when it is sending it already, or has. Without a row each is new."""
        if not outbox_id:
            return True
        if outbox_id in self._posted:
            return False
        self._posted[outbox_id] = None
        while len(self._posted) > _REMEMBERED:
            self._posted.popitem(last=False)
        return True

    def _start(self, work: Coroutine[Any, Any, object], outbox_id: int = 0) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(lambda ended: self._ended(ended, outbox_id))
        return task

    def _ended(self, task: asyncio.Task[Any], outbox_id: int) -> None:
        self._running.discard(task)
        if not task.cancelled():
            self._survive(outbox_id, task.exception())

    @staticmethod
    def _survive(outbox_id: int, error: object) -> None:
        """Note a bug of a channel: the row stays pending and goes out after a restart."""
        if isinstance(error, BaseException):
            log.error("courier.bug", outbox=outbox_id, kind=type(error).__name__)

    async def _drive(self, key: tuple[str, str, str]) -> None:
        lane = self._lanes[key]
        try:
            while lane:
                (came,) = await asyncio.gather(self.send(lane[0]), return_exceptions=True)
                self._survive(lane[0].outbox_id, came)
                lane.popleft()
        finally:
            del self._lanes[key]

    async def send(self, queued: Queued) -> Receipt:
        """Send one message, again while the platform asks to wait, and record what became of it."""
        message, since = queued.named(), queued.since or self._clock.now()
        self._is_new(queued.outbox_id)
        sender = self._senders.get(message.channel)
        if sender is None and message.channel in self._apart:
            return self._leave(queued, Receipt(Outcome.RETRY, reason=outbox.NOT_HERE))
        receipt = Receipt(Outcome.REJECTED, reason="no_channel")
        if message.card is not None and sender is not None:
            message = await self._illustrate(message)
        for attempt in range(TRIES):
            if sender is None:
                break
            await self._slot(message)
            if not await self._fence.owns(queued.outbox_id):
                return self._leave(queued, Receipt(Outcome.RETRY, reason=outbox.NOT_HERE))
            receipt = await sender.send(message)
            if receipt.outcome is Outcome.MIGRATED:
                message = await self._follow(message, receipt.new_id)
                if message.kind in _ABOUT_ONE:
                    receipt = Receipt(Outcome.REJECTED, reason="moved")
                    break
                continue
            if receipt.outcome is not Outcome.RETRY:
                break
            if receipt.reason == outbox.NOT_HERE:
                return self._leave(queued, receipt)
            pause = max(receipt.retry_after, _BACKOFF_SECONDS[attempt])
            if self._clock.now() + timedelta(seconds=pause) - since > STALE_AFTER:
                receipt = _given_up(receipt, "stale")
                break
            until = self._clock.now() + timedelta(seconds=pause)
            await self._postpone(queued, until)
            await self._gate.closed(message.channel, message.account, message.conversation, until)
            await asyncio.sleep(pause)
        else:
            if receipt.outcome is Outcome.RETRY:
                receipt = _given_up(receipt, "too_many_tries")
        await self._record(queued, message, receipt)
        return receipt

    def _leave(self, queued: Queued, receipt: Receipt) -> Receipt:
        """Leave a row as it is, for the process that is connected to its platform, or has taken it: also this one, later."""
        self._posted.pop(queued.outbox_id, None)
        log.info("courier.left", outbox=queued.outbox_id, channel=queued.message.channel)
        return receipt

    async def _slot(self, message: Outgoing) -> None:
        """Wait until the platform's rate allows a message."""
        now = self._clock.now()
        if message.kind is Kind.REACTION:
            wait = await self._gate.stamp(message.channel, message.account, now)
        else:
            wait = await self._gate.reply(message.channel, message.account, message.conversation, now)
        if wait:
            await asyncio.sleep(wait)

    async def _postpone(self, queued: Queued, until: datetime) -> None:
        """Write down until when the platform wants to be left alone; who cannot write that waits all the same."""
        try:
            await turns.tried(
                partial(self._database.write, partial(outbox.postpone, outbox_id=queued.outbox_id, not_before=until))
            )
        except turns.Failed as error:
            log.warning("courier.not_postponed", outbox=queued.outbox_id, kind=type(error.__cause__).__name__)

    async def _record(self, queued: Queued, message: Outgoing, receipt: Receipt) -> None:
        """Write down what became of it; else it would be said again after a restart."""
        now = self._clock.now()

        def failed(error: Exception) -> None:
            log.error("courier.commit_failed", outbox=queued.outbox_id, kind=type(error).__name__)

        await turns.insisted(partial(self._sent.add, (queued.outbox_id, message, receipt, now)), asyncio.sleep, failed)
        if self.told is not None:
            self.told(message, receipt)
        if receipt.outcome is not Outcome.SENT:
            log.warning("courier.not_sent", outbox=queued.outbox_id, outcome=receipt.outcome, reason=receipt.reason)

    async def _follow(self, message: Outgoing, new_id: str) -> Outgoing:
        if message.place is Place.GROUP:
            before = message.conversation
            await self._database.write(lambda s: bots.follow(s, message.channel, message.account, before, new_id))
        # There messages are numbered anew, and what has the old number is another one.
        return replace(message, conversation=new_id, reply_to="", thread="")

    async def resume(self, left_after: timedelta = timedelta()) -> int:
        """Post what nobody says who lives; what is too old is dropped. Returns how many were posted.

        Args:
            left_after: how long what this process wrote down itself must have stood there.
        """
        adrift = partial(
            unsent.adrift,
            me=self._fence.me,
            now=self._clock.now(),
            before=self._clock.now() - left_after,
            fresh=self._fence.fresh(),
            unnamed_before=self._fence.unnamed_before(),
        )
        return await self._take(await self._database.read(adrift), self._senders.keys() - set(self._apart))

    async def take_over(self, channel: str, doubt: Callable[[Outgoing], object]) -> int:
        """Post what stands unsent for a channel apart and nobody here is sending; returns how many were posted.

        Args:
            doubt: is told of each before: whoever left it may have said it, and not have come to write that down.
        """
        now = self._clock.now()
        left = partial(unsent.left, channel=channel, now=now, before=now - LEFT_AFTER)
        return await self._take(await self._database.read(left), (channel,), doubt)

    async def _take(
        self,
        found: Sequence[Waiting],
        channels: Container[str],
        doubt: Callable[[Outgoing], object] = lambda _message: None,
    ) -> int:
        """Post what was found and is wanted; what cannot be said here waits for who can, until it is too old."""
        young = [one for one in found if one.id not in self._posted and await self._still_wanted(one)]
        mine = [one for one in young if one.channel in channels]
        taken = await self._database.write(partial(unsent.take, found=mine, me=self._fence.me)) if mine else []
        posted = 0
        for one in taken:
            try:
                message = Outgoing.load(one.body)
            except (ValueError, TypeError, KeyError) as error:
                # Another version may have written it; the others do not wait for it.
                log.error("courier.unreadable", outbox=one.id, kind=type(error).__name__)
                await self._database.write(partial(outbox.drop, outbox_id=one.id, why="unreadable"))
                continue
            doubt(message)
            self.post(Queued(one.id, message, instant(one.created_at)))
            posted += 1
        return posted

    async def _still_wanted(self, one: Waiting) -> bool:
        """Say whether an unsent message can be of use; one that is too old is dropped."""
        if one.body and self._clock.now() - instant(one.created_at) <= STALE_AFTER:
            return True
        await self._database.write(partial(outbox.drop, outbox_id=one.id, why="stale"))
        return False


def _given_up(receipt: Receipt, why: str) -> Receipt:
    """Say what becomes of a message that is tried no more: of a long one the beginning may be out, and can be quoted."""
    if receipt.provider_id:
        return Receipt(Outcome.SENT, provider_id=receipt.provider_id, reason="cut_short")
    return Receipt(Outcome.REJECTED, reason=why)


def record(session: Session, outbox_id: int, message: Outgoing, receipt: Receipt, now: datetime) -> None:
    """Write down what became of a message."""
    if receipt.outcome is Outcome.SENT:
        outbox.mark_sent(session, outbox_id, now)
        if message.subject and receipt.provider_id:
            outbox.remember(
                session,
                channel=message.channel,
                account=message.account,
                conversation=message.conversation,
                provider_id=receipt.provider_id,
                subject=message.subject,
                sent_at=now,
            )
        return
    if receipt.outcome is Outcome.GONE and message.place is Place.DM:
        bots.lost_private(session, message.channel, message.account, message.conversation)
    outbox.drop(session, outbox_id, receipt.reason or receipt.outcome.value)
