"""Platforms that say who has opened a page inside their own browser: leaving for one, and what it is asked.

Source: ADR-0018; FAULTS E3, E4.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from fastapi import Request

from engagement.errors import Refusal

BACK = "/door/wechat"
"""Where the platform sends a browser back to."""


class Outside(Protocol):
    """Such a platform; the channel of WeChat is one.

    Attributes:
        channel: whose identities it vouches for.
        name: of the account that people look for there; empty = nobody has said.
    """

    channel: str
    name: str

    def is_inside(self, agent: str) -> bool:
        """Say whether a browser is the platform's own."""
        ...

    def start(self, back: str, target: str, browser: str, now: datetime) -> str:
        """Return the platform's address to send a browser to.

        Raises:
            Refusal: the target is none of the residents' pages.
        """
        ...

    def check(self, state: str, target: str, browser: str, now: datetime) -> datetime:
        """Return when a state ends that this browser was given for this target.

        Raises:
            Refusal: it is none.
        """
        ...

    async def who(self, code: str) -> str:
        """Return the channel's id of the person for whom a code was made.

        Raises:
            Refusal: the platform vouches for nobody, or could not be asked.
        """
        ...


def way_out(request: Request, target: str) -> str:
    """Return where a browser that wants one of the residents' pages goes to be vouched for; empty = it stays here."""
    console = request.app.state.console
    outside: Outside | None = console.outside
    inside = outside is not None and outside.is_inside(request.headers.get("user-agent", ""))
    if outside is None or not inside or not console.public_url or request.method != "GET":
        return ""
    try:
        return outside.start(f"{console.public_url}{BACK}", target, str(request.state.browser), console.clock.now())
    except Refusal:
        return ""
