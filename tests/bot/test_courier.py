"""Answers on their way: in order, again when the platform asks to wait, given up when nobody needs them any more."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select
from structlog.testing import capture_logs

from bot import courier as module
from bot.courier import LEFT_AFTER, STALE_AFTER, TRIES, Courier
from bot.queued import Queued
from engagement.kernel import Card, Kind, Outcome, Outgoing, Place, Receipt
from scheduler.gate import RateGate, Rates, no_gate, open_gate
from storage import outbox
from storage.engine import Session
from storage.groups import Group
from storage.outbox import Outbox
from tests.bot.house import NOW, House


class Platform:
    """Answers each send with the next receipt that was laid out, then with SENT."""

    def __init__(self, *receipts: Receipt | Exception) -> None:
        self.receipts = list(receipts)
        self.sent: list[Outgoing] = []

    async def send(self, message: Outgoing) -> Receipt:
        self.sent.append(message)
        await asyncio.sleep(0)
        receipt = self.receipts.pop(0) if self.receipts else Receipt(Outcome.SENT, provider_id=f"p{len(self.sent)}")
        if isinstance(receipt, Exception):
            raise receipt
        return receipt


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BACKOFF_SECONDS", (0.001,) * TRIES)


def a_courier(house: House, platform: Platform | None, gate: RateGate | None = None) -> Courier:
    senders: dict[str, Any] = {} if platform is None else {"play": platform}
    return Courier(house.database, senders, gate or no_gate(), house.clock)


def message(house: House, number: int = 0, conversation: str = "g1", **more: Any) -> Queued:
    """A message that stands in the outbox."""
    fields: dict[str, Any] = {
        "kind": Kind.REPLY,
        "channel": "play",
        "account": "",
        "place": Place.GROUP,
        "conversation": conversation,
        "feature": "probe",
        "key": "members.kept",
        "values": {},
        **more,
    }
    one = Outgoing(**fields)

    def put(session: Session) -> int:
        return outbox.put(
            session, key=f"{number}:{conversation}", channel="play", account="", conversation=conversation,
            kind=one.kind.value, body=one.dump(), created_at=house.clock.now(),
        )  # fmt: skip

    return Queued(house.database.write_now(put), one)


def rows(house: House) -> list[tuple[str, str, str, int]]:
    return house.database.read_now(
        lambda s: [(r.state, r.body, r.reason, r.attempts) for r in s.exec(select(Outbox).order_by(col(Outbox.id)))]
    )


def send(house: House, platform: Platform | None, queued: Queued, gate: RateGate | None = None) -> Receipt:
    return asyncio.run(a_courier(house, platform, gate).send(queued))


def test_sent_recorded_and_known_when_it_is_quoted(house: House) -> None:
    assert send(house, Platform(), message(house, subject="topic:7")).outcome is Outcome.SENT
    assert rows(house) == [("sent", "", "", 0)]
    found = house.database.read_now(
        lambda s: outbox.subject_of(s, channel="play", account="", conversation="g1", provider_id="p1")
    )
    assert found == "topic:7"


def test_a_card_is_drawn_before_it_goes_out(house: House) -> None:
    """Once, though the platform asks to come again; what has no card is not shown to the illustrator."""
    platform, drawn = Platform(Receipt(Outcome.RETRY)), []

    async def illustrate(outgoing: Outgoing, /) -> Outgoing:
        drawn.append(outgoing)
        return replace(outgoing, picture="abc.png")

    courier = Courier(house.database, {"play": platform}, no_gate(), house.clock, illustrate)
    asyncio.run(courier.send(message(house, 1, card=Card("board"))))
    asyncio.run(courier.send(message(house, 2)))
    assert [one.picture for one in platform.sent] == ["abc.png", "abc.png", ""]
    assert len(drawn) == 1


class Away(RuntimeError):
    """The database does not answer."""


def fails(house: House, name: str, times: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the first writes of a kind fail; returns what names those that failed."""
    write, failed = house.database.write, list[str]()

    async def failing(act: Any) -> Any:
        called = getattr(act, "func", act).__qualname__
        if name in called and len(failed) < times:
            failed.append(called)
            raise Away
        return await write(act)

    monkeypatch.setattr(house.database, "write", failing)
    return failed


