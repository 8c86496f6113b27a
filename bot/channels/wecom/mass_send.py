"""The one message a day of a customer group: made by the program, sent when its leader taps 'confirm'.

For delivery this is a sender like any other. While the leader has not tapped it answers RETRY with ``held_until``, so the
delivery row waits as long as she is waited for; asked again it looks at what became of the task instead of making a second
one. What the leader has been asked stands in ``storage.mass_sends``, one row a group and day; the calls are in ``tasks``.

Source: ADR-0019; CHANNELS (customer groups).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

import structlog

from bot.channels.cutting import within
from bot.channels.wecom import CHANNEL
from bot.channels.wecom.api import CutOff, Refused, receipt_of
from bot.channels.wecom.day import Day, parts_of, told
from bot.channels.wecom.rounds import Rounds
from bot.channels.wecom.settings import WecomSettings
from bot.channels.wecom.tasks import TEXT_BYTES, Recall, Tasks
from bot.channels.wecom.waits import Waits
from bot.channels.worded import Worded
from engagement.calendar import local_minute, month_end, month_start
from engagement.clocks import Clock
from engagement.kernel import Kind, Outcome, Outgoing, Receipt
from storage import mass_sends
from storage.engine import Database, Session
from storage.mass_sends import CALLED_BACK, DECLINED, NOT_DELIVERED, OPEN, ZONE, Asked

log = structlog.get_logger("bot.channels.wecom")
MAKING = timedelta(minutes=2)
"""Longer than a call can take: who began longer ago is dead, or has had no answer."""
MORNING = 8 * 60
"""Minute of the day before which no leader is reminded."""
_WITHIN = 50.0
"""Seconds of one look; delivery gives a sender sixty, and takes one that is slower for who knows what."""
_DAY = timedelta(hours=24)
_LEADER_AWAY = frozenset({"no_user", "not_visible"})
_NOT_DELIVERED = dict(enumerate(NOT_DELIVERED, start=2))
"""WeCom's word for it → why."""
_ANOTHER_OWNS_IT = frozenset({"no_leader", "nobody", "no_contact"})
"""What WeCom says when somebody is to confirm who does not own the group any more."""


class LeaderOf(Protocol):
    """Tells who owns a customer group and alone can confirm."""

    async def __call__(self, chat: str, /, *, anew: bool = False) -> str:
        """Return a userid, empty when there is none; ``anew``: what is known is wrong, WeCom is to be asked.

        Raises:
            Refused, CutOff: it cannot be known now.
        """
        ...


