"""The bot as it runs, in a forum and with two accounts: where answers go, and that two bots in a group say things once."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.platforms.serving import serving
from tests.platforms.telegram import FakeTelegram
from tests.platforms.telegram.chats import ANONYMOUS, message_update

GROUP = -1001234567890
TUAN, LI, WANG, SUN = 7, 8, 9, 10
CHAT, NEWS = 11, 22

pytestmark = pytest.mark.timeout(180)


def settings(telegram: FakeTelegram, *more: FakeTelegram) -> dict[str, str]:
    return {
        "BOT_TELEGRAM__TOKEN": telegram.token,
        "BOT_TELEGRAM__BASE_URL": telegram.url,
        "BOT_TELEGRAM__MORE": json.dumps([{"token": one.token} for one in more]),
        "BOT_TELEGRAM__GROUP_RATE": "1200",
    }


async def answered(telegram: FakeTelegram, user: int, text: str, **more: Any) -> Any:
    """Say something in the group and return what quotes it."""
    asked = await telegram.say(GROUP, user, text, **more)
    return (await telegram.wait_for(lambda: [d for d in telegram.sent(GROUP) if d.reply_to == asked]))[0]


def let_it_speak(data: Path) -> None:
    """Whatever the hour is where this runs, and whatever is still to be pushed today: a newcomer is welcomed."""
    with closing(sqlite3.connect(data / "tuantuan.db", timeout=10)) as database, database:
        database.execute("UPDATE chat_group SET quiet_from = 0, quiet_to = 0, daily_budget = 50")


async def test_a_forum_and_a_second_bot(started_dir: Path) -> None:
    """
    周团长把团团拉进分了话题的群            → 打招呼在 General；私聊告诉团长怎么设置
    李阿姨（闲聊）：积分                   → 在闲聊里答
    周团长（公告）：推送发这里              → 孙叔来了，欢迎发在公告里
    （公告话题被删掉）王姐来了             → 欢迎发在 General，团长私聊里知道，只一次
    （匿名管理员）：设置                   → 一句话，团长私聊里收到怎么做
    周团长拉进第二个机器人；李阿姨：积分     → 两个都收到，只有第二个答，还是在闲聊里，分没有多
    李阿姨把第一个机器人拉黑               → 没人受影响
    """
    async with FakeTelegram(privacy=False) as telegram:
        other = telegram.twin("2:other", "tuan_two_bot", privacy=False)
        room = telegram.add_group(GROUP, "阳光花园")
        room.topics = {CHAT: True, NEWS: True}
        for chat in (TUAN, LI):
            telegram.chat(chat)
        async with serving(started_dir, settings(telegram, other)) as bot:
            await telegram.add_bot(GROUP, TUAN, title="阳光花园", name="周团长")
            await telegram.wait_for(lambda: telegram.sent(GROUP) and telegram.sent(TUAN))
            assert telegram.sent(GROUP)[0].thread == 0
            await telegram.say(TUAN, TUAN, "开始", name="周团长")
            await telegram.wait_for(lambda: len(telegram.sent(TUAN)) >= 2)
            await telegram.say(GROUP, LI, "签到", name="李阿姨", thread=CHAT)
            points = await answered(telegram, LI, "积分", thread=CHAT)
            assert (points.thread, "5" in points.text) == (CHAT, True)

            let_it_speak(started_dir)
            assert (await answered(telegram, TUAN, "推送发这里", thread=NEWS)).thread == NEWS

            before = len(telegram.sent(GROUP))
            await telegram.join(GROUP, SUN, name="孙叔")
            await telegram.wait_for(lambda: len(telegram.sent(GROUP)) > before)
            assert telegram.sent(GROUP)[before].thread == NEWS

            del room.topics[NEWS]
            private, before = len(telegram.sent(TUAN)), len(telegram.sent(GROUP))
            await telegram.join(GROUP, WANG, name="王姐")
            await telegram.wait_for(lambda: len(telegram.sent(GROUP)) > before and len(telegram.sent(TUAN)) > private)
            assert telegram.sent(GROUP)[before].thread == 0
            assert "话题" in telegram.sent(TUAN)[private].text

            hidden: dict[str, Any] = {"from": ANONYMOUS, "sender_chat": room.json()}
            hint = await answered(telegram, TUAN, "设置", thread=CHAT, **hidden)
            assert hint.thread == CHAT
            await telegram.wait_for(lambda: len(telegram.sent(TUAN)) > private + 1)
            assert "匿名" in telegram.sent(TUAN)[-1].text

            twin = other.add_group(GROUP, "阳光花园")
            twin.topics = room.topics
            await other.add_bot(GROUP, TUAN, title="阳光花园", name="周团长")
            await telegram.wait_for(lambda: len(telegram.sent(TUAN)) > private + 2)
            before = len(telegram.sent(GROUP))
            more = {"message_thread_id": CHAT, "is_topic_message": True}
            asked = 0
            for text in ("签到", "积分"):
                said = message_update(room, telegram.person(LI, "李阿姨"), text, **more)
                asked = said["message"]["message_id"]
                twin.messages[asked] = said["message"]
                await asyncio.gather(telegram.deliver(said), other.deliver(said))
            (points,) = await telegram.wait_for(lambda: [d for d in other.sent(GROUP) if d.reply_to == asked])
            assert (points.thread, "5" in points.text) == (CHAT, True)
            await telegram.block(LI)
            await asyncio.sleep(0.5)
            assert len(telegram.sent(GROUP)) == before, "the first bot is silent there"
            assert "Traceback" not in bot.tail()
