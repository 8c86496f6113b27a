"""The bot as it runs, in groups, against a Telegram that limits, refuses, repeats, reorders and hangs up."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.platforms.serving import free_port, serving
from tests.platforms.telegram import FakeTelegram, answer, drop, too_many
from tests.platforms.telegram.chats import message_update, person

GROUP = -1001
TUAN, LI, WANG = 7, 8, 9
SECRET = "a-secret-of-the-test-run"

pytestmark = [pytest.mark.timeout(180), pytest.mark.untraced]


def settings(telegram: FakeTelegram, mode: str, port: int) -> dict[str, str]:
    return {
        "BOT_TELEGRAM__TOKEN": telegram.token,
        "BOT_TELEGRAM__BASE_URL": telegram.url,
        "BOT_TELEGRAM__MODE": mode,
        "BOT_TELEGRAM__WEBHOOK_URL": f"http://127.0.0.1:{port}",
        "BOT_TELEGRAM__SECRET": SECRET,
        # The platform's own limits stand; ours is not what is tested here.
        "BOT_TELEGRAM__GROUP_RATE": "1200",
    }


async def balance(telegram: FakeTelegram, chat: int, user: int) -> str:
    """Ask for points and return the answer."""
    asked = await telegram.say(chat, user, "积分")
    found = await telegram.wait_for(lambda: [d for d in telegram.sent(chat) if d.reply_to == asked])
    return str(found[0].text)


def stamped(telegram: FakeTelegram, chat: int, number: int) -> bool:
    """Whether a message was answered, by words or by a reaction."""
    return any(
        d.status == 200 and d.chat == chat and number in (d.reply_to, d.params.get("message_id")) for d in telegram.log
    )


async def test_a_morning_in_a_group_by_webhook(started_dir: Path) -> None:
    """
    周团长把团团拉进群                → 团团打招呼，私聊告诉团长怎么设置
    李阿姨：签到                     → +5；平台重发、乱序、断线都只算一次
    李阿姨：积分                     → 引用她那条，说 5 积分
    王姐：@团团 坏了能退吗            → 引用她那条，带依据
    群升级成超级群                   → 积分还在
    """
    port = free_port()
    async with (
        FakeTelegram(privacy=False) as telegram,
        serving(started_dir, settings(telegram, "webhook", port), port=port) as bot,
    ):
        assert telegram.webhook == f"http://127.0.0.1:{port}/telegram/webhook"
        assert (telegram.secret, set(telegram.allowed)) == (
            SECRET,
            {"message", "callback_query", "my_chat_member", "chat_member", "message_reaction"},
        )
        assert "checkin" in {command["command"] for command in telegram.commands}
        telegram.chat(TUAN)
        await telegram.add_bot(GROUP, TUAN, title="阳光花园", admin=True, name="周团长")
        await telegram.wait_for(lambda: telegram.sent(GROUP) and telegram.sent(TUAN))

        # Forged: no effect, and Telegram's own repetition of one update is one check-in.
        update = {"update_id": 50} | message_update(telegram.chat(GROUP), person(LI, "李阿姨"), "签到")
        assert await telegram.post_update(update, secret="wrong-wrong-wrong-wrong") == 403
        assert [await telegram.post_update(update) for _ in range(3)] == [200, 200, 200]
        statuses = await asyncio.gather(*(telegram.post_update(update) for _ in range(20)))
        assert set(statuses) == {200}
        number = update["message"]["message_id"]
        await telegram.wait_for(lambda: stamped(telegram, GROUP, number))
        assert "5" in await balance(telegram, GROUP, LI)

        # Edited and out of order: an edit is nothing, a lower update id is as good as a higher one.
        edited = message_update(telegram.chat(GROUP), person(WANG, "王姐"), "签到")["message"]
        assert await telegram.post_update({"update_id": 60, "edited_message": edited | {"edit_date": 1}}) == 200
        late = {"update_id": 40} | message_update(telegram.chat(GROUP), person(WANG, "王姐"), "打卡！")
        assert await telegram.post_update(late) == 200
        await telegram.wait_for(lambda: stamped(telegram, GROUP, late["message"]["message_id"]))
        assert "5" in await balance(telegram, GROUP, WANG)

        # A question, addressed: quoted, with its source. What nobody asked the bot stays unanswered.
        chatter = await telegram.say(GROUP, WANG, "今天的草莓真甜")
        asked = await telegram.say(GROUP, WANG, "@tuantuan_bot 收到的水果坏了能退吗")
        found = await telegram.wait_for(lambda: [d for d in telegram.sent(GROUP) if d.reply_to == asked])
        assert found[0].text
        assert not stamped(telegram, GROUP, chatter)

        # Telegram says later, hangs up, fails: the answer still comes, once.
        telegram.fail("sendMessage", too_many(1), chat=GROUP)
        telegram.fail("sendMessage", answer(502, raw=b"<html>"), chat=GROUP)
        before = len(telegram.sent(GROUP))
        assert "5" in await balance(telegram, GROUP, LI)
        assert len(telegram.sent(GROUP)) == before + 1
        telegram.fail("sendMessage", drop(after_sending=True), chat=GROUP)
        await telegram.say(GROUP, LI, "积分")
        await telegram.wait_for(lambda: any(d.cut for d in telegram.log))
        await asyncio.sleep(0.5)
        assert len(telegram.sent(GROUP)) == before + 2, "cut off after it went out: not said twice"

        # The group becomes a supergroup: told by the event, or met when sending; the points stay.
        new = await telegram.migrate(GROUP)
        assert "5" in await balance(telegram, new, LI)

        await telegram.remove_bot(new)
        assert telegram.limits.refused == 0
        assert await bot.end() in (0, -15)
        assert "Traceback" not in bot.tail()


def make_topic_due(data: Path, *, only_look: bool = False) -> bool:
    """Let the groups live where it is morning now, and the topic be due since 7:30 there; False: it has no schedule yet."""
    now = datetime.now(UTC)
    hours = next(h for h in range(-11, 13) if (now + timedelta(hours=h)).hour == 9)
    local = now + timedelta(hours=hours)
    due = local.replace(hour=7, minute=30, second=0, microsecond=0) - timedelta(hours=hours)
    zone = f"Etc/GMT{-hours:+d}" if hours else "Etc/GMT"
    with closing(sqlite3.connect(data / "tuantuan.db", timeout=10)) as database, database:
        if only_look:
            return bool(database.execute("SELECT 1 FROM schedule WHERE kind = 'topic'").fetchall())
        database.execute("UPDATE chat_group SET zone = ?", (zone,))
        database.execute("UPDATE schedule SET zone = ?", (zone,))
        moment = int(due.timestamp()) * 1_000_000
        return database.execute("UPDATE schedule SET next_at = ? WHERE kind = 'topic'", (moment,)).rowcount == 1


async def test_polling_goes_on_where_it_was_and_the_topic_comes_out(started_dir: Path) -> None:
    """
    周团长把团团拉进群；李阿姨：签到；机器人被重启，平台把她那条又给一遍
    李阿姨：积分                          → 还是 5
    早上 7:30，团团：早呀，今天的话题……  （平台先说 429，再断线：话题还是到了，只一条）
    李阿姨引用话题：一瓶老干妈             → +2
    """
    async with FakeTelegram(privacy=False) as telegram:
        telegram.chat(TUAN)
        telegram.webhook = "http://old.example"
        async with serving(started_dir, settings(telegram, "polling", 0)):
            assert telegram.webhook == ""
            await telegram.add_bot(GROUP, TUAN, title="阳光花园", admin=True, name="周团长")
            await telegram.wait_for(lambda: telegram.sent(GROUP) and telegram.sent(TUAN), 30)
            telegram.fail("getUpdates", answer(502, "Bad Gateway"))
            said = message_update(telegram.chat(GROUP), telegram.person(LI, "李阿姨"), "签到")
            update = {"update_id": telegram.next_update_id()} | said
            await telegram.deliver(update)
            number = update["message"]["message_id"]
            await telegram.wait_for(lambda: stamped(telegram, GROUP, number), 30)
        telegram.pending = [update]
        before = len(telegram.sent(GROUP))
        # The schedules of a new group are made at the first beat after a start, at the latest.
        async with serving(started_dir, settings(telegram, "polling", 0)) as bot:
            assert "5" in await balance(telegram, GROUP, LI)
            assert len(telegram.sent(GROUP)) == before + 1, "the repetition was not answered again"
            await telegram.wait_for(lambda: make_topic_due(started_dir, only_look=True), 60)
            telegram.fail("sendMessage", too_many(1), chat=GROUP)
            telegram.fail("sendMessage", drop(), chat=GROUP)
            make_topic_due(started_dir)
            await telegram.wait_for(lambda: len(telegram.sent(GROUP)) > before + 1, 60)
            topic = telegram.sent(GROUP)[before + 1]
            assert "话题" in topic.text
            answered = await telegram.say(GROUP, LI, "一瓶老干妈，三年了", reply_to=topic.message_id)
            await telegram.wait_for(lambda: stamped(telegram, GROUP, answered), 30)
            assert "7" in await balance(telegram, GROUP, LI)
            assert [d.text for d in telegram.sent(GROUP)].count(topic.text) == 1
            assert "Traceback" not in bot.tail()
