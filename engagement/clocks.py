"""Where the present comes from: the host, or a simulation. Nothing else in the product asks for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where the present comes from: the host, or a simulation."""

    def now(self) -> datetime:
        """Return the present, aware, UTC."""
        ...


class SystemClock:
    """The host's clock."""

    def now(self) -> datetime:
        """Return the present, aware, UTC."""
        return datetime.now(UTC)


class SetClock:
    """A clock that stands still until it is moved (``play``, the simulator, tests)."""

    def __init__(self, start: datetime) -> None:
        """Start at an aware instant."""
        self.set(start)

    def now(self) -> datetime:
        """Return the instant it was set to."""
        return self._now

    def set(self, moment: datetime) -> None:
        """Move it; backwards too, as real clocks do."""
        if moment.tzinfo is None:
            raise ValueError("naive datetime")
        self._now = moment.astimezone(UTC)


class ShiftedClock:
    """The host's clock, moved: it goes on by itself and can be set (the simulator's)."""

    def __init__(self, shift: timedelta = timedelta()) -> None:
        """Start ``shift`` ahead of the host."""
        self.shift = shift

    def now(self) -> datetime:
        """Return the host's present plus the shift."""
        return datetime.now(UTC) + self.shift

    def set(self, moment: datetime) -> None:
        """Move it so that it is ``moment`` now."""
        if moment.tzinfo is None:
            raise ValueError("naive datetime")
        self.shift = moment - datetime.now(UTC)


class Movable(Clock, Protocol):
    """A clock that can be set."""

    def set(self, moment: datetime) -> None:
        """Move it."""
        ...
