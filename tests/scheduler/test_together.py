"""Campaigns with days of their own, and pushes of one hour that go out as one message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from engagement.kernel import Button, Card, Kind, Outcome, Outgoing, Receipt, Reply
from engagement.pushes import JobSpec, Occurrence, Planned
from engagement.rhythm import Moment, Rhythm, next_instant
from scheduler import planner, schedules
from scheduler.delivery import Conduct, deliver
from scheduler.foresight import foresee
from storage import moves
from storage.campaigns import Campaign, Delivery, Fire, Schedule
from storage.engine import Session
from storage.groups import Group, GroupDay
from tests.scheduler.community import Town, job
from tests.scheduler.test_planner import DAY, at

TEN = 10 * 60
DAYS = {"spring": [(DAY, TEN + 20), (DAY + timedelta(days=2), TEN + 20)], "fair": [(DAY, TEN + 40)]}


def moments(session: Session, ids: Collection[int]) -> Mapping[int, Sequence[Moment]]:
    rows = session.exec(select(Campaign).where(col(Campaign.id).in_(ids))).all()
    return {one.id: DAYS[one.key] for one in rows if one.id is not None}


def mend(
    session: Session,
    now: datetime,
    until: datetime,
    most: int,
    group_ids: Collection[int] | None,
    shifts: Mapping[int, int],
) -> int:
    """What a slice does: a schedule in every group."""
    touched = 0
    for campaign in session.exec(select(Campaign).where(Campaign.kind == "own")).all():
        for group in session.exec(select(Group)).all():
            there = session.exec(
                select(Schedule).where(Schedule.campaign_id == campaign.id, Schedule.group_id == group.id)
            ).first()
            if there is None and campaign.id is not None and group.id is not None:
                shift = shifts.get(group.id, 0)
                session.add(
                    Schedule(
                        campaign_id=campaign.id,
                        group_id=group.id,
                        kind="own",
                        zone=group.zone,
                        local_minute=0,
                        next_at=next_instant(DAYS[campaign.key], shift, group.zone, now),
                        shift_days=shift,
                    )
                )
                touched += 1
    session.flush()
    return touched


def own(shifts: Mapping[int, int] | None = None, **changes: Any) -> JobSpec:
    rhythm = Rhythm(moments, partial(mend, shifts=shifts or {}), lambda *_: False)
    return job("own", **{"minute": 0, "plan": say, "rhythm": rhythm, "merges": True, **changes})


def say(session: Session, occurrences: Sequence[Occurrence], _now: datetime) -> Sequence[Planned]:
    keys = {one.id: one.key for one in session.exec(select(Campaign)).all()}
    return [
        Planned(
            one,
            Reply(
                "topic.push",
                {"title": f"{keys[one.campaign_id]} {one.local_date:%m-%d}"},
                kind=Kind.PUSH,
                subject=f"own:{one.campaign_id}",
                buttons=[Button(f"own:{one.campaign_id}", "topic.push")],
                card=Card(keys[one.campaign_id]),
            ),
        )
        for one in occurrences
    ]


def begin(here: Town, *keys: str) -> None:
    def write(session: Session) -> None:
        for key in keys:
            session.add(Campaign(key=key, kind="own", created_at=here.clock.now()))

    here.database.write_now(write)


def titles(message: Outgoing) -> list[object]:
    return [message.values["title"], *(one.values["title"] for one in message.more)]


async def test_a_campaign_speaks_on_its_days_in_each_zone_and_each_group_with_its_shift(
    town: Callable[..., Town],
) -> None:
    here = town(own({2: 1}))
    here.add(2)
    here.add(1, zone="Asia/Tokyo")
    begin(here, "spring")
    await here.advance(at(23) + timedelta(days=5))
    said = sorted((one.group_id, one.local_date, one.sent_at) for one in here.deliveries())
    later = timedelta(days=2)
    assert said == [
        (1, DAY, at(10, 20)),
        (1, DAY + later, at(10, 20) + later),
        (2, DAY + timedelta(days=1), at(10, 20) + timedelta(days=1)),
        (2, DAY + timedelta(days=3), at(10, 20) + timedelta(days=3)),
        (3, DAY, at(9, 20)),
        (3, DAY + later, at(9, 20) + later),
    ]
    rows = here.database.read_now(lambda s: s.exec(select(Schedule.next_at)).all())
    assert list(rows) == [None] * 3


async def test_after_a_downtime_older_days_are_skipped_and_the_latest_is_caught_up_within_its_grace(
    town: Callable[..., Town],
) -> None:
    here = town(own())
    here.add()
    begin(here, "spring")
    await here.run()
    await here.run(at(11) + timedelta(days=2))
    assert [(one.local_date, one.state, one.reason) for one in here.deliveries()] == [
        (DAY, "skipped", "late"),
        (DAY + timedelta(days=2), "sent", ""),
    ]


async def test_at_one_minute_what_has_days_of_its_own_comes_first(town: Callable[..., Town]) -> None:
    """10:20 the month's theme and spring, which begins on that day."""
    here = town(job("topic", TEN, merges=True), job("theme", TEN + 20, merges=True), own())
    here.add()
    begin(here, "spring")
    await here.run()
    foreseen = foresee(here.database, here.jobs, DAY, DAY, here.clock.now()).pushes
    assert [one.kind for one in foreseen] == ["topic", "own", "theme"]
    await here.advance(at(12))
    assert titles(here.phone.sent[0]) == [f"t{DAY}", "spring 11-23", f"t{DAY}"]


