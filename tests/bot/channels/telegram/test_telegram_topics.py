"""What a chat does not take: topics that are gone or closed, rights that are missing, stamps that are not allowed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.channels.telegram.channel import TelegramSender, TelegramSettings, build_bot
from bot.channels.telegram.troubles import Troubles
from bot.rendering import Rendered
from engagement.clocks import SetClock
from engagement.kernel import Event, Incoming, Kind, Outcome, Outgoing, Place, Receipt
from prompts.cards import draw
from tests.platforms.telegram import FakeTelegram, answer

GROUP = -1001
NOW = datetime(2026, 9, 1, 4, 0, tzinfo=UTC)


def message(kind: Kind = Kind.PUSH, conversation: int = GROUP, **more: Any) -> Outgoing:
    place = Place.GROUP if conversation < 0 else Place.DM
    return Outgoing(kind, "telegram", "1", place, str(conversation), "demo", "demo.text", {}, **more)


class Bench:
    """A sender, and what it tells of troubles."""

    def __init__(self, telegram: FakeTelegram, pictures: Path) -> None:
        settings = TelegramSettings.model_validate({"token": "1:test", "base_url": telegram.url})
        self.bot = build_bot(settings)
        self.pictures = pictures
        self.told: list[tuple[str, str]] = []
        self.sender = TelegramSender(self.bot, lambda _: Rendered(("早呀",), False, ()), pictures, self._tell)

    def _tell(self, about: Outgoing, word: str) -> None:
        self.told.append((word, about.thread))

    async def send(self, outgoing: Outgoing) -> Receipt:
        return await self.sender.send(outgoing)


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as platform:
        platform.add_group(GROUP).topics = {5: True, 6: False}
        yield platform


@pytest.fixture
async def bench(telegram: FakeTelegram, tmp_path: Path) -> AsyncIterator[Bench]:
    found = Bench(telegram, tmp_path)
    await found.bot.initialize()
    telegram.log.clear()
    yield found
    await found.bot.shutdown()


async def test_a_message_goes_into_its_topic(telegram: FakeTelegram, bench: Bench) -> None:
    assert (await bench.send(message(thread="5"))).outcome is Outcome.SENT
    assert [(d.thread, d.text) for d in telegram.sent(GROUP)] == [(5, "早呀")]
    assert bench.told == []


@pytest.mark.parametrize(("thread", "word"), [("99", "thread_gone"), ("6", "thread_closed")])
async def test_what_a_topic_does_not_take_goes_to_the_general_one_once(
    telegram: FakeTelegram, bench: Bench, thread: str, word: str
) -> None:
    receipt = await bench.send(message(thread=thread, subject="topic:1"))
    (sent,) = telegram.sent(GROUP)
    assert receipt == Receipt(Outcome.SENT, provider_id=str(sent.message_id))
    assert sent.thread == 0
    assert bench.told == [(word, thread)]


async def test_an_answer_that_a_closed_topic_does_not_take_is_no_quote(telegram: FakeTelegram, bench: Bench) -> None:
    """What it would quote stands in that topic, and a quote goes where the quoted words are."""
    said = await telegram.say(GROUP, 7, "/points", thread=6)
    assert (await bench.send(message(Kind.REPLY, thread="6", reply_to=str(said)))).outcome is Outcome.SENT
    assert [(d.thread, d.reply_to, d.text) for d in telegram.sent(GROUP)] == [(0, 0, "早呀")]


async def test_a_picture_for_a_topic_that_is_gone_comes_with_its_words(telegram: FakeTelegram, bench: Bench) -> None:
    (bench.pictures / "card.png").write_bytes(draw("poster", {"group": "阳光花园一期", "link": "https://t.me/x"}))
    assert (await bench.send(message(thread="99", picture="card.png"))).outcome is Outcome.SENT
    assert [(d.method, d.thread, d.text) for d in telegram.sent(GROUP)] == [("sendPhoto", 0, "早呀")]
    assert bench.told == [("thread_gone", "99")]


async def test_an_administrator_writes_into_a_closed_topic(telegram: FakeTelegram, bench: Bench) -> None:
    telegram.chat(GROUP).bot = "administrator"
    await bench.send(message(thread="6"))
    assert [d.thread for d in telegram.sent(GROUP)] == [6]


async def test_when_the_general_topic_is_closed_nothing_can_be_said(telegram: FakeTelegram, bench: Bench) -> None:
    topics = telegram.chat(GROUP).topics
    assert topics is not None
    topics[0] = False
    assert await bench.send(message()) == Receipt(Outcome.REJECTED, reason="thread_closed")
    assert await bench.send(message(thread="6")) == Receipt(Outcome.REJECTED, reason="thread_closed")
    assert bench.told == [("general_closed", ""), ("thread_closed", "6")]
    assert telegram.sent(GROUP) == []


async def test_who_may_not_speak(telegram: FakeTelegram, bench: Bench) -> None:
    telegram.chat(GROUP).denied = {"messages"}
    assert await bench.send(message()) == Receipt(Outcome.REJECTED, reason="no_rights")
    assert bench.told == [("cannot_write", "")]


async def test_who_may_not_show_pictures_says_the_words(telegram: FakeTelegram, bench: Bench) -> None:
    (bench.pictures / "card.png").write_bytes(draw("poster", {"group": "阳光花园一期", "link": "https://t.me/x"}))
    telegram.chat(GROUP).denied = {"photos"}
    assert (await bench.send(message(picture="card.png"))).outcome is Outcome.SENT
    assert [(d.method, d.text) for d in telegram.sent(GROUP)] == [("sendMessage", "早呀")]
    assert bench.told == [("no_pictures", "")]


async def test_a_stamp_that_is_not_allowed_is_said_in_words(telegram: FakeTelegram, bench: Bench) -> None:
    """A group without reactions: 签到 is answered all the same."""
    said = await telegram.say(GROUP, 7, "/checkin", thread=5)
    telegram.chat(GROUP).denied = {"reactions"}
    stamp = message(Kind.REACTION, reply_to=str(said), emoji="👍", thread="5")
    assert (await bench.send(stamp)).outcome is Outcome.SENT
    assert [(d.reply_to, d.thread, d.text) for d in telegram.sent(GROUP)] == [(said, 5, "早呀")]
    wordless = Outgoing(
        Kind.REACTION, "telegram", "1", Place.GROUP, str(GROUP), "guard", "", {}, reply_to=str(said), emoji="🙊"
    )
    assert await bench.send(wordless) == Receipt(Outcome.REJECTED, reason="no_reactions")
    assert bench.told == [("no_reactions", "5"), ("no_reactions", "")]
    assert len(telegram.sent(GROUP)) == 1


async def test_who_shut_us_out_is_told_of(telegram: FakeTelegram, bench: Bench) -> None:
    telegram.chat(8).blocked = True
    telegram.met.add(9)
    for user, reason in ((8, "blocked"), (9, "not_started")):
        assert await bench.send(message(Kind.DM, user)) == Receipt(Outcome.GONE, reason=reason)
    telegram.fail("sendMessage", answer(403, "Forbidden: bot was kicked from the supergroup chat"))
    assert (await bench.send(message())).outcome is Outcome.GONE
    assert bench.told == [("shut", ""), ("shut", "")], "a group that is gone says so itself"


async def test_what_was_met_at_night_is_told_of_by_day() -> None:
    """Nobody is told at night; so the day must hear of it, also where its hours are in one day with the night's."""
    clock = SetClock(datetime(2026, 9, 1, 4, 0, tzinfo=UTC))
    events: list[Incoming] = []

    async def receive(event: Incoming) -> None:
        events.append(event)

    troubles = Troubles(receive, clock, "telegram")
    for hour in (4, 4, 5, 9):
        clock.set(datetime(2026, 9, 1, hour, (events and 30) or 0, tzinfo=UTC))
        troubles.tell(message(), "cannot_write")
        await troubles.drain()
    assert len({e.dedupe_key for e in events}) == len(events) == 3


