"""Where the rate gate's numbers live: in memory, or in rows that several processes share.

With SQLite exactly one process owns the data directory (its file lock), so they are kept in memory: a row would cost every
answer a durable commit (about 5 ms of fsync) to protect against a second process that cannot exist. What a restart forgets is
at most one burst; the platform's 429 corrects that. With PostgreSQL several processes may speak for one bot, so they are rows,
moved on by one UPDATE … RETURNING. Memory knows every message of the last second, so lost time is made up for
(:mod:`scheduler.pace`); a row knows one instant, and a slot that no process was awake for is lost.

Instants and waits are whole microseconds here. The machines of one installation share a time (NTP).

Source: ADR-0004.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import BigInteger, bindparam, case, literal, select, update

from scheduler.pace import SECOND, Left, Pace
from storage.campaigns import Gate as GateRow
from storage.columns import micros
from storage.engine import Database, Session
from storage.statements import Prepared

_KEEP_NAMES = 20_000
AHEAD = 150_000
"""Microseconds' worth of pushes that may stand between a row that is taken and its going out: a commit fits in, and hardly
more, since a process that dies leaves them in doubt."""
_TOGETHER = 75_000
"""Microseconds' worth of slots that are asked for in one statement: its transaction takes a while, and answers wait for them."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One name with its rate, in whole microseconds.

    Attributes:
        interval: between two messages in the long run.
        tolerance: how far ahead of its time a message may be: (burst - 1) intervals.
        most: over all conversations: messages in any one second; 0 = a group's limit.
    """

    name: str
    interval: int
    tolerance: int
    most: int = 0

    @property
    def for_pushes(self) -> int:
        """The part of a group's tolerance that pushes may use."""
        return self.tolerance // 2


_T = GateRow.__table__  # type: ignore[attr-defined]
_NOW = bindparam("now", type_=BigInteger)
_START = case((_T.c.tat > _NOW, _T.c.tat), else_=_NOW)
_MAKE = Prepared(
    "gate.make",
    lambda insert: (
        insert(_T).values(name=bindparam("name"), tat=literal(0)).on_conflict_do_nothing(index_elements=["name"])
    ),
)
_TAKE = Prepared(
    "gate.take",
    update(_T)
    .where(_T.c.name == bindparam("gate"))
    .values(tat=_START + bindparam("interval", type_=BigInteger))
    .returning(_T.c.tat),
)
_TAKE_NOW = Prepared(
    "gate.take_now",
    update(_T)
    .where(_T.c.name == bindparam("gate"), _T.c.tat <= bindparam("latest", type_=BigInteger))
    .values(tat=_START + bindparam("interval", type_=BigInteger))
    .returning(_T.c.tat),
)
_READ = Prepared("gate.read", select(_T.c.tat).where(_T.c.name == bindparam("gate")))
_HOLD = Prepared(
    "gate.hold",
    update(_T)
    .where(_T.c.name == bindparam("gate"), _T.c.tat < bindparam("until", type_=BigInteger))
    .values(tat=bindparam("until", type_=BigInteger)),
)


def reserve(session: Session, limit: Limit, now: int, count: int = 1) -> int:
    """Take a limit's next slots, whenever they are.

    Args:
        now: microseconds since the epoch, as everywhere here.
        count: how many, each an interval after the one before.

    Returns:
        The first one's instant, at ``now`` or later.
    """
    length = count * limit.interval
    while (row := session.row(_TAKE, gate=limit.name, now=now, interval=length)) is None:
        session.run(_MAKE, name=limit.name)
    return int(row[0]) - length


def admit(session: Session, group: Limit | None, bot: Limit | None, now: int) -> int:
    """Let a push begin: few stand before the bot, and its group has a slot now within half of the burst allowance.

    Returns:
        Microseconds to wait, 0 = go and the group's slot is taken. A wait means that nothing was: ask again then.
    """
    if bot is not None:
        found = session.row(_READ, gate=bot.name)
        if found is not None and int(found[0]) > now + AHEAD:
            return int(found[0]) - now - AHEAD
    if group is None:
        return 0
    latest = now + group.for_pushes
    while session.row(_TAKE_NOW, gate=group.name, now=now, latest=latest, interval=group.interval) is None:
        found = session.row(_READ, gate=group.name)
        if found is not None:
            return max(1, int(found[0]) - latest)
        session.run(_MAKE, name=group.name)
    return 0


def hold(session: Session, limit: Limit, until: datetime) -> None:
    """Let nothing through before ``until`` (the platform said 429); an earlier promise is not shortened."""
    session.run(_MAKE, name=limit.name)
    session.run(_HOLD, gate=limit.name, until=micros(until) + limit.tolerance)


