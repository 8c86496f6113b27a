"""Which pieces of a long message are still to be said: what stands in the chat is not said again, and nothing is left out.

A platform takes the first pieces of a message and then wants us to wait, or cannot be reached. The next try goes on from there.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from engagement.clocks import Clock
from engagement.kernel import Outcome, Outgoing, Receipt

log = structlog.get_logger("bot.channels.unsaid")
LASTS = timedelta(minutes=15)
"""How long it is remembered; the courier gives up earlier."""
_MOST = 4096

Piece = TypeVar("Piece")


class Unsaid:
    """Remembers of messages that have to wait how many of their last pieces are to come; those of one sender."""

    def __init__(self, clock: Clock) -> None:
        """Begin with none."""
        self._clock = clock
        self._left: OrderedDict[str, tuple[int, datetime]] = OrderedDict()

    def rest(self, message: Outgoing, pieces: Sequence[Piece]) -> Sequence[Piece]:
        """Return which of a message's pieces are to be said now: all of it, or what an earlier try has left."""
        left, at = self._left.get(_digest(message), (0, None))
        if at is None or self._clock.now() - at >= LASTS:
            return pieces
        # Counted from the end: a picture may stand before the words at one try, and not at the other.
        return pieces[-left:]

    async def say(
        self, message: Outgoing, rest: Sequence[Piece], one: Callable[[Piece], Awaitable[Receipt]]
    ) -> tuple[Receipt, int]:
        """Say what is to be said, in order, until a piece is not sent.

        Args:
            rest: at least one piece; see :meth:`rest`.
            one: says a piece.

        Returns:
            What became of the whole: the first piece's receipt, or that of the piece at which it ended; and how many pieces
            are not sent, as far as anybody knows. After RETRY and UNKNOWN the same message goes on with these.
        """
        digest = _digest(message)
        self._left.pop(digest, None)
        first: Receipt | None = None
        for number, piece in enumerate(rest):
            receipt = await one(piece)
            if receipt.outcome is not Outcome.SENT:
                left = len(rest) - number
                if receipt.outcome in (Outcome.RETRY, Outcome.UNKNOWN):
                    self._remember(digest, left)
                if number:
                    log.warning(
                        "send.cut_short", channel=message.channel, feature=message.feature, reason=receipt.reason
                    )
                return receipt, left
            first = first or receipt
        assert first is not None
        return first, 0

    def _remember(self, digest: str, left: int) -> None:
        self._left[digest] = left, self._clock.now()
        while len(self._left) > _MOST:
            self._left.popitem(last=False)


def _digest(message: Outgoing) -> str:
    # The picture is only drawn, or not, on the way here.
    return hashlib.sha256(replace(message, picture="").dump().encode()).hexdigest()[:32]
