"""Pushes to the AI bot: sent by the process with the connection alone, beside the engines of all others, each once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import text

from bot.long_line import LongLine
from bot.main import Program
from bot.rendering import Rendered
from engagement.kernel import Event, Incoming, in_words
from scheduler import heartbeats
from scheduler.delivery import Conduct, deliver
from storage import identities
from storage.engine import Database, Session
from tests.platforms.wecom_bot import FakeWecomBot, Hangup
from tests.platforms.wecom_bot.bench import settings
from tests.scheduler.community import MORNING, Phone, Town, database_at


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    database = database_at(tmp_path)
    yield Town(database)
    database.close()


@pytest.fixture
async def wecom() -> AsyncIterator[FakeWecomBot]:
    async with FakeWecomBot() as platform:
        yield platform


@asynccontextmanager
async def line(town: Town, url: str, me: str = "web:1", **more: Any) -> AsyncIterator[LongLine]:
    """A long line in a program of which there is no more than it needs."""

    class Pictures:
        folder = None

        async def __call__(self, message: Any) -> Any:
            return await in_words(message)

    came: list[Incoming] = []

    async def receive(incoming: Incoming) -> None:
        came.append(incoming)

    async def resume(channel: str) -> None:
        resumed.append(channel)

    async def take_over(channel: str, _doubt: object) -> None:
        taken.append(channel)

    resumed: list[str] = []
    taken: list[str] = []
    program = SimpleNamespace(
        settings=SimpleNamespace(wecom_bot=settings(url, **more)),
        pump=SimpleNamespace(receive=receive, take_over=resume),
        courier=SimpleNamespace(take_over=take_over),
        clock=town.clock,
        database=town.database,
        me=me,
        pictures=Pictures(),
        senders={},
        gateway=SimpleNamespace(drafts={}, ear=None),
        dispatcher=SimpleNamespace(sources={}),
        gate=town.gate,
        jobs=town.jobs,
    )
    opened = LongLine(cast(Program, program))
    town.came = came  # type: ignore[attr-defined]
    town.resumed, town.taken = resumed, taken  # type: ignore[attr-defined]
    await opened.start()
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.long_line.render", lambda message, _can: Rendered((str(message.values["title"]),)))
    monkeypatch.setattr("bot.long_line.LOOK_SECONDS", 0.05)


async def due(town: Town, wecom: FakeWecomBot, groups: int = 3) -> None:
    """Eight o'clock: something is due in groups of the AI bot, which have spoken, and in one of another channel."""
    town.add(groups, channel="wecom_bot", account="bot-1")
    town.add(1)
    await town.plan()
    town.clock.set(town.clock.now() + timedelta(hours=2, minutes=1))
    await town.plan()
    for number in range(groups):
        wecom._spoken.add(f"g{number}")


async def test_two_hosts_with_long_names_are_two(wecom: FakeWecomBot, town: Town) -> None:
    pod = "community-group-buying-assistant-web-7c9f8d6b5c-"
    async with line(town, wecom.url, f"{pod}x2k4q:1") as one:
        other = heartbeats.Pulse(
            town.database, town.clock, f"{heartbeats.ONE_CHANNEL}{heartbeats.name_of(f'{pod}m8z7w:1')}", "2"
        )
        await wecom.wait_for(lambda: one.me in _beating(town.database))
        await other.stop()
        assert one.me in _beating(town.database)
        assert one.me.rpartition("/")[0] != other.me.rpartition("/")[0]


async def test_what_is_due_goes_out_once_where_the_connection_is(wecom: FakeWecomBot, town: Town) -> None:
    await due(town, wecom)
    async with line(town, wecom.url) as here:
        await wecom.wait_for(lambda: len(wecom.seen) == 3)
        await asyncio.sleep(0.2)
        assert sorted(one.chat for one in wecom.seen) == ["g0", "g1", "g2"]
        states = {row.state: row.sender for row in town.deliveries() if row.group_id <= 3}
        assert states == {"sent": here.me}
    (other,) = [row for row in town.deliveries() if row.group_id == 4]
    assert (other.state, other.attempts) == ("pending", 0), "another channel's row is left to others"


async def test_two_replicas_and_an_engine_beside_them_send_each_once(wecom: FakeWecomBot, town: Town) -> None:
    """Only the replica with the connection sends; an engine anywhere leaves these rows alone and sends its own."""
    await due(town, wecom, groups=8)
    phone = Phone()
    senders = {"play": phone}
    async with AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(line(town, wecom.url, f"web:{n}", lease=3.0)) for n in (1, 2)]
        for shard in sorted({row.shard for row in town.deliveries()}):
            await deliver(shard, town.clock, senders, town.database, town.gate, town.jobs, Conduct(me="worker"))
        await wecom.wait_for(lambda: len(wecom.seen) == 8)
        await asyncio.sleep(0.3)
        holder = next(one for one in lines if one.channel.lease.held.is_set())
    assert sorted(one.chat for one in wecom.seen) == [f"g{number}" for number in range(8)]
    assert {row.sender for row in town.deliveries() if row.group_id <= 8} == {holder.me}
    assert [message.conversation for message in phone.sent] == ["g8"]


