"""Check-ins of persons who become one, and part: a day counts for both memberships' streaks, and is paid for once.

Source: F1, ADR-0020.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import col, select

from engagement import calendar
from engagement.checkin import pauses
from engagement.checkin.tables import Checkin, CheckinStreak, recording
from engagement.events import Bonded, Parted
from engagement.feature import Context, GroupView
from engagement.kernel import Reply
from storage.columns import micros
from storage.groups import Group

_INSERT = recording(made_up=False, by_bond=True)


def on_bonded(ctx: Context, event: Bonded) -> Sequence[Reply]:
    """Whoever checked in today as the one has checked in as both."""
    for one in event.shared:
        _copy(ctx, one.group_id, one.member_id, one.into_id)
    return ()


def on_parted(ctx: Context, event: Parted) -> Sequence[Reply]:
    """Whoever checked in today while he was one has done so for both: nothing is earned again by parting."""
    for one in event.shared:
        _copy(ctx, one.group_id, one.into_id, one.member_id, event.since)
    return ()


def _copy(ctx: Context, group_id: int, source: int, target: int, since: datetime | None = None) -> None:
    """Write today's check-ins of one membership down for the other, without points."""
    session = ctx.session
    group = GroupView.of(session.get_one(Group, group_id))
    today = calendar.business_day(ctx.incoming.occurred_at, ctx.incoming.received_at, group.zone)
    made = session.exec(
        select(Checkin).where(Checkin.member_id == source, Checkin.local_date == today, col(Checkin.made_up).is_(False))
    ).all()
    for one in made:
        if since is not None and one.occurred_at < since:
            continue
        at = micros(one.occurred_at)
        if session.row(_INSERT, member=target, topic=one.topic, local_day=today.isoformat(), occurred_at=at) is None:
            continue
        kept = session.get(CheckinStreak, (target, one.topic), populate_existing=True)
        if kept is None:
            kept = CheckinStreak(
                member_id=target, topic=one.topic, streak=1, longest=1, total=0, last_date=today, cards=0, made_up=0
            )
        kept.total += 1
        session.add(kept)
        session.flush()
        pauses.restreak(session, group, target, one.topic, around=today)
