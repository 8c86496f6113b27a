"""区域: a region's closed weeks in sums, its groups side by side, one group's figures; nobody's name stands on any of them.

Source: F98, F115, F116; FAULTS E11.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from sqlmodel import col, select

from console import charts, exporting, regional
from console.auth import Area, Role, Visitor
from console.pages.home import ZONE
from console.policy import MANAGERS, Allow
from console.regional import Kept, Row
from console.views import Views, month_day, say
from engagement.campaigns import echoes
from engagement.region import rules, service
from prompts.loader import shown_day
from storage.engine import Session
from storage.groups import Group, Region
from storage.weeks import RegionWeek

router = APIRouter()
PAGE = 50
WORST = 5
MOST_CAMPAIGNS = 12
_SEES = Depends(Allow(Area.CONSOLE, MANAGERS))


@dataclass(frozen=True, slots=True)
class Ground:
    """A region that somebody looks at.

    Attributes:
        regions: (id, name) of what one may choose from; a manager has the own one.
        weeks: sealed, the newest first; empty while none is.
    """

    id: int
    name: str
    regions: Sequence[tuple[int, str]]
    weeks: Sequence[RegionWeek]
    rows: Sequence[Row]

    @property
    def until(self) -> date:
        """The last day of the newest week."""
        return self.weeks[0].week + timedelta(days=6)


@dataclass(frozen=True, slots=True)
class Sum:
    """A figure of the region: its words, how many groups are not in it, and the week before."""

    name: str
    shown: str
    left_out: int
    change: float | None


@dataclass(frozen=True, slots=True)
class Campaign:
    """Who took part in a campaign: in the newest week and in all weeks shown."""

    name: str
    first_day: date
    last_day: date
    week: int | None
    all: int | None
    left_out: int


def number(value: float | None) -> str:
    """Show a figure; too few persons behind it is said in words."""
    return say("region.too_few") if value is None else f"{value:,}"


def percent(value: float | None) -> str:
    """Show a share in whole percent."""
    return say("region.too_few") if value is None else f"{value * 100:.0f}%"


def signed(value: float | None) -> str:
    """Show a change in whole percent; empty where there is nothing to hold it against."""
    return "" if value is None else f"{value * 100:+.0f}%"


SAID: dict[str, Any] = {"number": number, "percent": percent, "signed": signed, "shown_day": shown_day}


async def _ground(request: Request, asked: str) -> Ground | None:
    console, visitor = request.app.state.console, request.state.visitor
    state = request.app.state
    if not hasattr(state, "region_kept"):
        state.region_kept = Kept()
    found: Ground | None = await console.database.read(lambda s: ground_of(s, visitor, asked, state.region_kept))
    return found


def ground_of(session: Session, visitor: Visitor, asked: str, kept: Kept) -> Ground | None:
    """Return the region: a manager's own whatever is asked for, else the one asked for or the first; None = there is none."""
    query = select(Region.id, Region.name).order_by(col(Region.id))
    if visitor.role is Role.MANAGER:
        query = query.where(Region.id == visitor.region_id)
    regions = [(one, name) for one, name in session.exec(query).all() if one is not None]
    if not regions:
        return None
    region, name = next((one for one in regions if str(one[0]) == asked), regions[0])
    weeks = service.sealed(session, region)
    rows = kept.rows(session, region, weeks[0].week) if weeks else []
    return Ground(region, name, regions, weeks, rows)


@router.get("/console/region", dependencies=[_SEES])
async def overview(request: Request, region: str = "") -> Response:
    """Show a region's newest closed week, eight weeks as a chart, its campaigns, and which groups need somebody."""
    views: Views = request.app.state.views
    ground = await _ground(request, region)
    if ground is None or not ground.weeks:
        return views.page(request, "region.html", active="region", ground=ground, sums=[])
    database = request.app.state.console.database
    campaigns = await database.read(lambda session: campaigns_of(session, ground.weeks))
    trend = [*reversed(ground.weeks)]
    labels = [month_day(one.week) for one in trend]
    people = {say(f"region.{name}"): _line(trend, name) for name in ("checked_in", "answered", "gaps")}
    return views.page(
        request,
        "region.html",
        active="region",
        ground=ground,
        sums=sums_of(ground.weeks),
        people=charts.line(labels, people, area=say("region.checked_in")),
        messages=charts.bars(labels, {say("region.messages"): _line(trend, "messages")}),
        campaigns=campaigns,
        lamps=regional.lamps(ground.rows),
        worst=regional.found(ground.rows, regional.Wanted(lamp="red"))[:WORST],
        **SAID,
    )


def _line(weeks: Sequence[RegionWeek], name: str) -> list[float | None]:
    return [regional.sum_of(one, name)[0] for one in weeks]


def sums_of(weeks: Sequence[RegionWeek]) -> list[Sum]:
    """Return the figures of the newest week, each held against the week before."""
    now, before = weeks[0], weeks[1] if len(weeks) > 1 else None
    found = []
    for name in rules.FIGURES:
        value, left_out = regional.sum_of(now, name)
        past = regional.sum_of(before, name)[0] if before is not None else None
        found.append(Sum(name, number(value), left_out, rules.change(value, past)))
    checked, left_out = regional.sum_of(now, "checked_in")
    share = rules.rate(checked, regional.sum_of(now, "neighbours")[0])
    found.insert(1, Sum("rate", percent(share), left_out, None))
    return found


