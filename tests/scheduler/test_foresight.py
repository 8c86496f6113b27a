"""What is foreseen of campaigns with a rhythm, of what goes out together, and of a whole year; and nothing is left behind."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from engagement.kernel import Kind, Reply
from scheduler import campaigns
from scheduler.foresight import FEW, Foreseen, Foresight, TooMuch, foresee, foresee_day
from storage.campaigns import Campaign, Schedule
from storage.engine import Session
from storage.groups import GroupDay
from tests.scheduler.community import EIGHT, Town, job
from tests.scheduler.test_planner import DAY, at
from tests.scheduler.test_together import begin, own

WEEK = DAY + timedelta(days=7)


def mixed(town: Callable[..., Town], *, budget: int = 9) -> Town:
    """Pushes that merge and others, some of them in quiet hours."""
    here = town(
        job("early", 6 * 60 + 10, merges=True, grace_minutes=120),
        job("topic", EIGHT, merges=True),
        job("theme", EIGHT + 45, merges=True),
        job("alone", EIGHT + 50),
        job("late", 21 * 60 + 30, merges=True),
        job("night", 22 * 60 + 10, grace_minutes=30),
        own({2: 1, 3: -1}),
    )
    here.add(2, daily_budget=budget)
    here.add(1, zone="Europe/London", daily_budget=budget)
    here.add(1, daily_budget=2)
    begin(here, "spring", "fair")
    return here


def keys(here: Town) -> dict[int | None, str]:
    return {one.id: one.key for one in here.database.read_now(lambda s: list(s.exec(select(Campaign)).all()))}


async def test_what_goes_out_together_is_foreseen_as_it_happens(town: Callable[..., Town]) -> None:
    here = mixed(town)
    await here.run()
    found = foresee(here.database, here.jobs, DAY, WEEK, here.clock.now())
    assert here.unasked() == {}
    await here.advance(at(0, 0, WEEK + timedelta(days=3)))
    named = keys(here)
    rows = [one for one in here.deliveries() if DAY <= one.local_date <= WEEK]
    really = {
        (named[one.campaign_id], one.group_id, one.local_date): (one.state, one.reason, one.sent_at) for one in rows
    }
    foreseen = {
        (one.campaign, one.group.id, one.local_date): (
            "sent" if one.state == "planned" else one.state,
            one.reason,
            one.at if one.state == "planned" else None,
        )
        for one in found.pushes
    }
    assert foreseen == really
    assert {reason for _, reason, _ in really.values()} == {"", "budget", "quiet"}
    messages: dict[int | None, set[tuple[str, int, date]]] = {}
    for one in rows:
        if one.state == "sent":
            messages.setdefault(one.carrier or one.id, set()).add(
                (named[one.campaign_id], one.group_id, one.local_date)
            )
    numbered: dict[int, set[tuple[str, int, date]]] = {}
    for push in found.pushes:
        if push.number:
            numbered.setdefault(push.number, set()).add((push.campaign, push.group.id, push.local_date))
    assert sorted(map(sorted, numbered.values())) == sorted(map(sorted, messages.values()))
    assert len(here.phone.sent) >= len(numbered) > 0
    assert sum(one.along for one in found.pushes) == sum(len(one) - 1 for one in numbered.values()) > 0
    days = {(g, day): n for (g, day), n in unasked_of(here).items() if DAY <= day <= WEEK and n}
    assert {key: n for key, n in found.unasked.items() if n and key[1] < WEEK} == {
        key: n for key, n in days.items() if key[1] < WEEK
    }


def table_rows(here: Town) -> list[int]:
    tables = ("campaign", "schedule", "fire", "delivery", "group_day")
    return here.database.read_now(
        lambda s: [s.connection().exec_driver_sql(f"SELECT count(*) FROM {one}").scalar_one() for one in tables]
    )


@pytest.mark.parametrize("day", [DAY, DAY + timedelta(days=1), DAY + timedelta(days=40)])
async def test_one_groups_day_is_foreseen_where_others_write_and_leaves_nothing(
    day: date, town: Callable[..., Town], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = mixed(town)
    await here.run()
    before = table_rows(here)
    whole = foresee(here.database, here.jobs, day, day, here.clock.now(), [1])

    def copied(*_: object) -> None:
        raise AssertionError("a page copies no database")

    monkeypatch.setattr("scheduler.aside._copy", copied)
    found = foresee_day(here.database, here.jobs, day, here.clock.now(), 1)

    def told(of: Foresight) -> list[tuple[object, ...]]:
        def one(push: Foreseen) -> tuple[object, ...]:
            return push.campaign, push.at, push.state, push.reason, push.number, push.along

        return [one(push) for push in of.pushes]

    assert told(found) == told(whole)
    assert any(push.number for push in found.pushes)
    assert table_rows(here) == before
    assert foresee_day(here.database, here.jobs, day, here.clock.now(), 99).pushes == []
    await here.run(at(8))  # the writer goes on
    assert here.phone.sent


def unasked_of(here: Town) -> dict[tuple[int, date], int]:
    rows = here.database.read_now(lambda s: list(s.exec(select(GroupDay)).all()))
    return {(one.group_id, one.local_date): one.unasked for one in rows}


async def test_afterwards_it_shows_what_went_out_together(town: Callable[..., Town]) -> None:
    here = mixed(town)
    before = foresee(here.database, here.jobs, DAY, DAY, here.clock.now(), [1])
    await here.advance(at(23, 30, DAY))
    after = foresee(here.database, here.jobs, DAY, DAY, here.clock.now(), [1])

    def together(found: object) -> list[list[str]]:
        groups: dict[int, list[str]] = {}
        for one in found.pushes:  # type: ignore[attr-defined]
            if one.number:
                groups.setdefault(one.number, []).append(one.campaign)
        return sorted(sorted(one) for one in groups.values())

    assert together(after) == together(before)
    assert any(len(one) > 1 for one in together(after))
    assert {one.state for one in after.pushes} <= {"sent", "skipped"}


async def test_schedules_that_are_not_there_yet_are_foreseen_and_not_made(town: Callable[..., Town]) -> None:
    here = town(own())
    here.add(2)
    begin(here, "spring")
    found = foresee(here.database, here.jobs, DAY, WEEK, here.clock.now(), [2])
    assert [(one.group.id, one.local_date) for one in found.pushes] == [(2, DAY), (2, DAY + timedelta(days=2))]
    assert here.schedules() == []


async def test_an_opt_out_a_cancelled_and_a_paused_one_say_so(town: Callable[..., Town]) -> None:
    here = town(own())
    here.add(1)
    begin(here, "spring", "fair")
    await here.run()

    def change(session: Session) -> None:
        for one in session.exec(select(Campaign)).all():
            one.state = "paused" if one.key == "fair" else one.state
            session.add(one)
        for row in session.exec(select(Schedule)).all():
            if row.campaign_id == 1:
                row.enabled = False
                session.add(row)

    here.database.write_now(change)
    found = foresee(here.database, here.jobs, DAY, WEEK, here.clock.now())
    assert {(one.campaign, one.state, one.reason) for one in found.pushes} == {
        ("spring", "skipped", "off"),
        ("fair", "skipped", "paused"),
    }

    def cancel(session: Session) -> None:
        for one in session.exec(select(Campaign)).all():
            one.state = "cancelled"
            session.add(one)

    here.database.write_now(cancel)
    found = foresee(here.database, here.jobs, DAY, WEEK, here.clock.now())
    assert {(one.campaign, one.reason) for one in found.pushes} == {("spring", "cancelled"), ("fair", "cancelled")}


def test_a_year_is_looked_at_for_few_groups_only(town: Callable[..., Town]) -> None:
    here = town(job(), job("rare", 9 * 60, plan=lambda *_: []))
    ids = here.add(FEW + 1)
    begun = time.perf_counter()
    found = foresee(here.database, here.jobs, DAY, DAY + timedelta(days=364), here.clock.now(), ids[:1])
    assert len(found.pushes) == 365
    assert {one.state for one in found.pushes} == {"planned"}
    assert time.perf_counter() - begun < 60
    for last, groups in [(364, None), (364, ids), (401, ids[:1]), (-1, ids[:1])]:
        with pytest.raises(TooMuch):
            foresee(here.database, here.jobs, DAY, DAY + timedelta(days=last), here.clock.now(), groups)
    assert here.deliveries() == []
    assert here.schedules() == []


def test_the_copy_goes_and_what_a_killed_one_left_too(town: Callable[..., Town], data_dir: Path) -> None:
    here = town(job())
    here.add()
    home = Path(str(here.database.read_engine.url.database)).parent
    left, fresh = home / ".plan-left", home / ".plan-fresh"
    for folder in (left, fresh):
        folder.mkdir()
        (folder / "tuantuan.db").write_text("x")
    os.utime(left, (1, 1))
    seen: list[int] = []
    foresee(here.database, here.jobs, DAY, DAY, here.clock.now(), prepare=lambda _s: seen.append(copies(home)))
    assert seen == [2]
    assert not left.exists()
    assert fresh.exists()


def copies(home: Path) -> int:
    return len(list(home.glob(".plan-*")))


async def test_the_writer_is_free_meanwhile(town: Callable[..., Town]) -> None:
    """Somebody checks in while a year is looked at: the copy has a writer of its own."""
    here = town(job())
    here.add()
    waited: list[float] = []

    def while_it_runs(_session: Session) -> None:
        begun = time.perf_counter()
        here.database.write_now(lambda s: s.add(Campaign(key=f"k{len(waited)}", kind="x", created_at=here.clock.now())))
        waited.append(time.perf_counter() - begun)

    foresee(here.database, here.jobs, DAY, DAY, here.clock.now(), prepare=while_it_runs)
    assert len(waited) == 1
    assert waited[0] < 5


def told_later(_session: object, occurrences: object, _now: datetime) -> list[object]:
    from engagement.pushes import Planned

    return [Planned(one, Reply("topic.push", {"title": "x"}, kind=Kind.PUSH)) for one in occurrences]  # type: ignore[attr-defined]


async def test_what_is_to_come_once_is_foreseen(town: Callable[..., Town]) -> None:
    here = town(job("news", once=True, plan=told_later))
    here.add(1)

    def write(session: Session) -> None:
        campaign = Campaign(key="news:1", kind="news", created_at=here.clock.now())
        session.add(campaign)
        session.flush()
        session.add(
            Schedule(
                campaign_id=campaign.id or 0,
                group_id=1,
                kind="news",
                zone="Asia/Shanghai",
                local_minute=0,
                next_at=at(12, 0, DAY),
            )
        )

    here.database.write_now(write)
    (one,) = foresee(here.database, here.jobs, DAY, WEEK, here.clock.now()).pushes
    assert (one.campaign, one.state, one.at) == ("news:1", "planned", at(12, 0, DAY))


async def test_on_postgresql_nothing_is_left_behind_and_nobody_waits(
    town: Callable[..., Town], postgres_url: str
) -> None:
    """There it is the database itself, in a transaction that is rolled back; a live writer works beside it."""
    here = town(job(), own(), url=postgres_url)
    (group,) = here.add(1)
    begin(here, "spring")
    seen: list[float] = []

    def meanwhile(_session: Session) -> None:
        begun = time.perf_counter()
        here.database.write_now(
            lambda s: s.add(Campaign(key=f"other{len(seen)}", kind="x", created_at=here.clock.now()))
        )
        seen.append(time.perf_counter() - begun)

    found = foresee(here.database, here.jobs, DAY, DAY + timedelta(days=300), here.clock.now(), [group], meanwhile)
    assert [one.campaign for one in found.pushes if one.kind == "own"] == ["spring", "spring"]
    assert len(found.pushes) == 303
    assert max(seen) < 5
    assert here.schedules() == []
    assert here.deliveries() == []
    assert here.unasked() == {}
    await here.advance(at(23, 0, DAY))
    assert [state for state, _ in here.states()] == ["sent", "sent"]
    progress = here.database.read_now(lambda s: campaigns.progress(s, here.jobs, {}, here.clock.now()))
    assert progress.open == 0
