"""The first ten minutes, without a manual: from adding the bot to the first check-in of a neighbour.

In the simulator's channel, on a clock that is set, and against a Telegram that hides plain words from the bot.

    周团长 把团团拉进「阳光花园」                                   （第 1 步）
    群里   团团：大家好，我是团团……（团长点我头像私聊发「开始」）        （群里第 1 条）
    周团长 私聊：开始                                              （第 2 步）
    私聊   团团：三步走到这里……我现在只看得到 @我 的话，请加我做管理员 [我设好了]
    周团长 在群管理里把团团设成管理员                                （第 3 步）
    私聊   团团：好了，收得到了。提货点在哪里？直接发给我就行
    周团长 东门快递柜                                              （第 4 步）
    私聊   团团：记下了。提货时间是几点到几点？
    周团长 16:00-20:00                                            （第 5 步）
    私聊   团团：记好了……邻居问“在哪提货”，我就答：东门快递柜。最后一步：回群里发一句「签到」
    李阿姨 签到
    群里   团团：李阿姨，欢迎第一次打卡……                            （群里第 2 条）
    私聊   团团：「阳光花园」有了第一次签到：李阿姨……三步都走完啦
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.channels.sim.history import Line
from bot.channels.sim.lines import words_of
from bot.channels.sim.simulator import Simulator
from bot.main import Program
from engagement.clocks import SetClock
from engagement.kernel import Event
from tests.bot.channels.test_sim import open_simulator
from tests.platforms.serving import serving
from tests.platforms.telegram import FakeTelegram
from tests.platforms.telegram.chats import member_update

pytestmark = pytest.mark.untraced

NINE = datetime(2026, 12, 1, 1, 0, tzinfo=UTC)  # 9:00 in Shanghai
MOST_STEPS = 6
MOST_IN_THE_GROUP = 2
TEN_MINUTES = timedelta(minutes=10)
READS = 7.0
"""Characters a second that a tired person reads."""
TYPES = 1.0
"""Characters a second that the same person types on a phone."""
LOOKS = 15.0
"""Seconds to find the next chat, the button, the page of administrators."""


@dataclass
class Walk:
    """A leader in the simulator: what is done is counted and takes time, what is said is read."""

    program: Program
    sim: Simulator
    clock: SetClock
    leader: str
    steps: list[str] = field(default_factory=list)

    async def _done(self, step: str, seconds: float) -> None:
        self.steps.append(step)
        self.clock.set(self.clock.now() + timedelta(seconds=LOOKS + seconds))

    def _read(self, before: int) -> list[Line]:
        lines = [
            one for one in self.sim.history.last(self.leader, 30) if one["number"] > before and one["from"] == "bot"
        ]
        self.clock.set(self.clock.now() + timedelta(seconds=sum(len(words_of(one)) for one in lines) / READS))
        return lines

    async def add(self, room: str, *, can_read: bool) -> list[Line]:
        """Bring the bot in, or change its rights."""
        await self._done(f"add {can_read}", 20)
        before = self.sim.history.number
        name = self.sim.rooms[room].name
        event = self.sim.event(Event.BOT_ADDED, room, self.leader, group_name=name, can_read=can_read)
        await self.sim.hand_over([event])
        return self._read(before)

    async def types(self, text: str) -> Line:
        """Write to the bot in private."""
        await self._done(text, len(text) / TYPES)
        before = self.sim.history.number
        await self.sim.say(self.leader, self.leader, text)
        await self.program.pump.drain()
        return self._read(before)[-1]

    async def presses(self, line: Line, label: str) -> Line:
        """Press a button by its label."""
        await self._done(f"[{label}]", 0)
        before = self.sim.history.number
        key = next(button["key"] for row in line["buttons"] for button in row if button["label"] == label)
        await self.sim.press(self.leader, self.leader, str(line["id"]), key)
        await self.program.pump.drain()
        return self._read(before)[-1]

    async def resident(self, room: str, text: str) -> list[Line]:
        """Somebody else in the group."""
        before = self.sim.history.number
        who = next(one for one in self.sim.rooms[room].members if one != self.leader)
        await self.sim.say(room, who, text)
        await self.program.pump.drain()
        return [one for one in self.sim.history.last(room, 30) if one["number"] > before]

    def in_group(self, room: str) -> list[Line]:
        """What the bot has said in a group."""
        return [one for one in self.sim.history.last(room, 50) if one["from"] == "bot"]


@pytest.fixture
async def walk(data_dir: Path) -> AsyncIterator[Walk]:
    clock = SetClock(NINE)
    program, simulator = open_simulator(data_dir, clock)
    simulator.keep_cast()
    leader = next(iter(simulator.rooms.values())).leader
    started = Walk(program, simulator, clock, leader)
    yield started
    started.sim.close()
    started.program.close()


async def test_from_adding_the_bot_to_the_first_check_in(walk: Walk, capsys: pytest.CaptureFixture[str]) -> None:
    room = next(iter(walk.sim.rooms))
    await walk.add(room, can_read=False)
    here = await walk.types("开始")
    assert "看得到大家的话：还没" in words_of(here)
    assert "管理员" in words_of(here)
    (asked,) = await walk.add(room, can_read=True)
    assert "提货点" in words_of(asked)
    asked = await walk.types("东门快递柜")
    assert "提货时间" in words_of(asked)
    summary = await walk.types("16:00-20:00")
    assert "我就答：东门快递柜" in words_of(summary)
    before = walk.sim.history.number
    checked = await walk.resident(room, "签到")
    assert "欢迎第一次打卡" in words_of(checked[-1])
    taken = walk.clock.now() - NINE
    told = [one for one in walk.sim.history.last(walk.leader, 5) if one["number"] > before]
    assert "三步都走完啦" in words_of(told[-1])
    assert len(walk.steps) <= MOST_STEPS, walk.steps
    assert len(walk.in_group(room)) <= MOST_IN_THE_GROUP
    assert taken < TEN_MINUTES
    with capsys.disabled():
        said = len(walk.in_group(room))
        print(
            f"\nonboarding, simulator: {len(walk.steps)} steps, {said} messages in the group, {taken.seconds} s by the clock"
        )


async def test_a_leader_who_only_presses(walk: Walk) -> None:
    """Who needs no administrator's rights and skips: three steps; 「开始」 comes back to what was skipped."""
    room = next(iter(walk.sim.rooms))
    (asked,) = await walk.add(room, can_read=True)
    asked = await walk.presses(asked, "跳过")
    asked = await walk.presses(asked, "跳过")
    assert "最后一步：回「" in words_of(asked)
    assert len(walk.steps) == 3
    await walk.resident(room, "签到")
    done = await walk.types("开始")
    assert "第一次签到：好了" in words_of(done)
    assert "提货点" in words_of(done)


