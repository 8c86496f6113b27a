"""我的账号: the password, the second step, and the browsers that are in."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from console import passwords, second, sessions, signing_in
from console.auth import Area, Role, Visitor
from console.policy import ANYBODY_SIGNED_IN, STAFF, Allow, field
from console.views import Views, say
from storage import audit, entry
from storage.engine import Session
from storage.entry import Login, WebSession

router = APIRouter()
OPEN = Allow(Area.CONSOLE, ANYBODY_SIGNED_IN, unfinished=True)
ISSUER = "name"
"""Text key of what the authenticator app shows above the code."""


@router.get("/console/me", dependencies=[Depends(OPEN)])
async def me(request: Request) -> Response:
    """Show one's account."""
    return await _me(request)


async def _me(request: Request, status: int = 200, error: str = "", done: str = "") -> Response:
    views: Views = request.app.state.views
    console = request.app.state.console
    visitor: Visitor = request.state.visitor
    now = console.clock.now()

    def read(session: Session) -> tuple[Login | None, list[WebSession], list[Role]]:
        mine = entry.sessions_of(session, [visitor.person_id], now)
        return entry.login_of(session, visitor.person_id), mine, sessions.roles_of(session, visitor.person_id)

    login, browsers, roles = await console.database.read(read)
    values: dict[str, Any] = {"login": login, "browsers": browsers, "roles": roles, "error": error, "done": done}
    return views.page(
        request, "me.html", status, active="me", heading=say("doors.me_title"), shortest=passwords.SHORTEST, **values
    )


@router.post("/console/me/password", dependencies=[Depends(OPEN)])
async def password(request: Request) -> Response:
    """Change the password, with the old one; every other browser is out."""
    console = request.app.state.console
    visitor: Visitor = request.state.visitor
    form = await request.form()
    login = await console.database.read(lambda s: entry.login_of(s, visitor.person_id))
    if login is None or not login.password:
        return RedirectResponse("/console/me", 303)
    tried = await signing_in.by_password(request, login.name, field(form, "old"))
    if tried.minutes:
        return await _me(request, 429, say("doors.wait", minutes=tried.minutes))
    if not tried.person_id:
        return await _me(request, 422, say("doors.old_wrong"))
    given = field(form, "password")
    fault = passwords.fault(given, login.name) or ("differs" if given != field(form, "again") else "")
    if fault:
        return await _me(request, 422, say(f"doors.password_{fault}", count=passwords.SHORTEST))
    stored = await passwords.make(given)
    now = console.clock.now()

    def write(session: Session) -> None:
        row = session.get_one(Login, visitor.person_id)
        row.password, row.changed_at = stored, now
        session.add(row)
        entry.drop_links(session, visitor.person_id)
        entry.end_sessions(session, visitor.person_id, but=visitor.session)
        audit.record(session, at=now, actor_id=visitor.person_id, group_id=None, action="account.password_changed")

    await console.database.write(write)
    return await _renewed(request, visitor, "/console/me", strong=visitor.strong)


@router.post("/console/me/role", dependencies=[Depends(OPEN)])
async def role(request: Request) -> Response:
    """Go on as something else that one is; the session is a new one."""
    visitor: Visitor = request.state.visitor
    wanted = field(await request.form(), "role")
    roles = await request.app.state.console.database.read(lambda s: sessions.roles_of(s, visitor.person_id))
    if wanted not in roles:
        return RedirectResponse("/console/me", 303)
    if visitor.role is Role.LEADER and wanted != Role.LEADER and not (visitor.strong or visitor.demo):
        # Perhaps by a link from the chat: whatever else she is, she is by her password.
        return RedirectResponse("/login", 303)
    return await _renewed(request, visitor, "/console", strong=visitor.strong, role=Role(wanted))


async def _renewed(request: Request, visitor: Visitor, to: str, *, strong: bool, role: Role | None = None) -> Response:
    response = RedirectResponse(to, 303)
    await signing_in.open_session(
        request, response, Area.CONSOLE, role or visitor.role, visitor.person_id, demo=visitor.demo, strong=strong
    )
    return response


# ---------------------------------------------------------------- browsers
@router.post("/console/me/sessions", dependencies=[Depends(OPEN)])
async def end(request: Request) -> Response:
    """End one session, or all but this one."""
    await signing_in.end_browsers(request)
    return RedirectResponse("/console/me", 303)


