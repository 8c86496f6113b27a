"""From a channel to the gateway: the order of a conversation, what a crash leaves, what is only heard."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import col, select

from bot import pump as module
from bot.courier import Courier
from bot.hearing import Hearing
from bot.pump import Pump
from engagement.checkin.tables import Checkin
from engagement.kernel import Event, Incoming, Kind, Outcome, Outgoing, Receipt
from scheduler.gate import no_gate
from storage import inbox
from storage.engine import Session
from storage.groups import GroupHour, Member
from storage.inbox import Inbox
from storage.outbox import Outbox
from tests.bot.house import NOW, House
from tests.storage.worlds import waiting


class Heard:
    """A channel's sending half that takes everything and remembers it."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []

    async def send(self, message: Outgoing) -> Receipt:
        self.sent.append(message)
        return Receipt(Outcome.SENT, provider_id=f"p{len(self.sent)}")


def a_pump(house: House, sender: object = None) -> Pump:
    senders: dict[str, Any] = {"play": sender or Heard()}
    return Pump(house.gateway, Courier(house.database, senders, no_gate(), house.clock))


def test_in_order_within_a_conversation(house: House) -> None:
    sender = Heard()
    pump = a_pump(house, sender)
    messages = [house.incoming("探针", f"u{n}", conversation=f"g{n % 3}") for n in range(60)]

    async def main() -> None:
        for message in messages:
            assert await pump.receive(message)
        await pump.drain()

    asyncio.run(main())
    for group in ("g0", "g1", "g2"):
        answered = [m.reply_to for m in sender.sent if m.conversation == group]
        assert answered == [m.message_id for m in messages if m.conversation == group]
    assert house.probe.calls == 60


def test_durable_before_it_is_acknowledged(house: House) -> None:
    pump = a_pump(house)

    async def main() -> None:
        message = house.incoming("签到")
        assert await pump.receive(message)
        assert house.count(inbox.Inbox) == 1
        assert not await pump.receive(message), "a redelivery is acknowledged and does nothing"
        await pump.drain()

    asyncio.run(main())
    assert house.count(Checkin) == 1
    assert house.count(Outbox) == 1


def test_what_a_crash_left_is_handled_once(house: House) -> None:
    """Received and acknowledged, then the process died; the next one handles it, and a redelivery changes nothing."""
    messages = [house.incoming("签到", f"u{n}") for n in range(5)]

    async def before() -> None:
        for message in messages:
            await house.gateway.accept(message)
        row = house.database.read_now(waiting)[0][0]
        await house.gateway.handle(row, messages[0])

    sender = Heard()
    pump = a_pump(house, sender)

    async def after() -> None:
        assert await pump.resume() == 4
        assert not await pump.receive(messages[2])
        await pump.drain()
        assert await pump.resume() == 0

    asyncio.run(before())
    assert house.database.read_now(waiting) != []
    asyncio.run(after())
    assert house.database.read_now(waiting) == []
    assert house.count(Checkin) == 5
    assert [m.reply_to for m in sender.sent] == [m.message_id for m in messages[1:]]


def test_only_what_can_be_answered_here_is_taken_and_what_is_under_way_is_left_alone(house: House) -> None:
    pump = a_pump(house)
    seen: list[int] = []

    async def main() -> None:
        await house.gateway.accept(house.incoming("签到"))
        await house.gateway.accept(house.incoming("签到", channel="elsewhere"))
        assert await pump.resume(channels={"play"}) == 1
        seen.append(await pump.resume(channels={"play"}))
        await pump.drain()
        assert await pump.take_over("play") == 0
        assert await pump.take_over("elsewhere") == 1
        await pump.drain()

    asyncio.run(main())
    assert seen == [0]
    assert house.database.read_now(waiting) == []