async def test_what_is_due_within_an_hour_goes_out_as_one_message_and_costs_one(town: Callable[..., Town]) -> None:
    """
    10:00 話题, 10:20 spring, 10:40 fair, 11:00 another kind → at 10:00 one message with three; at 11:00 the other
    """
    here = town(job("topic", TEN, merges=True), own(), job("apart", TEN + 60))
    here.add(2, daily_budget=2)
    begin(here, "spring", "fair")
    await here.advance(at(12))
    assert [(one.conversation, titles(one)) for one in here.phone.sent] == [
        ("g0", [f"t{DAY}", "spring 11-23", "fair 11-23"]),
        ("g1", [f"t{DAY}", "spring 11-23", "fair 11-23"]),
        ("g0", [f"t{DAY}"]),
        ("g1", [f"t{DAY}"]),
    ]
    first = here.phone.sent[0]
    assert first.subject == "topic:1" and [one.key for one in first.buttons] == ["own:1", "own:2"]
    assert first.card == Card("spring")
    mine = [one for one in here.deliveries() if one.group_id == 1]
    assert [(one.state, one.carrier, one.provider_id) for one in mine[:3]] == [
        ("sent", None, "p1"),
        ("sent", mine[0].id, "p1"),
        ("sent", mine[0].id, "p1"),
    ]
    assert {one.sent_at for one in mine[:3]} == {at(10)}
    unasked = here.database.read_now(lambda s: s.exec(select(GroupDay.unasked)).all())
    assert list(unasked) == [2, 2]
    fired = here.database.read_now(lambda s: len(s.exec(select(Fire)).all()))
    await here.advance(at(23))
    assert here.database.read_now(lambda s: len(s.exec(select(Fire)).all())) == fired
    assert len(here.phone.sent) == 4


async def test_a_quote_of_what_a_campaign_carries_is_an_answer_to_the_topic(town: Callable[..., Town]) -> None:
    """The campaign at 10:20 comes first and takes the topic of 10:30 along; what people quote is answered as the topic."""
    here = town(job("topic", TEN + 30, merges=True), own())
    here.add(1)
    begin(here, "spring")
    await here.advance(at(11))
    (message,) = here.phone.sent
    assert titles(message) == ["spring 11-23", f"t{DAY}"]
    assert message.subject == "topic:1"


async def test_what_waits_for_the_end_of_quiet_hours_goes_out_together(town: Callable[..., Town]) -> None:
    here = town(job("topic", 7 * 60, merges=True, grace_minutes=300), job("own2", 8 * 60 + 30, merges=True))
    here.add(1, quiet_from=22 * 60, quiet_to=9 * 60)
    await here.advance(at(10))
    assert [len(one.more) for one in here.phone.sent] == [1]
    assert here.deliveries()[0].sent_at == at(9)


