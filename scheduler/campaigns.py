"""Looking at pushes and stopping them: what would be sent, how far it has come, pause, resume, cancel.

Source: F27; ADR-0004.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import func
from sqlmodel import col, select

from engagement.calendar import instant_of, local_day
from engagement.feature import GroupView, JobSpec, Occurrence
from engagement.kernel import Outgoing
from scheduler import planner, rows, schedules
from scheduler.planner import Verdict
from scheduler.schedules import zone_of
from storage.campaigns import Campaign, Delivery, Schedule
from storage.engine import Database, Session
from storage.groups import Group

LONGEST = timedelta(days=62)
_AT_ONCE = 200
_MOVES = {
    "pause": ({"running", "paused"}, "paused"),
    "resume": ({"running", "paused", "cancelled"}, "running"),
    "cancel": ({"running", "paused", "cancelled"}, "cancelled"),
}


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One push that was sent, is on its way, would be sent, or would be skipped.

    Attributes:
        state: a delivery's state; ``planned`` when it would be sent; ``skipped`` when it would not.
        at: when it goes out; after ``due_at`` when quiet hours delay it.
        message: what it says; None when it is skipped, or sent already (its body is erased then).
    """

    campaign: str
    group: GroupView
    local_date: date
    due_at: datetime
    at: datetime
    state: str
    reason: str = ""
    message: Outgoing | None = None


@dataclass(slots=True)
class Standing:
    """A campaign in figures.

    Attributes:
        counts: delivery state → rows.
        reasons: state and reason → rows, where there is a reason.
        next_at: the first instant at which it is due in some group.
    """

    key: str
    kind: str
    state: str
    counts: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    next_at: datetime | None = None


class _Undo(Exception):
    """Carries what was foreseen out of a transaction that must leave nothing behind."""

    def __init__(self, found: list[Foreseen]) -> None:
        super().__init__("undo")
        self.found = found


