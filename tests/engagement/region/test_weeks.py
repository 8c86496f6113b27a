"""Closed weeks: counted from rows, sealed once, and the same whoever looks when."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from bot import weekly
from engagement.campaigns.tables import Echo, Plan
from engagement.region import service
from storage import identities, ledger
from storage.customer_groups import CustomerGroup
from storage.documents import Question
from storage.engine import Database, Session, open_database
from storage.groups import Group, GroupHour, Member, Region
from storage.ledger import Posting
from storage.mass_sends import OwnerDay
from storage.migrate import upgrade
from storage.weeks import CampaignWeek, GroupWeek, RegionWeek

MONDAY = date(2026, 11, 9)
OPENED = datetime(2026, 11, 1, tzinfo=UTC)
INSIDE = datetime(2026, 11, 11, 4, tzinfo=UTC)
NOW = datetime(2026, 11, 16, 1, tzinfo=UTC)
"""Monday after the week, 09:00 in the groups' zone."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path)
    upgrade(opened)
    opened.write_now(lambda s: s.add(Region(name="south")))
    yield opened
    opened.close()


def group(session: Session, number: int, people: list[int], region: int | None = 1, zone: str = "Asia/Shanghai") -> int:
    """A group in which these persons are members; returns its id."""
    row = Group(
        channel="sim", external_id=str(number), name=f"g{number}", region_id=region, zone=zone, created_at=OPENED
    )
    session.add(row)
    session.flush()
    for one in people:
        person = identities.meet(session, "sim", f"u{one}", f"u{one}", OPENED)
        member = identities.enter(session, row.id or 0, person.person_id, f"u{one}", OPENED)
        identities.open_account(session, member.id or 0, OPENED)
    return row.id or 0


def members(session: Session, group_id: int) -> list[Member]:
    return list(session.exec(select(Member).where(Member.group_id == group_id).order_by("id")))


def check_in(session: Session, one: Member, day: date, kind: str = "checkin") -> None:
    key = f"{kind}:{one.id}:{day}"
    ledger.post(session, Posting(one.account_id or 0, one.group_id, one.id or 0, 2, kind, key, day, INSIDE))


def run(database: Database, now: datetime = NOW) -> None:
    async def go() -> None:
        while await weekly.step(database, now):
            pass

    asyncio.run(go())


def week(database: Database, group_id: int, monday: date = MONDAY) -> GroupWeek | None:
    return database.read_now(lambda s: s.get(GroupWeek, (group_id, monday)))


def test_a_week_is_counted_from_what_happened_in_it(database: Database) -> None:
    def make(session: Session) -> int:
        made = group(session, 1, list(range(23)))
        everybody = members(session, made)
        for one in everybody[:9]:
            check_in(session, one, MONDAY)
            check_in(session, one, MONDAY + timedelta(days=6))
        check_in(session, everybody[10], MONDAY, "topic")
        check_in(session, everybody[11], MONDAY - timedelta(days=1))
        check_in(session, everybody[12], MONDAY + timedelta(days=7))
        since, until = service.bounds(MONDAY, "Asia/Shanghai")
        for moment, messages in (
            (since - timedelta(hours=1), 1000),
            (since, 3),
            (until - timedelta(hours=1), 4),
            (until, 500),
        ):
            session.add(GroupHour(group_id=made, hour=moment, messages=messages))
        for at, state in ((INSIDE, "answered"), (INSIDE, "answered"), (INSIDE, "open"), (until, "open")):
            session.add(Question(group_id=made, member_id=everybody[0].id, text="x", state=state, asked_at=at))
        session.add(Question(group_id=made, member_id=None, text="", state="expired", asked_at=INSIDE))
        return made

    made = database.write_now(make)
    run(database)
    found = week(database, made)
    assert found is not None
    assert (found.neighbours, found.neighbours_behind) == (20, 23)
    assert (found.checked_in, found.checked_in_behind) == (9, 9)
    assert (found.messages, found.messages_behind) == (7, 10)
    assert (found.answered, found.answered_behind) == (2, 1)
    assert (found.gaps, found.gaps_behind) == (2, 1)


def test_who_is_in_two_groups_stands_behind_one(database: Database) -> None:
    """Five figures of one person in five groups are one person's."""

    def make(session: Session) -> list[int]:
        made = [group(session, number, [0, *range(100 * number, 100 * number + 10)]) for number in range(1, 4)]
        for one in made:
            check_in(session, members(session, one)[0], MONDAY)
        return made

    made = database.write_now(make)
    run(database)
    found = [week(database, one) for one in made]
    assert [one.checked_in_behind for one in found if one] == [1, 0, 0]
    assert [one.neighbours_behind for one in found if one] == [11, 10, 10]
    (sealed,) = database.read_now(lambda s: service.sealed(s, 1))[:1]
    assert (sealed.figures or {})["checked_in"] == [None, 3]


