"""Several bot accounts as one channel: each speaks with its own token and hears at its own webhook, with its own secret."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from bot.channels.telegram.bots import TelegramBots
from bot.channels.telegram.channel import TelegramSettings
from bot.rendering import Rendered
from bot.settings import Settings
from engagement.clocks import SetClock
from engagement.errors import Refusal
from engagement.kernel import Event, Incoming, Kind, Outcome, Outgoing, Place, Receipt
from prompts.loader import texts
from scheduler.gate import Rates, limits
from tests.platforms.telegram import FakeTelegram, answer
from tests.platforms.telegram.chats import ANONYMOUS, AS_CHANNEL, SERVICE, Chat, message_update, person

GROUP = -1001
FIRST, SECOND = "1:test", "2:other"
SECRETS = ("a-secret-of-24-letters--", "another-secret-of-letters")


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(FIRST, username="tuan_one_bot", privacy=False) as platform:
        platform.add_group(GROUP)
        yield platform


@pytest.fixture
def other(telegram: FakeTelegram) -> FakeTelegram:
    twin = telegram.twin(SECOND, "tuan_two_bot", privacy=False)
    twin.add_group(GROUP)
    return twin


def bots(telegram: FakeTelegram, inbox: list[Incoming], **more: Any) -> TelegramBots:
    async def receive(event: Incoming) -> None:
        inbox.append(event)

    given: dict[str, Any] = {
        "token": FIRST,
        "secret": SECRETS[0],
        "base_url": telegram.url,
        "more": [{"token": SECOND, "secret": SECRETS[1]}],
    }
    clock = SetClock(datetime(2026, 9, 1, 4, 0, tzinfo=UTC))
    settings = TelegramSettings.model_validate(given | more)
    return TelegramBots(settings, receive, lambda _: Rendered(("好的",), False, ()), clock)


def outgoing(account: str, conversation: int = GROUP) -> Outgoing:
    place = Place.GROUP if conversation < 0 else Place.DM
    return Outgoing(Kind.REPLY, "telegram", account, place, str(conversation), "demo", "demo.text", {})


async def test_each_message_goes_out_by_its_account(telegram: FakeTelegram, other: FakeTelegram) -> None:
    telegram.chat(7)
    other.chat(8)
    channel = bots(telegram, [])
    assert [(me.username, me.account, me.siblings) for me in await channel.connect()] == [
        ("tuan_one_bot", "1", frozenset({2})),
        ("tuan_two_bot", "2", frozenset({1})),
    ]
    for account, chat in (("1", GROUP), ("2", GROUP), ("1", 7), ("2", 8), ("999", 7)):
        assert (await channel.send(outgoing(account, chat))).outcome is Outcome.SENT
    assert [d.chat for d in telegram.sent()] == [GROUP, 7, 7], (
        "one that is configured no more is spoken for by the first"
    )
    assert [d.chat for d in other.sent()] == [GROUP, 8]
    calls = len(telegram.log)
    lost = await channel.send(outgoing("999", GROUP))
    assert lost == Receipt(Outcome.REJECTED, reason="no_bot"), "a no of the first would say that the group is gone"
    assert len(telegram.log) == calls
    await channel.close()


async def test_each_hears_at_its_own_webhook_and_with_its_own_secret(
    telegram: FakeTelegram, other: FakeTelegram
) -> None:
    inbox: list[Incoming] = []
    channel = bots(telegram, inbox, mode="webhook", webhook_url="https://bot.example")
    await channel.start([("checkin", "签到")])
    assert (telegram.webhook, telegram.secret) == ("https://bot.example/telegram/webhook", SECRETS[0])
    assert (other.webhook, other.secret) == ("https://bot.example/telegram/webhook/2", SECRETS[1])
    assert telegram.commands == other.commands == [{"command": "checkin", "description": "签到"}]
    transport = httpx.ASGITransport(Starlette(routes=channel.routes()))
    body = json.dumps({"update_id": 5} | message_update(Chat(GROUP, "阳光花园", "supergroup"), person(7), "签到"))
    async with httpx.AsyncClient(transport=transport, base_url="https://bot.example") as client:

        async def post(path: str, secret: str) -> int:
            headers = {"x-telegram-bot-api-secret-token": secret}
            return (await client.post(path, content=body, headers=headers)).status_code

        assert [await post("/telegram/webhook", secret) for secret in SECRETS] == [200, 403]
        assert [await post("/telegram/webhook/2", secret) for secret in SECRETS] == [403, 200]
        assert await post("/telegram/webhook/3", SECRETS[0]) == 404
    assert [(e.account, e.dedupe_key) for e in inbox] == [("1", "u5"), ("2", "u5")], "update ids are each bot's own"
    await channel.close()


async def test_both_poll_and_a_file_is_fetched_by_whom_it_was_sent_to(
    telegram: FakeTelegram, other: FakeTelegram
) -> None:
    inbox: list[Incoming] = []
    channel = bots(telegram, inbox)
    await channel.start()
    telegram.files["v1"], other.files["v1"] = b"first", b"second"
    for platform in (telegram, other):
        await platform.say(7, 7, "", voice={"file_id": "v1"})
    await telegram.wait_for(lambda: len(inbox) == 2)
    assert sorted((e.account, e.media_id) for e in inbox) == [("1", "1:v1"), ("2", "2:v1")]
    assert [await channel.fetch(e.media_id, 100) for e in sorted(inbox, key=lambda e: e.account)] == [
        b"first",
        b"second",
    ]
    assert await channel.fetch("v1", 100) == b"first", "an id from before there were two"
    last = inbox[-1].account
    await channel.draft("7", 5, "正在写")
    drafted = [p for p in (telegram, other) if any(d.method == "sendMessageDraft" for d in p.log)]
    assert [p.token.partition(":")[0] for p in drafted] == [last], "shown by the bot that was asked"
    await channel.close()


async def test_a_quote_of_the_other_bot_is_meant_for_us(telegram: FakeTelegram, other: FakeTelegram) -> None:
    inbox: list[Incoming] = []
    channel = bots(telegram, inbox)
    await channel.start()
    await channel.send(outgoing("1"))
    (said,) = telegram.sent(GROUP)
    quoted = telegram.chat(GROUP).messages[said.message_id]
    await other.say(GROUP, 7, "好吃", reply_to_message=quoted)
    await telegram.wait_for(lambda: inbox)
    assert (inbox[0].account, inbox[0].addressed, inbox[0].reply_to) == ("2", True, str(said.message_id))
    await channel.close()


async def test_who_calls_the_other_bot_by_its_name_means_us(telegram: FakeTelegram, other: FakeTelegram) -> None:
    """A group has changed its bot, and neighbours still write the old one's name."""
    inbox: list[Incoming] = []
    channel = bots(telegram, inbox)
    await channel.start()
    for text in ("@Tuan_One_bot 几点提货", "/checkin@tuan_one_bot", "@tuan_two_bot 在吗", "/checkin@somebody_bot"):
        await other.say(GROUP, 7, text)
    await other.say(GROUP, 7, "完")
    await telegram.wait_for(lambda: any(e.text == "完" for e in inbox))
    assert [(e.text, e.addressed) for e in inbox] == [
        ("几点提货", True),
        ("/checkin", True),
        ("在吗", True),
        ("完", False),
    ]
    await channel.close()


