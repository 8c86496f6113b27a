"""账号: who may sign in, as what; invited, stopped and reset by an administrator.

Source: F116, FAULTS E1, E3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from sqlmodel import col
from sqlmodel import select as pick

from console import limits
from console.auth import Area, Visitor
from console.policy import ADMIN, Allow, field
from console.views import Views, say
from engagement.entry import accounts, rules
from engagement.errors import Refusal
from prompts.loader import texts
from storage import entry
from storage.engine import Session
from storage.entry import Login, WebSession
from storage.groups import Region, RoleGrant

router = APIRouter()
OPEN = Allow(Area.CONSOLE, ADMIN)
PAGE = 50
PLAIN: dict[str, Callable[..., str | None]] = {
    "invite": accounts.invite,
    "reset": accounts.reset,
    "reset_second": partial(accounts.reset, second=True),
    "disable": accounts.disable,
    "enable": accounts.enable,
    "sign_out": accounts.sign_out,
}
"""What is done with an account by its name alone; some return the token of a link."""
ACTS = frozenset({*PLAIN, "unlock", "grant", "revoke"})


@dataclass(frozen=True, slots=True)
class Row:
    """An account as it is listed.

    Attributes:
        roles: (role, region's name).
        browsers: how many are in.
    """

    login: Login
    roles: list[tuple[str, str]]
    browsers: list[WebSession]


@router.get("/console/accounts", dependencies=[Depends(Allow(Area.CONSOLE, ADMIN, reads="accounts.viewed"))])
async def listed(request: Request, after: str = "", q: str = "") -> Response:
    """List the accounts by name."""
    return await _listed(request, after=after, q=q)


async def _listed(request: Request, status: int = 200, *, after: str = "", q: str = "", **said: Any) -> Response:
    views: Views = request.app.state.views
    console = request.app.state.console
    now = console.clock.now()

    def read(session: Session) -> tuple[list[Row], list[str]]:
        named = entry.login_named(session, q) if q else None
        found = ([] if named is None else [named]) if q else entry.logins(session, after[:32], PAGE + 1)
        ids = [one.person_id for one in found]
        roles: dict[int, list[tuple[str, str]]] = {}
        granted = session.exec(
            pick(RoleGrant, Region.name)
            .outerjoin(Region, col(Region.id) == col(RoleGrant.region_id))
            .where(col(RoleGrant.person_id).in_(ids))
            .order_by(col(RoleGrant.role))
        )
        for grant, region in granted:
            roles.setdefault(grant.person_id, []).append((grant.role, region or ""))
        browsers: dict[int, list[WebSession]] = {}
        for one in entry.sessions_of(session, ids, now):
            browsers.setdefault(one.person_id, []).append(one)
        rows = [Row(one, roles.get(one.person_id, []), browsers.get(one.person_id, [])) for one in found]
        return rows, list(session.exec(pick(Region.name).order_by(col(Region.name)).limit(200)))

    rows, regions = await console.database.read(read)
    more = rows[PAGE - 1].login.name if len(rows) > PAGE else ""
    values = {"error": "", "link": "", "name": "", "typed": {}, **said}
    return views.page(
        request,
        "accounts.html",
        status,
        secret=bool(values["link"]),
        active="accounts",
        rows=rows[:PAGE],
        regions=regions,
        more=more,
        q=q,
        role_names=rules.ROLES,
        days=entry.INVITED_DAYS,
        **values,
    )


@router.post("/console/accounts", dependencies=[Depends(OPEN)])
async def invite(request: Request) -> Response:
    """Make an account; its link is shown once."""
    console = request.app.state.console
    visitor: Visitor = request.state.visitor
    form = await request.form()
    typed = {key: field(form, key).strip()[:80] for key in ("name", "role", "region")}
    now = console.clock.now()

    def write(session: Session) -> str:
        return accounts.add(
            session, typed["name"], now, by=visitor.person_id, role=typed["role"], region=typed["region"]
        )

    try:
        token = await console.database.write(write)
    except Refusal as no:
        return await _listed(request, 422, error=texts().fill(no.key, no.values), typed=typed)
    return await _listed(request, link=_link(request, token), name=rules.read_name(typed["name"]))


@router.post("/console/accounts/{person_id}/{act}", dependencies=[Depends(OPEN)])
async def change(request: Request, person_id: int, act: str) -> Response:
    """Do one thing with an account; what brings a link shows it once."""
    console = request.app.state.console
    visitor: Visitor = request.state.visitor
    form = await request.form()
    role, region = field(form, "role")[:20], field(form, "region")[:80]
    now = console.clock.now()
    if act not in ACTS or not 0 < person_id < 10**15:
        return RedirectResponse("/console/accounts", 303)
    signer = request.app.state.signer

    def write(session: Session) -> tuple[str, str]:
        login = entry.login_of(session, person_id)
        if login is None:
            raise Refusal("entry.no_account", name=person_id)
        name, by = login.name, visitor.person_id
        if act == "grant":
            accounts.grant(session, person_id, role, now, by=by, region=region)
        elif act == "revoke":
            accounts.revoke(session, person_id, role, now, by=by)
        elif act == "unlock":
            entry.forgive(session, limits.accounts_keys(signer, name, person_id))
            accounts.note_unlocked(session, person_id, now, by=by)
        else:
            return name, PLAIN[act](session, person_id, now, by=by) or ""
        return name, ""

    try:
        name, token = await console.database.write(write)
    except Refusal as no:
        return await _listed(request, 422, error=texts().fill(no.key, no.values))
    if token:
        return await _listed(request, link=_link(request, token), name=name)
    return await _listed(request, done=say("doors.done", name=name))


def _link(request: Request, token: str) -> str:
    base = request.app.state.console.public_url or str(request.base_url)
    return rules.address(base, f"/enter/{token}")