def test_what_was_said_is_written_down_though_the_disk_is_full_for_a_second(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or it would be said again after a restart."""
    queued, platform = message(house, 1), Platform()
    failed = fails(house, "together", 2, monkeypatch)
    assert send(house, platform, queued).outcome is Outcome.SENT
    assert len(failed) == 2
    assert rows(house) == [("sent", "", "", 0)]
    house.clock.set(NOW + timedelta(seconds=30))
    assert asyncio.run(a_courier(house, platform).resume()) == 0
    assert len(platform.sent) == 1


def test_a_wait_that_cannot_be_written_down_is_waited_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    queued, platform = message(house, 1), Platform(Receipt(Outcome.RETRY, retry_after=0.01, reason="network"))
    failed = fails(house, "postpone", 1, monkeypatch)
    assert send(house, platform, queued).outcome is Outcome.SENT
    assert (len(failed), len(platform.sent)) == (1, 2)


def test_an_answer_grows_old_from_when_it_was_written(house: House) -> None:
    """It has stood behind others for nine minutes: the platform may ask for one more, not for ten."""
    old = replace(message(house, 1), since=NOW - timedelta(minutes=9))
    asked = Receipt(Outcome.RETRY, retry_after=61, reason="set_up")
    assert send(house, Platform(asked), old) == Receipt(Outcome.REJECTED, reason="stale")
    assert [(state, why) for state, _, why, _ in rows(house)] == [("dropped", "stale")]


def test_what_another_version_wrote_stops_nobody(house: House) -> None:
    spoiled, other = message(house, 1), message(house, 2, "g2")

    def spoil(session: Session) -> None:
        row = session.get_one(Outbox, spoiled.outbox_id)
        row.body = row.body[:-1] + ',"newer_field":1}'

    house.database.write_now(spoil)
    house.clock.set(NOW + timedelta(seconds=5))
    platform = Platform()

    async def main() -> int:
        courier = a_courier(house, platform)
        posted = await courier.resume()
        await courier.drain()
        return posted

    assert asyncio.run(main()) == 1
    assert [one.conversation for one in platform.sent] == [other.message.conversation]
    assert [(state, why) for state, _, why, _ in rows(house)] == [("dropped", "unreadable"), ("sent", "")]


@pytest.mark.parametrize(
    ("receipt", "reason"),
    [
        (Receipt(Outcome.REJECTED, reason="too_long"), "too_long"),
        (Receipt(Outcome.GONE), "gone"),
        (Receipt(Outcome.UNKNOWN, reason="timeout"), "timeout"),
    ],
)
def test_what_the_platform_does_not_take_is_dropped(house: House, receipt: Receipt, reason: str) -> None:
    with capture_logs() as logs:
        assert send(house, Platform(receipt), message(house, subject="topic:7")) == receipt
    assert rows(house) == [("dropped", "", reason, 0)]
    assert [line["event"] for line in logs] == ["courier.not_sent"]


def test_a_channel_that_is_not_there(house: House) -> None:
    send(house, None, message(house))
    assert rows(house) == [("dropped", "", "no_channel", 0)]


def test_again_after_as_long_as_the_platform_says(house: House) -> None:
    platform = Platform(Receipt(Outcome.RETRY, retry_after=0.02), Receipt(Outcome.RETRY))

    async def main() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await a_courier(house, platform).send(message(house))
        return loop.time() - began

    assert asyncio.run(main()) >= 0.02
    assert len(platform.sent) == 3
    assert rows(house)[0][0::3] == ("sent", 2)
    until = house.database.read_now(lambda s: s.exec(select(Outbox.not_before)).one())
    assert until is not None
    assert until > NOW


def test_given_up_after_some_tries(house: House) -> None:
    platform = Platform(*[Receipt(Outcome.RETRY)] * 9)
    send(house, platform, message(house))
    assert len(platform.sent) == TRIES
    assert rows(house) == [("dropped", "", "too_many_tries", TRIES)]


def test_too_late_to_be_of_use(house: House) -> None:
    wait = STALE_AFTER.total_seconds() + 1
    platform = Platform(Receipt(Outcome.RETRY, retry_after=wait))
    assert send(house, platform, message(house)).reason == "stale"
    assert len(platform.sent) == 1
    assert rows(house) == [("dropped", "", "stale", 0)]


def test_half_of_a_long_message_is_known_when_it_is_quoted(house: House) -> None:
    """The platform wants the rest too late for it to be of use; its beginning stands in the chat."""
    wait = STALE_AFTER.total_seconds() + 1
    platform = Platform(Receipt(Outcome.RETRY, retry_after=wait, provider_id="p7"))
    assert send(house, platform, message(house, subject="topic:7")).provider_id == "p7"
    assert rows(house) == [("sent", "", "", 0)]
    found = house.database.read_now(
        lambda s: outbox.subject_of(s, channel="play", account="", conversation="g1", provider_id="p7")
    )
    assert found == "topic:7"


def test_a_group_that_moved_is_followed(house: House) -> None:
    house.tell("签到")
    platform = Platform(Receipt(Outcome.MIGRATED, new_id="-100g1"))
    send(house, platform, message(house))
    assert [m.conversation for m in platform.sent] == ["g1", "-100g1"]
    assert house.database.read_now(lambda s: s.exec(select(Group.external_id)).one()) == "-100g1"
    # A group that we do not know, and a private chat, which cannot move.
    send(house, Platform(Receipt(Outcome.MIGRATED, new_id="x")), message(house, conversation="unknown"))
    send(house, Platform(Receipt(Outcome.MIGRATED, new_id="y")), message(house, 5, "-100g1", place=Place.DM))
    assert house.database.read_now(lambda s: s.exec(select(Group.external_id)).one()) == "-100g1"


def test_a_group_that_moves_for_ever(house: House) -> None:
    platform = Platform(*[Receipt(Outcome.MIGRATED, new_id="g1")] * 9)
    send(house, platform, message(house))
    assert len(platform.sent) == TRIES
    assert rows(house)[-1][:3] == ("dropped", "", "migrated")


def test_order_within_a_conversation_side_by_side_across(house: House) -> None:
    platform = Platform(Receipt(Outcome.RETRY, retry_after=0.3))
    courier = a_courier(house, platform)

    async def main() -> None:
        for number in range(4):
            courier.post(message(house, number, reply_to=f"{number}"))
            courier.post(message(house, number, "g2", reply_to=f"{number}"))
        await courier.drain()
        courier.post(message(house, 9, kind=Kind.REACTION, key="", emoji="👍"))
        courier.post(message(house, 10, reply_to="later"))
        await courier.drain()

    asyncio.run(main())
    taken = [m for m in platform.sent[1:] if m.kind is Kind.REPLY]
    assert [m.reply_to for m in taken if m.conversation == "g1"] == ["0", "1", "2", "3", "later"]
    assert [m.reply_to for m in taken if m.conversation == "g2"] == ["0", "1", "2", "3"]
    order = [m.conversation for m in platform.sent if m.kind is Kind.REPLY]
    assert order[:5].count("g2") > order[:5].count("g1"), "a conversation that waits does not hold the others"
    assert {row[0] for row in rows(house)} == {"sent"}


def test_a_channel_with_a_bug_does_not_stop_the_lane(house: House) -> None:
    platform = Platform(ZeroDivisionError("李阿姨"), ZeroDivisionError())
    courier = a_courier(house, platform)

    async def main() -> None:
        courier.post(message(house, 1))
        courier.post(message(house, 2, kind=Kind.REACTION, key="", emoji="👍"))
        courier.post(message(house, 3))
        await courier.drain()

    with capture_logs() as logs:
        asyncio.run(main())
    assert sorted(row[0] for row in rows(house)) == ["pending", "pending", "sent"]
    bugs = [line for line in logs if line["event"] == "courier.bug"]
    assert {line["kind"] for line in bugs} == {"ZeroDivisionError"}
    assert "李阿姨" not in str(logs)


def test_what_an_earlier_process_left(house: House) -> None:
    message(house, 1, reply_to="too old")
    house.clock.set(NOW + STALE_AFTER)
    message(house, 2, reply_to="first")
    message(house, 3, reply_to="second")
    empty = message(house, 4)
    house.change(Outbox, empty.outbox_id, body="")
    house.clock.set(NOW + STALE_AFTER + timedelta(seconds=1))
    platform = Platform()
    courier = a_courier(house, platform)

    async def main() -> None:
        assert await courier.resume() == 2
        await courier.drain()
        assert await courier.resume() == 0

    asyncio.run(main())
    assert [m.reply_to for m in platform.sent] == ["first", "second"]
    assert [row[0::2] for row in rows(house)] == [
        ("dropped", "stale"),
        ("sent", ""),
        ("sent", ""),
        ("dropped", "stale"),
    ]


def test_a_restart_waits_as_long_as_the_platform_said(house: House) -> None:
    """And what stands behind it in its conversation does not overtake it."""
    platform = Platform()
    first, behind = message(house, 1, reply_to="first"), message(house, 2, reply_to="second")
    other = message(house, 3, conversation="g2", reply_to="other")
    later = NOW + timedelta(seconds=120)
    house.database.write_now(lambda s: outbox.postpone(s, first.outbox_id, later))

    async def main() -> None:
        after = a_courier(house, platform)
        assert await after.resume() == 1
        await after.drain()
        assert [m.reply_to for m in platform.sent] == ["other"]
        house.clock.set(later)
        assert await after.resume() == 2
        await after.drain()

    asyncio.run(main())
    assert [m.reply_to for m in platform.sent] == ["other", "first", "second"]
    assert [row[0] for row in rows(house)] == ["sent"] * 3 and behind.outbox_id < other.outbox_id


def test_the_gate_holds_answers_back(house: House) -> None:
    """Twenty a minute to a group: the first ones go at once, what waits is in the gate's books."""
    platform = Platform(Receipt(Outcome.RETRY, retry_after=0.01))
    gate = open_gate(house.database, {"play": Rates(100.0, 6000.0)})
    assert send(house, platform, message(house), gate).outcome is Outcome.SENT
    assert (
        send(house, platform, message(house, 2, kind=Kind.REACTION, key="", emoji="👍"), gate).outcome is Outcome.SENT
    )


class Line(Platform):
    """A platform that takes one connection; this process may not have it."""

    here = True

    async def send(self, message: Outgoing) -> Receipt:
        return await super().send(message) if self.here else Receipt(Outcome.RETRY, reason=outbox.NOT_HERE)


def beside(house: House, platform: Platform | None) -> Courier:
    senders: dict[str, Any] = {} if platform is None else {"play": platform}
    return Courier(house.database, senders, no_gate(), house.clock, apart={"play"})


@pytest.mark.parametrize("knows", [True, False])
def test_what_another_process_may_say_is_left_to_it_and_said_once(house: House, knows: bool) -> None:
    """A page is used in a process that is not connected, or does not know the channel at all: who is connected says it."""
    line = Line()
    doubted: list[Outgoing] = []
    away = Line() if knows else None
    if away is not None:
        away.here = False

    async def main() -> None:
        left, connected = beside(house, away), beside(house, line)
        left.post(message(house, 1))
        await left.drain()
        assert rows(house)[0][0] == "pending" and rows(house)[0][3] == 0
        assert await connected.take_over("play", doubted.append) == 0, (
            "a moment ago: who wrote it may be about to say it"
        )
        house.clock.set(house.clock.now() + LEFT_AFTER)
        assert await connected.take_over("play", doubted.append) == 1
        assert await connected.take_over("play", doubted.append) == 0, "it is under way"
        await connected.drain()
        assert await connected.take_over("play", doubted.append) == 0

    asyncio.run(main())
    assert len(line.sent) == len(doubted) == 1 and rows(house)[0][0] == "sent"


def test_who_left_something_and_becomes_connected_says_it(house: House) -> None:
    line = Line()
    line.here = False

    async def main() -> None:
        courier = beside(house, line)
        courier.post(message(house, 1))
        await courier.drain()
        line.here = True
        house.clock.set(house.clock.now() + LEFT_AFTER)
        assert await courier.take_over("play", lambda _: None) == 1
        await courier.drain()

    asyncio.run(main())
    assert len(line.sent) == 1 and rows(house)[0][0] == "sent"


def test_a_start_leaves_alone_what_the_connected_process_may_be_saying(house: House) -> None:
    line = Line()
    message(house, 1)

    async def main() -> None:
        courier = beside(house, line)
        assert await courier.resume() == 0
        house.clock.set(house.clock.now() + STALE_AFTER + timedelta(seconds=1))
        assert await courier.resume() == 0
        await courier.drain()

    asyncio.run(main())
    assert not line.sent and rows(house) == [("dropped", "", "stale", 0)], "nobody needs it any more"


def test_what_is_posted_twice_goes_out_once(house: House) -> None:
    platform = Platform()

    async def main() -> None:
        courier = a_courier(house, platform)
        one = message(house, 1)
        courier.post(one)
        courier.post(one)
        await courier.drain()
        courier.post(one)
        await courier.drain()

    asyncio.run(main())
    assert len(platform.sent) == 1
