"""The rate gate: how fast a bot may talk, over all and in one group.

A GCRA (generic cell rate algorithm) per name: one number, the theoretical arrival time, moved on by one interval for each
message. A reply takes its slot at once and then waits for it; a push takes a slot only when one is free now, and leaves half
of the burst allowance to the replies. So replies go first without a queue, and pushes fill what is left.

Where the numbers live is the only difference between installations. With PostgreSQL several processes may speak for one
bot, so they are rows, moved on by one UPDATE … RETURNING. With SQLite exactly one process owns the data directory (its file
lock), so they are kept in memory: a row would cost every reply a durable commit (about 5 ms of fsync) to protect against a
second process that cannot exist. What a restart forgets is at most one burst; the platform's 429 corrects that.

Source: ADR-0004; https://core.telegram.org/bots/faq (about 30 messages a second, 20 a minute in a group).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import BigInteger, bindparam, case, literal, select, update

from engagement.clocks import Clock
from storage.campaigns import Gate as GateRow
from storage.columns import micros
from storage.engine import Database, Session
from storage.statements import Prepared

_SECOND = 1_000_000
_KEEP_NAMES = 20_000
_PACED_FROM = 5.0
"""Messages a second from which on they are counted by the second; slower ones are far enough apart."""
_CATCH_UP = _SECOND
_MOST_COUNTED = 2048
_CLOSEST = 0.7
"""Part of the usual distance at which pushes follow each other while lost time is made up for."""

Pause = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Rates:
    """What one bot account of a channel may send.

    Attributes:
        per_second: over all conversations; 0 = no limit.
        group_per_minute: into one group; 0 = no limit. Any 60 seconds see at most this many: a quarter may come in a burst,
            the rest is spread.
        burst: how many may go out at the same instant over all.
    """

    per_second: float = 0.0
    group_per_minute: float = 0.0
    burst: int = 3


TELEGRAM = Rates(per_second=27.0, group_per_minute=20.0)
"""Below Telegram's stated 30 a second, so that a burst of three still fits."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One name with its rate, in whole microseconds.

    Attributes:
        interval: between two messages in the long run.
        tolerance: how far ahead of its time a message may be: (burst - 1) intervals.
        paced: what goes out is counted once more when it goes, so that lost time may be made up for.
    """

    name: str
    interval: int
    tolerance: int
    paced: bool = False

    @property
    def for_pushes(self) -> int:
        """The part of the tolerance that pushes may use."""
        return self.tolerance // 2


def limits(rates: Rates, channel: str, account: str, conversation: str) -> tuple[Limit, ...]:
    """Return the limits that a message to a conversation is under, the group's first."""
    found: list[Limit] = []
    if rates.group_per_minute:
        burst = max(1, int(rates.group_per_minute // 4))
        interval = round(60 * _SECOND / max(rates.group_per_minute - burst, 0.5))
        found.append(Limit(f"{channel}:{account}:{conversation}"[:200], interval, interval * (burst - 1)))
    if rates.per_second:
        interval = round(_SECOND / rates.per_second)
        paced = rates.per_second >= _PACED_FROM
        found.append(Limit(f"{channel}:{account}", interval, interval * (rates.burst - 1), paced))
    return tuple(found)


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
_GIVE_BACK = Prepared(
    "gate.give_back",
    update(_T).where(_T.c.name == bindparam("gate")).values(tat=_T.c.tat - bindparam("interval", type_=BigInteger)),
)
_READ = Prepared("gate.read", select(_T.c.tat).where(_T.c.name == bindparam("gate")))
_HOLD = Prepared(
    "gate.hold",
    update(_T)
    .where(_T.c.name == bindparam("gate"), _T.c.tat < bindparam("until", type_=BigInteger))
    .values(tat=bindparam("until", type_=BigInteger)),
)


def reserve(session: Session, wanted: Sequence[Limit], now: datetime, *, push: bool) -> float:
    """Ask for one message under several limits, in one transaction.

    Args:
        wanted: the limits, the one that refuses most often first.
        push: False (a reply): the slots are taken and the caller sends after the wait. True: they are taken only if all are
            free now within half of the burst allowance.

    Returns:
        Seconds to wait, 0.0 = go. To a push a wait means that nothing was taken: ask again then.
    """
    moment = micros(now)
    longest = 0
    taken: list[Limit] = []
    for limit in wanted:
        if push:
            wait = _take_now(session, limit, moment)
            if wait:
                for earlier in taken:
                    session.run(_GIVE_BACK, gate=earlier.name, interval=earlier.interval)
                return wait / _SECOND
            taken.append(limit)
        else:
            row = session.row(_TAKE, gate=limit.name, now=moment, interval=limit.interval)
            if row is None:
                session.run(_MAKE, name=limit.name)
                row = session.row(_TAKE, gate=limit.name, now=moment, interval=limit.interval)
            longest = max(longest, int(row[0]) - limit.interval - limit.tolerance - moment)
    return longest / _SECOND


def _take_now(session: Session, limit: Limit, moment: int) -> int:
    """Take a slot that is free now; else return the microseconds until one is."""
    latest = moment + limit.for_pushes
    for _ in range(2):
        if session.row(_TAKE_NOW, gate=limit.name, now=moment, latest=latest, interval=limit.interval) is not None:
            return 0
        found = session.row(_READ, gate=limit.name)
        if found is not None:
            return max(1, int(found[0]) - latest)
        session.run(_MAKE, name=limit.name)
    raise AssertionError("unreachable")


def hold(session: Session, limit: Limit, until: datetime) -> None:
    """Let nothing through before ``until`` (the platform said 429); an earlier promise is not shortened."""
    session.run(_MAKE, name=limit.name)
    session.run(_HOLD, gate=limit.name, until=micros(until) + limit.tolerance)


class Slots(Protocol):
    """Where the arrival times live."""

    async def reserve(self, wanted: Sequence[Limit], now: datetime, *, push: bool) -> float:
        """As :func:`reserve`."""
        ...

    async def hold(self, limit: Limit, until: datetime) -> None:
        """As :func:`hold`."""
        ...


class RowSlots:
    """In rows, shared by every process of the installation (PostgreSQL)."""

    def __init__(self, database: Database) -> None:
        """Use the installation's database."""
        self._database = database

    async def reserve(self, wanted: Sequence[Limit], now: datetime, *, push: bool) -> float:
        """As :func:`reserve`."""
        return await self._database.write(lambda session: reserve(session, wanted, now, push=push))

    async def hold(self, limit: Limit, until: datetime) -> None:
        """As :func:`hold`."""
        await self._database.write(lambda session: hold(session, limit, until))


class MemorySlots:
    """In this process, for an installation that has one owner (SQLite); no write, no wait, the same arithmetic."""

    def __init__(self) -> None:
        """Start with every slot free."""
        self._tat: dict[str, int] = {}

    async def reserve(self, wanted: Sequence[Limit], now: datetime, *, push: bool) -> float:
        """As :func:`reserve`."""
        moment = micros(now)
        if push:
            for limit in wanted:
                ahead = self._tat.get(limit.name, 0) - limit.for_pushes - moment
                if ahead > 0:
                    return ahead / _SECOND
        longest = 0
        for limit in wanted:
            # Time that pushes lost because this process was not awake is made up for; RateGate.pace() spreads it.
            lost = _CATCH_UP if push and limit.paced else 0
            start = max(self._tat.get(limit.name, 0), moment - lost)
            longest = max(longest, start - limit.tolerance - moment)
            self._put(limit.name, start + limit.interval, moment)
        return longest / _SECOND

    async def hold(self, limit: Limit, until: datetime) -> None:
        """As :func:`hold`."""
        self._put(limit.name, max(self._tat.get(limit.name, 0), micros(until) + limit.tolerance), 0)

    def _put(self, name: str, tat: int, moment: int) -> None:
        self._tat[name] = tat
        if len(self._tat) > _KEEP_NAMES and moment:
            # Names whose time has passed say nothing any more.
            self._tat = {kept: at for kept, at in self._tat.items() if at > moment}


class RateGate:
    """What every sender passes before it talks to a platform: answers and pushes through the same limits."""

    def __init__(self, slots: Slots, rates: Mapping[str, Rates]) -> None:
        """Wire it.

        Args:
            rates: channel → rates; a channel that is not named has no limit.
        """
        self._slots = slots
        self._rates = rates
        self._lanes: dict[tuple[str, str], asyncio.Lock] = {}
        self._doors: dict[tuple[str, str], asyncio.Lock] = {}
        self._gone: dict[tuple[str, str], deque[datetime]] = {}

    async def reply(self, channel: str, account: str, conversation: str, now: datetime) -> float:
        """Take a slot for an answer; returns the seconds to wait before sending it (mostly 0.0)."""
        rates = self._rates.get(channel)
        if rates is None:
            return 0.0
        wait = await self._slots.reserve(limits(rates, channel, account, conversation), now, push=False)
        self._count(channel, account, rates, now + timedelta(seconds=wait))
        return wait

    async def stamp(self, channel: str, account: str, now: datetime) -> float:
        """Take a slot for an emoji on somebody's message: no message, so a group's limit does not hold it."""
        rates = self._rates.get(channel)
        if rates is None:
            return 0.0
        overall = replace(rates, group_per_minute=0.0)
        wait = await self._slots.reserve(limits(overall, channel, account, ""), now, push=False)
        self._count(channel, account, rates, now + timedelta(seconds=wait))
        return wait

    async def push(
        self, channel: str, account: str, conversation: str, clock: Clock, *, pause: Pause, patience: float
    ) -> float:
        """Wait for a slot for a push, at most ``patience`` seconds at a time.

        Returns:
            0.0 = go; else nothing was taken and the group is closed for that many seconds: send others meanwhile.
        """
        rates = self._rates.get(channel)
        if rates is None:
            return 0.0
        wanted = limits(rates, channel, account, conversation)
        # One push a bot asks at a time: the others would be refused for the same slot.
        async with self._lanes.setdefault((channel, account), asyncio.Lock()):
            while True:
                wait = await self._slots.reserve(wanted, clock.now(), push=True)
                if wait == 0.0 or wait > patience:
                    return wait
                await pause(wait)

    async def pace(self, channel: str, account: str, clock: Clock, *, pause: Pause) -> None:
        """Wait, right before a push goes out, until one more fits into the second.

        Between its slot and its going out a row is committed, and commits come in groups: pushes with slots well apart would
        go out at once, and the platform counts what arrives in any one second.
        """
        rates = self._rates.get(channel)
        if rates is None or rates.per_second < _PACED_FROM:
            return
        most = int(rates.per_second) + 1
        # A little longer than a second, as far as the rate allows: on the way they come closer together.
        span = timedelta(seconds=max(1.0, most / rates.per_second * 0.99))
        async with self._doors.setdefault((channel, account), asyncio.Lock()):
            gone = self._gone.setdefault((channel, account), deque(maxlen=_MOST_COUNTED))
            now = clock.now()
            # Lost time is made up for little by little, not in a heap.
            free = gone[-1] + timedelta(seconds=_CLOSEST / rates.per_second) if gone else now
            if len(gone) >= most:
                free = max(free, gone[-most] + span)
            wait = (free - now).total_seconds()
            if 0 < wait <= span.total_seconds():
                await pause(wait)
            gone.append(clock.now())

    def _count(self, channel: str, account: str, rates: Rates, at: datetime) -> None:
        if rates.per_second >= _PACED_FROM:
            self._gone.setdefault((channel, account), deque(maxlen=_MOST_COUNTED)).append(at)

    async def closed(self, channel: str, account: str, conversation: str, until: datetime) -> None:
        """Remember that the platform takes nothing for a conversation before ``until``."""
        rates = self._rates.get(channel)
        if rates is not None:
            for limit in limits(rates, channel, account, conversation):
                if limit.name != f"{channel}:{account}":
                    await self._slots.hold(limit, until)


def open_gate(database: Database, rates: Mapping[str, Rates]) -> RateGate:
    """Make the gate that fits the installation: rows on PostgreSQL, memory on SQLite."""
    return RateGate(MemorySlots() if database.dialect == "sqlite" else RowSlots(database), rates)


def no_gate() -> RateGate:
    """Make a gate that holds nothing back (``play``, the simulator, tests)."""
    return RateGate(MemorySlots(), {})
