"""One shard: what each answer of the platform does to its row, and to nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import select

from engagement.kernel import Card, Kind, Outcome, Outgoing, Receipt, Reply
from engagement.pushes import Occurrence, Planned
from scheduler import expiry, heartbeats, rows
from scheduler.clock import next_instant
from scheduler.delivery import AMBIGUOUS_ATTEMPTS, Conduct, concurrency_for, deliver
from scheduler.gate import RateGate, Rates
from scheduler.slots import MemorySlots
from storage.campaigns import Delivery
from storage.engine import Database, Session
from tests.scheduler.community import Phone, Town, job
from tests.scheduler.test_planner import at

EIGHT_O_CLOCK = at(8)


async def due(town: Callable[..., Town], *jobs: Any, groups: int = 3) -> Town:
    """An installation at 08:00 with its pushes planned and not yet sent."""
    here = town(*jobs)
    here.add(groups)
    await here.run()
    here.clock.set(EIGHT_O_CLOCK)
    await here.plan()
    return here


def answers(where: str, *receipts: Receipt) -> Callable[[Outgoing], Receipt]:
    """Answer one conversation with the given receipts in turn, and everything else with yes."""
    left = list(receipts)

    def answer(message: Outgoing) -> Receipt:
        if message.conversation == where and left:
            return left.pop(0)
        return Receipt(Outcome.SENT, provider_id="p")

    return answer


async def test_a_429_stops_one_group_for_its_time_and_nobody_else(town: Callable[..., Town]) -> None:
    here = await due(town)
    here.phone.answer = answers("g1", Receipt(Outcome.RETRY, retry_after=120))
    await here.run()
    assert [row.state for row in here.deliveries()] == ["sent", "pending", "sent"]
    await here.run(EIGHT_O_CLOCK + timedelta(seconds=119))
    assert len(here.phone.tried) == 3
    assert here.database.read_now(lambda s: next_instant(s, here.clock.now())) == EIGHT_O_CLOCK + timedelta(seconds=120)
    await here.run(EIGHT_O_CLOCK + timedelta(seconds=120))
    assert here.states() == [("sent", "")] * 3
    assert here.deliveries()[1].attempts == 1


async def test_a_429_beyond_the_grace_is_late(town: Callable[..., Town]) -> None:
    here = await due(town)
    here.phone.answer = answers("g1", Receipt(Outcome.RETRY, retry_after=3 * 3600))
    await here.run()
    await here.run(at(10, 1))
    assert here.states() == [("sent", ""), ("skipped", "late"), ("sent", "")]
    assert len(here.phone.tried) == 3


async def test_a_group_that_became_a_supergroup_is_followed_at_once(town: Callable[..., Town]) -> None:
    here = await due(town, job(), job("second"))
    here.phone.answer = answers("g1", Receipt(Outcome.MIGRATED, new_id="-100777"))
    await here.run()
    assert here.states() == [("sent", "")] * 6
    assert here.group(2).external_id == "-100777"
    assert [one.conversation for one in here.phone.sent].count("-100777") == 2
    subjects = here.database.read_now(
        lambda s: [row[0] for row in s.execute(text("SELECT conversation FROM sent_message")).all()]
    )
    assert "g1" not in subjects


async def test_a_new_id_that_another_group_has_ends_the_row(town: Callable[..., Town]) -> None:
    here = await due(town)
    here.phone.answer = answers("g1", Receipt(Outcome.MIGRATED, new_id="g2"))
    await here.run()
    assert here.states() == [("sent", ""), ("failed", "moved"), ("sent", "")]


async def test_a_platform_that_moves_a_group_for_ever_is_not_followed_for_ever(town: Callable[..., Town]) -> None:
    here = await due(town, groups=1)
    count = iter(range(1000))
    here.phone.answer = lambda _message: Receipt(Outcome.MIGRATED, new_id=f"n{next(count)}")
    await here.run()
    assert here.states() == [("failed", "moved")]
    assert len(here.phone.tried) == AMBIGUOUS_ATTEMPTS


async def test_a_bot_that_was_removed_marks_the_group(town: Callable[..., Town]) -> None:
    here = await due(town, job(), job("second"))
    here.phone.answer = answers("g1", Receipt(Outcome.GONE, reason="kicked"))
    await here.run()
    await here.run()
    of_group = [(row.state, row.reason) for row in here.deliveries() if row.group_id == 2]
    assert of_group == [("failed", "gone"), ("skipped", "gone")]
    assert here.group(2).state == "removed"


@pytest.mark.parametrize(("reason", "state"), [("too_long", "failed"), ("window_closed", "skipped")])
async def test_a_rejected_message_is_not_tried_again(reason: str, state: str, town: Callable[..., Town]) -> None:
    """That a person was silent for two days is no failure: the message lapses, and its row says why."""
    here = await due(town)
    here.phone.answer = answers("g1", Receipt(Outcome.REJECTED, reason=reason))
    await here.run()
    await here.run()
    assert here.states()[1] == (state, reason)
    assert len(here.phone.tried) == 3


@pytest.mark.parametrize(("resend", "state"), [(True, ("sent", "")), (False, ("unknown", "cut"))])
async def test_an_ambiguous_send_is_resent_or_left_for_review(
    resend: bool, state: tuple[str, str], town: Callable[..., Town]
) -> None:
    here = await due(town, job(resend_ambiguous=resend))
    here.phone.answer = answers("g1", Receipt(Outcome.UNKNOWN))
    await here.run()
    await here.run(EIGHT_O_CLOCK + timedelta(minutes=1))
    assert here.states()[1] == state


async def test_what_the_platform_wanted_later_is_no_send_without_an_answer(town: Callable[..., Town]) -> None:
    here = await due(town, groups=1)
    waits = [Receipt(Outcome.RETRY, retry_after=1)] * AMBIGUOUS_ATTEMPTS
    here.phone.answer = answers("g0", *waits, Receipt(Outcome.UNKNOWN, reason="cut_off"))
    for second in range(0, 40, 2):
        await here.run(EIGHT_O_CLOCK + timedelta(seconds=second))
    assert here.states() == [("sent", "")]
    assert len(here.phone.tried) == AMBIGUOUS_ATTEMPTS + 2
    assert here.deliveries()[0].attempts == 2, "the one without an answer and the last one"


async def test_ambiguous_sends_are_not_repeated_without_end(town: Callable[..., Town]) -> None:
    """A group may have received each of them."""
    here = await due(town, groups=1)
    here.phone.answer = lambda _message: Receipt(Outcome.UNKNOWN)
    for minute in range(30):
        await here.run(EIGHT_O_CLOCK + timedelta(minutes=minute))
    assert here.states() == [("unknown", "cut")]
    assert len(here.phone.tried) == AMBIGUOUS_ATTEMPTS


async def test_a_sender_that_raises_or_hangs_is_ambiguous(
    town: Callable[..., Town], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.delivery.SEND_SECONDS", 0.05)
    here = await due(town, job(resend_ambiguous=False), groups=3)

    class Odd(Phone):
        async def send(self, message: Outgoing) -> Receipt:
            if message.conversation == "g0":
                raise ConnectionError("reset")
            if message.conversation == "g1":
                await asyncio.sleep(3600)
            return await super().send(message)

    here.phone = Odd()
    await here.run()
    assert here.states() == [("unknown", "bug"), ("unknown", "timeout"), ("sent", "")]


@pytest.mark.parametrize(("resend", "state"), [(True, "sent"), (False, "unknown")])
async def test_rows_that_a_crash_left_half_sent(resend: bool, state: str, town: Callable[..., Town]) -> None:
    here = await due(town, job(resend_ambiguous=resend))
    here.database.write_now(
        lambda s: s.execute(text("UPDATE delivery SET state='sending', sender='host/dead', attempts=1 WHERE id = 2"))
    )
    await here.run()
    assert [row.state for row in here.deliveries()] == ["sent", state, "sent"]
    assert here.deliveries()[1].reason == ("" if resend else "crash")


async def test_what_a_living_process_is_sending_is_left_to_it(town: Callable[..., Town]) -> None:
    here = await due(town)

    def elsewhere(session: Any) -> None:
        session.execute(text("UPDATE delivery SET state='sending', sender='other/1', attempts=1 WHERE id = 2"))
        heartbeats.beat(session, "other/1", here.clock.now())

    here.database.write_now(elsewhere)
    await here.run()
    assert [row.state for row in here.deliveries()] == ["sent", "sending", "sent"]
    await here.run(EIGHT_O_CLOCK + heartbeats.DEAD_AFTER + timedelta(seconds=1))
    assert [row.state for row in here.deliveries()] == ["sent"] * 3


async def test_a_row_taken_over_meanwhile_is_not_marked_by_the_slow_one(town: Callable[..., Town]) -> None:
    here = await due(town, groups=1)

    def steal(message: Outgoing) -> Receipt:
        here.database.write_now(lambda s: s.execute(text("UPDATE delivery SET sender='other/2'")))
        return Receipt(Outcome.SENT, provider_id="mine")

    here.phone.answer = steal
    (shard,) = {row.shard for row in here.deliveries()}
    result = await deliver(shard, here.clock, here.senders, here.database, here.gate, here.jobs, here.conduct)
    assert result.outcomes == {"taken_over": 1}
    assert here.deliveries()[0].state == "sending"


async def test_pause_holds_at_the_next_row_and_resume_goes_on(town: Callable[..., Town]) -> None:
    here = await due(town, groups=5)

    def answer(_message: Outgoing) -> Receipt:
        if len(here.phone.tried) == 2:
            here.campaign_state("topic", "paused")
        return Receipt(Outcome.SENT, provider_id="p")

    here.phone.answer = answer
    await here.run()
    assert [row.state for row in here.deliveries()] == ["sent"] * 2 + ["pending"] * 3
    here.campaign_state("topic", "running")
    await here.run(EIGHT_O_CLOCK + timedelta(minutes=5))
    assert [row.state for row in here.deliveries()] == ["sent"] * 5


async def test_what_expires_while_paused_says_so(town: Callable[..., Town]) -> None:
    here = await due(town, groups=2)
    here.campaign_state("topic", "paused")
    await here.run(at(10, 1))
    assert here.states() == [("skipped", "paused")] * 2


async def test_a_cancelled_campaign_sends_nothing_more(town: Callable[..., Town]) -> None:
    here = await due(town, groups=2)
    here.campaign_state("topic", "cancelled")
    await here.run()
    assert here.states() == [("cancelled", "cancelled")] * 2
    await here.run(at(8, 0, EIGHT_O_CLOCK.date() + timedelta(days=3)))
    assert len(here.deliveries()) == 2
    here.campaign_state("topic", "running")
    await here.run(at(9, 0, EIGHT_O_CLOCK.date() + timedelta(days=3)))
    await here.run(at(8, 0, EIGHT_O_CLOCK.date() + timedelta(days=4)))
    assert here.states()[2:] == [("sent", "")] * 2


async def test_concurrency_is_bounded(town: Callable[..., Town]) -> None:
    here = await due(town, groups=30)
    here.conduct = Conduct(me="town", concurrency=4)
    here.phone.takes = 0.02
    await here.run()
    assert here.phone.most_in_flight == 4
    assert here.states() == [("sent", "")] * 30
    assert len(here.phone.tried) == 30


def test_a_raised_rate_has_more_sends_in_flight_but_leaves_connections_to_answers() -> None:
    assert [concurrency_for(rate, 64) for rate in (1, 27, 50, 100, 1000)] == [8, 8, 15, 21, 21]
    assert concurrency_for(100, 8) == 8


async def test_a_channel_that_is_not_connected_is_left_alone(town: Callable[..., Town]) -> None:
    here = await due(town, groups=1)
    here.change_group(1, channel="telegram")
    await here.run()
    assert here.states() == [("pending", "")]


async def test_stopping_takes_no_further_row(town: Callable[..., Town]) -> None:
    here = await due(town, groups=5)
    here.conduct = Conduct(me="town", concurrency=1, stopping=lambda: len(here.phone.tried) >= 2)
    await here.run()
    assert [row.state for row in here.deliveries()] == ["sent"] * 2 + ["pending"] * 3


async def test_a_card_is_drawn_before_it_goes_out(town: Callable[..., Town]) -> None:
    def plan(_session: Session, occurrences: Sequence[Occurrence], _now: datetime) -> Sequence[Planned]:
        reply = Reply("topic.push", {"title": "t"}, kind=Kind.PUSH, card=Card("board", {"group": "g"}))
        return [Planned(one, reply) for one in occurrences]

    async def illustrate(message: Outgoing, /) -> Outgoing:
        return replace(message, picture="abc.png")

    here = await due(town, job(plan=plan), groups=2)
    here.conduct = Conduct(me="town", concurrency=1, illustrate=illustrate)
    await here.run()
    assert [one.picture for one in here.phone.sent] == ["abc.png"] * 2
    assert here.states() == [("sent", "")] * 2


async def test_a_group_the_gate_holds_back_waits_alone(town: Callable[..., Town]) -> None:
    here = await due(town, groups=3)
    here.gate = RateGate(MemorySlots(), {"play": Rates(group_per_minute=20)})
    await here.gate.closed("play", "", "g1", EIGHT_O_CLOCK + timedelta(seconds=40))
    await here.run()
    assert [row.state for row in here.deliveries()] == ["sent", "pending", "sent"]
    await here.run(EIGHT_O_CLOCK + timedelta(seconds=60))
    assert [row.state for row in here.deliveries()] == ["sent"] * 3


async def test_a_yes_is_kept_when_the_disk_fails_for_a_moment(
    town: Callable[..., Town], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The platform said yes, then two commits fail: the row is sent in the end, and nothing goes out twice (FAULTS F1)."""
    here = await due(town, groups=1)
    original = Database.write
    failures: list[str] = ["first", "second"]

    async def flaky(self: Database, fn: Any) -> Any:
        if here.phone.tried and failures:
            failures.pop()
            raise OSError("no space left on device")
        return await original(self, fn)

    async def at_once(_seconds: float) -> None:
        return None

    here.conduct = Conduct(me="town", concurrency=1, pause=at_once)
    monkeypatch.setattr(Database, "write", flaky)
    await here.run()
    assert here.states() == [("sent", "")]
    assert len(here.phone.tried) == 1


