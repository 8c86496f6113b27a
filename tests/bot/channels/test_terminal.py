"""The terminal channel, typed line by line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.channels.terminal import Terminal
from bot.main import Program, open_program
from bot.rendering.capabilities import TERMINAL
from bot.rendering.render import render
from engagement.clocks import SetClock
from engagement.errors import Refusal


@dataclass
class Stage:
    """A terminal and what stands on it."""

    program: Program
    clock: SetClock
    terminal: Terminal
    written: list[str] = field(default_factory=list)

    async def type(self, text: str) -> str:
        before = len(self.written)
        assert await self.terminal.line(text)
        return "\n".join(self.written[before:])


@pytest.fixture
async def stage(data_dir: Path) -> AsyncIterator[Stage]:
    clock = SetClock(datetime(2026, 11, 19, 23, 20, tzinfo=UTC))
    program = open_program(data_dir, clock=clock, answers=False)
    written: list[str] = []
    terminal = Terminal(
        clock,
        receive=program.pump.receive,
        settle=program.pump.drain,
        advance=lambda to: program.advance(clock, to),
        render=lambda message: render(message, TERMINAL),
        write=written.append,
    )
    program.senders[terminal.name] = terminal
    await terminal.open()
    yield Stage(program, clock, terminal, written)
    program.close()


async def test_a_morning(stage: Stage) -> None:
    """
    李阿姨: 签到
    团团: 李阿姨，欢迎第一次打卡 …
    李阿姨: 1          (看我的积分)
    /at 07:30          the topic
    李阿姨> 帮助       in private
    """
    assert "李阿姨" in await stage.type("李阿姨: 签到")
    assert "5" in await stage.type("李阿姨：1")
    assert "今天的话题" in await stage.type("/at 07:30")
    assert "签到" in await stage.type("李阿姨> 帮助")
    assert "11-21 07:30" in await stage.type("/day")


@pytest.mark.parametrize("text", ["xx", "/at 25:00", "/at", "/fly: away"])
async def test_what_is_not_understood_is_answered_with_how(stage: Stage, text: str) -> None:
    assert "/at 07:30" in await stage.type(text)


async def test_an_empty_line_says_nothing_and_quit_ends(stage: Stage) -> None:
    assert await stage.type("   ") == ""
    assert not await stage.terminal.line("/quit")


async def test_a_clock_that_cannot_be_moved_says_so(stage: Stage) -> None:
    async def refuse(_to: datetime) -> None:
        raise Refusal("sim.clock_fixed")

    stage.terminal._advance = refuse
    assert "拨不动" in await stage.type("/day")
