"""Files that people sent, over real HTTP: bounded, and never the token in an error."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.channels.telegram.channel import TelegramChannel, TelegramSettings
from bot.channels.telegram.files import fetch
from bot.rendering.capabilities import TELEGRAM
from bot.rendering.render import render
from bot.voice import TooLarge, Unfetchable
from engagement.clocks import SetClock
from tests.platforms.telegram.faults import Drop, answer
from tests.platforms.telegram.server import FakeTelegram


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as platform:
        platform.files["v1"] = b"OggS" + bytes(500)
        yield platform


@pytest.fixture
async def channel(telegram: FakeTelegram) -> AsyncIterator[TelegramChannel]:
    async def receive(_incoming: Any) -> bool:
        return True

    settings = TelegramSettings.model_validate({"token": telegram.token, "base_url": telegram.url})
    clock = SetClock(datetime(2026, 9, 1, tzinfo=UTC))
    opened = TelegramChannel(settings, receive, lambda message: render(message, TELEGRAM), clock)
    # As when it is served: what was never begun is not ended either, and would leave its connection open.
    await opened._bot.initialize()
    telegram.log.clear()
    yield opened
    await opened.close()


async def test_a_file_is_fetched_whole(telegram: FakeTelegram, channel: TelegramChannel) -> None:
    assert await channel.fetch("v1", 1000) == telegram.files["v1"]


async def test_a_large_one_is_not(telegram: FakeTelegram, channel: TelegramChannel) -> None:
    with pytest.raises(TooLarge):
        await channel.fetch("v1", 100)
    assert [call.method for call in telegram.log] == ["getFile"]
    telegram.unsized.add("v1")
    with pytest.raises(TooLarge):
        await channel.fetch("v1", 100)


async def test_what_telegram_itself_finds_too_large_is_too_large(
    telegram: FakeTelegram, channel: TelegramChannel
) -> None:
    """Above its 20 MB it does not even say where the file is: that is no failure, and to try again would not help."""
    telegram.fail("getFile", answer(400, "Bad Request: file is too big"))
    with pytest.raises(TooLarge):
        await channel.fetch("v1", 1000)


async def test_what_cannot_be_had(
    telegram: FakeTelegram, channel: TelegramChannel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(Unfetchable, match="BadRequest"):
        await channel.fetch("no such file", 1000)
    telegram.unsized.add("gone")
    with pytest.raises(Unfetchable, match="status_404"):
        await channel.fetch("gone", 1000)
    telegram.fail("getFile", Drop())
    with pytest.raises(Unfetchable):
        await channel.fetch("v1", 1000)
    assert telegram.token not in caplog.text


async def test_a_platform_that_is_away_when_the_file_is_due(telegram: FakeTelegram) -> None:
    class Away:
        async def get_file(self, _name: str) -> SimpleNamespace:
            await telegram.stop()
            return SimpleNamespace(file_path=f"{telegram.url}/file/bot{telegram.token}/voice/v1", file_size=None)

    with pytest.raises(Unfetchable) as lost:
        await fetch(cast(Any, Away()), "v1", 1000, trust_env=False)
    assert telegram.token not in str(lost.value)
    assert lost.value.__cause__ is None


async def test_no_address_no_file() -> None:
    class Shy:
        async def get_file(self, _name: str) -> SimpleNamespace:
            return SimpleNamespace(file_path=None, file_size=None)

    with pytest.raises(Unfetchable, match="no_path"):
        await fetch(cast(Any, Shy()), "v1", 1000)
