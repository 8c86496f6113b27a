"""群看板: what a group did today and in the last three weeks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from sqlmodel import col, func, select

from console import charts
from console.auth import Area, Visitor
from console.policy import CONSOLE, Allow
from console.scope import chosen, groups_of
from console.views import Views, month_day, say
from engagement import calendar
from engagement.checkin import service as checkin
from engagement.groups import service as groups
from engagement.points import service as points
from engagement.theme import service as theme
from storage.documents import Question
from storage.engine import Session
from storage.groups import Group, GroupHour

router = APIRouter()
DAYS = 21
BOARD = 10


@dataclass(frozen=True, slots=True)
class Seat:
    """A place on the board."""

    rank: int
    name: str
    points: int
    week: int


@dataclass(frozen=True, slots=True)
class Board:
    """Everything the page shows of one group."""

    group: Group
    members: int
    today: date
    checked: int
    yesterday: int
    ring: charts.Ring
    chart: charts.Data
    heat: list[list[int]]
    board: list[Seat]
    waiting: int
    theme_name: str
    theme_slogan: str


@router.get("/console", dependencies=[Depends(Allow(Area.CONSOLE, CONSOLE))])
async def overview(request: Request, group: str = "") -> Response:
    """Show one group; the others are one tap away."""
    console, views = request.app.state.console, request.app.state.views
    assert isinstance(views, Views)
    visitor: Visitor = request.state.visitor
    now = console.clock.now()
    mine, board = await console.database.read(lambda s: _read(s, visitor, group, now))
    return views.page(request, "overview.html", groups=mine, board=board, active="overview")


def _read(session: Session, visitor: Visitor, wanted: str, now: datetime) -> tuple[list[Group], Board | None]:
    mine = groups_of(session, visitor)
    group = chosen(mine, wanted)
    return mine, None if group is None else board_of(session, group, now)


def board_of(session: Session, group: Group, now: datetime) -> Board:
    """Read what the page shows of a group."""
    assert group.id is not None
    today = calendar.local_day(now, group.zone)
    # The day that has only begun would look like a fall: the chart ends with yesterday.
    days = [today - timedelta(days=back) for back in range(DAYS, 0, -1)]
    checkins = checkin.counts_since(session, group.id, days[0])
    heard, heat = _heard(session, group, days, now)
    members = groups.member_count(session, group.id)
    week: dict[int, int] = {one.member_id: one.points for one in points.board(session, group.id, "week", today)}
    everything = points.board(session, group.id, "all", today)
    waiting = session.exec(
        select(func.count()).select_from(Question).where(Question.group_id == group.id, Question.state == "open")
    ).one()
    month = theme.month_of(today)
    return Board(
        group,
        members,
        today,
        checkins.get(today, 0),
        checkins.get(today - timedelta(days=1), 0),
        charts.ring(checkins.get(today, 0), members),
        charts.line(
            [month_day(day) for day in days],
            {say("chart_messages"): heard, say("chart_checkins"): [checkins.get(day, 0) for day in days]},
            area=say("chart_messages"),
        ),
        charts.shades(heat),
        [Seat(one.rank, one.name, one.points, week.get(one.member_id, 0)) for one in everything[:BOARD]],
        int(waiting),
        month.name,
        month.slogan,
    )


def _heard(session: Session, group: Group, days: list[date], now: datetime) -> tuple[list[int], list[list[int]]]:
    """Return messages heard per day, and per weekday and hour of the last seven days; in the group's zone."""
    zone = calendar.zone(group.zone)
    rows = session.exec(
        select(GroupHour.hour, GroupHour.messages).where(
            GroupHour.group_id == group.id, col(GroupHour.hour) >= calendar.instant_of(days[0], 0, group.zone)
        )
    ).all()
    per_day = dict.fromkeys(days, 0)
    heat = [[0] * 24 for _ in range(7)]
    for hour, messages in rows:
        local = hour.astimezone(zone)
        if local.date() in per_day:
            per_day[local.date()] += messages
        if hour > now - timedelta(days=7):
            heat[local.weekday()][local.hour] += messages
    return list(per_day.values()), heat
