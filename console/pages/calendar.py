"""日历: a month of what goes out, with its festivals and lunar days; a beat is dragged to another day and back.

Source: F27-F31; DESIGN 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from sqlmodel import col, select

from console.auth import Area, Visitor
from console.pages.home import local_path
from console.policy import STAFF, Allow, field
from console.scope import offered
from console.views import Views, say
from engagement import calendar
from engagement.campaigns import drafting, month, service, sheets, words
from engagement.campaigns.month import Bar, Spoken, Wish
from engagement.campaigns.sheets import Draft
from engagement.errors import Refusal
from prompts.campaigns import FORMS
from prompts.loader import texts
from storage.engine import Session
from storage.groups import Group, Region

router = APIRouter()
FIRST, LAST = date(2020, 1, 1), date(2099, 12, 31)
MOST_REGIONS = 100
MOST_DRAFTS = 30
MOVED = "calendar-moved"
"""Event of the browser after a beat was moved: the month is read again."""


@dataclass(frozen=True, slots=True)
class Item:
    """A beat on the wall.

    Attributes:
        window: the days that it may be dragged to; None = it stays.
    """

    bar: Bar
    beat: Spoken
    window: tuple[date, date] | None

    @property
    def clock(self) -> str:
        """Its local time."""
        return f"{self.beat.minute // 60:02d}:{self.beat.minute % 60:02d}"


@dataclass(frozen=True, slots=True)
class Cell:
    """A day of the wall."""

    day: date
    within: bool
    today: bool
    festival: str
    lunar: str
    items: Sequence[Item]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A phase of a campaign in a week: columns [start, start + span), from 1."""

    bar: Bar
    phase: str
    start: int
    span: int
    named: bool


@dataclass(frozen=True, slots=True)
class Week:
    """Seven days, and above them the courses of campaigns, one row each."""

    days: Sequence[Cell]
    courses: Sequence[Sequence[Stretch]]


# ---------------------------------------------------------------- the wall


