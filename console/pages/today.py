"""今日: what happened in the groups since yesterday, and what waits for who looks, each with one tap.

Source: F131.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from sqlmodel import col, select

from console.auth import Area, Role, Visitor
from console.desk import Subjects
from console.policy import ANYBODY_SIGNED_IN, LEADERS, STAFF, Allow
from console.scope import groups_of
from console.views import Views
from engagement import calendar
from engagement.announcements import pending as announcements
from engagement.campaigns import choices, words
from engagement.faq import waiting as questions
from engagement.faq.service import Waiting
from engagement.feature import GroupView
from engagement.groups import rules as groups_rules
from engagement.leader import glance
from engagement.leader.words import pushes
from engagement.members import rules as members_rules
from engagement.moderation import waiting as moderation
from engagement.points import requests as gifts
from storage import mass_sends, platform_days
from storage.engine import Session
from storage.groups import Group, Member
from storage.platform_days import PlatformDay

T = TypeVar("T")
router = APIRouter()
LINES = 30
"""Groups whose day is shown."""
LOOKED_INTO = 6
"""Groups whose pushes of today are looked up one by one."""
CARDS = 12
SETTLING = timedelta(days=1)
"""So long nobody is said to be quiet: the bot's own welcome is still fresh."""
_KINDS = ("topic", "topic_summary", "theme", "challenge")


@dataclass(frozen=True, slots=True)
class Line:
    """One group's day; ``told``: what the platform counted yesterday where nobody hears the bot."""

    id: int
    name: str
    day: glance.Day
    coming: str
    told: PlatformDay | None


@dataclass(frozen=True, slots=True)
class Push:
    """What a campaign says in a group today."""

    group_id: int
    group: str
    plan: int
    name: str
    title: str
    clock: str
    movable: bool
    enabled: bool
    reference: str


@dataclass(frozen=True, slots=True)
class Missing:
    """A fact that neighbours ask for every day and nobody has told."""

    group_id: int
    group: str
    word: str


@dataclass(frozen=True, slots=True)
class Quiet:
    """Newcomers of a group who have not tried anything yet."""

    group_id: int
    group: str
    names: list[str]


@dataclass(slots=True)
class Today:
    """Everything on the page.

    Attributes:
        behind: more waits than has a card.
        abouts: question id → the signed field that its answer carries.
        zones: group id → time zone.
    """

    lines: list[Line] = field(default_factory=list)
    more: bool = False
    questions: list[Waiting] = field(default_factory=list)
    cases: list[moderation.WaitingCase] = field(default_factory=list)
    gifts: list[gifts.Request] = field(default_factory=list)
    drafts: list[announcements.Pending] = field(default_factory=list)
    pushes: list[Push] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    quiet: list[Quiet] = field(default_factory=list)
    behind: bool = False
    abouts: dict[int, str] = field(default_factory=dict)
    zones: dict[int, str] = field(default_factory=dict)

    @property
    def waiting(self) -> int:
        """How many cards ask for something."""
        return sum(
            len(part) for part in (self.questions, self.cases, self.gifts, self.drafts, self.missing, self.quiet)
        )

    def first(self, part: Sequence[T]) -> list[T]:
        """Return what has a card of a part that was read up to one more."""
        self.behind = self.behind or len(part) > CARDS
        return list(part[:CARDS])


@router.get("/console", dependencies=[Depends(Allow(Area.CONSOLE, ANYBODY_SIGNED_IN))])
async def entrance(request: Request) -> Response:
    """Go to where who is signed in begins the day."""
    visitor: Visitor = request.state.visitor
    return RedirectResponse("/console/region" if visitor.role is Role.MANAGER else "/console/today", 303)


@router.get("/console/today", dependencies=[Depends(Allow(Area.CONSOLE, LEADERS, reads="today.viewed"))])
async def today(request: Request) -> Response:
    """Show the day of one's groups; staff see where most waits."""
    console, views = request.app.state.console, request.app.state.views
    assert isinstance(views, Views)
    visitor: Visitor = request.state.visitor
    subjects = Subjects(console.secret)
    now = console.clock.now()
    found = await console.database.read(lambda session: read(session, visitor, now))
    for one in found.questions:
        found.abouts[one.id] = subjects.seal(visitor.person_id, f"question:{one.id}")
    return views.page(request, "today.html", found=found, now=now, staff=visitor.role in STAFF, active="today")


