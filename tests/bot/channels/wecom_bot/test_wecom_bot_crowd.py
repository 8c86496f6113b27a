"""Many people and one AI bot: a line that keeps breaking under many messages, and more than the platform takes in a minute."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from datetime import timedelta
from types import SimpleNamespace

import pytest
from websockets.exceptions import ConnectionClosed

from engagement.clocks import SystemClock
from engagement.kernel import Kind, Outcome, Receipt
from storage.engine import Database
from tests.full import FULL
from tests.platforms.wecom_bot import FakeWecomBot, Hangup
from tests.platforms.wecom_bot.bench import Bench, bench, outgoing

pytestmark = pytest.mark.untraced

MESSAGES, REPEATS = (2000 if FULL else 500), 0.3
BREAKS = 20


async def test_many_messages_over_a_line_that_keeps_breaking(wecom: FakeWecomBot, database: Database) -> None:
    """Three in ten are repeated, the line breaks in six ways, answers lose their receipts: each is answered, and once."""
    wecom.per_minute = wecom.per_hour = 100_000
    rng = random.Random(11)
    wanted = [f"m{number}" for number in range(round(MESSAGES * (1 - REPEATS)))]
    line = wanted + rng.choices(wanted, k=MESSAGES - len(wanted))
    rng.shuffle(line)
    breaks = [Hangup.CLOSE, Hangup.RESET, Hangup.ERROR, Hangup.AWAY] * 4 + [Hangup.SILENCE, Hangup.GONE]
    rng.shuffle(breaks)
    async with bench(database, wecom.url, per_minute=10_000, per_hour=100_000) as here:
        for number, one in enumerate(line):
            await say(wecom, here, one)
            often, at = divmod(number + 1, MESSAGES // BREAKS)
            if not at and breaks:
                # In the midst of it: some have been said and not heard, some answered and not yet confirmed.
                wecom.lose_answers = (often - 1) % 2
                await broken(wecom, here, breaks.pop())
        while missing := sorted(set(wanted) - {incoming.text for incoming in here.came}):
            # What was under way when the line broke is what a platform says once more.
            for one in missing:
                await say(wecom, here, one)
            await asyncio.sleep(0.2)
        await wecom.wait_for(lambda: len(here.receipts) == len(wanted), 30)
        answered = Counter(one.text for one in wecom.seen)
        assert Counter(incoming.text for incoming in here.came) == Counter(wanted), "each was taken in once"
        assert answered == Counter(f"好的：{one}" for one in wanted), "nothing lost, nothing doubled"
        assert Counter(receipt.outcome for receipt in here.receipts) == {Outcome.SENT: len(wanted)}
        assert all(one.finished for one in wecom.seen)
        assert wecom.most_live == 1 and len(here.channel.connection.ends) >= 18


async def say(wecom: FakeWecomBot, here: Bench, number: str) -> None:
    """Say something, whose number and words are one; what is said into a breaking line is gone."""
    await wecom.wait_for(lambda: here.channel.connection.is_open and wecom.live, 20)
    try:
        await wecom.say(f"u{int(number[1:]) % 40}", number, msgid=number)
    except ConnectionClosed:
        return


async def broken(wecom: FakeWecomBot, here: Bench, how: Hangup) -> None:
    """Break the line, and wait until it is noticed."""
    ends = len(here.channel.connection.ends)
    if wecom.live is not None:
        await wecom.hang_up(how)
    await wecom.wait_for(lambda: len(here.channel.connection.ends) > ends, 20)


async def test_a_burst_above_the_limit_arrives_whole_in_time_and_in_order(
    wecom: FakeWecomBot, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """75 messages at once into one chat that takes 30 a minute, while others wait for nothing; the platform never says no."""
    passed = 0.0
    async with bench(database, wecom.url, ping=30.0, timeout=3.0) as here:
        here.answer = lambda _: None
        await wecom.wait_for(lambda: here.channel.connection.is_open)
        for one in ("zhang", "li"):
            await wecom.say(one, "在吗")
        await wecom.wait_for(lambda: len(here.came) == 2)
        base, clock = time.monotonic, SystemClock()
        budget = here.channel.sender._budget
        monkeypatch.setattr(budget, "_clock", SimpleNamespace(now=lambda: clock.now() + timedelta(seconds=passed)))
        monkeypatch.setattr("tests.platforms.wecom_bot.server.time.monotonic", lambda: base() + passed)

        async def sent(text: str) -> Receipt:
            return await here.channel.sender.send(outgoing("zhang", text, kind=Kind.PUSH))

        waits: list[float] = []
        for number in range(75):
            receipt = await sent(str(number))
            while receipt.outcome is Outcome.RETRY:
                waits.append(receipt.retry_after)
                other = await here.channel.sender.send(outgoing("li", f"{number}", kind=Kind.PUSH))
                assert other.outcome is Outcome.SENT, "another chat has room of its own"
                passed += receipt.retry_after + 0.001
                receipt = await sent(str(number))
            assert receipt.outcome is Outcome.SENT
        assert wecom.shown("zhang") == [str(number) for number in range(75)]
        assert wecom.count("too many") == 0
        # One wait a minute; what was sent a little slower in the minute before may cost another moment.
        assert len([wait for wait in waits if wait > 10.0]) == 2 and 118 < passed < 130


async def test_what_the_platform_counts_otherwise_waits_as_well(wecom: FakeWecomBot, database: Database) -> None:
    """The platform says no earlier than we count: the message waits a minute, and is not lost."""
    wecom.per_minute = 3
    async with bench(database, wecom.url) as here:
        here.answer = lambda _: None
        await wecom.wait_for(lambda: here.channel.connection.is_open)
        await wecom.say("zhang", "在吗")
        await wecom.wait_for(lambda: here.came)
        receipts = [
            await here.channel.sender.send(outgoing("zhang", f"{number}", kind=Kind.PUSH)) for number in range(4)
        ]
        assert [one.outcome for one in receipts] == [Outcome.SENT] * 3 + [Outcome.RETRY]
        assert (receipts[-1].reason, receipts[-1].retry_after) == ("too_many", 60.0)
