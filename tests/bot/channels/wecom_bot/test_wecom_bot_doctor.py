"""`doctor --online` asks the AI bot's platform itself, and never throws a running program out."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.__main__ import app
from bot.channels.wecom_bot.connection import End
from bot.channels.wecom_bot.examine import examine
from bot.channels.wecom_bot.lease import name_of
from bot.channels.wecom_bot.settings import WecomBotSettings
from prompts.loader import texts
from storage import leases
from storage.engine import Database, DatabaseSettings
from tests.platforms.wecom_bot import FakeWecomBot
from tests.platforms.wecom_bot.bench import bench


def of(url: str, secret: str = "shared") -> WecomBotSettings:
    return WecomBotSettings.model_validate({"bot_id": "bot-1", "secret": secret, "url": url, "timeout": 0.5})


async def ask(folder: Path, settings: WecomBotSettings) -> list[str]:
    found = await examine(settings, DatabaseSettings(), folder, datetime.now(UTC))
    assert all(texts().fill(key, values) for key, values in found), "each has its words"
    return [key for key, _values in found]


async def test_what_is_right_and_what_is_wrong(wecom: FakeWecomBot, tmp_path: Path) -> None:
    assert await ask(tmp_path, of(wecom.url)) == []
    assert await ask(tmp_path, of(wecom.url, "other")) == ["wecom_bot.refused"]
    assert await ask(tmp_path, of("ws://127.0.0.1:9")) == ["wecom_bot.unreachable"]
    wecom.delay = 5.0
    assert await ask(tmp_path, of(wecom.url)) == ["wecom_bot.silent"]
    assert not (tmp_path / "tuantuan.db").exists(), "asking makes nothing"
    assert not wecom.seen


async def test_a_running_program_is_not_thrown_out(wecom: FakeWecomBot, database: Database, tmp_path: Path) -> None:
    async with bench(database, wecom.url) as here:
        await wecom.wait_for(lambda: here.channel.connection.is_open)
        assert await ask(tmp_path / "house", of(wecom.url)) == ["wecom_bot.in_use"]
        await asyncio.sleep(0.2)
        assert (wecom.count("subscribed"), wecom.count("kicked")) == (1, 0)
    assert await ask(tmp_path / "house", of(wecom.url)) == []


@pytest.mark.parametrize("state", [*End, "open", "connecting", ""])
async def test_what_the_running_program_has_met_with_is_said(
    wecom: FakeWecomBot, database: Database, tmp_path: Path, state: str
) -> None:
    """With a wrong secret a program runs, and is not connected: to say that it is would be a lie."""
    now = datetime.now(UTC)
    until = now + timedelta(seconds=30)
    database.write_now(lambda s: leases.take(s, name_of("bot-1"), "one", now=now, until=until, state=state))
    mended_by_somebody = state in ("unreachable", "refused", "silent", "kicked")
    assert await ask(tmp_path / "house", of(wecom.url)) == [f"wecom_bot.{state if mended_by_somebody else 'in_use'}"]
    assert wecom.count("connected") == 0


def test_on_the_command_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`doctor --online` says in one line what does not work, and ends with 1; without an AI bot it asks nobody."""
    fine = CliRunner().invoke(app, ["doctor", "--online", "--data", str(tmp_path), "--json"])
    assert (fine.exit_code, json.loads(fine.stdout)) == (0, {"ok": True, "findings": []})
    for name, value in {"BOT_ID": "bot-1", "SECRET": "s", "URL": "ws://127.0.0.1:9"}.items():
        monkeypatch.setenv(f"BOT_WECOM_BOT__{name}", value)
    said = CliRunner().invoke(app, ["doctor", "--online", "--data", str(tmp_path), "--json"])
    wrong = texts().fill("wecom_bot.unreachable", {"url": "ws://127.0.0.1:9"})
    assert (said.exit_code, json.loads(said.stdout)) == (1, {"ok": False, "findings": [wrong]})
    offline = CliRunner().invoke(app, ["doctor", "--data", str(tmp_path)])
    assert offline.exit_code == 0
