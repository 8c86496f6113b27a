"""Who may open what: every route declares a policy; one that does not fails a test.

A policy is a dependency of its route. It finds the visitor, checks the role, the group that the path names, and on
everything that changes something the origin and the form's token. A page that shows personal data says so by ``reads``: who
looked is written into the audit trail before anything is shown, and what cannot be written is not shown.

Source: DESIGN §7, FAULTS E1, E4, E11.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from console import sessions
from console.auth import Area, Role, Signer, Visitor
from console.patience import allow_files
from console.scope import group_of
from storage import audit
from storage.engine import Session
from storage.groups import Group

SAFE_METHODS = {"GET", "HEAD"}
STAFF = frozenset({Role.STAFF, Role.ADMIN})
ADMIN = frozenset({Role.ADMIN})
LEADERS = STAFF | {Role.LEADER}
MANAGERS = frozenset({Role.MANAGER, Role.ADMIN})
RESIDENT = frozenset({Role.RESIDENT})
ANYBODY_SIGNED_IN = LEADERS | MANAGERS
"""Everybody who has a session of the console."""
CONSOLE = LEADERS
MOST_FORM = 1 << 20
"""Bytes of a form without files; the longest that a page sends is a fifth of it."""
MOST_FIELDS = 64
GROUP = "{group_id"
"""Stands in the path of a page about one group."""


class SignInNeeded(Exception):
    """Nobody is signed in for this area; carries where to go back to."""

    def __init__(self, area: Area) -> None:
        """Name the area."""
        super().__init__(area.value)
        self.area = area


class NotAllowed(Exception):
    """Somebody is signed in, but this is not theirs (``role``); or a form came from elsewhere (``origin``, ``token``)."""

    def __init__(self, why: str) -> None:
        """Say which."""
        super().__init__(why)
        self.why = why


class SecondStepNeeded(Exception):
    """Signed in by a password alone, as somebody who needs a second step before anything opens."""


class NotThere(Exception):
    """There is no such group or page for this visitor; whether there is one for others is nobody's business."""


class NotWritten(Exception):
    """The audit trail could not be written, so nothing is shown."""


class Allow:
    """A route's policy.

    Attributes:
        area: whose session counts; None = open to everybody.
        roles: any of these is needed.
        demo_only: exists in local mode only.
        unfinished: also opens for who has still to set the second step up.
        reads: the act that the audit trail notes before the page is shown, e.g. ``ledger.viewed``; empty = nothing personal.
        names_group: the group that is looked at stands in the form and not in the path; the page itself refuses one that is
            not the visitor's.
        files: how many files a form may carry; read only once the visitor is known.
        most_bytes: of such a form's whole body.
    """

    def __init__(
        self,
        area: Area | None = None,
        roles: Iterable[Role] = (),
        *,
        demo_only: bool = False,
        unfinished: bool = False,
        reads: str = "",
        names_group: bool = False,
        files: int = 0,
        most_bytes: int = 0,
    ) -> None:
        """Declare; without an area the page is public."""
        self.area = area
        self.roles = frozenset(roles)
        self.demo_only = demo_only
        self.unfinished = unfinished
        self.reads = reads
        self.names_group = names_group
        self.files = files
        self.most_bytes = most_bytes
        if area is None and files:
            raise ValueError("not everybody may send files")
        if area is not None and not self.roles:
            raise ValueError("an area without roles lets nobody in")
        if area is None and reads:
            raise ValueError("personal data is not public")

    async def __call__(self, request: Request) -> None:
        """Let the request through, with ``request.state.visitor`` set, or raise.

        Where the path names a group, ``request.state.group`` is its row.

        Raises:
            SignInNeeded: nobody is signed in.
            NotAllowed: the role, the origin or the token is wrong.
            SecondStepNeeded: staff or an administrator without a second step, and this is not where one is set up.
            NotThere: the group is not in the visitor's scope, or the page does not exist in this mode.
            NotWritten: the audit trail could not be written.
        """
        signer: Signer = request.app.state.signer
        if self.demo_only and not request.app.state.console.demo:
            raise NotThere
        if request.method not in SAFE_METHODS and not self.files:
            # Before a byte is read: anybody may send something here.
            _check_length(request, MOST_FORM)
            await _check_form(request, signer)
        request.state.visitor = None
        if self.area is None:
            return
        visitor = await visitor_of(request, self.area)
        if visitor is None:
            raise SignInNeeded(self.area)
        if visitor.role not in self.roles:
            raise NotAllowed("role")
        local = request.app.state.console.demo
        if visitor.role in STAFF and not (visitor.strong or local or self.unfinished):
            raise SecondStepNeeded
        if self.files and request.method not in SAFE_METHODS:
            _check_length(request, self.most_bytes)
            allow_files(request)
            await _check_form(request, signer, self.files)
        request.state.visitor = visitor
        request.state.group = None
        if "group_id" in request.path_params:
            request.state.group = await _group(request, visitor)
        elif self.names_group:
            given = field(await request.form(), "group")
            request.state.group = await _found(request, visitor, given) if given else None
        if self.reads:
            await _note(request, visitor, self.reads)