class Slots(Protocol):
    """Where the numbers live. Instants and waits are microseconds."""

    async def answer(self, group: Limit | None, bot: Limit | None, now: int) -> int:
        """Take an answer's slots; returns how long it waits for them."""
        ...

    async def admit(self, group: Limit | None, bot: Limit | None, now: int) -> int:
        """As :func:`admit`."""
        ...

    async def ahead(self, bot: Limit, now: int, standing: int) -> int:
        """Return how long a push must wait to go out; asked again after the wait. One caller a bot at a time.

        Args:
            standing: how many want to go out, this one included.
        """
        ...

    def leave(self, bot: Limit, now: int) -> Left:
        """Use the slot that :meth:`ahead` found free, at once."""
        ...

    def answered(self, bot: Limit, left: Left, now: int) -> None:
        """Take down when the platform answered a push."""
        ...

    async def hold(self, limit: Limit, until: datetime) -> None:
        """As :func:`hold`."""
        ...


class RowSlots:
    """In rows, shared by every process of the installation (PostgreSQL)."""

    def __init__(self, database: Database) -> None:
        """Use the installation's database."""
        self._database = database
        self._reserved: dict[str, deque[int]] = {}
        self._took: deque[int] = deque([0], maxlen=16)

    async def answer(self, group: Limit | None, bot: Limit | None, now: int) -> int:
        """As :class:`Slots`."""
        wanted = [limit for limit in (group, bot) if limit is not None]

        def take(session: Session) -> int:
            return max(0, *(reserve(session, limit, now) - limit.tolerance - now for limit in wanted))

        return await self._database.write(take) if wanted else 0

    async def admit(self, group: Limit | None, bot: Limit | None, now: int) -> int:
        """As :func:`admit`."""
        return await self._database.write(lambda session: admit(session, group, bot, now))

    async def ahead(self, bot: Limit, now: int, standing: int) -> int:
        """As :class:`Slots`; slots are asked for from when they can be there at the earliest, for some that stand here.

        One that was slept through is lost: the other processes have theirs right behind it.
        """
        mine = self._reserved.setdefault(bot.name, deque())
        while mine and now > mine[0] + bot.interval // 2:
            mine.popleft()
        if mine:
            return max(0, mine[0] - now)
        count = max(1, min(standing, _TOGETHER // bot.interval))
        there = now + min(self._took)
        begun = time.monotonic()
        first = await self._database.write(lambda session: reserve(session, bot, there, count))
        self._took.append(int((time.monotonic() - begun) * SECOND))
        mine.extend(first + n * bot.interval for n in range(count))
        # Meanwhile it has become later: whether it has become too late is asked once more.
        return max(1, first - there)

    def leave(self, bot: Limit, now: int) -> Left:
        """As :class:`Slots`."""
        self._reserved[bot.name].popleft()
        return Left(now)

    def answered(self, bot: Limit, left: Left, now: int) -> None:
        """Nothing: the slots of the next second are other processes' already."""

    async def hold(self, limit: Limit, until: datetime) -> None:
        """As :func:`hold`."""
        await self._database.write(lambda session: hold(session, limit, until))


class MemorySlots:
    """In this process, for an installation that has one owner (SQLite); no write, no wait."""

    def __init__(self) -> None:
        """Start with every slot free."""
        self._tat: dict[str, int] = {}
        self._paces: dict[str, Pace] = {}

    async def answer(self, group: Limit | None, bot: Limit | None, now: int) -> int:
        """As :class:`Slots`."""
        wait = 0 if bot is None else self._pace(bot).answer(now)
        if group is not None:
            start = max(self._tat.get(group.name, 0), now)
            wait = max(wait, start - group.tolerance - now)
            self._put(group.name, start + group.interval, now)
        return wait

    async def admit(self, group: Limit | None, bot: Limit | None, now: int) -> int:
        """As :func:`admit`."""
        if bot is not None and (busy := self._pace(bot).ahead(now) - AHEAD) > 0:
            return busy
        if group is not None:
            tat = self._tat.get(group.name, 0)
            if tat > now + group.for_pushes:
                return tat - now - group.for_pushes
            self._put(group.name, max(tat, now) + group.interval, now)
        return 0

    async def ahead(self, bot: Limit, now: int, standing: int) -> int:
        """As :class:`Slots`."""
        return self._pace(bot).ahead(now)

    def leave(self, bot: Limit, now: int) -> Left:
        """As :class:`Slots`."""
        return self._pace(bot).leave(now)

    def answered(self, bot: Limit, left: Left, now: int) -> None:
        """As :class:`Slots`."""
        self._pace(bot).answered(left, now)

    async def hold(self, limit: Limit, until: datetime) -> None:
        """As :func:`hold`."""
        self._put(limit.name, max(self._tat.get(limit.name, 0), micros(until) + limit.tolerance), 0)

    def _pace(self, bot: Limit) -> Pace:
        found = self._paces.get(bot.name)
        if found is None:
            found = self._paces[bot.name] = Pace(bot.interval, bot.most, bot.tolerance)
        return found

    def _put(self, name: str, tat: int, moment: int) -> None:
        self._tat[name] = tat
        if len(self._tat) > _KEEP_NAMES and moment:
            # Names whose time has passed say nothing any more.
            self._tat = {kept: at for kept, at in self._tat.items() if at > moment}
