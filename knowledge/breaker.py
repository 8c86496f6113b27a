"""A breaker: an endpoint that fails again and again is left alone for a while, then tried by one caller.

Source: FAULTS C9: a dead endpoint must not cost every asker the deadline.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

FAILURES = 3
PAUSE = 30.0
"""Seconds without a call after ``FAILURES`` failures in a row."""


class Breaker:
    """Says whether a call may be made; safe to use from several threads.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._open_until: float | None = None

    def allows(self) -> bool:
        """Whether to call now. After a pause one caller may try; the others wait for what comes of it, or a pause more."""
        with self._lock:
            if self._open_until is None:
                return True
            if self._clock() < self._open_until:
                return False
            self._open_until = self._clock() + PAUSE
            return True

    def succeeded(self) -> None:
        """A call came back."""
        with self._lock:
            self._failures, self._open_until = 0, None

    def failed(self) -> None:
        """A call failed."""
        with self._lock:
            self._failures += 1
            if self._failures >= FAILURES or self._open_until is not None:
                self._failures, self._open_until = 0, self._clock() + PAUSE
