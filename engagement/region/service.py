"""Counts closed weeks, a few groups at a time, and seals them region by region; reads what was sealed.

Counting only reads and may take its time; what it found is written in one short transaction.

Source: F98, F115, F116.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select
from sqlmodel import col
from sqlmodel import select as pick

from engagement import calendar
from engagement.region import rules
from storage import bonds, platform_days
from storage.customer_groups import CustomerGroup
from storage.documents import Question
from storage.engine import Session
from storage.groups import Group, GroupHour, Member, Region
from storage.ledger import Entry
from storage.weeks import CampaignWeek, GroupWeek, RegionWeek

WEEK = timedelta(days=7)
_TOLD_AFTER = timedelta(hours=12)
"""What a platform counted about a day is fetched on the next morning."""
CHUNK = 50
_M = Member.__table__  # type: ignore[attr-defined]
_E = Entry.__table__  # type: ignore[attr-defined]
_Q = Question.__table__  # type: ignore[attr-defined]
_FIRST = _M.alias("first_membership")
_ASKED = _M.alias("asked_as")
_PRESENT = ("checkin", "topic")
"""Kinds of points that somebody gets for a message in the group."""


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be counted next.

    Attributes:
        groups: id → zone; empty = all are counted and the week can be sealed.
    """

    region_id: int
    week: date
    groups: Mapping[int, str]


def due(session: Session, now: datetime, limit: int = CHUNK) -> Due | None:
    """Return which groups of which region's week are to be counted; None when all closed weeks are sealed.

    The newest week comes first, older ones back to ``rules.WEEKS`` after it. A week is closed when it is over in every group.
    """
    earliest = calendar.week_start((now - timedelta(days=2)).date()) - rules.WEEKS * WEEK
    sealed: dict[int, set[date]] = defaultdict(set)
    for region, week in session.execute(
        select(col(RegionWeek.region_id), col(RegionWeek.week)).where(col(RegionWeek.week) >= earliest)
    ):
        sealed[region].add(week)
    for region in session.exec(pick(Region.id).order_by(col(Region.id))):
        assert region is not None
        zones = _zones(session, region, sealed[region], now)
        if not zones:
            continue
        known = now - _TOLD_AFTER if _is_told(session, region) else now
        newest = min(calendar.week_start(calendar.local_day(known, zone)) for zone in zones) - WEEK
        for back in range(rules.WEEKS):
            week = newest - back * WEEK
            if week not in sealed[region]:
                return Due(region, week, _uncounted(session, region, week, zones, limit))
    return None


def _is_told(session: Session, region: int) -> bool:
    """Say whether a platform counts for groups of a region, which it does a night later."""
    owned = (col(CustomerGroup.channel) == col(Group.channel)) & (col(CustomerGroup.account) == col(Group.account))
    here = pick(CustomerGroup.conversation).join(
        Group, owned & (col(CustomerGroup.conversation) == col(Group.external_id))
    )
    return session.exec(here.where(Group.region_id == region).limit(1)).first() is not None


def _zones(session: Session, region: int, sealed: set[date], now: datetime) -> list[str]:
    """Return the zones of a region's groups; none if nothing can be due, which most calls find."""
    # Whatever the zone, this is closed; while it is, and the week before it, the groups need not be asked.
    latest = calendar.week_start((now + timedelta(hours=14)).date()) - WEEK
    if all(latest - back * WEEK in sealed for back in range(rules.WEEKS)):
        return []
    return list(
        session.exec(pick(Group.zone).where(Group.region_id == region, Group.state == "active").distinct()).all()
    )


def _uncounted(session: Session, region: int, week: date, zones: Sequence[str], limit: int) -> dict[int, str]:
    def there(zone: str) -> ColumnElement[bool]:
        # A group that began on the Monday after has nothing in this week, whatever the date is elsewhere.
        return and_(col(Group.zone) == zone, col(Group.created_at) < bounds(week, zone)[1])

    counted = exists().where(col(GroupWeek.group_id) == col(Group.id), col(GroupWeek.week) == week)
    rows = session.execute(
        select(col(Group.id), col(Group.zone))
        .where(col(Group.region_id) == region, col(Group.state) == "active", ~counted)
        .where(or_(*(there(zone) for zone in zones)))
        .order_by(col(Group.id))
        .limit(limit)
    )
    return dict(rows.all())


