"""The platform as a process of its own: `python -m tests.platforms.telegram --port N [--log FILE]`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from pathlib import Path

from tests.platforms.telegram import FakeTelegram, Limits


async def _serve(arguments: argparse.Namespace) -> None:
    limits = Limits.none() if arguments.no_limits else Limits()
    platform = FakeTelegram(
        arguments.token, username=arguments.username, limits=limits, privacy=False, log_file=arguments.log
    )
    for group in range(1, arguments.groups + 1):
        platform.add_group(-group, f"测试群 {group}")
    await platform.start(arguments.port)
    print(platform.url, flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(description="A Bot API server for tests")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token", default="1:test")
    parser.add_argument("--username", default="tuantuan_bot")
    parser.add_argument("--groups", type=int, default=0, help="groups -1 … -N in which the bot is")
    parser.add_argument("--no-limits", action="store_true")
    parser.add_argument("--log", type=Path, default=None, help="append every call here, as JSON lines")
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(arguments))


if __name__ == "__main__":
    main()