async def test_a_paused_campaign_is_not_said_along(town: Callable[..., Town]) -> None:
    here = town(job("topic", TEN, merges=True, grace_minutes=600), own(grace_minutes=600))
    here.add(1, quiet_from=22 * 60, quiet_to=11 * 60)
    begin(here, "spring")
    await here.run()
    await here.run(at(10))

    def pause(session: Session) -> None:
        one = session.exec(select(Campaign).where(Campaign.key == "spring")).one()
        one.state = "paused"
        session.add(one)

    here.database.write_now(pause)
    await here.run(at(11))
    assert [titles(one) for one in here.phone.sent] == [[f"t{DAY}"]]
    assert sorted(here.states()) == [("pending", ""), ("sent", "")]


@pytest.mark.parametrize(("outcome", "attempts"), [(Outcome.RETRY, 1), (Outcome.UNKNOWN, 2)])
async def test_what_was_not_sent_is_sent_again_together(
    town: Callable[..., Town], outcome: Outcome, attempts: int
) -> None:
    here = town(job("topic", TEN, merges=True), own())
    here.add()
    begin(here, "spring")
    answers = [Receipt(outcome, retry_after=3.0)]
    here.phone.answer = lambda _: answers.pop() if answers else Receipt(Outcome.SENT, provider_id="p")
    await here.advance(at(11))
    assert [titles(one) for one in here.phone.tried] == [[f"t{DAY}", "spring 11-23"]] * 2
    assert [(one.state, one.attempts) for one in here.deliveries()] == [("sent", attempts)] * 2


async def test_a_refused_message_fails_with_all_that_it_carried(town: Callable[..., Town]) -> None:
    here = town(job("topic", TEN, merges=True), own())
    here.add()
    begin(here, "spring")
    here.phone.answer = lambda _: Receipt(Outcome.REJECTED, reason="no_rights")
    await here.advance(at(11))
    assert here.states() == [("failed", "no_rights"), ("failed", "no_rights")]


