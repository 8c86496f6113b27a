"""One-time links: who opens one sees whom it is for, and only the button uses it; what looks at links beforehand burns nothing.

Source: F133; DESIGN §7, FAULTS E3.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from console import passwords, sessions, signing_in
from console.auth import Area, Role
from console.policy import Allow, field
from console.views import Views, say
from engagement.entry import rules
from engagement.kernel import Button, Reply
from storage import audit, entry
from storage.engine import Session
from storage.entry import EntryLink

router = APIRouter()
CHOOSES = ("invite", "reset")
"""What a link is for that lets its person choose a password."""


@dataclass(frozen=True, slots=True)
class Door:
    """A link that opens.

    Attributes:
        name: of whom it is for, masked.
        account: the account's name in full, where a password is chosen: its person has to know it.
    """

    link: EntryLink
    name: str
    account: str


@router.get("/enter/{token}", dependencies=[Depends(Allow())])
async def look(request: Request, token: str) -> Response:
    """Show whom a link is for, and the button that uses it."""
    return await _shown(request, token)


async def _shown(request: Request, token: str, status: int = 200, error: str = "") -> Response:
    views: Views = request.app.state.views
    console = request.app.state.console
    now = console.clock.now()
    door = await console.database.read(lambda s: _door(s, token, now))
    if door is None:
        return gone(request)
    shortest = passwords.SHORTEST
    return views.page(
        request, "enter.html", status, secret=True, door=door, token=token, error=error, shortest=shortest
    )


def gone(request: Request) -> Response:
    """Say that a link does not open (any more), and how to get one's own; the same for one that never did."""
    views: Views = request.app.state.views
    return views.page(request, "enter_gone.html", 410)


def _door(session: Session, token: str, now: datetime) -> Door | None:
    link = entry.link(session, token, now)
    if link is None:
        return None
    login = entry.login_of(session, link.person_id)
    if link.purpose in CHOOSES:
        if login is None or login.disabled_at is not None:
            return None
        return Door(link, rules.masked(login.name), login.name)
    role = Role.LEADER if link.purpose == "console" else Role.RESIDENT
    if not sessions.standing(session, link.person_id, role)[0]:
        return None
    return Door(link, rules.masked(sessions.name_of(session, link.person_id, role)), "")


@router.post("/enter/{token}", dependencies=[Depends(Allow())])
async def use(request: Request, token: str) -> Response:
    """Use a link: come in, or choose the password first."""
    console = request.app.state.console
    now = console.clock.now()
    door = await console.database.read(lambda s: _door(s, token, now))
    if door is None:
        return gone(request)
    if door.link.purpose in CHOOSES:
        return await _choose(request, door, token)
    link = await console.database.write(lambda s: _used(s, token, now))
    if link is None:
        return gone(request)
    leads = link.purpose == "console"
    area, role = (Area.CONSOLE, Role.LEADER) if leads else (Area.H5, Role.RESIDENT)
    group = f"?group={link.group_id}" if link.group_id is not None else ""
    response = RedirectResponse(f"/{area.value}{group}", 303)
    await signing_in.open_session(request, response, area, role, link.person_id)
    if console.tell is not None:
        browser = sessions.browser_of(request.headers.get("user-agent", ""))
        button = Button("entry:out", "entry.button_not_me")
        key = "entry.opened_console" if leads else "entry.opened_page"
        await console.tell(link.person_id, link.group_id, Reply(key, {"browser": browser}, buttons=[button]))
    return response


def _used(session: Session, token: str, now: datetime) -> EntryLink | None:
    link = entry.use_link(session, token, now)
    if link is not None:
        audit.record(
            session,
            at=now,
            actor_id=link.person_id,
            group_id=link.group_id,
            action="entry.link_used",
            to=link.purpose,
        )
    return link


async def _choose(request: Request, door: Door, token: str) -> Response:
    console = request.app.state.console
    form = await request.form()
    given, again = field(form, "password"), field(form, "again")
    fault = passwords.fault(given, door.account) or ("differs" if given != again else "")
    if fault:
        return await _shown(request, token, 422, say(f"doors.password_{fault}", count=passwords.SHORTEST))
    stored = await passwords.make(given)
    now = console.clock.now()
    person = door.link.person_id

    def write(session: Session) -> tuple[bool, list[Role], bool]:
        if _used(session, token, now) is None:
            return False, [], False
        login = entry.login_of(session, person)
        assert login is not None
        login.password, login.changed_at = stored, now
        session.add(login)
        session.flush()
        entry.end_sessions(session, person)
        return True, sessions.roles_of(session, person), login.second_since is not None

    chosen, roles, has_second = await console.database.write(write)
    if not chosen:
        return gone(request)
    if not roles:
        return RedirectResponse("/login", 303)
    response = RedirectResponse("/login/code" if has_second else "/console/me", 303)
    await signing_in.open_session(request, response, Area.STEP if has_second else Area.CONSOLE, roles[0], person)
    return response
