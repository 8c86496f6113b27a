"""Whatever overlaps and happens: no group gets more unasked messages a local day than its budget; what can be said at once is."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from engagement import rhythm
from engagement.calendar import local_day
from engagement.kernel import Outcome, Outgoing, Receipt
from engagement.pushes import JobSpec
from engagement.rhythm import TOGETHER, Moment, Rhythm
from scheduler import campaigns
from storage.campaigns import Campaign, Schedule
from storage.engine import Session
from storage.groups import Group
from tests.full import FULL
from tests.scheduler.community import Town, database_at, job, plan_plainly

pytestmark = pytest.mark.untraced

DAY = date(2026, 3, 27)
DAYS = 3
"""Two of them in Europe are the days on which the clocks change."""
MORE = 10 if FULL else 1
"""Times as many examples in `make chaos`."""
ZONES = ("Asia/Shanghai", "Europe/London", "America/New_York", "Africa/Cairo", "Pacific/Chatham")


@dataclass(frozen=True)
class World:
    """What overlaps.

    Attributes:
        daily: (minute, merges, ignores quiet hours, grace in minutes) of kinds that come every day.
        own: of each campaign its days and minutes; all merge.
        groups: (zone, budget, quiet hours, days by which the campaigns are moved).
        step: minutes between two ticks; 0 = whenever something is due.
        happens: (minute since the beginning, what, number) of what is done meanwhile, see :func:`happen`.
        retries: every so many sends the platform asks to wait for (seconds); 0 = it never does.
    """

    daily: list[tuple[int, bool, bool, int]]
    own: list[dict[int, int]]
    groups: list[tuple[str, int, tuple[int, int], int]]
    step: int
    happens: tuple[tuple[int, str, int], ...] = ()
    retries: tuple[int, int] = (0, 0)


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


BUSY = st.sampled_from([480, 540, 545, 560, 600, 1260, 1320, 1380, 1425, 1439])
"""Minutes at which much is said, so that there is something to go wrong."""
MOMENTS = st.builds(
    lambda day, minute, by: max(0, day * 1440 + minute - 240 + by), st.integers(0, DAYS - 1), BUSY, st.integers(-2, 70)
)
"""Minutes since the beginning, which is at 4:00 in Shanghai."""
WHICH = st.integers(0, 5)


def stop(how: str) -> st.SearchStrategy[list[tuple[int, str, int]]]:
    return st.builds(
        lambda begin, long, which: [(begin, how, which), (begin + long, "resume", which)],
        MOMENTS,
        st.sampled_from([1, 5, 30, 70, 300, 700, 1200]),
        WHICH,
    )


def once(how: str) -> st.SearchStrategy[list[tuple[int, str, int]]]:
    return st.builds(lambda at, which: [(at, how, which)], MOMENTS, WHICH)


EVENTFUL = st.builds(
    World,
    daily=st.lists(
        st.tuples(BUSY, st.sampled_from([True, True, False]), st.booleans(), st.sampled_from([120, 720, 1080])),
        min_size=2,
        max_size=5,
    ),
    own=st.lists(st.dictionaries(st.integers(0, DAYS - 1), BUSY, min_size=2), max_size=2),
    groups=st.lists(
        st.tuples(st.sampled_from(["Asia/Shanghai", *ZONES]), st.sampled_from([1, 1, 2, 3]), QUIET, st.integers(0, 1)),
        min_size=1,
        max_size=2,
    ),
    step=st.sampled_from([0, 0, 0, 50]),
    happens=st.lists(
        st.one_of(stop("pause"), stop("pause"), stop("cancel"), once("down"), once("zone"), once("hush")),
        min_size=1,
        max_size=5,
    ).map(lambda found: tuple(sorted(itertools.chain(*found)))),
    retries=st.sampled_from([(0, 0), (0, 0), (2, 30), (2, 7200), (3, 20_000)]),
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


def happen(here: Town, world: World, what: str, number: int) -> None:
    """Do to one of the campaigns or groups what the number says.

    ``down``: nothing runs for so many times 5 hours; ``zone``: a group moves; ``hush``: it wants no night's rest any more.
    """
    if what == "down":
        here.clock.set(here.clock.now() + timedelta(hours=5 * number))
    elif what in ("zone", "hush"):
        group = number % len(world.groups) + 1
        change = {"zone": ZONES[number % len(ZONES)]} if what == "zone" else {"quiet_from": 0, "quiet_to": 0}
        here.change_group(group, **change)
    else:
        keys = [one.kind for one in here.jobs[:-1]] + [f"own{n}" for n in range(len(world.own))]
        now = here.clock.now()
        here.database.write_now(lambda s: campaigns.move(s, keys[number % len(keys)], what, now, here.jobs))


def retrying(every: int, seconds: int) -> Callable[[Outgoing], Receipt]:
    """Return a platform that asks to wait now and then."""
    tried = itertools.count(1)

    def answer(_message: Outgoing) -> Receipt:
        number = next(tried)
        if every and number % every == 0:
            return Receipt(Outcome.RETRY, retry_after=seconds)
        return Receipt(Outcome.SENT, provider_id=f"p{number}")

    return answer


def most_in_a_day(here: Town, zones: Mapping[int, Sequence[tuple[datetime, str]]]) -> Mapping[tuple[int, date], int]:
    """Count the messages that each group got on each day that its clock showed.

    Args:
        zones: group id → from when on it was in which zone, ascending.
    """
    told: Counter[tuple[int, date]] = Counter()
    for row in here.deliveries():
        if row.state == "sent" and row.carrier is None and row.sent_at is not None:
            at = row.sent_at
            (zone,) = [name for since, name in zones[row.group_id] if since <= at][-1:]
            told[row.group_id, local_day(at, zone)] += 1
    return told


def check(here: Town, world: World, zones: Mapping[int, Sequence[tuple[datetime, str]]]) -> None:
    messages = [row for row in here.deliveries() if row.state == "sent" and row.carrier is None]
    assert len(messages) == len(here.phone.sent), "a row that carries none and is carried by none is a message"
    for (group, day), count in most_in_a_day(here, zones).items():
        assert count <= world.groups[group - 1][1], f"{count} messages on {day}"
    stopped = {
        one.id for one in here.database.read_now(lambda s: s.exec(select(Campaign)).all()) if one.state == "paused"
    }
    left = [row for row in here.deliveries() if row.state not in ("sent", "skipped", "cancelled")]
    now = here.clock.now()
    assert all(row.campaign_id in stopped or (row.not_before and row.not_before > now) for row in left)
    assert all(row.state == "pending" and row.expires_at > now for row in left)
    assert all(row.reason for row in here.deliveries() if row.state == "skipped")


def check_together(here: Town, world: World) -> None:
    kinds = {row.id: row.kind for row in here.database.read_now(lambda s: s.exec(select(Campaign)).all())}
    merging = {one.kind for one in here.jobs if one.merges}
    if any(one.ignores_quiet for one in here.jobs if one.merges):
        return
    for number in range(1, len(world.groups) + 1):
        times = sorted(
            row.sent_at
            for row in here.deliveries()
            if row.state == "sent" and row.carrier is None and row.sent_at is not None
            if row.group_id == number and kinds[row.campaign_id] in merging
        )
        assert all(later - earlier >= TOGETHER for earlier, later in pairwise(times)), times


def play(world: World) -> None:
    """Let a few days pass, and look at what was said."""
    now = datetime(2026, 3, 26, 20, 0, tzinfo=UTC)
    zones = {number: [(now, group[0])] for number, group in enumerate(world.groups, start=1)}

    async def pass_by(here: Town) -> None:
        await here.plan()
        for minute, what, number in world.happens:
            at = now + timedelta(minutes=minute)
            if at > here.clock.now():
                await live(here, world, at)
            if what == "zone":
                # What went out just now did so before: two things of one instant could not be told apart below.
                here.clock.set(here.clock.now() + timedelta(seconds=1))
            happen(here, world, what, number)
            if what == "zone":
                zones[number % len(world.groups) + 1].append((here.clock.now(), ZONES[number % len(ZONES)]))
        await live(here, world, max(now + timedelta(days=DAYS + 1), here.clock.now()))
        await here.run()

    with tempfile.TemporaryDirectory() as folder:
        here = Town(database_at(Path(folder)), *jobs_of(world), start=now)
        here.phone.answer = retrying(*world.retries)
        try:
            prepare(here, world, now)
            asyncio.run(pass_by(here))
            check(here, world, zones)
            if not (world.happens or world.step or world.retries[0]):
                check_together(here, world)
        finally:
            here.database.close()


@settings(max_examples=20 * MORE, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(world=WORLDS)
def test_no_group_is_flooded(world: World) -> None:
    play(world)


SHANGHAI = ("Asia/Shanghai", 1, (0, 0), 0)
STOPPED_OVER_NIGHT = World(
    [(1200, True, False, 720)], [{1: 540}], [SHANGHAI], 0, ((959, "pause", 0), (1260, "resume", 0))
)
"""Planned at 20:00, goes on at 1:00: it is none of the next day's, which has its own at 9:00."""
LEFT_BEHIND = World([(600, True, False, 120)], [{0: 600}], [SHANGHAI], 0, ((359, "pause", 1), (420, "resume", 1)))
"""Two that would be said in one message; one stands still when the other goes out."""
MOVED_BY_NIGHT = World(
    [(1410, True, False, 720), (540, True, False, 120)],
    [],
    [("Pacific/Chatham", 1, (22 * 60, 8 * 60), 0)],
    0,
    ((835, "zone", 2),),
)
"""It waits for the morning of the 28th, which is the afternoon of the 27th in New York."""

MOVED_AS_IT_WAS_SAID = World(
    [(480, True, False, 120), (1439, True, False, 120)],
    [],
    [("Asia/Shanghai", 1, (22 * 60, 8 * 60), 0)],
    50,
    ((240, "hush", 0), (1231, "zone", 3)),
    (2, 30),
)
"""What the platform put off goes out after midnight; then it is yesterday again, since the group has moved to Cairo."""


@settings(max_examples=30 * MORE, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(world=STOPPED_OVER_NIGHT)
@example(world=LEFT_BEHIND)
@example(world=MOVED_BY_NIGHT)
@example(world=MOVED_AS_IT_WAS_SAID)
@given(world=EVENTFUL)
def test_no_group_is_flooded_whatever_happens(world: World) -> None:
    """Campaigns stop and go on, nothing runs for hours, a group moves or changes its quiet hours, the platform asks to wait."""
    play(world)