def foresee(database: Database, jobs: Sequence[JobSpec], first: date, last: date, now: datetime) -> list[Foreseen]:
    """Return what is pushed on local days in [first, last], in the order in which it goes out.

    The planner itself runs, at the instants to come, in transactions that are undone: budgets, quiet hours and what the
    slices say are what they will be if nothing changes until then. Few groups at a time, so that no writer waits. What a
    slice sends once is shown where it has rows.

    Raises:
        ValueError: ``last`` is before ``first``, or more than 62 days after it.
    """
    if not first <= last <= first + LONGEST:
        raise ValueError("the range of days is empty or longer than 62 days")
    daily = schedules.daily(jobs)
    groups = database.read_now(
        lambda s: list(s.exec(select(Group.id).where(Group.state == "active").order_by(col(Group.id))).all())
    )
    step = max(1, _AT_ONCE // (len(daily) * ((last - first).days + 1) or 1))
    found: list[Foreseen] = []
    for start in range(0, len(groups), step):
        some = [one for one in groups[start : start + step] if one is not None]

        def rehearse(session: Session, some: Sequence[int] = some) -> None:
            raise _Undo(_rehearse(session, daily, some, first, last, now))

        try:
            database.write_now(rehearse)
        except _Undo as undo:
            found.extend(undo.found)
    found.extend(database.read_now(lambda s: _sent_once(s, {job.kind for job in jobs if job.once}, first, last)))
    return sorted(found, key=lambda one: (one.at, one.group.id, one.campaign))


def _rehearse(
    session: Session, jobs: Sequence[JobSpec], group_ids: Sequence[int], first: date, last: date, now: datetime
) -> list[Foreseen]:
    ids = schedules.campaigns(session, jobs, now)
    states = dict(session.exec(select(Campaign.id, Campaign.state)).all())
    views = [
        GroupView.of(one)
        for one in session.exec(select(Group).where(col(Group.id).in_(group_ids)).order_by(col(Group.id))).all()
    ]
    rows_there = {
        (one.campaign_id, one.group_id): one
        for one in session.exec(select(Schedule).where(col(Schedule.group_id).in_(group_ids))).all()
    }
    past = {
        (one.campaign_id, one.group_id, one.local_date): one
        for one in session.exec(
            select(Delivery).where(
                col(Delivery.group_id).in_(group_ids), Delivery.local_date >= first, Delivery.local_date <= last
            )
        ).all()
    }
    found: list[Foreseen] = []
    ahead: dict[datetime, list[Verdict]] = {}
    for view in views:
        for job in jobs:
            schedule = rows_there.get((ids[job.kind], view.id))
            for due, day in _days(view, job, schedule, first, last):
                there = past.get((ids[job.kind], view.id, day))
                if there is not None:
                    found.append(_as_it_is(job.kind, view, there))
                elif (schedule is None or schedule.next_at is None or schedule.next_at > due) and due < now:
                    continue  # of a time before the group came, or a day on which the slice had nothing to say
                elif states.get(ids[job.kind]) in {"paused", "cancelled"}:
                    found.append(Foreseen(job.kind, view, day, due, due, "skipped", str(states[ids[job.kind]])))
                elif schedule is not None and not schedule.enabled:
                    found.append(Foreseen(job.kind, view, day, due, due, "skipped", "off"))
                else:
                    grace = timedelta(minutes=job.grace_minutes if schedule is None else schedule.grace_minutes)
                    verdict = Verdict(Occurrence(view, ids[job.kind], day, due), job, due + grace)
                    ahead.setdefault(max(due, now), []).append(verdict)
    for moment in sorted(ahead):
        decided = planner.decide(session, ahead[moment], [], moment)
        found.extend(_as_it_will_be(session, verdict, moment) for verdict in decided if verdict.state)
    return found


def _sent_once(session: Session, kinds: Collection[str], first: date, last: date) -> list[Foreseen]:
    if not kinds:
        return []
    rows_there = session.exec(
        select(Delivery, Campaign.key, Group)
        .join(Campaign, col(Campaign.id) == col(Delivery.campaign_id))
        .join(Group, col(Group.id) == col(Delivery.group_id))
        .where(col(Campaign.kind).in_(kinds), Delivery.local_date >= first, Delivery.local_date <= last)
    ).all()
    return [_as_it_is(key, GroupView.of(group), row) for row, key, group in rows_there]


def _days(
    view: GroupView, job: JobSpec, schedule: Schedule | None, first: date, last: date
) -> Iterator[tuple[datetime, date]]:
    minute = job.minute if schedule is None else schedule.local_minute
    zone = zone_of(view.zone)
    for n in range((last - first).days + 1):
        day = first + timedelta(days=n)
        due = instant_of(day, minute, zone)
        if local_day(due, zone) == day:
            yield due, day


def _as_it_is(kind: str, view: GroupView, row: Delivery) -> Foreseen:
    message = Outgoing.load(row.body) if row.body else None
    at = row.sent_at or row.not_before or row.due_at
    return Foreseen(kind, view, row.local_date, row.due_at, at, row.state, row.reason, message)


def _as_it_will_be(session: Session, verdict: Verdict, moment: datetime) -> Foreseen:
    one = verdict.occurrence
    message = planner.addressed(session, verdict)
    return Foreseen(
        verdict.spec.kind,
        one.group,
        one.local_date,
        one.due_at,
        verdict.not_before or moment,
        "planned" if verdict.state == "pending" else verdict.state,
        verdict.reason,
        message,
    )


def standings(session: Session, key: str = "") -> list[Standing]:
    """Return every campaign in figures, or the one of a key (an empty list when there is none)."""
    wanted = select(Campaign).order_by(col(Campaign.id))
    if key:
        wanted = wanted.where(Campaign.key == key)
    found: dict[int, Standing] = {
        campaign.id: Standing(campaign.key, campaign.kind, campaign.state)
        for campaign in session.exec(wanted).all()
        if campaign.id is not None
    }
    counted = session.exec(
        select(Delivery.campaign_id, Delivery.state, Delivery.reason, func.count()).group_by(
            col(Delivery.campaign_id), Delivery.state, Delivery.reason
        )
    ).all()
    for campaign_id, state, reason, count in counted:
        standing = found.get(campaign_id)
        if standing is None:
            continue
        standing.counts[state] = standing.counts.get(state, 0) + count
        if reason and state != "sent":
            standing.reasons[f"{state}:{reason}"] = count
    coming: Mapping[int, datetime | None] = dict(
        session.exec(
            select(Schedule.campaign_id, func.min(Schedule.next_at))
            .where(col(Schedule.enabled))
            .group_by(col(Schedule.campaign_id))
        ).all()
    )
    for campaign_id, standing in found.items():
        standing.next_at = coming.get(campaign_id) if standing.state == "running" else None
    return list(found.values())


def move(session: Session, key: str, how: str, now: datetime) -> str | None:
    """Pause, resume or cancel a campaign; each may be taken back by ``resume``.

    A pause holds from the next row on: delivery looks before each send. What its grace outlives goes out after a resume,
    the rest is skipped as ``paused``. A cancel closes what is pending; after a resume the next occurrence counts.

    Args:
        how: ``pause``, ``resume`` or ``cancel``.

    Returns:
        The new state; None when there is no such campaign, or it is finished.
    """
    allowed, state = _MOVES[how]
    campaign = session.exec(select(Campaign).where(Campaign.key == key)).first()
    if campaign is None or campaign.state not in allowed:
        return None
    campaign.state = state
    session.add(campaign)
    session.flush()
    if how == "cancel":
        rows.expire(session, now)
    return state
