"""Pictures of pushes to come: of what waits and of what is due soon, each once, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects import sqlite
from sqlmodel import select

from engagement.kernel import Card
from engagement.pushes import JobSpec, Occurrence
from scheduler import posters
from scheduler.posters import MOST, coming
from storage.campaigns import Schedule
from storage.engine import Session
from tests.scheduler.community import Town, job
from tests.scheduler.test_planner import at
from tests.scheduler.test_together import begin, own


def drawn(session: Session, occurrences: Sequence[Occurrence]) -> Sequence[Card]:
    return [Card("campaign", {"title": f"{one.campaign_id} {one.local_date:%m-%d}"}) for one in occurrences]


def with_cards(**changes: Any) -> JobSpec:
    made = own(**changes)
    assert made.rhythm is not None
    return replace(made, rhythm=replace(made.rhythm, cards=drawn))


def cards(here: Town) -> list[Card]:
    return here.database.read_now(lambda session: coming(session, here.jobs, here.clock.now()))


def said(*titles: str) -> list[Card]:
    return [Card("campaign", {"title": title}) for title in titles]


async def test_what_is_due_within_ten_minutes_is_asked_for_once(town: Callable[..., Town]) -> None:
    """spring at 10:20 and fair at 10:40, in forty groups."""
    here = town(with_cards(merges=False))
    here.add(40)
    begin(here, "spring", "fair")
    await here.run(at(10, 9))
    assert cards(here) == []
    here.clock.set(at(10, 10))
    assert cards(here) == said("1 11-23")
    before = here.schedules()
    here.clock.set(at(10, 31))
    assert cards(here) == said("2 11-23")
    assert here.schedules() == before


async def test_what_waits_comes_first_and_each_campaign_once(town: Callable[..., Town]) -> None:
    """In quiet hours until 11:00 rows wait with the cards that they were planned with."""
    here = town(with_cards(merges=False, grace_minutes=600))
    here.add(5, quiet_from=22 * 60, quiet_to=11 * 60)
    begin(here, "spring", "fair")
    await here.run()
    await here.run(at(10, 35))
    assert {one.state for one in here.deliveries()} == {"pending"}
    assert cards(here) == [Card("spring"), *said("2 11-23")]
    here.campaign_state("spring", "paused")
    assert cards(here) == said("2 11-23")


async def test_it_is_bounded_however_many_days_differ(town: Callable[..., Town]) -> None:
    here = town(with_cards(merges=False))
    here.add(MOST + 5)
    begin(here, "spring")
    await here.run(at(9))

    def spread(session: Session) -> None:
        for number, row in enumerate(session.exec(select(Schedule)).all()):
            row.next_at = at(10, 20) + timedelta(seconds=number)
            session.add(row)

    here.database.write_now(spread)
    here.clock.set(at(10, 15))
    assert len(cards(here)) == MOST


async def test_kinds_without_pictures_have_none(town: Callable[..., Town]) -> None:
    here = town(job("topic", 10 * 60), own())
    here.add(3)
    begin(here, "spring")
    await here.run(at(10, 15))
    assert cards(here) == []


async def test_a_year_of_sent_rows_costs_nothing(town: Callable[..., Town]) -> None:
    """Only the few rows that wait are read, by their index."""
    here = town(with_cards())
    wanted = posters._FIRST.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    plan = here.database.read_now(lambda s: [row[3] for row in s.execute(text(f"EXPLAIN QUERY PLAN {wanted}"))])
    assert any("ix_delivery_waiting" in step for step in plan), plan
    assert not any("autoindex_delivery" in step for step in plan), plan