async def test_days_that_were_changed_meanwhile_are_passed_over(
    town: Callable[..., Town], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = town(own())
    here.add()
    begin(here, "spring")
    await here.run()
    monkeypatch.setitem(DAYS, "spring", [(DAY + timedelta(days=1), TEN)])
    await here.advance(at(23) + timedelta(days=3))
    assert [(one.local_date, one.state) for one in here.deliveries()] == [(date(2026, 11, 24), "sent")]


async def test_what_goes_along_in_another_shard_s_message_is_not_taken_for_left_behind(
    town: Callable[..., Town],
) -> None:
    """Two shards are driven at once by one process; a row of the second one is on its way in a message of the first."""
    here = town(job("topic", TEN, merges=True), job("own2", TEN, merges=True))
    here.add(3)
    await here.run()
    here.clock.set(at(10))
    await here.plan()
    # As when they were planned one after the other.
    second = update(Delivery).where(col(Delivery.campaign_id) == 2).values(shard="second")
    here.database.write_now(lambda s: s.execute(second))
    first = next(row.shard for row in here.deliveries() if row.shard != "second")
    here.phone.takes = 0.1
    conduct = Conduct(me="town", concurrency=3)

    async def drive(shard: str, later: float) -> None:
        await asyncio.sleep(later)
        await deliver(shard, here.clock, here.senders, here.database, here.gate, here.jobs, conduct)

    await asyncio.gather(drive(first, 0), drive("second", 0.05))
    assert [len(one.more) for one in here.phone.tried] == [1, 1, 1]
    assert here.states() == [("sent", "")] * 6


async def test_what_comes_within_an_hour_of_the_end_of_quiet_hours_is_said_then(town: Callable[..., Town]) -> None:
    """
    07:00 topic, quiet until 09:00, 09:40 theme → at 09:00 one message; 10:10 another one by itself
    """
    here = town(
        job("topic", 7 * 60, merges=True, grace_minutes=300),
        job("own2", 9 * 60 + 40, merges=True),
        job("own3", 10 * 60 + 10, merges=True),
    )
    here.add(1, quiet_from=22 * 60, quiet_to=9 * 60, daily_budget=2)
    await here.advance(at(12))
    assert [(len(one.more)) for one in here.phone.sent] == [1, 0]
    assert [row.sent_at for row in here.deliveries()] == [at(9), at(9), at(10, 10)]
    assert here.unasked() == {(1, DAY): 2}


async def test_what_is_too_late_at_the_end_of_quiet_hours_brings_nothing_forward(town: Callable[..., Town]) -> None:
    here = town(job("late", 7 * 60, merges=True, grace_minutes=30), job("own2", 9 * 60 + 40, merges=True))
    here.add(1, quiet_from=22 * 60, quiet_to=9 * 60)
    await here.advance(at(12))
    assert [(row.state, row.sent_at) for row in here.deliveries()] == [("skipped", None), ("sent", at(9, 40))]


async def test_the_budget_is_that_of_the_day_on_which_the_group_is_told(town: Callable[..., Town]) -> None:
    """Held back over midnight by quiet hours: it is the new day's message, and the new day has only so many."""
    here = town(job("evening", 22 * 60 + 30, grace_minutes=720), job("morning", 9 * 60), job("noon", 12 * 60))
    here.add(1, quiet_from=22 * 60, quiet_to=8 * 60, daily_budget=2)
    await here.advance(at(13, 0, DAY + timedelta(days=1)))
    told = [(row.local_date.day, row.state, row.reason, row.sent_at) for row in here.deliveries()]
    tomorrow = DAY + timedelta(days=1)
    assert told == [
        (23, "sent", "", at(9)),
        (23, "sent", "", at(12)),
        (23, "sent", "", at(8, 0, tomorrow)),
        (24, "sent", "", at(9, 0, tomorrow)),
        (24, "skipped", "budget", None),
    ]
    assert here.unasked() == {(1, DAY): 2, (1, tomorrow): 2}


async def test_a_push_in_the_night_and_one_that_waits_for_the_morning_are_two_messages(
    town: Callable[..., Town],
) -> None:
    here = town(
        job("late", 22 * 60 + 10, merges=True, grace_minutes=720),
        job("night", 22 * 60 + 30, merges=True, ignores_quiet=True),
    )
    here.add(1, quiet_from=22 * 60, quiet_to=8 * 60, daily_budget=1)
    await here.advance(at(8, 30, DAY + timedelta(days=1)))
    assert len(here.phone.sent) == 2
    assert here.unasked() == {(1, DAY): 1, (1, DAY + timedelta(days=1)): 1}


def test_what_is_due_in_many_groups_at_once_is_planned_group_by_group(town: Callable[..., Town]) -> None:
    """More groups than a transaction takes: each one's pushes are planned together, so none goes out before the other."""
    here = town(job("topic", TEN, merges=True), job("own2", TEN, merges=True))
    here.add(5, daily_budget=1)
    while here.database.write_now(lambda s: schedules.ensure(s, here.jobs, here.clock.now())):
        pass
    here.database.write_now(lambda s: planner.tick(s, here.jobs, at(10), limit=3))
    assert [(row.campaign_id, row.group_id) for row in here.deliveries()] == [
        (1, 1),
        (1, 2),
        (1, 3),
        (2, 1),
        (2, 2),
        (2, 3),
    ]
    here.database.write_now(lambda s: planner.tick(s, here.jobs, at(10), limit=3))
    assert len(here.deliveries()) == 10
    assert {row.state for row in here.deliveries()} == {"pending"}


async def test_nothing_new_joins_a_message_whose_beginning_is_out(town: Callable[..., Town]) -> None:
    """The rest of it comes with the same words; what is due meanwhile is a message of its own."""
    here = town(
        job("first", TEN, merges=True), job("second", TEN + 30, merges=True), job("third", TEN + 65, merges=True)
    )
    here.add(daily_budget=9)
    receipts = [Receipt(Outcome.RETRY, retry_after=65 * 60, begun=True)]
    here.phone.answer = lambda _: receipts.pop(0) if receipts else Receipt(Outcome.SENT, provider_id="p")
    await here.run()
    await here.run(at(10))
    assert [row.carrier for row in here.deliveries()] == [1, 1]
    await here.run(at(10, 30))
    await here.run(at(11, 5))
    assert [(len(titles(one)), one.row) for one in here.phone.tried] == [
        (2, "delivery:1"),
        (2, "delivery:1"),
        (1, "delivery:3"),
    ]
    assert [(row.state, row.carrier, row.attempts) for row in here.deliveries()] == [
        ("sent", None, 1),
        ("sent", 1, 1),
        ("sent", None, 1),
    ]


async def test_a_campaign_that_stands_still_holds_no_other_up(town: Callable[..., Town]) -> None:
    """What was said along with a beginning goes alone when the first one's campaign is paused meanwhile."""
    here = town(job("first", TEN, merges=True), job("second", TEN, merges=True))
    here.add()
    receipts = [Receipt(Outcome.RETRY, retry_after=60, begun=True)]
    here.phone.answer = lambda _: receipts.pop(0) if receipts else Receipt(Outcome.SENT, provider_id="p")
    await here.run()
    await here.run(at(10))
    here.campaign_state("first", "paused")
    await here.run(at(10, 1))
    await here.run(at(10, 2))
    assert [row.state for row in here.deliveries()] == ["pending", "sent"]
    here.campaign_state("first", "running")
    await here.run(at(10, 3))
    assert [row.state for row in here.deliveries()] == ["sent", "sent"]


async def test_what_waited_with_a_beginning_that_came_to_nothing_goes_alone(town: Callable[..., Town]) -> None:
    here = town(job("first", TEN, merges=True), job("second", TEN, merges=True))
    here.add()
    receipts = [Receipt(Outcome.RETRY, retry_after=60, begun=True)]
    here.phone.answer = lambda _: receipts.pop(0) if receipts else Receipt(Outcome.SENT, provider_id="p")
    await here.run()
    await here.run(at(10))
    here.campaign_state("first", "cancelled")
    await here.run(at(10, 1))
    await here.run(at(10, 2))
    assert [(row.state, row.carrier) for row in here.deliveries()][1] == ("sent", None)
    assert [len(titles(one)) for one in here.phone.tried] == [2, 1]


@pytest.mark.parametrize("stop", ["cancelled", "paused", "late", "budget"])
async def test_a_part_whose_campaign_is_stopped_is_said_to_its_end_with_the_others(
    town: Callable[..., Town], stop: str
) -> None:
    """The beginning is out; without one of its parts the rest would be another message, and said from the beginning."""
    short = {"grace_minutes": 1} if stop == "late" else {}
    here = town(*(job(name, TEN, merges=True, **(short if name == "b" else {})) for name in "abc"))
    here.add(daily_budget=1)
    receipts = [Receipt(Outcome.RETRY, retry_after=120, begun=True)]
    here.phone.answer = lambda _: receipts.pop(0) if receipts else Receipt(Outcome.SENT, provider_id="p")
    await here.run()
    await here.run(at(10))
    if stop == "budget":

        def less(session: Session) -> None:
            session.execute(update(Group).values(daily_budget=0))
            moves.uproot(session, 1)

        here.database.write_now(less)
    elif stop != "late":
        here.campaign_state("b", stop)
    await here.run(at(10, 1))
    await here.run(at(10, 2))
    assert [(len(titles(one)), one.row) for one in here.phone.tried] == [(3, "delivery:1")] * 2
    assert here.phone.tried[0] == here.phone.tried[1]
    assert [(row.state, row.carrier) for row in here.deliveries()] == [("sent", None), ("sent", 1), ("sent", 1)]


@pytest.mark.parametrize(("end", "state"), [("window", "failed"), ("late", "failed"), ("cancelled", "cancelled")])
async def test_what_was_said_in_part_is_told_so(town: Callable[..., Town], end: str, state: str) -> None:
    """The rest meets the end of a window, or of its own time, or its campaign is cancelled: it was not left out either way."""
    here = town(job("topic", TEN, grace_minutes=1 if end == "late" else 60))
    here.add()
    receipts = [
        Receipt(Outcome.RETRY, retry_after=120, begun=True),
        Receipt(Outcome.REJECTED, reason="window_closed", begun=True),
    ]
    here.phone.answer = lambda _: receipts.pop(0)
    await here.run()
    await here.run(at(10))
    if end == "cancelled":
        here.campaign_state("topic", end)
    await here.run(at(10, 2))
    assert here.states() == [(state, "in_part")]
