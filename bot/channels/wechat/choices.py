"""Numbered choices instead of buttons: what a number means that somebody types back.

In memory, by person: after a restart a number is words again, and the person is told what can be done.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta

MOST_KNOWN = 50_000
LASTS = timedelta(hours=48)


class Choices:
    """The last choices that each person was offered."""

    def __init__(self) -> None:
        """Begin with none."""
        self._offered: OrderedDict[str, tuple[tuple[str, ...], datetime]] = OrderedDict()

    def offer(self, who: str, keys: Sequence[str], now: datetime) -> None:
        """Remember the keys of the choices under a message, the first is number 1; a message without any ends the last ones."""
        self._offered.pop(who, None)
        if keys:
            self._offered[who] = (tuple(keys), now)
        while len(self._offered) > MOST_KNOWN:
            self._offered.popitem(last=False)

    def withdraw(self, who: str, keys: Sequence[str]) -> None:
        """Forget choices that were never shown after all."""
        if keys and self._offered.get(who, ((), None))[0] == tuple(keys):
            del self._offered[who]

    def meant(self, who: str, text: str, now: datetime) -> str:
        """Return the key that a typed number means; empty when it means none."""
        keys, offered_at = self._offered.get(who, ((), now))
        typed = text.strip().rstrip(".\u3001\u3002")
        if not typed.isdecimal() or len(typed) > 2 or now - offered_at > LASTS:
            return ""
        number = int(typed)
        return keys[number - 1] if 0 < number <= len(keys) else ""
