"""Who is in: rows behind random tokens.

What somebody is, is looked up at every request, so that a role that was taken is gone with the next one.

Source: DESIGN §7, FAULTS E3, E7.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy import update
from sqlmodel import col
from sqlmodel import select as pick

from console.auth import GUEST_COOKIE, KNOWN_COOKIE, VISIT_COOKIE, Area, Role, Visitor, cookie_name, new_visit
from engagement.entry import rules, service
from storage import entry
from storage.engine import Session
from storage.entry import WebSession
from storage.groups import Group, Identity, Member, RoleGrant

IDLE = {Area.CONSOLE: timedelta(hours=12), Area.H5: timedelta(days=30), Area.STEP: timedelta(minutes=10)}
"""A session ends when its browser was not seen for so long …"""
MOST = {Area.CONSOLE: timedelta(days=7), Area.H5: timedelta(days=180), Area.STEP: timedelta(minutes=10)}
"""… and after so long in any case."""
KNOWN = timedelta(days=180)
"""A browser is known for so long after a right password."""
DEMO = timedelta(days=400)
"""One-click sessions outlast the simulator's clock, which is moved by weeks."""
TOUCH = timedelta(minutes=5)
"""That a browser was seen is written at most so often."""
_TOKEN = re.compile(r"[\w-]{43}", re.ASCII)
_BROWSERS = (
    ("MicroMessenger", "WeChat"),
    ("Edg/", "Edge"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS", "Mac"))


@dataclass(frozen=True, slots=True)
class Found:
    """A session that holds.

    Attributes:
        seen_at: when its browser was last noted.
    """

    visitor: Visitor
    seen_at: datetime


def browser_of(agent: str) -> str:
    """Describe a browser in a word or two; what is not known by name is not shown, since anybody can write it."""
    known = [next((word for mark, word in words if mark in agent[:400]), "") for words in (_BROWSERS, _SYSTEMS)]
    known.append("Linux" if not known[1] and "Linux" in agent[:400] else "")
    return " · ".join(word for word in known if word) or "?"


def begin(session: Session, now: datetime, area: Area, who: Visitor, browser: str = "") -> str:
    """Begin a session; returns the token for the cookie."""
    token = entry.new_token()
    session.add(
        WebSession(
            id=entry.digest(token),
            area=area.value,
            role=who.role.value,
            person_id=who.person_id,
            region_id=who.region_id,
            browser=browser[:60],
            demo=who.demo,
            strong=who.strong,
            made_at=now,
            seen_at=now,
            until=now + (DEMO if who.demo else IDLE[area]),
        )
    )
    session.flush()
    return token


def look_up(session: Session, area: Area, token: str, now: datetime) -> Found | None:
    """Return who a cookie's token stands for; None if the session is over or the person is no more what it says."""
    if not _TOKEN.fullmatch(token):
        return None
    row = session.get(WebSession, entry.digest(token))
    if row is None or row.area != area.value or row.until <= now:
        return None
    role = Role(row.role)
    held, region = standing(session, row.person_id, role)
    if not held or region != row.region_id:
        return None
    name = name_of(session, row.person_id, role)
    visitor = Visitor(role, row.person_id, name, row.id, row.demo, row.strong, region)
    return Found(visitor, row.seen_at)


def standing(session: Session, person_id: int, role: Role) -> tuple[bool, int | None]:
    """Say whether somebody is this now, and a manager's region."""
    if role is Role.RESIDENT:
        known = session.exec(pick(Identity.id).where(Identity.person_id == person_id).limit(1)).first()
        return known is not None, None
    login = entry.login_of(session, person_id)
    if login is not None and login.disabled_at is not None:
        return False, None
    if role is Role.LEADER:
        return service.leads_any(session, person_id), None
    grant = session.get(RoleGrant, (person_id, role.value))
    if grant is None:
        return False, None
    return True, grant.region_id if role is Role.MANAGER else None


def roles_of(session: Session, person_id: int) -> list[Role]:
    """Return what somebody can be in the console, the widest first."""
    granted = set(session.exec(pick(RoleGrant.role).where(RoleGrant.person_id == person_id)))
    found = [Role(role) for role in rules.ROLES if role in granted]
    return [*found, Role.LEADER] if service.leads_any(session, person_id) else found


def name_of(session: Session, person_id: int, role: Role) -> str:
    """Return how somebody is shown: by the name in the group, or by the account's."""
    login = entry.login_of(session, person_id)
    if login is not None and role not in (Role.LEADER, Role.RESIDENT):
        return login.name
    query = (
        pick(Member.name)
        .join(Group, col(Group.id) == col(Member.group_id))
        .where(Member.person_id == person_id, col(Member.left_at).is_(None), Member.name != "")
        .order_by(col(Member.role), col(Member.id))
        .limit(1)
    )
    shown = session.exec(query).first()
    return shown or (login.name if login is not None else "·")


def touch(session: Session, row: str, area: Area, now: datetime) -> None:
    """Note that a browser was seen, and let its session last on."""
    found = session.get(WebSession, row)
    if found is None:
        return
    until = found.until if found.demo else min(now + IDLE[area], found.made_at + MOST[area])
    session.execute(update(WebSession).where(col(WebSession.id) == row).values(seen_at=now, until=until))


# ---------------------------------------------------------------- cookies
def token_in(request: Request, area: Area) -> str:
    """Return the token in a request's cookie; empty if there is none."""
    return request.cookies.get(cookie_name(area.cookie, https=request.app.state.console.https), "")


def keep(response: Response, request: Request, area: Area, token: str) -> None:
    """Put a new session's token into the browser, which also gets a new id: nobody can have planted one.

    Forms of a page that is made in the same answer already carry the new token.
    """
    console = request.app.state.console
    visit = request.state.new_visit = new_visit()
    tokens = {one: token_in(request, one) for one in Area}
    request.state.visit = _material(visit, [(tokens | {area: token})[one] for one in Area])
    _set(response, area.cookie, token, int(MOST[area].total_seconds()), https=console.https)


def drop(response: Response, request: Request, area: Area) -> None:
    """Take an area's token out of the browser."""
    https = request.app.state.console.https
    name = cookie_name(area.cookie, https=https)
    response.delete_cookie(name, path="/", secure=https, httponly=True, samesite="lax")


def keep_visit(response: Response, request: Request, visit: str, seconds: int) -> None:
    """Put the browser's id into it."""
    _set(response, VISIT_COOKIE, visit, seconds, https=request.app.state.console.https)


def visit_in(request: Request) -> str:
    """Return the browser's id; empty if it has none that could be ours."""
    known = request.cookies.get(cookie_name(VISIT_COOKIE, https=request.app.state.console.https), "")
    return known if 16 <= len(known) <= 64 and known.isascii() else ""


def known_in(request: Request) -> str:
    """Return what shows that a browser was in by a password before; empty if it shows nothing."""
    return request.cookies.get(cookie_name(KNOWN_COOKIE, https=request.app.state.console.https), "")[:200]


def keep_known(response: Response, request: Request, value: str) -> None:
    """Put it into the browser."""
    _set(response, KNOWN_COOKIE, value, int(KNOWN.total_seconds()), https=request.app.state.console.https)


def keep_guest(response: Response, request: Request, value: str, seconds: int) -> None:
    """Put into the browser for whom a platform vouched who is not known yet (:mod:`console.outside`); none when empty."""
    _set(response, GUEST_COOKIE, value, seconds if value else 0, https=request.app.state.console.https)


def form_material(request: Request, visit: str) -> str:
    """Return what a form's token is made of: the browser's id and its sessions."""
    return _material(visit, [token_in(request, area) for area in Area])


def _material(visit: str, tokens: list[str]) -> str:
    return f"{visit}." + entry.digest("\0".join(tokens)) if any(tokens) else visit


def _set(response: Response, name: str, value: str, seconds: int, *, https: bool) -> None:
    response.set_cookie(
        cookie_name(name, https=https), value, max_age=seconds, httponly=True, samesite="lax", secure=https, path="/"
    )
