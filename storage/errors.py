"""What can be wrong with a database as a whole. Imports nothing of ours, so that the command line can know it from the start."""

from __future__ import annotations

from pathlib import Path


class Unreadable(Exception):
    """The rows cannot be read at all: a damaged file, not a database, or a server that refuses; says which."""


class WentWrong(Exception):
    """The database does not hold together after the migration; the backup from before is whole.

    Attributes:
        file: that backup.
        broken: names of the invariants.
    """

    def __init__(self, file: Path, broken: tuple[str, ...]) -> None:
        """Carry both."""
        super().__init__("; ".join(broken))
        self.file = file
        self.broken = broken
