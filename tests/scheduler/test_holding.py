"""A message that somebody has to say yes to: its row waits as long, is looked after, and says for whom it waits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from engagement.kernel import Outcome, Outgoing, Receipt
from scheduler import campaigns, heartbeats
from storage.moves import DOUBTED, LOST, uproot
from tests.scheduler.community import Town, job
from tests.scheduler.test_planner import at

EIGHT_O_CLOCK = at(8)
NOON = at(12)


class Leader:
    """Has the message from the platform, and says yes when it is time."""

    def __init__(self) -> None:
        self.yes: Receipt | None = None
        self.asked = 0

    def answer(self, _message: Outgoing) -> Receipt:
        self.asked += 1
        held = Receipt(Outcome.RETRY, retry_after=300, reason="awaiting_leader", held_until=NOON)
        return self.yes or held


async def held(town: Callable[..., Town], *jobs: object) -> tuple[Town, Leader]:
    """A push of eight o'clock with half an hour of grace, which a leader has until noon to confirm."""
    here, leader = town(*(jobs or (job(grace_minutes=30),))), Leader()
    here.add(1)
    here.phone.answer = leader.answer
    await here.run()
    await here.run(EIGHT_O_CLOCK)
    return here, leader


async def test_who_is_waited_for_has_no_turn(town: Callable[..., Town]) -> None:
    """What a leader has been asked is neither in the queue nor due at an hour, also when its row is looked at again."""
    here, leader = await held(town)

    def left() -> tuple[int, int, int, int]:
        found = here.database.read_now(lambda s: campaigns.progress(s, here.jobs, {}, here.clock.now()))
        return found.asked, found.ready, found.later, found.open

    assert left() == (1, 0, 0, 1)
    here.clock.set(at(8, 6))
    assert left() == (1, 0, 0, 1)
    leader.yes = Receipt(Outcome.SENT, provider_id="task")
    await here.run(at(8, 10))
    assert left() == (0, 0, 0, 0)


async def test_it_waits_beyond_its_own_grace_and_is_sent_once(town: Callable[..., Town]) -> None:
    here, leader = await held(town)
    await here.live(at(11), timedelta(minutes=5))
    assert here.states() == [("pending", "awaiting_leader")]
    assert [row.attempts for row in here.deliveries()] == [0]
    assert 30 < leader.asked < 40
    leader.yes = Receipt(Outcome.SENT, provider_id="task")
    await here.run(at(11, 10))
    assert [(row.state, row.reason, row.provider_id, row.attempts) for row in here.deliveries()] == [
        ("sent", "", "task", 1)
    ]


async def test_nobody_says_yes(town: Callable[..., Town]) -> None:
    here, leader = await held(town)
    await here.live(at(11, 50), timedelta(minutes=5))
    leader.yes = Receipt(Outcome.REJECTED, reason="not_confirmed")
    await here.run(at(11, 58))
    assert here.states() == [("failed", "not_confirmed")]


async def test_a_platform_that_never_ends_it_does_not_hold_it_for_ever(town: Callable[..., Town]) -> None:
    here, _leader = await held(town)
    await here.live(at(12, 30), timedelta(minutes=5))
    assert here.states() == [("skipped", "late")]


async def test_a_process_that_dies_while_it_looks_leaves_no_doubt_that_grows(town: Callable[..., Town]) -> None:
    """After forty looks a crash is still the first try: it is asked for again, not left for review."""
    here, leader = await held(town, job(grace_minutes=30, resend_ambiguous=True))
    await here.live(at(11), timedelta(minutes=5))
    here.database.write_now(
        lambda s: s.connection().exec_driver_sql("UPDATE delivery SET state = 'sending', sender = 'dead', attempts = 1")
    )
    here.database.write_now(lambda s: heartbeats.stopped(s, "dead", here.clock.now()))
    leader.yes = Receipt(Outcome.SENT, provider_id="task")
    await here.run(at(11, 10))
    assert here.states() == [("sent", "")]


async def test_what_lost_its_place_in_the_day_is_not_lengthened(town: Callable[..., Town]) -> None:
    here, _leader = await held(town)
    [row] = here.deliveries()
    here.database.write_now(lambda s: uproot(s, row.group_id))
    assert here.deliveries()[0].expires_at == LOST
    here.phone.answer = lambda _: Receipt(Outcome.RETRY, retry_after=1, held_until=NOON)
    assert DOUBTED > LOST
    await here.run(EIGHT_O_CLOCK + timedelta(minutes=6))
    # The planner has found it a place again, and only then was it asked for.
    assert here.deliveries()[0].expires_at == NOON


async def test_what_was_left_out_of_a_merged_message_says_so(town: Callable[..., Town]) -> None:
    """Of two pushes that went out together the platform said one: the other is not told as sent."""
    here = town(job(merges=True), job("theme", 8 * 60 + 10, merges=True))
    here.add(1)
    here.phone.answer = lambda _: Receipt(Outcome.SENT, provider_id="p", unsaid=(1,), reason="said_today")
    await here.run()
    await here.run(EIGHT_O_CLOCK)
    assert sorted(here.states()) == [("failed", "said_today"), ("sent", "")]


async def test_on_postgresql(town: Callable[..., Town], postgres_url: str) -> None:
    here = town(job(grace_minutes=30), url=postgres_url)
    leader = Leader()
    here.add(1)
    here.phone.answer = leader.answer
    await here.run()
    await here.run(EIGHT_O_CLOCK)
    await here.live(at(9), timedelta(minutes=15))
    assert [(row.state, row.reason, row.attempts, row.expires_at) for row in here.deliveries()] == [
        ("pending", "awaiting_leader", 0, NOON)
    ]
