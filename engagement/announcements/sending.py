"""A confirmed announcement on its way: handed to the planner, and taken back as far as it is not out.

A confirmed round is a campaign with one schedule a group, due now; planner and delivery do the rest, so that a round is as
safe as any push: rows say what went where, a kill loses none, and two presses are one.

Source: F111; ADR-0004.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Boolean, ColumnElement, Integer, String, insert, literal, select, tuple_, update
from sqlmodel import col
from sqlmodel import select as pick

from engagement.announcements import audience, rules, service
from engagement.announcements.service import Draft
from engagement.announcements.tables import Announcement, AnnouncementDay, AnnouncementRound
from engagement.errors import Refusal
from engagement.feature import Context
from storage import audit
from storage.campaigns import Campaign, Delivery, Schedule
from storage.columns import UtcMicros
from storage.engine import Session
from storage.groups import Group

KIND, URGENT = "announcement", "announcement_urgent"
GRACE_MINUTES = 12 * 60
"""Later than this it is not sent any more; long enough for a night."""

_G = Group.__table__  # type: ignore[attr-defined]
_S = Schedule.__table__  # type: ignore[attr-defined]
_D = Delivery.__table__  # type: ignore[attr-defined]
_R = AnnouncementRound.__table__  # type: ignore[attr-defined]
_AD = AnnouncementDay.__table__  # type: ignore[attr-defined]


def confirm(ctx: Context, draft: Draft) -> None:
    """Hand a draft to the planner: from here on its rows carry it.

    Raises:
        Refusal: nobody to tell, no right to these groups any more, or the announcement is over.
    """
    announcement, made = draft.announcement, draft.round
    if draft.is_first and announcement.scope not in audience.scopes(ctx.session, ctx.actor.person_id):
        raise Refusal("announcements.nobody")
    if not draft.is_first and announcement.state != "open":
        raise Refusal("announcements.ended_already")
    wanted = service.where(ctx, draft)
    groups = audience.count(ctx.session, wanted)
    if not groups:
        raise Refusal("announcements.nobody")
    kind = URGENT if draft.rings_at_night else KIND
    campaign = Campaign(key=f"announcement:{announcement.id}:{made.id}", kind=kind, created_at=ctx.now)
    ctx.session.add(campaign)
    ctx.session.flush()
    taken = ctx.session.execute(
        update(_R)
        .where(_R.c.id == made.id, _R.c.state == "draft")
        .values(state="sent", campaign_id=campaign.id, confirmed_at=ctx.now)
        .returning(_R.c.id)
    ).first()
    if taken is None:
        raise Refusal("announcements.sent_already")
    ctx.session.execute(
        insert(_S).from_select(
            [
                "campaign_id",
                "group_id",
                "kind",
                "zone",
                "local_minute",
                "grace_minutes",
                "next_at",
                "enabled",
                "shift_days",
            ],
            select(
                literal(campaign.id, Integer),
                _G.c.id,
                literal(kind, String),
                _G.c.zone,
                literal(0, Integer),
                literal(GRACE_MINUTES, Integer),
                literal(ctx.now, UtcMicros),
                literal(True, Boolean),
                literal(0, Integer),
            ).where(wanted),
        )
    )
    # An end in a part of the groups leaves it open for the others.
    goes_on = made.step != "end" or audience.count(ctx.session, audience.still_told(ctx.session, announcement))
    announcement.state = "open" if goes_on else "ended"
    ctx.session.add(announcement)
    audit.record(
        ctx.session,
        at=ctx.now,
        actor_id=ctx.actor.person_id,
        group_id=None,
        action="announcement.sent",
        round=made.id or 0,
        groups=groups,
    )


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What a withdrawal came to: groups that are spared, and groups that have read it or just get it."""

    about: str
    spared: int
    told: int


def withdraw(ctx: Context) -> Withdrawn:
    """Take back what has not gone out yet of the latest announcement for which that is something.

    An announcement that no group has read is over; an end that none has read is none.

    Raises:
        Refusal: ``announcements.none_waiting``.
    """
    for announcement in audience.managed(ctx.session, ctx.actor.person_id, ["open", "ended"]):
        rounds = _rounds(ctx.session, announcement)
        spared = sum(_stop(ctx.session, one) for one in rounds)
        if not spared:
            continue
        first = service.first_words(ctx.session, announcement)
        told = 0
        for one in rounds:
            read = _told(ctx.session, one)
            told = max(told, read)
            if not read:
                one.state = "withdrawn"
                ctx.session.add(one)
                if one.step == "first":
                    announcement.state = "withdrawn"
                elif one.step == "end" and announcement.state == "ended":
                    announcement.state = "open"
        ctx.session.add(announcement)
        audit.record(
            ctx.session,
            at=ctx.now,
            actor_id=ctx.actor.person_id,
            group_id=None,
            action="announcement.withdrawn",
            announcement=announcement.id or 0,
            groups=spared,
        )
        return Withdrawn(rules.about(first), spared, told)
    raise Refusal("announcements.none_waiting")


def _rounds(session: Session, announcement: Announcement) -> list[AnnouncementRound]:
    """Return the confirmed rounds, the first one last, so that its state decides."""
    return list(
        session.exec(
            pick(AnnouncementRound)
            .where(AnnouncementRound.announcement_id == announcement.id, AnnouncementRound.state == "sent")
            .order_by(col(AnnouncementRound.id).desc())
        )
    )


def _stop(session: Session, made: AnnouncementRound) -> int:
    """Close what of a round is not out: schedules that are not planned, rows that wait. Returns how many groups."""
    unplanned = session.execute(
        update(_S)
        .where(_S.c.campaign_id == made.campaign_id, _S.c.next_at.is_not(None))
        .values(next_at=None)
        .returning(_S.c.group_id)
    ).all()
    return len(unplanned) + close(session, _D.c.campaign_id == made.campaign_id, "cancelled")


def close(session: Session, rows: ColumnElement[bool], why: str) -> int:
    """Cancel pending rows and give back their place among the day's announcements; returns how many.

    A row that is being sent right now goes out: whether the platform has it is not known.
    """
    rings = select(_D.c.group_id, _D.c.local_date).where(
        rows, _D.c.state == "pending", _D.c.body.not_like('{"kind": "edit"%')
    )
    session.execute(
        update(_AD)
        .where(tuple_(_AD.c.group_id, _AD.c.local_date).in_(rings), _AD.c.said > 0)
        .values(said=_AD.c.said - 1)
    )
    closed = session.execute(
        update(_D)
        .where(rows, _D.c.state == "pending")
        .values(state="cancelled", reason=why, body="")
        .returning(_D.c.id)
    ).all()
    return len(closed)


def _told(session: Session, made: AnnouncementRound) -> int:
    rows = session.execute(
        select(_D.c.id).where(_D.c.campaign_id == made.campaign_id, _D.c.state.in_(["sent", "sending", "unknown"]))
    ).all()
    return len(rows)


def erase(session: Session, person_id: int, _now: datetime) -> None:
    """Empty a person's words and stop what has not gone out of them; that groups were told stays, without the words."""
    for one in session.exec(pick(AnnouncementRound).where(AnnouncementRound.author_id == person_id)):
        if one.state == "sent":
            _stop(session, one)
        elif one.state == "draft":
            one.state = "dropped"
        one.words = ""
        session.add(one)
