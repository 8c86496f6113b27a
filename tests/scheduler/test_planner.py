"""What becomes of a due schedule: late, quiet, over the budget, broken, or pending; each with its reason."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import select

from engagement.calendar import instant_of
from engagement.kernel import Reply
from engagement.pushes import Occurrence, Planned
from scheduler import due, planner, schedules
from storage.campaigns import Campaign, Delivery, Fire
from storage.engine import Session
from storage.groups import GroupDay
from tests.scheduler.community import EIGHT, MORNING, Town, database_at, job

SHANGHAI = "Asia/Shanghai"
DAY = date(2026, 11, 23)


def at(hour: int, minute: int = 0, day: date = DAY) -> datetime:
    """Return a local moment in Shanghai."""
    return instant_of(day, hour * 60 + minute, SHANGHAI)


async def test_a_push_goes_out_at_its_minute_with_its_subject_remembered(town: Callable[..., Town]) -> None:
    here = town()
    here.add(2)
    await here.run(at(7, 59))
    assert here.deliveries() == []
    await here.run(at(8))
    assert here.states() == [("sent", "")] * 2
    assert [one.conversation for one in here.phone.sent] == ["g0", "g1"]
    assert all(row.body == "" and row.sent_at == at(8) for row in here.deliveries())
    subjects = here.database.read_now(lambda s: s.execute(text("SELECT conversation, subject FROM sent_message")).all())
    assert sorted(map(tuple, subjects)) == [("g0", "topic:1"), ("g1", "topic:2")]


@pytest.mark.parametrize(
    ("now", "state"),
    [(at(8), ("sent", "")), (at(10), ("sent", "")), (at(10, 1), ("skipped", "late")), (at(21), ("skipped", "late"))],
)
async def test_grace_is_a_closed_bound(now: datetime, state: tuple[str, str], town: Callable[..., Town]) -> None:
    here = town()
    here.add()
    await here.run()
    await here.run(now)
    assert here.states() == [state]


async def test_a_morning_topic_is_not_sent_at_night_after_sixteen_hours_of_silence(town: Callable[..., Town]) -> None:
    """The program stands still from 06:00 to 22:00: the topic of 08:00 is skipped, and tomorrow's comes."""
    here = town(job(), job("theme", 19 * 60, grace_minutes=240))
    here.add(quiet_from=0, quiet_to=0)
    await here.run()
    await here.run(MORNING + timedelta(hours=16))
    assert here.states() == [("skipped", "late"), ("sent", "")]
    await here.run(at(8, 5, DAY + timedelta(days=1)))
    assert here.states()[2:] == [("sent", "")]


async def test_after_a_long_downtime_only_the_latest_occurrence_counts_and_a_week_is_explained(
    town: Callable[..., Town],
) -> None:
    here = town()
    here.add()
    await here.run()
    await here.run(at(8, 30, DAY + timedelta(days=40)))
    rows = here.deliveries()
    assert [row.state for row in rows] == ["skipped"] * 6 + ["sent"]
    assert {row.reason for row in rows[:-1]} == {"late"}
    assert rows[-1].local_date == DAY + timedelta(days=40)
    assert len({row.local_date for row in rows}) == len(rows) <= 8


async def test_quiet_hours_delay_within_the_grace_and_skip_beyond_it(town: Callable[..., Town]) -> None:
    here = town(job(minute=6 * 60), job("short", 6 * 60, grace_minutes=30), job("loud", 6 * 60, ignores_quiet=True))
    here.add(quiet_from=22 * 60, quiet_to=7 * 60)
    await here.run(MORNING - timedelta(hours=1))
    await here.run(at(6))
    kinds = {row.campaign_id: row for row in here.deliveries()}
    states = {campaign: (row.state, row.reason, row.not_before) for campaign, row in kinds.items()}
    assert sorted(states.values(), key=str) == sorted(
        [("pending", "", at(7)), ("skipped", "quiet", at(7)), ("sent", "", None)], key=str
    )
    await here.run(at(6, 59))
    assert len(here.phone.sent) == 1
    await here.run(at(7))
    assert len(here.phone.sent) == 2


