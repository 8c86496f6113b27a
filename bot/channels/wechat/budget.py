"""How many messages may still be sent to a person who acted: counted here, so that none is tried in vain.

In memory: after a restart a person is unknown, the message is tried, and the platform's own count decides. The inbox would not
tell who was silent: what nobody handles (a film, a place) opens the chat, too. Where several processes hear callbacks, another
one may have heard later words, so nobody knows that nothing is left: the platform decides.

Source: WeChat Official Account documents (customer-service messages, rules since 2023-06-12); CHANNELS (limits).
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

MOST_KNOWN = 200_000
MOST_ACTS = 8
"""Acts of a person that are told apart: the platform repeats one within seconds, others in between."""


@dataclass(slots=True)
class _Grant:
    left: int
    until: datetime
    of: deque[str] = field(default_factory=lambda: deque(maxlen=MOST_ACTS))


class Budget:
    """What each person's last acts allow."""

    def __init__(self, wrote: tuple[int, timedelta], acted: tuple[int, timedelta], *, alone: bool = True) -> None:
        """Take (messages, for how long) after words and after a follow, a scan, a click.

        Args:
            alone: no other process hears this account's callbacks.
        """
        self._alone = alone
        self._wrote = wrote
        self._acted = acted
        self._known: OrderedDict[str, dict[bool, _Grant]] = OrderedDict()

    def grant(self, who: str, now: datetime, *, words: bool, of: str) -> None:
        """Note that a person wrote, or followed, scanned, clicked; each renews its own allowance.

        Args:
            who: openid; now: the present; words: the person wrote.
            of: what was done; told of the same again, nothing changes.
        """
        count, lasts = self._wrote if words else self._acted
        grants = self._known.setdefault(who, {})
        grant = grants.setdefault(words, _Grant(0, now))
        if of in grant.of:
            return
        grant.left, grant.until = count, now + lasts
        grant.of.append(of)
        self._known.move_to_end(who)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    def close(self, who: str) -> None:
        """Note that a person follows no more."""
        self._known[who] = {}

    def left(self, who: str, now: datetime) -> int | None:
        """Return how many messages may be sent; None when the person's acts are not, or may not all be, known here."""
        grants = self._known.get(who)
        if grants is None:
            return None
        left = sum(one.left for one in grants.values() if one.until > now)
        return left if left or self._alone else None

    def spend(self, who: str, now: datetime) -> None:
        """Count one message; that which ends first is used first."""
        usable = [one for one in self._known.get(who, {}).values() if one.until > now and one.left]
        if usable:
            min(usable, key=lambda one: one.until).left -= 1
