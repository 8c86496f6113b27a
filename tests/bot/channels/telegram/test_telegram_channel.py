"""Setting the channel up, polling, and what an operator is told when it does not work."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.channels.telegram.channel import Mode, TelegramChannel, TelegramSettings
from bot.rendering import TELEGRAM, render
from engagement.clocks import SetClock
from engagement.errors import Refusal
from engagement.kernel import Incoming
from prompts.loader import texts
from tests.platforms.serving import free_port
from tests.platforms.telegram import Answer, FakeTelegram, answer, drop, too_many
from tests.platforms.telegram.chats import message_update, person

GROUP = -1001
SECRET = "a-secret-of-24-letters--"


class Inbox:
    """Takes events, or fails as a database does."""

    def __init__(self) -> None:
        self.events: list[Incoming] = []
        self.failures = 0

    async def receive(self, event: Incoming) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("disk full")
        self.events.append(event)

    @property
    def words(self) -> list[str]:
        return [event.text for event in self.events]


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(privacy=False) as platform:
        platform.add_group(GROUP)
        yield platform


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between tries become short."""
    real = asyncio.sleep
    monkeypatch.setattr("bot.channels.telegram.polling.asyncio.sleep", lambda seconds: real(min(seconds, 0.01)))
    monkeypatch.setattr("bot.channels.telegram.channel._PAUSES", (0.01, 0.01))


def channel(telegram: FakeTelegram, inbox: Inbox, **more: Any) -> TelegramChannel:
    settings = {"token": telegram.token, "base_url": telegram.url} | more
    clock = SetClock(datetime(2026, 9, 1, tzinfo=UTC))
    return TelegramChannel(
        TelegramSettings.model_validate(settings), inbox.receive, lambda m: render(m, TELEGRAM), clock
    )


async def test_start_by_polling(telegram: FakeTelegram) -> None:
    telegram.webhook = "http://old.example"
    inbox = Inbox()
    bot = channel(telegram, inbox)
    try:
        me = await bot.start([("checkin", "签到"), ("points", "积分")])
        assert (me.id, me.username, me.reads_all, me.account) == (1, "tuantuan_bot", True, "1")
        assert telegram.webhook == "", "polling and a webhook exclude each other"
        assert [command["command"] for command in telegram.commands] == ["checkin", "points"]
        assert bot.routes() == []
        await telegram.say(GROUP, 7, "签到")
        await telegram.say(GROUP, 7, "积分")
        await telegram.wait_for(lambda: len(inbox.events) == 2)
        assert "chat_member" in telegram.allowed
    finally:
        await bot.close()
    await bot.close()


async def test_start_by_webhook(telegram: FakeTelegram) -> None:
    bot = channel(telegram, Inbox(), mode="webhook", webhook_url="https://bot.example/", secret=SECRET)
    try:
        assert bot.me is None
        await bot.start()
        assert (telegram.webhook, telegram.secret) == ("https://bot.example/telegram/webhook", SECRET)
        assert len(bot.routes()) == 1
    finally:
        await bot.close()
    assert telegram.webhook, "what comes while we are away is kept by Telegram"


async def test_an_emulator_without_a_menu_is_good_enough(telegram: FakeTelegram) -> None:
    telegram.fail("setMyCommands", answer(404, "Not Found"))
    bot = channel(telegram, Inbox())
    await bot.start([("checkin", "签到")])
    await bot.close()


async def test_a_wrong_token(telegram: FakeTelegram) -> None:
    bot = channel(telegram, Inbox(), token="1:wrong")
    with pytest.raises(Refusal) as refusal:
        await bot.start()
    assert refusal.value.key == "telegram.bad_token"
    assert " 1 " in texts().fill(refusal.value.key, refusal.value.values), "of several bots, it says which"
    await bot.close()


