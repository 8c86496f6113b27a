"""Writing campaigns by hand: what goes out on the day to which a beat was moved, what cannot be moved, and who approves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from engagement.campaigns import drafting, month, sheets
from engagement.campaigns.drafting import Written, span
from engagement.campaigns.manifest import FEATURE
from engagement.campaigns.month import Wish
from engagement.campaigns.tables import Beat, Plan
from engagement.errors import Refusal
from storage.engine import Session
from storage.groups import Person, RoleGrant
from tests.engagement.campaigns.test_calendar_plans import EVENT, JUNE, planned
from tests.engagement.campaigns.test_year_rules import pack
from tests.engagement.stage import at
from tests.scheduler.community import Town, database_at

MARKET = pack({"day": "06-18"}, {"day": -4}, {"day": 0}, {"day": 5}, key="market")
WORDS = Written(600, "", "开市", "六点见。")


@pytest.fixture
def town(tmp_path: Any) -> Iterator[Town]:
    made = Town(database_at(tmp_path), *FEATURE.jobs, start=JUNE)
    yield made
    made.database.close()


def beats(town: Town, plan: int) -> list[Beat]:
    return town.database.read_now(
        lambda s: list(s.exec(select(Beat).where(Beat.plan_id == plan).order_by(col(Beat.local_day))))
    )


def shift(town: Town, beat: Beat, day: date) -> None:
    now = town.clock.now()
    town.database.write_now(lambda s: drafting.shift(s, beat.id or 0, day, None, now))


def days(town: Town) -> list[str]:
    return [one.local_date.isoformat() for one in town.deliveries() if one.state == "sent"]


async def test_a_moved_beat_goes_out_on_its_new_day_alone(town: Town) -> None:
    """The first beat is moved a day earlier, the last two days later, while the campaign runs: each is said once."""
    town.add(1)
    (plan,) = planned(town, MARKET)
    await town.advance(at("2027-06-12T12:00"))
    first, middle, last = beats(town, plan)
    shift(town, first, date(2027, 6, 13))
    await town.advance(at("2027-06-14T12:00"))
    assert days(town) == ["2027-06-13"]
    shift(town, last, date(2027, 6, 25))
    shift(town, middle, date(2027, 6, 20))
    await town.advance(at("2027-06-28T00:00"))
    assert days(town) == ["2027-06-13", "2027-06-20", "2027-06-25"]


async def test_what_was_said_stays_where_it_was(town: Town) -> None:
    town.add(1)
    (plan,) = planned(town, MARKET)
    await town.advance(at("2027-06-14T12:00"))
    first, middle, _ = beats(town, plan)
    with pytest.raises(Refusal) as no:
        shift(town, first, date(2027, 6, 16))
    assert no.value.key == "campaigns.beat_fixed"
    for day in (date(2027, 6, 13), date(2027, 6, 14), date(2027, 6, 23), date(2027, 8, 1)):
        with pytest.raises(Refusal) as outside:
            shift(town, middle, day)
        assert outside.value.key == "campaigns.beat_window"
    with pytest.raises(Refusal):
        town.database.write_now(lambda s: drafting.shift(s, 999, date(2027, 6, 19), None, JUNE))


async def test_the_day_that_others_count_towards_stays(town: Town) -> None:
    (plan,) = planned(town, EVENT)
    warm, peak, last = beats(town, plan)
    windows = town.database.read_now(lambda s: drafting.windows(s, plan, JUNE))
    assert set(windows) == {warm.id, last.id}
    assert windows[warm.id or 0] == (date(2027, 6, 10), date(2027, 6, 17))
    assert peak.id not in windows


def test_a_span_lies_between_neighbours_and_today() -> None:
    some = [date(2027, 6, 1), date(2027, 6, 10), date(2027, 6, 11)]
    assert span(some, 0, date(2027, 6, 2)) is None
    assert span(some, 1, date(2027, 6, 5)) == (date(2027, 6, 5), date(2027, 6, 10))
    assert span(some, 1, date(2027, 6, 10)) is None
    assert span(some, 2, date(2027, 6, 1)) == (date(2027, 6, 11), date(2027, 6, 25))


def test_a_campaign_of_ones_own_from_its_first_day_to_its_approval(town: Town) -> None:
    def people(session: Session) -> list[int]:
        found = []
        for role in ("staff", "staff"):
            person = Person(created_at=JUNE)
            session.add(person)
            session.flush()
            session.add(RoleGrant(person_id=person.id or 0, role=role, granted_at=JUNE))
            found.append(person.id or 0)
        return found

    author, second = town.database.write_now(people)
    day = date(2027, 7, 1)

    def write(session: Session) -> int:
        number = drafting.begin(session, "onceonce", "邻里集市", "all", day, WORDS, author, JUNE)
        assert drafting.begin(session, "onceonce", "别的名字", "all", day, WORDS, author, JUNE) == number
        drafting.add(session, number, day + timedelta(days=2), WORDS, author, JUNE)
        return number

    number = town.database.write_now(write)
    with pytest.raises(Refusal) as own:
        town.database.write_now(lambda s: sheets.settle(s, number, "approve", author, JUNE))
    assert own.value.key == "campaigns.second_person"
    town.database.write_now(lambda s: sheets.settle(s, number, "approve", second, JUNE))
    plan = town.database.read_now(lambda s: s.get_one(Plan, number))
    assert (plan.stage, plan.first_day, plan.last_day) == ("approved", day, day + timedelta(days=2))
    for act in (
        lambda s: drafting.head(s, number, "新名字", "", author, JUNE),
        lambda s: drafting.add(s, number, day + timedelta(days=5), WORDS, author, JUNE),
        lambda s: drafting.edit(s, beats(town, number)[0].id or 0, WORDS, author, JUNE),
        lambda s: drafting.remove(s, beats(town, number)[0].id or 0, author, JUNE),
    ):
        with pytest.raises(Refusal) as approved:
            town.database.write_now(act)
        assert approved.value.key == "campaigns.no_draft"


def test_whoever_changes_a_ready_draft_has_written_it(town: Town) -> None:
    def person(session: Session) -> int:
        one = Person(created_at=JUNE)
        session.add(one)
        session.flush()
        return one.id or 0

    who = town.database.write_now(person)
    (plan,) = planned(town, MARKET, approved=False)
    town.database.write_now(lambda s: drafting.edit(s, beats(town, plan)[0].id or 0, WORDS, who, JUNE))
    assert town.database.read_now(lambda s: s.get_one(Plan, plan).written_by) == who


def test_a_month_has_what_is_said_in_it(town: Town) -> None:
    planned(town, MARKET)
    planned(town, pack({"day": "09-18"}, {"day": 0}, key="autumn"), approved=False)

    def names(first: date, last: date, wish: Wish, day: int = 10) -> list[tuple[str, str]]:
        found, more = town.database.read_now(lambda s: month.between(s, first, last, wish, date(2027, 9, day)))
        assert not more
        return [(one.name, one.state) for one in found]

    june, september = (date(2027, 6, 1), date(2027, 6, 30)), (date(2027, 9, 1), date(2027, 9, 30))
    assert [state for _, state in names(*june, Wish())] == ["approved"]
    assert [state for _, state in names(*september, Wish())] == ["draft"]
    assert names(*june, Wish(state="draft")) == []
    assert len(names(*september, Wish(), 18)) == 1
    assert names(*september, Wish(), 19) == []  # nobody approved it in time
    assert len(names(*june, Wish(), 19)) == 1
    assert len(names(*june, Wish(state="approved"))) == 1
    assert names(*june, Wish(state="running")) == []
    assert names(*june, Wish(form="gala")) == []
    assert len(names(*june, Wish(scope="region:3"))) == 1
    assert names(*june, Wish(scope="region:3", own=True)) == []