class MassSender:
    """Asks leaders and watches for their tap; never raises for what WeCom says."""

    def __init__(
        self,
        tasks: Tasks,
        settings: WecomSettings,
        render: Callable[[Outgoing], Worded],
        clock: Clock,
        database: Database,
        leader_of: LeaderOf,
    ) -> None:
        """Take what calls WeCom, what puts messages into words, the rows, and who knows the leaders."""
        self._tasks = tasks
        self._settings = settings
        self._render = render
        self._clock = clock
        self._database = database
        self._leader_of = leader_of
        self._waits = Waits(settings)
        self._rounds = Rounds()

    async def send(self, message: Outgoing) -> Receipt:
        """Ask the leader, or say what became of having asked.

        Returns:
            RETRY with ``awaiting_leader`` while nobody has tapped; SENT once the group has it; REJECTED when the day's message is
            another one, nobody confirmed in time, or the month is full; UNKNOWN when the platform may have a task of which it
            does not let us know: then nothing is made a second time.
        """
        if message.kind is not Kind.PUSH:
            return Receipt(Outcome.REJECTED, reason="not_here")  # nothing else can be said in a customer group
        work = Day(message, self._clock.now(), parts_of(message))
        try:
            async with asyncio.timeout(_WITHIN):
                return await self._send(work)
        except TimeoutError:
            # What was begun stands in its row, and is looked for.
            return self._waits.later("slow")

    async def _send(self, work: Day) -> Receipt:
        row = await self._database.read(lambda session: self._row(session, work))
        if row is None:
            return await self._first(work)
        await self._database.write(lambda session: mass_sends.seen(session, row.id, work.now))
        match row.state:
            case "awaiting":
                return await self._awaited(work, row)
            case "sent":
                return told(work, row)
            case "making" | "unknown":
                return await self._doubted(work, row)
            case "recalled" if row.reason != CALLED_BACK:
                return Receipt(Outcome.REJECTED, reason=row.reason)
            case "refused" if row.reason in NOT_DELIVERED:
                return Receipt(Outcome.REJECTED, reason=row.reason)
            case _:
                return await self._anew(work, row)

    def _row(self, session: Session, work: Day) -> Asked | None:
        """Return the group's row of the day, or yesterday's while what it asked for is not over."""
        find = work.find()
        today = mass_sends.find(session, **find)
        if today is not None:
            return today
        before = mass_sends.last(session, **find)
        if before is None or not set(work.parts) <= set(before.parts):
            return None
        closed = before.state not in ("making", "awaiting", "unknown")
        return None if closed and work.now - before.changed_at > self._waits.soon else before

    async def watch(self, account: str, *, awake: bool = True) -> dict[str, int]:
        """Look after everything that no delivery row asks for any more; returns state → rows.

        For a job every few minutes: it sees taps that come late, reminds, and recalls what nobody confirmed or what is not to be
        said any more (its campaign was cancelled).

        Args:
            awake: deliveries have had time to ask; right after a start a row that nobody asked for says nothing.
        """
        rows = await self._database.read(
            lambda session: mass_sends.open_rows(session, channel=CHANNEL, account=account)
        )
        watched = partial(self._watched, awake=awake)
        return Counter(row.state for row in await self._rounds.go(rows, watched, self._given_up))

    async def take_back(self, account: str) -> int:
        """Take back at once what a leader does not want said; returns how many rows are no more open."""
        rows = await self._database.read(
            lambda session: mass_sends.open_rows(session, channel=CHANNEL, account=account)
        )
        unwanted = [row for row in rows if row.reason == DECLINED and row.state == "awaiting"]
        return sum(row.state not in OPEN for row in await self._rounds.go(unwanted, self._look, self._given_up))

    async def _watched(self, row: Asked, *, awake: bool) -> Asked:
        now = self._clock.now()
        left = now - max(row.seen_at, row.changed_at) > self._waits.soon
        if row.state == "awaiting":
            asked = now - row.seen_at < timedelta(seconds=self._settings.poll_seconds) and now < self._waits.ends(row)
            return row if asked else await self._look(row, wanted=not (left and awake))
        if not left or not awake:
            return row
        task = await self._tasks.search(row, None)
        if task is None:
            return await self._move(row, "refused", now, why="cut_off") or row
        return await self._move(row, "awaiting", now, provider_id=task) or row

    # ---------------------------------------------------------------- asking

    async def _first(self, work: Day) -> Receipt:
        try:
            leader = await self._leader_of(work.message.conversation)
        except (Refused, CutOff) as error:
            return receipt_of(error, repeatable=True)
        if not leader:
            return Receipt(Outcome.REJECTED, reason="no_leader")
        find = work.find()
        day = find.pop("local_date")
        first, last = month_start(day), month_end(day)
        most = self._waits.most(day)
        had = await self._database.read(lambda session: mass_sends.count(session, first=first, last=last, **find))
        if had >= most:
            return Receipt(Outcome.REJECTED, reason="month_full")
        begun = await self._database.write(
            lambda session: mass_sends.begin(session, leader=leader, parts=work.parts, now=work.now, **work.find())
        )
        row = await self._database.read(lambda session: mass_sends.find(session, **work.find()))
        if not begun or row is None:
            return self._waits.later("making")
        return await self._make(work, row)

    async def _anew(self, work: Day, row: Asked) -> Receipt:
        """Make a task in a row that has none that could be confirmed."""
        if row.reason == DECLINED:
            put = await self._move(row, "recalled", work.now)
            return self._waits.later("making") if put is None else Receipt(Outcome.REJECTED, reason=DECLINED)
        begun = await self._move(row, "making", work.now)
        return self._waits.later("making") if begun is None else await self._make(work, begun)

    async def _make(self, work: Day, row: Asked, *, another: bool = True) -> Receipt:
        """Make the task; when WeCom does not take it for the one who is to confirm, ask once who that is now."""
        now = self._clock.now()
        try:
            msgid = await self._tasks.make(row, self._text(work))
        except Refused as error:
            refused = receipt_of(error)
            if refused.reason in _LEADER_AWAY:
                refused = Receipt(Outcome.REJECTED, reason="no_leader")  # the group is there all the same
        except CutOff as error:
            if error.nothing_sent:
                await self._move(row, "refused", now, why="network")
                return receipt_of(error)
            await self._move(row, "unknown", now, why="cut_off")
            return self._waits.later("in_doubt", until=self._waits.ends(row))
        else:
            if msgid:
                made = await self._move(row, "awaiting", now, provider_id=msgid, parts=work.parts)
                return self._waits.wait(made or row)
            refused = Receipt(Outcome.REJECTED, reason="nobody")
        put = await self._move(row, "refused", now, why=refused.reason)
        if put is not None and put.reason == DECLINED:
            return Receipt(Outcome.REJECTED, reason=DECLINED)
        if put is None or not another or refused.reason not in _ANOTHER_OWNS_IT:
            return refused
        leader = await self._owner(put, anew=True)
        if leader == put.leader:
            return refused
        begun = await self._move(replace(put, leader=leader), "making", now)
        return refused if begun is None else await self._make(work, begun, another=False)

    async def _owner(self, row: Asked, *, anew: bool = False) -> str:
        """Return who owns a row's group now; whom we know while nobody can tell."""
        try:
            return await self._leader_of(row.conversation, anew=anew) or row.leader
        except (Refused, CutOff) as error:
            log.info("wecom.owner_unknown", row=row.id, reason=receipt_of(error).reason)
            return row.leader

    def _text(self, work: Day) -> str:
        # Nobody hears what is answered in a customer group: no choices there, the page has them.
        pieces = within(self._render(replace(work.message, buttons=())).parts, TEXT_BYTES)
        return pieces[0] if pieces else ""

    # ---------------------------------------------------------------- in doubt

    async def _doubted(self, work: Day, row: Asked) -> Receipt:
        """Find out whether the task was made of which there was no answer, before another one is."""
        if work.now - row.changed_at < MAKING:
            return self._waits.later("in_doubt", until=self._waits.ends(row))
        try:
            status = 0
            if row.provider_id:
                # Another task stood here before: perhaps it was tapped, perhaps it was not yet recalled.
                status = await self._tasks.status(row)
                if status == 0 and await self._tasks.recall(row) is Recall.UNKNOWN:
                    return self._waits.later("network", until=self._waits.ends(row))
            task, parts = None, work.parts
            if status != 1:
                task = await self._tasks.search(row, self._text(work))
                if task is None and self._settings.h5_url:
                    # Asked with other words, before something was added or taken away: its link still tells.
                    task, parts = await self._tasks.search(row, None), row.parts
        except (Refused, CutOff) as error:
            receipt = receipt_of(error, repeatable=True)
            if receipt.outcome is Outcome.RETRY:
                return replace(receipt, held_until=self._waits.ends(row) + self._waits.soon)
            # WeCom does not show its tasks: whether there is one nobody can know, so none is made.
            return Receipt(Outcome.UNKNOWN, reason="cut_off")
        if status == 1:
            return await self._is_sent(work, row)
        if task is None:
            return await self._anew(work, row)
        found = await self._move(row, "awaiting", work.now, provider_id=task, parts=parts)
        return self._waits.later("making") if found is None else await self._awaited(work, found)

    # ---------------------------------------------------------------- waiting

    async def _awaited(self, work: Day, row: Asked) -> Receipt:
        try:
            row = await self._look(row)
        except (Refused, CutOff) as error:
            row = await self._given_up(row, error)
        if row.state != "awaiting":
            return told(work, row) if row.state == "sent" else Receipt(Outcome.REJECTED, reason=row.reason or row.state)
        if row.reason == DECLINED:
            return self._waits.wait(row)
        if set(work.parts).isdisjoint(row.parts):
            return Receipt(Outcome.REJECTED, reason="said_today")
        leader = await self._owner(row)
        if not set(work.parts) > set(row.parts) and leader == row.leader:
            return self._waits.wait(row)
        return await self._replaced(work, row, leader)

    async def _replaced(self, work: Day, row: Asked, leader: str) -> Receipt:
        """Ask once more, for all of it: not tapped yet, and there is more to say today, or somebody else to be asked."""
        held = await self._move(row, "making", work.now)
        if held is None:
            return self._waits.later("making")
        match await self._tasks.recall(row):
            case Recall.DONE:
                begun: Asked | None = held
                if leader != row.leader:
                    # The task that is no more was another one's; the new one is looked for under the new name.
                    begun = await self._move(replace(held, leader=leader), "making", work.now, provider_id="")
                if begun is not None:
                    return await self._make(work, begun)
                await self._move(held, "recalled", work.now, why=CALLED_BACK)
                return self._waits.later("making")
            case Recall.TOO_LATE:
                return await self._is_sent(work, held)
            case _:
                back = await self._move(held, "awaiting", work.now)
                return self._waits.wait(back or row)

    async def _is_sent(self, work: Day, row: Asked) -> Receipt:
        return told(work, await self._move(row, "sent", self._clock.now()) or row)

    async def _look(self, row: Asked, *, wanted: bool = True) -> Asked:
        """Ask what became of a task, write it down, remind or recall; returns the row as it is now.

        Args:
            wanted: it is still to be said.

        Raises:
            Refused, CutOff: WeCom does not tell.
        """
        now, status = self._clock.now(), await self._tasks.status(row)
        if status == 1:
            return await self._move(row, "sent", now) or row
        if status in _NOT_DELIVERED:
            return await self._move(row, "refused", now, why=_NOT_DELIVERED[status]) or row
        over = now >= self._waits.ends(row)
        if not over and wanted and row.reason != DECLINED:
            return await self._remind(row, now)
        match await self._tasks.recall(row):
            case Recall.TOO_LATE:
                return await self._move(row, "sent", now) or row
            case Recall.UNKNOWN if now < self._waits.ends(row) + _DAY:
                return row
            case _:
                why = row.reason or ("not_confirmed" if over else CALLED_BACK)
                return await self._move(row, "recalled", now, why=why) or row

    async def _given_up(self, row: Asked, error: Refused | CutOff) -> Asked:
        """Return a row of which WeCom does not tell; a day after its end it is asked for no more (its group may be gone)."""
        now = self._clock.now()
        log.info("wecom.result_unknown", row=row.id, reason=receipt_of(error).reason)
        if now < self._waits.ends(row) + _DAY:
            return row
        return await self._move(row, "refused", now, why="cut_off") or row

    async def _remind(self, row: Asked, now: datetime) -> Asked:
        """Remind at most so often in the day that a row can live, never early or late; counted before it is done."""
        after = timedelta(minutes=self._settings.remind_after)
        minute = local_minute(now, ZONE)
        early_or_late = not MORNING <= minute < (self._settings.recall_hour - 1) * 60
        if row.reminders >= self._settings.reminders or now - row.changed_at < after or early_or_late:
            return row
        counted = await self._move(row, "awaiting", now, reminders=row.reminders + 1)
        if counted is None or counted.reason == DECLINED:
            return counted or row
        try:
            await self._tasks.remind(row.provider_id)
        except (Refused, CutOff) as error:
            log.info("wecom.not_reminded", row=row.id, reason=receipt_of(error).reason)
        return counted

    # ---------------------------------------------------------------- rows and times

    async def _move(self, row: Asked, state: str, now: datetime, **more: Any) -> Asked | None:
        """Write a change down and return the row as it is then; None when somebody else was quicker.

        That its leader does not want it said stays with the row until it is sent or taken back; what WeCom refused is taken back,
        or it would be tried again. When nothing but that no came meanwhile, nothing more is made, and what was made is written
        down all the same: a task that nobody remembers stays on her phone.
        """

        def change(session: Session) -> Asked | None:
            was, becomes, how = row, state, more
            latest = mass_sends.get(session, row.id)
            if state != "making" and mass_sends.is_declined_since(row, latest):
                was = latest
            if was.reason == DECLINED and state != "sent":
                becomes, how = "recalled" if state == "refused" else state, {**more, "why": DECLINED}
            if not mass_sends.move(session, was, becomes, now, **how):
                return None
            return mass_sends.get(session, row.id)

        return await self._database.write(change)
