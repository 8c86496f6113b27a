"""Folders for files on their way in; what a killed process left in them goes with the next start and the next file.

Whoever makes one holds a lock on it, which the system lets go of at his death, however that came.

Source: F117, FAULTS C11 (kill -9), D1.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FRESH, _HELD = "tuantuan-new-", "tuantuan-file-"


@contextmanager
def folder() -> Iterator[Path]:
    """An empty folder of this process, deleted at the end of the block."""
    made = Path(tempfile.mkdtemp(prefix=_FRESH))
    held = os.open(made, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        # Under this name it may be swept: not before it is locked.
        path = made.rename(made.with_name(made.name.replace(_FRESH, _HELD, 1)))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(held)


def sweep() -> int:
    """Deletes the folders that nobody holds any more; returns how many."""
    gone = 0
    for path in Path(tempfile.gettempdir()).glob(f"{_HELD}*"):
        try:
            held = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
        except OSError:
            continue  # somebody else's, or deleted meanwhile
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        else:
            shutil.rmtree(path, ignore_errors=True)
            gone += 1
        finally:
            os.close(held)
    return gone