def campaigns_of(session: Session, weeks: Sequence[RegionWeek]) -> list[Campaign]:
    """Return who took part in the campaigns of these weeks, the latest campaign first."""
    plans = {int(plan) for one in weeks for plan in one.campaigns or {}}
    found = []
    for plan, (name, first, last) in echoes.named(session, sorted(plans)).items():
        sums = [(one.campaigns or {}).get(str(plan)) for one in weeks]
        known = [one for one in sums if one is not None]
        values = [value for value, _ in known if value is not None]
        newest = sums[0][0] if sums[0] is not None else None
        left_out = max((left or 0 for _, left in known), default=0)
        found.append(Campaign(name, first, last, newest, sum(values) if values else None, left_out))
    found.sort(key=lambda one: (one.first_day, one.name), reverse=True)
    return found[:MOST_CAMPAIGNS]


@router.get("/console/region/groups", dependencies=[_SEES])
async def groups(
    request: Request, region: str = "", sort: str = "", size: str = "", lamp: str = "", q: str = "", page: str = ""
) -> Response:
    """Compare the groups of a region in its newest closed week."""
    views: Views = request.app.state.views
    ground = await _ground(request, region)
    wanted = regional.wanted_of(sort, size, lamp, q)
    rows = [] if ground is None else regional.found(ground.rows, wanted)
    pages = max(1, -(-len(rows) // PAGE))
    at = min(int(page), pages) if page.isascii() and page.isdecimal() and 0 < len(page) < 8 else 1
    at = max(1, at)
    kept = {"region": region, "size": wanted.size, "lamp": wanted.lamp, "q": wanted.q}
    kept = {name: value for name, value in kept.items() if value}
    order = ("-" if wanted.down else "") + wanted.sort
    return views.page(
        request,
        "region_groups.html",
        active="region",
        heading=say("region.groups_title"),
        ground=ground,
        wanted=wanted,
        order=order,
        total=len(rows),
        rows=rows[(at - 1) * PAGE : at * PAGE],
        sums=_sums_shown(rows),
        at=at,
        pages=pages,
        base="/console/region/groups?" + urlencode(kept),
        export="/console/region/export?" + urlencode({**kept, "sort": order}),
        most=max((row.now.neighbours or 0 for row in rows), default=0),
        sizes=tuple(rules.SIZES),
        lamp_names=regional.LAMPS,
        sorts=regional.SORTS,
        **SAID,
    )


def _sums_shown(rows: Sequence[Row]) -> dict[str, tuple[int | None, int]]:
    """Add up what is shown of these groups, and nothing else: figure → sum, groups that are not in it."""
    found: dict[str, tuple[int | None, int]] = {}
    for name in rules.FIGURES:
        values = [value for row in rows if (value := getattr(row.now, name)) is not None]
        found[name] = (sum(values) if values else None, len(rows) - len(values))
    return found


@router.get("/console/region/export", dependencies=[Depends(Allow(Area.CONSOLE, MANAGERS, reads="region.exported"))])
async def export(
    request: Request, region: str = "", sort: str = "", size: str = "", lamp: str = "", q: str = "", kind: str = "csv"
) -> Response:
    """Export the comparison as it is filtered and sorted; before the first closed week, lead to where it says when."""
    ground = await _ground(request, region)
    if ground is None or not ground.weeks:
        # Where the comparison will stand, it says from which day on.
        return RedirectResponse("/console/region/groups", 303)
    rows = regional.found(ground.rows, regional.wanted_of(sort, size, lamp, q))
    head = say("region.export_head").split()
    name = f"region-{ground.id}-{ground.weeks[0].week}"
    return exporting.answer(request, name, head, _exported(ground, rows), kind, ZONE)


def _exported(ground: Ground, rows: Sequence[Row]) -> Iterator[list[exporting.Cell]]:
    week, too_few = ground.weeks[0].week.isoformat(), say("region.too_few")
    lamps: dict[rules.Lamp, tuple[str, str]] = {}
    for row in rows[: exporting.MOST_ROWS]:
        now = row.now
        figures = (now.neighbours, now.checked_in, now.messages, now.answered, now.gaps)
        shown: list[exporting.Cell] = [too_few if one is None else one for one in figures]
        shown.insert(2, percent(now.rate))
        lamp = lamps.get(row.lamp)
        if lamp is None:
            lamp = lamps[row.lamp] = say(f"region.lamp_{row.lamp.colour}"), say(f"region.why_{row.lamp.reason}")
        yield [week, row.id, row.name, *shown, signed(row.change), *lamp]


@router.get("/console/region/groups/{group_id}", dependencies=[_SEES])
async def group(request: Request, group_id: str) -> Response:  # noqa: ARG001 - the policy reads it
    """Show one group's figures of eight closed weeks."""
    views: Views = request.app.state.views
    row: Group = request.state.group
    console = request.app.state.console
    region = row.region_id
    weeks: list[RegionWeek] = []
    if region is not None:
        weeks = await console.database.read(lambda session: service.sealed(session, region))
    days = [one.week for one in reversed(weeks)]
    known = await console.database.read(lambda s: regional.weeks_of(s, row.id or 0, region or 0, days))
    empty = regional.Figures()
    figures = [known.get(day, empty) for day in days]
    now, before = (figures or [empty])[-1], (figures[-2] if len(figures) > 1 else empty)
    labels = [month_day(day) for day in days]
    people: dict[str, Sequence[float | None]] = {
        say(f"region.{name}"): [getattr(one, name) for one in figures] for name in ("checked_in", "answered", "gaps")
    }
    return views.page(
        request,
        "region_group.html",
        active="region",
        heading=row.name,
        group=row,
        weeks=weeks,
        until=days[-1] + timedelta(days=6) if days else None,
        now=now,
        change=rules.change(now.checked_in, before.checked_in),
        lamp=rules.lamp(now.neighbours, now.checked_in, before.checked_in, now.gaps),
        people=charts.line(labels, people, area=say("region.checked_in")),
        messages=charts.bars(labels, {say("region.messages"): [one.messages for one in figures]}),
        **SAID,
    )
