"""Local mornings in twelve zones: every local day once, through folds, gaps and moving clocks (FAULTS B8, F6)."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from engagement.calendar import instant_of, local_day, next_due
from tests.scheduler.community import Town, job

ZONES = (
    "Asia/Shanghai",
    "Asia/Urumqi",
    "Asia/Kolkata",
    "Asia/Tehran",
    "Africa/Cairo",
    "America/Santiago",
    "America/New_York",
    "America/St_Johns",
    "Europe/London",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Africa/Casablanca",
)
MINUTES = (0, 30, 90, 150, 480, 1439)
START = date(2026, 1, 1)
DAYS = 500


def _transitions(zone: str, start: datetime, days: int) -> list[datetime]:
    info = ZoneInfo(zone)
    hours = [start + timedelta(hours=n) for n in range(days * 24)]
    return [
        later
        for earlier, later in itertools.pairwise(hours)
        if earlier.astimezone(info).utcoffset() != later.astimezone(info).utcoffset()
    ]


def test_the_zones_do_fold_and_gap() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    changing = [zone for zone in ZONES if _transitions(zone, start, 365)]
    assert len(changing) >= 7


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("minute", MINUTES)
def test_every_local_day_is_due_exactly_once(zone: str, minute: int) -> None:
    """500 days of one zone: due once on each local date, at the minute, or right after the gap that swallowed it."""
    info = ZoneInfo(zone)
    due = instant_of(START, minute, zone)
    days: Counter[date] = Counter()
    for _ in range(DAYS):
        local = due.astimezone(info)
        days[local.date()] += 1
        if local.hour * 60 + local.minute != minute or local.second:
            # Only a gap may move it, and then to its very end: one second before, the clock showed another offset.
            assert (due - timedelta(seconds=1)).astimezone(info).utcoffset() != local.utcoffset()
        later = next_due(due, minute, zone)
        assert later > due
        due = later
    assert set(days.values()) == {1}
    assert len(days) == DAYS
    assert min(days) == START
    assert max(days) == START + timedelta(days=DAYS - 1)


@pytest.mark.parametrize("zone", ZONES)
async def test_the_planner_fires_once_a_day_over_a_change_of_clocks(zone: str, town: Callable[..., Town]) -> None:
    """Four days around each change, ticks every 20 minutes, a push at 00:00, one at 02:30 and one at 08:00."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    changes = _transitions(zone, start, 365)[:2] or [datetime(2026, 3, 29, tzinfo=UTC)]
    jobs = [job(f"at{minute}", minute, ignores_quiet=True) for minute in (0, 150, 480)]
    for change in changes:
        here = town(*jobs, start=change - timedelta(days=2))
        (group,) = here.add(zone=zone, external_id=f"{change:%m%d}", daily_budget=50)
        before = len(here.deliveries())
        await here.live(change + timedelta(days=2), timedelta(minutes=20))
        rows = [row for row in here.deliveries()[before:] if row.group_id == group]
        assert {row.state for row in rows} == {"sent"}
        fires = Counter((row.campaign_id, row.local_date) for row in rows)
        assert set(fires.values()) == {1}
        days = sorted({row.local_date for row in rows})
        full = days[1:-1]
        assert full == [full[0] + timedelta(days=n) for n in range(len(full))]
        for day in full:
            assert sum(1 for row in rows if row.local_date == day) == len(jobs)
        for row in rows:
            assert row.local_date == local_day(row.due_at, zone)
            assert row.sent_at is not None
            assert timedelta() <= row.sent_at - row.due_at <= timedelta(minutes=20)


async def test_a_clock_that_jumps_ahead_and_comes_back_neither_repeats_nor_falls_silent(
    town: Callable[..., Town],
) -> None:
    here = town()
    here.add()
    await here.live(datetime(2026, 11, 23, 12, 0, tzinfo=UTC))
    assert here.states() == [("sent", "")]
    # The clock of the host shows next year for a minute, then the truth again.
    await here.run(datetime(2027, 11, 23, 12, 0, tzinfo=UTC))
    ahead = len(here.deliveries())
    await here.run(datetime(2026, 11, 23, 12, 1, tzinfo=UTC))
    assert len(here.deliveries()) == ahead
    await here.live(datetime(2026, 11, 26, 12, 0, tzinfo=UTC))
    days = [row.local_date for row in here.deliveries() if row.state == "sent"]
    assert days.count(date(2026, 11, 24)) == days.count(date(2026, 11, 25)) == days.count(date(2026, 11, 26)) == 1
    assert len(days) == len(set(days))


async def test_a_clock_set_back_by_a_day_does_not_send_again(town: Callable[..., Town]) -> None:
    here = town()
    here.add()
    await here.live(datetime(2026, 11, 24, 4, 0, tzinfo=UTC))
    sent = [row.local_date for row in here.deliveries()]
    assert sent == [date(2026, 11, 23), date(2026, 11, 24)]
    here.clock.set(datetime(2026, 11, 22, 22, 0, tzinfo=UTC))
    await here.live(datetime(2026, 11, 24, 4, 0, tzinfo=UTC))
    assert [row.local_date for row in here.deliveries()] == sent


async def test_a_group_that_moves_to_another_zone_follows_its_new_morning(town: Callable[..., Town]) -> None:
    here = town()
    (group,) = here.add()
    await here.live(datetime(2026, 11, 23, 2, 0, tzinfo=UTC))
    here.change_group(group, zone="Europe/London")
    # 08:00 of the 23rd comes again, in London; the group has had its push of that date.
    await here.live(datetime(2026, 11, 25, 0, 0, tzinfo=UTC))
    days = {row.local_date: row for row in here.deliveries()}
    assert sorted(days) == [date(2026, 11, 23), date(2026, 11, 24)]
    assert len(here.deliveries()) == 2
    assert days[date(2026, 11, 24)].due_at == datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
