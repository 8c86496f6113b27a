"""What a server does every few seconds beside its work goes on, whatever the database does meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import select
from structlog.testing import capture_logs

from bot.main import open_program
from bot.server import Server
from bot.settings import Settings
from engagement.clocks import SetClock
from engagement.kernel import Event, Incoming, Place
from storage.groups import GroupHour

NOW = datetime(2026, 12, 1, 1, 0, tzinfo=UTC)


def incoming(number: str, event: Event) -> Incoming:
    return Incoming(event, "play", number, Place.GROUP, "g1", "u9", NOW, NOW, sender_name="周团长", text="早")


async def until(wanted: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while True:
            if wanted():
                return
            await asyncio.sleep(0.01)


async def test_a_database_that_fails_for_a_while_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was heard meanwhile is counted afterwards."""
    monkeypatch.setattr("bot.server.FLUSH_SECONDS", 0.01)
    program = open_program(tmp_path / "data", Settings(), clock=SetClock(NOW), answers=False, gated=False)
    try:
        await program.take(incoming("m0", Event.BOT_ADDED))
        database = program.database
        await database.write(lambda s: s.execute(text("ALTER TABLE group_hour RENAME TO away")))
        program.pump.hearing.note(incoming("m1", Event.MESSAGE))
        with capture_logs() as logs:
            turning = asyncio.create_task(Server(program, [], "web")._flush())
            await until(lambda: turning.done() or any(line["event"] == "flush.failed" for line in logs))
        await database.write(lambda s: s.execute(text("ALTER TABLE away RENAME TO group_hour")))
        heard = select(GroupHour.messages)
        await until(lambda: turning.done() or database.read_now(lambda s: s.exec(heard).all()) == [1])
        assert not turning.done()
        turning.cancel()
    finally:
        program.close()
