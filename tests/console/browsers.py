"""A browser without eyes that asks the application in its own thread: what is asked is answered before the next line runs.

Starlette's own starts a thread and an event loop for every request and hands each part of the answer over between the two, which
takes longer than most pages do. It stays what it is where work goes on between requests (`tests/console/keeping.py`).
"""

from __future__ import annotations

import asyncio
from typing import Any, Self

import httpx2
from starlette.testclient import TestClient


class Browser(TestClient):
    """The same to whoever uses it; `with` only closes it, as pages have nothing to start or to stop."""

    def __init__(
        self,
        app: Any,
        base_url: str = "http://testserver",
        *,
        follow_redirects: bool = True,
        raise_server_exceptions: bool = True,
    ) -> None:
        super().__init__(
            app, base_url, follow_redirects=follow_redirects, raise_server_exceptions=raise_server_exceptions
        )
        self._transport = _Direct(app, raises=raise_server_exceptions)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Direct(httpx2.BaseTransport):
    def __init__(self, app: Any, *, raises: bool) -> None:
        self._asgi = httpx2.ASGITransport(app, raise_app_exceptions=raises, client=("testclient", 50000))

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.read()  # also what comes in pieces is whole then
        with asyncio.Runner() as runner:
            return runner.run(self._answered(request))

    async def _answered(self, request: httpx2.Request) -> httpx2.Response:
        answer = await self._asgi.handle_async_request(request)
        body = b"".join([part async for part in answer.stream])  # type: ignore[union-attr]
        return httpx2.Response(answer.status_code, headers=answer.headers, stream=httpx2.ByteStream(body))