async def test_a_row_that_waits_does_not_slide_into_the_night(town: Callable[..., Town]) -> None:
    here = town(job(minute=21 * 60 + 50))
    here.add(quiet_from=22 * 60, quiet_to=7 * 60)
    await here.run(at(21))
    await here.plan()
    here.clock.set(at(21, 50))
    await here.plan()
    assert here.deliveries()[0].expires_at < at(22)
    await here.run(at(22))
    assert here.states() == [("skipped", "late")]
    assert here.phone.tried == []


async def test_the_daily_budget_is_counted_in_the_same_transaction(town: Callable[..., Town]) -> None:
    here = town(*(job(f"k{n}", EIGHT + n) for n in range(4)), job("free", EIGHT + 9, unasked=False))
    one, other = here.add(2, daily_budget=2)
    here.change_group(other, daily_budget=4)
    here.database.write_now(lambda s: s.add(GroupDay(group_id=one, local_date=DAY, unasked=1)))
    await here.run()
    for minute in range(10):
        await here.run(at(8, minute))
    of_one = [(row.state, row.reason) for row in here.deliveries() if row.group_id == one]
    assert of_one == [("sent", "")] + [("skipped", "budget")] * 3 + [("sent", "")]
    assert [row.state for row in here.deliveries() if row.group_id == other] == ["sent"] * 5
    assert here.unasked() == {(one, DAY): 2, (other, DAY): 4}


async def test_two_kinds_due_in_one_tick_share_the_last_place_of_the_budget(town: Callable[..., Town]) -> None:
    here = town(job("first", EIGHT), job("second", EIGHT + 1))
    here.add(daily_budget=1)
    await here.run()
    await here.run(at(8, 30))
    assert here.states() == [("sent", ""), ("skipped", "budget")]


async def test_what_a_slice_says_about_a_day_is_kept(town: Callable[..., Town]) -> None:
    def plan(_session: Session, occurrences: Sequence[Occurrence], _now: datetime) -> Sequence[Planned]:
        return [Planned(occurrences[0], skip="leader_skipped"), Planned(occurrences[1])]

    here = town(job(plan=plan))
    here.add(3)
    await here.run()
    await here.run(at(8))
    assert here.states() == [("skipped", "leader_skipped")]
    fires = here.database.read_now(lambda s: len(s.exec(select(Fire)).all()))
    assert fires == 3


async def test_one_group_that_a_slice_fails_on_does_not_stop_the_others(town: Callable[..., Town]) -> None:
    """FAULTS F14: a poison group is dead-lettered, the rest flows; what the failed call wrote is undone."""

    def plan(session: Session, occurrences: Sequence[Occurrence], _now: datetime) -> Sequence[Planned]:
        session.add(Campaign(key=f"x{occurrences[0].group.id}", kind="x", created_at=_now))
        session.flush()
        if any(one.group.external_id == "g1" for one in occurrences):
            raise ZeroDivisionError("bad group")
        return [Planned(one, Reply("topic.push", {})) for one in occurrences]

    here = town(job(plan=plan))
    here.add(3)
    await here.run()
    await here.run(at(8))
    assert here.states() == [("sent", ""), ("failed", "bug"), ("sent", "")]
    kept = here.database.read_now(lambda s: sorted(c.key for c in s.exec(select(Campaign)).all()))
    assert kept == ["topic", "x1", "x3"]


@pytest.mark.parametrize("value", [DAY, "half a smile \ud83d"])
async def test_one_reply_that_cannot_be_written_down_does_not_stop_the_others(
    value: object, town: Callable[..., Town]
) -> None:
    def plan(_session: Session, occurrences: Sequence[Occurrence], _now: datetime) -> Sequence[Planned]:
        titles = [value if one.group.external_id == "g1" else "t" for one in occurrences]
        return [Planned(one, Reply("topic.push", {"title": it})) for one, it in zip(occurrences, titles, strict=True)]

    here = town(job(plan=plan))
    here.add(3)
    await here.run()
    await here.run(at(8))
    assert here.states() == [("sent", ""), ("failed", "bug"), ("sent", "")]


