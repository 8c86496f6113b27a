"""居民页 (H5): one's own points, calendar and this month's theme. What is shown belongs to the session's person alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from console.auth import Area, Visitor
from console.policy import RESIDENT, Allow
from console.views import Views
from engagement import calendar
from engagement.checkin import service as checkin
from engagement.checkin.card import Month as CheckinMonth
from engagement.feature import GroupView
from engagement.points import service as points
from engagement.theme import service as theme
from engagement.theme.service import Place
from prompts import packs
from prompts.loader import texts
from prompts.packs import Month
from storage import identities
from storage.engine import Session
from storage.groups import Group, Member

router = APIRouter()
HISTORY = 20
_KINDS = frozenset(
    {"checkin", "streak", "makeup", "topic", "challenge", "adjust", "reversal", "onboarding", "birthday"}
)


@dataclass(frozen=True, slots=True)
class Day:
    """A cell of the calendar; number 0 = before the first of the month."""

    number: int
    checked: bool = False
    today: bool = False
    ahead: bool = False


@dataclass(frozen=True, slots=True)
class Mine:
    """Everything the page shows."""

    group: Group
    name: str
    today: date
    standing: points.Standing
    month: CheckinMonth
    days: list[Day]
    history: list[tuple[date, str, int, str]]
    theme: Month
    rule: str
    score: int
    place: int
    board: list[Place]


@router.get("/h5", dependencies=[Depends(Allow(Area.H5, RESIDENT))])
async def mine(request: Request, group: str = "") -> Response:
    """Show a resident's own page."""
    console, views = request.app.state.console, request.app.state.views
    assert isinstance(views, Views)
    visitor: Visitor = request.state.visitor
    now = console.clock.now()
    groups, me = await console.database.read(lambda s: _read(s, visitor, group, now))
    return views.page(request, "resident.html", groups=groups, me=me)


def _read(session: Session, visitor: Visitor, wanted: str, now: datetime) -> tuple[list[Group], Mine | None]:
    memberships = [
        (member, one)
        for member, one in identities.memberships(session, visitor.person_id)
        if member.account_id is not None
    ]
    if not memberships:
        return [], None
    member, one = next((pair for pair in memberships if str(pair[1].id) == wanted), memberships[0])
    return [group for _member, group in memberships], mine_of(session, member, one, now)


def mine_of(session: Session, member: Member, group: Group, now: datetime) -> Mine:
    """Read what the page shows of one membership."""
    assert member.id is not None and member.account_id is not None and group.id is not None
    today = calendar.local_day(now, group.zone)
    month = checkin.month_of(session, GroupView.of(group), member.id, today)
    key = f"{today:%Y-%m}"
    scores = [
        one
        for one in theme.export_scores(session, member.person_id)
        if one["month"] == key and one["group"] == group.name
    ]
    board = list(theme.places(session, [(group.id, key)], 50).get((group.id, key), ()))
    history = [
        (one.local_date, what(one.kind), one.amount, one.reason)
        for one in points.history(session, member.account_id, HISTORY)
    ]
    month_theme = theme.month_of(today)
    challenge = month_theme.challenge
    place = next((one.place for one in board if one.name == member.name), 0)
    score = scores[0]["points"] if scores else 0
    return Mine(
        group,
        member.name,
        today,
        points.standing(session, group.id, group.name, member.id, member.account_id, today),
        month,
        cells(today, {*month.days, *month.made_up}),
        history,
        month_theme,
        "\n".join(packs.fill(challenge.rule, {"target": challenge.target, "reward_points": challenge.reward_points})),
        score if isinstance(score, int) else 0,
        place,
        board[:5],
    )


def what(kind: str) -> str:
    """Return the name of a kind of ledger entry."""
    return texts().raw(f"points.what_{kind}") if kind in _KINDS else kind


def cells(today: date, checked: set[int]) -> list[Day]:
    """Lay out the days of today's month, Monday first, empty cells before the first."""
    first = calendar.month_start(today)
    last = calendar.month_end(today).day
    days = [Day(0) for _ in range(first.weekday())]
    days += [Day(n, n in checked, n == today.day, n > today.day) for n in range(1, last + 1)]
    return days
