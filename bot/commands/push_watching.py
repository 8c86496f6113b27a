"""``push status --watch``: the figures again every second, until nothing waits or comes soon, or somebody has seen enough."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bot.commands.push_terminal import out, show
from prompts.loader import texts

if TYPE_CHECKING:
    from scheduler.campaigns import Progress, Standing

SECONDS = 1.0
SOON = timedelta(minutes=10)
"""What is due within this time is waited for."""
Look = Callable[[], "tuple[list[Standing], Progress]"]


def follow(
    look: Look,
    lines: Callable[[list[Standing], Progress], Sequence[str]],
    for_programs: Callable[[list[Standing], Progress], dict[str, Any]] | None,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Show the figures until nothing waits; Ctrl-C ends it before.

    On a terminal the lines are drawn over the ones before; elsewhere they are written again when they have changed.

    Args:
        for_programs: given, each look is one line of JSON.
        pause: how to wait, in seconds.
    """
    drawn: Sequence[str] = ()
    waited = False
    try:
        while True:
            found, progress = look()
            if for_programs is not None:
                show(for_programs(found, progress))
            else:
                drawn = _draw(lines(found, progress), drawn)
            sys.stdout.flush()
            waited = waited or bool(progress.open)
            if not progress.open and not _comes_soon(found):
                break
            pause(SECONDS)
    except KeyboardInterrupt:
        return
    if for_programs is None:
        out(texts().raw("push.watched" if waited else "push.watched_nothing"))


def _comes_soon(found: Sequence[Standing]) -> bool:
    soon = datetime.now(UTC) + SOON
    return any(one.next_at is not None and one.next_at < soon for one in found)


def _draw(lines: Sequence[str], before: Sequence[str]) -> Sequence[str]:
    if sys.stdout.isatty():
        if before:
            sys.stdout.write(f"\x1b[{_rows(before)}F\x1b[J")
    elif list(lines) == list(before):
        return lines
    for line in lines:
        out(line)
    return lines


def _rows(lines: Sequence[str]) -> int:
    """Count the rows of a terminal that lines take; Chinese takes two columns a character."""
    import shutil

    from rich.cells import cell_len

    width = max(20, shutil.get_terminal_size((80, 24)).columns)
    return sum(max(1, -(-cell_len(line) // width)) for line in lines)