def test_every_kind_of_event_survives_the_row(house: House) -> None:
    """What is read back from the row is what was received."""
    full = house.incoming(
        "话", thread="t", reply_to="b1", addressed=True, group_name="g", zone="Asia/Urumqi", sender_is_admin=False,
        can_read=False, account="bot2", occurred_at=NOW - timedelta(hours=3),
    )  # fmt: skip
    bare = house.incoming("", "", event=Event.JOIN, subject="u2", subject_name="名", invited_by="u3")
    moved = house.incoming(event=Event.MIGRATED, new_id="-100")
    for one in (full, bare, moved, house.incoming(button="probe:1", private=True)):
        assert Incoming.load(one.dump()) == one


def test_it_comes_back_when_the_database_was_down(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMES_BACK_AFTER", 0.01)
    sender = Heard()
    pump = a_pump(house, sender)
    down = [True, True]
    right = type(house.database).write

    async def write(self: Any, fn: Any) -> Any:
        if down:
            down.pop()
            raise OperationalError("x", {}, OSError())
        return await right(self, fn)

    async def main() -> None:
        message = house.incoming("签到")
        row = await house.gateway.accept(message)
        assert row is not None
        monkeypatch.setattr(type(house.database), "write", write)
        pump._begin(row, message)
        await pump.drain()

    asyncio.run(main())
    assert [m.key for m in sender.sent] == ["checkin.first"]


def test_it_does_not_come_back_for_ever(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMES_BACK_AFTER", 0.0)
    monkeypatch.setattr(module, "COMES_BACK", 2)
    pump = a_pump(house)

    async def write(self: Any, fn: Any) -> Any:
        raise OperationalError("x", {}, OSError())

    async def main() -> None:
        message = house.incoming("签到")
        row = await house.gateway.accept(message)
        assert row is not None
        with monkeypatch.context() as down:
            down.setattr(type(house.database), "write", write)
            pump._begin(row, message)
            await pump.drain()
        assert house.database.read_now(waiting) == [(row, message.dump())]

    asyncio.run(main())


def test_turns_on_a_database_with_many_writers(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """There the order is kept by a lock per conversation; locks of quiet conversations are let go."""
    pump = a_pump(house)
    house.database.dialect = "postgresql"
    order: list[str] = []

    async def handle(row: int, incoming: Incoming) -> Any:
        from bot.gateway import Handled

        await asyncio.sleep(0.002 if incoming.text == "1" else 0)
        order.append(f"{incoming.conversation}:{incoming.text}")
        return Handled("done")

    monkeypatch.setattr(pump.gateway, "handle", handle)

    async def main() -> None:
        for number in ("1", "2", "3"):
            for group in ("a", "b"):
                pump._begin(1, house.incoming(number, conversation=group))
        await pump.drain()
        assert [one for one in order if one[0] == "a"] == ["a:1", "a:2", "a:3"]
        assert not pump._turn, "nobody waits"
        first, then = pump._turn_of("a"), asyncio.Event()

        async def second() -> None:
            async with pump._turn_of("a"):
                then.set()

        async with first:
            waits = asyncio.create_task(second())
            await asyncio.sleep(0)
        # Let go, and the next one not yet awake: a third must not pass by it.
        assert pump._turn_of("a") is first
        await waits
        assert then.is_set()

    asyncio.run(main())
    house.database.dialect = "sqlite"


def test_receiving_waits_while_too_much_is_in_work(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_AT_ONCE", 3)
    pump, go = a_pump(house), asyncio.Event()

    async def handle(row: int, incoming: Incoming) -> Any:
        from bot.gateway import Handled

        await go.wait()
        return Handled("done")

    monkeypatch.setattr(pump.gateway, "handle", handle)

    async def main() -> None:
        first = house.incoming("探针", "u0")
        taken = [asyncio.create_task(pump.receive(house.incoming("探针", f"u{n}"))) for n in range(1, 5)]
        assert await pump.receive(first)
        assert await asyncio.gather(*taken[:2]) == [True] * 2
        await asyncio.sleep(0.05)
        assert (len(pump._tasks), [one.done() for one in taken[2:]]) == (3, [False, False])
        go.set()
        assert await asyncio.gather(*taken) == [True] * 4
        for _ in range(5):
            assert not await pump.receive(first), "what came before takes no place"
        await pump.drain()
        assert not pump._room.locked()

    asyncio.run(main())


def test_what_another_version_received_stops_nobody(house: House) -> None:
    sender = Heard()
    pump = a_pump(house, sender)

    async def main() -> int:
        for who in ("u1", "u2"):
            await house.gateway.accept(house.incoming("探针", who))

        def spoil(session: Session) -> None:
            row = session.exec(select(Inbox).order_by(col(Inbox.id))).first()
            assert row is not None
            row.body = row.body[:-1] + ',"newer_field":1}'

        await house.database.write(spoil)
        begun = await pump.resume()
        await pump.drain()
        return begun

    asyncio.run(main())
    assert house.probe.calls == 1
    states = house.database.read_now(lambda s: list(s.exec(select(Inbox.state).order_by(col(Inbox.id)))))
    assert states == ["dead", "done"]


# ---------------------------------------------------------------- what is only heard


def hours(house: House) -> list[tuple[int, int, int]]:
    return house.database.read_now(
        lambda s: [
            (r.group_id, r.hour.hour, r.messages)
            for r in s.exec(select(GroupHour).order_by(col(GroupHour.group_id), col(GroupHour.hour)))
        ]
    )


def test_what_is_heard_is_counted_by_the_hour(house: House) -> None:
    pump = a_pump(house)
    house.tell("签到")
    house.tell("签到", conversation="g2")

    async def talk(times: int, **more: Any) -> None:
        for _ in range(times):
            assert not await pump.receive(house.incoming("聊天", **more))

    async def main() -> None:
        await pump.flush()
        await talk(3)
        await talk(2, conversation="g2")
        await talk(4, conversation="unknown")
        await pump.flush()
        house.clock.set(NOW + timedelta(minutes=59))
        await talk(2)
        house.clock.set(NOW + timedelta(minutes=60))
        await talk(1)
        await pump.drain()

    asyncio.run(main())
    assert hours(house) == [(1, 1, 5), (1, 2, 1), (2, 1, 2)]


def test_a_flush_that_fails_keeps_its_counters(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be written is written with the next."""
    house.tell("签到")
    pump = a_pump(house)

    async def broken(self: Any, fn: Any) -> Any:
        raise OperationalError("x", {}, OSError())

    async def main() -> None:
        await pump.receive(house.incoming("聊天"))
        with monkeypatch.context() as down:
            down.setattr(type(house.database), "write", broken)
            with pytest.raises(OperationalError):
                await pump.flush()
            await pump.receive(house.incoming("聊天"))
        await pump.flush()
        await pump.flush()

    asyncio.run(main())
    assert hours(house) == [(1, 1, 2)]


def test_nothing_heard_is_nothing_to_write() -> None:
    assert not Hearing()


def test_reactions_do_not_wait_in_line(house: House) -> None:
    sender = Heard()
    pump = a_pump(house, sender)
    house.tell("签到")
    house.clock.set(NOW + timedelta(days=1))

    async def main() -> None:
        await pump.receive(house.incoming("签到"))
        await pump.receive(house.incoming("积分"))
        await pump.drain()

    asyncio.run(main())
    assert {m.kind for m in sender.sent} == {Kind.REACTION, Kind.REPLY}


def test_who_only_ever_stamps_is_there_and_leaves_no_trace_of_what(house: House) -> None:
    """
    李阿姨：签到（周一）
    李阿姨：给团团的话点了个 👍（周三）     → 周三还在；什么都没存
    """
    house.tell("签到")
    house.clock.set(NOW + timedelta(days=2))
    pump = a_pump(house)
    rows = house.counts()

    async def main() -> None:
        assert not await pump.receive(house.incoming("", event=Event.REACTION))
        assert not await pump.receive(house.incoming("", "u7", event=Event.REACTION))
        await pump.keep_seen()
        await pump.drain()

    asyncio.run(main())
    seen = house.database.read_now(lambda s: [member.last_seen for member in s.exec(select(Member))])
    assert seen == [(NOW + timedelta(days=2)).date()]
    assert house.counts() == rows, "no event, and nobody is made a member by it"