async def test_one_that_cannot_start_is_said(telegram: FakeTelegram, other: FakeTelegram) -> None:
    other.fail("getMe", answer(401, "Unauthorized"))
    channel = bots(telegram, [])
    with pytest.raises(Refusal) as refusal:
        await channel.start()
    assert refusal.value.key == "telegram.bad_token"
    await channel.close()


def test_each_has_a_gate_of_its_own() -> None:
    rates = Rates(27, 20)
    names = {
        (group.name, bot.name) for group, bot in (limits(rates, "telegram", a, "-1") for a in "12") if group and bot
    }
    assert names == {("telegram:1:-1", "telegram:1"), ("telegram:2:-1", "telegram:2")}


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        ({"token": "1:x", "more": [{"token": "2:x"}]}, []),
        ({"token": "1:x", "more": [{"token": ""}]}, ["telegram.no_token"]),
        ({"token": "1:x", "more": [{"token": "1:y"}]}, ["telegram.same_bot"]),
        (
            {"token": "1:x", "secret": SECRETS[0], "mode": "webhook", "webhook_url": "https://b.example",
             "more": [{"token": "2:x", "secret": SECRETS[0]}]},
            ["telegram.same_secret"],
        ),
        (
            {"token": "1:x", "secret": SECRETS[0], "mode": "webhook", "webhook_url": "https://b.example",
             "more": [{"token": "2:x"}]},
            ["telegram.no_secret"],
        ),
    ],
)  # fmt: skip
def test_settings_that_do_not_do(given: dict[str, Any], problems: list[str]) -> None:
    assert TelegramSettings.model_validate(given).problems() == problems
    for key in problems:
        assert texts().raw(key)


def test_the_environment_names_further_bots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_TELEGRAM__TOKEN", "1:x")
    monkeypatch.setenv("BOT_TELEGRAM__MORE", json.dumps([{"token": "2:y", "secret": SECRETS[1]}]))
    settings = Settings()
    assert [one.bot_id for one in settings.telegram.accounts()] == [1, 2]
    assert SECRETS[1] not in repr(settings)


async def test_a_linked_channels_posts_and_hidden_voices(telegram: FakeTelegram, other: FakeTelegram) -> None:
    """Through the whole door: a forwarded post is nothing, whoever speaks as a channel is nobody."""
    inbox: list[Incoming] = []
    channel = bots(telegram, inbox)
    await channel.start()
    shop: dict[str, Any] = {"id": -100777, "type": "channel", "title": "阳光花园优选"}
    forwarded: dict[str, Any] = {"from": SERVICE, "sender_chat": shop, "is_automatic_forward": True}
    for text in ("签到", "@tuan_one_bot 几点提货", ""):
        more: dict[str, Any] = forwarded | ({} if text else {"photo": [{"file_id": "p"}], "caption": "签到"})
        await telegram.say(GROUP, 7, text, **more)
    voices: list[dict[str, Any]] = [
        {"from": SERVICE},
        {"from": AS_CHANNEL, "sender_chat": shop},
        {"from": ANONYMOUS, "sender_chat": telegram.chat(GROUP).json()},
    ]
    for voice in voices:
        await telegram.say(GROUP, 7, "签到", **voice)
    await telegram.say(GROUP, 7, "/settings")
    await telegram.wait_for(lambda: any(e.text == "/settings" for e in inbox))
    assert [(e.event, e.text, e.sender, e.sender_is_admin) for e in inbox] == [
        (Event.MESSAGE, "签到", "", None),
        (Event.MESSAGE, "签到", "", None),
        (Event.MESSAGE, "签到", "", True),
        (Event.MESSAGE, "/settings", "7", None),
    ]
    await channel.close()
