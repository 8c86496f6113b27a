"""Plans of the calendar: from a pack to what groups and leaders read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlmodel import col, select

from engagement.campaigns import service
from engagement.campaigns.manifest import FEATURE
from engagement.campaigns.tables import Beat, Plan
from engagement.errors import Refusal
from engagement.kernel import Outgoing
from prompts import cards
from prompts.campaigns import Pack, packs
from scheduler import posters
from storage import wordings
from storage.campaigns import Campaign, Schedule
from storage.engine import Session
from storage.groups import Group, Identity, Member, Person, Region
from tests.engagement.campaigns.test_year_rules import pack
from tests.engagement.stage import at
from tests.scheduler.community import Town, database_at

EVENT = pack(
    {"day": "06-18"},
    {"day": -3, "phase": "warm", "text": "还有 {days_left} 天，{peak}见。\n热线 {hotline}。"},
    {"phase": "peak", "text": "{group}今天开始，找{leader}。", "other": "今天开始啦。"},
    {"day": 2, "phase": "last"},
)
LESSON = pack({"weekly": "mon"}, {"text": "这周练一件事。"}, key="lesson", form="lesson", audience="leaders")
NIGHT = pack({"weekly": "fri"}, {"at": "22:10"}, key="late", form="night", night=True)
COURSE = pack({"joined": True}, {"day": 1}, {"day": 3}, key="course", form="lesson", audience="leaders")
JUNE = at("2027-06-10T12:00")


@pytest.fixture
def town(tmp_path: Any) -> Iterator[Town]:
    made = Town(database_at(tmp_path), *FEATURE.jobs, start=JUNE)
    yield made
    made.database.close()


def planned(town: Town, *packs: Pack, scope: str = "all", approved: bool = True) -> list[int]:
    def write(session: Session) -> list[int]:
        found = []
        for one in packs:
            made = service.plan(session, one, 2027, JUNE, scope=scope)
            if approved:
                service.approve(session, made, None, JUNE)
            assert made.id is not None
            found.append(made.id)
        return found

    return town.database.write_now(write)


def leads(town: Town, name: str, *groups: int) -> None:
    def write(session: Session) -> None:
        person = Person(created_at=JUNE)
        session.add(person)
        session.flush()
        assert person.id is not None
        session.add(Identity(person_id=person.id, channel="play", external_id=name, name=name, dm_open=True))
        for group in groups:
            session.add(Member(group_id=group, person_id=person.id, name=name, role="leader", joined_at=JUNE))

    town.database.write_now(write)


def told(messages: Sequence[Outgoing]) -> list[tuple[str, object]]:
    return [(one.conversation, one.values["body"]) for one in messages]


def change(town: Town, what: Callable[[Session], object]) -> None:
    town.database.write_now(what)


async def test_a_campaign_is_said_on_its_days_with_what_each_group_knows(town: Town) -> None:
    town.add(1, facts={"hotline": "400"}, name="阳光花园")
    town.add(1)
    leads(town, "周团长", 1)
    (plan,) = planned(town, EVENT)
    await town.advance(at("2027-06-25T00:00"))
    said = town.phone.sent
    assert told(said[:2]) == [
        ("g0", ["还有 3 天，6月18日见。", "热线 400。"]),
        ("g1", ["还有 3 天，6月18日见。"]),
    ]
    assert {tuple(one.values["body"]) for one in said[2:4]} <= {  # type: ignore[arg-type]
        ("阳光花园今天开始，找周团长。",),
        ("今天开始啦。",),
        (),
    }
    assert [one.sent_at for one in town.deliveries()][::2] == [at(f"2027-06-{day}T10:00") for day in (15, 18, 20)]
    assert {one.subject for one in said} == {f"campaign:{plan}"}
    state = town.database.read_now(lambda s: s.exec(select(Campaign.state)).one())
    assert state == "running"
    await town.run(at("2027-06-27T00:00"))
    await town.run(at("2027-06-27T00:01"))
    assert town.database.read_now(lambda s: s.exec(select(Campaign.state)).one()) == "finished"


async def test_the_posters_that_will_be_drawn_are_those_that_are_sent(town: Town) -> None:
    """What is asked for ten minutes before is letter by letter what goes out: the same file."""
    town.add(3)
    lines = tuple(replace(one, poster=True) for one in EVENT.lines)
    planned(town, replace(EVENT, lines=lines))
    await town.advance(at("2027-06-18T09:55"))
    before = len(town.phone.sent)
    wanted = town.database.read_now(lambda s: posters.coming(s, FEATURE.jobs, town.clock.now()))
    assert len(wanted) == 1
    await town.advance(at("2027-06-18T10:05"))
    sent = town.phone.sent[before:]
    assert {cards.address(one.card.name, one.card.values) for one in sent if one.card} == {
        cards.address(wanted[0].name, wanted[0].values)
    }
    assert len(sent) == 3
    assert [button.key for button in sent[0].buttons] == ["cal_in:1"]


async def test_a_draft_says_nothing_and_an_approved_one_is_withdrawn_before_it_begins_only(town: Town) -> None:
    town.add()
    (plan,) = planned(town, EVENT, approved=False)
    await town.advance(at("2027-06-14T00:00"))
    change(town, lambda s: service.approve(s, s.get_one(Plan, plan), None, town.clock.now()))
    with pytest.raises(Refusal, match="approved_already"):
        change(town, lambda s: service.approve(s, s.get_one(Plan, plan), None, town.clock.now()))
    await town.run()
    change(town, lambda s: service.withdraw(s, s.get_one(Plan, plan)))
    await town.advance(at("2027-06-16T00:00"))
    assert town.phone.sent == []
    change(town, lambda s: service.approve(s, s.get_one(Plan, plan), None, town.clock.now()))
    await town.advance(at("2027-06-19T00:00"))
    assert len(town.phone.sent) == 1  # the first day had passed
    with pytest.raises(Refusal, match="begun"):
        change(town, lambda s: service.withdraw(s, s.get_one(Plan, plan)))


async def test_scopes_regions_and_groups_that_come_later(town: Town) -> None:
    change(town, lambda s: s.add(Region(name="东区")))
    town.add(1, region_id=1)
    town.add(1)
    planned(town, EVENT, scope="region:1")
    planned(town, EVENT, scope="group:2")
    await town.run()
    town.add(1, region_id=1)
    await town.advance(at("2027-06-16T00:00"))
    assert sorted(one.conversation for one in town.phone.sent) == ["g0", "g1", "g2"]


async def test_own_words_of_a_region_and_a_group(town: Town) -> None:
    change(town, lambda s: s.add(Region(name="东区")))
    town.add(2, region_id=1)
    town.add(1)
    planned(town, EVENT)

    def write(session: Session) -> None:
        beat = session.exec(select(Beat).order_by(col(Beat.local_day))).first()
        assert beat is not None
        assert wordings.write(session, f"beat:{beat.id}", "region:1", "东区还有 {days_left} 天", None, JUNE) == ""
        assert wordings.write(session, f"beat:{beat.id}", "group:2", "我们群自己说", None, JUNE) == ""

    change(town, write)
    await town.advance(at("2027-06-16T00:00"))
    assert told(town.phone.sent) == [
        ("g0", ["东区还有 3 天"]),
        ("g1", ["我们群自己说"]),
        ("g2", ["还有 3 天，6月18日见。"]),
    ]


async def test_leaders_hear_once_in_private_however_many_groups_they_lead(town: Town) -> None:
    town.add(3, created_at=JUNE - timedelta(days=30))
    leads(town, "周团长", 1, 2)
    leads(town, "吴团长", 3)
    planned(town, LESSON)
    await town.advance(at("2027-06-15T00:00"))
    assert sorted(one.to for one in town.phone.sent) == ["吴团长", "周团长"]
    assert sorted(town.states()) == [("sent", ""), ("sent", ""), ("skipped", "no_address")]


async def test_the_late_slot_rings_only_where_the_leader_opened_it(town: Town) -> None:
    town.add(1, settings={"calendar": {"night": True}})
    town.add(1)
    planned(town, NIGHT)
    await town.advance(at("2027-06-12T00:00"))
    assert [one.conversation for one in town.phone.sent] == ["g0"]
    assert sorted(town.states()) == [("sent", ""), ("skipped", "not_open")]
    assert town.deliveries()[0].sent_at == at("2027-06-11T22:10")


async def test_a_form_that_a_leader_does_not_want_is_left_out(town: Town) -> None:
    town.add(1, settings={"calendar": {"off": ["event"]}})
    planned(town, EVENT)
    await town.advance(at("2027-06-16T00:00"))
    assert town.states() == [("skipped", "off")]


async def test_days_from_the_beginning_are_each_groups_own(town: Town) -> None:
    town.add(1, created_at=JUNE - timedelta(days=2))
    town.add(1, created_at=JUNE - timedelta(days=30))
    planned(town, COURSE)
    leads(town, "周团长", 1, 2)
    await town.run()
    town.clock.set(at("2027-06-12T12:00"))
    town.add(1)
    leads(town, "吴团长", 3)
    await town.advance(at("2027-06-20T00:00"))
    assert [(one.group_id, one.local_date.isoformat()) for one in town.deliveries()] == [
        (1, "2027-06-11"),
        (3, "2027-06-13"),
        (3, "2027-06-15"),
    ]


async def test_in_a_groups_first_week_its_leader_hears_one_lesson_a_day(town: Town) -> None:
    """A Monday lesson within the first seven days is left out; that of the next Monday comes."""
    town.add(1)
    leads(town, "周团长", 1)
    course, lesson = planned(town, COURSE, LESSON)
    await town.advance(at("2027-06-22T00:00"))
    assert [(one.local_date.isoformat(), one.state, one.reason) for one in town.deliveries()] == [
        ("2027-06-11", "sent", ""),
        ("2027-06-13", "sent", ""),
        ("2027-06-14", "skipped", "new_group"),
        ("2027-06-21", "sent", ""),
    ]
    assert course != lesson


async def test_a_lesson_gives_way_to_what_belongs_to_the_day(town: Town) -> None:
    """Both are due on Monday the 14th, and no day of that week is free: where the other is unwanted, the lesson comes."""
    week = [{"day": n, "text": "今天走一遍。"} for n in range(7)]
    drill = pack({"day": "06-14"}, *week, key="drill", form="drill", audience="leaders")
    town.add(1, created_at=JUNE - timedelta(days=30))
    town.add(1, created_at=JUNE - timedelta(days=30), settings={"calendar": {"off": ["drill"]}})
    leads(town, "周团长", 1)
    leads(town, "吴团长", 2)
    lesson, walk = planned(town, LESSON, drill)
    await town.advance(at("2027-06-15T00:00"))
    rows = {(one.campaign_id, one.group_id): (one.state, one.reason) for one in town.deliveries()}
    assert rows == {
        (lesson, 1): ("skipped", "other_today"),
        (walk, 1): ("sent", ""),
        (lesson, 2): ("sent", ""),
        (walk, 2): ("skipped", "off"),
    }


async def test_a_lesson_comes_on_the_next_free_day_of_its_month(town: Town) -> None:
    """On Monday the 14th is a drill and on the 15th another thing: the lesson comes on the 16th, whichever was approved first."""
    drill = pack({"day": "06-14"}, {}, {"day": 1}, key="drill", form="drill", audience="leaders")
    last = pack({"day": "08-30"}, {}, {"day": 1}, key="last", form="drill", audience="leaders")
    idle = pack({"day": "06-21"}, key="idle", form="drill", audience="leaders")
    town.add(1, created_at=JUNE - timedelta(days=30))
    leads(town, "周团长", 1)
    lesson, walk, _ = planned(town, LESSON, drill, last)
    planned(town, idle, approved=False)
    await town.advance(at("2027-06-22T00:00"))
    assert [(one.campaign_id, one.local_date.day, one.state) for one in town.deliveries()] == [
        (walk, 14, "sent"),
        (walk, 15, "sent"),
        (lesson, 16, "sent"),
        (lesson, 21, "sent"),
    ]
    days = town.database.read_now(lambda s: s.exec(select(col(Beat.local_day)).where(Beat.plan_id == lesson)).all())
    assert date(2027, 8, 30) in days  # no day of August is left: it gives way


def test_no_lesson_of_the_ready_year_gives_way_and_no_week_is_fuller_for_it(town: Town) -> None:
    begun = at("2025-12-01T12:00")
    for year in (2026, 2027, 2028):
        for one in packs():
            if one.audience == "leaders" and not one.when.joined:
                change(town, partial(service.load, pack=one, year=year, now=begun, approved=True))
    days = sorted(town.database.read_now(lambda s: s.exec(select(col(Beat.local_day))).all()))
    once = set(days)
    assert [day for day in once if days.count(day) > 1] == [date(2026, 6, 17)]  # both belong to their day
    assert max(sum(day + timedelta(days=n) in once for n in range(7)) for day in once) <= 4


async def test_a_new_group_does_not_look_back_on_days_without_it(town: Town) -> None:
    """A group came on the 19th, after the day itself: what goes back to it is not for it, another one hears it."""
    usual = pack({"monthly": 18, "cycle": True}, {"turn": 6}, {"turn": 6, "day": 7}, key="member", form="member_day")
    town.add(1, created_at=JUNE - timedelta(days=30))
    planned(town, EVENT, usual)
    await town.run(at("2027-06-15T00:00"))
    await town.advance(at("2027-06-19T12:00"))
    town.add(1)
    await town.advance(at("2027-06-26T00:00"))
    days = {(one.group_id, one.local_date.day): (one.state, one.reason) for one in town.deliveries()}
    late = [days[2, day] for day in (20, 25)]
    assert late == [("skipped", "new_group")] * 2, days
    assert [days[1, day] for day in (20, 25)] == [("sent", "")] * 2, days


async def test_a_days_change_a_zone_and_a_clock_that_was_wrong_are_followed(town: Town) -> None:
    town.add(1)
    (plan,) = planned(town, EVENT)
    await town.advance(at("2027-06-16T00:00"))
    await town.run(at("2029-01-01T00:00"))  # the host's clock is wrong for a while
    town.clock.set(at("2027-06-16T00:01"))

    def later(session: Session) -> None:
        for beat in session.exec(select(Beat).where(Beat.local_day > date(2027, 6, 16))).all():
            beat.minute = 11 * 60
            session.add(beat)
        group = session.get_one(Group, 1)
        group.zone = "Asia/Tokyo"
        session.add(group)
        campaign = session.exec(select(Campaign)).one()
        campaign.state = "running"
        session.add(campaign)
        service.days_changed(session, session.get_one(Plan, plan))

    change(town, later)
    await town.advance(at("2027-06-21T00:00"))
    sent = [one.sent_at for one in town.deliveries() if one.state == "sent"]
    assert sent == [at("2027-06-15T10:00"), at("2027-06-18T10:00"), at("2027-06-20T10:00")]  # 11:00 in Tokyo


async def test_a_leaders_own_schedule_can_be_had_before_its_time(town: Town) -> None:
    town.add(1)
    (plan,) = planned(town, EVENT)

    def shift(session: Session) -> None:
        row = service.schedule_of(session, session.get_one(Plan, plan), session.get_one(Group, 1), JUNE)
        assert row is service.schedule_of(session, session.get_one(Plan, plan), session.get_one(Group, 1), JUNE)
        row.shift_days, row.next_at = 1, None
        session.add(row)

    change(town, shift)
    await town.advance(at("2027-06-25T00:00"))
    assert [one.local_date.day for one in town.deliveries()] == [16, 19, 21]
    assert told(town.phone.sent)[0] == ("g0", ["还有 3 天，6月19日见。"])


def test_the_ready_year_is_planned_once_and_follows_last_years_approval(town: Town) -> None:
    packs = (EVENT, LESSON, COURSE)

    def load(now: datetime, approved: bool) -> int:
        missing = town.database.read_now(lambda s: service.unplanned(s, packs, now))
        for one, year in missing:
            town.database.write_now(partial(service.load, pack=one, year=year, now=now, approved=approved))
        return len(missing)

    assert load(JUNE, True) == 3
    assert load(JUNE, True) == 0
    assert load(at("2027-12-01T12:00"), False) == 2
    stages = dict(town.database.read_now(lambda s: s.exec(select(Plan.key, Plan.stage)).all()))
    assert stages == dict.fromkeys(["one:2027", "lesson:2027", "course:2027", "one:2028", "lesson:2028"], "approved")
    assert load(at("2028-12-01T12:00"), False) == 2


def test_what_is_over_and_what_is_there_is_not_planned(town: Town) -> None:
    late = at("2027-07-01T12:00")
    assert town.database.read_now(lambda s: service.unplanned(s, (EVENT,), late)) == []
    planned(town, EVENT)
    with pytest.raises(Refusal, match="there"):
        planned(town, EVENT)
    with pytest.raises(ValueError, match="nothing falls"):
        town.database.write_now(
            lambda s: service.plan(s, pack({"weekly": "mon", "cycle": True}, {"turn": 60}, key="none"), 2027, JUNE)
        )
    assert town.database.read_now(lambda s: s.exec(select(Schedule)).all()) == []