@pytest.mark.usefixtures("no_waiting")
async def test_nobody_there_for_a_while_and_for_ever(telegram: FakeTelegram) -> None:
    telegram.fail("getMe", drop(), times=2)
    bot = channel(telegram, Inbox())
    await bot.start()
    await bot.close()
    gone = channel(telegram, Inbox(), base_url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Refusal) as refusal:
        await gone.start()
    assert refusal.value.key == "telegram.unreachable"
    assert "127.0.0.1" in texts().fill(refusal.value.key, refusal.value.values)
    await gone.close()


@pytest.mark.parametrize(("mode", "method"), [("webhook", "setWebhook"), ("polling", "deleteWebhook")])
async def test_two_processes_start_at_once(
    telegram: FakeTelegram, monkeypatch: pytest.MonkeyPatch, mode: str, method: str
) -> None:
    """Telegram takes a change of the webhook once a second: that is waited out, hours are not."""
    waited: list[float] = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("bot.channels.telegram.channel.asyncio.sleep", wait)
    more = {"mode": mode, "webhook_url": "https://bot.example", "secret": SECRET}
    telegram.fail(method, too_many(1), times=2)
    bot = channel(telegram, Inbox(), **more)
    await bot.start()
    await bot.close()
    assert waited == [1, 1]
    telegram.fail(method, too_many(3600))
    late = channel(telegram, Inbox(), **more)
    with pytest.raises(Refusal, match="unreachable"):
        await late.start()
    await late.close()
    assert waited == [1, 1]


@pytest.mark.parametrize(
    ("fault", "key"),
    [
        (answer(400, "Bad Request: bad webhook: HTTPS url must be provided"), "telegram.webhook_refused"),
        (answer(500, "Internal"), "telegram.unreachable"),
    ],
)
async def test_a_webhook_that_telegram_refuses(telegram: FakeTelegram, fault: Any, key: str) -> None:
    telegram.fail("setWebhook", fault)
    bot = channel(telegram, Inbox(), mode="webhook", webhook_url="http://bot.example", secret=SECRET)
    with pytest.raises(Refusal) as refusal:
        await bot.start()
    assert refusal.value.key == key
    texts().fill(key, refusal.value.values)
    await bot.close()


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        ({}, ["telegram.no_token"]),
        ({"token": "1:x"}, []),
        ({"token": "1:x", "mode": "webhook"}, ["telegram.no_webhook_url", "telegram.no_secret"]),
        (
            {"token": "1:x", "mode": "webhook", "webhook_url": "bot.example", "secret": "short"},
            ["telegram.bad_webhook_url", "telegram.bad_secret"],
        ),
        ({"token": "1:x", "mode": "webhook", "webhook_url": "https://bot.example", "secret": "密" * 20}, ["telegram.bad_secret"]),
        ({"token": "1:x", "mode": "webhook", "webhook_url": "https://bot.example", "secret": SECRET}, []),
    ],
)  # fmt: skip
def test_settings_that_do_not_do(given: dict[str, str], problems: list[str]) -> None:
    settings = TelegramSettings.model_validate(given)
    assert settings.problems() == problems
    for key in problems:
        assert texts().raw(key)
    if problems:
        with pytest.raises(Refusal):
            TelegramChannel(settings, Inbox().receive, lambda m: render(m, TELEGRAM), SetClock(datetime.now(UTC)))


def test_addresses_are_understood_as_people_write_them() -> None:
    def of(**given: str) -> TelegramSettings:
        return TelegramSettings.model_validate(given)

    assert of().api == "https://api.telegram.org/bot"
    for written in ("http://127.0.0.1:8081", "http://127.0.0.1:8081/", "http://127.0.0.1:8081/bot"):
        assert of(base_url=written).api == "http://127.0.0.1:8081/bot"
        assert of(base_url=written).on_this_machine
    assert not of().on_this_machine
    assert of(webhook_url="https://x.example/my/hook").hook_path == "/my/hook"
    assert of(webhook_url="https://x.example").hook_url == "https://x.example/telegram/webhook"
    assert of().mode is Mode.POLLING
    assert "secret" not in repr(of(secret=SECRET)).replace("secret=", "")


