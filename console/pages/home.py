"""The landing page, signing in and out, and the large-text switch."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from console import demo, sessions, signing_in
from console.auth import LARGE_COOKIE, Area, Role
from console.outside import way_out
from console.policy import Allow, field, visitor_of
from console.signing_in import Tried
from console.views import Views, say, set_cookie
from engagement import calendar
from engagement.theme import service as theme

router = APIRouter()
sample_doors = APIRouter()
"""Of local mode only."""
_YEAR = 365 * 86400
ZONE = "Asia/Shanghai"
"""Of the public pages, which are no group's."""


def local_path(path: str, otherwise: str) -> str:
    """Return a path of this site; anything that a browser could take for another site becomes ``otherwise``."""
    fits = path.startswith("/") and not path.startswith(("//", "/\\")) and "\\" not in path
    return path if fits and path.isprintable() and ".." not in path and ":" not in path else otherwise


@router.get("/", dependencies=[Depends(Allow())])
async def landing(request: Request) -> Response:
    """Show the three doors."""
    views: Views = request.app.state.views
    return views.page(request, "landing.html")


@router.get("/login", dependencies=[Depends(Allow())])
async def login(request: Request, to: str = "console", back: str = "") -> Response:
    """Show how to come in. For residents that is a page for everybody: this month's theme, and how to get one's own link."""
    return await _login(request, "h5" if to == "h5" else "console", back)


async def _login(request: Request, area: str, back: str, status: int = 200, **said: Any) -> Response:
    views: Views = request.app.state.views
    console = request.app.state.console
    residents = []
    if console.demo:
        residents = await console.database.read(demo.residents)
    today = calendar.local_day(console.clock.now(), ZONE)
    back = local_path(back, f"/{area}")
    values = {
        "name": "",
        "error": "",
        **said,
        "inside": bool(way_out(request, back)),
        "area": area,
        "back": back,
        "residents": residents,
    }
    template = "login_h5.html" if area == "h5" else "login.html"
    return views.page(request, template, status, month=theme.month_of(today), today=today, **values)


@router.post("/login", dependencies=[Depends(Allow())])
async def sign_in(request: Request) -> Response:
    """Try a name and a password; who has a second step is asked for it."""
    form = await request.form()
    name, back = field(form, "name").strip()[:80], local_path(field(form, "back"), "/console")
    tried = await signing_in.by_password(request, name, field(form, "password"))
    if tried.minutes:
        return await _login(request, "console", back, 429, name=name, error=_wait(tried))
    roles: list[Role] = []
    if tried.person_id:
        roles = await request.app.state.console.database.read(lambda s: sessions.roles_of(s, tried.person_id))
    if not roles:
        wrong = say("doors.no_role") if tried.person_id else say("doors.wrong")
        return await _login(request, "console", back, 403 if tried.person_id else 401, name=name, error=wrong)
    response: Response = RedirectResponse(f"/login/code?back={quote(back)}" if tried.second else back, 303)
    area = Area.STEP if tried.second else Area.CONSOLE
    await signing_in.open_session(request, response, area, roles[0], tried.person_id)
    await signing_in.know(request, response, tried.person_id)
    return response


@router.get("/login/code", dependencies=[Depends(Allow())])
async def ask_code(request: Request, back: str = "") -> Response:
    """Ask for the second step."""
    return await _code(request, back)


async def _code(request: Request, back: str, status: int = 200, error: str = "") -> Response:
    views: Views = request.app.state.views
    if await visitor_of(request, Area.STEP) is None:
        return RedirectResponse("/login", 303)
    return views.page(request, "login_code.html", status, back=local_path(back, "/console"), error=error)


@router.post("/login/code", dependencies=[Depends(Allow())])
async def try_code(request: Request) -> Response:
    """Try the second step."""
    form = await request.form()
    back = local_path(field(form, "back"), "/console")
    visitor = await visitor_of(request, Area.STEP)
    if visitor is None:
        return RedirectResponse("/login", 303)
    tried = await signing_in.by_code(request, visitor.person_id, field(form, "code")[:40])
    if tried.minutes:
        return await _code(request, back, 429, _wait(tried))
    if not tried.person_id:
        return await _code(request, back, 401, say("doors.code_wrong"))
    response = RedirectResponse(back, 303)
    await signing_in.open_session(
        request, response, Area.CONSOLE, visitor.role, visitor.person_id, strong=True, also_end=(Area.STEP,)
    )
    return response


def _wait(tried: Tried) -> str:
    return say("doors.wait", minutes=tried.minutes)


@sample_doors.post("/demo/{who}", dependencies=[Depends(Allow(demo_only=True))])
async def by_one_click(request: Request, who: str) -> Response:
    """Sign in by one click as sample staff, manager or administrator, the sample leader or a sample resident."""
    form = await request.form()
    if who not in demo.WHO:
        return RedirectResponse("/login", 303)
    role = demo.WHO[who]
    area = Area.H5 if role is Role.RESIDENT else Area.CONSOLE
    wanted = field(form, "person")
    console = request.app.state.console
    now = console.clock.now()
    person = await console.database.write(lambda s: demo.person(s, role, wanted, now))
    if person is None:
        return RedirectResponse(f"/login?to={area.value}", 303)
    response = RedirectResponse(local_path(field(form, "back"), f"/{area.value}"), 303)
    await signing_in.open_session(request, response, area, role, person, demo=True)
    return response


@router.post("/logout", dependencies=[Depends(Allow())])
async def logout(request: Request) -> Response:
    """Sign out of an area."""
    area = Area.H5 if field(await request.form(), "area") == "h5" else Area.CONSOLE
    response = RedirectResponse("/", 303)
    await signing_in.close_session(request, response, area)
    return response


@router.post("/large", dependencies=[Depends(Allow())])
async def large(request: Request) -> Response:
    """Switch large text on or off."""
    response = RedirectResponse(local_path(field(await request.form(), "back"), "/"), 303)
    on = request.cookies.get(LARGE_COOKIE) == "1"
    set_cookie(response, request, LARGE_COOKIE, "0" if on else "1", _YEAR)
    return response
