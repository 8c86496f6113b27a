"""How long the body of a request may take to arrive: a form that trickles in a byte a minute would hold its place for ever.

Source: DESIGN §7.
"""

from __future__ import annotations

import asyncio

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FORM_SECONDS = 30.0
"""For what everybody may send."""
UPLOAD_SECONDS = 120.0
"""For files, which only known visitors send."""
_KEPT = "tuantuan.body"


class Body:
    """How long a request's body may take in all.

    Attributes:
        seconds: from the first look at the body.
    """

    def __init__(self, seconds: float) -> None:
        """Begin with what everybody has."""
        self.seconds = seconds


class Patience:
    """Ends a request whose body does not arrive in time with 408.

    Its connection is closed, since more of the body may be on its way.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Stand before an application."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, with a clock on its body."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = scope[_KEPT] = Body(FORM_SECONDS)
        loop = asyncio.get_running_loop()
        began: float | None = None
        whole = False

        async def bounded() -> Message:
            nonlocal began, whole
            if whole:
                # Whoever listens now waits for the browser to leave, which takes as long as it takes.
                return await receive()
            began = loop.time() if began is None else began
            try:
                async with asyncio.timeout_at(began + body.seconds):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, headers={"Connection": "close"}) from None
            whole = not message.get("more_body", False)
            return message

        await self.app(scope, bounded, send)


def allow_files(request: Request) -> None:
    """Give a request the time that files take."""
    request.scope[_KEPT].seconds = UPLOAD_SECONDS