async def test_a_trouble_is_handed_on_once_an_hour() -> None:
    clock = SetClock(NOW)
    events: list[Incoming] = []
    fails = [OSError("disk full")]

    async def receive(event: Incoming) -> None:
        if fails:
            raise fails.pop()
        events.append(event)

    troubles = Troubles(receive, clock, "telegram")
    for _ in range(3):
        troubles.tell(message(thread="5"), "thread_gone")
        await troubles.drain()
    troubles.tell(message(thread="6"), "thread_gone")
    troubles.tell(message(Kind.DM, 8), "shut")
    await troubles.drain()
    clock.set(datetime(2026, 9, 2, 4, 0, tzinfo=UTC))
    troubles.tell(message(thread="5"), "thread_gone")
    await troubles.drain()
    assert [(e.event, e.text, e.thread, e.place, e.sender) for e in events] == [
        (Event.TROUBLE, "thread_gone", "5", Place.GROUP, ""),
        (Event.TROUBLE, "thread_gone", "6", Place.GROUP, ""),
        (Event.TROUBLE, "shut", "", Place.DM, "8"),
        (Event.TROUBLE, "thread_gone", "5", Place.GROUP, ""),
    ], "what could not be written down is told of again"
    assert len({e.dedupe_key for e in events}) == 4
    for event in events:
        assert Incoming.load(event.dump()) == event
