"""Mass-sends as their leader sees them: what she is asked, what became of it, and her no.

Source: ADR-0019.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from engagement import calendar, rooms
from engagement.feature import Context, GroupView
from storage import audit, customer_groups, mass_sends, platform_days
from storage.engine import Session
from storage.mass_sends import Asked
from storage.platform_days import PlatformDay


@dataclass(frozen=True, slots=True)
class Room:
    """A group whose leader confirms.

    Attributes:
        owner: the platform's id of who does.
        row: what she was asked today; None = nothing yet.
        had: messages that it has got, or may still get, this month.
    """

    group: GroupView
    owner: str
    row: Asked | None
    had: int


def today(now: datetime) -> date:
    """Return the day that the platform counts."""
    return calendar.local_day(now, mass_sends.ZONE)


def room(session: Session, group: GroupView, now: datetime) -> Room | None:
    """Return how a group's day stands; None for a group where nobody has to confirm."""
    known = customer_groups.known(session, group.channel, group.account, group.external_id)
    if known is None:
        return None
    day = today(now)
    where = {"channel": group.channel, "account": group.account, "conversation": group.external_id}
    first, last = calendar.month_start(day), calendar.month_end(day)
    return Room(
        group,
        known.owner,
        mass_sends.find(session, local_date=day, **where),
        mass_sends.count(session, first=first, last=last, **where),
    )


def led(ctx: Context) -> list[Room]:
    """Return the groups of this kind that the actor leads, oldest first."""
    rows = (room(ctx.session, GroupView.of(group), ctx.now) for group in rooms.led(ctx))
    return [one for one in rows if one is not None]


def decline(ctx: Context, found: Room) -> str:
    """Write down that today's message is not to be said; returns the state in which it was."""
    group = found.group
    was = mass_sends.decline(
        ctx.session,
        channel=group.channel,
        account=group.account,
        conversation=group.external_id,
        local_date=today(ctx.now),
        leader=found.owner,
        now=ctx.now,
    )
    if was != "sent":
        person = ctx.actor.person_id
        audit.record(ctx.session, at=ctx.now, actor_id=person, group_id=group.id, action="mass_send.declined")
    return was


def yesterday(session: Session, found: Room, now: datetime) -> PlatformDay | None:
    """Return what the platform counted yesterday about all groups of a group's owner; None when it has not told."""
    day = today(now) - timedelta(days=1)
    return platform_days.of_groups(session, [found.group.id], day, day).get(found.group.id, {}).get(day)
