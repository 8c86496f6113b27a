"""One small change for each of many callers, a function of the writer for all of one turn of the event loop.

A function of the writer costs a savepoint, a place in the queue and a future: for a single statement more than the
statement. Receiving a message and recording that an answer was sent are such statements, and every message has both.

Source: ADR 0001; F128.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from storage.engine import Session

T = TypeVar("T")
Item = TypeVar("Item")
MOST = 64
"""Callers that share one function: it must not hold the writer long."""


class Gathering(Generic[Item, T]):
    """Gathers the callers of one kind of change."""

    def __init__(self, write: Callable[[Callable[[Session], Any]], Awaitable[Any]], work: Callable[[Session, Item], T]):
        """Start empty.

        Args:
            write: :meth:`storage.engine.Database.write`.
            work: the change for one caller.
        """
        self._write = write
        self._work = work
        self._waiting: list[tuple[Item, asyncio.Future[T]]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def add(self, item: Item) -> T:
        """Make the change; returns when it is durable.

        With one writer (SQLite) the changes are made in the order of the calls.

        Raises:
            What the change raises for this caller; the others are not concerned.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._begin)
        self._waiting.append((item, future))
        return await future

    def _begin(self) -> None:
        gathered, self._waiting = self._waiting, []
        for start in range(0, len(gathered), MOST):
            task = asyncio.create_task(self._together(gathered[start : start + MOST]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _together(self, gathered: Sequence[tuple[Item, asyncio.Future[T]]]) -> None:
        def together(session: Session) -> list[T]:
            return [self._work(session, item) for item, _ in gathered]

        try:
            results = await self._write(together)
        except BaseException as error:  # noqa: BLE001 - handed to every caller
            if len(gathered) > 1 and isinstance(error, Exception):
                # One of them spoils it for the others: each for itself.
                for one in gathered:
                    await self._together([one])
                return
            for _, future in gathered:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), result in zip(gathered, results, strict=True):
            if not future.done():
                future.set_result(result)