def read(session: Session, visitor: Visitor, now: datetime) -> Today:
    """Read the page: a fixed number of statements, and some for each of a few groups."""
    staff = visitor.role in STAFF
    mine = [] if staff else groups_of(session, visitor)
    scope = None if staff else [one.id or 0 for one in mine]
    found = Today()
    me, most = visitor.person_id, CARDS + 1
    found.questions = found.first(questions.waiting(session, scope, most))
    found.cases = found.first(moderation.waiting(session, scope, now, but_of=me, most=most))
    found.gifts = found.first(gifts.waiting(session, scope, now, but_of=me, most=most))
    found.drafts = announcements.pending(session, visitor.person_id, now)
    shown = _busiest(session, found) if staff else mine
    found.more = len(shown) > LINES or staff
    shown = shown[:LINES]
    found.zones = {one.id or 0: one.zone for one in shown}
    days = glance.days(session, [GroupView.of(one) for one in shown], now, _KINDS)
    yesterday = calendar.local_day(now, mass_sends.ZONE) - timedelta(days=1)
    told = platform_days.of_groups(session, list(found.zones), yesterday, yesterday)
    found.lines = [
        Line(number, one.name, days[number], pushes(days[number].coming), told.get(number, {}).get(yesterday))
        for one in shown
        if (number := one.id or 0)
    ]
    planned: choices.Known = {}
    for group in shown[:LOOKED_INTO]:
        found.pushes.extend(_pushes(session, group, now, planned))
    found.missing = found.first(_missing(shown))
    if not staff:
        found.quiet = _quiet(session, shown, now)
    return found


def _busiest(session: Session, found: Today) -> list[Group]:
    """Return the groups where most waits, for who looks after all of them."""
    counts = Counter(questions.counts(session, LINES))
    counts.update(one.group_id for one in found.cases)
    counts.update(one.group_id for one in found.gifts)
    wanted = [group_id for group_id, _ in counts.most_common(LINES)]
    rows = {one.id: one for one in session.exec(select(Group).where(col(Group.id).in_(wanted)))}
    picked = [rows[group_id] for group_id in wanted if group_id in rows]
    if len(picked) < LOOKED_INTO:
        # A quiet day, or a young installation: the newest groups, so that the page is not empty.
        others = session.exec(
            select(Group).where(Group.state == "active").order_by(col(Group.id).desc()).limit(LOOKED_INTO)
        )
        picked += [one for one in others if one.id not in rows]
    return picked


def _pushes(session: Session, group: Group, now: datetime, planned: choices.Known) -> list[Push]:
    """Return what campaigns still say in a group today."""
    tomorrow = calendar.local_day(now, group.zone) + timedelta(days=1)
    left = calendar.instant_of(tomorrow, 0, group.zone) - now
    rows = []
    for one in choices.coming(session, group, now, left, planned):
        if one.here.plan.audience != "groups" or one.here.state != "running":
            continue
        plan = one.here.plan
        rows.append(
            Push(
                group.id or 0,
                group.name,
                plan.id or 0,
                plan.name,
                one.beat.title,
                words.clock(one.at, group.zone),
                choices.may_move(plan),
                one.here.enabled,
                f"{plan.id}.{group.id}.{one.beat.id}",
            )
        )
    return rows


def _missing(groups: Sequence[Group]) -> list[Missing]:
    shown = groups_rules.shown_facts()
    return [
        Missing(one.id or 0, one.name, shown[key])
        for one in groups
        for key in groups_rules.NEEDED
        if not (one.facts or {}).get(key)
    ]


def _quiet(session: Session, groups: Sequence[Group], now: datetime) -> list[Quiet]:
    """Return who joined in the last days, but not since yesterday's hour, and has not used anything yet."""
    names: dict[int, list[str]] = {}
    rows = session.exec(
        select(Member.group_id, Member.name)
        .where(
            col(Member.group_id).in_([one.id for one in groups]),
            col(Member.joined_at) >= now - timedelta(days=members_rules.NEW_DAYS),
            col(Member.joined_at) <= now - SETTLING,
            col(Member.left_at).is_(None),
            col(Member.account_id).is_(None),
            Member.role == "member",
            Member.name != "",
        )
        .order_by(col(Member.id).desc())
        .limit(60)
    )
    for group_id, name in rows:
        names.setdefault(group_id, []).append(name)
    return [Quiet(one.id or 0, one.name, names[one.id or 0][:6]) for one in groups if one.id in names]
