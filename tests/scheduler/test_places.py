"""Where a waiting message has its place in a day's budget when campaigns stop and go on, midnight passes, a group moves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from engagement.kernel import Outcome, Receipt
from scheduler import campaigns, rows
from storage import moves
from tests.scheduler.community import EIGHT, Town, database_at, job
from tests.scheduler.test_planner import DAY, at

TEN = 10 * 60
NEXT = DAY + timedelta(days=1)


def two(town: Callable[..., Town], budget: int = 1) -> Town:
    """A topic and another kind, both at 10:00, so in one message; the other one is stopped."""
    here = town(job("topic", TEN, merges=True), job("other", TEN, merges=True), job("evening", 18 * 60))
    here.add(daily_budget=budget)
    return here


def move(here: Town, key: str, how: str) -> None:
    here.database.write_now(lambda s: campaigns.move(s, key, how, here.clock.now(), here.jobs))


@pytest.mark.parametrize(("budget", "then"), [(1, ("skipped", "budget")), (2, ("sent", ""))])
async def test_what_was_left_behind_needs_a_place_of_its_own(
    town: Callable[..., Town], budget: int, then: tuple[str, str]
) -> None:
    here = two(town, budget)
    await here.run()
    move(here, "other", "pause")
    await here.run(at(10))
    assert here.states() == [("sent", ""), ("pending", "")]
    await here.run(at(10, 30))
    move(here, "other", "resume")
    await here.run(at(10, 31))
    assert here.states() == [("sent", ""), then]
    assert here.unasked() == {(1, DAY): budget}


async def test_what_stood_still_alone_or_together_keeps_its_place(town: Callable[..., Town]) -> None:
    here = two(town)
    await here.run()
    for key in ("topic", "other"):
        move(here, key, "pause")
    await here.run(at(10))
    move(here, "other", "resume")
    await here.run(at(10, 5))
    assert here.states() == [("pending", ""), ("sent", "")]
    move(here, "topic", "resume")
    await here.run(at(10, 10))
    assert here.states() == [("skipped", "budget"), ("sent", "")]
    assert here.unasked() == {(1, DAY): 1}


async def test_a_message_of_yesterday_is_over_at_midnight_and_costs_nothing_today(town: Callable[..., Town]) -> None:
    here = town(job("topic", 20 * 60, grace_minutes=720))
    here.add(quiet_from=0, quiet_to=0)
    await here.run()
    move(here, "topic", "pause")
    await here.run(at(20))
    move(here, "topic", "resume")
    move(here, "topic", "pause")
    await here.run(at(20, 1))
    await here.run(at(23, 59))
    assert here.states() == [("pending", "")]
    await here.run(at(0, 1, day=NEXT))
    assert here.states() == [("skipped", "paused")]
    assert here.unasked() == {(1, DAY): 1}


async def test_what_is_due_just_before_midnight_may_slip_over_it_and_counts_on_both_days(
    town: Callable[..., Town],
) -> None:
    here = town(job("topic", 23 * 60 + 50), job("morning", EIGHT))
    here.add(quiet_from=0, quiet_to=0, daily_budget=1)
    await here.run(at(9))
    here.phone.answer = lambda _message: Receipt(Outcome.RETRY, retry_after=1200)
    await here.run(at(23, 50))
    here.phone.answer = None
    await here.run(at(0, 10, day=NEXT))
    await here.run(at(8, 0, day=NEXT))
    assert here.states() == [("sent", ""), ("skipped", "budget")]
    assert here.unasked() == {(1, DAY): 1, (1, NEXT): 1}


async def test_a_group_that_moves_has_no_more_today_than_it_has_left(town: Callable[..., Town]) -> None:
    """10:00 on the 23rd in Shanghai is the 22nd in New York: what was said that morning was said today."""
    here = town(job("topic", TEN), job("evening", 21 * 60 + 30))
    here.add(daily_budget=1, quiet_from=0, quiet_to=0)
    await here.run()
    await here.run(at(10))
    here.change_group(1, zone="America/New_York")
    await here.run(at(10, 1))
    await here.run(at(11))
    assert len(here.phone.sent) == 1
    assert here.unasked() == {(1, DAY): 1, (1, DAY - timedelta(days=1)): 1}
    # And no less than that the next day: 21:30 there is 10:30 in Shanghai.
    await here.run(at(10, 31, day=DAY + timedelta(days=2)))
    assert len(here.phone.sent) == 2


async def test_parts_of_one_message_stay_together_though_the_gate_sent_one_of_them_away(
    town: Callable[..., Town],
) -> None:
    here = two(town)
    await here.run()
    here.clock.set(at(10))
    await here.plan()
    here.database.write_now(lambda s: rows.postpone(s, 1, at(10) + timedelta(seconds=20)))
    await here.run()
    assert [(row.state, row.carrier) for row in here.deliveries()] == [("sent", 2), ("sent", None)]
    assert len(here.phone.sent) == 1


async def test_places_are_looked_for_in_order(town: Callable[..., Town]) -> None:
    """Everything that waits in a group looks for a place anew: the earliest gets the one that is left."""
    here = town(
        job("topic", TEN),
        job("edit", TEN + 1, unasked=False),
        job("other", TEN + 2),
        job("short", TEN + 2, grace_minutes=9),
    )
    here.add(daily_budget=4)
    await here.run()
    for key in ("topic", "edit", "other", "short"):
        move(here, key, "pause")
    await here.run(at(10, 2))
    here.change_group(1, daily_budget=4)
    here.database.write_now(lambda s: moves.uproot(s, 1))
    await here.plan()
    assert here.unasked() == {(1, DAY): 4}
    states = {row.campaign_id: (row.state, row.reason) for row in here.deliveries()}
    assert sorted(states.values()) == [("pending", ""), ("pending", ""), ("skipped", "budget"), ("skipped", "budget")]
    here.database.write_now(lambda s: moves.uproot(s, 1))
    here.change_group(1, daily_budget=9)
    here.clock.set(at(10, 20))
    move(here, "topic", "resume")
    await here.run()
    assert sorted(here.states()) == [("pending", ""), ("sent", ""), ("skipped", "budget"), ("skipped", "budget")]


async def test_after_a_cancel_a_resume_sends_nothing_of_what_was_closed(town: Callable[..., Town]) -> None:
    here = two(town)
    await here.run()
    move(here, "topic", "pause")
    move(here, "other", "pause")
    await here.run(at(10))
    move(here, "topic", "cancel")
    move(here, "topic", "resume")
    move(here, "other", "resume")
    await here.run(at(10, 1))
    assert sorted(here.states()) == [("cancelled", "cancelled"), ("sent", "")]


async def test_a_row_that_cannot_be_read_holds_up_no_other(town: Callable[..., Town]) -> None:
    """FAULTS F14."""
    here = two(town)
    here.add()
    await here.run()
    move(here, "topic", "pause")
    await here.run(at(9, 59))
    move(here, "other", "pause")
    await here.run(at(10))
    here.database.write_now(lambda s: s.execute(text("UPDATE delivery SET body='{' WHERE id = 1")))
    move(here, "topic", "resume")
    await here.run(at(10, 1))
    assert [row.state for row in here.deliveries() if row.group_id == 2 and row.state == "sent"] == ["sent"]
    assert here.states()[0] == ("pending", "")
    await here.run(at(13))
    assert here.states()[0] == ("skipped", "late")


async def test_a_group_that_is_paused_in_the_evening_is_not_told_what_waited_for_the_morning(
    town: Callable[..., Town],
) -> None:
    """Planned at 22:30 for 7:00; the leader's 暂停 comes at 23:00."""
    here = town(
        job("topic", 22 * 60 + 30, grace_minutes=720), job("asked", 22 * 60 + 30, grace_minutes=720, unasked=False)
    )
    here.add()
    await here.run()
    await here.run(at(22, 30))
    here.change_group(1, daily_budget=0)
    here.database.write_now(lambda s: moves.uproot(s, 1))
    await here.run(at(23))
    assert here.states() == [("skipped", "budget"), ("pending", "")]
    await here.run(at(7, 0, day=NEXT))
    assert here.states() == [("skipped", "budget"), ("sent", "")]


async def test_places_are_found_on_postgresql_too(tmp_path: Path, postgres_url: str) -> None:
    here = Town(database_at(tmp_path, postgres_url), job("topic", TEN, merges=True), job("other", TEN, merges=True))
    try:
        here.add(daily_budget=1)
        here.add(zone="Asia/Tokyo")
        await here.run()
        move(here, "other", "pause")
        await here.run(at(10))
        here.change_group(2, zone="America/New_York")
        move(here, "other", "resume")
        await here.run(at(10, 1))
        assert sorted(here.states()) == [("sent", ""), ("sent", ""), ("sent", ""), ("skipped", "budget")]
    finally:
        here.database.close()