async def _group(request: Request, visitor: Visitor) -> Group:
    found = await _found(request, visitor, str(request.path_params["group_id"]))
    if found is None:
        raise NotThere
    return found


async def _found(request: Request, visitor: Visitor, given: str) -> Group | None:
    # Longer than any id there is; the database would refuse it.
    if not (given.isascii() and given.isdecimal() and len(given) < 16):
        return None
    found: Group | None = await request.app.state.console.database.read(
        lambda session: group_of(session, visitor, int(given))
    )
    return found


async def _note(request: Request, visitor: Visitor, action: str) -> None:
    """Write who looks at what kind of page; never what was asked for, which may be a name."""
    console = request.app.state.console
    group: Group | None = request.state.group
    now = console.clock.now()
    page = str(getattr(request.scope.get("route"), "path", ""))[:80]

    def write(session: Session) -> None:
        audit.record(
            session,
            at=now,
            actor_id=visitor.person_id,
            group_id=None if group is None else group.id,
            action=action,
            role=visitor.role.value,
            page=page,
        )

    try:
        await console.database.write(write)
    except (SQLAlchemyError, console.database.write_engine.dialect.loaded_dbapi.Error, OSError) as error:
        raise NotWritten from error


async def visitor_of(request: Request, area: Area) -> Visitor | None:
    """Return who is signed in for an area: looked up in the rows, once a request."""
    known: dict[Area, Visitor | None] = request.scope.setdefault("tuantuan.visitors", {})
    if area not in known:
        known[area] = await _visitor(request, area)
    return known[area]


async def look_again(request: Request, area: Area) -> None:
    """Find out once more who is signed in: what he did may have made two persons one (ADR-0020).

    Whose session has ended by it still reads what came of it.
    """
    request.scope["tuantuan.visitors"].pop(area, None)
    if (found := await visitor_of(request, area)) is not None:
        request.state.visitor = found


async def _visitor(request: Request, area: Area) -> Visitor | None:
    console = request.app.state.console
    token = sessions.token_in(request, area)
    if not token:
        return None
    now = console.clock.now()
    found: sessions.Found | None = await console.database.read(lambda s: sessions.look_up(s, area, token, now))
    if found is None or (found.visitor.demo and not console.demo):
        return None
    if now - found.seen_at >= sessions.TOUCH:
        await console.database.write(lambda s: sessions.touch(s, found.visitor.session, area, now))
    return found.visitor


def _check_length(request: Request, most: int) -> None:
    """Refuse a body that is too large, or that does not say how large it is, before any of it is read."""
    given = request.headers.get("content-length", "")
    if not (given.isascii() and given.isdecimal() and len(given) < 16):
        raise HTTPException(411)
    if int(given) > most:
        raise HTTPException(413)


async def _check_form(request: Request, signer: Signer, files: int = 0) -> None:
    if not _own_site(request):
        raise NotAllowed("origin")
    given = request.headers.get("x-csrf-token", "")
    # A form with files whose token stands in the header is read by its page; any other is read here, within these bounds.
    form = None if given and files else await request.form(max_files=files, max_fields=MOST_FIELDS)
    if form is not None and not given:
        given = field(form, "csrf")
    if not signer.is_token(str(request.state.visit), given):
        if form is not None:
            await form.close()
        raise NotAllowed("token")


def _own_site(request: Request) -> bool:
    """Say whether a form comes from this site, as far as the browser says; the token is asked in any case."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    if origin is None:
        return True
    own = {request.headers.get("host", ""), urlsplit(request.app.state.console.public_url).netloc} - {""}
    try:
        return urlsplit(origin).netloc in own
    except ValueError:
        # Half an address in brackets.
        return False


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


def policy_of(route: APIRoute) -> Allow | None:
    """Return what a route declares."""
    return next((one.call for one in route.dependant.dependencies if isinstance(one.call, Allow)), None)


def undeclared(app: FastAPI) -> list[str]:
    """Return the paths of routes without a policy, or about a group but open to all: there must be none.

    Static files need none.
    """
    found = []
    for route in routes_of(app.routes):
        if isinstance(route, APIRoute):
            declared = policy_of(route)
            if declared is None or (GROUP in route.path and declared.area is None):
                found.append(route.path)
        elif not (isinstance(route, Mount) and isinstance(route.app, StaticFiles)):
            found.append(getattr(route, "path", repr(route)))
    return found
