"""Plays scripts in tests: through the whole program, without the knowledge base where nobody asks it anything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.main import open_program
from bot.play import Player, read_script
from bot.settings import Settings
from engagement.clocks import SetClock

SHANGHAI = "+08:00"


@dataclass(frozen=True)
class Played:
    """What a script brought out."""

    lines: list[dict[str, Any]]
    summary: dict[str, int]

    def answers_to(self, number: str) -> list[dict[str, Any]]:
        """The lines that quote a message."""
        return [line for line in self.lines if line["reply_to"] == number]

    def keys(self, *kinds: str) -> list[str]:
        """The text keys in order, of some kinds or all."""
        return [line["key"] for line in self.lines if not kinds or line["kind"] in kinds]


def at(moment: str, /, **fields: Any) -> dict[str, Any]:
    """A line at a local time of Shanghai."""
    return {"at": f"{moment}{SHANGHAI}", **fields}


def create(moment: str, group: str = "g1", leader: str = "u9", **more: str) -> dict[str, Any]:
    """The line that makes a group."""
    named = {"name": "阳光花园一期", "zone": "Asia/Shanghai", "leader": leader, "leader_name": "周团长", **more}
    return at(moment, group=group, create=named)


def write_script(path: Path, lines: Sequence[object]) -> Path:
    """Write a script; strings stand as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines),
        encoding="utf-8",
        errors="surrogateescape",
    )
    return path


def play(folder: Path, lines: Sequence[object], *, answers: bool = False) -> Played:
    """Play lines over a data directory."""
    script = read_script(write_script(folder.with_suffix(".jsonl"), lines))
    first = next(script)
    clock = SetClock(first.at)
    program = open_program(folder, Settings(), clock=clock, answers=answers, seed=answers, gated=False)
    heard: list[dict[str, Any]] = []

    async def run() -> dict[str, int]:
        player = Player(program, clock, heard.append)
        await player.line(first)
        return await player.play(script)

    try:
        summary = asyncio.run(run())
    finally:
        program.close()
    json.dumps(heard)
    return Played(heard, summary)


def instant(line: dict[str, Any]) -> datetime:
    """When a line came out."""
    return datetime.fromisoformat(line["at"])
