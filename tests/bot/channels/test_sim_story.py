"""The sample weeks as a whole: what each page needs is there on whatever day somebody starts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from bot.channels.sim import community
from bot.channels.sim.rehearsal import DAYS, Rehearsal
from bot.channels.sim.story import parse, story, weeks_before
from bot.main import Program
from console import regional
from engagement.clocks import SetClock
from engagement.moderation import docket
from engagement.region import service
from storage.engine import Session
from tests.bot.channels.test_sim import open_simulator

SUNDAY = datetime(2026, 11, 22, 2, tzinfo=UTC)
"""The least that the weeks can hold: the newest closed one begins thirteen days ago."""

pytestmark = [pytest.mark.xdist_group("sim"), pytest.mark.timeout(240), pytest.mark.untraced]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Program, Rehearsal]]:
    program, simulator = open_simulator(tmp_path_factory.mktemp("story"), SetClock(SUNDAY))
    rehearsal = Rehearsal(simulator)
    asyncio.run(rehearsal.play())
    yield program, rehearsal
    simulator.close()
    program.close()


def test_everything_in_the_story_could_be_done(played: tuple[Program, Rehearsal]) -> None:
    assert played[1].teller.missed == []


def test_a_manager_sees_figures_of_every_group_and_each_lamp(played: tuple[Program, Rehearsal]) -> None:
    def read(session: Session) -> list[regional.Row]:
        return regional.compared(session, 1, service.sealed(session, 1)[0].week)

    rows = played[0].database.read_now(read)
    assert len(rows) == len(community.sample().rooms)
    for row in rows:
        assert None not in (row.now.neighbours, row.now.checked_in, row.now.messages), row.name
    assert {row.lamp.colour for row in rows} == {"green", "yellow", "red"}
    assert any(row.now.answered is not None for row in rows)
    assert any(row.now.gaps is not None for row in rows)


def test_every_list_of_what_was_held_back_has_something(played: tuple[Program, Rehearsal]) -> None:
    def read(session: Session) -> dict[str, int]:
        now = played[0].clock.now()
        return {tab: len(docket.cases(session, None, tab, now)[0]) for tab in docket.TABS}

    assert all(played[0].database.read_now(read).values())


@pytest.mark.parametrize("today", [date(2026, 11, 23) + timedelta(days=more) for more in range(7)])
def test_the_story_is_told_whole_on_every_day_of_the_week(today: date) -> None:
    told, played = story(), [today - timedelta(days=back) for back in range(DAYS + 1)]
    there = sum(len(told.of(day, today)) for day in played)
    assert there == sum(map(len, told.days.values())) + sum(map(len, told.weeks.values()))
    assert {weeks_before(day, today) for day in played} == {0, 1, 2, 3}


def test_the_story_names_people_and_rooms_that_there_are() -> None:
    sample = community.sample()
    people = {one.id for one in sample.people}
    rooms = {room.id: set(room.members) for room in sample.rooms}
    deeds = [deed for found in (story().days, story().weeks) for several in found.values() for deed in several]
    for deed in deeds:
        assert deed.who in people
        if deed.joins:
            rooms[deed.room].add(deed.who)
    for deed in deeds:
        assert not deed.room or deed.who in rooms[deed.room], deed
        assert not deed.quotes or deed.minute < 12 * 60 + 30, "else he has answered the topic already"


def test_a_deed_without_a_time_is_refused() -> None:
    with pytest.raises(ValueError, match="noon"):
        parse({"ask": "", "asked": [], "deed": [{"who": "li", "at": "noon", "back": 1}]})
