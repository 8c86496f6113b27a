"""What would be sent: the planner's own work for days to come, done where it leaves nothing behind.

Source: F27; ADR-0004.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import TypeAlias

from sqlmodel import col, select

from engagement import rhythm
from engagement.calendar import instant_of, local_day
from engagement.feature import GroupView
from engagement.kernel import Outgoing, Place
from engagement.pushes import JobSpec, Occurrence
from engagement.rhythm import TOGETHER
from scheduler import planner, rows, schedules
from scheduler.aside import aside, undone, undone_here
from scheduler.due import told_at
from scheduler.planner import Verdict
from scheduler.zones import zone_of
from storage.campaigns import Campaign, Delivery, Schedule
from storage.engine import Database, Session
from storage.groups import Group, GroupDay

LONGEST = timedelta(days=62)
LONGEST_FOR_FEW = timedelta(days=400)
FEW = 5
"""A range longer than ``LONGEST`` is looked at for so many groups at most."""
_AT_ONCE = 2000
_MOVED = timedelta(days=9)
_Days: TypeAlias = tuple[date, date]


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One push that was sent, is on its way, would be sent, or would be skipped.

    Attributes:
        campaign: its key.
        state: a delivery's state; ``planned`` when it would be sent; ``skipped`` when it would not.
        at: when it goes out; after ``due_at`` when quiet hours delay it, before it when it goes along with another one.
        message: what it says; None when it is skipped, or sent already (its body is erased then).
        recipient: person id of a private message; 0 = the group.
        number: from 1, of the message that it is or is a part of; 0 when nothing goes out.
        along: it is said in the message of an earlier one with the same number.
    """

    campaign: str
    kind: str
    name: str
    group: GroupView
    local_date: date
    due_at: datetime
    at: datetime
    state: str
    reason: str = ""
    message: Outgoing | None = None
    recipient: int = 0
    number: int = 0
    along: bool = False
    together: tuple[object, ...] = ()


@dataclass(slots=True)
class Foresight:
    """What is pushed in a range of days.

    Attributes:
        pushes: in the order in which they go out.
        unasked: (group id, local day) → messages that nobody asked for, counted against the group's budget.
    """

    pushes: list[Foreseen] = field(default_factory=list)
    unasked: dict[tuple[int, date], int] = field(default_factory=dict)


class TooMuch(ValueError):
    """The range is empty, or too long for so many groups."""


