"""Counting what goes to whom, because WeCom drops silently what is too much; and texts within a number of bytes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from bot.channels.wecom import CHANNEL
from storage import send_counts
from storage.engine import Database
from storage.send_counts import Limits

_TAG = re.compile(r"<(?=[/@!a-zA-Z])")


class Counts:
    """Counts what goes to whom, with all other processes of the installation."""

    def __init__(self, database: Database, account: str, limits: Limits) -> None:
        """Take the rows, the company, and what is allowed."""
        self._database = database
        self._account = account
        self._limits = limits

    async def wait(self, name: str, now: datetime, count: int = 1) -> float:
        """Count ``count`` messages, or none of them and return the seconds to wait; see :func:`storage.send_counts.take`."""
        return await self._database.write(
            lambda session: send_counts.take(
                session,
                channel=CHANNEL,
                account=self._account,
                name=name,
                limits=self._limits,
                now=now,
                count=count,
            )
        )


def harmless(text: str) -> str:
    """Keep somebody's words from becoming a link or a mention: WeCom reads ``<a href>`` and ``<@id>`` in texts."""
    return _TAG.sub("＜", text)


def within(parts: Sequence[str], limit: int) -> list[str]:
    """Cut texts into pieces of at most ``limit`` UTF-8 bytes, at line ends where there are some."""
    found: list[str] = []
    for part in parts:
        piece = ""
        for line in part.splitlines(keepends=True):
            if len((piece + line).encode()) <= limit:
                piece += line
                continue
            if piece.strip():
                found.append(piece.rstrip("\n"))
            piece = line
            while len(piece.encode()) > limit:
                head = piece.encode()[:limit].decode("utf-8", "ignore")
                found.append(head)
                piece = piece[len(head) :]
        if piece.strip():
            found.append(piece.rstrip("\n"))
    return found
