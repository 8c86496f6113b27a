"""One turn of what a process does over and over: whatever goes wrong in it, the next one is not given up for that.

Source: ADR-0004, ADR-0023.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable


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