async def test_it_is_resumed_after_a_restart(walk: Walk) -> None:
    """The program ends between the question and the answer; what comes next is taken all the same."""
    room = next(iter(walk.sim.rooms))
    await walk.add(room, can_read=True)
    directory = walk.program.directory
    walk.sim.close()
    walk.program.close()
    walk.program, walk.sim = open_simulator(directory, walk.clock)
    asked = await walk.types("东门快递柜")
    assert "记下了，提货点：东门快递柜" in words_of(asked)
    assert "提货时间" in words_of(asked)


async def test_the_second_group_is_one_tap(walk: Walk) -> None:
    """
    周团长 把团团拉进第二个群 → 私聊 [照抄「第一个群」的设置] → 都填好了，[撤销] 能改回去
    """
    rooms = list(walk.sim.rooms.values())
    first, second = rooms[0], rooms[1]
    second.leader = walk.leader
    if walk.leader not in second.members:
        second.members.append(walk.leader)
    await walk.add(first.id, can_read=True)
    await walk.types("东门快递柜")
    await walk.types("16:00-20:00")
    walk.steps.clear()
    (offered,) = await walk.add(second.id, can_read=True)
    copied = await walk.presses(offered, f"照抄「{first.name}」的设置")
    assert "照" in words_of(copied)
    assert len(walk.steps) == 2
    assert "东门快递柜" in words_of(await walk.types("设置"))
    assert "改回去" in words_of(await walk.presses(copied, "撤销"))
    assert "东门快递柜" not in words_of(await walk.types("设置"))


# ---------------------------------------------------------------- Telegram

GROUP = -1009
ZHOU, LI = 7, 8


def _under_way(data: Path) -> bool:
    with closing(sqlite3.connect(data / "tuantuan.db", timeout=10)) as database:
        found = database.execute("SELECT 1 FROM outbox WHERE state IN ('pending', 'sending') LIMIT 1").fetchone()
    return found is not None


@pytest.mark.timeout(180)
async def test_the_same_on_telegram(started_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Privacy mode is on, and the leader has never spoken to the bot: it cannot write first, so the group says how."""
    async with FakeTelegram(privacy=True) as telegram:
        settings = {
            "BOT_TELEGRAM__TOKEN": telegram.token,
            "BOT_TELEGRAM__BASE_URL": telegram.url,
            "BOT_TELEGRAM__MODE": "polling",
            "BOT_TELEGRAM__GROUP_RATE": "1200",
        }

        async def told(words: str) -> str:
            """Wait for a private message to the leader."""
            found = await telegram.wait_for(lambda: [d for d in telegram.sent(ZHOU) if words in d.text], 30)
            # Nobody reads and types within the moment in which the program writes down that it was sent.
            await telegram.wait_for(lambda: not _under_way(started_dir), 30)
            return str(found[-1].text)

        async with serving(started_dir, settings) as bot:
            began, steps = time.monotonic(), 0
            await telegram.add_bot(GROUP, ZHOU, title="阳光花园", name="周团长")
            steps += 1
            (hello,) = await telegram.wait_for(lambda: telegram.sent(GROUP), 30)
            assert "私聊发「开始」" in hello.text
            assert telegram.sent(ZHOU) == []
            await telegram.say(GROUP, LI, "签到", name="李阿姨")
            await telegram.say(ZHOU, ZHOU, "/start")
            steps += 1
            assert "管理员" in await told("只看得到")
            room = telegram.chat(GROUP)
            room.bot = "administrator"
            made = member_update(room, telegram.bot, telegram.person(ZHOU), "member", "administrator", "my_chat_member")
            await telegram.deliver(made)
            steps += 1
            assert "提货点" in await told("收得到了")
            await telegram.say(ZHOU, ZHOU, "东门快递柜")
            steps += 1
            await told("提货时间")
            await telegram.say(ZHOU, ZHOU, "16:00-20:00")
            steps += 1
            await told("我就答：东门快递柜")
            checked = await telegram.say(GROUP, LI, "签到")
            await telegram.wait_for(lambda: [d for d in telegram.sent(GROUP) if d.reply_to == checked], 30)
            await told("三步都走完啦")
            seconds = time.monotonic() - began
            said = len(telegram.sent(GROUP))
            assert steps <= MOST_STEPS
            assert said <= MOST_IN_THE_GROUP, [d.text for d in telegram.sent(GROUP)]
            assert "Traceback" not in bot.tail()
    with capsys.disabled():
        print(
            f"\nonboarding, Telegram: {steps} steps, {said} messages in the group, the bot's part took {seconds:.1f} s"
        )
