"""What Telegram says of the accounts when it is asked."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.channels.telegram.channel import TelegramSettings
from bot.channels.telegram.examine import examine
from prompts.loader import texts
from tests.platforms.serving import free_port
from tests.platforms.telegram import FakeTelegram

NOW = datetime(2026, 9, 1, 4, 0, tzinfo=UTC)
SECRET = "a-secret-of-24-letters--"
ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram(privacy=False) as platform:
        yield platform


async def asked(telegram: FakeTelegram, **more: Any) -> list[str]:
    settings = TelegramSettings.model_validate({"token": telegram.token, "base_url": telegram.url} | more)
    found = await examine(settings, NOW)
    said = [texts().fill(key, values) for key, values in found]
    assert all(telegram.token.partition(":")[2] not in one for one in said)
    assert {d.method for d in telegram.log} <= {"getMe", "getWebhookInfo"}, "nothing is changed"
    return [key for key, _ in found]


async def test_all_is_well(telegram: FakeTelegram) -> None:
    assert await asked(telegram) == []


async def test_what_the_bot_may_not(telegram: FakeTelegram) -> None:
    telegram.privacy, telegram.can_join = True, False
    assert await asked(telegram) == ["telegram.privacy_on", "telegram.no_groups"]


async def test_the_token_and_the_way(telegram: FakeTelegram) -> None:
    assert await asked(telegram, token="1:wrong") == ["telegram.bad_token"]
    assert await asked(telegram, base_url=f"http://127.0.0.1:{free_port()}") == ["telegram.unreachable"]
    assert await asked(telegram, more=[{"token": "2:unknown"}]) == ["telegram.bad_token"], "every account is asked"


async def test_a_webhook_keeps_whoever_polls_from_hearing(telegram: FakeTelegram) -> None:
    telegram.webhook = "https://elsewhere.example"
    assert await asked(telegram) == ["telegram.webhook_set"]


async def test_the_webhook(telegram: FakeTelegram) -> None:
    hook = {"mode": "webhook", "webhook_url": "https://bot.example", "secret": SECRET}
    assert await asked(telegram, **hook) == ["telegram.webhook_elsewhere"]
    telegram.webhook = "https://bot.example/telegram/webhook"
    assert await asked(telegram, **hook) == []
    telegram.webhook_info = {"pending_update_count": 101}
    assert await asked(telegram, **hook) == ["telegram.webhook_waits"]
    failed = {"last_error_message": "Wrong response from the webhook: 502 Bad Gateway", "pending_update_count": 5}
    telegram.webhook_info = failed | {"last_error_date": int((NOW - timedelta(minutes=5)).timestamp())}
    assert await asked(telegram, **hook) == ["telegram.webhook_fails"]
    telegram.webhook_info = failed | {"last_error_date": int((NOW - timedelta(days=1)).timestamp())}
    assert await asked(telegram, **hook) == [], "that was yesterday"


async def test_the_command(telegram: FakeTelegram, tmp_path: Path) -> None:
    """``doctor`` asks nobody; ``doctor --online`` does."""
    telegram.privacy = True
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BOT_")} | {
        "BOT_TELEGRAM__TOKEN": telegram.token,
        "BOT_TELEGRAM__BASE_URL": telegram.url,
    }

    def doctor(*more: str) -> object:
        command = [sys.executable, "-m", "bot", "doctor", "--data", str(tmp_path), "--json", *more]
        ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == (1 if more else 0), ended.stderr
        return json.loads(ended.stdout)["findings"]

    assert await asyncio.to_thread(doctor) == []
    assert telegram.log == []
    assert await asyncio.to_thread(doctor, "--online") == [
        texts().fill("telegram.privacy_on", {"bot": "@tuantuan_bot"})
    ]
