"""One turn of what a process does over and over: whatever goes wrong in it, the next one is not given up for that.

Source: ADR-0004, ADR-0023.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
COMMIT_TRIES = 6


class Failed(Exception):
    """A turn did not work; the cause says why, and there is a next one."""


async def tried(act: Callable[[], Awaitable[object]]) -> None:
    """Take a turn.

    Raises:
        Failed: it did not work, whatever the reason.
    """
    try:
        await act()
    except Exception as error:
        raise Failed from error


async def insisted(
    act: Callable[[], Awaitable[T]], pause: Callable[[float], Awaitable[object]], failed: Callable[[Exception], object]
) -> T:
    """Write down what a platform has said: that must not be lost because the disk is full for a second.

    Args:
        act: what is tried, :data:`COMMIT_TRIES` times within 17 seconds.
        pause: waits so many seconds.
        failed: is told why, each time there is another one.

    Raises:
        Whatever the last try raised.
    """
    for attempt in range(COMMIT_TRIES):
        try:
            return await act()
        except Exception as error:
            if attempt == COMMIT_TRIES - 1:
                raise
            failed(error)
            await pause(0.05 * 4**attempt)
    raise AssertionError("unreachable")
