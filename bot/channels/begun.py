"""How far messages have come whose rest the platform wants later: what was said of them is not said again.

It is remembered in this process: a message whose process ends in between is said from its beginning.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from engagement.kernel import Outgoing

SECONDS = 900.0
"""How long it is remembered beyond what the platform asks to wait, which may be an hour: then the message comes again."""
_MOST = 4096


def digest(message: Outgoing) -> str:
    """Return what names a message at every try: its words and its row. The picture is only drawn, or not, on the way."""
    return hashlib.sha256(replace(message, picture="").dump().encode()).hexdigest()[:32]


class Begun:
    """Remembers by digest a number (how far) and the platform's id of what is out already."""

    def __init__(self, timer: Callable[[], float] = time.monotonic) -> None:
        """Begin with none.

        Args:
            timer: seconds that only go forward.
        """
        self._timer = timer
        self._known: OrderedDict[str, tuple[int, str, float]] = OrderedDict()

    def look(self, name: str) -> int:
        """Return how far a message has come; 0 when it is new."""
        number, _, until = self._known.get(name, (0, "", 0.0))
        return number if self._timer() < until else 0

    def pop(self, name: str) -> tuple[int, str]:
        """Return how far a message has come, and forget it; 0 and nothing when it is new."""
        number, provider_id, until = self._known.pop(name, (0, "", 0.0))
        return (number, provider_id) if self._timer() < until else (0, "")

    def keep(self, name: str, number: int, provider_id: str = "", wait: float = 0.0) -> None:
        """Remember how far a message has come, for ``wait`` seconds and some more."""
        self._known[name] = number, provider_id, self._timer() + wait + SECONDS
        while len(self._known) > _MOST:
            self._known.popitem(last=False)
