"""The welcome of a newcomer: the first of a day is what people remember, and what is surely said later keeps its place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import col
from sqlmodel import select as pick

from engagement import calendar
from engagement.feature import Context
from engagement.groups import service
from engagement.kernel import one_line
from engagement.pushes import JobSpec, Occurrence
from engagement.rhythm import TOGETHER
from storage import identities
from storage.campaigns import Schedule
from storage.groups import Member

WELCOMED = "welcomed"
"""Mark in this slice's part of the settings: the local day of the latest welcome."""


def welcome(ctx: Context) -> tuple[str, bool]:
    """Enter a newcomer; returns (name, whether the group's budget and quiet hours allow a welcome)."""
    incoming, group = ctx.incoming, ctx.here
    channel_id = incoming.subject or incoming.sender
    name = one_line(incoming.subject_name or incoming.sender_name)
    person = identities.meet(ctx.session, incoming.channel, channel_id, name, ctx.now)
    before = ctx.session.exec(
        pick(Member).where(Member.group_id == group.id, Member.person_id == person.person_id)
    ).first()
    fresh = before is None or before.left_at is not None or before.joined_at == ctx.now
    identities.enter(ctx.session, group.id, person.person_id, name, ctx.now)
    if not fresh or not name:  # nobody is welcomed without a name: that must not cost the day one of its messages
        return name, False
    minute = calendar.local_minute(ctx.now, group.zone)
    if calendar.is_quiet(minute, group.quiet_from, group.quiet_to):
        return name, False
    today = ctx.today.isoformat()
    first = service.own(group.settings).get(WELCOMED) != today
    room = group.daily_budget - _messages_to_come(ctx, first)
    welcomed = identities.spend_unasked(ctx.session, group.id, today, room)
    if welcomed and first:
        service.mark(ctx, **{WELCOMED: today})
    return name, welcomed


def _messages_to_come(ctx: Context, first: bool) -> int:
    """Count the messages that pushes will still make today, for which a welcome leaves room.

    What has nothing to say today needs none, what goes out together needs one.

    Args:
        first: nobody was welcomed today yet: what yields needs none either.
    """
    jobs = {job.kind: job for feature in ctx.features for job in feature.jobs if job.unasked}
    tomorrow = calendar.instant_of(ctx.today + timedelta(days=1), 0, ctx.here.zone)
    rows = ctx.session.exec(
        pick(Schedule.kind, Schedule.campaign_id, Schedule.next_at)
        .where(
            Schedule.group_id == ctx.here.id,
            col(Schedule.kind).in_(sorted(jobs)),
            col(Schedule.enabled),
            col(Schedule.next_at) > ctx.now,
            col(Schedule.next_at) < tomorrow,
        )
        .order_by(col(Schedule.next_at))
    )
    said: list[tuple[JobSpec, datetime]] = []
    for kind, campaign, due in rows:
        job = jobs[kind]
        if due is None or (first and job.yields):
            continue
        if job.speaks(ctx.session, Occurrence(ctx.here, campaign, ctx.today, due)):
            said.append((job, due))
    return _messages(said)


def _messages(said: Sequence[tuple[JobSpec, datetime]]) -> int:
    """Count the messages of pushes, the earliest first: what merges goes along with one before it."""
    count = 0
    until: datetime | None = None
    for job, due in said:
        if job.merges and until is not None and due < until:
            continue
        count += 1
        if job.merges:
            until = due + TOGETHER
    return count
