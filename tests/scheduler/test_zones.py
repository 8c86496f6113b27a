"""Local mornings in twelve zones: every local day once, through folds, gaps and moving clocks (FAULTS B8, F6)."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import select

from engagement.calendar import instant_of, local_day, next_due
from storage.campaigns import Campaign, Delivery, Schedule
from storage.engine import Session
from tests.scheduler.community import Town, job
from tests.scheduler.test_together import DAYS as CAMPAIGN_DAYS
from tests.scheduler.test_together import begin, own

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


# ------------------------------------------------------------------ campaigns with days of their own, and pushes due once


@pytest.mark.parametrize("zone", ZONES)
async def test_a_campaign_and_the_day_s_topic_are_one_message_over_a_change_of_clocks(
    zone: str, town: Callable[..., Town], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A campaign speaks at 02:30 and at midnight of the days around each change, the topic half an hour before or after it."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    change = (_transitions(zone, start, 365) or [datetime(2026, 3, 29, tzinfo=UTC)])[0]
    first = local_day(change, zone) - timedelta(days=2)
    days = [(first + timedelta(days=n), (150, 0)[n % 2]) for n in range(1, 5)]
    monkeypatch.setitem(CAMPAIGN_DAYS, "spring", days)
    topic = job("topic", 120, ignores_quiet=True, merges=True)
    here = town(topic, own(ignores_quiet=True), start=instant_of(first, 600, zone))
    (group,) = here.add(zone=zone, daily_budget=1)
    begin(here, "spring")
    await here.advance(instant_of(first + timedelta(days=5), 600, zone))
    rows = here.deliveries()
    mine = {row.local_date: row for row in rows if row.campaign_id != rows_of(here, "topic")}
    assert sorted(mine) == [day for day, _ in days]
    for day, minute in days:
        row = mine[day]
        assert row.due_at == instant_of(day, minute, zone)
        if minute:
            # Half an hour after the topic, in a gap at the same instant: said with it, and it costs nothing.
            assert (row.state, row.carrier is not None or _carries(rows, row.id)) == ("sent", True)
        else:
            # At midnight it has the day's one message, and the topic of two o'clock is over the budget.
            assert (row.state, row.carrier) == ("sent", None)
    skipped = [(row.local_date, row.reason) for row in rows if row.state == "skipped"]
    assert skipped == [(day, "budget") for day, minute in days if not minute]
    assert set(here.unasked().values()) == {1}
    assert len(here.phone.sent) == len({row.local_date for row in rows})
    assert {row.group_id for row in rows} == {group}


def rows_of(here: Town, key: str) -> int | None:
    return here.database.read_now(lambda s: s.exec(select(Campaign.id).where(Campaign.key == key)).one())


def _carries(rows: Sequence[Delivery], number: int | None) -> bool:
    return any(row.carrier == number for row in rows)


@pytest.mark.parametrize("hours", [1, 2, 4, 16, 40, 200])
async def test_after_a_downtime_each_kind_is_sent_caught_up_or_skipped_as_its_policy_says(
    hours: int, town: Callable[..., Town], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Down from 07:50 of a day: the topic of 08:00 (grace 2 h), a campaign at 08:20 (grace 3 h), one once at 09:00 (1 h)."""
    day = date(2026, 11, 23)
    monkeypatch.setitem(CAMPAIGN_DAYS, "spring", [(day, 500), (day + timedelta(days=1), 500)])
    here = town(job("topic", merges=True), own(grace_minutes=180), job("only", once=True, grace_minutes=60))
    (group,) = here.add(daily_budget=9, quiet_from=0, quiet_to=0)
    begin(here, "spring")
    here.database.write_now(lambda s: once(s, group, instant_of(day, 540, "Asia/Shanghai"), here.clock.now()))
    await here.run(instant_of(day, 470, "Asia/Shanghai"))
    back = here.clock.now() + timedelta(hours=hours)
    here.clock.set(back)
    await here.run()
    kinds = {one.id: one.kind for one in here.database.read_now(lambda s: s.exec(select(Campaign)).all())}
    grace = {"topic": 120, "own": 180, "only": 60}
    latest = {
        kind: max(r.due_at for r in here.deliveries() if kinds[r.campaign_id] == kind)
        for kind in found_kinds(here, kinds)
    }
    for row in here.deliveries():
        kind = kinds[row.campaign_id]
        in_time = back <= row.due_at + timedelta(minutes=grace[kind]) and row.due_at == latest[kind]
        assert (row.state, row.reason) == (("sent", "") if in_time else ("skipped", "late")), (kind, row.due_at)
    counted = Counter(kinds[row.campaign_id] for row in here.deliveries())

    def came(minute: int, days: int) -> int:
        dues = [instant_of(day + timedelta(days=n), minute, "Asia/Shanghai") for n in range(days)]
        return sum(1 for due in dues if back - timedelta(days=7) <= due <= back)

    # Older than a week leaves no row, but what comes once leaves its own.
    only = int(instant_of(day, 540, "Asia/Shanghai") <= back)
    assert counted == Counter({"topic": came(480, 20), "own": came(500, 2), "only": only})
    await here.run(back + timedelta(seconds=1))
    assert Counter(kinds[row.campaign_id] for row in here.deliveries()) == counted, "nothing comes twice"


