"""Platforms that say who has opened a page inside their own browser: leaving for one, and what it is asked.

Source: ADR-0018; FAULTS E3, E4.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

from fastapi import Request
from fastapi.responses import Response

from console import sessions
from console.auth import GUEST_COOKIE, cookie_name
from engagement.entry.joining import Account, Neighbour
from engagement.errors import Refusal

BACK = "/door/wechat"
"""Where the platform sends a browser back to."""
DOOR = "/h5/in/"
"""Below it stand the keys of groups: the way in for who is no member yet."""
GUEST = timedelta(minutes=30)
"""For so long somebody for whom the platform vouched may look at what he is asked, before he is asked to come again."""

Neighbours = Callable[[str, str], Awaitable[Neighbour | None]]
"""(group's chat, union id) → who that is in the chat, as the group's own platform says now; None when it knows nobody.

A refusal (``entry.join_silent``) where it does not answer: nobody is let in on his word then."""


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

    async def who(self, code: str) -> Account:
        """Return the account of the person for whom a code was made.

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


def keep_guest(response: Response, request: Request, account: Account) -> None:
    """Let a browser remember for whom the platform vouched, until he has said whether he comes in; no row is made of him."""
    console = request.app.state.console
    ends = int((console.clock.now() + GUEST).timestamp())
    words = f"{account.channel}.{account.external_id}.{account.union_id}.{ends}"
    sessions.keep_guest(response, request, f"{words}.{_mark(request, words)}", int(GUEST.total_seconds()))


def guest_in(request: Request) -> Account | None:
    """Return for whom the platform vouched in this browser a moment ago; None for nobody."""
    console = request.app.state.console
    given = request.cookies.get(cookie_name(GUEST_COOKIE, https=console.https), "")
    words, _, mark = given.rpartition(".")
    if not hmac.compare_digest(mark.encode("utf-8", "replace"), _mark(request, words).encode()):
        return None
    channel, external_id, union_id, ends = words.split(".")
    return Account(channel, external_id, union_id) if console.clock.now().timestamp() < int(ends) else None


def _mark(request: Request, words: str) -> str:
    mark: str = request.app.state.signer.mac("guest", f"{request.state.browser}\0{words}")
    return mark
