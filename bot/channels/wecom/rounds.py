"""Looking at many rows one after the other, and ending it when WeCom does not answer: each would wait out its own time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from bot.channels.wecom.api import CutOff, Refused
from storage.mass_sends import Asked

_CUTS = 3


class Rounds:
    """Remembers which rows had no answer: they come last in the next round, it may be they alone."""

    def __init__(self) -> None:
        """Begin with none."""
        self._silent: set[int] = set()

    async def go(
        self,
        rows: Sequence[Asked],
        look: Callable[[Asked], Awaitable[Asked]],
        given_up: Callable[[Asked, Refused | CutOff], Awaitable[Asked]],
    ) -> list[Asked]:
        """Look at rows until several in a row have no answer; returns all as they are then.

        Args:
            look: may raise Refused or CutOff.
            given_up: says what becomes of a row of which WeCom did not tell.
        """
        found, cuts = [], 0
        for row in sorted(rows, key=lambda one: one.id in self._silent):
            if cuts == _CUTS:
                found.append(row)
                continue
            self._silent.discard(row.id)
            try:
                found.append(await look(row))
                cuts = 0
            except (Refused, CutOff) as error:
                found.append(await given_up(row, error))
                if isinstance(error, CutOff):
                    self._silent.add(row.id)
                    cuts += 1
                else:
                    cuts = 0  # a no is an answer
        return found
