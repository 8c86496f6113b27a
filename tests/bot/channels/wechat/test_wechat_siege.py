"""The bot as it runs, while many want to keep it busy, a thousand in `make chaos`: none costs much, who belongs is answered."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from tests.bot.channels.wechat.test_wechat_serve import LI, until
from tests.full import FULL
from tests.platforms.serving import free_port, serving
from tests.platforms.wechat import FakeWeChat
from tests.platforms.wechat.signing import AES_KEY, APP_ID, ORIGINAL_ID, SECRET, TOKEN, signed

pytestmark = [pytest.mark.timeout(240), pytest.mark.untraced]
OF_EACH = 200 if FULL else 40
MEGABYTES = 150
"""What the process may grow by; a thousand bodies of a megabyte would be ten times that."""
BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><xml><Content>&b;</Content></xml>'
MEGABYTE = b"x" * (1024 * 1024)


async def _knock(port: int, tail: str, headers: str, body: bytes, *, drips: bool = False) -> str:
    """Send one request as it stands; returns the status that came back, or ``cut``."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"POST /wechat/callback?{tail} HTTP/1.1\r\nhost: x\r\n{headers}".encode())
        with suppress(ConnectionError):
            writer.write(body)
            await writer.drain()
            while drips and not reader.at_eof():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.2)
        answer = await asyncio.wait_for(reader.read(64), 90)
        return answer[9:12].decode() or "cut"
    except ConnectionError:
        return "cut"
    finally:
        writer.close()


def _memory(pid: int, name: str) -> float:
    """Megabytes of a process: ``VmRSS`` now, ``VmHWM`` at the most."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def _begin_to_measure(pid: int) -> float:
    """Forget a process's peak, where that may be; returns what is the peak now."""
    with suppress(OSError):
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    return _memory(pid, "VmHWM")


async def test_many_at_once(started_dir: Path) -> None:
    """
    As many bombs as huge, endless and dripping bodies, and as many who never come to the point
    李阿姨: 积分 → is answered meanwhile, and afterwards
    """
    port = free_port()
    async with FakeWeChat() as wechat:
        settings = {
            "BOT_WECHAT__APP_ID": APP_ID,
            "BOT_WECHAT__SECRET": SECRET,
            "BOT_WECHAT__TOKEN": TOKEN,
            "BOT_WECHAT__AES_KEY": AES_KEY,
            "BOT_WECHAT__ORIGINAL_ID": ORIGINAL_ID,
            "BOT_WECHAT__BASE_URL": wechat.url,
            "BOT_WECHAT__OPEN_URL": wechat.url,
        }
        async with serving(started_dir, settings, channels="wechat", port=port, seconds=120) as bot:
            wechat.callback = f"http://127.0.0.1:{port}/wechat/callback"
            await wechat.say(LI, "签到")
            await until(lambda: bool(wechat.shown(LI)))
            pid = bot.process.pid
            before = _begin_to_measure(pid)
            post = signed(BOMB, wechat.now(), aes=True)
            of = f"content-length: {len(post.body)}\r\n\r\n"
            kinds = {
                "bomb": (post.tail, f"content-type: application/json\r\n{of}", post.body, False),
                "huge": (post.tail, f"content-length: {50 * len(MEGABYTE)}\r\n\r\n", MEGABYTE, False),
                "endless": (post.tail, "transfer-encoding: chunked\r\n\r\n", b"100000\r\n" + MEGABYTE + b"\r\n", False),
                "dripping": (post.tail, "content-length: 60000\r\n\r\n", b"<xml>", True),
                "silent": (post.tail, "x-never: ", b"", True),
            }
            told = {
                (kind, number): asyncio.create_task(_knock(port, tail, headers, body, drips=drips))
                for kind, (tail, headers, body, drips) in kinds.items()
                for number in range(OF_EACH)
            }
            await asyncio.sleep(1.0)
            shown = len(wechat.shown(LI))
            await wechat.say(LI, "积分")
            await until(lambda: len(wechat.shown(LI)) > shown, 60.0)
            statuses = await asyncio.gather(*told.values())
            found = Counter((kind, status) for (kind, _), status in zip(told, statuses, strict=True))
            grown = _memory(pid, "VmHWM") - before
            print(f"{dict(found)}, grown by {grown:.0f} MB at the most")
            # Who still writes when the line is closed may not come to read why.
            why = {"bomb": "400", "huge": "413", "endless": "413", "dripping": "408", "silent": "cut"}
            assert {(kind, status) for kind, status in found if status != "cut"} <= set(why.items())
            assert found["bomb", "400"] == OF_EACH
            assert grown < MEGABYTES
            shown = len(wechat.shown(LI))
            await wechat.say(LI, "积分")
            await until(lambda: len(wechat.shown(LI)) > shown)
            assert bot.process.returncode is None and "Traceback" not in bot.tail()
