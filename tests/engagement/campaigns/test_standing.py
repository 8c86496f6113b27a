"""Whether schedules are as they should be, asked beside what would be mended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import col, select

from engagement.campaigns import charge, service
from engagement.campaigns.manifest import FEATURE
from engagement.campaigns.tables import Beat, Plan
from prompts.campaigns import Pack
from storage.campaigns import Campaign, Schedule
from storage.engine import Session
from storage.groups import Group, Region
from tests.engagement.campaigns.test_calendar_plans import COURSE, EVENT, JUNE, LESSON, NIGHT, planned
from tests.scheduler.community import Town, database_at

HERE = pytest.mark.parametrize("url", [""])
BOTH = pytest.mark.parametrize("url", ["", pytest.param("postgres", marks=pytest.mark.postgres)])


@pytest.fixture
def town(tmp_path: Any, url: str, request: pytest.FixtureRequest) -> Iterator[Town]:
    at = request.getfixturevalue("postgres_url") if url else ""
    made = Town(database_at(tmp_path, at), *FEATURE.jobs, start=JUNE)
    made.add(2)
    made.add(1, zone="Asia/Tokyo")
    yield made
    made.database.close()


def settled(town: Town) -> dict[str, bool]:
    now = town.clock.now()
    return town.database.read_now(lambda s: {kind: service.settled(s, now, kind) for kind in service.KINDS})


def mend(town: Town) -> dict[str, int]:
    """Mend until nothing is left to do; returns how much there was of each kind."""
    now = town.clock.now()

    def once(session: Session) -> dict[str, int]:
        return {kind: service.mend(session, now, now + service.SOON, 500, None, kind) for kind in service.KINDS}

    found = town.database.write_now(once)
    assert set(town.database.write_now(once).values()) == {0}
    return found


def agree(town: Town) -> dict[str, int]:
    """What is said to be right is what nothing is mended in; returns what was mended."""
    said = settled(town)
    found = mend(town)
    assert said == {kind: not count for kind, count in found.items()}
    assert set(settled(town).values()) == {True}
    return found


def _plan(session: Session, number: int = 1) -> Plan:
    return session.get_one(Plan, number)


def _schedules(session: Session, campaign: int | None) -> list[Schedule]:
    return list(session.exec(select(Schedule).where(Schedule.campaign_id == campaign).order_by(col(Schedule.id))))


def _zone(session: Session) -> None:
    session.exec(select(Group).where(Group.zone == "Asia/Tokyo")).one().zone = "Europe/London"


def _earlier(session: Session) -> None:
    first = session.exec(select(Beat).where(Beat.plan_id == 1).order_by(col(Beat.local_day))).first()
    assert first is not None
    first.local_day -= timedelta(days=1)
    service.days_changed(session, _plan(session))


def _forgotten(session: Session) -> None:
    _schedules(session, _plan(session).campaign_id)[0].next_at = None


def _far_off(session: Session) -> None:
    last = _schedules(session, _plan(session).campaign_id)[-1]
    assert last.next_at is not None
    last.next_at += timedelta(days=900)


def _shifted(session: Session) -> None:
    _schedules(session, _plan(session).campaign_id)[1].shift_days = -1


def _gone(session: Session) -> None:
    session.delete(_schedules(session, _plan(session).campaign_id)[1])


def _over(session: Session) -> None:
    one = _plan(session)
    one.first_day, one.last_day = date(2027, 5, 1), date(2027, 6, 4)


WRONG: dict[str, Callable[[Session], None]] = {
    "another zone": _zone,
    "a day earlier": _earlier,
    "no instant": _forgotten,
    "an instant too late": _far_off,
    "shifted": _shifted,
    "no schedule": _gone,
    "over": _over,
}


@HERE
@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_seen(town: Town, wrong: str) -> None:
    planned(town, EVENT)
    assert agree(town)[service.GROUPS] == 3
    assert agree(town)[service.GROUPS] == 0
    town.database.write_now(WRONG[wrong])
    assert settled(town) == {service.GROUPS: False, service.NIGHT: True, service.LEADERS: True}
    assert agree(town)[service.GROUPS] > 0


def _off(session: Session) -> None:
    for row in _schedules(session, _plan(session).campaign_id):
        row.enabled, row.next_at = False, None


def _cancelled(session: Session) -> None:
    campaign = session.get_one(Campaign, _plan(session).campaign_id)
    campaign.state = "cancelled"
    for row in _schedules(session, campaign.id):
        session.delete(row)


def _left(session: Session) -> None:
    session.get_one(Group, 1).state = "removed"
    session.delete(_schedules(session, _plan(session).campaign_id)[0])


@HERE
@pytest.mark.parametrize("change", [_off, _cancelled, _left])
def test_what_is_wanted_so_is_not_wrong(town: Town, change: Callable[[Session], None]) -> None:
    planned(town, EVENT)
    agree(town)
    town.database.write_now(change)
    assert set(agree(town).values()) == {0}


@BOTH
@pytest.mark.parametrize(("scope", "groups"), [("all", 3), ("region:1", 1), ("group:2", 1), ("region:9", 0)])
def test_only_groups_of_the_scope_count(town: Town, scope: str, groups: int) -> None:
    def region(session: Session) -> None:
        session.add(Region(name="江南"))
        session.flush()
        session.get_one(Group, 3).region_id = 1

    town.database.write_now(region)
    planned(town, EVENT, scope=scope)
    assert agree(town)[service.GROUPS] == groups


@HERE
@pytest.mark.parametrize(
    ("pack", "kind"),
    [(EVENT, service.GROUPS), (NIGHT, service.NIGHT), (LESSON, service.LEADERS), (COURSE, service.LEADERS)],
)
def test_every_kind_is_asked_by_itself(town: Town, pack: Pack, kind: str) -> None:
    planned(town, pack)
    town.clock.set(JUNE + timedelta(minutes=1))
    assert settled(town) == {one: one != kind for one in service.KINDS}
    assert agree(town)[kind] == 3
    if pack is not EVENT:
        planned(town, EVENT, approved=False)
    assert set(agree(town).values()) == {0}, "a draft needs nothing"


@HERE
def test_what_counts_from_the_beginning_is_for_new_groups(town: Town) -> None:
    town.clock.set(JUNE + timedelta(days=20))
    planned(town, COURSE)
    assert set(agree(town).values()) == {0}
    town.add(1)
    assert agree(town)[service.LEADERS] == 1


@BOTH
def test_all_along_a_campaign_both_agree(town: Town) -> None:
    """From weeks before to after its end; a course counts for groups that are new."""
    planned(town, EVENT, NIGHT, LESSON, COURSE)
    found = []
    for day in range(-30, 40, 2):
        town.clock.set(JUNE + timedelta(days=day))
        found.append(sum(agree(town).values()))
    assert sum(found) > 6
    assert found.count(0) > 20, "most days there is nothing to do"


@HERE
@pytest.mark.parametrize("regions", [None, frozenset({1})])
def test_what_waits_is_counted_among_open_rows_only(town: Town, regions: frozenset[int] | None) -> None:
    """A campaign's messages are counted while somebody pauses it, so in the writer: not through all that there ever were."""
    (one,) = planned(town, EVENT)
    asked: list[tuple[str, Any]] = []
    engine = town.database.read_engine
    event.listen(engine, "before_cursor_execute", lambda _c, _k, sql, values, _x, _m: asked.append((sql, values)))
    assert town.database.read_now(lambda s: charge.waiting(s, s.get_one(Plan, one), charge.Charge(1, regions))) == 0
    (count,) = [(sql, values) for sql, values in asked if sql.startswith("SELECT count")]
    raw = engine.raw_connection()
    way = str(raw.cursor().execute(f"EXPLAIN QUERY PLAN {count[0]}", count[1]).fetchall())
    raw.close()
    assert "delivery USING INDEX ix_delivery_open" in way, way