async def test_a_row_that_breaks_does_not_stop_the_shard(town: Callable[..., Town]) -> None:
    """A body that cannot be read (FAULTS F14)."""
    here = await due(town)
    here.database.write_now(lambda s: s.execute(text("UPDATE delivery SET body='{' WHERE id = 2")))
    await here.run()
    assert [row.state for row in here.deliveries()] == ["sent", "pending", "sent"]
    await here.run(at(10, 1))
    assert here.states()[1] == ("skipped", "late")


def test_the_open_queries_use_the_partial_index(town: Callable[..., Town]) -> None:
    here = town()
    for prepared in (rows._SHARDS, rows._SHARDS_OF, expiry._EXPIRED, rows._NEXT):
        sql, fixed = prepared.sql("sqlite")
        values = {**dict.fromkeys(["me", "now", "fresh", "most", "channel"], 1), **fixed}
        raw = here.database.read_engine.raw_connection()
        plan = str(raw.cursor().execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall())
        raw.close()
        assert "ix_delivery_open" in plan or "ix_delivery_waiting" in plan, (prepared.name, plan)


async def test_a_private_push_reaches_its_person_and_is_none_of_the_group_s(town: Callable[..., Town]) -> None:
    """A reminder to the leader: it costs nothing of the group's budget, and a closed chat does not remove the group."""
    from engagement.kernel import Kind, Place, Reply
    from engagement.pushes import Planned
    from storage.groups import Identity, Person

    here = town(job(plan=lambda _s, found, _n: [Planned(one, Reply("faq.x", {}, kind=Kind.DM, to=7)) for one in found]))
    here.add(2, daily_budget=0)

    def person(session: Any) -> None:
        session.add(Person(id=7, created_at=here.clock.now()))
        session.flush()
        session.add(Identity(person_id=7, channel="play", external_id="u7", name="周团长", dm_open=True))

    await here.run()
    await here.run(EIGHT_O_CLOCK)
    assert here.states() == [("skipped", "no_address")] * 2
    here.database.write_now(person)
    here.phone.answer = answers("u7", Receipt(Outcome.GONE))
    await here.run(EIGHT_O_CLOCK + timedelta(days=1))
    assert here.states()[2:] == [("failed", "no_address"), ("sent", "")]
    assert [(one.place, one.conversation) for one in here.phone.tried] == [(Place.DM, "u7")] * 2
    assert here.group(1).state == "active"
    assert here.unasked() == {}