def test_a_sealed_week_never_changes(database: Database) -> None:
    """A group that comes or goes afterwards would else tell by the difference what it had."""

    def make(session: Session) -> int:
        made = 0
        for number in range(1, 5):
            made = group(session, number, list(range(100 * number, 100 * number + 20)))
            for one in members(session, made)[: 2 + number % 2]:
                check_in(session, one, MONDAY)
        return made

    made = database.write_now(make)
    run(database)

    def figures(session: Session) -> list[object]:
        return [(one.week, one.groups, one.figures) for one in service.sealed(session, 1)]

    before = database.read_now(figures)
    assert before[0] == (
        MONDAY,
        4,
        {"neighbours": [80, 0], "checked_in": [10, 0], "messages": [0, 0], "answered": [None, 4], "gaps": [None, 4]},
    )

    def move(session: Session) -> None:
        session.add(Region(name="north"))
        session.flush()
        session.get_one(Group, made).region_id = 2
        late = group(session, 9, list(range(900, 920)))
        for one in members(session, late)[:3]:
            check_in(session, one, MONDAY)

    database.write_now(move)
    run(database)
    assert database.read_now(figures) == before


def test_a_week_that_is_not_over_everywhere_is_not_counted(database: Database) -> None:
    database.write_now(lambda s: group(s, 1, list(range(5))))
    made = database.write_now(lambda s: group(s, 2, list(range(10, 20)), zone="America/New_York"))
    run(database)
    assert week(database, made) is None
    run(database, NOW + timedelta(hours=5))
    assert week(database, made) is not None


def test_a_group_is_counted_from_the_week_in_which_it_began_where_it_is(database: Database) -> None:
    """Monday 07:00 in Shanghai is still Sunday in UTC, Sunday 21:00 in New York already Monday."""

    def make(session: Session, number: int, zone: str, began: datetime) -> int:
        made = group(session, number, [number], zone=zone)
        session.get_one(Group, made).created_at = began
        return made

    late = database.write_now(lambda s: make(s, 1, "Asia/Shanghai", datetime(2026, 11, 15, 23, tzinfo=UTC)))
    early = database.write_now(lambda s: make(s, 2, "America/New_York", datetime(2026, 11, 16, 2, tzinfo=UTC)))
    run(database, NOW + timedelta(days=1))
    assert week(database, late) is None
    assert week(database, early) is not None


def test_groups_of_no_region_are_nobodys_to_count(database: Database) -> None:
    made = database.write_now(lambda s: group(s, 1, list(range(5)), region=None))
    run(database)
    assert week(database, made) is None
    assert database.read_now(lambda s: s.exec(select(RegionWeek)).all()) == []


def test_many_groups_are_counted_in_turns_and_two_counters_come_to_the_same(database: Database) -> None:
    def make(session: Session) -> None:
        for number in range(service.CHUNK + 3):
            group(session, number, [])

    database.write_now(make)

    async def both() -> None:
        async def one() -> None:
            while await weekly.step(database, NOW):
                pass

        await asyncio.gather(one(), one())

    asyncio.run(both())
    asyncio.run(weekly.turn(database, NOW))
    sealed = database.read_now(lambda s: service.sealed(s, 1))
    assert (sealed[0].week, sealed[0].groups) == (MONDAY, service.CHUNK + 3)


def test_participants_count_in_the_week_of_their_first_answer(database: Database) -> None:
    def make(session: Session) -> None:
        plan = Plan(key="own:x", name="Sample", form="theme", first_day=MONDAY, last_day=MONDAY, written_at=OPENED)
        session.add(plan)
        session.flush()
        for number in (1, 2):
            made = group(session, number, list(range(100 * number, 100 * number + 30)))
            for one in members(session, made)[: 12 if number == 1 else 3]:
                session.add(Echo(plan_id=plan.id or 0, member_id=one.id or 0, group_id=made, first_at=INSIDE))
            for one in members(session, made)[20:]:
                late = INSIDE + timedelta(days=7)
                session.add(Echo(plan_id=plan.id or 0, member_id=one.id or 0, group_id=made, first_at=late))

    database.write_now(make)
    run(database)
    rows = database.read_now(lambda s: [(r.group_id, r.joined, r.joined_behind) for r in s.exec(select(CampaignWeek))])
    assert sorted(rows) == [(1, 12, 12), (2, 3, 3)]
    assert database.read_now(lambda s: service.sealed(s, 1)[0].campaigns) == {"1": [12, 1]}


def test_what_the_platform_counted_stands_for_a_group_nobody_hears(database: Database) -> None:
    """客户群：一周的消息数是企业微信的合计；群主有几个群的，分不到一个群，不算。周一早上还没有周日的数，中午以后才结账。"""

    def make(session: Session) -> tuple[int, int]:
        made = [group(session, number, list(range(100 * number, 100 * number + 20))) for number in (1, 2)]
        for chat, owner, groups in (("1", "zhou", 1), ("2", "qian", 2)):
            session.add(CustomerGroup(channel="sim", account="", conversation=chat, owner=owner, stale=0))
            for number in range(-1, 8):
                figures = {"msg_total": 10, "member_has_msg": 12 + number, "chat_total": groups}
                day = MONDAY + timedelta(days=number)
                session.add(OwnerDay(channel="sim", account="", owner=owner, local_date=day, figures=figures))
        return made[0], made[1]

    first, second = database.write_now(make)
    run(database)
    assert week(database, first) is None
    run(database, NOW + timedelta(hours=4))
    found, shared = week(database, first), week(database, second)
    assert found is not None
    assert shared is not None
    assert (found.messages, found.messages_behind) == (70, 18)
    assert (shared.messages, shared.messages_behind) == (0, 0)
