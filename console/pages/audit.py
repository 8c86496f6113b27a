"""操作记录: who looked at, exported or changed what; searched, exported, and its chain verified.

Source: F117, FAULTS E11.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from sqlmodel import col
from sqlmodel import select as pick

from console.auth import Area
from console.pages.home import ZONE
from console.policy import ADMIN, Allow
from console.views import Views
from engagement import calendar
from prompts.loader import texts
from storage import audit
from storage.audit import AuditRow
from storage.engine import Session
from storage.entry import Login

router = APIRouter()
PAGE = 50
MOST_EXPORTED = 20_000
_MOST_NUMBER = 10**15
_ABOUT = "console_doors.did_"
_KNOWN = frozenset(key for key in texts().keys() if key.startswith(_ABOUT))  # noqa: SIM118


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


def about(action: str) -> str:
    """Say in a word or two what kind of act it was; empty for a kind that has no word yet."""
    kind, _, act = action.partition(".")
    if f"{_ABOUT}{kind}" not in _KNOWN:
        return ""
    what = texts().raw(f"{_ABOUT}{kind}")
    return texts().fill(f"{_ABOUT}{act}", {"what": what}) if act in ("viewed", "exported") else what


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and 0 < int(text[:16]) < _MOST_NUMBER else None


@router.get("/console/audit", dependencies=[Depends(Allow(Area.CONSOLE, ADMIN, reads="audit.viewed"))])
async def trail(
    request: Request, day: str = "", person: str = "", action: str = "", before: str = "", verify: str = ""
) -> Response:
    """Show the trail, newest first; with ``verify`` walk the whole chain too."""
    views: Views = request.app.state.views
    console = request.app.state.console
    wanted = wanted_of(day, person, action, before)
    rows = await console.database.read(lambda s: _rows(s, wanted, PAGE + 1))
    names = await console.database.read(lambda s: _names(s, [row.actor_id for row in rows]))
    chain = await console.database.read(audit.broken_links) if verify == "1" else None
    more = rows[PAGE - 1].id if len(rows) > PAGE else None
    return views.page(
        request,
        "audit.html",
        active="audit",
        rows=[
            (row, json.loads(row.details), names.get(row.actor_id or 0, ""), about(row.action)) for row in rows[:PAGE]
        ],
        wanted=wanted,
        more=more,
        chain=chain,
        zone=ZONE,
    )


@router.get("/console/audit.csv", dependencies=[Depends(Allow(Area.CONSOLE, ADMIN, reads="audit.exported"))])
async def export(request: Request, day: str = "", person: str = "", action: str = "") -> Response:
    """Export what was found, at most ``MOST_EXPORTED`` rows: ids and fixed words only, no names."""
    console = request.app.state.console
    wanted = wanted_of(day, person, action, "")
    rows = await console.database.read(lambda s: _rows(s, wanted, MOST_EXPORTED))
    out = io.StringIO()
    table = csv.writer(out, quoting=csv.QUOTE_ALL)
    table.writerow(["id", "at", "actor", "group", "action", "details", "chain"])
    for row in rows:
        # Every cell but the figures is a fixed word or begins with a brace: nothing a spreadsheet would take for a formula.
        actor, group = row.actor_id or "", row.group_id or ""
        table.writerow([row.id, row.at.isoformat(), actor, group, row.action, row.details, row.chain])
    visitor = request.state.visitor
    table.writerow([f"# {visitor.person_id}", console.clock.now().isoformat(), "", "", "", "", ""])
    headers = {"Content-Disposition": 'attachment; filename="audit.csv"'}
    return Response("\ufeff" + out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _rows(session: Session, wanted: Wanted, most: int) -> list[AuditRow]:
    query = pick(AuditRow).order_by(col(AuditRow.id).desc()).limit(most)
    if wanted.before is not None:
        query = query.where(col(AuditRow.id) < wanted.before)
    if wanted.person is not None:
        query = query.where(AuditRow.actor_id == wanted.person)
    if wanted.action:
        query = query.where(col(AuditRow.action).startswith(wanted.action, autoescape=True))
    if wanted.day is not None:
        first, last = _day(wanted.day)
        query = query.where(AuditRow.at >= first, AuditRow.at < last)
    return list(session.exec(query))


def _day(day: date) -> tuple[datetime, datetime]:
    return calendar.instant_of(day, 0, ZONE), calendar.instant_of(day + timedelta(days=1), 0, ZONE)


def _names(session: Session, people: list[int | None]) -> dict[int, str]:
    ids = {one for one in people if one}
    return dict(session.exec(pick(Login.person_id, Login.name).where(col(Login.person_id).in_(ids))).all())
