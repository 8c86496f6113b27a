"""The web application of staff, leaders and residents: made by a factory, without a global.

Source: DESIGN §7 (front end), CONTRACT (serve).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response

from console import failing, sessions
from console.auth import LARGE_COOKIE, Signer, new_visit
from console.compressed import Compressed
from console.pages import (
    accounts,
    act,
    activities,
    audit,
    bench,
    door,
    enter,
    facts,
    gaps,
    golden,
    groups,
    h5,
    h5_ask,
    h5_family,
    h5_mine,
    h5_month,
    h5_open,
    h5_points,
    home,
    join,
    knowledge,
    knowledge_do,
    knowledge_document,
    knowledge_new,
    ledger,
    look,
    me,
    mine,
    planning,
    region,
    scopes,
    today,
)
from console.patience import Patience
from console.views import HERE, SIZES, Views, set_cookie
from console.works import works_of

if TYPE_CHECKING:
    from pathlib import Path

    from console.desk import Desk
    from console.outside import Neighbours, Outside
    from console.pushing import Pushing
    from engagement.clocks import Clock
    from engagement.kernel import Reply
    from knowledge.answering import Answering
    from storage.engine import Database

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_VISIT_SECONDS = 180 * 86400
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})
_SIZE_SECONDS = 365 * 86400


@dataclass(frozen=True, slots=True)
class Console:
    """What the pages stand on.

    Attributes:
        secret: signs sessions and forms; not empty.
        demo: local mode: one-click sign-in, and a line that says what is sample data.
        simulator: the simulator is served beside these pages.
        console: the channel ``web`` is on; without it only the landing page and the static files are served.
        https: cookies are for TLS only.
        public_url: address that people open; with it a request for another host is refused. Empty = unknown.
        wall: what a phone's clock shows, for codes of the second step; None: the same as ``clock``, which may be moved.
        door: where a private chat with the bot opens, as far as a channel has such an address; empty = none.
        outside: the platform that says who has opened a page inside its own browser; None: none does.
        neighbours: channel → who somebody in one of its groups is, as its platform says; only where the platform can tell.
        joined: tells the program that (person, group) came in by a page; None: nobody hears of it.
        tell: says something to a person in private, about a group or none; None: nobody is told.
        desk: runs what people do on a page; None: pages only show.
        works: where long work of the pages is kept; None: nothing of it can be begun.
        zone: whose days documents hold from and until.
        pushing: knows how pushes look and how they go; None: nothing is previewed or stopped here.
    """

    database: Database
    clock: Clock
    answering: Answering | None
    secret: str
    demo: bool = False
    simulator: bool = False
    console: bool = True
    https: bool = False
    desk: Desk | None = None
    pushing: Pushing | None = None
    works: Path | None = None
    zone: str = "Asia/Shanghai"
    public_url: str = ""
    wall: Clock | None = None
    door: Callable[[], str] = str
    outside: Outside | None = None
    neighbours: Mapping[str, Neighbours] = field(default_factory=dict)
    joined: Callable[[int, int], Awaitable[None]] | None = None
    tell: Callable[[int, int | None, Reply], Awaitable[None]] | None = None


def create_app(console: Console) -> FastAPI:
    """Make the application."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.console = console
    app.state.signer = Signer(console.secret)
    app.state.views = Views()
    app.state.works = works_of(console)
    app.include_router(home.router)
    app.include_router(look.router)
    if console.demo:
        # Elsewhere there is no such address at all.
        app.include_router(home.sample_doors)
    if console.console:
        for room in (accounts, act, audit, door, enter, me, mine, scopes, knowledge, planning):
            app.include_router(room.router)
        for room in (h5, h5_points, h5_month, h5_ask, h5_family, h5_mine, h5_open, join):
            app.include_router(room.router)
        for room in (today, groups, ledger, facts, activities, region):
            app.include_router(room.router)
        for room in (bench, gaps, golden, knowledge_do, knowledge_new, knowledge_document):
            app.include_router(room.router)
    app.mount("/static", Compressed(directory=HERE / "static"), name="static")
    failing.take_on(app, HEADERS)
    # Nearest to the pages: what a body that takes too long raises is answered like any other failing.
    app.add_middleware(Patience)
    app.middleware("http")(_frame)
    return app


async def _frame(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
    """Give every browser its random id and every answer its headers; a host that is not ours gets nothing."""
    if not _is_ours(request):
        return PlainTextResponse("unknown host\n", 400, headers=HEADERS)
    known = sessions.visit_in(request)
    visit = known or new_visit()
    request.state.browser = visit
    request.state.visit = sessions.form_material(request, visit)
    response = await go_on(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.url.path.startswith("/static/"):
        return response
    response.headers.setdefault("Cache-Control", "no-store")
    size = SIZES.get(request.query_params.get("size", ""))
    if size is not None and request.method == "GET":
        # Also on the way to the sign-in: who came by the link for large type keeps it.
        set_cookie(response, request, LARGE_COOKIE, size, _SIZE_SECONDS)
    fresh = getattr(request.state, "new_visit", "") or ("" if known else visit)
    if fresh:
        sessions.keep_visit(response, request, fresh, _VISIT_SECONDS)
    return response


def _is_ours(request: Request) -> bool:
    """Say whether a request names the host under which people know us, or this machine (a proxy's, a health check's)."""
    public = request.app.state.console.public_url
    if not public:
        return True
    given = request.headers.get("host", "").casefold()
    try:
        return given == urlsplit(public).netloc.casefold() or (urlsplit(f"//{given}").hostname or "") in _HERE
    except ValueError:
        # Half an address in brackets.
        return False
