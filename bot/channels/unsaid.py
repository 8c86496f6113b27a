"""Which pieces of a long message are still to be said: what stands in the chat is not said again, and nothing is left out.

A platform takes the first pieces of a message and then wants us to wait, or cannot be reached. The next try goes on from there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import structlog

from bot.channels.begun import Begun, digest
from engagement.clocks import Clock
from engagement.kernel import Outcome, Outgoing, Receipt

log = structlog.get_logger("bot.channels.unsaid")
Piece = TypeVar("Piece")


class Unsaid:
    """Remembers of messages that have to wait how many of their last pieces are to come; those of one sender."""

    def __init__(self, clock: Clock) -> None:
        """Begin with none."""
        # Counted from the end: a picture may stand before the words at one try, and not at the other.
        self._left = Begun(lambda: clock.now().timestamp())

    def rest(self, message: Outgoing, pieces: Sequence[Piece]) -> Sequence[Piece]:
        """Return which of a message's pieces are to be said now: all of it, or what an earlier try has left."""
        return pieces[-self._left.look(digest(message)) :]

    async def say(
        self, message: Outgoing, rest: Sequence[Piece], one: Callable[[Piece], Awaitable[Receipt]]
    ) -> tuple[Receipt, int]:
        """Say what is to be said, in order, until a piece is not sent.

        Args:
            rest: at least one piece; see :meth:`rest`.
            one: says a piece.

        Returns:
            What became of the whole: the first piece's receipt, or that of the piece at which it ended; and how many pieces
            are not sent, as far as anybody knows. After RETRY and UNKNOWN the same message goes on with these; after UNKNOWN
            only one that stands in a row, for with another one nobody tries again: the same words are a new message.
        """
        name = digest(message)
        begun = self._left.pop(name)[0] > 0
        first: Receipt | None = None
        for number, piece in enumerate(rest):
            receipt = await one(piece)
            if receipt.outcome is not Outcome.SENT:
                left = len(rest) - number
                again = receipt.outcome is Outcome.RETRY or (receipt.outcome is Outcome.UNKNOWN and message.row)
                begun = begun or number > 0
                if again and begun:
                    self._left.keep(name, left, wait=receipt.retry_after)
                if number:
                    log.warning(
                        "send.cut_short", channel=message.channel, feature=message.feature, reason=receipt.reason
                    )
                return replace(receipt, begun=begun), left
            first = first or receipt
        assert first is not None
        return first, 0
