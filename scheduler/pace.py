"""The pace of one bot, over all conversations: even, and never more in any second than it may, as the platform counts.

The platform counts arrivals; we know when a message left and when its answer came. What took longer than usual may have been
on its way there so much longer: an event loop that stood still, a new connection, a busy receiver. So a push waits until the
message that went a full count before it is a second old *at the platform*: a second after it left, and as much later as its
answer came late. Within that, time that was lost is made up for at once; nothing has to be remembered longer than a second.

Everything here is a plain function of the instants that it is given, in whole microseconds.

Source: ADR-0004; https://core.telegram.org/bots/faq.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

SECOND = 1_000_000
CLOSEST = 0.7
"""Part of the usual distance at which pushes follow each other while lost time is made up for."""
SURPLUS = 0.99
"""Part of its due time in which a full count may pass: lost time comes back at one in a hundred, where a second allows it."""
LATEST = SECOND
"""Microseconds that an answer can tell of: beyond, the platform is slow, and its slowness is none of our pace."""
_USUAL = 256
"""Answers of which the fastest is the usual one."""


@dataclass(slots=True)
class Left:
    """A message that went out.

    Attributes:
        at: when.
        late: how much longer than usual it may have been on its way; until its answer came, the most.
    """

    at: int
    late: int = 0


class Pace:
    """What one bot has sent in the last second, and when the next may go."""

    def __init__(self, interval: int, most: int, tolerance: int) -> None:
        """Begin with nothing sent.

        Args:
            interval: between two messages in the long run.
            most: pushes leave only while at most so many of all messages, theirs included, fall into any second.
            tolerance: how far ahead of their time answers may be.
        """
        self._interval = interval
        self._tolerance = tolerance
        self._span = max(SECOND, int(most * interval * SURPLUS))
        self._most = most
        self._most_with_answers = most - 1 + tolerance // interval + 1
        self._gone: deque[Left] = deque(maxlen=max(self._most, self._most_with_answers))
        self._free = 0
        self._took: deque[int] = deque(maxlen=_USUAL)
        self._seen = 0

    def answer(self, now: int) -> int:
        """Count an answer to somebody; returns how long it waits. It goes before every push that has not left."""
        self._begin(now)
        at = max(now, self._free - self._tolerance, self._gone[-1].at if self._gone else now)
        at = max(at, self._after(self._most_with_answers, SECOND))
        self._free += self._interval
        self._gone.append(Left(at))
        return at - now

    def ahead(self, now: int) -> int:
        """Return how long a push must wait; 0 = it may go, and :meth:`leave` counts it."""
        self._begin(now)
        at = max(self._free, self._after(self._most, self._span))
        if self._gone:
            at = max(at, self._gone[-1].at + int(self._interval * CLOSEST))
        return max(0, at - now)

    def leave(self, now: int) -> Left:
        """Count a push that goes now."""
        self._begin(now)
        self._free += self._interval
        left = Left(now, LATEST)
        self._gone.append(left)
        return left

    def answered(self, left: Left, now: int) -> None:
        """Take down when the platform answered a push."""
        took = max(0, now - left.at)
        self._took.append(took)
        left.late = min(LATEST, took - min(self._took))

    def _after(self, count: int, span: int) -> int:
        """Return from when on one more makes ``count`` within ``span``, reckoned as the platform may have counted."""
        if len(self._gone) < count:
            return 0
        first = self._gone[-count]
        return first.at + max(span, SECOND + first.late)

    def _begin(self, now: int) -> None:
        if now < self._seen - SECOND:
            # The clock was set back: what was counted by the other time says nothing.
            self._gone.clear()
            self._free = 0
        self._seen = now
        # Who was silent for a second has lost nothing; who was not has lost a second at most.
        idle = not self._gone or self._gone[-1].at <= now - SECOND
        self._free = max(self._free, now if idle else now - SECOND)
