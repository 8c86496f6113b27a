"""Which document each signature came with: another one under it is a forger's.

In the safe mode the signature covers the document, so a repetition says the same, and the inbox has it already: memory is enough
there, and none would be. In the plain mode it covers neither words nor speaker, so it stands in rows, for all processes.

Source: FAULTS A3; WeChat Official Account documents (message encryption).
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from storage.engine import Database

MOST_KNOWN = 200_000


class Nonces(Protocol):
    """The signatures that were used."""

    async def take(self, nonce: str, digest: str, now: datetime) -> bool:
        """Note that a signature came with a document; False when it came with another one before."""
        ...


class InMemory:
    """For the safe mode, or without a database."""

    def __init__(self, window: float) -> None:
        """Take the seconds by which a callback may be old."""
        self._window = window
        self._known: OrderedDict[str, tuple[float, str]] = OrderedDict()

    async def take(self, nonce: str, digest: str, now: datetime) -> bool:
        """See :class:`Nonces`."""
        known = self._known.get(nonce)
        if known is not None and known[1] != digest:
            return False
        moment = now.timestamp()
        self._known[nonce] = (moment, digest)
        while len(self._known) > MOST_KNOWN or next(iter(self._known.values()))[0] < moment - 2 * self._window:
            self._known.popitem(last=False)
        return True


class Kept:
    """In rows; what could not be written down is not taken, and the platform comes again."""

    def __init__(self, database: Database, account: str) -> None:
        """Take the database and the AppID."""
        self._database = database
        self._account = account

    async def take(self, nonce: str, digest: str, now: datetime) -> bool:
        """See :class:`Nonces`."""
        from storage import nonces

        return await self._database.write(lambda session: nonces.take(session, self._account, nonce, digest, now))
