"""操作记录: who looked at, exported or changed what; searched, exported, and its chain verified.

Source: F117, FAULTS E11.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from sqlalchemy import ColumnElement
from sqlmodel import col
from sqlmodel import select as pick

from console import exporting, trail
from console.auth import Area
from console.pages.home import ZONE
from console.policy import ADMIN, Allow
from console.views import Views, local_time, say
from engagement import calendar
from storage import audit
from storage.audit import AuditRow
from storage.engine import Session
from storage.entry import Login
from storage.groups import Member

router = APIRouter()
PAGE = 50
_MOST_NUMBER = 10**15


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; None and empty = everything.

    Attributes:
        before: rows with a smaller id only.
    """

    day: date | None
    person: int | None
    action: str
    before: int | None


def wanted_of(day: str, person: str, action: str, before: str) -> Wanted:
    """Read the filters of an address; what cannot be one is as if it were not there."""
    try:
        on: date | None = date.fromisoformat(day)
    except ValueError:
        on = None
    if on in (date.min, date.max):
        # Its beginning or its end is no instant.
        on = None
    return Wanted(on, _number(person), action.strip()[:40], _number(before))


@dataclass(frozen=True, slots=True)
class Line:
    """A row as it is shown.

    Attributes:
        name: of who did it; empty for the program and for who has none.
        what: the act in words.
        figures: what belongs to it, in words.
        code: the same as the program writes it.
    """

    row: AuditRow
    name: str
    what: str
    figures: list[str]
    code: str


def line(row: AuditRow, names: dict[int, str]) -> Line:
    """Put a row into words."""
    given = json.loads(row.details)
    name = names.get(row.actor_id or 0, "")
    return Line(row, name, trail.about(row.action), trail.details(given), trail.code(row.action, given))


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and 0 < int(text[:16]) < _MOST_NUMBER else None


@router.get("/console/audit", dependencies=[Depends(Allow(Area.CONSOLE, ADMIN, reads="audit.viewed"))])
async def listed(
    request: Request, day: str = "", person: str = "", action: str = "", before: str = "", verify: str = ""
) -> Response:
    """Show the trail, newest first; with ``verify`` walk the whole chain too."""
    views: Views = request.app.state.views
    console = request.app.state.console
    wanted = wanted_of(day, person, action, before)
    rows = await console.database.read(lambda s: _rows(s, wanted, PAGE + 1))
    names = await console.database.read(lambda s: _called(s, [row.actor_id for row in rows]))
    chain = await console.database.read(audit.broken_links) if verify == "1" else None
    more = rows[PAGE - 1].id if len(rows) > PAGE else None
    return views.page(
        request,
        "audit.html",
        active="audit",
        rows=[line(row, names) for row in rows[:PAGE]],
        kinds=_kinds(wanted.action),
        wanted=wanted,
        more=more,
        chain=chain,
        zone=ZONE,
    )


def _kinds(action: str) -> list[tuple[str, str]]:
    """Return the kinds to choose from; an act that an address names by its code is one of them."""
    found = [("", say("audit.any_kind")), *trail.kinds()]
    return found if any(kind == action for kind, _ in found) else [*found, (action, trail.about(action))]


@router.get("/console/audit/export", dependencies=[Depends(Allow(Area.CONSOLE, ADMIN, reads="audit.exported"))])
async def export(request: Request, day: str = "", person: str = "", action: str = "", kind: str = "csv") -> Response:
    """Export what was found, in words and as the program writes it: ids and fixed words, no name but that of an account."""
    console = request.app.state.console
    wanted = wanted_of(day, person, action, "")
    rows = await console.database.read(lambda s: _rows(s, wanted, exporting.MOST_ROWS))
    names = await console.database.read(lambda s: _names(s, [row.actor_id for row in rows]))
    cells: list[tuple[exporting.Cell, ...]] = []
    for row in rows:
        one = line(row, names)
        when, figures = local_time(row.at, ZONE), " · ".join(one.figures)
        cells.append(
            (
                *(row.id or 0, when, row.actor_id or 0, one.name, one.what, row.group_id or "", figures),
                *(row.at.isoformat(), row.action, row.details, row.chain),
            )
        )
    return exporting.answer(request, "audit", say("audit.export_head").split(), cells, kind, ZONE)


def _rows(session: Session, wanted: Wanted, most: int) -> list[AuditRow]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.before is not None:
        conditions.append(col(AuditRow.id) < wanted.before)
    if wanted.person is not None:
        conditions.append(col(AuditRow.actor_id) == wanted.person)
    if wanted.day is not None:
        first, last = _day(wanted.day)
        conditions += [col(AuditRow.at) >= first, col(AuditRow.at) < last]
    newest = col(AuditRow.id).desc()
    if not wanted.action:
        return list(session.exec(pick(AuditRow).where(*conditions).order_by(newest).limit(most)))
    # The newest of each act by the index, and of these the newest: a rare act among very many others is found at once.
    found: list[AuditRow] = []
    for action in audit.actions(session):
        if action.startswith(wanted.action):
            query = pick(AuditRow).where(AuditRow.action == action, *conditions).order_by(newest).limit(most)
            found.extend(session.exec(query))
    found.sort(key=lambda row: row.id or 0, reverse=True)
    return found[:most]


def _day(day: date) -> tuple[datetime, datetime]:
    return calendar.instant_of(day, 0, ZONE), calendar.instant_of(day + timedelta(days=1), 0, ZONE)


def _called(session: Session, people: list[int | None]) -> dict[int, str]:
    """Return what people are called on the page: by their account, else as a group shows them."""
    ids = {one for one in people if one}
    named = pick(Member.person_id, Member.name).where(col(Member.person_id).in_(ids), Member.name != "")
    shown = session.exec(named.order_by(col(Member.id).desc()))  # of several groups, as the first one shows them
    return {**dict(shown.all()), **_names(session, people)}


def _names(session: Session, people: list[int | None]) -> dict[int, str]:
    ids = {one for one in people if one}
    return dict(session.exec(pick(Login.person_id, Login.name).where(col(Login.person_id).in_(ids))).all())
