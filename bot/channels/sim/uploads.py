"""Files that people of the simulator send: kept in memory for as long as somebody may fetch them."""

from __future__ import annotations

from collections import OrderedDict

from engagement.errors import TooLarge, Unfetchable

KEPT = 8
LARGEST = 20 * 1024 * 1024
"""Bytes of one file, what the largest channel hands out."""


class Uploads:
    """The last few files, by the id of the line that brought them; gone after a restart, as on a platform after a while."""

    def __init__(self) -> None:
        """Start empty."""
        self._files: OrderedDict[str, bytes] = OrderedDict()

    def put(self, line: str, content: bytes) -> None:
        """Keep a file, and forget the oldest beyond ``KEPT``."""
        self._files[line] = content
        while len(self._files) > KEPT:
            self._files.popitem(last=False)

    async def fetch(self, media_id: str, most: int) -> bytes:
        """Hand a file out.

        Raises:
            TooLarge, Unfetchable: as every channel does.
        """
        found = self._files.get(media_id)
        if found is None:
            raise Unfetchable("forgotten")
        if len(found) > most:
            raise TooLarge
        return found
