"""The landing page, signing in and out, and the large-text switch."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from sqlmodel import col, select

from console.auth import LARGE_COOKIE, SESSION_SECONDS, Area, Role, Visitor, new_visit, session
from console.policy import Allow, field
from console.views import Views, say, set_cookie
from storage.engine import Session
from storage.groups import Account, Group, Identity, Member

router = APIRouter()
_YEAR = 365 * 86400
_DEMO = {"staff": Role.STAFF, "leader": Role.LEADER, "resident": Role.RESIDENT}
_RESIDENTS_SHOWN = 6


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
    """Show how to sign in: by one click in local mode."""
    views: Views = request.app.state.views
    area = "h5" if to == "h5" else "console"
    residents = []
    if request.app.state.console.demo:
        residents = await request.app.state.console.database.read(_sample_residents)
    return views.page(request, "login.html", area=area, back=local_path(back, f"/{area}"), residents=residents)


@router.post("/demo/{who}", dependencies=[Depends(Allow(demo_only=True))])
async def demo(request: Request, who: str) -> Response:
    """Sign in by one click as sample staff, the sample leader or a sample resident."""
    role = _DEMO.get(who)
    form = await request.form()
    if role is None:
        return RedirectResponse("/login", 303)
    area = Area.H5 if role is Role.RESIDENT else Area.CONSOLE
    wanted = field(form, "person")
    found = await request.app.state.console.database.read(lambda s: _demo_person(s, role, wanted))
    if found is None:
        return RedirectResponse(f"/login?to={area.value}", 303)
    response = RedirectResponse(local_path(field(form, "back"), f"/{area.value}"), 303)
    # A session begins with a new id of the browser, so that nobody can have planted one.
    visit = new_visit()
    request.state.new_visit = visit
    for other in Area:
        kept = request.app.state.signer.open(other, request.cookies.get(other.cookie, ""), str(request.state.visit))
        if kept is not None and other is not area:
            _begin(response, request, other, session(kept.role, kept.person_id, kept.name, visit, demo=kept.demo))
    _begin(response, request, area, session(role, found[0], found[1], visit, demo=True))
    return response


def _begin(response: Response, request: Request, area: Area, visitor: Visitor) -> None:
    cookie = request.app.state.signer.seal(area, visitor)
    set_cookie(response, request, area.cookie, cookie, SESSION_SECONDS)


@router.post("/logout", dependencies=[Depends(Allow())])
async def logout(request: Request) -> Response:
    """Sign out of an area."""
    area = Area.H5 if field(await request.form(), "area") == "h5" else Area.CONSOLE
    response = RedirectResponse("/", 303)
    response.delete_cookie(area.cookie, path="/")
    return response


@router.post("/large", dependencies=[Depends(Allow())])
async def large(request: Request) -> Response:
    """Switch large text on or off."""
    response = RedirectResponse(local_path(field(await request.form(), "back"), "/"), 303)
    on = request.cookies.get(LARGE_COOKIE) == "1"
    set_cookie(response, request, LARGE_COOKIE, "0" if on else "1", _YEAR)
    return response


def _demo_person(session: Session, role: Role, wanted: str) -> tuple[int, str] | None:
    if role is Role.STAFF:
        return 0, say("demo_staff_name")
    query = (
        select(Member.person_id, Member.name)
        .join(Identity, col(Identity.person_id) == col(Member.person_id))
        .where(Identity.channel == "sim", col(Member.left_at).is_(None), Member.name != "")
        .order_by(col(Member.id))
    )
    if role is Role.LEADER:
        query = query.where(Member.role == "leader")
    elif wanted.isdecimal() and len(wanted) < 16:
        query = query.where(Member.person_id == int(wanted))
    else:
        # Whoever has most to show.
        query = (
            query.join(Account, col(Account.id) == col(Member.account_id))
            .where(Member.role == "member")
            .order_by(None)
            .order_by(col(Account.balance).desc(), col(Member.id))
        )
    found = session.exec(query.limit(1)).first()
    return None if found is None else (found[0], found[1])


def _sample_residents(session: Session) -> list[tuple[int, str, str]]:
    rows = session.exec(
        select(Member.person_id, Member.name, Group.name)
        .join(Group, col(Group.id) == col(Member.group_id))
        .where(
            Group.channel == "sim",
            Member.role == "member",
            col(Member.left_at).is_(None),
            col(Member.account_id).is_not(None),
        )
        .order_by(col(Member.id))
        .limit(_RESIDENTS_SHOWN * 2)
    ).all()
    seen: dict[int, tuple[int, str, str]] = {}
    for person, name, group in rows:
        seen.setdefault(person, (person, name, group))
    return list(seen.values())[:_RESIDENTS_SHOWN]
