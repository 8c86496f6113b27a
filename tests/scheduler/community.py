"""A small installation for the scheduler's tests: real databases, groups in any zone, a fake kind of push, fake senders."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlmodel import select

from engagement.clocks import SetClock
from engagement.kernel import Kind, Outcome, Outgoing, Receipt, Reply, Sender
from engagement.pushes import JobSpec, Occurrence, Planned
from scheduler import gate as gates
from scheduler.clock import next_instant, plan_due, run_due
from scheduler.delivery import Conduct
from storage import outbox as _outbox  # noqa: F401 - its tables are made too
from storage.campaigns import Campaign, Delivery, Schedule
from storage.engine import Database, Session
from storage.groups import Group, GroupDay
from tests.databases import with_tables

EIGHT = 8 * 60
MORNING = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
"""06:00 in Shanghai, on 2026-11-23."""


def database_at(folder: Path, url: str = "") -> Database:
    """Open a database with every table that is imported."""
    return with_tables(folder, url)


def plan_plainly(_session: Session, occurrences: Sequence[Occurrence], _now: datetime) -> Sequence[Planned]:
    """Say something to every group, with a subject."""
    return [
        Planned(
            one, Reply("topic.push", {"title": f"t{one.local_date}"}, kind=Kind.PUSH, subject=f"topic:{one.group.id}")
        )
        for one in occurrences
    ]


def job(kind: str = "topic", minute: int = EIGHT, **changes: Any) -> JobSpec:
    """Make a kind of push."""
    return JobSpec(kind=kind, minute=minute, **{"plan": plan_plainly, **changes})


class Phone:
    """A sender that keeps what it was given, and answers what it was told to."""

    def __init__(self, answer: Callable[[Outgoing], Receipt] | None = None) -> None:
        self.sent: list[Outgoing] = []
        self.tried: list[Outgoing] = []
        self.answer = answer
        self.in_flight = 0
        self.most_in_flight = 0
        self.takes = 0.0

    async def send(self, message: Outgoing) -> Receipt:
        self.tried.append(message)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await asyncio.sleep(self.takes)
        self.in_flight -= 1
        receipt = self.answer(message) if self.answer else Receipt(Outcome.SENT, provider_id=f"p{len(self.tried)}")
        if receipt.outcome is Outcome.SENT:
            self.sent.append(message)
        return receipt


class Town:
    """A database, a clock and a phone."""

    def __init__(self, database: Database, *jobs: JobSpec, start: datetime = MORNING) -> None:
        self.database = database
        self.jobs = jobs or (job(),)
        self.clock = SetClock(start)
        self.phone = Phone()
        self.gate = gates.no_gate()
        self.conduct = Conduct(me="town", concurrency=1)

    @property
    def senders(self) -> dict[str, Sender]:
        return {"play": self.phone}

    def add(self, count: int = 1, *, zone: str = "Asia/Shanghai", **changes: Any) -> list[int]:
        """Add groups; returns their ids."""

        def insert(session: Session) -> list[int]:
            first = len(session.exec(select(Group.id)).all())
            groups = [
                Group(
                    **{
                        "channel": "play",
                        "external_id": f"g{first + n}",
                        "name": f"g{first + n}",
                        "zone": zone,
                        "created_at": self.clock.now(),
                        **changes,
                    }
                )
                for n in range(count)
            ]
            session.add_all(groups)
            session.flush()
            return [group.id for group in groups if group.id is not None]

        return self.database.write_now(insert)

    async def plan(self) -> Any:
        """Plan what is due."""
        return await plan_due(self.database, self.jobs, self.clock.now())

    async def run(self, moment: datetime | None = None) -> None:
        """Set the clock, then plan and send what is due."""
        if moment is not None:
            self.clock.set(moment)
        await run_due(self.database, self.jobs, self.clock, self.senders, self.gate, self.conduct)

    async def live(self, until: datetime, step: timedelta = timedelta(minutes=15)) -> None:
        """Let time run to an instant in steps."""
        while self.clock.now() < until:
            await self.run(min(until, self.clock.now() + step))

    async def advance(self, until: datetime) -> None:
        """Let time run to an instant, stopping wherever something is due."""
        await self.run()
        while (due := self.database.read_now(lambda s: next_instant(s, self.clock.now()))) is not None and due <= until:
            await self.run(due if due > self.clock.now() else self.clock.now() + timedelta(seconds=1))
        self.clock.set(until)

    def deliveries(self) -> list[Delivery]:
        """Return every delivery row, oldest first."""
        return self.database.read_now(lambda s: list(s.exec(select(Delivery).order_by(Delivery.id)).all()))  # type: ignore[arg-type]

    def states(self) -> list[tuple[str, str]]:
        """Return (state, reason) of every row."""
        return [(row.state, row.reason) for row in self.deliveries()]

    def schedules(self) -> list[Schedule]:
        """Return every schedule row."""
        return self.database.read_now(lambda s: list(s.exec(select(Schedule).order_by(Schedule.id)).all()))  # type: ignore[arg-type]

    def unasked(self) -> dict[tuple[int, date], int]:
        """Return the counters of unasked messages."""
        return self.database.read_now(
            lambda s: {(row.group_id, row.local_date): row.unasked for row in s.exec(select(GroupDay)).all()}
        )

    def change_group(self, group_id: int, **changes: Any) -> None:
        """Change columns of a group."""

        def change(session: Session) -> None:
            group = session.get(Group, group_id)
            assert group is not None
            for name, value in changes.items():
                setattr(group, name, value)
            session.add(group)

        self.database.write_now(change)

    def group(self, group_id: int) -> Group:
        """Return a group's row."""
        found = self.database.read_now(lambda s: s.get(Group, group_id))
        assert found is not None
        return found

    def campaign_state(self, key: str, state: str) -> None:
        """Set a campaign's state as the command line does."""

        def change(session: Session) -> None:
            campaign = session.exec(select(Campaign).where(Campaign.key == key)).one()
            campaign.state = state
            session.add(campaign)

        self.database.write_now(change)
