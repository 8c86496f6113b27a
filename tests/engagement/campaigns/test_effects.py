"""What came of campaigns: the figures from rows, and an interval that is as wide as it says."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlmodel import col, select

from engagement.campaigns import effects, service
from engagement.campaigns.effects import FEWEST_GROUPS, compare
from engagement.campaigns.manifest import FEATURE
from engagement.campaigns.rules import is_second
from engagement.campaigns.tables import Beat, Echo, Plan
from engagement.kernel import Outcome, Outgoing, Receipt
from scheduler import posters
from storage import wordings
from storage.engine import Session
from storage.groups import Member, Person
from tests.engagement.campaigns.test_year_rules import pack
from tests.engagement.stage import at
from tests.scheduler.community import Town, database_at, job

START = at("2027-06-10T12:00")
TWO = pack(
    {"day": "06-18"},
    {"day": -1, "phase": "warm", "text": "明天见。"},
    {"phase": "peak", "text": "来吧。", "other": "今天开始啦。"},
    key="fair",
)


@pytest.fixture
def town(tmp_path: Any) -> Iterator[Town]:
    made = Town(database_at(tmp_path), job("topic", 10 * 60 + 30, merges=True), *FEATURE.jobs, start=START)
    yield made
    made.database.close()


def approved(town: Town, one: Any = TWO) -> int:
    def write(session: Session) -> int:
        made = service.plan(session, one, 2027, START)
        service.approve(session, made, None, START)
        assert made.id is not None
        return made.id

    return town.database.write_now(write)


def people(town: Town, group: int, count: int, answering: int, plan: int) -> None:
    """So many members in a group, of whom some answered, the first of them three times."""

    def write(session: Session) -> None:
        for number in range(count):
            person = Person(created_at=START)
            session.add(person)
            session.flush()
            member = Member(group_id=group, person_id=person.id or 0, name=f"m{number}", joined_at=START)
            session.add(member)
            session.flush()
            if number < answering:
                times, who = 1 if number else 3, member.id or 0
                session.add(Echo(plan_id=plan, member_id=who, group_id=group, answers=times, first_at=START))

    town.database.write_now(write)


def effect(town: Town, plan: int = 0) -> effects.Effect:
    def read(session: Session) -> effects.Effect:
        (found,) = effects.effects(session, town.clock.now(), session.get(Plan, plan) if plan else None)
        return found

    return town.database.read_now(read)


async def test_what_a_campaign_reached_and_what_it_cost(town: Town) -> None:
    """Two groups and one that lost its bot; the beats go out with the topic of 10:30, which pays for neither."""
    town.add(3)
    plan = approved(town)
    people(town, 1, 10, 4, plan)
    people(town, 2, 10, 0, plan)

    def gone(message: Outgoing) -> Receipt:
        ok = message.conversation != "g2" or message.feature != "campaigns"
        return Receipt(Outcome.SENT, provider_id="p") if ok else Receipt(Outcome.GONE)

    town.phone.answer = gone
    await town.advance(at("2027-06-19T00:00"))
    found = effect(town, plan)
    assert (found.groups, found.members, found.participants, found.answers) == (2, 20, 4, 6)
    assert found.participation == 0.2
    assert (found.messages, found.along) == (4, 0), "the campaign came first and carried the topic"
    assert found.missed["failed"] == {"gone": 1}
    assert found.comparison is not None and found.comparison.verdict == "few"
    assert (found.state, found.over) == ("running", False)
    assert found == effect(town), "the only one that was sent"


async def test_what_was_said_along_costs_nothing(town: Town) -> None:
    town.add(2)
    lines = tuple(replace(one, minute=10 * 60 + 50) for one in TWO.lines)
    plan = approved(town, replace(TWO, lines=lines))
    await town.advance(at("2027-06-19T00:00"))
    found = effect(town, plan)
    assert (found.messages, found.along, found.groups) == (0, 4, 2)


async def test_groups_are_compared_by_the_wording_that_they_read(town: Town) -> None:
    town.add(40)
    plan = approved(town)
    for group in range(1, 41):
        people(town, group, 10, 2 + group % 2 + 3 * is_second("fair:2027", group), plan)

    def own(session: Session) -> None:
        beat = session.exec(select(Beat).where(Beat.other != "").order_by(col(Beat.id))).one()
        wordings.write(session, f"beat:{beat.id}", "group:7", "我们自己说", None, START)

    town.database.write_now(own)
    await town.advance(at("2027-06-19T00:00"))
    found = effect(town, plan)
    assert found.own_words == 1
    mine = found.comparison
    assert mine is not None
    second = sum(is_second("fair:2027", group) for group in range(1, 41) if group != 7)
    assert (mine.a, mine.b) == (39 - second, second)
    assert mine.verdict == "b" and mine.low is not None and mine.high is not None
    assert mine.low < 0.3 < mine.high
    assert mine.high - mine.low < 0.1


async def test_on_postgresql_the_figures_are_the_same(tmp_path: Any, postgres_url: str) -> None:
    jobs = [*FEATURE.jobs]
    town = Town(database_at(tmp_path, postgres_url), *jobs, start=START)
    try:
        await test_groups_are_compared_by_the_wording_that_they_read(town)
        assert town.database.read_now(lambda s: effects.meant(s, "fair")) is not None
        town.clock.set(at("2027-06-16T09:55"))
        assert town.database.read_now(lambda s: posters.coming(s, jobs, town.clock.now())) == []
    finally:
        town.database.close()


def test_a_campaign_is_found_by_what_people_call_it(town: Town) -> None:
    approved(town)

    def key(text: str) -> str | None:
        found = town.database.read_now(lambda s: effects.meant(s, text))
        return found.key if found is not None else None

    assert {key(text) for text in ("fair:2027", "fair", TWO.name)} == {"fair:2027"}
    assert [key(text) for text in ("fai", "%", "", "f_ir")] == [None] * 4


# ---------------------------------------------------------------- two wordings


def test_too_few_groups_say_nothing() -> None:
    few = compare([0.1, 0.2] * 20, [0.9] * (FEWEST_GROUPS - 1))
    assert (few.verdict, few.low, few.high) == ("few", None, None)
    assert compare([], []).verdict == "few"
    assert compare([0.0] * 20, [0.0] * 20).verdict == "silent"


def test_an_interval_of_which_the_figures_are_known() -> None:
    """Sides of ten groups with shares 1 … 10 % and 2 … 11 %: t(18) = 2.1009, standard error 1.3540 points."""
    found = compare([n / 100 for n in range(1, 11)], [n / 100 for n in range(2, 12)])
    assert found.verdict == "unclear"
    assert found.difference == pytest.approx(0.01)
    assert found.low == pytest.approx(0.01 - 0.028446, abs=1e-5)
    assert found.high == pytest.approx(0.01 + 0.028446, abs=1e-5)
    for freedom, wanted in ((9, 2.26216), (18, 2.10092), (30, 2.04227), (200, 1.97190)):
        assert effects._student(freedom) == pytest.approx(wanted, abs=1e-3)


def share(rng: random.Random, members: int, mean: float) -> float:
    """A group's share: groups differ (some are lively), and within one each member answers or does not."""
    lively = rng.betavariate(4 * mean, 4 * (1 - mean))
    return sum(rng.random() < lively for _ in range(members)) / members


