"""Whom an announcement may go to, and whom it goes to: own groups for a leader, all or a region for staff.

Source: F111, F115.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, false, func, literal, or_, select
from sqlmodel import col
from sqlmodel import select as pick

from engagement import calendar
from engagement.announcements import rules
from engagement.announcements.tables import Announcement, AnnouncementDay, AnnouncementRound
from storage import identities, mass_sends
from storage.campaigns import Schedule
from storage.engine import Session
from storage.groups import Group, Region, RoleGrant
from storage.mass_sends import MassSend

_G = Group.__table__  # type: ignore[attr-defined]
_S = Schedule.__table__  # type: ignore[attr-defined]
_R = AnnouncementRound.__table__  # type: ignore[attr-defined]
_AD = AnnouncementDay.__table__  # type: ignore[attr-defined]
_M = MassSend.__table__  # type: ignore[attr-defined]
MOST_RUNNING = 20
"""Each is counted in every group that it reached."""
_ACTIVE = _G.c.state == "active"


def led(session: Session, person_id: int) -> list[Group]:
    """Return the groups that a person leads, oldest membership first."""
    return [group for member, group in identities.memberships(session, person_id) if member.role == "leader"]


def scopes(session: Session, person_id: int) -> dict[str, str]:
    """Return what a person may announce to: scope → name of the region, or empty; the narrowest first.

    Staff of a region reach that region only; staff without one and admins reach all. Managers see figures and announce
    nothing.
    """
    found: dict[str, str] = {}
    if led(session, person_id):
        found["own"] = ""
    grants = session.exec(
        pick(RoleGrant).where(RoleGrant.person_id == person_id, col(RoleGrant.role).in_(["staff", "admin"]))
    ).all()
    everywhere = any(grant.role == "admin" or grant.region_id is None for grant in grants)
    mine = {grant.region_id for grant in grants}
    if everywhere:
        found["all"] = ""
    if grants:
        for region in session.exec(pick(Region).order_by(col(Region.id))):
            if everywhere or region.id in mine:
                found[f"region:{region.id}"] = region.name
    return found


def _within(session: Session, scope: str, person_id: int) -> ColumnElement[bool]:
    kind, region = rules.whose(scope)
    if kind == "all":
        return and_(_ACTIVE)
    if kind == "region":
        # Never NULL, so that its negation holds for groups of no region.
        return and_(_ACTIVE, _G.c.region_id.is_not_distinct_from(region))
    own = [group.id for group in led(session, person_id)]
    return and_(_ACTIVE, _G.c.id.in_(own)) if own else false()


def targets(session: Session, announcement: Announcement) -> ColumnElement[bool]:
    """Return the condition on groups that a draft's first round will go to."""
    wanted = _within(session, announcement.scope, announcement.author_id)
    left = left_out(announcement)
    return and_(wanted, _G.c.id.not_in(left)) if left else wanted


def reached(campaign_id: int) -> ColumnElement[bool]:
    """Return the condition on active groups that a confirmed round went to."""
    return and_(_ACTIVE, _G.c.id.in_(select(_S.c.group_id).where(_S.c.campaign_id == campaign_id)))


def still_told(session: Session, announcement: Announcement) -> ColumnElement[bool]:
    """Return the condition on active groups that have had the beginning of a confirmed announcement and not yet its end."""
    assert announcement.id is not None
    over = (
        select(_S.c.group_id)
        .join(_R, _R.c.campaign_id == _S.c.campaign_id)
        .where(_R.c.announcement_id == announcement.id, _R.c.step == "end", _R.c.state == "sent")
    )
    began = first_campaigns(session, [announcement.id]).get(announcement.id, 0)
    return and_(reached(began), _G.c.id.not_in(over))


def ending(session: Session, person_id: int, announcement: Announcement) -> ColumnElement[bool]:
    """Return the condition on the groups in which a person may go on with an announcement.

    That is in all for the author, and for those who may announce to every one of them; staff of a region, in its part.
    """
    told = still_told(session, announcement)
    allowed = {scope: _within(session, scope, person_id) for scope in scopes(session, person_id)}
    if announcement.author_id == person_id or _covers(session, list(allowed.values()), told):
        return told
    return and_(told, or_(*(where for scope, where in allowed.items() if scope != "own"), false()))


def running(session: Session, person_id: int) -> list[Announcement]:
    """Return the open announcements that some group of a person's scopes hears of, or that are his own; newest first."""
    allowed = or_(*(_within(session, scope, person_id) for scope in scopes(session, person_id)), false())
    there = (
        select(_R.c.announcement_id)
        .join(_S, _S.c.campaign_id == _R.c.campaign_id)
        .join(_G, _G.c.id == _S.c.group_id)
        .where(_R.c.step == "first", allowed)
    )
    found = session.exec(
        pick(Announcement)
        .where(
            Announcement.state == "open", or_(col(Announcement.author_id) == person_id, col(Announcement.id).in_(there))
        )
        .order_by(col(Announcement.id).desc())
        .limit(MOST_RUNNING)
    )
    # Where the staff of a region have told the end, it runs no more for them.
    return [one for one in found if one.author_id == person_id or count(session, still_told(session, one) & allowed)]


def left_out(announcement: Announcement) -> list[int]:
    """Return the ids of the groups that the author took out."""
    kept = (announcement.left_out or {}).get("groups")
    return [one for one in kept if type(one) is int] if isinstance(kept, list) else []


