"""A campaign of the calendar: what it says on which day, how that looks, and what is decided about it.

Source: F27-F31, F89, F98; DESIGN 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from console.auth import Area, Visitor
from console.pages.calendar import groups_offered, plan_state, regions_of
from console.policy import STAFF, Allow, field
from console.pushing import Unfit
from console.views import Views, say
from engagement import calendar
from engagement.campaigns import desk, service, sheets, words
from engagement.campaigns.desk import Line, Paper
from engagement.campaigns.sheets import Sheet
from engagement.errors import Refusal
from prompts.campaigns import MOST_TEXT, PLACEHOLDERS
from prompts.loader import texts
from storage.engine import Session

router = APIRouter()
ACTS = ("approve", "withdraw", "pause", "resume", "cancel")
OFFERED = {
    "draft": ("approve",),
    "approved": ("withdraw", "pause", "cancel"),
    "running": ("pause", "cancel"),
    "paused": ("resume", "cancel"),
    "cancelled": ("resume",),
}
"""State → what can be done."""
BACK = {"approve": "withdraw", "withdraw": "approve", "pause": "resume", "cancel": "resume", "resume": "pause"}
"""Act → what takes it back."""


@dataclass(frozen=True, slots=True)
class Seat:
    """A beat on the page.

    Attributes:
        when: its day in words.
        window: the days that it may be moved to; None = it stays.
        said: its day is over.
    """

    line: Line
    when: str
    clock: str
    window: tuple[date, date] | None
    said: bool


@dataclass(frozen=True, slots=True)
class Desktop:
    """Everything the page shows."""

    paper: Paper
    sheet: Sheet
    seats: Sequence[Seat]
    acts: Sequence[str]
    groups: Sequence[tuple[int, str]]
    regions: Sequence[tuple[int, str]]


# ---------------------------------------------------------------- looking


@router.get("/console/calendar/{plan_id}", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def one_plan(request: Request, plan_id: int, done: str = "") -> Response:
    """Show a campaign with all it says."""
    toast = say(f"calendar.done_{done}") if done in (*ACTS, "edited", "added", "removed", "worded", "reset") else ""
    return await page(request, plan_id, toast, back=BACK.get(done, ""))


async def page(
    request: Request, plan_id: int, toast: str = "", tone: str = "success", status: int = 200, back: str = ""
) -> Response:
    """Render a campaign's page, with a note of what was done or refused."""
    console, views = request.app.state.console, request.app.state.views
    assert isinstance(views, Views)
    visitor: Visitor = request.state.visitor
    now = console.clock.now()
    found = await console.database.read(lambda s: _read(s, visitor, plan_id, now))
    if found is None:
        raise HTTPException(404)
    return views.page(
        request,
        "calendar_plan.html",
        status,
        active="calendar",
        heading=found.paper.name,
        plan=found,
        toast=toast,
        tone=tone,
        back_act=back if back in found.acts else "",
        most=MOST_TEXT["groups" if found.paper.audience == "groups" else "leaders"],
        variables=variables(),
        kind_name=words.kind_name,
        plan_state=plan_state,
        shown_day=words.day,
        ready=console.pushing is not None,
        scope_name=lambda scope: found.sheet.names.get(scope) or say("calendar.for_all"),
    )


def _read(session: Session, visitor: Visitor, plan_id: int, now: datetime) -> Desktop | None:
    sheet = sheets.sheet(session, plan_id, visitor.person_id, now)
    if sheet is None:
        return None
    paper, today = sheet.paper, calendar.local_day(now, service.HOME)
    seats = [
        Seat(
            line,
            _when(paper, line.day),
            f"{line.minute // 60:02d}:{line.minute % 60:02d}",
            sheet.windows.get(line.id),
            not paper.joined and line.day < today,
        )
        for line in sheet.lines
    ]
    return Desktop(
        paper,
        sheet,
        seats,
        () if sheet.second else OFFERED.get(paper.state, ()),
        groups_offered(session, paper.scope),
        regions_of(session),
    )


def _when(paper: Paper, day: date) -> str:
    if paper.joined:
        return texts().fill("campaigns.nth_day", {"count": (day - calendar.EPOCH).days})
    return words.day(day)


def variables() -> list[str]:
    """Return what a text may name, each with what it means."""
    return [
        texts().fill("campaigns.variable", {"name": f"{{{name}}}", "what": texts().raw(f"campaigns.variable_{name}")})
        for name in sorted(PLACEHOLDERS)
    ]


