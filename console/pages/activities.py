"""活动: a group's month (theme and challenge), its topics of today and tomorrow, and what campaigns say in the next weeks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from console.auth import Area
from console.policy import LEADERS, Allow
from console.views import Views, say
from engagement import calendar
from engagement.campaigns import choices, words
from engagement.theme import figures
from engagement.theme import rules as theme_rules
from engagement.theme import service as theme
from engagement.topic import shown as topics
from prompts.loader import shown_day
from prompts.packs import Month
from storage.engine import Session
from storage.groups import Group

router = APIRouter()
BOARD = 10
SHOWN = 30


@dataclass(frozen=True, slots=True)
class Push:
    """What a campaign says in the group on a day to come; ``reference`` is ``plan.group``, as buttons have it."""

    plan: int
    beat: int
    day: str
    clock: str
    name: str
    title: str
    kind: str
    enabled: bool
    paused: bool
    movable: bool
    reference: str


@dataclass(frozen=True, slots=True)
class Activities:
    """Everything on the page."""

    month: Month
    totals: figures.Totals
    places: Sequence[theme.Place]
    today: topics.Shown | None
    tomorrow: topics.Shown | None
    answers: int
    pushes: list[Push]
    more: int


@router.get(
    "/console/groups/{group_id}/activities",
    dependencies=[Depends(Allow(Area.CONSOLE, LEADERS, reads="challenge.viewed"))],
)
async def page(request: Request, group_id: str) -> Response:  # noqa: ARG001 - the policy reads it
    """Show a group's month, topics and campaigns."""
    console, views = request.app.state.console, request.app.state.views
    assert isinstance(views, Views)
    group: Group = request.state.group
    now = console.clock.now()
    found = await console.database.read(lambda session: read(session, group, now))
    return views.page(
        request,
        "activities.html",
        group=group,
        found=found,
        active="activities",
    )


def read(session: Session, group: Group, now: datetime) -> Activities:
    """Read the page."""
    assert group.id is not None
    today = calendar.local_day(now, group.zone)
    key = (group.id, theme_rules.month_key(today))
    known = topics.known(session, group.id, [today, today + timedelta(days=1)])
    coming = [one for one in choices.coming(session, group, now) if one.here.plan.audience == "groups"]
    here = known.get(today)
    return Activities(
        theme.month_of(today),
        figures.totals(session, [key]).get(key, figures.Totals()),
        theme.places(session, [key], BOARD).get(key, ()),
        here,
        known.get(today + timedelta(days=1)),
        0 if here is None else topics.answers(session, here.id),
        [_push(one, group, today) for one in coming[:SHOWN]],
        max(0, len(coming) - SHOWN),
    )


def _push(one: choices.Coming, group: Group, today: date) -> Push:
    plan = one.here.plan
    return Push(
        plan.id or 0,
        one.beat.id or 0,
        say("activities.today") if one.day == today else shown_day(one.day),
        words.clock(one.at, group.zone),
        plan.name,
        one.beat.title if one.beat.title != plan.name else plan.slogan,
        words.kind_name(plan.form),
        one.here.enabled,
        one.here.state == "paused",
        choices.may_move(plan),
        f"{plan.id}.{group.id}",
    )
