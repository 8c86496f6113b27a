"""What one person is told in private within an hour is one message, and has nothing to do with what the group is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import reduce

from engagement.calendar import local_day
from engagement.kernel import Kind, Outgoing, Place, Reply
from engagement.pushes import JobSpec, Occurrence, Planned
from scheduler.foresight import foresee
from scheduler.gate import RateGate, Rates
from scheduler.rows import with_part
from scheduler.slots import MemorySlots
from storage.engine import Session
from storage.groups import Identity, Person
from tests.scheduler.community import Town, job
from tests.scheduler.test_planner import DAY, SHANGHAI, at
from tests.scheduler.test_together import titles

NINE = 9 * 60


def private(kind: str, minute: int, *people: int) -> JobSpec:
    """Make a kind that tells several people the same in private."""

    def plan(_session: Session, found: Sequence[Occurrence], _now: datetime) -> Sequence[Planned]:
        return [
            Planned(one, Reply("topic.push", {"title": f"{kind} {to}"}, kind=Kind.DM, to=to))
            for one in found
            for to in people
        ]

    return job(kind, minute, plan=plan, unasked=False, merges=True, private=True)


def settle(here: Town) -> None:
    def people(session: Session) -> None:
        for number in (7, 8):
            session.add(Person(id=number, created_at=here.clock.now()))
            session.flush()
            session.add(Identity(person_id=number, channel="play", external_id=f"u{number}", dm_open=True))

    here.database.write_now(people)


def said(here: Town) -> list[tuple[str, list[object]]]:
    return [(one.conversation, titles(one)) for one in here.phone.sent]


async def test_each_person_gets_one_message_and_the_group_its_own_at_its_time(town: Callable[..., Town]) -> None:
    """9:10 a lesson for both leaders, 9:40 a reminder for one of them, 9:30 and 10:15 the group: nothing is pulled over."""
    here = town(
        private("lesson", NINE + 10, 7, 8),
        job("topic", NINE + 30, merges=True),
        private("reminder", NINE + 40, 7),
        job("theme", NINE + 75, merges=True),
        private("later", NINE + 71, 8),
    )
    here.add(daily_budget=1)
    settle(here)
    await here.run()
    await here.run(at(9, 10))
    assert said(here) == [("u7", ["lesson 7", "reminder 7"]), ("u8", ["lesson 8"])]
    assert all(one.place is Place.DM for one in here.phone.sent)
    await here.advance(at(11))
    assert said(here)[2:] == [("g0", [f"t{DAY}", f"t{DAY}"]), ("u8", ["later 8"])]
    assert here.unasked() == {(1, DAY): 1}


async def test_what_people_are_told_does_not_hold_their_group_up(town: Callable[..., Town]) -> None:
    """Thirty people in private, each from the bot they have opened: the group's twenty a minute are the group's."""
    here = town(replace(private("letter", NINE, *range(1, 31)), merges=False), job("topic", NINE))
    here.add(account="bot-1")

    def people(session: Session) -> None:
        session.add_all(Person(id=number, created_at=here.clock.now()) for number in range(1, 31))
        session.flush()
        session.add_all(
            Identity(person_id=n, channel="play", account="bot-2", external_id=f"u{n}", dm_open=True)
            for n in range(1, 31)
        )

    here.database.write_now(people)
    await here.run()
    here.gate = RateGate(MemorySlots(), {"play": Rates(group_per_minute=20)})
    await here.run(at(9))
    assert here.states() == [("sent", "")] * 31
    assert {(row.channel, row.account) for row in here.deliveries() if row.recipient} == {("play", "bot-2")}
    assert {(one.place, one.account) for one in here.phone.sent} == {(Place.DM, "bot-2"), (Place.GROUP, "bot-1")}


async def test_it_is_foreseen_so(town: Callable[..., Town]) -> None:
    here = town(
        private("lesson", NINE + 10, 7, 8), job("topic", NINE + 30, merges=True), private("reminder", NINE + 40, 7)
    )
    here.add()
    settle(here)
    await here.run()
    found = foresee(here.database, here.jobs, DAY, DAY, here.clock.now()).pushes
    assert [(one.kind, one.recipient, one.number, one.along, local_day(one.at, SHANGHAI)) for one in found] == [
        ("lesson", 7, 1, False, DAY),
        ("lesson", 8, 2, False, DAY),
        ("reminder", 7, 1, True, DAY),
        ("topic", 0, 3, False, DAY),
    ]
    assert [one.at for one in found] == [at(9, 10), at(9, 10), at(9, 10), at(9, 30)]
    assert all(isinstance(one.message, Outgoing) for one in found)


def test_a_quote_is_about_none_once_two_parts_are_about_different_things() -> None:
    def part(subject: str, place: Place = Place.DM) -> Outgoing:
        return Outgoing(Kind.DM, "play", "", place, "u7", "faq", "faq.reminder", {}, subject=subject)

    def about(*parts: Outgoing) -> str:
        return reduce(with_part, parts).subject

    assert about(part("question:1"), part("question:2")) == ""
    assert about(part("question:1"), part("question:2"), part("question:1")) == "", "nor by a third one"
    assert about(part("question:1"), part("")) == about(part(""), part("question:1")) == "question:1"
    assert about(part("waiting:"), part("waiting:")) == "waiting:"
    assert about(part("topic:1", Place.GROUP), part("own:1", Place.GROUP)) == "topic:1", "in a group it is the first"