def count(session: Session, one: Due) -> list[GroupWeek]:
    """Count a week of some groups of a region."""
    found = {group: GroupWeek(group_id=group, week=one.week, region_id=one.region_id) for group in one.groups}
    by_zone: dict[str, list[int]] = defaultdict(list)
    for group, zone in one.groups.items():
        by_zone[zone].append(group)
    for zone, groups in by_zone.items():
        since, until = bounds(one.week, zone)
        _neighbours(session, found, groups, until)
        _questions(session, found, groups, since, until)
        hours = select(col(GroupHour.group_id), func.sum(col(GroupHour.messages))).where(
            col(GroupHour.group_id).in_(groups), col(GroupHour.hour) >= since, col(GroupHour.hour) < until
        )
        for group, messages in session.execute(hours.group_by(col(GroupHour.group_id))):
            found[group].messages = int(messages)
    _present(session, found, one.week)
    _told(session, found, one.week)
    return list(found.values())


def _told(session: Session, found: Mapping[int, GroupWeek], week: date) -> None:
    """Take the platform's count for groups in which nobody hears the bot, where it is one group's alone.

    Behind the messages stand as many people as wrote on the liveliest day: over the week there were at least these.
    """
    days = platform_days.of_groups(session, list(found), week, week + WEEK - timedelta(days=1))
    for group, told in days.items():
        alone = [one for one in told.values() if one.of_one]
        row = found[group]
        row.messages = sum(one.messages for one in alone)
        row.messages_behind = max([row.messages_behind, *(one.speakers for one in alone)])


def bounds(week: date, zone: str) -> tuple[datetime, datetime]:
    """Return the instants [from, to) of a week in a zone."""
    return calendar.instant_of(week, 0, zone), calendar.instant_of(week + WEEK, 0, zone)


def at_home() -> ColumnElement[bool]:
    """Say of a ``member`` row that it is its person's first: each person counts in that group only.

    A membership for which another one acts is no person's of its own.
    """
    earlier = exists().where(_FIRST.c.person_id == _M.c.person_id, _FIRST.c.id < _M.c.id)
    return and_(_M.c.bonded_to.is_(None), ~earlier.correlate(_M))


def _neighbours(session: Session, found: Mapping[int, GroupWeek], groups: Sequence[int], until: datetime) -> None:
    there = (_M.c.joined_at < until) & ((_M.c.left_at.is_(None)) | (_M.c.left_at >= until))
    who = select(bonds.acts().label("member")).where(_M.c.group_id.in_(groups), there).distinct().subquery()
    rows = session.execute(
        select(_M.c.group_id, func.count(), func.sum(case((at_home(), 1), else_=0)))
        .select_from(who.join(_M, _M.c.id == who.c.member))
        .group_by(_M.c.group_id)
    )
    for group, members, behind in rows:
        found[group].neighbours = rules.in_fives(members)
        found[group].neighbours_behind = behind


def _present(session: Session, found: Mapping[int, GroupWeek], week: date) -> None:
    """Count who checked in, and who certainly wrote something."""
    who = (
        select(
            _E.c.group_id,
            bonds.acts().label("member_id"),
            func.max(case((_E.c.kind == "checkin", 1), else_=0)).label("checked"),
        )
        .select_from(_E.join(_M, _M.c.id == _E.c.member_id))
        .where(
            _E.c.group_id.in_(sorted(found)),
            _E.c.local_date >= week,
            _E.c.local_date < week + WEEK,
            _E.c.kind.in_(_PRESENT),
            _E.c.amount > 0,
        )
        .group_by(_E.c.group_id, bonds.acts())
        .subquery()
    )
    home = case((at_home(), 1), else_=0)
    rows = session.execute(
        select(who.c.group_id, func.sum(who.c.checked), func.sum(who.c.checked * home), func.sum(home))
        .select_from(who.join(_M, _M.c.id == who.c.member_id))
        .group_by(who.c.group_id)
    )
    for group, checked, checked_home, wrote in rows:
        row = found[group]
        row.checked_in = checked
        row.checked_in_behind = rules.behind_share(checked_home, row.neighbours_behind)
        row.messages_behind = wrote


