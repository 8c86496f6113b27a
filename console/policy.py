"""Who may open what: every route declares a policy; one that does not fails a test.

A policy is a dependency of its route. It finds the visitor, checks the role, and on everything that changes something the
origin and the form's token.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.datastructures import FormData, UploadFile
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from console.auth import Area, Role, Signer, Visitor

SAFE_METHODS = {"GET", "HEAD"}
STAFF = frozenset({Role.STAFF, Role.ADMIN})
CONSOLE = STAFF | {Role.LEADER}
RESIDENT = frozenset({Role.RESIDENT})


class SignInNeeded(Exception):
    """Nobody is signed in for this area; carries where to go back to."""

    def __init__(self, area: Area) -> None:
        """Name the area."""
        super().__init__(area.value)
        self.area = area


class NotAllowed(Exception):
    """Somebody is signed in, but this is not theirs; or a form came from elsewhere."""


class Allow:
    """A route's policy.

    Attributes:
        area: whose session counts; None = open to everybody.
        roles: any of these is needed.
        demo_only: exists in local mode only.
    """

    def __init__(self, area: Area | None = None, roles: Iterable[Role] = (), *, demo_only: bool = False) -> None:
        """Declare; without an area the page is public."""
        self.area = area
        self.roles = frozenset(roles)
        self.demo_only = demo_only
        if area is not None and not self.roles:
            raise ValueError("an area without roles lets nobody in")

    async def __call__(self, request: Request) -> None:
        """Let the request through, with ``request.state.visitor`` set, or raise.

        Raises:
            SignInNeeded: nobody is signed in.
            NotAllowed: the role, the origin or the token is wrong, or the page does not exist in this mode.
        """
        signer: Signer = request.app.state.signer
        if self.demo_only and not request.app.state.console.demo:
            raise NotAllowed("demo")
        if request.method not in SAFE_METHODS:
            await _check_form(request, signer)
        request.state.visitor = None
        if self.area is None:
            return
        visitor = visitor_of(request, self.area)
        if visitor is None or (visitor.demo and not request.app.state.console.demo):
            raise SignInNeeded(self.area)
        if visitor.role not in self.roles:
            raise NotAllowed("role")
        request.state.visitor = visitor


def visitor_of(request: Request, area: Area) -> Visitor | None:
    """Return who is signed in for an area."""
    signer: Signer = request.app.state.signer
    return signer.open(area, request.cookies.get(area.cookie, ""), str(request.state.visit))


async def _check_form(request: Request, signer: Signer) -> None:
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host", ""):
        raise NotAllowed("origin")
    given = request.headers.get("x-csrf-token", "")
    if not given:
        given = field(await request.form(max_files=0, max_fields=20), "csrf")
    if not signer.is_token(str(request.state.visit), given):
        raise NotAllowed("token")


def field(form: FormData, name: str) -> str:
    """Return a field's words; empty when it is absent or a file."""
    value = form.get(name, "")
    return "" if isinstance(value, UploadFile) else value


def routes_of(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """Yield every single route; the framework keeps included routers as wholes."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is None:
            yield route
        else:
            yield from routes_of(included.routes)


def undeclared(app: FastAPI) -> list[str]:
    """Return the paths of routes without a policy: there must be none. Static files need none."""
    found = []
    for route in routes_of(app.routes):
        if isinstance(route, APIRoute):
            if not any(isinstance(one.call, Allow) for one in route.dependant.dependencies):
                found.append(route.path)
        elif not (isinstance(route, Mount) and isinstance(route.app, StaticFiles)):
            found.append(getattr(route, "path", repr(route)))
    return found
