"""The bot, unmodified, against a Telegram that others wrote: PyPI `telemelya` (webhook, private chats).

The emulator knows no secret, so a small proxy of ours stands between it and the bot and adds the header, as Telegram would.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.platforms.serving import ROOT, free_port, serving
from tests.platforms.telegram.chats import Chat, message_update, person
from tests.platforms.telegram.wire import Connection, Poster, Request, Response

TOKEN = "123456789:telemelya"
SECRET = "a-secret-of-the-test-run"
LI = 501

pytestmark = [pytest.mark.emulator, pytest.mark.timeout(180)]


@asynccontextmanager
async def listening(handler: Any) -> AsyncIterator[int]:
    """Answer HTTP with a function; yields the port."""
    connections: set[Connection] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(handler, connections), "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        for connection in list(connections):
            if connection.transport is not None:
                connection.transport.abort()
        server.close()
        await server.wait_closed()


@dataclass(slots=True)
class Emulator:
    """The emulator's control side."""

    client: httpx.AsyncClient

    async def say(self, user: int, text: str, name: str = "李阿姨") -> str:
        """Write to the bot in private and return what it answers."""
        await self.client.post("/api/v1/test/reset")
        asked = {"chat_id": user, "text": text, "from_user": {"id": user, "first_name": name}}
        sent = await self.client.post("/api/v1/test/send_update", params={"bot_token": TOKEN}, json=asked)
        assert sent.json()["delivery"]["status_code"] == 200, sent.text
        end = time.monotonic() + 15
        while time.monotonic() < end:
            waited = await self.client.get("/api/v1/test/responses/wait", params={"timeout": 5}, timeout=20)
            response = waited.json()["response"]
            # What the bot says in the group lands in the same list.
            if response is not None and (response["method"], response["chat_id"]) == ("sendMessage", user):
                return str(response["text"])
        raise AssertionError(f"no answer to {text}")


@asynccontextmanager
async def emulator(python: str, log: Path) -> AsyncIterator[tuple[Emulator, str]]:
    """Run the emulator; yields its control side and its address."""
    port, redis_port = free_port(), free_port()
    async with listening(lambda _: Response(body=b"")) as storage:
        environment = os.environ | {"MINIO_ENDPOINT": f"127.0.0.1:{storage}", "PYTHONUNBUFFERED": "1"}
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                python,
                *(str(ROOT / "tests/platforms/telegram/emulator.py"), str(port), str(redis_port)),
                cwd=log.parent,
                env=environment,
                stdout=output,
                stderr=output,
            )
        url = f"http://127.0.0.1:{port}"
        try:
            headers = {"Authorization": "Bearer any"}
            async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as client:
                await _healthy(client, process, log)
                yield Emulator(client), url
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()


async def _healthy(client: httpx.AsyncClient, process: asyncio.subprocess.Process, log: Path) -> None:
    """Wait until the emulator answers.

    Raises:
        AssertionError: it ended, or did not answer within a minute; what it wrote is shown.
    """
    end = time.monotonic() + 60
    while True:
        with contextlib.suppress(httpx.HTTPError):
            if (await client.get("/api/v1/test/health")).status_code == 200:
                return
        alive = process.returncode is None and time.monotonic() < end
        assert alive, log.open(encoding="utf-8").read()[-3000:]
        await asyncio.sleep(0.1)


async def test_points_and_a_question_in_private(emulator_python: str, started_dir: Path) -> None:
    """
    李阿姨在群里：签到
    李阿姨私聊：积分                     → 5 积分
    李阿姨私聊：收到的水果坏了能退吗      → 知识库的回答
    """
    bot_port = free_port()
    bot = Poster(f"http://127.0.0.1:{bot_port}/telegram/webhook")

    async def with_secret(request: Request) -> Response:
        return Response(await bot.post(request.body, {"x-telegram-bot-api-secret-token": SECRET}), b"")

    async with (
        listening(with_secret) as proxy,
        emulator(emulator_python, started_dir.parent / "telemelya.log") as (
            telegram,
            url,
        ),
    ):
        settings = {
            "BOT_TELEGRAM__TOKEN": TOKEN,
            "BOT_TELEGRAM__BASE_URL": url,
            "BOT_TELEGRAM__MODE": "webhook",
            "BOT_TELEGRAM__WEBHOOK_URL": f"http://127.0.0.1:{proxy}",
            "BOT_TELEGRAM__SECRET": SECRET,
        }
        async with serving(started_dir, settings, port=bot_port) as served:
            group = Chat(-1001, "阳光花园", "supergroup")
            update = {"update_id": 20_000_000} | message_update(group, person(LI, "李阿姨"), "签到")
            poster = Poster(f"http://127.0.0.1:{proxy}/")
            assert await poster.post(json.dumps(update).encode(), {}) == 200
            poster.close()
            # The check-in is handled a moment after it is acknowledged.
            points = ""
            for _ in range(50):
                points = await telegram.say(LI, "积分")
                if "5" in points:
                    break
                await asyncio.sleep(0.1)
            assert "5" in points
            question = await telegram.say(LI, "收到的水果坏了能退吗")
            assert len(question) > 10
            assert question != points
            assert "Traceback" not in served.tail()
    bot.close()
