"""群: the list of groups, and one group's board: how busy it is, who leads the points, who is new and who went silent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from sqlalchemy import and_, case
from sqlmodel import col, func, select

from console import charts, second
from console.auth import Area, Visitor
from console.outside import DOOR
from console.policy import LEADERS, Allow
from console.scope import in_scope
from console.views import Views, month_day, say
from engagement import calendar
from engagement.checkin import service as checkin
from engagement.feature import GroupView
from engagement.groups import rules as groups_rules
from engagement.groups import service as groups
from engagement.leader import glance
from engagement.members import rules as members_rules
from engagement.points import service as points
from engagement.theme import service as theme
from storage import group_keys, platform_days
from storage.engine import Session
from storage.groups import Consent, Group, GroupHour, Member

router = APIRouter()
PAGE = 24
DAYS = 21
LISTED = 100
"""Names that a list of the board opens out to; the first ones stand there at once."""
LONGEST_QUERY = 40
_MESSAGES = {"": "chart_messages", "one": "chart_messages_one", "several": "chart_messages_several"}
"""Whose count of messages it is → what the line is called."""


@dataclass(frozen=True, slots=True)
class Row:
    """A group in the list."""

    group: Group
    members: int
    day: glance.Day
    missing: bool
    paused: bool


@dataclass(frozen=True, slots=True)
class Seat:
    """A place on the board."""

    rank: int
    name: str
    points: int
    week: int


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Somebody who is new, or has not been seen for so many days."""

    name: str
    days: int
    tried: bool = True


@dataclass(frozen=True, slots=True)
class Entrance:
    """The link by which neighbours come into a group where nobody hears them.

    Attributes:
        link: empty while nobody has needed one; ``since`` when it opens, ``picture`` it as a QR code.
        pages: somebody has said under which address the pages stand.
        opens: an account is there that vouches for who taps it.
    """

    link: str
    since: datetime | None
    picture: str
    pages: bool
    opens: bool


@dataclass(frozen=True, slots=True)
class Board:
    """Everything that a group's page shows.

    Attributes:
        told: messages as the platform counts them, which are hundreds where check-ins are ten; then the chart has those alone.
        source: whose the count of messages is: empty = ours; ``one`` = the platform's of this group alone; ``several`` = the
            platform's of all groups of its owner.
        seats_count, new_count, silent_count: all of them, of whom the first are named.
        known: neighbours who are recorded; ``unknown`` never agreed to be: counted, never named.
    """

    group: Group
    members: int
    day: glance.Day
    ring: charts.Ring
    chart: charts.Data
    told: charts.Data | None
    source: str
    heat: list[list[int]]
    seats: list[Seat]
    seats_count: int
    new: list[Neighbour]
    new_count: int
    silent: list[Neighbour]
    silent_count: int
    known: int
    unknown: int
    theme_name: str
    theme_slogan: str


@router.get("/console/groups", dependencies=[Depends(Allow(Area.CONSOLE, LEADERS))])
async def listing(request: Request, q: str = "", after: str = "") -> Response:
    """List one's groups, paged by key, with a search in their names."""
    console, views = request.app.state.console, request.app.state.views
    assert isinstance(views, Views)
    visitor: Visitor = request.state.visitor
    q = q.strip()[:LONGEST_QUERY].replace("\x00", "")
    start = int(after) if after.isascii() and after.isdecimal() and len(after) < 16 else 0
    now = console.clock.now()
    rows, following, total = await console.database.read(lambda s: find(s, visitor, q, start, now))
    return views.page(
        request,
        "groups.html",
        rows=rows,
        following=following,
        total=total,
        q=q,
        start=start,
        active="groups",
    )


def find(session: Session, visitor: Visitor, q: str, start: int, now: datetime) -> tuple[list[Row], int, int]:
    """Return a page of groups by id, where the next one begins (0: nowhere), and how many there are in all."""
    wanted = in_scope(visitor)
    if q:
        wanted = [*wanted, col(Group.name).contains(q, autoescape=True)]
    total = int(session.exec(select(func.count()).select_from(Group).where(*wanted)).one())
    found = list(
        session.exec(select(Group).where(*wanted, col(Group.id) > start).order_by(col(Group.id)).limit(PAGE + 1))
    )
    shown = found[:PAGE]
    days = glance.days(session, [GroupView.of(one) for one in shown], now)
    members = dict(
        session.exec(
            select(Member.group_id, func.count())
            .where(col(Member.group_id).in_([one.id for one in shown]), col(Member.left_at).is_(None))
            .group_by(col(Member.group_id))
        ).all()
    )
    rows = [
        Row(
            one,
            members.get(one.id or 0, 0),
            days[one.id or 0],
            any(not (one.facts or {}).get(key) for key in groups_rules.NEEDED),
            one.daily_budget == 0,
        )
        for one in shown
    ]
    return rows, (shown[-1].id or 0) if len(found) > PAGE else 0, total


