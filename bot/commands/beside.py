"""A data directory as commands look at it that need no answers: beside a server too, which keeps the lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.main import Program


@contextmanager
def program_beside(data: Path) -> Iterator[Program]:
    """The program over a directory, without its lock and its knowledge base; closed at the end of the block."""
    from bot import logs
    from bot.main import open_program

    logs.set_up(level="CRITICAL")
    program = open_program(data, answers=False, own=False)
    try:
        yield program
    finally:
        program.close()