def found_kinds(here: Town, kinds: Mapping[int | None, str]) -> set[str]:
    return {kinds[row.campaign_id] for row in here.deliveries()}


def once(session: Session, group: int, at: datetime, now: datetime) -> None:
    """What a slice writes for a push that comes due once."""
    campaign = Campaign(key="only:1", kind="only", created_at=now)
    session.add(campaign)
    session.flush()
    assert campaign.id is not None
    row = Schedule(campaign_id=campaign.id, group_id=group, kind="only", zone="Asia/Shanghai", local_minute=0)
    row.next_at, row.grace_minutes = at, 60
    session.add(row)


async def test_a_campaign_whose_group_moves_to_another_zone_in_the_middle_of_the_day_says_each_day_once(
    town: Callable[..., Town], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CAMPAIGN_DAYS, "spring", [(date(2026, 11, day), 600) for day in (23, 24, 25)])
    here = town(own())
    (group,) = here.add()
    begin(here, "spring")
    await here.advance(datetime(2026, 11, 23, 3, 0, tzinfo=UTC))

    def move(session: Session) -> None:
        row = session.exec(select(Schedule)).one()
        row.zone, row.next_at = "Europe/London", instant_of(date(2026, 11, 23), 600, "Europe/London")
        session.add(row)

    here.change_group(group, zone="Europe/London")
    here.database.write_now(move)
    await here.advance(datetime(2026, 11, 26, 0, 0, tzinfo=UTC))
    assert [(row.local_date.day, row.due_at.hour) for row in here.deliveries()] == [(23, 2), (24, 10), (25, 10)]


async def test_a_clock_set_forward_and_back_says_a_campaign_s_days_once(
    town: Callable[..., Town], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CAMPAIGN_DAYS, "spring", [(date(2026, 11, day), 600) for day in (23, 24)])
    here = town(job("topic", 590, merges=True), own())
    here.add()
    begin(here, "spring")
    await here.advance(datetime(2026, 11, 23, 3, 0, tzinfo=UTC))
    await here.run(datetime(2026, 11, 24, 3, 0, tzinfo=UTC))
    said = [(row.campaign_id, row.local_date) for row in here.deliveries()]
    assert len(said) == 4
    await here.run(datetime(2026, 11, 22, 3, 0, tzinfo=UTC))
    await here.live(datetime(2026, 11, 24, 6, 0, tzinfo=UTC))
    assert [(row.campaign_id, row.local_date) for row in here.deliveries()] == said
    assert [len(one.more) for one in here.phone.sent] == [1, 1]
