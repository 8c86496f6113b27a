"""Counting what goes to whom, because WeCom drops silently what is too much."""

from __future__ import annotations

from datetime import datetime

from bot.channels.wecom import CHANNEL
from storage import send_counts
from storage.engine import Database
from storage.send_counts import Limits


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
