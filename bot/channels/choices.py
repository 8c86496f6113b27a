"""Numbered choices instead of buttons: what a number means that somebody types back.

They stand in the database, where there is one: a restart, or another process that the number reaches, knows them too.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from storage.engine import Database

LASTS = timedelta(hours=48)
"""As long as somebody may be written to at most; the rows are forgotten after as long (bot.main)."""
Offer = tuple[tuple[str, ...], datetime]


class Choices(Protocol):
    """The last choices that each person was offered."""

    async def offer(self, who: str, keys: Sequence[str], now: datetime) -> None:
        """Remember the keys of the choices under a message, the first is number 1; a message without any ends the last ones."""
        ...

    async def offered(self, who: str) -> Offer | None:
        """Return the last ones, and since when."""
        ...


class InMemory:
    """For a channel without a database."""

    def __init__(self) -> None:
        """Begin with none."""
        self._offers: dict[str, Offer] = {}

    async def offer(self, who: str, keys: Sequence[str], now: datetime) -> None:
        """See :class:`Choices`."""
        self._offers[who] = (tuple(keys), now)

    async def offered(self, who: str) -> Offer | None:
        """See :class:`Choices`."""
        return self._offers.get(who)


class Kept:
    """In rows. Most messages offer nothing: who has no row needs no write.

    That is looked up and not remembered: another process may have offered something since.
    """

    def __init__(self, database: Database, channel: str) -> None:
        """Take the database, and the name of the channel."""
        self._database = database
        self._channel = channel

    async def offer(self, who: str, keys: Sequence[str], now: datetime) -> None:
        """See :class:`Choices`."""
        from storage import offers

        if not keys and await self.offered(who) is None:
            return
        await self._database.write(lambda session: offers.put(session, self._channel, who, tuple(keys), now))

    async def offered(self, who: str) -> Offer | None:
        """See :class:`Choices`."""
        from storage import offers

        return await self._database.read(lambda session: offers.get(session, self._channel, who))


async def withdraw(choices: Choices, who: str, keys: Sequence[str], now: datetime) -> None:
    """Forget choices that were never shown after all; later ones stay."""
    if not keys:
        return
    last = await choices.offered(who)
    if last is not None and last[0] == tuple(keys):
        await choices.offer(who, (), now)


async def meant(choices: Choices, who: str, text: str, now: datetime) -> str:
    """Return the key that a typed number means; empty when it means none."""
    typed = text.strip().rstrip(".\u3001\u3002")
    if not typed.isdecimal() or len(typed) > 2:
        return ""
    keys, offered_at = await choices.offered(who) or ((), now)
    number = int(typed)
    return keys[number - 1] if 0 < number <= len(keys) and now - offered_at <= LASTS else ""
