"""Words of an answer that a model is still writing, shown in private where the channel can take them back.

A convenience and no message: it is never stored, never counted, and nothing depends on whether it arrived.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from engagement.kernel import Incoming, Place

MOST_SECONDS = 1.0
"""What showing may cost an answer; who is slower once is not asked again for it."""


class Drafts(Protocol):
    """A channel that can show what is being written."""

    async def draft(self, conversation: str, number: int, text: str, reply_to: str) -> None:
        """Show a text in place of the one shown before under this number (not 0). Never raises for the platform's no.

        Args:
            reply_to: the channel's id of the message that will be answered.
        """
        ...


def shown_by(drafts: Drafts | None, incoming: Incoming, number: int) -> Callable[[str], Awaitable[None]] | None:
    """What shows an answer to an event; None in a group, where half an answer would disturb everybody."""
    if drafts is None or incoming.place is not Place.DM:
        return None
    slow = False

    async def show(text: str) -> None:
        nonlocal slow
        if slow:
            return
        try:
            async with asyncio.timeout(MOST_SECONDS):
                await drafts.draft(incoming.conversation, number, text, incoming.message_id)
        except TimeoutError:
            slow = True

    return show
