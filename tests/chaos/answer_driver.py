"""`python -m tests.chaos.answer_driver serve …`: the real program, in which a silent process is sooner taken for dead."""

from __future__ import annotations

import os
from datetime import timedelta

from scheduler import heartbeats

if __name__ == "__main__":
    heartbeats.DEAD_AFTER = timedelta(seconds=float(os.environ["TUANTUAN_DEAD_AFTER"]))
    heartbeats.BEAT_AFTER = heartbeats.DEAD_AFTER / 8

    from bot.__main__ import main

    main()
