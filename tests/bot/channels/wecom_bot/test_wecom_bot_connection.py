"""The long connection to WeCom: six ways to lose it, a second one that takes its place, a slow line; nothing doubled or lost."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from bot.channels.wecom_bot.connection import CutOff, End, NotSent
from bot.channels.wecom_bot.lease import Lease
from engagement.clocks import SystemClock
from engagement.kernel import Kind, Outcome
from storage.engine import Database
from tests.platforms.wecom_bot import FakeWecomBot, Hangup
from tests.platforms.wecom_bot.bench import Bench, bench, outgoing


async def test_it_subscribes_and_gives_signs_of_life(wecom: FakeWecomBot, database: Database) -> None:
    wecom.patience = 0.6
    async with bench(database, wecom.url):
        await wecom.wait_for(lambda: wecom.count("ping") >= 5)
        assert (wecom.count("subscribed"), wecom.count("no sign of life"), wecom.count("not subscribed")) == (1, 0, 0)


@pytest.mark.parametrize("how", list(Hangup))
async def test_after_every_end_it_comes_back_and_answers_once(
    wecom: FakeWecomBot, database: Database, how: Hangup
) -> None:
    async with bench(database, wecom.url) as here:
        for turn in range(3):
            await wecom.wait_for(lambda wanted=turn: wecom.count("subscribed") > wanted)  # type: ignore[misc]
            await wecom.wait_for(lambda: here.channel.connection.is_open and wecom.live)
            await wecom.say("zhang", f"第{turn}句")
            if turn % 2:
                await wecom.wait_for(lambda wanted=turn: len(here.came) > wanted)  # type: ignore[misc]
            else:
                await wecom.wait_for(lambda wanted=turn: len(wecom.seen) > wanted)  # type: ignore[misc]
            await wecom.hang_up(how)
        await wecom.wait_for(lambda: wecom.count("subscribed") == 4 and len(here.receipts) == 3)
        assert sorted(wecom.shown("zhang")) == [f"好的：第{turn}句" for turn in range(3)]
        assert all(one.finished for one in wecom.seen) and wecom.most_live == 1
        assert [receipt.outcome for receipt in here.receipts] == [Outcome.SENT] * 3
        expected = {
            Hangup.SILENCE: {End.SILENT},
            Hangup.GONE: {End.SILENT},
            Hangup.AWAY: {End.CLOSED, End.UNREACHABLE},
        }.get(how, {End.CLOSED})
        assert set(here.channel.connection.ends) == expected


async def test_an_answer_whose_receipt_was_cut_off_stands_there_once(wecom: FakeWecomBot, database: Database) -> None:
    """张: 签到 → (written, the line is cut before the platform says yes) → 好的：签到, once."""
    async with bench(database, wecom.url) as here:
        await wecom.wait_for(lambda: here.channel.connection.is_open)
        wecom.lose_answers = 1
        await wecom.say("zhang", "签到")
        await wecom.wait_for(lambda: here.receipts)
        assert wecom.shown("zhang") == ["好的：签到"]
        assert wecom.count("lost") == 1 and here.receipts[0].outcome is Outcome.SENT


async def test_a_push_whose_receipt_was_cut_off_is_unknown_and_not_repeated(
    wecom: FakeWecomBot, database: Database
) -> None:
    async with bench(database, wecom.url) as here:
        here.answer = lambda _: None
        await wecom.wait_for(lambda: here.channel.connection.is_open)
        await wecom.say("zhang", "在吗")
        wecom.lose_answers = 1
        receipt = await here.channel.sender.send(outgoing("zhang", "早上好", kind=Kind.PUSH))
        assert receipt.outcome is Outcome.UNKNOWN and wecom.shown("zhang") == ["早上好"]


async def test_what_comes_twice_counts_once(wecom: FakeWecomBot, database: Database) -> None:
    async with bench(database, wecom.url) as here:
        await wecom.wait_for(lambda: here.channel.connection.is_open)
        for _ in range(3):
            await wecom.say("zhang", "签到", msgid="same")
        await wecom.say("zhang", "积分")
        await wecom.wait_for(lambda: len(here.receipts) == 2)
        assert [one.text for one in here.came] == ["签到", "积分"]
        assert wecom.shown("zhang") == ["好的：签到", "好的：积分"]


async def test_what_the_database_does_not_take_is_kept_until_it_does(wecom: FakeWecomBot, database: Database) -> None:
    async with bench(database, wecom.url) as here:
        here.failing = 2
        await wecom.wait_for(lambda: here.channel.connection.is_open)
        await wecom.say("zhang", "一")
        await wecom.say("zhang", "二")
        await wecom.wait_for(lambda: len(here.receipts) == 2)
        assert [one.text for one in here.came] == ["一", "二"]


async def test_who_is_kicked_stands_aside_and_does_not_fight(wecom: FakeWecomBot, database: Database) -> None:
    async with bench(database, wecom.url) as here:
        await wecom.wait_for(lambda: here.channel.connection.is_open)
        stranger = await _stranger(wecom)
        await wecom.wait_for(lambda: here.channel.connection.ends)
        await asyncio.sleep(0.6)
        assert list(here.channel.connection.ends) == [End.KICKED]
        assert (wecom.count("subscribed"), wecom.count("kicked"), wecom.most_live) == (2, 1, 1)
        assert here.channel.lease.held.is_set(), "so that no replica of ours begins the fight in its place"
        receipt = await _soon(here.channel.sender.send(outgoing("zhang", "早上好", kind=Kind.PUSH)))
        assert receipt is not None and (receipt.outcome, receipt.reason) == (Outcome.RETRY, "not_connected")
        assert await _soon(here.channel.sender.send(outgoing("zhang", "好的"))) is None, "an answer waits a while"
        assert not wecom.seen
        await stranger.close()


async def test_after_standing_aside_it_looks_again(wecom: FakeWecomBot, database: Database) -> None:
    async with bench(database, wecom.url, stand_by=0.3) as here:
        await wecom.wait_for(lambda: here.channel.connection.is_open)
        stranger = await _stranger(wecom)
        await wecom.wait_for(lambda: here.channel.connection.ends)
        await stranger.close()
        await wecom.wait_for(lambda: here.channel.connection.is_open)
        assert wecom.count("kicked") == 1


async def test_of_two_replicas_one_is_connected_and_the_other_takes_over(
    wecom: FakeWecomBot, database: Database
) -> None:
    async with (
        bench(database, wecom.url, "second", lease=1.0) as second,
        bench(database, wecom.url, "first", lease=1.0) as first,
    ):
        await wecom.wait_for(lambda: wecom.live)
        await asyncio.sleep(1.2)
        assert [first.channel.lease.held.is_set(), second.channel.lease.held.is_set()].count(True) == 1
        assert (wecom.count("subscribed"), wecom.count("kicked")) == (1, 0)
        staying, leaving = (second, first) if first.channel.lease.held.is_set() else (first, second)
        await leaving.channel.close()
        await wecom.wait_for(lambda: staying.channel.connection.is_open)
        assert (wecom.count("subscribed"), wecom.count("kicked"), wecom.most_live) == (2, 0, 1)


async def test_when_one_is_killed_the_other_takes_over_within_the_leases_time(
    wecom: FakeWecomBot, database: Database
) -> None:
    async with (
        bench(database, wecom.url, "second", lease=1.2) as second,
        bench(database, wecom.url, "first", lease=1.2) as first,
    ):
        await wecom.wait_for(lambda: wecom.live)
        staying, killed = (second, first) if first.channel.lease.held.is_set() else (first, second)
        await wecom.say("zhang", "第一句")
        await wecom.wait_for(lambda: killed.receipts)
        loop = asyncio.get_running_loop()
        began = loop.time()
        _kill(killed)
        await wecom.wait_for(lambda: staying.channel.connection.is_open)
        assert loop.time() - began < 1.2 + 0.5, "half a second for a slow machine"
        await wecom.say("zhang", "第一句", msgid="msg1")
        await wecom.say("zhang", "第二句")
        await wecom.wait_for(lambda: staying.receipts)
        assert wecom.shown("zhang") == ["好的：第一句", "好的：第二句"] and wecom.most_live == 1


async def test_a_lease_is_taken_over_in_its_time_whenever_its_holder_is_killed(database: Database) -> None:
    async def taken_over(number: int) -> float:
        holder, waiting = (Lease(database, SystemClock(), f"bot-{number}", name, 1.2) for name in "ab")
        keeping = asyncio.create_task(holder.keep())
        await holder.held.wait()
        wanting = asyncio.create_task(waiting.keep())
        await asyncio.sleep(0.3 + 0.11 * number)
        assert holder.held.is_set() and not waiting.held.is_set()
        keeping.cancel()
        began = asyncio.get_running_loop().time()
        async with asyncio.timeout(5):
            await waiting.held.wait()
        lasted = asyncio.get_running_loop().time() - began
        wanting.cancel()
        await asyncio.gather(keeping, wanting, return_exceptions=True)
        return lasted

    lasted = await asyncio.gather(*(taken_over(number) for number in range(12)))
    assert max(lasted) < 1.2 + 0.3, "three tenths for a slow machine"


async def test_who_was_kicked_by_another_replica_is_there_when_the_lease_comes_back(
    wecom: FakeWecomBot, database: Database
) -> None:
    """A process was frozen, another took its place; when that one ends, nobody stands aside for a quarter of an hour."""
    async with bench(database, wecom.url, "frozen", lease=1.2) as frozen:
        await wecom.wait_for(lambda: frozen.channel.connection.is_open)
        other = Lease(database, Later(2.0), "bot-1", "other", 60.0)
        taking = asyncio.create_task(other.keep())
        stranger = await _stranger(wecom)
        await wecom.wait_for(lambda: frozen.channel.connection.is_elsewhere)
        assert list(frozen.channel.connection.ends) == [End.KICKED]
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        await other.let_go()
        await stranger.close()
        await wecom.wait_for(lambda: frozen.channel.connection.is_open, 5)


async def test_a_replica_whose_database_is_silent_gives_up_before_another_may_take_over(
    wecom: FakeWecomBot, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(database, wecom.url, lease=1.2) as here:
        await wecom.wait_for(lambda: here.channel.connection.is_open)

        async def silent(_what: object) -> None:
            await asyncio.sleep(60)

        loop = asyncio.get_running_loop()
        began = loop.time()
        monkeypatch.setattr(here.channel.lease._database, "write", silent)
        await wecom.wait_for(lambda: here.channel.connection.is_elsewhere, 5)
        assert loop.time() - began < 1.2 * 5 / 6, "the row runs out after five sixths"
        monkeypatch.undo()
        await wecom.wait_for(lambda: here.channel.connection.is_open, 5)


async def test_a_wrong_secret_is_not_tried_without_end(wecom: FakeWecomBot, database: Database) -> None:
    async with bench(database, wecom.url, secret="wrong") as here:
        await wecom.wait_for(lambda: here.channel.connection.ends)
        await asyncio.sleep(0.4)
        assert (list(here.channel.connection.ends), wecom.count("refused")) == ([End.REFUSED], 1)


async def test_on_a_slow_line_the_words_grow_and_end_once(
    wecom: FakeWecomBot, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """张: 怎么退款？ → 先… → 先看… → (the line is cut) → 先看订单页, one message that grew."""
    monkeypatch.setattr("bot.channels.wecom_bot.sender.DRAFT_SECONDS", 0.2)
    async with bench(database, wecom.url, timeout=3.0) as here:
        here.answer = lambda _: None
        await wecom.wait_for(lambda: here.channel.connection.is_open)
        wecom.delay = 0.1
        await wecom.say("zhang", "怎么退款？")
        await wecom.wait_for(lambda: here.came)
        asked = here.came[0].message_id
        for words in ("先", "先看", "先看订单"):
            await here.channel.sender.draft("zhang", 1, words, reply_to=asked)
            await asyncio.sleep(0.25)
        await wecom.hang_up(Hangup.RESET)
        await wecom.wait_for(lambda: wecom.count("subscribed") == 2 and here.channel.connection.is_open)
        receipt = await here.channel.sender.send(outgoing("zhang", "先看订单页", reply_to=asked))
        assert receipt.outcome is Outcome.SENT
        assert [(one.text, one.finished, one.frames) for one in wecom.seen] == [("先看订单页", True, 4)]


async def test_a_draft_given_up_halfway_does_not_spoil_the_answers_receipt(
    wecom: FakeWecomBot, database: Database
) -> None:
    async with bench(database, wecom.url, timeout=3.0) as here:
        here.answer = lambda _: None
        await wecom.wait_for(lambda: here.channel.connection.is_open)
        await wecom.say("zhang", "问题")
        await wecom.wait_for(lambda: here.came)
        asked = here.came[0].message_id
        wecom.delay = 0.3
        assert await _soon(here.channel.sender.draft("zhang", 1, "想", reply_to=asked), 0.1) is None
        first = await here.channel.sender.send(outgoing("zhang", "想好了", reply_to=asked))
        assert (first.outcome, wecom.shown("zhang"), wecom.seen[0].finished) == (Outcome.SENT, ["想好了"], True)


async def test_without_a_connection_nothing_goes_out_and_it_is_said(database: Database) -> None:
    async with bench(database, "ws://127.0.0.1:9") as here:
        with pytest.raises(NotSent):
            await here.channel.connection.ask("aibot_send_msg", {})
        assert not isinstance(NotSent(), CutOff)


async def _stranger(wecom: FakeWecomBot):  # type: ignore[no-untyped-def]
    """Somebody else connects as the same bot."""
    import json

    from websockets.asyncio.client import connect

    socket = await connect(wecom.url, ping_interval=None, close_timeout=0.2)
    body = {"bot_id": wecom.bot_id, "secret": wecom.secret}
    await socket.send(json.dumps({"cmd": "aibot_subscribe", "headers": {"req_id": "x"}, "body": body}))
    await socket.recv()
    return socket


class Later(SystemClock):
    """The clock of a machine that is some seconds ahead."""

    def __init__(self, seconds: float) -> None:
        self._ahead = timedelta(seconds=seconds)

    def now(self) -> datetime:
        return super().now() + self._ahead


def _kill(one: Bench) -> None:
    """End a replica without a farewell: its lease stays, its line is cut."""
    for task in one.channel._tasks:
        task.cancel()
    socket = one.channel.connection._socket
    assert socket is not None
    socket.transport.abort()
    one.channel._tasks = []


async def _soon(work, seconds: float = 0.3):  # type: ignore[no-untyped-def]
    """Return what comes of it in time, else None."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        return None


async def test_where_another_replica_is_connected_nothing_is_waited_for(
    wecom: FakeWecomBot, database: Database
) -> None:
    async with bench(database, wecom.url, "first") as first:
        await wecom.wait_for(lambda: first.channel.connection.is_open)
        async with bench(database, wecom.url, "second") as second:
            receipt = await _soon(second.channel.sender.send(outgoing("zhang", "早上好", kind=Kind.PUSH)))
            assert receipt is not None and (receipt.outcome, receipt.reason) == (Outcome.RETRY, "not_here")