async def test_without_a_connection_what_is_due_waits_and_is_not_tried(wecom: FakeWecomBot, town: Town) -> None:
    await due(town, wecom)
    wecom.refuse_handshakes = 3
    async with line(town, wecom.url, first_pause=0.2):
        await wecom.wait_for(lambda: wecom.count("unavailable") >= 2)
        assert {(row.state, row.attempts) for row in town.deliveries()} == {("pending", 0)}
        await wecom.wait_for(lambda: len(wecom.seen) == 3)


async def test_a_line_that_breaks_among_pushes_doubles_none(wecom: FakeWecomBot, town: Town) -> None:
    await due(town, wecom, groups=30)
    wecom.delay = 0.01

    async def run() -> None:
        """Let the time go by, ten times as fast."""
        while True:
            await asyncio.sleep(0.1)
            town.clock.set(town.clock.now() + timedelta(seconds=1))

    async with line(town, wecom.url, timeout=2.0, lease=60.0):
        running = asyncio.create_task(run())
        for how in (Hangup.RESET, Hangup.CLOSE):
            seen = len(wecom.seen)
            await wecom.wait_for(lambda wanted=seen: len(wecom.seen) >= wanted + 5)  # type: ignore[misc]
            await wecom.hang_up(how)
            await wecom.wait_for(lambda: wecom.live)
        await wecom.wait_for(lambda: not _open(town), 30)
        running.cancel()
    states = {row.group_id - 1: row.state for row in town.deliveries() if row.group_id <= 30}
    chats = [one.chat for one in wecom.seen]
    resent = len(chats) - len(set(chats))
    assert set(states.values()) == {"sent"} and set(chats) == {f"g{number}" for number in states}
    assert resent <= 16, "a topic that was in flight when the line broke is said again (ADR-0004), no other"


async def test_who_gets_the_line_goes_on_with_what_another_one_left(
    wecom: FakeWecomBot, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was received is handled once each time the line comes to it; for what was left unsaid it looks all the time."""
    monkeypatch.setattr("bot.long_line.LEFT_SECONDS", 0.05)
    async with line(town, wecom.url, lease=60.0) as here:
        resumed: list[str] = town.resumed  # type: ignore[attr-defined]
        taken: list[str] = town.taken  # type: ignore[attr-defined]
        await wecom.wait_for(lambda: len(taken) >= 3)
        assert (set(taken), resumed) == ({"wecom_bot"}, ["wecom_bot"])
        here.channel.lease._note(mine=False)
        await wecom.wait_for(lambda: not here.channel.connection.is_open)
        here.channel.lease._note(mine=True)
        await wecom.wait_for(lambda: len(resumed) == 2)


async def test_it_is_not_taken_for_who_plans_and_drives(wecom: FakeWecomBot, town: Town) -> None:
    """A page that says whether pushes are being driven must not be told so by a process that has a connection."""
    await due(town, wecom)
    async with line(town, wecom.url) as here:
        await wecom.wait_for(lambda: len(wecom.seen) == 3)
        assert town.database.read_now(lambda session: heartbeats.alive(session, town.clock.now())) == set()
        assert here.me in _beating(town.database)
    assert _beating(town.database) == set(), "who ends in peace leaves nothing behind"


async def test_who_is_to_lead_a_group_leads_it_from_their_first_word(wecom: FakeWecomBot, town: Town) -> None:
    """
    张: @团团 在吗 → only that; 周, who is to lead, twice: once that the bot was added by them, before the first word;
    a group that has a leader keeps him.
    """
    town.add(1, channel="wecom_bot", account="bot-1", external_id="old")
    async with line(town, wecom.url, leaders="zhou, wang"):
        await wecom.wait_for(lambda: wecom.live)
        town.database.write_now(_lead)
        for who, where in (("zhang", "g1"), ("zhou", "g1"), ("zhou", "g1"), ("wang", "old"), ("zhou", "")):
            await wecom.say(who, "@团团 在吗", group=where)
        came: list[Incoming] = town.came  # type: ignore[attr-defined]
        await wecom.wait_for(lambda: len(came) == 6)
    assert [(one.event, one.sender) for one in came] == [
        (Event.MESSAGE, "zhang"),
        (Event.BOT_ADDED, "zhou"),
        (Event.MESSAGE, "zhou"),
        (Event.MESSAGE, "zhou"),
        (Event.MESSAGE, "wang"),
        (Event.MESSAGE, "zhou"),
    ]
    added = came[1]
    assert (added.sender_is_admin, added.text, added.message_id, added.conversation) == (True, "", "", "g1")
    assert added.dedupe_key == f"led:{came[2].dedupe_key}", "said again by the platform it is the same"


def _lead(session: Session) -> None:
    identities.meet(session, "wecom_bot", "li", "li", MORNING)
    known = identities.known(session, "wecom_bot", "li", 1)
    assert known is not None
    identities.enter(session, 1, known.person_id, "li", MORNING)
    session.execute(text("UPDATE member SET role = 'leader'"))


def _open(town: Town) -> list[int]:
    return [row.group_id for row in town.deliveries() if row.group_id <= 30 and row.state in ("pending", "sending")]


def _beating(database: Database) -> set[str]:
    from sqlmodel import select

    from storage.campaigns import Heartbeat

    return set(database.read_now(lambda session: session.exec(select(Heartbeat.executor)).all()))
