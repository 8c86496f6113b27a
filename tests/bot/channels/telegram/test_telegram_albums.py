"""Albums and stamps: ten pictures are one answer, a stamp is a sign of life, and neither is ever counted twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.channels.telegram.bots import TelegramBots
from bot.channels.telegram.channel import Me, TelegramSettings, parse_all
from bot.rendering import Rendered
from engagement.clocks import SetClock
from engagement.kernel import Event, Incoming
from tests.platforms.telegram import FakeTelegram
from tests.platforms.telegram.chats import ANONYMOUS, Chat, message_update, person

GROUP = -1001
NOW = datetime(2026, 9, 1, 4, 0, tzinfo=UTC)
LI = 7


class Inbox:
    """Persists events under their natural keys, as the real one does."""

    def __init__(self) -> None:
        self.taken: dict[str, Incoming] = {}
        self.heard = 0
        self.failures = 0

    async def receive(self, event: Incoming) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("disk full")
        if not event.addressed and not event.text:
            self.heard += 1
        else:
            self.taken.setdefault(event.dedupe_key, event)

    @property
    def words(self) -> list[str]:
        return [event.text for event in self.taken.values()]


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(privacy=False) as platform:
        platform.add_group(GROUP)
        yield platform


async def listening(telegram: FakeTelegram, inbox: Inbox) -> TelegramBots:
    settings = TelegramSettings.model_validate({"token": telegram.token, "base_url": telegram.url})
    bots = TelegramBots(settings, inbox.receive, lambda _: Rendered(("好的",), False, ()), SetClock(NOW))
    await bots.start()
    return bots


async def album(telegram: FakeTelegram, captions: list[str], *, chat: int = GROUP, group: str = "a1") -> None:
    """Somebody answers a message of the bot with several pictures at once."""
    quoted = {"message_id": 900, "from": telegram.bot, "chat": telegram.chat(chat).json()}
    for number, caption in enumerate(captions):
        more: dict[str, Any] = {"media_group_id": group, "photo": [{"file_id": f"p{number}"}]}
        update = message_update(telegram.chat(chat), person(LI, "李阿姨"), "", reply_to_message=quoted, **more)
        del update["message"]["text"]
        if caption:
            update["message"]["caption"] = caption
        await telegram.deliver(update)


async def done(telegram: FakeTelegram) -> None:
    await telegram.wait_for(lambda: not telegram.pending)


@pytest.mark.parametrize("chat", [GROUP, LI])
async def test_ten_pictures_that_answer_are_one_answer(telegram: FakeTelegram, chat: int) -> None:
    inbox = Inbox()
    bots = await listening(telegram, inbox)
    await album(telegram, ["晚饭", *[""] * 9], chat=chat)
    await done(telegram)
    assert inbox.words == ["晚饭"], "the words stand under the first one, as Telegram sends them"
    assert inbox.heard == (9 if chat == GROUP else 0), "the others are life in the group"
    await album(telegram, [""] * 10, chat=chat, group="a2")
    await done(telegram)
    assert inbox.words == ["晚饭", ""], "without words they are one picture"
    (bare,) = [event for event in inbox.taken.values() if not event.text]
    assert (bare.media, bare.media_id, bare.reply_to) == ("photo", "p0", "900")
    await album(telegram, ["签到", "晚饭"], chat=chat, group="a3")
    await done(telegram)
    assert inbox.words == ["晚饭", "", "签到", "晚饭"], "two that say something are two"
    await bots.close()


async def test_a_picture_that_could_not_be_kept_is_still_the_first(telegram: FakeTelegram) -> None:
    inbox = Inbox()
    inbox.failures = 1
    bots = await listening(telegram, inbox)
    await album(telegram, ["", ""])
    await done(telegram)
    assert [(e.media_id, e.addressed) for e in inbox.taken.values()] == [("p0", True)]
    await bots.close()


def test_two_replicas_that_get_a_picture_each_keep_one() -> None:
    """They do not know of each other; the natural key does."""
    keys = []
    message: dict[str, Any] = {
        "date": int(NOW.timestamp()),
        "chat": Chat(GROUP, "群", "supergroup").json(),
        "from": person(LI),
        "photo": [{"file_id": "p"}],
        "media_group_id": "13" * 8,
    }
    for number in (1, 2):
        message["message_id"] = number
        (event,) = parse_all({"update_id": number, "message": message}, Me(42, "tuantuan_bot"), NOW)
        keys.append(event.dedupe_key)
        (worded,) = parse_all(
            {"update_id": number, "message": message | {"caption": "签到"}}, Me(42, "tuantuan_bot"), NOW
        )
        assert worded.dedupe_key.endswith(f":{number}")
    assert keys[0] == keys[1]
    with pytest.raises(ValueError):
        parse_all({"update_id": 1, "message": message | {"media_group_id": 5}}, Me(42, "tuantuan_bot"), NOW)


def test_files_that_are_sent_together_are_each_a_file() -> None:
    events = [
        parse_all(
            {
                "update_id": number,
                "message": {
                    "message_id": number,
                    "date": int(NOW.timestamp()),
                    "chat": Chat(LI).json(),
                    "from": person(LI),
                    "document": {"file_id": f"d{number}", "file_name": "价目表.xlsx"},
                    "media_group_id": "1",
                },
            },
            Me(42, "tuantuan_bot"),
            NOW,
        )[0]
        for number in (1, 2)
    ]
    assert [(e.media, e.dedupe_key) for e in events] == [("file", "u1"), ("file", "u2")]


# ---------------------------------------------------------------- stamps


def stamp(before: list[str], after: list[str], **more: Any) -> dict[str, Any]:
    def of(emojis: list[str]) -> list[dict[str, str]]:
        return [{"type": "emoji", "emoji": one} for one in emojis]

    change: dict[str, Any] = {
        "chat": Chat(GROUP, "阳光花园", "supergroup").json(),
        "message_id": 5,
        "user": person(LI, "李阿姨"),
        "date": int(NOW.timestamp()),
        "old_reaction": of(before),
        "new_reaction": of(after),
    } | more
    return {"message_reaction": change}


def read(update: dict[str, Any]) -> tuple[Incoming, ...]:
    return parse_all({"update_id": 5} | update, Me(42, "tuantuan_bot"), NOW)


@pytest.mark.parametrize(
    ("before", "after", "seen"),
    [
        ([], ["👍"], True),
        (["👍"], ["❤"], True),
        (["👍"], ["👍", "❤"], True),
        (["👍"], [], False),
        (["👍", "❤"], ["👍"], False),
    ],
)
def test_a_stamp_is_a_sign_of_life_and_taking_it_away_is_none(before: list[str], after: list[str], seen: bool) -> None:
    found = read(stamp(before, after))
    assert [(e.event, e.sender, e.conversation) for e in found] == ([(Event.REACTION, "7", str(GROUP))] if seen else [])


def test_who_is_hidden_or_no_person_stamps_nothing() -> None:
    hidden = stamp([], ["👍"], actor_chat=Chat(GROUP, "阳光花园", "supergroup").json())
    del hidden["message_reaction"]["user"]
    assert read(hidden) == ()
    for nobody in (ANONYMOUS, person(9, bot=True)):
        assert read(stamp([], ["👍"], user=nobody)) == ()
    assert read(stamp([], ["👍"], chat=Chat(LI).json())) == ()
    assert read({"message_reaction_count": {"chat": Chat(GROUP, "", "supergroup").json()}}) == ()


@pytest.mark.parametrize("wrong", [{"old_reaction": None}, {"new_reaction": "👍"}, {"new_reaction": [{}] * 100}])
def test_what_is_no_stamp_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        read(stamp([], ["👍"], **wrong))


async def test_stamps_are_asked_for(telegram: FakeTelegram) -> None:
    inbox = Inbox()
    bots = await listening(telegram, inbox)
    await telegram.wait_for(lambda: "message_reaction" in telegram.allowed)
    assert await telegram.deliver(stamp([], ["👍"])) == 200
    await done(telegram)
    await bots.close()
