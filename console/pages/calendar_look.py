"""How a campaign's words look: on each channel, as a picture, with what else of the hour; sent to oneself; what came of it.

Source: F27, F89, F98.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response

from console.auth import Area, Visitor
from console.pages.calendar_plan import page
from console.policy import STAFF, Allow, field
from console.pushing import Shown, Unfit
from engagement import calendar
from engagement.campaigns import desk, sheets, words
from engagement.campaigns.desk import Preview
from engagement.feature import GroupView
from storage.engine import Session
from storage.groups import Group

router = APIRouter()


@router.get("/console/calendar/{plan_id}/beats/{number}/preview", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def preview(request: Request, plan_id: int, number: int, group: str = "") -> Response:
    """Show what a group would read, on each channel, and with what else of that hour."""
    console, views = request.app.state.console, request.app.state.views
    if console.pushing is None:
        raise HTTPException(404)

    def read(session: Session) -> tuple[Preview, Group, Sequence[Shown]]:
        found, where = previewed(session, plan_id, number, group)
        return found, where, console.pushing.shown(session, found.reply, GroupView.of(where))

    found, where, shown = await console.database.read(read)
    today = calendar.local_day(console.clock.now(), where.zone)
    together = today <= found.day <= today + timedelta(days=400)
    response: Response = views.page(
        request,
        "calendar_preview.html",
        plan_id=plan_id,
        number=number,
        found=found,
        group=where,
        shown=shown,
        together=together,
        shown_day=words.day,
    )
    return response


@router.get("/console/calendar/{plan_id}/beats/{number}/poster.png", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def poster(request: Request, plan_id: int, number: int, group: str = "") -> Response:
    """Draw the picture that goes with a beat."""
    console = request.app.state.console
    if console.pushing is None:
        raise HTTPException(404)
    found, _ = await console.database.read(lambda s: previewed(s, plan_id, number, group))
    picture = await console.pushing.picture(found.reply)
    if not picture:
        raise HTTPException(404)
    return Response(picture, media_type="image/png", headers={"Cache-Control": "private, max-age=300"})


def previewed(session: Session, plan_id: int, number: int, group: str) -> tuple[Preview, Group]:
    """Return a beat as a group would read it: the one named, if the plan is for it, else the first that it is for.

    Raises:
        HTTPException: there is no such plan, beat or group.
    """
    paper = sheets.paper(session, plan_id)
    if paper is None:
        raise HTTPException(404)
    lines = desk.lines(session, paper)
    if not 1 <= number <= len(lines):
        raise HTTPException(404)
    where: Group | None = None
    if group.isascii() and group.isdecimal() and len(group) < 16:
        where = sheets.group_of(session, paper, int(group))
    where = where or desk.first_group(session, paper)
    if where is None:
        raise HTTPException(404)
    return desk.preview(session, paper, lines[number - 1], where), where


@router.post("/console/calendar/{plan_id}/beats/{number}/try", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def try_out(request: Request, plan_id: int, number: int) -> Response:
    """Send a beat to oneself, in private."""
    console, views = request.app.state.console, request.app.state.views
    visitor: Visitor = request.state.visitor
    if console.pushing is None:
        raise HTTPException(404)
    form = await request.form()
    paper = await console.database.read(lambda s: sheets.paper(s, plan_id))
    if paper is None:
        raise HTTPException(404)
    _, where = await console.database.read(lambda s: previewed(s, plan_id, number, field(form, "group")))
    try:
        said, tone = await console.pushing.try_out(visitor.person_id, paper.key, number, where.id), "success"
    except Unfit as unfit:
        said, tone = unfit.said, "warning"
    if request.headers.get("hx-request"):
        response: Response = views.page(
            request, "calendar_moved.html", said=said, tone=tone, beat=0, undo=None, back=""
        )
        return response
    return await page(request, plan_id, said, tone)


# ---------------------------------------------------------------- what came of it


@router.get("/console/calendar/{plan_id}/effects", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def outcome(request: Request, plan_id: int) -> Response:
    """Count whom it reached and who answered."""
    console, views = request.app.state.console, request.app.state.views
    now = console.clock.now()

    found = await console.database.read(lambda s: sheets.effect(s, plan_id, now))
    response: Response = views.page(
        request, "calendar_effects.html", one=found, reason=words.reason, share=share, points=points, plan_id=plan_id
    )
    return response


def share(value: float | None) -> str:
    """Show a share as per cent."""
    return "–" if value is None else f"{value * 100:.1f}%"


def points(value: float) -> str:
    """Show a difference of shares in percentage points, with its sign."""
    return f"{value * 100:+.1f}".replace("-", "\u2212")
