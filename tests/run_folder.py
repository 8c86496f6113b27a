"""A folder of this run, for what one worker makes and the others take."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from tests.postgresql import alive

_VARIABLE = "TUANTUAN_TEST_FOLDER"
_PREFIX = "tuantuan-run-"


def name() -> None:
    """Make it, before the workers are started, and clear what killed runs left behind; a run inside a run has the outer's."""
    if _VARIABLE in os.environ:
        return
    os.environ[_VARIABLE] = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")
    for left_over in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        owner = left_over.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not alive(int(owner)):
            shutil.rmtree(left_over, ignore_errors=True)


def path() -> Path:
    """Where it is."""
    return Path(os.environ[_VARIABLE])


def remove() -> None:
    """Remove it, if this process has made it."""
    if path().name.startswith(f"{_PREFIX}{os.getpid()}-"):
        shutil.rmtree(path(), ignore_errors=True)
        del os.environ[_VARIABLE]
