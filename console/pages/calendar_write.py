"""Writing a campaign: a new one, and the head and the beats of a draft.

Source: F27, F31.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData

from console.auth import Area, Visitor
from console.pages.calendar import groups_offered, regions_of
from console.pages.calendar_plan import page, variables
from console.policy import STAFF, Allow, field
from console.pushing import Unfit
from console.views import Views, say
from engagement import calendar
from engagement.campaigns import drafting, service, sheets
from engagement.campaigns.drafting import Written
from engagement.errors import Refusal
from prompts.campaigns import MOST_TEXT
from storage.engine import Session

router = APIRouter()
_KEY = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


@router.get("/console/calendar/new", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def new(request: Request) -> Response:
    """Show the form of a new campaign."""
    return await _form(request, {}, "")


async def _form(request: Request, given: dict[str, str], error: str) -> Response:
    console, views = request.app.state.console, request.app.state.views
    assert isinstance(views, Views)
    today = calendar.local_day(console.clock.now(), service.HOME)
    regions, groups = await console.database.read(
        lambda s: (regions_of(s), groups_offered(s, "all", given.get("scope", "")))
    )
    return views.page(
        request,
        "calendar_new.html",
        409 if error else 200,
        active="calendar",
        heading=say("calendar.new"),
        regions=regions,
        groups=groups,
        given=given,
        error=error,
        today=today,
        most=MOST_TEXT["groups"],
        variables=variables(),
    )


@router.post("/console/calendar/new", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def begin(request: Request) -> Response:
    """Write a campaign of one's own down as a draft."""
    console = request.app.state.console
    visitor: Visitor = request.state.visitor
    form = await request.form()
    now = console.clock.now()
    key, name, scope = field(form, "key"), field(form, "name"), field(form, "scope")

    def write(session: Session) -> int:
        if not 8 <= len(key) <= 24 or not _KEY.issuperset(key) or not sheets.is_scope(session, scope):
            raise Refusal("campaigns.beat_gone")
        written = _written(form)
        _judge(request, session, scope, (name, written.title, written.text, written.other))
        return drafting.begin(session, key, name, scope, _day(form), written, visitor.person_id or None, now)

    try:
        made = await console.database.write(write)
    except (Refusal, Unfit) as no:
        given = {one: field(form, one) for one in ("name", "scope", "day", "time", "title", "text", "other")}
        return await _form(request, given, sheets.told(no) if isinstance(no, Refusal) else no.said)
    return RedirectResponse(f"/console/calendar/{made}?done=added", 303)


@router.post("/console/calendar/{plan_id}/head", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def head(request: Request, plan_id: int) -> Response:
    """Name a draft."""
    form = await request.form()
    name, slogan = field(form, "name"), field(form, "slogan")

    def write(session: Session, by: int | None, now: datetime) -> None:
        _judge(request, session, _scope(session, plan_id), (name, slogan))
        drafting.head(session, plan_id, name, slogan, by, now)

    return await _do(request, plan_id, "edited", write)


@router.post("/console/calendar/{plan_id}/beats", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def add(request: Request, plan_id: int) -> Response:
    """Let a draft say something on one more day."""
    form = await request.form()

    def write(session: Session, by: int | None, now: datetime) -> None:
        written = _written(form)
        _judge(request, session, _scope(session, plan_id), (written.title, written.text, written.other))
        drafting.add(session, plan_id, _day(form), written, by, now)

    return await _do(request, plan_id, "added", write)


@router.post("/console/calendar/{plan_id}/beats/{beat_id}/edit", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def edit(request: Request, plan_id: int, beat_id: int) -> Response:
    """Write a draft's beat anew."""
    form = await request.form()

    def write(session: Session, by: int | None, now: datetime) -> None:
        sheets.check_beat(session, plan_id, beat_id)
        written = _written(form)
        _judge(request, session, _scope(session, plan_id), (written.title, written.text, written.other))
        drafting.edit(session, beat_id, written, by, now)

    return await _do(request, plan_id, "edited", write)


@router.post("/console/calendar/{plan_id}/beats/{beat_id}/remove", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def remove(request: Request, plan_id: int, beat_id: int) -> Response:
    """Take a day out of a draft."""

    def write(session: Session, by: int | None, now: datetime) -> None:
        sheets.check_beat(session, plan_id, beat_id)
        drafting.remove(session, beat_id, by, now)

    return await _do(request, plan_id, "removed", write)


async def _do(
    request: Request, plan_id: int, done: str, write: Callable[[Session, int | None, datetime], None]
) -> Response:
    console = request.app.state.console
    visitor: Visitor = request.state.visitor
    now = console.clock.now()
    try:
        await console.database.write(lambda session: write(session, visitor.person_id or None, now))
    except Refusal as no:
        return await page(request, plan_id, sheets.told(no), "warning", 409)
    except Unfit as unfit:
        return await page(request, plan_id, unfit.said, "warning", 409)
    return RedirectResponse(f"/console/calendar/{plan_id}?done={done}", 303)


def _scope(session: Session, plan_id: int) -> str:
    paper = sheets.paper(session, plan_id)
    return "all" if paper is None else paper.scope


def _judge(request: Request, session: Session, scope: str, words_: tuple[str, ...]) -> None:
    """Refuse what no group may read.

    Raises:
        Unfit: a word of the lists, a link.
    """
    pushing = request.app.state.console.pushing
    for text in words_ if pushing is not None else ():
        for said, stops in pushing.judged(session, scope, text) if text.strip() else ():
            if stops:
                raise Unfit(said)


def _written(form: FormData) -> Written:
    hour, _, minute = field(form, "time").partition(":")
    fits = all(one.isascii() and one.isdecimal() and len(one) <= 2 for one in (hour, minute))
    return Written(
        int(hour) * 60 + int(minute) if fits and int(minute) < 60 else -1,
        field(form, "phase"),
        field(form, "title"),
        field(form, "text")[:4000],
        field(form, "other")[:4000],
        field(form, "poster") == "1",
    )


def _day(form: FormData) -> date:
    text = field(form, "day")
    try:
        if len(text) == 10 and text.isascii():
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise Refusal("campaigns.day_past")
