"""What has to be done about a company's customer groups without anybody asking: in rows, so that a restart goes on with it.

Taps are looked for, leaders reminded; groups that have changed are read again, all of them now and then, for callbacks get lost;
each owner's day is fetched in figures. Two processes at it come to the same: every change is a compare-and-set, an event with a
natural key, or the same again.

Source: ADR-0019; CHANNELS (customer groups).
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import select

from bot.channels.wecom import CHANNEL
from bot.channels.wecom.api import CutOff, Refused, receipt_of
from bot.channels.wecom.callback import Changed
from bot.channels.wecom.customer_groups import MOST_DAYS, CustomerGroup, CustomerGroups
from bot.channels.wecom.internal import ROBOT_GONE, gone
from bot.channels.wecom.robot import PREFIX as ROBOT
from bot.channels.wecom.welcome import Receive, Welcome, group_of
from engagement.calendar import local_day, local_minute
from engagement.clocks import Clock
from engagement.kernel import Event, Incoming, Outcome, Place, one_line
from prompts.loader import texts
from storage import bots, identities, mass_sends, send_counts
from storage import customer_groups as rows
from storage.engine import Database, Session
from storage.groups import Group, Member

if TYPE_CHECKING:
    from bot.channels.wecom.internal import Internal
    from bot.channels.wecom.mass_send import MassSender
from bot.channels.wecom.settings import WecomSettings

log = structlog.get_logger("bot.channels.wecom")
A_DAY = 1
"""Unasked messages a day of a customer group: there is no more than one that its leader confirms."""
_ZONE = "Asia/Shanghai"
_RESIDENTS = ("wm", "wo")
"""How WeCom's ids of people outside the company begin; a member of staff is called as the company likes."""
_AT_ONCE = 50
"""Groups that are read in one turn."""
_FIGURES_FROM = 6 * 60
"""Minute of the day from which WeCom has counted the day before."""
_LONG_AGO = date(2000, 1, 1)
_FIGURES_AGAIN = timedelta(hours=1)
_KEEP = timedelta(days=400)
_COUNTED = timedelta(hours=1)
"""The longest window of a limit."""
_CLOCKS = timedelta(minutes=5)
"""How far WeCom's clock may be from ours; who came since the last look is looked for from so long before it."""
_CUTS = 3
"""Groups in a turn whose answer may be cut before it is the line's fault and not theirs."""
_CUT_AGAIN = timedelta(minutes=10)
_AGAIN_SECONDS = 60.0
_SECONDS = 30.0
"""Between two looks whether something is to be done."""
_GREETED = {"greeted": True}
"""Mark of engagement.groups: nobody hears the bot in a customer group, so it introduces itself to nobody."""


@dataclass(slots=True)
class _Times:
    """When things were done last, by this process; what must not be forgotten stands in rows.

    Attributes:
        cut: group → when it could not be read to the end.
        uncounted: owners whose days are still to be fetched in this hour.
    """

    started: datetime
    watched: datetime | None = None
    listed: datetime | None = None
    counted: datetime | None = None
    cut: dict[str, datetime] = field(default_factory=dict)
    uncounted: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Done:
    """What a turn has done.

    Attributes:
        waiting: state of mass-sends → rows.
        looked, days: groups read; owners' days kept.
        failed: reasons of what WeCom did not do.
    """

    waiting: dict[str, int] = field(default_factory=dict)
    looked: int = 0
    days: int = 0
    failed: list[str] = field(default_factory=list)


