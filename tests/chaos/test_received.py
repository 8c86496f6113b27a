"""Two processes that receive on one PostgreSQL: what a dead one had acknowledged and not handled, the living one handles."""

from __future__ import annotations

import signal
from pathlib import Path

import psycopg
import pytest

from tests.chaos.server_driver import DRIVER
from tests.chaos.test_answers import GROUP, _beaten, _until, _value
from tests.platforms.serving import free_port, serving
from tests.platforms.telegram import FakeTelegram

pytestmark = [pytest.mark.chaos, pytest.mark.postgres]
DEAD_AFTER = 8.0
PEOPLE = range(8, 20)
PENDING = "SELECT count(*) FROM inbox WHERE state = 'pending'"


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGSTOP])
async def test_what_a_dead_process_received_is_handled_by_a_living_one(
    tmp_path: Path, postgres_url: str, sign: signal.Signals
) -> None:
    """
    Twelve neighbours: 签到, while nobody can write check-ins; a second process starts and leaves them alone; the first one is
    killed, or frozen → the second one handles all of them, each counts once, also when the first one goes on or starts again.
    """
    async with FakeTelegram(privacy=False) as telegram:
        telegram.add_group(GROUP, "阳光花园")
        port = free_port()
        settings = {
            "BOT_DATABASE__URL": postgres_url,
            "BOT_TELEGRAM__TOKEN": telegram.token,
            "BOT_TELEGRAM__BASE_URL": telegram.url,
            "BOT_TELEGRAM__MODE": "webhook",
            "BOT_TELEGRAM__WEBHOOK_URL": f"http://127.0.0.1:{port}",
            "BOT_TELEGRAM__SECRET": "a-secret-of-the-test-run",
            "BOT_TELEGRAM__GROUP_RATE": "1200",
            "TUANTUAN_DEAD_AFTER": str(DEAD_AFTER),
        }

        def start(name: str, at: int):  # type: ignore[no-untyped-def]
            return serving(tmp_path / name, settings, role="web", port=at, seconds=240, module=DRIVER)

        async with start("one", port) as one:
            with psycopg.connect(postgres_url) as held:
                held.execute("LOCK TABLE checkin IN EXCLUSIVE MODE")
                for person in PEOPLE:
                    await telegram.say(GROUP, person, "签到")
                await _until(postgres_url, f"SELECT ({PENDING}) = {len(PEOPLE)}")
                async with start("two", free_port()) as two:
                    for _ in range(3):
                        await _beaten(postgres_url)
                    owners = "SELECT count(DISTINCT receiver) FROM inbox WHERE state = 'pending'"
                    assert (_value(postgres_url, PENDING), _value(postgres_url, owners)) == (len(PEOPLE), 1)
                    one.process.send_signal(sign)
                    held.rollback()
                    await _until(postgres_url, f"SELECT ({PENDING}) = 0", 90)
                    if sign == signal.SIGSTOP:
                        one.process.send_signal(signal.SIGCONT)
                        await _beaten(postgres_url)
                        await _settled(telegram, postgres_url)
                    else:
                        await one.process.wait()
                        async with start("one", port):
                            await _settled(telegram, postgres_url)
                    assert "Traceback" not in two.tail()


async def _settled(telegram: FakeTelegram, postgres_url: str) -> None:
    """Wait until everything is answered; each neighbour has one check-in and its points once."""
    await _until(postgres_url, "SELECT count(*) = 0 FROM outbox WHERE state IN ('pending', 'sending')", 60)
    for _ in range(2):
        await _beaten(postgres_url)
    assert _value(postgres_url, "SELECT count(*) FROM checkin") == len(PEOPLE)
    twice = "SELECT count(*) FROM (SELECT member_id FROM checkin GROUP BY 1 HAVING count(*) > 1) t"
    assert _value(postgres_url, twice) == 0
    states = "SELECT count(*) FROM inbox WHERE state <> 'done'"
    assert _value(postgres_url, states) == 0
