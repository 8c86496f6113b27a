"""The simulator's clock, and the pages that wait for something to change."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.channels.sim.community import ZONE
from bot.channels.sim.history import History, Line
from bot.channels.sim.lines import words_of
from engagement import calendar
from engagement.clocks import Clock
from engagement.errors import Refusal

MOST_DAYS = 31
_STEP = timedelta(hours=4)
_MOVES = {"hour": timedelta(hours=1), "day": timedelta(days=1)}


class Timepiece:
    """Moves the program's clock, one move at a time, and tells open pages.

    Attributes:
        moving: (from, to) while the clock runs ahead.
        preparing: the sample weeks are being played: nobody may speak.
        fired: what the last move of the clock brought out: instant, conversation and first words.
    """

    def __init__(
        self,
        clock: Clock,
        history: History,
        settle: Callable[[], Awaitable[None]],
        advance: Callable[[datetime], Awaitable[None]],
    ) -> None:
        """Take the parts; see :class:`bot.channels.sim.simulator.Simulator`."""
        self.clock = clock
        self.history = history
        self.moving: tuple[datetime, datetime] | None = None
        self.preparing = False
        self.fired: list[dict[str, str]] = []
        self._settle = settle
        self._advance = advance
        self._changed = asyncio.Condition()
        self._moves = asyncio.Lock()

    def target(self, move: str, to: str = "") -> datetime:
        """Return where a move of the clock ends.

        Args:
            move: ``hour``, ``day``, ``morning`` (the next 7:30) or ``to``.
            to: ISO local time in the community's zone, for ``to``.

        Raises:
            Refusal: backwards, or more than ``MOST_DAYS`` ahead.
        """
        now = self.clock.now()
        if move in _MOVES:
            return now + _MOVES[move]
        if move == "morning":
            return calendar.next_due(now, 7 * 60 + 30, ZONE)
        try:
            moment = datetime.fromisoformat(to)
        except ValueError as error:
            raise Refusal("sim.failed") from error
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=calendar.zone(ZONE))
        if moment <= now:
            raise Refusal("sim.backwards")
        if moment - now > timedelta(days=MOST_DAYS):
            raise Refusal("sim.too_far")
        return moment.astimezone(UTC)

    async def move(self, to: datetime) -> None:
        """Let the clock run to an instant; open pages see how far it is.

        Raises:
            Refusal: it is running already.
        """
        if self._moves.locked() or self.preparing:
            raise Refusal("sim.busy")
        async with self._moves:
            start = self.clock.now()
            self.moving = (start, to)
            self.fired = []
            try:
                while self.clock.now() < to:
                    await self._advance(min(to, self.clock.now() + _STEP))
                    await self.tell_clock()
                await self._settle()
            finally:
                self.moving = None
            await self.tell_clock()

    def clock_state(self) -> dict[str, Any]:
        """Return the clock as the page gets it."""
        moving = None
        if self.moving is not None:
            start, to = self.moving
            moving = {"from": start.isoformat(), "to": to.isoformat()}
        return {
            "now": self.clock.now().isoformat(),
            "zone": ZONE,
            "moving": moving,
            "preparing": self.preparing,
            "fired": list(self.fired),
        }

    async def tell_clock(self) -> None:
        """Tell open pages what time it is."""
        self.history.tell({"type": "clock", **self.clock_state()})
        await self.tell()

    async def run_to(self, moment: datetime) -> None:
        """Let the clock run to an instant if it lies ahead (the sample weeks)."""
        if moment > self.clock.now():
            await self._advance(moment)

    def note_fired(self, line: Line) -> None:
        """Remember that a move of the clock brought this out."""
        self.fired.append({"at": line["at"], "conversation": line["conversation"], "text": words_of(line)[:40]})
        del self.fired[:-60]

    async def tell(self) -> None:
        """Wake the pages that wait."""
        async with self._changed:
            self._changed.notify_all()

    async def wait(self, event: int, seconds: float) -> None:
        """Wait until there is a change after ``event``, or so long."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: self.history.event != event)
        except TimeoutError:
            return
