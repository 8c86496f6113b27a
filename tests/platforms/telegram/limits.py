"""Telegram's limits on sending, as far as they are known: so many in any second, so many in any minute of a group."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class Limits:
    """Sliding windows; 0 switches one off.

    Attributes:
        per_second: messages over all chats in any second.
        per_group: messages in one group in any `group_window` seconds.
        refused: how many calls met a limit.
    """

    per_second: int = 30
    per_group: int = 20
    group_window: float = 60.0
    refused: int = 0
    _all: deque[float] = field(default_factory=deque, repr=False)
    _groups: dict[int, deque[float]] = field(default_factory=lambda: defaultdict(deque), repr=False)

    @classmethod
    def none(cls) -> Limits:
        """No limit at all."""
        return cls(per_second=0, per_group=0)

    def admit(self, chat: int, now: float) -> int:
        """Count a message to `chat` at `now` (seconds); return 0, or the whole seconds to wait when it is refused."""
        waits = []
        if self.per_second:
            waits.append(self._wait(self._all, self.per_second, 1.0, now))
        if self.per_group and chat < 0:
            waits.append(self._wait(self._groups[chat], self.per_group, self.group_window, now))
        wait = max(waits, default=0.0)
        if wait > 0:
            self.refused += 1
            return max(1, math.ceil(wait))
        if self.per_second:
            self._all.append(now)
        if self.per_group and chat < 0:
            self._groups[chat].append(now)
        return 0

    @staticmethod
    def _wait(sent: deque[float], limit: int, window: float, now: float) -> float:
        while sent and sent[0] <= now - window:
            sent.popleft()
        return sent[0] + window - now if len(sent) >= limit else 0.0