# ---------------------------------------------------------------- the second step
@router.get("/console/me/second", dependencies=[Depends(OPEN)])
async def second_step(request: Request) -> Response:
    """Show how to set the second step up."""
    return await _second(request)


async def _second(request: Request, status: int = 200, error: str = "", pending: str = "") -> Response:
    """Ask for the password, or show what the phone has to read; what is pending stands in the form alone, sealed."""
    views: Views = request.app.state.views
    visitor: Visitor = request.state.visitor
    login = await request.app.state.console.database.read(lambda s: entry.login_of(s, visitor.person_id))
    if login is None or not login.password:
        return RedirectResponse("/console/me", 303)
    secret = second.opened(request.app.state.signer, _whose(visitor), pending)
    picture = second.picture(second.address(secret, login.name, say(ISSUER))) if secret else ""
    must = visitor.role in STAFF and not request.app.state.console.demo and login.second_since is None
    values = {"picture": picture, "key": secret, "pending": pending, "must": must, "error": error}
    heading = say("doors.me_title")
    return views.page(request, "me_second.html", status, secret=bool(secret), active="me", heading=heading, **values)


def _whose(visitor: Visitor) -> str:
    """Return to what a pending secret is bound: the person and this very session."""
    return f"{visitor.person_id} {visitor.session}"


@router.post("/console/me/second", dependencies=[Depends(OPEN)])
async def begin(request: Request) -> Response:
    """Begin to set it up, with the password; what is set up stays until the new one is confirmed by a code."""
    console = request.app.state.console
    visitor: Visitor = request.state.visitor
    login = await console.database.read(lambda s: entry.login_of(s, visitor.person_id))
    if login is None or not login.password:
        return RedirectResponse("/console/me", 303)
    tried = await signing_in.by_password(request, login.name, field(await request.form(), "password"))
    if tried.minutes:
        return await _second(request, 429, say("doors.wait", minutes=tried.minutes))
    if not tried.person_id:
        return await _second(request, 422, say("doors.old_wrong"))
    if login.second_since is not None and not visitor.strong:
        # A password alone must not be enough to put another phone in the place of the one that is lost or stolen.
        return await _second(request, 403, say("doors.second_ask_admin"))
    pending = second.sealed(request.app.state.signer, _whose(visitor), second.new_secret())
    return await _second(request, pending=pending)


@router.post("/console/me/second/confirm", dependencies=[Depends(OPEN)])
async def confirm(request: Request) -> Response:
    """Confirm it by a first code; the recovery codes are shown once, on this very page."""
    console, signer = request.app.state.console, request.app.state.signer
    visitor: Visitor = request.state.visitor
    views: Views = request.app.state.views
    form = await request.form()
    pending = field(form, "pending")[:400]
    secret = second.opened(signer, _whose(visitor), pending)
    step = second.step_of(secret, field(form, "code")[:20], second.phones_now(console))
    if not secret:
        return RedirectResponse("/console/me/second", 303)
    if not step:
        return await _second(request, 422, say("doors.code_wrong"), pending)
    now = console.clock.now()
    codes = second.new_codes()

    def write(session: Session) -> bool:
        row = entry.login_of(session, visitor.person_id)
        if row is None or (row.second_since is not None and not visitor.strong):
            return False
        row.second, row.second_since, row.second_step = second.sealed(signer, visitor.person_id, secret), now, step
        row.recovery = [second.code_hash(signer, visitor.person_id, one) for one in codes]
        session.add(row)
        session.flush()
        entry.end_sessions(session, visitor.person_id, but=visitor.session)
        audit.record(session, at=now, actor_id=visitor.person_id, group_id=None, action="account.second_set")
        return True

    if not await console.database.write(write):
        return RedirectResponse("/console/me/second", 303)
    cookies = Response()
    await signing_in.open_session(
        request, cookies, Area.CONSOLE, visitor.role, visitor.person_id, demo=visitor.demo, strong=True
    )
    page = views.page(request, "me_codes.html", secret=True, active="me", heading=say("doors.me_title"), codes=codes)
    for cookie in cookies.headers.getlist("set-cookie"):
        page.headers.append("set-cookie", cookie)
    return page