@router.get("/console/groups/{group_id}", dependencies=[Depends(Allow(Area.CONSOLE, LEADERS, reads="group.viewed"))])
async def board(request: Request, group_id: str) -> Response:  # noqa: ARG001 - the policy reads it
    """Show one group."""
    console, views = request.app.state.console, request.app.state.views
    assert isinstance(views, Views)
    group: Group = request.state.group
    now = console.clock.now()
    found = await console.database.read(lambda session: board_of(session, group, now))
    entrance = None if group.hears else await console.database.read(lambda session: _entrance(session, request, group))
    return views.page(request, "group.html", board=found, group=group, entrance=entrance, active="groups")


def _entrance(session: Session, request: Request, group: Group) -> Entrance:
    """Read how a group's link stands; it is made and changed by the command that the leader has in the chat.

    Source: ADR-0021.
    """
    console = request.app.state.console
    assert group.id is not None
    key = group_keys.opening(session, group.id) if console.public_url else None
    link = "" if key is None else f"{console.public_url}{DOOR}{key.key}"
    return Entrance(
        link,
        None if key is None else key.made_at,
        second.picture(link) if link else "",
        bool(console.public_url),
        console.outside is not None,
    )


def board_of(session: Session, group: Group, now: datetime) -> Board:
    """Read what the page shows of a group."""
    assert group.id is not None
    today = calendar.local_day(now, group.zone)
    # The day that has only begun would look like a fall: the chart ends with yesterday.
    days = [today - timedelta(days=back) for back in range(DAYS, 0, -1)]
    checkins = checkin.counts_since(session, group.id, days[0])
    heard, heat = _heard(session, group, days, now)
    told = platform_days.of_groups(session, [group.id], days[0], days[-1]).get(group.id)
    source = "" if told is None else "one" if all(one.of_one for one in told.values()) else "several"
    messages, shown, told_chart = say(_MESSAGES[source]), [month_day(one) for one in days], None
    came: dict[str, charts.Figures] = {say("chart_checkins"): [checkins.get(one, 0) for one in days]}
    if told is None:
        chart = charts.line(shown, {messages: heard, **came}, area=messages)
    else:
        chart = charts.line(shown, came, area=say("chart_checkins"))
        counted = [told[one].messages if one in told else None for one in days]
        told_chart = charts.line(shown, {messages: counted}, area=messages)
    members = groups.member_count(session, group.id)
    day = glance.days(session, [GroupView.of(group)], now)[group.id]
    week: dict[int, int] = {one.member_id: one.points for one in points.board(session, group.id, "week", today)}
    month = points.board(session, group.id, "month", today)
    silent, silent_count, known, unknown = _silent(session, group.id, today)
    this_month = theme.month_of(today)
    return Board(
        group,
        members,
        day,
        charts.ring(day.checkins, members),
        chart,
        told_chart,
        source,
        charts.shades(heat),
        [Seat(one.rank, one.name, one.points, week.get(one.member_id, 0)) for one in month[:LISTED]],
        len(month),
        *_new(session, group, today, now),
        silent,
        silent_count,
        known,
        unknown,
        this_month.name,
        this_month.slogan,
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


def _new(session: Session, group: Group, today: date, now: datetime) -> tuple[list[Neighbour], int]:
    """Return who came lately (the latest first), and how many."""
    conditions = (
        Member.group_id == group.id,
        col(Member.joined_at) >= now - timedelta(days=members_rules.NEW_DAYS),
        col(Member.left_at).is_(None),
        Member.role == "member",
        Member.name != "",
    )
    newest = (col(Member.joined_at).desc(), col(Member.id).desc())
    rows = session.exec(select(Member).where(*conditions).order_by(*newest).limit(LISTED)).all()
    count = len(rows)
    if count == LISTED:
        count = session.exec(select(func.count()).select_from(Member).where(*conditions)).one()
    came = [(today - calendar.local_day(one.joined_at, group.zone)).days for one in rows]
    found = [Neighbour(one.name, days, one.account_id is not None) for one, days in zip(rows, came, strict=True)]
    return found, count


def _silent(session: Session, group_id: int, today: date) -> tuple[list[Neighbour], int, int, int]:
    """Return who was not seen for two weeks (the latest first), how many, how many are recorded, and how many are not."""
    here = (col(Member.group_id) == group_id, col(Member.left_at).is_(None), col(Member.role) == "member")
    agreed = (col(Consent.withdrawn_at).is_(None), col(Member.account_id).is_not(None))
    since = col(Member.last_seen) <= members_rules.silent_before(today)
    consent = col(Consent.person_id) == col(Member.person_id)
    rows = session.exec(
        select(Member)
        .join(Consent, consent)
        .where(*here, *agreed, since, Member.name != "")
        .order_by(col(Member.last_seen).desc(), col(Member.id))
        .limit(LISTED)
    )
    found = [Neighbour(one.name, (today - one.last_seen).days if one.last_seen else 0) for one in rows]
    recorded = and_(col(Consent.person_id).is_not(None), *agreed)
    counted = select(
        func.count(),
        func.count(case((recorded, 1), else_=None)),
        func.count(case((and_(recorded, since), 1), else_=None)),
    )
    everybody, known, gone = session.exec(counted.select_from(Member).outerjoin(Consent, consent).where(*here)).one()
    return found, gone, known, everybody - known
