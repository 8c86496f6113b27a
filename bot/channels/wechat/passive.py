"""Answers that go back in the callback's own response, when they are ready in time.

A callback opens a window; the sender, given the answer to that very message, puts it in and learns whether it went out. Once the
window is shut the sender goes its own way.

Source: WeChat Official Account documents (passive replies, five seconds, three tries).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from datetime import datetime, timedelta

KEPT = timedelta(seconds=30)
"""For so long a try that the platform repeats gets the same answer again."""
MOST_KEPT = 5000
_WRITTEN_SECONDS = 5.0

Key = tuple[str, str]
"""Person and message."""


class Window:
    """One callback that waits."""

    def __init__(self) -> None:
        """Open it."""
        loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[str | None] = loop.create_future()
        self.written: asyncio.Future[bool] = loop.create_future()

    async def wait(self, seconds: float) -> str | None:
        """Return the answer, or None when there is none in time; with less than 0 seconds it is too late for any."""
        if seconds < 0:
            return None
        await asyncio.wait({self.answer}, timeout=seconds)
        return self.answer.result() if self.answer.done() else None

    def done(self, *, written: bool) -> None:
        """Say whether the answer went out."""
        if not self.written.done():
            self.written.set_result(written)


class Windows:
    """The callbacks that wait just now, and what was answered a moment ago."""

    def __init__(self) -> None:
        """Begin with none."""
        self._open: dict[str, dict[str, Window]] = {}
        self._said: OrderedDict[Key, tuple[str, datetime]] = OrderedDict()

    def open(self, key: Key) -> Window | None:
        """Open a window; None when the same message waits already (the platform's next try)."""
        who, message = key
        waiting = self._open.setdefault(who, {})
        if message in waiting:
            return None
        window = waiting[message] = Window()
        return window

    def shut(self, key: Key, window: Window) -> None:
        """Shut a window; from now on its person is told by messages."""
        who, message = key
        waiting = self._open.get(who, {})
        if waiting.get(message) is window:
            del waiting[message]
            if not waiting:
                del self._open[who]

    def said(self, key: Key, now: datetime) -> str | None:
        """Return what was answered to a message a moment ago."""
        found = self._said.get(key)
        return found[0] if found is not None and now - found[1] <= KEPT else None

    def keep(self, key: Key, text: str, now: datetime) -> None:
        """Remember an answer for the platform's next try."""
        self._said[key] = (text, now)
        while self._said and (len(self._said) > MOST_KEPT or now - next(iter(self._said.values()))[1] > KEPT):
            self._said.popitem(last=False)

    async def put(self, key: Key, text: str) -> bool:
        """Answer through an open window; False when there is none, it is taken, or the response broke off."""
        window = self._free(key)
        if window is None:
            return False
        window.answer.set_result(text)
        await asyncio.wait({window.written}, timeout=_WRITTEN_SECONDS)
        return window.written.done() and window.written.result()

    def give_up(self, key: Key) -> None:
        """Let a window go: what is to be said does not fit into a response."""
        window = self._free(key)
        if window is not None:
            window.answer.set_result(None)

    def _free(self, key: Key) -> Window | None:
        """Return the window of the message itself, else the person's oldest: a private chat is one place."""
        who, message = key
        waiting = self._open.get(who, {})
        window = waiting.get(message)
        if window is not None:
            return None if window.answer.done() else window
        return next((one for one in waiting.values() if not one.answer.done()), None)
