"""`serve --role`: one web and two workers as real processes over one PostgreSQL and one Chroma server (FAULTS F7, F15)."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from benchmarks.pushes import TOKEN, fill
from storage.columns import micros
from storage.engine import DatabaseSettings, open_database
from tests.chaos.server_driver import DRIVER
from tests.full import FULL
from tests.platforms.serving import Served, free_port, serving
from tests.platforms.telegram import FakeTelegram, Limits

pytestmark = [pytest.mark.chaos, pytest.mark.postgres]
RATE = 12


@pytest.fixture
def chroma(tmp_path: Path) -> Iterator[str]:
    """The address of a Chroma server."""
    url = f"http://127.0.0.1:{free_port()}"
    command = [str(Path(sys.executable).with_name("chroma")), "run", "--path", str(tmp_path / "chroma")]
    with (tmp_path / "chroma.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", url.rpartition(":")[2]],
            stdout=log,
            stderr=log,
            env=os.environ | {"ANONYMIZED_TELEMETRY": "False"},
        )
    try:
        end = time.monotonic() + 90
        while True:
            try:
                urllib.request.urlopen(f"{url}/api/v2/heartbeat", timeout=2).close()
                break
            except (urllib.error.URLError, OSError):
                assert time.monotonic() < end and process.poll() is None, (tmp_path / "chroma.log").read_text()
                time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(20)


async def test_workers_share_the_pushes_and_are_restarted_one_after_the_other(
    tmp_path: Path, postgres_url: str, chroma: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = 1500 if FULL else 180
    monkeypatch.setenv("BOT_DATABASE__URL", postgres_url)
    await asyncio.to_thread(fill_elsewhere, tmp_path / "web", groups)
    database = open_database(tmp_path, DatabaseSettings(url=SecretStr(postgres_url)))
    async with FakeTelegram(TOKEN, limits=Limits(), privacy=False) as platform, AsyncExitStack() as stack:
        for number in range(1, groups + 1):
            platform.add_group(-number, f"Sample group {number}")
        settings = {
            "BOT_DATABASE__URL": postgres_url,
            "BOT_KNOWLEDGE__CHROMA_URL": chroma,
            "BOT_TELEGRAM__TOKEN": TOKEN,
            "BOT_TELEGRAM__BASE_URL": platform.url,
            "BOT_TELEGRAM__RATE": str(RATE),
            "BOT_LOG_LEVEL": "ERROR",
        }

        async def start(name: str, role: str) -> Served:
            return await stack.enter_async_context(
                serving(tmp_path / name, settings, role=role, seconds=180, module=DRIVER)
            )

        await start("web", "web")
        workers = {name: await start(name, "worker") for name in ("one", "two")}
        await asyncio.sleep(3)
        due = micros(datetime.now(UTC))
        ready = "UPDATE schedule SET enabled = true, next_at = :due WHERE kind = 'topic'"
        database.write_now(lambda s: s.execute(text(ready), {"due": due}))

        def pushed() -> list[int]:
            return [one.chat for one in platform.sent() if one.chat < 0 and not one.reply_to]

        async def reached(number: float) -> None:
            await platform.wait_for(lambda: len(pushed()) >= number, 240)

        for name, share in (("one", 0.2), ("two", 0.5)):
            await reached(groups * share)
            assert await workers[name].end(signal.SIGTERM, 30) == 0
            await reached(len(pushed()) + 5)  # the other one goes on
            workers[name] = await start(name, "worker")
        await platform.say(-1, 7, "签到")  # zh: what people type
        await platform.wait_for(lambda: [one for one in platform.sent(-1) if one.reply_to], 60)
        await reached(groups)
        await asyncio.sleep(2)
        counts = Counter(pushed())
        assert len(counts) == groups
        assert set(counts.values()) == {1}
        assert len([one for one in platform.sent(-1) if one.reply_to]) == 1
        states = database.read_now(
            lambda s: s.execute(text("SELECT state, count(*), count(DISTINCT sender) FROM delivery GROUP BY 1")).all()
        )
        print(f"{groups} groups: {states}, refused {platform.limits.refused}")
        assert [(state, count) for state, count, _ in states] == [("sent", groups)]
        assert states[0][2] >= 2, "one worker did everything"
    database.close()


def fill_elsewhere(directory: Path, groups: int) -> None:
    """As :func:`benchmarks.pushes.fill`, which runs a loop of its own."""
    directory.mkdir()
    fill(directory, groups)