async def test_a_database_that_fails_is_no_bug_of_the_slice(town: Callable[..., Town]) -> None:
    import sqlite3

    def plan(_session: Session, _occurrences: Sequence[Occurrence], _now: datetime) -> Sequence[Planned]:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    here = town(job(plan=plan))
    here.add()
    await here.run()
    here.clock.set(at(8))
    with pytest.raises(sqlite3.OperationalError):
        await here.plan()
    assert here.deliveries() == []
    here.jobs = (job(),)
    await here.run()
    assert here.states() == [("sent", "")]


async def test_planning_twice_changes_nothing(town: Callable[..., Town]) -> None:
    here = town()
    here.add(2)
    await here.run()
    await here.run(at(8))
    here.database.write_now(lambda s: s.execute(text("UPDATE schedule SET next_at = next_at - 86400000000")))
    await here.run(at(8, 1))
    assert len(here.deliveries()) == 2
    assert len(here.phone.sent) == 2


async def test_groups_come_go_and_come_back(town: Callable[..., Town]) -> None:
    here = town()
    (group,) = here.add()
    await here.run()
    here.change_group(group, state="removed")
    await here.run(at(8))
    assert here.deliveries() == []
    assert here.schedules()[0].next_at is None
    here.change_group(group, state="active")
    await here.run(at(8, 30, DAY + timedelta(days=5)))
    assert here.deliveries() == []  # nothing of the days away is due, nor is it late
    await here.run(at(8, 0, DAY + timedelta(days=6)))
    assert here.states() == [("sent", "")]


async def test_an_opted_out_group_is_not_due(town: Callable[..., Town]) -> None:
    here = town()
    here.add(2)
    await here.run()
    here.database.write_now(lambda s: s.execute(text("UPDATE schedule SET enabled = 0 WHERE id = 1")))
    await here.run(at(8))
    assert [row.group_id for row in here.deliveries()] == [2]


async def test_a_changed_minute_is_worked_out_again(town: Callable[..., Town]) -> None:
    here = town()
    here.add()
    await here.run()
    here.database.write_now(lambda s: s.execute(text("UPDATE schedule SET local_minute = 540, next_at = NULL")))
    await here.run(at(8))
    assert here.deliveries() == []
    await here.run(at(9))
    assert here.states() == [("sent", "")]


async def test_a_zone_that_does_not_exist_stops_nobody(town: Callable[..., Town]) -> None:
    here = town()
    here.add(zone="Mars/Olympus")
    here.add()
    await here.run()
    await here.run(at(8))
    assert here.states() == [("sent", "")] * 2


async def test_a_kind_that_no_longer_exists_is_let_go(town: Callable[..., Town]) -> None:
    here = town(job(), job("old", EIGHT))
    here.add()
    await here.run()
    here.jobs = (job(),)
    await here.run(at(8))
    assert here.states() == [("sent", "")]
    await here.run(at(8, 1))
    assert here.schedules()[1].next_at is None


def test_the_due_query_uses_the_partial_index(town: Callable[..., Town]) -> None:
    here = town()
    wanted = due._DUE.where(due._S.c.next_at <= MORNING)
    compiled = wanted.compile(here.database.write_engine, compile_kwargs={"literal_binds": True})
    plan = here.database.read_now(lambda s: s.execute(text(f"EXPLAIN QUERY PLAN {compiled}")).all())
    assert any("ix_schedule_due" in str(row) for row in plan), plan