def _questions(
    session: Session, found: Mapping[int, GroupWeek], groups: Sequence[int], since: datetime, until: datetime
) -> None:
    answered = (_Q.c.state == "answered").label("answered")
    rows = session.execute(
        select(
            _Q.c.group_id, answered, func.count(), func.count(case((at_home(), _M.c.person_id), else_=None).distinct())
        )
        .select_from(
            _Q.outerjoin(_ASKED, _ASKED.c.id == _Q.c.member_id).outerjoin(
                _M, _M.c.id == func.coalesce(_ASKED.c.bonded_to, _ASKED.c.id)
            )
        )
        .where(_Q.c.group_id.in_(groups), _Q.c.asked_at >= since, _Q.c.asked_at < until)
        .group_by(_Q.c.group_id, answered)
    )
    for group, done, number, behind in rows:
        name = "answered" if done else "gaps"
        setattr(found[group], name, number)
        setattr(found[group], f"{name}_behind", behind)


def keep(session: Session, weeks: Sequence[GroupWeek], campaigns: Sequence[CampaignWeek]) -> None:
    """Write what was counted; what another process counted or sealed meanwhile stands."""
    if not weeks or session.get(RegionWeek, (weeks[0].region_id, weeks[0].week)) is not None:
        return
    known = set(
        session.exec(
            pick(GroupWeek.group_id).where(
                GroupWeek.week == weeks[0].week, col(GroupWeek.group_id).in_([one.group_id for one in weeks])
            )
        )
    )
    session.add_all(one for one in weeks if one.group_id not in known)
    session.add_all(one for one in campaigns if one.group_id not in known)
    session.flush()


def sums(session: Session, region: int, week: date) -> tuple[int, dict[str, rules.Total], dict[int, rules.Total]]:
    """Add up a region's week: how many groups, figure → sum, plan → sum."""
    columns = [getattr(GroupWeek, name + end) for name in rules.FIGURES for end in ("", "_behind")]
    here = (col(GroupWeek.region_id) == region, col(GroupWeek.week) == week)
    rows = session.execute(select(*columns).where(*here)).all()
    figures = {
        name: rules.total(rules.Cell(row[at * 2], row[at * 2 + 1]) for row in rows)
        for at, name in enumerate(rules.FIGURES)
    }
    plans: dict[int, list[rules.Cell]] = defaultdict(list)
    for plan, joined, behind in session.execute(
        select(col(CampaignWeek.plan_id), col(CampaignWeek.joined), col(CampaignWeek.joined_behind)).where(
            col(CampaignWeek.region_id) == region, col(CampaignWeek.week) == week
        )
    ):
        plans[plan].append(rules.Cell(joined, behind))
    return len(rows), figures, {plan: rules.total(cells) for plan, cells in plans.items()}


def seal(session: Session, one: Due, now: datetime) -> None:
    """Close a region's week for good, with the sums that may be shown."""
    if session.get(RegionWeek, (one.region_id, one.week)) is not None:
        return
    groups, figures, plans = sums(session, one.region_id, one.week)
    row = RegionWeek(region_id=one.region_id, week=one.week, groups=groups, sealed_at=now)
    row.figures = {name: [found.value, found.left_out] for name, found in figures.items()}
    row.campaigns = {str(plan): [found.value, found.left_out] for plan, found in plans.items()}
    session.add(row)
    session.flush()


def sealed(session: Session, region: int, most: int = rules.WEEKS) -> list[RegionWeek]:
    """Return a region's sealed weeks, the newest first."""
    rows = session.exec(
        pick(RegionWeek)
        .where(RegionWeek.region_id == region, RegionWeek.groups > 0)
        .order_by(col(RegionWeek.week).desc())
        .limit(most)
    )
    return list(rows)
