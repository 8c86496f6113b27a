"""Delivery of one shard: gate → take the row (committed) → send → commit what came of it.

A plain function over rows. It never waits for one slow group: a row that must wait gets ``not_before`` and is left for a
later call. It may be called again at any time, by anybody, after any crash; rows say what is still to do.

Source: F32; ADR-0004; FAULTS F4, F5.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import bindparam, update

from engagement.clocks import Clock
from engagement.kernel import Illustrator, Outcome, Place, Receipt, Sender, in_words
from engagement.pushes import JobSpec
from scheduler import holding, orphans, rows, turns
from scheduler.gate import Pause, RateGate, Turn
from storage import bots, outbox
from storage.engine import Database, Session
from storage.groups import Group
from storage.statements import Prepared

log = structlog.get_logger("scheduler.delivery")

CONCURRENCY = 8
"""Sends in flight inside a shard, so also the most that one kill can double there; more for a raised rate."""
_WAY = 0.3
"""Seconds of the rate that are in flight inside a shard: two shards keep a raised one up at half a second each."""
AMBIGUOUS_ATTEMPTS = 5
"""A row whose sends ended without an answer so often is not sent again: the group may have it several times already."""
PATIENCE = 0.5
"""Seconds a send waits for the gate before other groups of the shard go first."""
SEND_SECONDS = 60.0
"""A sender has limits of its own; this one only keeps a hanging one from holding the shard for ever."""
LAPSED = frozenset({"window_closed", "window_used"})
"""Reasons that are no failure: the person has to speak first, and a message with a day of its own is not kept until then."""

_G = Group.__table__  # type: ignore[attr-defined]
# Another bot account may serve the group by now: that this one was taken out is nothing to it.
_REMOVED = Prepared(
    "group.removed",
    update(_G).where(_G.c.id == bindparam("group_id"), _G.c.account == bindparam("bot")).values(state="removed"),
)


def concurrency_for(rate: float, connections: int) -> int:
    """Return the sends in flight per shard that a rate needs, of which two run at once.

    Args:
        rate: messages a second.
        connections: that there are; answers need some of them too.
    """
    return max(CONCURRENCY, min(round(rate * _WAY), connections // 3))


@dataclass(slots=True)
class Delivered:
    """What came of one call.

    Attributes:
        outcomes: ``sent``, ``retry``, ``waiting`` (for the gate), ``failed``, ``unknown``, ``no_sender``, ``resent``, ``along``
            (said in another one's message) → rows.
    """

    outcomes: dict[str, int] = field(default_factory=dict)

    def add(self, outcome: str, count: int = 1) -> None:
        """Count."""
        if count:
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + count


@dataclass(frozen=True, slots=True)
class Conduct:
    """How a call goes about it.

    Attributes:
        me: name of this process, written into the rows it takes; no two living ones share it, and each drives a shard once
            at a time.
        concurrency: sends in flight at once; 1 = strictly in order (``play``).
        pause: how to wait, in seconds; on a simulated clock nothing waits.
        stopping: True = take no further row (the process is asked to end).
        illustrate: draws a message's card before it is sent.
    """

    me: str = "alone"
    concurrency: int = CONCURRENCY
    pause: Pause = asyncio.sleep
    stopping: Callable[[], bool] = lambda: False
    illustrate: Illustrator = in_words


DEFAULT = Conduct()


@dataclass(frozen=True, slots=True)
class _Round:
    """What one call works with; ``resend``: kinds whose ambiguous rows are sent again; ``merging``: that go out together."""

    clock: Clock
    senders: Mapping[str, Sender]
    database: Database
    gate: RateGate
    conduct: Conduct
    resend: frozenset[str]
    merging: Sequence[str]
    result: Delivered

    @property
    def me(self) -> str:
        return self.conduct.me


async def deliver(
    shard: str,
    clock: Clock,
    senders: Mapping[str, Sender],
    database: Database,
    gate: RateGate,
    jobs: Sequence[JobSpec],
    conduct: Conduct = DEFAULT,
) -> Delivered:
    """Send what is due in a shard now, and decide about rows that a crash left half sent.

    Args:
        senders: channel → sender; rows of other channels are left alone.
        jobs: the kinds of push, for what becomes of ambiguous rows.

    Returns:
        The outcomes. Rows that must wait are still pending and due later (:func:`scheduler.rows.next_instant`).
    """
    resend = frozenset(job.kind for job in jobs if job.resend_ambiguous)
    me = conduct.me
    merging = tuple(job.kind for job in jobs if job.merges)
    work = _Round(clock, senders, database, gate, conduct, resend, merging, Delivered())
    resent, unknown = await database.write(
        lambda session: orphans.resolve(session, shard, me, clock.now(), resend, AMBIGUOUS_ATTEMPTS)
    )
    work.result.add("resent", resent)
    work.result.add("unknown", unknown)
    if resent or unknown:
        log.warning("delivery.orphans", shard=shard, resent=resent, unknown=unknown)
    queue = iter(await database.read(lambda session: rows.due(session, shard, clock.now())))

    async def worker() -> None:
        # One iterator for all workers: each takes the next row that nobody has begun.
        for due in queue:
            if conduct.stopping():
                return
            try:
                work.result.add(await _one(work, due))
            except Exception as error:
                # The row stays as it is: pending, or sending and decided about in the next call.
                log.exception("delivery.broken", row=due.id, kind=type(error).__name__)
                work.result.add("broken")

    await asyncio.gather(*(worker() for _ in range(max(1, conduct.concurrency))))
    return work.result


async def _one(work: _Round, due: rows.Due) -> str:
    if due.channel not in work.senders:
        return "no_sender"
    wait = await work.gate.push(
        due.channel, due.account, due.conversation, work.clock, pause=work.conduct.pause, patience=PATIENCE
    )
    if wait:
        until = work.clock.now() + timedelta(seconds=wait)
        await work.database.write(lambda session: rows.postpone(session, due.id, until))
        return "waiting"
    async with work.gate.turn(due.channel, due.account) as turn:
        outcome, moved_to = await _through(work, due, turn)
    if outcome == "moved":
        return await _one(work, replace(due, conversation=moved_to))
    return outcome


async def _through(work: _Round, due: rows.Due, turn: Turn) -> tuple[str, str]:
    """Take a row, send it when it is its turn, and record what came of it; returns that, and where its group has moved."""
    if work.conduct.stopping():
        return "waiting", ""
    taken = await work.database.write(lambda session: rows.take(session, due, work.me, work.clock.now(), work.merging))
    if taken is None:
        return "not_taken", ""
    work.result.add("along", len(taken.along))
    sender = work.senders.get(taken.message.channel)
    if sender is None:
        # The group has just moved to another platform: whoever serves that says it.
        later = work.clock.now() + timedelta(seconds=PATIENCE)
        await work.database.write(partial(_again, work=work, taken=taken, not_before=later, outcome="no_sender"))
        return "no_sender", ""
    if taken.message.card is not None:
        taken = replace(taken, message=await work.conduct.illustrate(taken.message))
    await turn.go(work.clock, work.conduct.pause)
    if work.conduct.stopping():
        # Nothing was said yet; if another process has taken it for dead meanwhile, nothing changes.
        now = work.clock.now()
        await work.database.write(lambda session: _again(session, work, taken, now, "waiting"))
        return "waiting", ""
    receipt = await _send(sender, taken)
    turn.answered(work.clock)
    return await _settle(work, taken, receipt), receipt.new_id


async def _send(sender: Sender, taken: rows.Taken) -> Receipt:
    try:
        async with asyncio.timeout(SEND_SECONDS):
            return await sender.send(taken.message)
    except TimeoutError:
        return Receipt(Outcome.UNKNOWN, reason="timeout")
    except Exception as error:
        # A sender never raises; when it does, nobody knows how far it came.
        log.exception("delivery.sender_raised", row=taken.id, kind=type(error).__name__)
        return Receipt(Outcome.UNKNOWN, reason="bug")


async def _settle(work: _Round, taken: rows.Taken, receipt: Receipt) -> str:
    """Commit what the platform said; the answer must not be lost because the disk is full for a second."""

    def failed(error: Exception) -> None:
        log.error("delivery.commit_failed", row=taken.id, outcome=receipt.outcome, kind=type(error).__name__)

    record = partial(work.database.write, lambda session: _record(session, work, taken, receipt))
    outcome = await turns.insisted(record, work.conduct.pause, failed)
    if receipt.outcome is Outcome.RETRY:
        await work.gate.closed(
            taken.message.channel,
            taken.message.account,
            taken.message.conversation,
            work.clock.now() + timedelta(seconds=receipt.retry_after),
        )
    if outcome not in {"sent", "retry", "moved"}:
        log.warning("delivery.not_sent", row=taken.id, outcome=receipt.outcome, reason=receipt.reason, state=outcome)
    return outcome


def _record(session: Session, work: _Round, taken: rows.Taken, receipt: Receipt) -> str:
    """Write the platform's answer into the row and those that were said along with it; returns the first one's outcome."""
    now = work.clock.now()
    match receipt.outcome:
        case Outcome.SENT:
            return _told(session, work, taken, receipt)
        case Outcome.RETRY:
            return _later(session, work, taken, receipt)
        case Outcome.MIGRATED:
            if not _move(session, taken, receipt.new_id):
                return _end(session, work, taken, "failed", "moved")
            return _again(session, work, taken, now, "moved", counted=True)
        case Outcome.GONE if taken.message.place is Place.DM:
            # A person who closed the private chat says nothing about the group.
            message = taken.message
            bots.lost_private(session, message.channel, message.account, message.conversation)
            return _end(session, work, taken, "failed", "no_address")
        case Outcome.GONE:
            session.run(_REMOVED, group_id=taken.group_id, bot=taken.message.account)
            return _end(session, work, taken, "failed", "gone")
        case Outcome.REJECTED:
            return _end(session, work, taken, *_refused(taken, receipt))
        case Outcome.UNKNOWN:
            return _ambiguous(session, work, taken, receipt)


def _told(session: Session, work: _Round, taken: rows.Taken, receipt: Receipt) -> str:
    """Write down what was said, and what of it was left out; returns what became of the first one."""
    now, message = work.clock.now(), taken.message
    kept = []
    for number, row in enumerate((taken.id, *taken.along)):
        if number in receipt.unsaid:
            rows.end(session, row, work.me, "failed", receipt.reason or "rejected")
        else:
            kept.append(rows.sent(session, row, work.me, now, receipt.provider_id))
    if message.subject and receipt.provider_id:
        outbox.remember(
            session,
            channel=message.channel,
            account=message.account,
            conversation=message.conversation,
            provider_id=receipt.provider_id[:64],
            subject=message.subject,
            sent_at=now,
        )
    return "failed" if 0 in receipt.unsaid else "sent" if kept[0] else "taken_over"


def _again(
    session: Session,
    work: _Round,
    taken: rows.Taken,
    not_before: datetime,
    outcome: str,
    *,
    counted: bool = False,
    begun: bool = False,
) -> str:
    by = taken.id if begun or taken.begun else None
    for row in (taken.id, *taken.along):
        rows.again(session, row, work.me, not_before, counted=counted, by=by)
    return outcome


def _later(session: Session, work: _Round, taken: rows.Taken, receipt: Receipt) -> str:
    """Try again when the platform says, or look again while it waits for somebody's yes."""
    then = work.clock.now() + timedelta(seconds=max(receipt.retry_after, 0.2))
    if receipt.held_until is None:
        return _again(session, work, taken, then, "retry", begun=receipt.begun)
    for row in (taken.id, *taken.along):
        holding.hold(session, row, work.me, then, receipt.held_until, receipt.reason)
    return "retry"


def _end(session: Session, work: _Round, taken: rows.Taken, state: str, why: str) -> str:
    for row in (taken.id, *taken.along):
        rows.end(session, row, work.me, state, why)
    return state


def _refused(taken: rows.Taken, receipt: Receipt) -> tuple[str, str]:
    """Return the state and the reason of what the platform does not take; whose beginning is out was not left out."""
    if receipt.begun or taken.begun:
        return "failed", rows.IN_PART
    return "skipped" if receipt.reason in LAPSED else "failed", receipt.reason or "rejected"


def _ambiguous(session: Session, work: _Round, taken: rows.Taken, receipt: Receipt) -> str:
    if taken.kind in work.resend and taken.attempts < AMBIGUOUS_ATTEMPTS:
        later = work.clock.now() + timedelta(seconds=min(60, 2**taken.attempts))
        return _again(session, work, taken, later, "retry", counted=True, begun=receipt.begun)
    return _end(session, work, taken, "unknown", receipt.reason or "cut")


def _move(session: Session, taken: rows.Taken, new_id: str) -> bool:
    """Follow a group to its new id; False when another group of ours has it, there is none, or it moves without end."""
    message = taken.message
    if not new_id or taken.attempts >= AMBIGUOUS_ATTEMPTS:
        return False
    return bots.follow(session, message.channel, message.account, message.conversation, new_id)