@router.get("/console/calendar", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def wall(request: Request, month: str = "", region: str = "", form: str = "", state: str = "") -> Response:
    """Show a month."""
    console, views = request.app.state.console, request.app.state.views
    assert isinstance(views, Views)
    visitor: Visitor = request.state.visitor
    now = console.clock.now()
    today = calendar.local_day(now, service.HOME)
    first = month_of(month, today)
    wish = _wish(region, form, state)
    weeks, regions, drafts, more = await console.database.read(lambda s: _read(s, visitor, first, today, wish, now))
    kept = {"region": _number(wish.scope), "form": wish.form, "state": wish.state}
    values = {
        "first": first,
        "today": today,
        "weeks": weeks,
        "agenda": [cell for week in weeks for cell in week.days if cell.within and (cell.items or cell.today)],
        "regions": regions,
        "drafts": drafts,
        "more": more,
        "forms": [(one, words.kind_name(one)) for one in FORMS],
        "wish": kept,
        "before": _href(first - timedelta(days=1), kept),
        "after": _href(calendar.month_end(first) + timedelta(days=1), kept),
        "shown_day": words.day,
        "plan_state": plan_state,
    }
    grid = request.headers.get("hx-target", "").endswith("wall")
    return views.page(request, "calendar_wall.html" if grid else "calendar.html", active="calendar", **values)


def month_of(text: str, today: date) -> date:
    """Read ``2026-11`` as its first day; the present month for anything else."""
    try:
        found = date.fromisoformat(f"{text}-01") if len(text) == 7 and text.isascii() else today.replace(day=1)
    except ValueError:
        return today.replace(day=1)
    return found if FIRST <= found <= LAST else today.replace(day=1)


def _wish(region: str, form: str, state: str) -> Wish:
    scope = f"region:{int(region)}" if region.isascii() and region.isdecimal() and len(region) < 16 else ""
    return Wish(scope, form if form in FORMS else "", state if state in month.STATES else "")


def _number(scope: str) -> str:
    return scope.partition(":")[2]


def _href(day: date, kept: dict[str, str]) -> str:
    asked = {"month": f"{day:%Y-%m}"} | {name: value for name, value in kept.items() if value}
    return f"/console/calendar?{urlencode(asked)}"


def plan_state(state: str) -> str:
    """Put a plan's state into words."""
    return texts().raw(f"push.plan_{state}")


def _read(
    session: Session, visitor: Visitor, first: date, today: date, wish: Wish, now: datetime
) -> tuple[list[Week], list[tuple[int, str]], list[Draft], bool]:
    begin = calendar.week_start(first)
    end = calendar.week_start(calendar.month_end(first)) + timedelta(days=6)
    bars, more = month.between(session, begin, end, wish, today)
    weeks = [
        _week(begin + timedelta(days=7 * row), first.month, today, bars) for row in range(((end - begin).days + 1) // 7)
    ]
    return weeks, regions_of(session), sheets.drafts(session, visitor.person_id, now, MOST_DRAFTS), more


def regions_of(session: Session) -> list[tuple[int, str]]:
    """Return the regions (id, name), at most ``MOST_REGIONS``."""
    rows = session.exec(select(Region.id, Region.name).order_by(col(Region.id)).limit(MOST_REGIONS)).all()
    return [(number or 0, name) for number, name in rows]


def _week(monday: date, of: int, today: date, bars: Sequence[Bar]) -> Week:
    days = [monday + timedelta(days=place) for place in range(7)]
    items: dict[date, list[Item]] = {day: [] for day in days}
    courses: list[Sequence[Stretch]] = []
    for bar in bars:
        all_days = [one.day for one in bar.beats]
        for place, beat in enumerate(bar.beats):
            if beat.day in items:
                fixed = bar.form in words.FIXED or beat.anchor or bar.state in ("cancelled", "finished")
                items[beat.day].append(Item(bar, beat, None if fixed else drafting.span(all_days, place, today)))
        course = _course(bar, monday)
        if course:
            courses.append(course)
    cells = [
        Cell(
            day,
            day.month == of,
            day == today,
            festival_name(day),
            _lunar(day),
            sorted(items[day], key=lambda one: (one.beat.minute, one.bar.id)),
        )
        for day in days
    ]
    return Week(cells, courses)


def _course(bar: Bar, monday: date) -> list[Stretch]:
    """Return the phases of a campaign in a week: each lasts until the next one begins."""
    phased = [one for one in bar.beats if one.phase]
    if len(phased) < 2:
        return []
    found: list[Stretch] = []
    sunday = monday + timedelta(days=6)
    for place, one in enumerate(phased):
        after = phased[place + 1] if place + 1 < len(phased) else None
        if after is not None and (after.day - one.day).days > 60:
            after = None
        end = one.day if after is None else after.day - timedelta(days=1)
        start, end = max(one.day, monday), min(end, sunday)
        if start > end:
            continue
        if found and found[-1].phase == one.phase:
            last = found.pop()
            found.append(Stretch(bar, one.phase, last.start, (end - monday).days + 2 - last.start, last.named))
        else:
            found.append(Stretch(bar, one.phase, (start - monday).days + 1, (end - start).days + 1, not found))
    return found


_FESTIVALS = frozenset(key for key in texts().keys() if key.startswith("console_calendar.festival_"))  # noqa: SIM118


def festival_name(day: date) -> str:
    """Return what is on a day: a festival or a solar term; empty for neither."""
    key = f"console_calendar.festival_{calendar.festival(day)}"
    return texts().raw(key) if key in _FESTIVALS else ""


def _lunar(day: date) -> str:
    month_words, day_words = calendar.lunar_day(day)
    return say("calendar.lunar_month", month=month_words) if month_words else day_words


# ---------------------------------------------------------------- a day


@router.get("/console/calendar/days/{day}", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def one_day(request: Request, day: str, region: str = "", form: str = "", state: str = "") -> Response:
    """Show what goes out on a day, in words."""
    console, views = request.app.state.console, request.app.state.views
    shown, today = _day(day), calendar.local_day(console.clock.now(), service.HOME)
    wish = _wish(region, form, state)

    def read(session: Session) -> tuple[list[tuple[Bar, Spoken, str]], list[tuple[int, str]]]:
        bars, _ = month.between(session, shown, shown, wish, today)
        pairs = [(bar, beat) for bar in bars for beat in bar.beats if beat.day == shown]
        ids = [beat.id for _, beat in pairs]
        said = sheets.said(session, ids)
        found = [(bar, beat, said.get(beat.id, "")) for bar, beat in pairs]
        return sorted(found, key=lambda one: (one[1].minute, one[0].id)), groups_offered(session, "all")

    spoken, groups = await console.database.read(read)
    items = [(Item(bar, beat, None), text) for bar, beat, text in spoken]
    template = "calendar_day.html" if request.headers.get("hx-request") else "calendar_day_page.html"
    response: Response = views.page(
        request,
        template,
        active="calendar",
        heading=words.day(shown),
        day=shown,
        named=words.day(shown),
        festival=festival_name(shown),
        items=items,
        groups=groups,
        plan_state=plan_state,
        kind_name=words.kind_name,
        beside=template == "calendar_day.html",
    )
    return response


@router.get("/console/calendar/days/{day}/group", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def day_of_group(request: Request, day: str, group: str = "") -> Response:
    """Show what one group reads on a day, message by message, with what goes out together in one."""
    console, views = request.app.state.console, request.app.state.views
    shown = _day(day)
    today = calendar.local_day(console.clock.now(), service.HOME)
    number = int(group) if group.isascii() and group.isdecimal() and len(group) < 16 else 0
    where = await console.database.read(lambda s: s.get(Group, number)) if number else None
    found: Sequence[object] = ()
    late = shown < today or shown > today + timedelta(days=400)
    if where is not None and console.pushing is not None and not late:
        found = await console.pushing.together(where.id, shown)
    response: Response = views.page(
        request, "calendar_together.html", active="calendar", group=where, messages=found, late=late
    )
    return response


def groups_offered(session: Session, scope: str, chosen: str = "") -> list[tuple[int, str]]:
    """Return groups of a scope (id, name) to look through the eyes of, the oldest first; ``chosen`` is one of them."""
    return offered(session, within=scope, chosen=chosen)


def _day(text: str) -> date:
    try:
        found = date.fromisoformat(text) if len(text) == 10 and text.isascii() else None
    except ValueError:
        found = None
    if found is None or not FIRST <= found <= LAST:
        raise HTTPException(404)
    return found


# ---------------------------------------------------------------- moving


@router.post("/console/calendar/shift", dependencies=[Depends(Allow(Area.CONSOLE, STAFF))])
async def move(request: Request) -> Response:
    """Move a beat to another day; the same form takes it back."""
    console, views = request.app.state.console, request.app.state.views
    visitor: Visitor = request.state.visitor
    form = await request.form()
    beat, day = field(form, "beat"), field(form, "day")
    back = local_path(field(form, "back"), "/console/calendar")
    now = console.clock.now()
    number = int(beat) if beat.isascii() and beat.isdecimal() and len(beat) < 16 else 0
    said, tone, before = "", "success", None
    try:
        wanted = date.fromisoformat(day[:10])
        before = await console.database.write(
            lambda s: drafting.shift(s, number, wanted, visitor.person_id or None, now)
        )
        said = say("calendar.moved", day=words.day(wanted))
    except (Refusal, ValueError) as no:
        refusal = no if isinstance(no, Refusal) else Refusal("campaigns.day_past")
        said, tone = sheets.told(refusal), "warning"
    values = {"said": said, "tone": tone, "beat": number, "undo": before if tone == "success" else None, "back": back}
    if request.headers.get("hx-request"):
        response: Response = views.page(request, "calendar_moved.html", **values)
        response.headers["HX-Trigger"] = MOVED
        return response
    if tone == "success":
        return RedirectResponse(back, 303)
    refused: Response = views.page(request, "calendar_moved_page.html", 409, active="calendar", **values)
    return refused