class Company:
    """One company's customer groups, as rows."""

    def __init__(
        self,
        groups: CustomerGroups,
        internal: Internal,
        settings: WecomSettings,
        clock: Clock,
        database: Database,
        receive: Receive,
    ) -> None:
        """Take what reads groups, what keeps the company's own, the rows, and what takes the events that are found."""
        self._groups = groups
        self._internal = internal
        self._settings = settings
        self._clock = clock
        self._database = database
        self._receive = receive
        self._account = groups.account
        self._welcome = Welcome(database, groups.account, receive)
        self._times = _Times(clock.now())
        self._running: asyncio.Task[None] | None = None
        self._again: asyncio.TimerHandle | None = None

    # ---------------------------------------------------------------- what callbacks say

    async def heard(self, what: Incoming | Changed) -> object:
        """Take what a callback says; returns after the commit.

        An event of a group that is not ours yet, or of somebody we do not have, makes nothing known: the group is read instead.
        """
        if isinstance(what, Changed):
            return await self._database.write(lambda session: rows.mark(session, CHANNEL, self._account, what.chat))
        if what.event is Event.JOIN and not what.subject.startswith(_RESIDENTS):
            return await self.heard(
                Changed(what.conversation)
            )  # perhaps one of the staff: only reading the group tells
        if what.place is Place.DM or await self._database.read(lambda session: self._concerns(session, what)):
            return await self._receive(what)
        if what.event is Event.LEAVE:
            return False
        return await self.heard(Changed(what.conversation))

    def _concerns(self, session: Session, what: Incoming) -> bool:
        if identities.group_row(session, CHANNEL, self._account, what.conversation) is None:
            return False
        return what.event is not Event.LEAVE or what.subject in rows.members(
            session, CHANNEL, self._account, what.conversation
        )

    async def leader_of(self, chat: str, *, anew: bool = False) -> str:
        """Return who owns a group and confirms; see :class:`bot.channels.wecom.mass_send.LeaderOf`.

        Told by the row while nothing has changed since it was read; else the group is read.

        Raises:
            Refused, CutOff: it cannot be read now, and nobody is known.
        """
        known = await self._database.read(lambda session: rows.known(session, CHANNEL, self._account, chat))
        if known is not None and known.owner and not known.stale and not anew:
            return known.owner
        try:
            return (await self._look(chat, None if known is None else known.looked_at)).owner
        except (Refused, CutOff):
            if known is not None and known.owner and not anew:
                return known.owner
            raise

    # ---------------------------------------------------------------- turns

    def start(self, mass: MassSender) -> None:
        """Begin to take turns, until :meth:`stop`."""
        self._again = None
        self._running = asyncio.create_task(self._run(mass), name="wecom company")
        self._running.add_done_callback(partial(self._ended, mass))

    def _ended(self, mass: MassSender, task: asyncio.Task[None]) -> None:
        """A bug, or a database that broke in a way of its own: said loudly, and begun again, or nobody is reminded any more."""
        if task.cancelled() or task is not self._running:
            return
        log.error("wecom.turns_ended", kind=type(task.exception()).__name__)
        self._again = asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self.start, mass)

    async def stop(self) -> None:
        """End."""
        if self._again is not None:
            self._again.cancel()
        running, self._running = self._running, None
        if running is not None and not running.done():
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

    async def _run(self, mass: MassSender) -> None:
        while True:
            try:
                done = await self.turn(mass)
                if done.failed:
                    log.warning("wecom.turn", failed=sorted(set(done.failed)))
            except (OSError, SQLAlchemyError) as error:
                log.warning("wecom.turn_failed", kind=type(error).__name__)
            await asyncio.sleep(min(_SECONDS, self._settings.poll_seconds))

    async def turn(self, mass: MassSender) -> Done:
        """Do what is to be done now; nothing of it is lost when it fails, the next turn comes back to it."""
        done, now, times = Done(), self._clock.now(), self._times
        await mass.take_back(self._account)
        if _is_due(times.watched, timedelta(seconds=self._settings.poll_seconds), now):
            times.watched = now
            awake = now - times.started > 3 * timedelta(seconds=self._settings.poll_seconds)
            done.waiting = await mass.watch(self._account, awake=awake)
        for step in (self._list, self._look_at_some, self._count_days):
            try:
                await step(done, now)
            except (Refused, CutOff) as error:
                done.failed.append(receipt_of(error, repeatable=True).reason)
        return done

    async def _list(self, done: Done, now: datetime) -> None:
        if not _is_due(self._times.listed, timedelta(minutes=self._settings.list_minutes), now):
            return
        self._times.listed = now
        done.failed += await self._internal.keep(now)
        await self._tell_of_gone(now)
        there = await self._groups.ids()
        known = await self._database.read(lambda session: rows.conversations(session, CHANNEL, self._account))
        new = [chat for chat in there if chat not in known]
        for start in range(0, len(new), _AT_ONCE):
            some = new[start : start + _AT_ONCE]
            await self._database.write(partial(rows.add, channel=CHANNEL, account=self._account, conversations=some))
        for chat in sorted(known - set(there)):
            # Not listed is not gone: the app may only not see it any more. Reading it tells.
            await self._database.write(partial(rows.mark, channel=CHANNEL, account=self._account, conversation=chat))
        await self._database.write(partial(mass_sends.prune, before=local_day(now, _ZONE) - _KEEP))
        await self._database.write(partial(send_counts.prune, before=now - _COUNTED))

    async def _tell_of_gone(self, now: datetime) -> None:
        """Tell of robots that are gone, at every look: whether it is said, and when again, is engagement.groups' to say."""
        for name in await self._database.read(lambda session: gone(session, self._settings)):
            chat = f"{ROBOT}{name}"
            key = f"s:{chat}:{ROBOT_GONE}:{now:%Y%m%d%H%M}"
            here = (Event.TROUBLE, CHANNEL, key, Place.GROUP, chat, "", now, now)
            await self._receive(Incoming(*here, account=self._account, text=ROBOT_GONE))

    async def _look_at_some(self, done: Done, now: datetime) -> None:
        before, cut = now - timedelta(hours=self._settings.look_hours), self._times.cut
        for chat in [chat for chat, at in cut.items() if now - at >= _CUT_AGAIN]:
            del cut[chat]
        wanted = await self._database.read(
            lambda session: rows.to_look_at(session, CHANNEL, self._account, before, _AT_ONCE + len(cut))
        )
        cuts = 0
        for one in [one for one in wanted if one.conversation not in cut][:_AT_ONCE]:
            try:
                await self._look(one.conversation, one.looked_at)
            except CutOff as error:
                # The line, or this group alone (its answer is too long, or none that can be read): the others come before it.
                cut[one.conversation] = now
                cuts += 1
                if cuts == _CUTS:
                    raise
                done.failed.append(receipt_of(error, repeatable=True).reason)
                continue
            except Refused as error:
                receipt = receipt_of(error)
                if receipt.outcome is Outcome.RETRY:
                    raise
                if receipt.outcome is Outcome.GONE:
                    await self._is_gone(one.conversation, now)
                else:
                    # It may not be read: the others may, and it is tried again with its next turn.
                    done.failed.append(receipt.reason)
                    chat, owner, marks = one.conversation, one.owner, one.stale
                    await self._database.write(partial(self._looked, chat=chat, owner=owner, marks=marks, now=now))
            done.looked += 1

    async def _look(self, chat: str, since: datetime | None) -> CustomerGroup:
        """Read a group, keep it, and take what has happened since; returns it.

        Raises:
            Refused, CutOff: it cannot be read.
        """
        now = self._clock.now()
        marks = await self._database.read(lambda session: rows.marks(session, CHANNEL, self._account, chat))
        group = await self._groups.get(chat)
        known = await self._database.write(partial(self._keep, group=group, now=now))
        await self._welcome.meet(group, now)
        if since is not None:
            for event in self._groups.changes(group, known, since - _CLOCKS, now):
                await self._receive(event)
        await self._database.write(partial(self._looked, chat=chat, owner=group.owner, marks=marks, now=now))
        return group

    async def _is_gone(self, chat: str, now: datetime) -> None:
        key = f"s:{chat}:gone:{local_day(now, _ZONE)}"
        if await self._database.read(lambda s: identities.group_row(s, CHANNEL, self._account, chat)) is not None:
            await self._receive(
                Incoming(Event.BOT_REMOVED, CHANNEL, key, Place.GROUP, chat, "", now, now, account=self._account)
            )
        await self._database.write(lambda session: rows.forget(session, CHANNEL, self._account, chat))

    async def _count_days(self, done: Done, now: datetime) -> None:
        """Fetch owners' days up to yesterday that are not kept yet, some owners in a turn."""
        times = self._times
        if local_minute(now, _ZONE) < _FIGURES_FROM:
            return
        yesterday = local_day(now, _ZONE) - timedelta(days=1)
        if _is_due(times.counted, _FIGURES_AGAIN, now):
            times.counted = now
            times.uncounted = await self._database.read(lambda s: rows.owners(s, CHANNEL, self._account))
        if not times.uncounted:
            return
        last = await self._database.read(
            lambda session: mass_sends.last_figures(session, channel=CHANNEL, account=self._account)
        )
        times.uncounted = [one for one in times.uncounted if last.get(one, _LONG_AGO) < yesterday]
        for owner in times.uncounted[:_AT_ONCE]:
            earliest = yesterday - timedelta(days=MOST_DAYS - 1)
            first = max(last[owner] + timedelta(days=1), earliest) if owner in last else yesterday
            # Taken off before it is asked for: one who cannot be counted keeps nobody else back.
            times.uncounted.remove(owner)
            try:
                done.days += await self._groups.keep_days(self._database, owner, first, yesterday)
            except Refused as error:
                receipt = receipt_of(error)
                if receipt.outcome is Outcome.RETRY:
                    raise
                done.failed.append(receipt.reason)

    # ---------------------------------------------------------------- rows

    def _keep(self, session: Session, group: CustomerGroup, now: datetime) -> set[str]:
        """Keep a group: one message a day, its owner leads it; returns who was in it as we had it.

        Left out are its leaders, and neighbours who are in by its link alone.
        """
        rows.add(session, CHANNEL, self._account, [group.chat])
        row = self._found(session, group.chat, now)
        row.name = one_line(group.name, 60) or row.name or texts().raw("wecom.unnamed")
        row.state = "active"
        row.hears = row.speaks = False
        row.daily_budget = min(row.daily_budget, A_DAY)
        session.add(row)
        session.flush()
        assert row.id is not None
        known = rows.members(session, CHANNEL, self._account, group.chat)
        if group.owner:
            # Staff, at work: the app may write to them, and their id is what the company calls them.
            before = identities.known(session, CHANNEL, group.owner, None)
            person = before or identities.meet(session, CHANNEL, group.owner, "", now)
            if before is None or before.account != self._account:
                # Who cannot be written to, as sending has shown, can be when they write themselves: not because they lead.
                bots.open_private(session, person, self._account)
            member = identities.enter(session, row.id, person.person_id, "", now)
            # Residents read it; an id of the company would tell them nothing.
            member.name = member.name or person.name or texts().raw("wecom.unnamed_leader")
            member.role = "leader"
            session.add(member)
            session.flush()
        self._retire(session, row.id, group)
        never_there = rows.outside(session, CHANNEL, self._account, group.chat, group.residents)
        return {who for who in known - never_there if who != group.owner and who not in group.staff}

    def _looked(self, session: Session, chat: str, owner: str, marks: int, now: datetime) -> None:
        rows.looked(session, CHANNEL, self._account, chat, owner, marks, now)

    def _retire(self, session: Session, group_id: int, group: CustomerGroup) -> None:
        """Let those lead no more who are not in the group any more; the owner is there by what WeCom says."""
        staff = group.staff | {group.owner} | set(group.residents)
        for member in session.exec(select(Member).where(Member.group_id == group_id, Member.role == "leader")).all():
            address = identities.address(session, member.person_id, CHANNEL)
            if address is not None and address[0] not in staff and group.owner:
                member.role = "member"
                session.add(member)
        session.flush()

    def _found(self, session: Session, chat: str, now: datetime) -> Group:
        return group_of(session, self._account, chat) or Group(
            channel=CHANNEL,
            account=self._account,
            external_id=chat,
            zone=_ZONE,
            daily_budget=A_DAY,
            settings=dict(_GREETED),
            created_at=now,
        )


def _is_due(last: datetime | None, every: timedelta, now: datetime) -> bool:
    return last is None or now - last >= every
