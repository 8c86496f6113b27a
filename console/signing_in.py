"""The way in: a password, then a second step where there is one; every way ends in :func:`open_session`.

Source: DESIGN §7, FAULTS E2, E3.
"""

from __future__ import annotations

import hmac
import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy import delete
from sqlmodel import col

from console import limits, passwords, second, sessions
from console.auth import Area, Role, Signer, Visitor
from console.policy import field
from storage import audit, entry
from storage.engine import Session
from storage.entry import Login, WebSession


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a try.

    Attributes:
        person_id: who it is; 0 if it was wrong or not heard.
        minutes: nothing is heard for so long; 0 if it was heard.
        second: a second step is to follow.
    """

    person_id: int = 0
    minutes: int = 0
    second: bool = False


def source_of(request: Request) -> str:
    """Return where a request comes from: the address that the server saw, or that its own proxy named."""
    return request.client.host if request.client is not None else ""


async def by_password(request: Request, name: str, given: str) -> Tried:
    """Try a name and a password. An unknown name takes the same way, and so the same time, as a known one."""
    console, signer = request.app.state.console, request.app.state.signer
    now = console.clock.now()
    source = source_of(request)
    given_nonce, _, given_mac = sessions.known_in(request).partition(".")
    watched = limits.keys(signer, name, source)

    def begin(session: Session) -> tuple[datetime | None, int, str, bool]:
        nonlocal watched
        login = entry.login_named(session, name)
        made = "" if login is None else _known(signer, login, given_nonce)
        if made and hmac.compare_digest(made.encode(), given_mac.encode("utf-8", "replace")):
            watched = limits.known_keys(signer, given_nonce, source)
        blocked = limits.take(session, watched, now)
        if login is None or login.disabled_at is not None:
            return blocked, 0, "", False
        return blocked, login.person_id, login.password, login.second_since is not None

    blocked, person, stored, has_second = await console.database.write(begin)
    if blocked is not None:
        return Tried(minutes=_minutes(blocked, now))
    right = await passwords.check(stored, given)

    def end(session: Session) -> None:
        if right:
            limits.succeed(session, watched)
        _note(session, now, None, "signin.password" if right else "signin.failed", person=person)

    await console.database.write(end)
    return Tried(person if right else 0, second=right and has_second)


async def know(request: Request, response: Response, person_id: int) -> None:
    """Let this browser be known as one that was in by somebody's password: whoever tries others does not lock it out."""
    login = await request.app.state.console.database.read(lambda session: entry.login_of(session, person_id))
    if login is not None:
        nonce = secrets.token_urlsafe(18)
        sessions.keep_known(response, request, f"{nonce}.{_known(request.app.state.signer, login, nonce)}")


def _known(signer: Signer, login: Login, nonce: str) -> str:
    """Return what shows that a browser is known; a new password makes it unknown."""
    return signer.mac("known browser", f"{login.person_id}\0{login.password}\0{nonce}")


async def by_code(request: Request, person_id: int, given: str) -> Tried:
    """Try the second step: a code of the app, or a recovery code; each works once."""
    console, signer = request.app.state.console, request.app.state.signer
    now = console.clock.now()
    phone = second.phones_now(console)
    watched = limits.second_keys(signer, person_id, source_of(request))

    def attempt(session: Session) -> Tried:
        blocked = limits.take(session, watched, now)
        if blocked is not None:
            return Tried(minutes=_minutes(blocked, now))
        how = spend(session, signer, person_id, given, phone)
        if how:
            limits.succeed(session, watched)
        _note(session, now, person_id, f"signin.{how or 'code_wrong'}")
        return Tried(person_id if how else 0)

    found: Tried = await console.database.write(attempt)
    return found


def spend(session: Session, signer: Signer, person_id: int, given: str, now: datetime) -> str:
    """Use a code up: returns ``code`` or ``recovery``, empty if it is neither or was used."""
    login = entry.login_of(session, person_id)
    if login is None or login.second_since is None:
        return ""
    step = second.step_of(second.opened(signer, person_id, login.second), given, now)
    if step:
        return "code" if entry.spend_step(session, person_id, step) else ""
    mine = second.code_hash(signer, person_id, given)
    left = list(login.recovery or ())
    if mine not in left:
        return ""
    left.remove(mine)
    login.recovery = left
    session.add(login)
    session.flush()
    return "recovery"


async def open_session(
    request: Request,
    response: Response,
    area: Area,
    role: Role,
    person_id: int,
    *,
    demo: bool = False,
    strong: bool = False,
    also_end: Sequence[Area] = (),
) -> None:
    """Begin a session in this browser, in place of the one that it had there. Its token is new, and so is the browser's id."""
    console = request.app.state.console
    now = console.clock.now()
    old = [entry.digest(token) for one in (area, *also_end) if (token := sessions.token_in(request, one))]
    browser = sessions.browser_of(request.headers.get("user-agent", ""))

    def write(session: Session) -> str:
        session.execute(delete(WebSession).where(col(WebSession.id).in_(old)))
        entry.prune(session, now)
        _held, region = sessions.standing(session, person_id, role)
        if area is not Area.STEP:
            _note(session, now, person_id, "signin.done", area=area.value, role=role.value)
        who = Visitor(role, person_id, "", demo=demo, strong=strong, region_id=region)
        return sessions.begin(session, now, area, who, browser)

    token = await console.database.write(write)
    for one in also_end:
        sessions.drop(response, request, one)
    sessions.keep(response, request, area, token)


async def close_session(request: Request, response: Response, area: Area) -> None:
    """End the session that this browser has in an area, in the rows too."""
    console = request.app.state.console
    token = sessions.token_in(request, area)
    now = console.clock.now()

    def write(session: Session) -> None:
        row = session.get(WebSession, entry.digest(token))
        if row is not None:
            session.delete(row)
            _note(session, now, row.person_id, "signin.ended", area=area.value)

    if token:
        await console.database.write(write)
    sessions.drop(response, request, area)


def _minutes(until: datetime, now: datetime) -> int:
    return max(1, math.ceil((until - now).total_seconds() / 60))


def _note(session: Session, now: datetime, actor: int | None, action: str, **details: int | str) -> None:
    audit.record(session, at=now, actor_id=actor, group_id=None, action=action, **details)


async def end_browsers(request: Request) -> None:
    """End the session that a form names, or all of the visitor's but this one; a form that names none ends none."""
    console = request.app.state.console
    visitor: Visitor = request.state.visitor
    wanted = field(await request.form(), "session")
    now = console.clock.now()

    def write(session: Session) -> None:
        if wanted == "all":
            ended = entry.end_sessions(session, visitor.person_id, but=visitor.session)
        else:
            ended = entry.end_sessions(session, visitor.person_id, only=wanted[:64]) if wanted else 0
        audit.record(
            session, at=now, actor_id=visitor.person_id, group_id=None, action="account.signed_out", sessions=ended
        )

    await console.database.write(write)