def names(session: Session, where: ColumnElement[bool], limit: int) -> list[tuple[int, str]]:
    """Return (id, name) of the first groups."""
    return [
        (row[0], row[1])
        for row in session.execute(select(_G.c.id, _G.c.name).where(where).order_by(_G.c.id).limit(limit))
    ]


def count(session: Session, where: ColumnElement[bool]) -> int:
    """Count groups."""
    return int(session.execute(select(func.count()).select_from(_G).where(where)).scalar_one())


def asleep(session: Session, where: ColumnElement[bool], now: datetime) -> int:
    """Count groups in which quiet hours hold now."""
    found = session.execute(
        select(_G.c.zone, _G.c.quiet_from, _G.c.quiet_to, func.count())
        .where(where)
        .group_by(_G.c.zone, _G.c.quiet_from, _G.c.quiet_to)
    )
    nights = [rules.Night(*row) for row in found]
    return rules.asleep(nights, {one.zone: calendar.local_minute(now, one.zone) for one in nights})


def full(session: Session, where: ColumnElement[bool], now: datetime, most: int = rules.MOST_A_DAY) -> int:
    """Count groups that have had so many announcements today."""
    rows = session.execute(
        select(_G.c.zone, _AD.c.local_date)
        .join(_AD, _AD.c.group_id == _G.c.id)
        .where(
            where,
            _AD.c.said >= most,
            _AD.c.local_date >= calendar.local_day(now - timedelta(days=1), "UTC"),
        )
    )
    return sum(calendar.local_day(now, zone) == day for zone, day in rows)


def asks_its_leader() -> ColumnElement[bool]:
    """Return the condition on groups into which nothing goes but what the leader there confirms, once a day."""
    return and_(~_G.c.speaks)


def shut(session: Session, where: ColumnElement[bool], now: datetime, *, rings: bool) -> ColumnElement[bool]:
    """Return the condition on groups that had, or wait for, the one message of the day on which they would be told.

    Args:
        where: only these are asked about.
        rings: quiet hours do not hold it back; else who sleeps now is told when they are over.

    Source: ADR-0019.
    """
    taken = select(_M.c.id).where(
        _M.c.channel == _G.c.channel,
        _M.c.account == _G.c.account,
        _M.c.conversation == _G.c.external_id,
        _M.c.local_date == _told_on(session, where & asks_its_leader(), now, rings=rings),
        mass_sends.TAKES_THE_DAY,
    )
    return and_(asks_its_leader(), taken.exists())


def _told_on(session: Session, where: ColumnElement[bool], now: datetime, *, rings: bool) -> ColumnElement[date]:
    """Return the day, as the platform counts them, on which a group is told what is sent now."""
    today = calendar.local_day(now, mass_sends.ZONE)
    of = _M.c.local_date.type
    later = []
    if not rings:
        hours = _G.c.zone, _G.c.quiet_from, _G.c.quiet_to
        for night in session.execute(select(*hours).where(where).distinct()):
            told = calendar.local_day(calendar.quiet_ends(now, *night), mass_sends.ZONE)
            if told != today:
                its = and_(*(column == value for column, value in zip(hours, night, strict=True)))
                later.append((its, literal(told, of)))
    return case(*later, else_=literal(today, of)) if later else literal(today, of)


def ids(session: Session, where: ColumnElement[bool]) -> set[int]:
    """Return the ids of groups."""
    return set(session.execute(select(_G.c.id).where(where)).scalars())


def first_campaigns(session: Session, announcements: Collection[int]) -> dict[int, int]:
    """Return announcement id → campaign id of its first round, of those that were confirmed."""
    rows = session.exec(
        pick(AnnouncementRound.announcement_id, AnnouncementRound.campaign_id).where(
            col(AnnouncementRound.announcement_id).in_(announcements),
            AnnouncementRound.step == "first",
            col(AnnouncementRound.campaign_id).is_not(None),
        )
    )
    return {announcement: campaign for announcement, campaign in rows if campaign is not None}


def managed(session: Session, person_id: int, states: Sequence[str], limit: int = 5) -> list[Announcement]:
    """Return the confirmed announcements that a person may go on with, newest first.

    These are one's own, and those whose groups all lie where one may announce: another leader of the same group can tell
    the end while the author sleeps.
    """
    allowed = [_within(session, scope, person_id) for scope in scopes(session, person_id)]
    there = (
        select(_R.c.announcement_id)
        .join(_S, _S.c.campaign_id == _R.c.campaign_id)
        .join(_G, _G.c.id == _S.c.group_id)
        .where(_R.c.step == "first", or_(*allowed, false()))
    )
    recent = session.exec(
        pick(Announcement)
        .where(
            col(Announcement.state).in_(states),
            or_(col(Announcement.author_id) == person_id, col(Announcement.id).in_(there)),
        )
        .order_by(col(Announcement.id).desc())
        .limit(50)
    ).all()
    campaigns = first_campaigns(session, [one.id for one in recent if one.id is not None])
    mine = [
        one
        for one in recent
        if one.author_id == person_id or (one.id in campaigns and _covers(session, allowed, reached(campaigns[one.id])))
    ]
    return mine[:limit]


def _covers(session: Session, allowed: Sequence[ColumnElement[bool]], where: ColumnElement[bool]) -> bool:
    """Say whether there are such groups and each lies in one of the allowed sets."""
    beyond = where
    for one in allowed:
        beyond = beyond & ~one
    return bool(allowed) and count(session, where) > 0 and count(session, beyond) == 0