def foresee(
    database: Database,
    jobs: Sequence[JobSpec],
    first: date,
    last: date,
    now: datetime,
    group_ids: Collection[int] | None = None,
    prepare: Callable[[Session], object] = lambda _session: None,
) -> Foresight:
    """Return what is pushed on local days in [first, last].

    The planner itself runs, at the instants to come: budgets, quiet hours, what goes out together and what the slices say are
    what they will be if nothing changes until then. On SQLite it runs on a copy, so that no writer waits; on PostgreSQL in
    transactions that are rolled back.

    Args:
        group_ids: default all active groups.
        prepare: done first in each transaction: what will have been written by then besides.

    Raises:
        TooMuch: ``last`` is before ``first``, or more than 62 days after it (400 for five groups or fewer).
    """
    few = group_ids is not None and len(group_ids) <= FEW
    if not first <= last <= first + (LONGEST_FOR_FEW if few else LONGEST):
        raise TooMuch
    result = Foresight()
    with aside(database) as engine:
        wanted = select(Group.id).where(Group.state == "active").order_by(col(Group.id))
        if group_ids is not None:
            wanted = wanted.where(col(Group.id).in_(group_ids))
        groups = [one for one in undone(engine, lambda s: list(s.exec(wanted).all())) if one is not None]
        for begin, end in _windows(first, last, now) if database.dialect == "postgresql" else [(first, last)]:
            step = max(1, _AT_ONCE // (max(1, len(jobs)) * ((end - begin).days + 1)))
            for start in range(0, len(groups), step):

                def rehearse(
                    session: Session, some: Sequence[int] = groups[start : start + step], of: _Days = (begin, end)
                ) -> Foresight:
                    prepare(session)
                    return _Rehearsal(session, jobs, some, *of, now).run()

                found = undone(engine, rehearse)
                result.pushes.extend(found.pushes)
                result.unasked.update(found.unasked)
    result.pushes = _in_order(result.pushes)
    return result


def foresee_day(database: Database, jobs: Sequence[JobSpec], day: date, now: datetime, group_id: int) -> Foresight:
    """Return what the group itself reads on one local day: :func:`foresee`, quick enough for a page.

    A group's day is some dozen rows, so on SQLite the writer runs it between two messages and takes it back. What every day
    is only said to people in private is left out: some of it looks through all groups.
    """
    heard = [job for job in jobs if not job.private and (job.unasked or not job.daily)]
    if database.dialect != "sqlite":
        return foresee(database, heard, day, day, now, [group_id])

    def rehearse(session: Session) -> Foresight:
        group = session.exec(select(Group.id).where(Group.id == group_id, Group.state == "active")).first()
        return Foresight() if group is None else _Rehearsal(session, heard, [group], day, day, now).run()

    found = undone_here(database, rehearse)
    found.pushes = _in_order(found.pushes)
    return found


def _in_order(pushes: Sequence[Foreseen]) -> list[Foreseen]:
    return _numbered(sorted(pushes, key=lambda one: (one.at, one.group.id, one.along, one.due_at)))


def _windows(first: date, last: date, now: datetime) -> Iterator[_Days]:
    """Yield the days that the live planner works on by themselves: what it wants to write must not wait for a whole year."""
    near = now.date() + timedelta(days=2)
    if first <= near < last:
        yield first, near
        first = near + timedelta(days=1)
    yield first, last


_Key: TypeAlias = tuple[int, int]
"""Campaign id, group id."""


@dataclass(slots=True)
class _Rehearsal:
    """One undone transaction over some groups."""

    session: Session
    jobs: Sequence[JobSpec]
    group_ids: Sequence[int]
    first: date
    last: date
    now: datetime
    specs: Mapping[str, JobSpec] = field(default_factory=dict)
    campaigns: dict[int, Campaign] = field(default_factory=dict)
    schedules: dict[_Key, Schedule] = field(default_factory=dict)
    found: list[Foreseen] = field(default_factory=list)

    def run(self) -> Foresight:
        session = self.session
        self.specs = {job.kind: job for job in self.jobs}
        ids = schedules.campaigns(session, self.jobs, self.now)
        self._mend()
        self.schedules = {
            (one.campaign_id, one.group_id): one
            for one in session.exec(select(Schedule).where(col(Schedule.group_id).in_(self.group_ids))).all()
        }
        planned = self._planned()
        known = {*ids.values(), *(one for one, _ in self.schedules), *(row.campaign_id for row in planned)}
        self.campaigns = {
            one.id: one
            for one in session.exec(select(Campaign).where(col(Campaign.id).in_(known)))
            if one.id is not None
        }
        views = [
            GroupView.of(one)
            for one in session.exec(select(Group).where(col(Group.id).in_(self.group_ids)).order_by(col(Group.id)))
        ]
        there = self._rows(planned, {view.id: view for view in views})
        moments = {
            campaign: days
            for job in self.jobs
            if job.rhythm is not None
            for campaign, days in job.rhythm.moments(
                session, [one for one, row in self.campaigns.items() if row.kind == job.kind]
            ).items()
        }
        ahead: dict[datetime, list[Verdict]] = {}
        for view in views:
            coming: list[Verdict] = []
            for job in self.jobs:
                if job.daily:
                    coming.extend(self._daily(view, job, ids[job.kind], there))
            for campaign, days in moments.items():
                coming.extend(self._own(view, campaign, days, there))
            coming.extend(self._once(view, there))
            for moment, verdict in self._when(coming):
                ahead.setdefault(moment, []).append(verdict)
        for moment in sorted(ahead):
            due = sorted(ahead[moment], key=planner.order)
            for verdict in planner.decide(session, due, [], moment):
                if verdict.state:
                    self._will_be(verdict, moment)
        return Foresight(self.found, self._days())

    def _mend(self) -> None:
        """Make the schedules that will have been made by the last day."""
        # What is over long before the first day says nothing on it, however far a group has moved it.
        since = max(self.now, instant_of(self.first, 0, "UTC") - _MOVED)
        until = instant_of(self.last + timedelta(days=2), 0, "UTC")
        for job in self.jobs:
            if job.rhythm is not None:
                for _ in range(100):
                    if not job.rhythm.mend(self.session, since, until, 1000, self.group_ids):
                        break

    def _planned(self) -> Sequence[Delivery]:
        within = (Delivery.local_date >= self.first, Delivery.local_date <= self.last)
        return self.session.exec(select(Delivery).where(col(Delivery.group_id).in_(self.group_ids), *within)).all()

    def _rows(self, planned: Sequence[Delivery], views: Mapping[int, GroupView]) -> set[tuple[int, int, date]]:
        """Take what was planned already as it is."""
        taken = set()
        for row in planned:
            campaign = self.campaigns[row.campaign_id]
            taken.add((row.campaign_id, row.group_id, row.local_date))
            self.found.append(
                Foreseen(
                    campaign.key,
                    campaign.kind,
                    campaign.name,
                    views[row.group_id],
                    row.local_date,
                    row.due_at,
                    row.sent_at or row.not_before or row.due_at,
                    row.state,
                    row.reason,
                    Outgoing.load(row.body) if row.body else None,
                    row.recipient,
                    along=row.carrier not in (None, row.id),
                    together=("row", row.carrier or row.id) if row.state in {"sent", "pending", "sending"} else (),
                )
            )
        return taken

    def _daily(
        self, view: GroupView, job: JobSpec, campaign: int, there: Collection[tuple[int, int, date]]
    ) -> Iterator[Verdict]:
        schedule = self.schedules.get((campaign, view.id))
        minute = job.minute if schedule is None else schedule.local_minute
        zone = zone_of(view.zone)
        for n in range((self.last - self.first).days + 1):
            day = self.first + timedelta(days=n)
            due = instant_of(day, minute, zone)
            if local_day(due, zone) != day or (campaign, view.id, day) in there:
                continue
            if due < self.now and (schedule is None or schedule.next_at is None or schedule.next_at > due):
                continue  # of a time before the group came, or a day on which the slice had nothing to say
            grace = job.grace_minutes if schedule is None else schedule.grace_minutes
            yield from self._unless_stopped(view, job, campaign, day, due, grace)

    def _own(
        self,
        view: GroupView,
        campaign: int,
        days: Sequence[rhythm.Moment],
        there: Collection[tuple[int, int, date]],
    ) -> Iterator[Verdict]:
        schedule = self.schedules.get((campaign, view.id))
        if schedule is None:
            return
        for day, due in rhythm.instants(days, schedule.shift_days, zone_of(view.zone)):
            if not self.first <= day <= self.last or (campaign, view.id, day) in there:
                continue
            stopped = not schedule.enabled or self.campaigns[campaign].state == "cancelled"
            if (due < self.now) if stopped else (schedule.next_at is None or due < schedule.next_at):
                continue
            job = self.specs[self.campaigns[campaign].kind]
            yield from self._unless_stopped(view, job, campaign, day, due, schedule.grace_minutes)

    def _once(self, view: GroupView, there: Collection[tuple[int, int, date]]) -> Iterator[Verdict]:
        for (campaign, group), schedule in self.schedules.items():
            job = self.specs.get(schedule.kind)
            if group != view.id or schedule.next_at is None or job is None or not job.once:
                continue
            day = local_day(schedule.next_at, zone_of(view.zone))
            if self.first <= day <= self.last and (campaign, group, day) not in there:
                yield from self._unless_stopped(view, job, campaign, day, schedule.next_at, schedule.grace_minutes)

    def _unless_stopped(
        self, view: GroupView, job: JobSpec, campaign: int, day: date, due: datetime, grace: int
    ) -> Iterator[Verdict]:
        row = self.campaigns[campaign]
        schedule = self.schedules.get((campaign, view.id))
        if row.state == "cancelled" or (schedule is not None and not schedule.enabled):
            reason = "cancelled" if row.state == "cancelled" else "off"
            self.found.append(Foreseen(row.key, row.kind, row.name, view, day, due, due, "skipped", reason))
            return
        yield Verdict(Occurrence(view, campaign, day, due), job, due + timedelta(minutes=grace))

    def _when(self, coming: Sequence[Verdict]) -> Iterator[tuple[datetime, Verdict]]:
        """Yield when each of a group's occurrences is planned: what merges comes with the first that is told within the hour."""
        together = dict.fromkeys((True, False), (self.now, self.now))
        for verdict in sorted(coming, key=lambda one: one.occurrence.due_at):
            moment = max(verdict.occurrence.due_at, self.now)
            if verdict.spec.merges:
                begun, until = together[verdict.spec.private]
                if moment >= until:
                    told = told_at(verdict.occurrence.group, verdict.spec, moment)
                    begun, until = moment, told + TOGETHER if told <= verdict.expires_at else moment
                    together[verdict.spec.private] = begun, until
                moment = begun
            yield moment, verdict

    def _will_be(self, verdict: Verdict, moment: datetime) -> None:
        one = verdict.occurrence
        campaign = self.campaigns[one.campaign_id]
        message = planner.addressed(self.session, verdict)
        state = "planned" if verdict.state == "pending" else verdict.state
        reason = verdict.reason
        at = verdict.not_before or moment
        if state == "planned" and campaign.state == "paused":
            state, reason, message = "skipped", "paused", None
        together: tuple[object, ...] = ()
        if message is not None:
            merges = verdict.spec.merges and rows.stands_alone(message)
            together = (
                ("at", one.group.id, message.to, at)
                if merges
                else ("own", one.campaign_id, one.group.id, message.to, at)
            )
        recipient = (
            (verdict.reply.to or 0) if message is not None and verdict.reply and message.place is Place.DM else 0
        )
        self.found.append(
            Foreseen(
                campaign.key,
                campaign.kind,
                campaign.name,
                one.group,
                one.local_date,
                one.due_at,
                at,
                state,
                reason,
                message,
                recipient,
                together=together,
            )
        )

    def _days(self) -> dict[tuple[int, date], int]:
        wanted = select(col(GroupDay.group_id), col(GroupDay.local_date), col(GroupDay.unasked))
        within = (GroupDay.local_date >= self.first, GroupDay.local_date <= self.last)
        rows = self.session.exec(wanted.where(col(GroupDay.group_id).in_(self.group_ids), *within))
        return {(group, day): unasked for group, day, unasked in rows}


def _numbered(pushes: Sequence[Foreseen]) -> list[Foreseen]:
    """Count messages; what goes out in one has one number."""
    numbers: dict[tuple[object, ...], int] = {}
    found = []
    for one in pushes:
        if not one.together:
            found.append(one)
            continue
        along = one.together in numbers
        number = numbers.setdefault(one.together, len(numbers) + 1)
        found.append(replace(one, number=number, along=along))
    return found
