"""400 days in 12 zones, clocks that jump, replicas whose clocks differ: no wrong day and no double reward.

The offsets are written down here and not asked of the program's own calendar, so that both can be wrong only alike.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlmodel import SQLModel, col, select

from engagement.checkin import records, rules, service
from engagement.checkin.tables import Checkin, CheckinStreak
from engagement.dispatch import Dispatcher
from engagement.feature import Actor, GroupView
from engagement.kernel import Event, Incoming, Place
from storage import identities, ledger
from storage.engine import Database, Session, open_database
from storage.groups import Group
from storage.ledger import Entry

FIRST = date(2026, 3, 1)
DAYS = 400
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}:00+00:00")


ZONES: dict[str, list[tuple[str, float]]] = {
    "Asia/Shanghai": [("2000-01-01T00:00", 8)],
    "Asia/Kathmandu": [("2000-01-01T00:00", 5.75)],
    "Pacific/Apia": [("2000-01-01T00:00", 13)],
    "Pacific/Kiritimati": [("2000-01-01T00:00", 14)],
    "Pacific/Pago_Pago": [("2000-01-01T00:00", -11)],
    "America/New_York": [
        ("2000-01-01T00:00", -5),
        ("2026-03-08T07:00", -4),
        ("2026-11-01T06:00", -5),
        ("2027-03-14T07:00", -4),
    ],
    "America/St_Johns": [
        ("2000-01-01T00:00", -3.5),
        ("2026-03-08T05:30", -2.5),
        ("2026-11-01T04:30", -3.5),
        ("2027-03-14T05:30", -2.5),
    ],
    "Europe/London": [
        ("2000-01-01T00:00", 0),
        ("2026-03-29T01:00", 1),
        ("2026-10-25T01:00", 0),
        ("2027-03-28T01:00", 1),
    ],
    "Australia/Lord_Howe": [
        ("2000-01-01T00:00", 11),
        ("2026-04-04T15:00", 10.5),
        ("2026-10-03T15:30", 11),
        ("2027-04-03T15:00", 10.5),
    ],
    "Pacific/Chatham": [
        ("2000-01-01T00:00", 13.75),
        ("2026-04-04T14:00", 12.75),
        ("2026-09-26T14:00", 13.75),
        ("2027-04-03T14:00", 12.75),
    ],
    "America/Santiago": [
        ("2000-01-01T00:00", -3),
        ("2026-04-05T03:00", -4),
        ("2026-09-06T04:00", -3),
        ("2027-04-04T03:00", -4),
    ],
    "Africa/Cairo": [("2000-01-01T00:00", 2), ("2026-04-23T22:00", 3), ("2026-10-29T21:00", 2)],
}
"""(from this instant on, hours east of Greenwich). In Santiago and Cairo midnight itself is skipped once a year."""


@dataclass(frozen=True)
class Where:
    """A zone by the table above."""

    name: str
    changes: tuple[tuple[datetime, timedelta], ...]

    def day(self, moment: datetime) -> date:
        offset = next(offset for since, offset in reversed(self.changes) if since <= moment)
        return (moment + offset).date()

    def begins(self, day: date) -> datetime:
        """The first instant of a local day."""
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        found = [midnight - offset for _since, offset in self.changes] + [since for since, _offset in self.changes]
        return min(moment for moment in found if self.day(moment) == day and self.day(moment - TICK) < day)


PLACES = [
    Where(name, tuple((_at(since), timedelta(hours=hours)) for since, hours in changes))
    for name, changes in ZONES.items()
]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path)
    SQLModel.metadata.create_all(opened.write_engine)
    yield opened
    opened.close()


DISPATCHER = Dispatcher(())


def settle(session: Session, zone: str, name: str = "李阿姨") -> tuple[GroupView, Actor]:
    """A group in a zone and a neighbour with an account."""
    now = datetime(2026, 2, 1, tzinfo=UTC)
    group = Group(channel="play", external_id=f"{zone}/{name}", name=zone, zone=zone, created_at=now)
    session.add(group)
    session.flush()
    assert group.id is not None
    person = identities.meet(session, "play", f"{zone}/{name}", name, now)
    member = identities.enter(session, group.id, person.person_id, name, now)
    assert member.id is not None
    account = identities.open_account(session, member.id, now)
    return GroupView.of(group), Actor(person.person_id, name, member.id, account, consented=True)


def check_in(
    session: Session, view: GroupView, actor: Actor, occurred: datetime, received: datetime, now: datetime, number: int
) -> service.Done:
    incoming = Incoming(
        Event.MESSAGE, "play", f"m{number}", Place.GROUP, view.external_id, "x", occurred, received, text="签到"
    )
    return service.check_in(DISPATCHER.context(session, incoming, actor, view, now))


def worth(streaks: list[int]) -> int:
    kept = rules.Rewards()
    return sum(rules.reward(kept, streak, first=number == 0).points for number, streak in enumerate(streaks))


def books_are_right(database: Database) -> None:
    assert database.read_now(records.wrong_streaks) == 0
    found = database.read_now(ledger.check)
    assert (found.wrong_balances, found.negative_balances) == (0, 0)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_every_local_day_counts_once(database: Database, place: Where) -> None:
    """Each day twice, at its very first or last instant or some time between; the last one of a day arrives a day late."""
    chance = random.Random(place.name)
    view, actor = database.write_now(lambda session: settle(session, place.name))
    begins = [place.begins(FIRST + number * DAY) for number in range(DAYS + 1)]

    def play(session: Session) -> list[tuple[date, int]]:
        seen: list[tuple[date, int]] = []
        for number in range(DAYS):
            start, end = begins[number], begins[number + 1] - TICK
            some = start + (end - start) * chance.random()
            one, two = sorted(chance.choice((start, some, end)) for _ in range(2))
            for moment, late in ((one, timedelta()), (two, chance.choice((timedelta(), timedelta(hours=23))))):
                done = check_in(session, view, actor, moment, moment + late, moment + late, number)
                if not done.repeated:
                    seen.append((place.day(moment), done.streak))
        return seen

    seen = database.write_now(play)
    assert seen == [(FIRST + number * DAY, number + 1) for number in range(DAYS)]

    def rows(session: Session) -> tuple[list[date], int, CheckinStreak | None]:
        days = sorted(session.exec(select(col(Checkin.local_date))))
        return (
            days,
            sum(session.exec(select(col(Entry.amount)))),
            session.get(CheckinStreak, (actor.member_id, "daily")),
        )

    days, points, kept = database.read_now(rows)
    assert days == [FIRST + number * DAY for number in range(DAYS)]
    assert points == worth(list(range(1, DAYS + 1)))
    assert kept is not None
    assert (kept.streak, kept.longest, kept.total, kept.cards) == (DAYS, DAYS, DAYS, rules.MOST_CARDS)
    books_are_right(database)


@pytest.mark.parametrize("seed", range(6))
def test_clocks_that_jump(database: Database, seed: int) -> None:
    """The host's clock is set forwards and back by up to two days; platforms deliver late, or from a wrong clock."""
    chance = random.Random(seed)
    place = chance.choice(PLACES)
    view, actor = database.write_now(lambda session: settle(session, place.name))

    def play(session: Session) -> tuple[set[date], int]:
        real = datetime(2026, 3, 1, tzinfo=UTC)
        skew = timedelta()
        expected: set[date] = set()
        rewarded = 0
        for number in range(400):
            real += timedelta(hours=30 * chance.random())
            if chance.random() < 0.1:
                skew = timedelta(hours=chance.uniform(-48, 48))
            received = real + skew
            occurred = real - timedelta(hours=chance.choice((0, 0, 0, 5, 23.9, 25, 200, -3)))
            believed = received - DAY <= occurred <= received
            day = place.day(occurred if believed else received)
            done = check_in(session, view, actor, occurred, received, received, number)
            assert done.repeated is (day in expected)
            expected.add(day)
            rewarded += done.points
        return expected, rewarded

    expected, rewarded = database.write_now(play)
    days = database.read_now(lambda session: set(session.exec(select(col(Checkin.local_date)))))
    entries = database.read_now(lambda session: list(session.exec(select(col(Entry.amount)))))
    assert days == expected
    assert (len(entries), sum(entries)) == (len(expected), rewarded)
    books_are_right(database)


@pytest.mark.parametrize("seed", range(6))
def test_two_replicas_whose_clocks_differ(database: Database, seed: int) -> None:
    """Two processes take the same neighbour's messages in turns, one of them minutes to a day ahead."""
    chance = random.Random(seed)
    place = chance.choice(PLACES)
    view, actor = database.write_now(lambda session: settle(session, place.name))
    ahead = timedelta(minutes=chance.choice((1, 7, 61, 600, 1440)))
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    expected: set[date] = set()
    for number in range(150):
        moment += timedelta(hours=14 * chance.random())
        replicas = [timedelta(), ahead]
        chance.shuffle(replicas)
        repeated = []
        for skew in replicas:
            received = moment + skew
            # What the platform says of the moment is believed by both, so both count the same day.
            play = partial(
                check_in, view=view, actor=actor, occurred=moment, received=received, now=received, number=number
            )
            repeated.append(database.write_now(play).repeated)
        day = place.day(moment)
        assert repeated == [day in expected, True]
        expected.add(day)
    assert database.read_now(lambda session: set(session.exec(select(col(Checkin.local_date))))) == expected
    assert len(database.read_now(lambda session: list(session.exec(select(col(Entry.id)))))) == len(expected)
    books_are_right(database)
