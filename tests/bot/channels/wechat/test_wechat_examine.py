"""Asking the platform whether the account works."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.channels.wechat.examine import MENU, QUOTA, examine
from bot.channels.wechat.settings import WeChatSettings
from prompts.loader import texts
from tests.platforms.serving import ROOT
from tests.platforms.wechat import FakeWeChat
from tests.platforms.wechat.signing import AES_KEY, APP_ID, SECRET, TOKEN

TOKENS = "/cgi-bin/stable_token"


@pytest.fixture
async def wechat() -> AsyncIterator[FakeWeChat]:
    async with FakeWeChat() as platform:
        yield platform


async def found(wechat: FakeWeChat, **more: object) -> list[str]:
    given = {
        "app_id": APP_ID,
        "secret": SECRET,
        "token": TOKEN,
        "aes_key": AES_KEY,
        "base_url": wechat.url,
        "timeout": 0.5,
    }
    findings = await examine(WeChatSettings.model_validate({**given, **more}))
    for key, values in findings:
        assert "{" not in texts().fill(key, values), "everything that the sentence needs is there"
    return [key for key, _ in findings]


async def test_a_good_account(wechat: FakeWeChat) -> None:
    assert await found(wechat) == [], "also before it has a menu"
    wechat.menu = {"button": []}
    assert await found(wechat) == []
    assert wechat.log == [], "nobody was written to"


async def test_an_account_that_is_not_verified(wechat: FakeWeChat) -> None:
    wechat.verified = False
    assert await found(wechat) == ["wechat.no_messages", "wechat.no_menu"]
    assert await found(wechat, menu=False) == ["wechat.no_messages"]


async def test_a_day_that_is_used_up(wechat: FakeWeChat) -> None:
    wechat.left = 0
    assert await found(wechat) == ["wechat.no_quota"]


@pytest.mark.parametrize(
    ("how", "key"),
    [
        (40013, "wrong_app_id"),
        (40125, "wrong_secret"),
        (40001, "wrong_secret"),
        (40243, "frozen_secret"),
        (40164, "wrong_ip"),
        (89503, "bad_account"),
        (99999, "bad_account"),
        (-1, "unreachable"),
        (None, "unreachable"),
        (1.0, "unreachable"),
        (b"<html>", "unreachable"),
    ],
)
async def test_why_there_is_no_token(wechat: FakeWeChat, how: float | bytes | None, key: str) -> None:
    wechat.fail(TOKENS, how)
    assert await found(wechat) == [f"wechat.{key}"]


@pytest.mark.parametrize("path", [QUOTA, MENU])
@pytest.mark.parametrize(("how", "keys"), [(76021, []), (45009, []), (-1, ["wechat.unreachable"]), (48001, None)])
async def test_what_each_question_brings(wechat: FakeWeChat, path: str, how: int, keys: list[str] | None) -> None:
    wechat.fail(path, how, times=3)
    expected = [f"wechat.{'no_messages' if path == QUOTA else 'no_menu'}"] if keys is None else keys
    assert await found(wechat) == expected


async def test_the_command(wechat: FakeWeChat, tmp_path: Path) -> None:
    """``doctor`` asks nobody; ``doctor --online`` does."""
    wechat.fail(TOKENS, 40164, times=9)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BOT_")} | {
        "BOT_WECHAT__APP_ID": APP_ID,
        "BOT_WECHAT__SECRET": SECRET,
        "BOT_WECHAT__TOKEN": TOKEN,
        "BOT_WECHAT__AES_KEY": AES_KEY,
        "BOT_WECHAT__BASE_URL": wechat.url,
    }

    def doctor(*more: str) -> dict[str, object]:
        command = [sys.executable, "-m", "bot", "doctor", "--data", str(tmp_path), "--json", *more]
        ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert SECRET not in ended.stdout + ended.stderr
        assert ended.returncode == (1 if more else 0), ended.stderr
        return dict(json.loads(ended.stdout))

    assert await asyncio.to_thread(doctor) == {"ok": True, "findings": []}
    assert wechat.calls == []
    told = await asyncio.to_thread(doctor, "--online")
    assert told["findings"] == [texts().fill("wechat.wrong_ip", {"code": 40164})]