@pytest.mark.parametrize(("a", "b", "mean"), [(10, 10, 0.3), (12, 25, 0.1), (40, 15, 0.05)])
def test_of_a_thousand_campaigns_without_a_difference_the_interval_has_zero_in_93_per_cent(
    a: int, b: int, mean: float
) -> None:
    rng = random.Random(f"{a} {b} {mean}")
    inside = 0
    for _ in range(1000):
        sides = [[share(rng, rng.randint(5, 30), mean) for _ in range(count)] for count in (a, b)]
        found = compare(*sides)
        inside += found.verdict == "unclear"
    assert 930 <= inside < 995, inside


def test_a_real_difference_is_found() -> None:
    """30 % against 45 % in a hundred groups a side: seen in nearly all campaigns, and the right one is called better."""
    rng = random.Random(89)
    verdicts = [
        compare(*([share(rng, 30, mean) for _ in range(100)] for mean in (0.30, 0.45))).verdict for _ in range(100)
    ]
    assert verdicts.count("b") >= 95
    assert "a" not in verdicts


def test_a_campaign_is_over_when_no_group_can_answer_any_more(town: Town) -> None:
    plan = approved(town)
    for day, over in ((date(2027, 6, 25), False), (date(2027, 6, 26), True)):
        town.clock.set(at(f"{day}T12:00"))
        assert effect(town, plan).over is over
