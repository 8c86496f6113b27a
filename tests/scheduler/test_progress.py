"""How long the rest takes, told honestly; and a pause that holds within a second while messages are flowing."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from engagement.kernel import Outcome, Outgoing, Receipt
from scheduler import campaigns, heartbeats, rows
from scheduler.campaigns import Progress
from scheduler.delivery import Conduct, deliver
from storage.campaigns import Campaign, Delivery
from storage.engine import Session, open_database
from tests.scheduler.community import EIGHT, Town, job
from tests.scheduler.test_planner import at
from tests.scheduler.test_together import begin, own

RATES = {"play": 2.0}


def look(here: Town, key: str = "topic", rates: dict[str, float] | None = None) -> Progress:
    now = here.clock.now()
    return here.database.read_now(
        lambda s: campaigns.progress(s, here.jobs, RATES if rates is None else rates, now, key)
    )


def alive(here: Town) -> None:
    here.database.write_now(lambda s: heartbeats.beat(s, "town", here.clock.now()))


def sent_at_pace(here: Town, seconds: float, *, first: int, count: int) -> None:
    """Pretend that rows went out, one each so many seconds, the last of them now."""

    def write(session: Session) -> None:
        found = session.exec(select(Delivery).order_by(Delivery.id)).all()  # type: ignore[arg-type]
        for n, row in enumerate(found[first : first + count]):
            row.state, row.body = "sent", ""
            row.sent_at = here.clock.now() - timedelta(seconds=seconds * (count - n))
            session.add(row)

    here.database.write_now(write)


async def waiting(town: Callable[..., Town], groups: int = 60) -> Town:
    here = town(job())
    here.add(groups)
    await here.plan()
    here.clock.set(at(8))
    await here.plan()
    return here


async def test_nobody_sends_and_so_nobody_can_say(town: Callable[..., Town]) -> None:
    here = await waiting(town)
    found = look(here)
    assert (found.ready, found.queue, found.seconds, found.driven) == (60, 60, None, False)
    assert found.floor == 30.0


async def test_before_a_pace_can_be_told_the_gates_rate_counts(town: Callable[..., Town]) -> None:
    here = await waiting(town)
    alive(here)
    assert look(here).seconds == 30.0
    assert look(here, rates={}).seconds is None
    sent_at_pace(here, 1.0, first=0, count=5)
    found = look(here)
    assert (found.pace, found.ready, found.seconds) == (None, 55, 27.5)


async def test_the_pace_of_the_last_minute_counts_and_never_beats_the_gate(town: Callable[..., Town]) -> None:
    here = await waiting(town)
    alive(here)
    sent_at_pace(here, 1.0, first=0, count=20)
    found = look(here)
    assert found.pace == pytest.approx(1.0)
    assert found.seconds == pytest.approx(40.0)
    assert found.floor == 20.0
    assert look(here, rates={"play": 0.5}).seconds == 80.0, (
        "a burst before does not promise more than the gate lets through"
    )
    here.clock.set(at(8, 5))
    alive(here)
    assert look(here).pace is None, "what was five minutes ago says nothing"


async def test_what_stands_before_it_counts_and_what_comes_behind_does_not(town: Callable[..., Town]) -> None:
    here = town(job("first"), job("topic", EIGHT, resend_ambiguous=False), job("last", EIGHT + 1))
    here.add(10)
    await here.plan()
    here.clock.set(at(8, 1))
    await here.plan()
    alive(here)
    assert [look(here, key).queue for key in ("first", "topic", "last")] == [10, 20, 30]
    assert look(here, "").ready == 30


async def test_what_goes_out_together_is_one_message(town: Callable[..., Town]) -> None:
    here = town(own())
    here.add(4)
    begin(here, "spring", "fair")
    await here.plan()
    here.clock.set(at(10, 20))
    await here.plan()
    assert len(here.deliveries()) == 8
    found = look(here, "")
    assert (found.ready, found.queue) == (4, 4)


async def test_quiet_hours_wait_and_too_late_is_said_before(town: Callable[..., Town]) -> None:
    here = town(job("topic", 6 * 60 + 30, grace_minutes=90))
    here.add(3)
    await here.plan()
    here.clock.set(at(6, 30))
    await here.plan()
    alive(here)
    found = look(here)
    assert (found.ready, found.later, found.later_from, found.later_until) == (0, 3, at(7), at(7))
    here.clock.set(at(7, 59) + timedelta(seconds=59))
    alive(here)
    slow = look(here, rates={"play": 0.5})
    assert (slow.ready, slow.later, slow.too_late) == (3, 0, 2)
    assert look(here, rates={"play": 50.0}).too_late == 0


async def test_a_paused_one_is_held_and_not_counted(town: Callable[..., Town]) -> None:
    here = await waiting(town, groups=4)
    here.database.write_now(lambda s: campaigns.move(s, "topic", "pause", here.clock.now()))
    found = look(here)
    assert (found.ready, found.held, found.open) == (0, 4, 4)
    here.database.write_now(lambda s: campaigns.move(s, "topic", "cancel", here.clock.now()))
    assert look(here).open == 0


async def test_a_cancelled_campaign_that_goes_on_makes_nothing_up(town: Callable[..., Town]) -> None:
    """What came due while it stood still is not said an hour later."""
    here = town(own())
    here.add(1)
    begin(here, "spring")
    await here.run()

    def move(how: str) -> str | None:
        return here.database.write_now(lambda s: campaigns.move(s, "spring", how, here.clock.now(), here.jobs))

    assert move("cancel") == "cancelled"
    here.clock.set(at(11))
    assert move("resume") == "running"
    assert here.schedules()[0].next_at is None


async def test_a_pause_holds_within_a_second_while_messages_flow(town: Callable[..., Town], data_dir: Path) -> None:
    """400 groups, eight sends at a time of 20 ms each; the pause comes over another connection, as from `push pause`."""
    here = await waiting(town, groups=400)
    begun: list[float] = []
    flowing = threading.Event()
    asked: list[float] = []
    paused: list[float] = []

    def answer(_message: Outgoing) -> Receipt:
        begun.append(time.monotonic())
        if len(begun) == 40:
            flowing.set()
        return Receipt(Outcome.SENT, provider_id=f"p{len(begun)}")

    here.phone.answer = answer
    here.phone.takes = 0.02

    async def drive() -> None:
        conduct = Conduct(me="town", concurrency=8)
        for shard, _ in here.database.read_now(lambda s: rows.due_shards(s, "town", here.clock.now())):
            await deliver(shard, here.clock, here.senders, here.database, here.gate, here.jobs, conduct)

    def stop() -> None:
        beside = open_database(Path(str(here.database.read_engine.url.database)).parent)
        try:
            flowing.wait(30)
            asked.append(time.monotonic())
            assert beside.write_now(lambda s: campaigns.move(s, "topic", "pause", at(8))) == "paused"
            paused.append(time.monotonic())
        finally:
            beside.close()

    await asyncio.gather(drive(), asyncio.to_thread(stop))
    assert max(begun) - asked[0] < 1.0
    later = [moment for moment in begun if moment > paused[0]]
    assert len(later) <= 8, "only what was in flight"
    assert max(later, default=paused[0]) - paused[0] < 1.0
    states = [state for state, _ in here.states()]
    assert states.count("sent") == len(begun) < 400
    assert states.count("pending") == 400 - len(begun)
    assert states.count("sending") == 0
    (campaign,) = here.database.read_now(lambda s: s.exec(select(Campaign)).all())
    assert campaign.state == "paused"
    assert look(here).held == 400 - len(begun)
    here.database.write_now(lambda s: campaigns.move(s, "topic", "resume", here.clock.now()))
    await here.plan()
    await drive()
    assert [state for state, _ in here.states()].count("sent") == 400
    assert len({message.conversation for message in here.phone.sent}) == len(here.phone.sent) == 400
