"""From one process to another: what the first could not say any more, or did and could not write down, is said once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.channels.wecom_bot.lease import name_of
from engagement.kernel import Outcome
from storage import leases
from storage.engine import Database
from storage.outbox import NOT_HERE
from tests.platforms.wecom_bot import FakeWecomBot, Hangup
from tests.platforms.wecom_bot.bench import Bench, bench, outgoing


@pytest.fixture
async def two(wecom: FakeWecomBot, database: Database) -> AsyncIterator[tuple[Bench, Bench]]:
    """Two replicas: the connected one, which has been asked something, and the other."""
    async with AsyncExitStack() as stack:
        here, there = [
            await stack.enter_async_context(bench(database, wecom.url, name, lease=9.0, ping=30.0, timeout=3.0))
            for name in ("one", "two")
        ]
        await wecom.wait_for(lambda: here.channel.connection.is_open or there.channel.connection.is_open)
        if there.channel.connection.is_open:
            here, there = there, here
        here.answer = there.answer = lambda _: None
        await wecom.say("zhang", "在吗")
        await wecom.wait_for(lambda: here.came)
        yield here, there


async def test_who_is_not_connected_says_so_at_once(wecom: FakeWecomBot, two: tuple[Bench, Bench]) -> None:
    """It does not hold the answer back for a minute, five times, and give it up."""
    here, there = two
    asked = here.came[0].message_id
    async with asyncio.timeout(1):
        receipt = await there.channel.sender.send(outgoing("zhang", "在", reply_to=asked))
    assert (receipt.outcome, receipt.reason, wecom.seen) == (Outcome.RETRY, NOT_HERE, [])


async def test_who_waits_for_the_line_hears_when_another_one_gets_it(
    wecom: FakeWecomBot, two: tuple[Bench, Bench]
) -> None:
    here, _there = two
    wecom.refuse_handshakes = 1000
    assert wecom.live is not None
    await wecom.live.close()
    await wecom.wait_for(lambda: not here.channel.connection.is_open)
    waiting = asyncio.create_task(here.channel.sender.send(outgoing("zhang", "在", reply_to=here.came[0].message_id)))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    here.channel.lease.held.clear()
    here.channel.lease.lost.set()
    async with asyncio.timeout(1):
        assert (await waiting).reason == NOT_HERE


async def test_an_answer_that_another_process_had_said_is_not_said_again(
    wecom: FakeWecomBot, two: tuple[Bench, Bench]
) -> None:
    """The first process is killed between the platform's yes and its own note; the card was drawn by one of them only."""
    here, there = two
    answer = outgoing("zhang", "五分", reply_to=here.came[0].message_id)
    assert (await here.channel.sender.send(answer)).outcome is Outcome.SENT
    await here.channel.close()
    await wecom.wait_for(lambda: there.channel.connection.is_open)
    there.channel.sender.doubt(answer)
    again = await there.channel.sender.send(replace(answer, picture="gone.png"))
    assert (again.outcome, wecom.shown("zhang")) == (Outcome.SENT, ["五分"])


async def test_a_second_answer_to_the_same_question_is_no_repetition(
    wecom: FakeWecomBot, two: tuple[Bench, Bench]
) -> None:
    here, there = two
    asked = here.came[0].message_id
    await here.channel.sender.send(outgoing("zhang", "五分", reply_to=asked))
    await here.channel.close()
    await wecom.wait_for(lambda: there.channel.connection.is_open)
    second = outgoing("zhang", "还有一件事", reply_to=asked)
    there.channel.sender.doubt(second)
    assert (await there.channel.sender.send(second)).outcome is Outcome.SENT
    assert wecom.shown("zhang") == ["五分", "还有一件事"]


async def test_an_answer_that_nobody_had_said_is_said(wecom: FakeWecomBot, two: tuple[Bench, Bench]) -> None:
    here, there = two
    answer = outgoing("zhang", "五分", reply_to=here.came[0].message_id)
    await here.channel.close()
    await wecom.wait_for(lambda: there.channel.connection.is_open)
    there.channel.sender.doubt(answer)
    await there.channel.sender.send(answer)
    assert wecom.shown("zhang") == ["五分"] and wecom.seen[0].by == "stream"


async def test_how_the_connection_stands_is_written_down(wecom: FakeWecomBot, database: Database) -> None:
    """For who looks from another process: up since when, or why not; and nobody, once it has ended in peace."""

    def state() -> str:
        found = database.read_now(lambda session: leases.held(session, name_of("bot-1"), datetime.now(UTC)))
        return "" if found is None else found.state

    async with bench(database, wecom.url, lease=1.2) as here:
        await wecom.wait_for(lambda: state() == "open")
        wecom.refuse_handshakes = 10_000
        await wecom.hang_up(Hangup.RESET)
        await wecom.wait_for(lambda: state() == "unreachable")
        wecom.refuse_handshakes, wecom.secret = 0, "another"
        await wecom.wait_for(lambda: state() == "refused")
        assert here.channel.lease.held.is_set()
    assert state() == ""


async def test_who_comes_in_is_greeted_once_however_often_it_is_told(wecom: FakeWecomBot, database: Database) -> None:
    async with bench(database, wecom.url) as here:
        await wecom.wait_for(lambda: here.channel.connection.is_open)
        await wecom.enter("zhang", msgid="same")
        await wecom.enter("zhang", msgid="same")
        await wecom.wait_for(lambda: here.receipts)
        await wecom.hang_up(Hangup.RESET)
        await wecom.wait_for(lambda: wecom.count("subscribed") == 2 and here.channel.connection.is_open)
        await wecom.enter("zhang", msgid="same")
        await asyncio.sleep(0.2)
        assert [one.by for one in wecom.seen] == ["welcome"]


async def test_after_a_day_an_answer_is_a_message_of_its_own(wecom: FakeWecomBot, two: tuple[Bench, Bench]) -> None:
    """The leader answers a neighbour's question the day after tomorrow."""
    here, _there = two
    for callback in wecom._callbacks.values():
        callback.at -= 86_401
    answer = outgoing("zhang", "周六到货", reply_to=here.came[0].message_id)
    assert (await here.channel.sender.send(answer)).outcome is Outcome.SENT
    assert [(one.by, one.text) for one in wecom.seen] == [("send", "周六到货")]