def test_five_thousand_due_are_planned_within_the_writer_s_patience(town: Callable[..., Town]) -> None:
    """No writer function above 50 ms (120 ms of the processor here: the machine of a test run is shared), all within some
    seconds of it."""
    here = town()
    here.add(5000)
    while here.database.write_now(lambda s: schedules.ensure(s, here.jobs, MORNING)):
        pass
    spans: list[float] = []
    planned = 0

    def one(session: Session) -> planner.Tick:
        begun = time.thread_time()
        result = planner.tick(session, here.jobs, at(8))
        spans.append(time.thread_time() - begun)
        return result

    begun = time.process_time()
    more = True
    while more:
        tick = here.database.write_now(one)
        planned, more = planned + tick.pending, tick.more
    took = time.process_time() - begun
    median = sorted(spans)[len(spans) // 2]
    print(f"5,000 planned in {took:.2f} s, longest function {max(spans) * 1000:.0f} ms, median {median * 1000:.0f} ms")
    assert planned == 5000
    assert took < 5
    assert median < 0.12


@pytest.mark.postgres
def test_two_planners_at_once_fire_once(tmp_path: Path, postgres_url: str) -> None:
    """Two processes' worth of planners on PostgreSQL, 600 groups: each group fires once (FAULTS F7).

    How they share the work is not promised: SERIALIZABLE lets one of them run again while the other goes on.
    """
    first, second = database_at(tmp_path, postgres_url), database_at(tmp_path, postgres_url)
    here = Town(first)
    here.add(600)
    while first.write_now(lambda s: schedules.ensure(s, here.jobs, MORNING)):
        pass
    started = threading.Barrier(2)
    totals: dict[str, int] = {"first": 0, "second": 0}
    finished: list[str] = []

    def work(name: str, database: Any) -> None:
        started.wait()
        for _ in range(40):
            tick = database.write_now(lambda s: planner.tick(s, here.jobs, at(8), 50))
            totals[name] += tick.pending
        finished.append("done")

    threads = [
        threading.Thread(target=work, args=("first", first)),
        threading.Thread(target=work, args=("second", second)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = here.deliveries()
    assert len(rows) == 600 == sum(totals.values())
    assert len({row.group_id for row in rows}) == 600
    assert set(here.unasked().values()) == {1}
    assert finished == ["done", "done"]
    first.close()
    second.close()


@pytest.mark.postgres
async def test_the_whole_way_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    database = database_at(tmp_path, postgres_url)
    here = Town(database, job(), job("night", 23 * 60, grace_minutes=30))
    here.add(20)
    await here.run()
    await here.run(at(8))
    await here.run(at(23))
    assert [state for state in here.states() if state == ("sent", "")] == [("sent", "")] * 20
    assert here.states().count(("skipped", "quiet")) == 20
    assert isinstance(here.deliveries()[0], Delivery)
    database.close()


def test_occurrences_are_bounded(town: Callable[..., Town]) -> None:
    """A schedule whose next instant is years ago yields eight occurrences at most, the newest last."""
    here = town()
    here.add()
    here.database.write_now(lambda s: schedules.ensure(s, here.jobs, MORNING))
    now = datetime(2030, 5, 5, 3, 0, tzinfo=UTC)
    (row,) = here.database.write_now(lambda s: due.due_schedules(s, now, 10))
    found, following = due.occurrences(row, now)
    assert 7 <= len(found) <= 8
    assert found[-1].due_at == datetime(2030, 5, 5, 0, 0, tzinfo=UTC)
    assert following == datetime(2030, 5, 6, 0, 0, tzinfo=UTC)


async def test_a_row_written_under_other_rules_still_has_one_occurrence_a_day(town: Callable[..., Town]) -> None:
    """Its next instant is at 07:40, its minute at 08:00: one push on that day, not two and not a tick that fails."""
    here = town()
    here.add()
    await here.run()
    here.database.write_now(lambda s: s.execute(text("UPDATE schedule SET next_at = next_at - 1200000000")))
    await here.run(at(8, 5))
    assert here.states() == [("sent", "")]
