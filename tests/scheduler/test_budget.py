"""Whatever overlaps: no group gets more unasked messages a local day than its budget, and what could be said at once is."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from engagement import rhythm
from engagement.calendar import local_day
from engagement.feature import JobSpec
from engagement.rhythm import Moment, Rhythm
from scheduler.due import TOGETHER
from storage.campaigns import Campaign, Schedule
from storage.engine import Session
from storage.groups import Group
from tests.scheduler.community import Town, database_at, job, plan_plainly

DAY = date(2026, 3, 27)
DAYS = 3
"""Two of them in Europe are the days on which the clocks change."""
ZONES = ("Asia/Shanghai", "Europe/London", "America/New_York", "Africa/Cairo", "Pacific/Chatham")


@dataclass(frozen=True)
class World:
    """What overlaps.

    Attributes:
        daily: (minute, merges, ignores quiet hours, grace in minutes) of kinds that come every day.
        own: of each campaign its days and minutes; all merge.
        groups: (zone, budget, quiet hours, days by which the campaigns are moved).
        step: minutes between two ticks; 0 = whenever something is due.
    """

    daily: list[tuple[int, bool, bool, int]]
    own: list[dict[int, int]]
    groups: list[tuple[str, int, tuple[int, int], int]]
    step: int


MINUTES = st.integers(0, 1439) | st.sampled_from([479, 480, 500, 539, 540, 541, 1320, 1439])
QUIET = st.sampled_from([(22 * 60, 8 * 60), (0, 0), (23 * 60, 9 * 60), (12 * 60, 13 * 60)])
WORLDS = st.builds(
    World,
    daily=st.lists(
        st.tuples(MINUTES, st.booleans(), st.booleans(), st.sampled_from([30, 120, 720])), min_size=1, max_size=4
    ),
    own=st.lists(st.dictionaries(st.integers(0, DAYS - 1), MINUTES, min_size=1), max_size=4),
    groups=st.lists(
        st.tuples(st.sampled_from(ZONES), st.integers(0, 4), QUIET, st.integers(-1, 2)), min_size=1, max_size=2
    ),
    step=st.sampled_from([0, 0, 50]),
)


def jobs_of(world: World) -> list[JobSpec]:
    """Return a job for each daily kind and one for all campaigns."""
    found = [
        job(f"daily{n}", minute, merges=merges, ignores_quiet=ignores, grace_minutes=grace)
        for n, (minute, merges, ignores, grace) in enumerate(world.daily)
    ]

    def moments(session: Session, ids: Collection[int]) -> Mapping[int, Sequence[Moment]]:
        rows = session.exec(select(Campaign).where(col(Campaign.id).in_(ids))).all()
        return {
            one.id: [(DAY + timedelta(days=day), at) for day, at in sorted(world.own[int(one.key[3:])].items())]
            for one in rows
            if one.id is not None
        }

    own = Rhythm(moments, lambda *_: 0, lambda *_: True)
    return [*found, JobSpec("own", 0, plan_plainly, grace_minutes=180, rhythm=own, merges=True)]


def prepare(here: Town, world: World, now: datetime) -> None:
    for zone, budget, (quiet_from, quiet_to), _ in world.groups:
        here.add(zone=zone, daily_budget=budget, quiet_from=quiet_from, quiet_to=quiet_to)

    def begin(session: Session) -> None:
        made = [Campaign(key=f"own{n}", kind="own", created_at=now) for n in range(len(world.own))]
        session.add_all(made)
        session.flush()
        days = here.jobs[-1].rhythm.moments(session, [one.id for one in made if one.id]) if here.jobs[-1].rhythm else {}
        for group, (zone, _, _, shift) in zip(session.exec(select(Group)).all(), world.groups, strict=True):
            for one in made:
                assert one.id is not None and group.id is not None
                next_at = rhythm.next_instant(days[one.id], shift, zone, now)
                row = Schedule(campaign_id=one.id, group_id=group.id, kind="own", zone=zone, local_minute=0)
                row.next_at, row.shift_days, row.grace_minutes = next_at, shift, 180
                session.add(row)

    here.database.write_now(begin)


async def live(here: Town, world: World, until: datetime) -> None:
    if world.step:
        await here.live(until, timedelta(minutes=world.step))
    else:
        await here.advance(until)


def check(here: Town, world: World) -> None:
    zones = {f"g{n}": group for n, group in enumerate(world.groups)}
    kinds = {row.id: row.kind for row in here.database.read_now(lambda s: s.exec(select(Campaign)).all())}
    merging = {one.kind for one in here.jobs if one.merges}
    messages = [row for row in here.deliveries() if row.state == "sent" and row.carrier is None]
    assert len(messages) == len(here.phone.sent), "a row that carries none and is carried by none is a message"
    left = [row for row in here.deliveries() if row.state not in ("sent", "skipped")]
    assert all(row.state == "pending" and row.not_before and row.not_before > here.clock.now() for row in left)
    assert all(row.reason for row in here.deliveries() if row.state == "skipped")
    told: Counter[tuple[int, date]] = Counter()
    for row in messages:
        assert row.sent_at is not None
        told[row.group_id, local_day(row.sent_at, world.groups[row.group_id - 1][0])] += 1
    for (group, day), count in told.items():
        assert count <= world.groups[group - 1][1], f"{count} messages on {day}"
    if world.step:
        return
    for number in range(1, len(zones) + 1):
        quiet = [one.ignores_quiet for one in here.jobs if one.merges]
        times = sorted(
            row.sent_at
            for row in messages
            if row.group_id == number and kinds[row.campaign_id] in merging and row.sent_at is not None
        )
        if not any(quiet):
            assert all(later - earlier >= TOGETHER for earlier, later in pairwise(times)), times


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(world=WORLDS)
def test_no_group_is_flooded(world: World) -> None:
    now = datetime(2026, 3, 26, 20, 0, tzinfo=UTC)
    with tempfile.TemporaryDirectory() as folder:
        here = Town(database_at(Path(folder)), *jobs_of(world), start=now)
        try:
            prepare(here, world, now)
            asyncio.run(live(here, world, now + timedelta(days=DAYS + 1)))
            check(here, world)
        finally:
            here.database.close()