@pytest.mark.parametrize(("moved", "state"), [(False, "removed"), (True, "active")])
async def test_that_a_bot_was_taken_out_says_nothing_about_the_one_that_serves_the_group_by_now(
    town: Callable[..., Town], moved: bool, state: str
) -> None:
    here = await due(town, groups=1)

    def answer(_message: Outgoing) -> Receipt:
        if moved:
            here.database.write_now(lambda s: s.execute(text("UPDATE chat_group SET account = 'b2'")))
        return Receipt(Outcome.GONE, reason="removed")

    here.phone.answer = answer
    await here.run()
    assert here.states() == [("failed", "gone")]
    assert here.database.read_now(lambda s: s.execute(text("SELECT state FROM chat_group")).scalar_one()) == state


@pytest.mark.parametrize("early", [True, False])
async def test_what_quotes_in_a_chat_that_has_moved_quotes_nothing_in_the_new_one(
    early: bool, town: Callable[..., Town]
) -> None:
    """A supergroup counts its messages anew, whether the move is known before the push goes out or met by it."""
    here = await due(town)

    def quoting(session: Session) -> None:
        for row in session.exec(select(Delivery)):
            row.body = replace(Outgoing.load(row.body), reply_to="77").dump()
            session.add(row)

    here.database.write_now(quoting)
    if early:
        here.change_group(2, external_id="-100777")
    else:
        here.phone.answer = answers("g1", Receipt(Outcome.MIGRATED, new_id="-100777"))
    await here.run()
    assert {one.conversation: one.reply_to for one in here.phone.sent} == {"g0": "77", "-100777": "", "g2": "77"}
    if not early:
        assert here.group(2).settings == {"groups": {"was": "g1"}}, "late events still call it by that id"
