"""`python -m tests.chaos.server_driver serve …`: the real program, quick to start for tests that start and kill it many times.

It has no starter base, which nobody asks in them. With ``TUANTUAN_DEAD_AFTER`` a process that is silent for so many seconds
is taken for dead, and what it had received is not left for a minute.
"""

from __future__ import annotations

import os
from datetime import timedelta

from bot import pump
from knowledge import starter
from scheduler import heartbeats

DRIVER = "tests.chaos.server_driver"
"""What a test runs as a module in place of `bot`."""


def _nothing(*_: object, **__: object) -> int:
    return 0


if __name__ == "__main__":
    starter.load_starter = _nothing
    if "TUANTUAN_DEAD_AFTER" in os.environ:
        heartbeats.DEAD_AFTER = timedelta(seconds=float(os.environ["TUANTUAN_DEAD_AFTER"]))
        heartbeats.BEAT_AFTER = heartbeats.DEAD_AFTER / 8
        pump.LEFT_AFTER = heartbeats.DEAD_AFTER

    from bot.__main__ import main

    main()