@pytest.mark.usefixtures("no_waiting")
async def test_polling_loses_nothing_when_the_database_fails(telegram: FakeTelegram) -> None:
    inbox = Inbox()
    inbox.failures = 3
    bot = channel(telegram, inbox)
    await bot.start()
    for text in ("一", "二", "三"):
        await telegram.say(GROUP, 7, text)
    await telegram.wait_for(lambda: not telegram.pending)
    assert inbox.words == ["一", "二", "三"]
    await bot.close()


@pytest.mark.usefixtures("no_waiting")
async def test_polling_waits_out_every_kind_of_failure(telegram: FakeTelegram) -> None:
    inbox = Inbox()
    bot = channel(telegram, inbox)
    for fault in (
        drop(),
        answer(502, raw=b"<html>"),
        too_many(1),
        answer(409, "Conflict"),
        answer(401, "Unauthorized"),
    ):
        telegram.fail("getUpdates", fault)
    await bot.start()
    await telegram.say(GROUP, 7, "签到")
    await telegram.wait_for(lambda: inbox.words == ["签到"])
    await bot.close()


@pytest.mark.usefixtures("no_waiting")
async def test_ids_that_start_anew_and_updates_without_any(telegram: FakeTelegram) -> None:
    inbox = Inbox()
    bot = channel(telegram, inbox)
    said = message_update(telegram.chat(GROUP), person(7), "签到")
    batches = [[{"message": {}}, "odd"], [{"update_id": 900_000} | said], [{"update_id": 5} | said]]

    def first(method: str, _: object) -> Answer | None:
        if method != "getUpdates" or not batches:
            return None
        return answer(200, raw=json.dumps({"ok": True, "result": batches.pop(0)}).encode())

    telegram.hook = first
    await bot.start()
    await telegram.wait_for(lambda: len(inbox.events) == 2)
    assert [event.dedupe_key for event in inbox.events] == ["u900000", "u5"]
    await bot.close()


@pytest.mark.usefixtures("no_waiting")
async def test_an_odd_update_does_not_block_the_others(telegram: FakeTelegram) -> None:
    inbox = Inbox()
    bot = channel(telegram, inbox)
    telegram.pending = [
        {"update_id": 1, "message": {"odd": True}},
        {"update_id": 2, "message": None},
        {"update_id": 3, "callback_query": []},
    ]
    await bot.start()
    await telegram.say(GROUP, 7, "签到")
    await telegram.wait_for(lambda: inbox.words == ["签到"])
    await telegram.wait_for(lambda: not telegram.pending)
    await bot.close()


async def test_a_pressed_button_is_answered(telegram: FakeTelegram) -> None:
    inbox = Inbox()
    bot = channel(telegram, inbox)
    await bot.start()
    await telegram.press(GROUP, 7, 1, "faq:1")
    await telegram.wait_for(lambda: [d for d in telegram.log if d.method == "answerCallbackQuery"])
    assert inbox.events[0].button == "faq:1"
    await bot.close()


@pytest.mark.usefixtures("no_waiting")
async def test_polling_survives_what_nobody_thought_of(telegram: FakeTelegram, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bot that stands there and hears nothing is worse than one that says so and goes on."""
    odd: list[Exception] = [OSError("the network card"), RuntimeError("nobody knows")]
    inbox = Inbox()
    bot = channel(telegram, inbox)

    def broken(update: object) -> str:
        if odd:
            raise odd.pop()
        return ""

    monkeypatch.setattr("bot.channels.telegram.polling.callback_id", broken)
    monkeypatch.setattr("bot.channels.telegram.polling.LONGEST_PAUSE", 0.01)
    await bot.start()
    await telegram.say(GROUP, 7, "签到")
    await telegram.wait_for(lambda: not telegram.pending)
    assert inbox.words == ["签到"] * 3, "not confirmed, so it comes again; the inbox knows it"
    await bot.close()
