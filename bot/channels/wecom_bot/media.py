"""Pictures and files that go out: laid down with the platform over the same connection, in pieces, then named in a message.

Source: WeCom AI bot documents (upload: init, pieces of at most 512 KB, at most 100 of them, finish; a picture of at most 10 MB,
a file of at most 20 MB; good for three days).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.channels.wecom_bot import frames

if TYPE_CHECKING:
    from bot.channels.wecom_bot.connection import Connection
    from engagement.kernel import Outgoing

PIECE = 128 * 1024
"""Bytes of a piece: with a third more for its spelling it stays a modest frame. Larger where there would be too many."""
MOST_PIECES = 100
MOST_BYTES = {"image": 10 * 1024 * 1024, "file": 20 * 1024 * 1024}
KEPT_SECONDS = 2 * 86_400.0
"""A picture that goes to many groups is laid down once; the platform keeps it for three days."""
_MOST_KEPT = 512


class Refused(Exception):
    """The platform does not take it.

    Attributes:
        code: what it said; 0 = an answer that says nothing.
    """

    def __init__(self, code: int) -> None:
        """Keep what it said."""
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Attachment:
    """What goes with a message.

    Attributes:
        kind: ``image`` or ``file``.
        path: of a picture; ``content`` is empty then.
    """

    kind: str
    name: str
    content: bytes = b""
    path: Path | None = None


def attached(message: Outgoing, pictures: Path | None) -> Attachment | None:
    """Return what goes with a message; a card that was not drawn lets the words go out alone."""
    if message.document is not None:
        name = Path(message.document.name).name or "file.txt"
        return Attachment("file", name, message.document.text.encode("utf-8", "replace"))
    if not message.picture or pictures is None or Path(message.picture).name != message.picture:
        return None
    path = pictures / message.picture
    return Attachment("image", message.picture, path=path) if path.is_file() else None


class Uploads:
    """Lays files down; each picture once in its life time."""

    def __init__(self, connection: Connection, timer: Callable[[], float] = time.monotonic) -> None:
        """Begin with none."""
        self._connection = connection
        self._timer = timer
        self._kept: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._one = asyncio.Lock()

    async def body(self, attachment: Attachment) -> dict[str, Any]:
        """Return the message that shows it.

        Raises:
            Refused: the platform does not take it, or it is too large, empty or gone.
            NotSent, CutOff: the connection; it may be tried again, for nobody has seen anything yet.
        """
        number = await (self._picture(attachment) if attachment.path is not None else self._lay(attachment))
        return {"msgtype": attachment.kind, attachment.kind: {"media_id": number}}

    async def _picture(self, attachment: Attachment) -> str:
        async with self._one:
            kept = self._kept.get(attachment.name)
            if kept is not None and self._timer() - kept[1] < KEPT_SECONDS:
                return kept[0]
            number = await self._lay(attachment)
            self._kept[attachment.name] = number, self._timer()
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
            return number

    async def _lay(self, attachment: Attachment) -> str:
        content = attachment.content
        if attachment.path is not None:
            try:
                content = await asyncio.to_thread(attachment.path.read_bytes)
            except OSError:
                raise Refused(0) from None
        if not 0 < len(content) <= MOST_BYTES[attachment.kind]:
            raise Refused(0)
        size = max(PIECE, -(-len(content) // MOST_PIECES))
        pieces = [content[start : start + size] for start in range(0, len(content), size)]
        upload = await self._ask(
            frames.UPLOAD,
            {
                "type": attachment.kind,
                "filename": attachment.name,
                "total_size": len(content),
                "total_chunks": len(pieces),
                "md5": hashlib.md5(content, usedforsecurity=False).hexdigest(),
            },
        )
        number = _word(upload, "upload_id")
        for index, piece in enumerate(pieces):
            data = base64.b64encode(piece).decode()
            await self._ask(frames.UPLOAD_PIECE, {"upload_id": number, "chunk_index": index, "base64_data": data})
        return _word(await self._ask(frames.UPLOAD_END, {"upload_id": number}), "media_id")

    async def _ask(self, cmd: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = await self._connection.ask(cmd, body)
        if answer.code:
            raise Refused(answer.code)
        return answer.body


def _word(body: Mapping[str, Any], name: str) -> str:
    found = body.get(name)
    if type(found) is not str or not 0 < len(found) <= 512:
        raise Refused(0)
    return found