# ---------------------------------------------------------------- deciding


@router.post("/console/calendar/{plan_id}/do/{act}", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def decide(request: Request, plan_id: int, act: str) -> Response:
    """Approve, withdraw, pause, resume or cancel."""
    console = request.app.state.console
    visitor: Visitor = request.state.visitor
    now = console.clock.now()
    if act not in ACTS:
        raise HTTPException(404)
    paper = await console.database.read(lambda s: sheets.paper(s, plan_id))
    if paper is None:
        raise HTTPException(404)
    by = visitor.person_id or None
    try:
        if act in ("approve", "withdraw"):
            await console.database.write(lambda s: sheets.settle(s, plan_id, act, by, now))
        elif console.pushing is None:
            raise HTTPException(404)
        elif act not in OFFERED.get(paper.state, ()):
            # Sent twice, or somebody was quicker: said, and nothing done.
            stands = say("calendar.stands_already", state=plan_state(paper.state))
            return await page(request, plan_id, stands, "warning", 409)
        else:
            await console.pushing.move(paper.key, act, visitor.person_id)
    except Refusal as no:
        return await page(request, plan_id, sheets.told(no), "warning", 409)
    except Unfit as unfit:
        return await page(request, plan_id, unfit.said, "warning", 409)
    return RedirectResponse(f"/console/calendar/{plan_id}?done={act}", 303)


# ---------------------------------------------------------------- words


@router.post("/console/calendar/{plan_id}/words", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def reword(request: Request, plan_id: int) -> Response:
    """Give a beat other words for all, a region or a group; an empty text gives the ready ones back."""
    console = request.app.state.console
    visitor: Visitor = request.state.visitor
    form = await request.form()
    beat, scope, text = field(form, "beat"), field(form, "scope"), field(form, "text")
    now = console.clock.now()

    def write(session: Session) -> bool:
        paper = sheets.paper(session, plan_id)
        line = None if paper is None else desk.beat_of(desk.lines(session, paper), beat[:9])
        if paper is None or line is None or not sheets.is_scope(session, scope):
            raise Refusal("campaigns.beat_gone")
        kept = words.wording(text, paper.audience) if text.strip() else ""
        if kept and console.pushing is not None:
            wrong = [said for said, stops in console.pushing.judged(session, scope, kept) if stops]
            if wrong:
                raise Unfit(wrong[0])
        desk.reword(session, line, scope, kept, visitor.person_id or None, now)
        return bool(kept)

    try:
        kept = await console.database.write(write)
    except Refusal as no:
        return await page(request, plan_id, sheets.told(no), "warning", 409)
    except Unfit as unfit:
        return await page(request, plan_id, unfit.said, "warning", 409)
    return RedirectResponse(f"/console/calendar/{plan_id}?done={'worded' if kept else 'reset'}", 303)


@router.post("/console/calendar/{plan_id}/check", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def check(request: Request, plan_id: int) -> Response:
    """Say about words, while somebody types them, how long they may still get and what cannot be said."""
    console, views = request.app.state.console, request.app.state.views
    form = await request.form()
    named = field(form, "check")
    text = field(form, named if named in ("text", "other") else "text")

    def read(session: Session) -> tuple[str, list[tuple[str, bool]], int]:
        paper = sheets.paper(session, plan_id)
        audience = "groups" if paper is None else paper.audience
        scope = field(form, "scope")
        scope = scope if sheets.is_scope(session, scope) else "all" if paper is None else paper.scope
        return audience, *judged(console, session, scope, text, audience)

    _, found, left = await console.database.read(read)
    response: Response = views.page(request, "calendar_check.html", found=found, left=left)
    return response


def judged(
    console: object, session: Session, scope: str, text: str, audience: str
) -> tuple[list[tuple[str, bool]], int]:
    """Return what is to be said about words, each with whether it stops them, and how many characters are left."""
    found: list[tuple[str, bool]] = []
    if text.strip():
        try:
            words.wording(text, audience)
        except Refusal as no:
            found.append((sheets.told(no), True))
        pushing = getattr(console, "pushing", None)
        if pushing is not None:
            found.extend(pushing.judged(session, scope, text))
    length = len("\n".join(line.strip() for line in text.splitlines() if line.strip()))
    return found, MOST_TEXT["groups" if audience == "groups" else "leaders"] - length
