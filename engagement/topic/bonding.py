"""Answers of persons who become one, and part: a day's topic is answered once, by whichever of the two.

Source: F32, ADR-0020.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import col, select

from engagement import calendar
from engagement.events import Bonded, Parted
from engagement.feature import Context, GroupView
from engagement.kernel import Reply
from engagement.topic import service
from engagement.topic.tables import TopicAnswer, TopicDay
from storage.groups import Group


def on_bonded(ctx: Context, event: Bonded) -> Sequence[Reply]:
    """Whoever answered today as the one has answered as both."""
    for one in event.shared:
        _copy(ctx, one.group_id, one.member_id, one.into_id)
    return ()


def on_parted(ctx: Context, event: Parted) -> Sequence[Reply]:
    """Whoever answered today while he was one has done so for both."""
    for one in event.shared:
        _copy(ctx, one.group_id, one.into_id, one.member_id, event.since)
    return ()


def _copy(ctx: Context, group_id: int, source: int, target: int, since: datetime | None = None) -> None:
    """Write down that one membership has answered today's topic by the other: without words, and without points."""
    group = GroupView.of(ctx.session.get_one(Group, group_id))
    today = calendar.business_day(ctx.incoming.occurred_at, ctx.incoming.received_at, group.zone)
    answered = ctx.session.exec(
        select(TopicDay.id, TopicAnswer.answered_at)
        .join(TopicAnswer, col(TopicAnswer.topic_day_id) == col(TopicDay.id))
        .where(TopicDay.group_id == group_id, TopicDay.local_date == today, TopicAnswer.member_id == source)
    ).first()
    if answered is not None and (since is None or answered[1] >= since):
        service.enter(ctx, answered[0] or 0, target, "", by_bond=True)
