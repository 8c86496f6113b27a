"""A day of a WeChat community: the program as it runs, behind the fake WeCom, Official Account and Telegram, over real HTTP.

The program's clock is moved on, so that the day passes in seconds; the residents are in a customer group where nobody hears them.
`-s` prints what everybody saw.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.bot.channels.wecom.test_serve import KEY, open_for_business
from tests.bot.channels.wecom.test_serve import TOKEN as WECOM_TOKEN
from tests.platforms.moved import FILE, moved
from tests.platforms.serving import Served, free_port, serving
from tests.platforms.telegram import FakeTelegram
from tests.platforms.wechat import FakeWeChat
from tests.platforms.wechat.signin import Browser
from tests.platforms.wechat.signing import AES_KEY, APP_ID, ORIGINAL_ID, SECRET, TOKEN
from tests.platforms.wecom import FakeWecom, Template

pytestmark = [pytest.mark.timeout(400), pytest.mark.untraced]
SHANGHAI = ZoneInfo("Asia/Shanghai")
FIELD = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')
RESULT = "externalcontact/get_groupmsg_send_result"
TAG = re.compile(r"<(?:script|style|svg|select|details)\b.*?</(?:script|style|svg|select|details)>|<[^>]+>", re.DOTALL)
LI, WANG, ZHAO, QIAN = "o-li", "o-wang", "o-zhao", "o-qian"
TUAN, ON_TELEGRAM, GROUP = 70, 71, -10077


class Day:
    """The community, its platforms, and what was seen."""

    def __init__(
        self, folder: Path, wecom: FakeWecom, company: str, wechat: FakeWeChat, telegram: FakeTelegram
    ) -> None:
        self.folder, self.wecom, self.company, self.wechat, self.telegram = folder, wecom, company, wechat, telegram
        self.port = free_port()
        self.file = folder.parent / "clock"
        # More than a day from now, for what platforms say with their own time counts for the day it comes in.
        start = datetime.now(UTC).astimezone(SHANGHAI).replace(hour=7, minute=10, second=0) + timedelta(days=7)
        self._to(start)

    @property
    def now(self) -> datetime:
        return moved(self.file)

    def _to(self, moment: datetime) -> None:
        shift = (moment - datetime.now(UTC)).total_seconds()
        fresh = self.file.with_suffix(".new")
        fresh.write_text(str(shift), "ascii")
        fresh.replace(self.file)
        self.wechat.shift = shift

    def at(self, hour: int, minute: int = 0) -> None:
        """Let it be later that day."""
        moment = self.now.astimezone(SHANGHAI).replace(hour=hour, minute=minute, second=0)
        assert moment > self.now
        self._to(moment)
        self.note(f"—— {hour:02}:{minute:02} ——")

    def note(self, *words: str) -> None:
        print(*words, sep="\n")

    async def keep_time(self) -> None:
        while True:
            self.wecom.now = self.now
            await asyncio.sleep(0.05)

    def rows(self, statement: str) -> list[Any]:
        with closing(sqlite3.connect(self.folder / "tuantuan.db")) as database:
            return database.execute(statement).fetchall()

    async def until(self, found: Callable[[], Any], bot: Served, seconds: float = 45.0) -> Any:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            if there := found():
                return there
            await asyncio.sleep(0.05)
        raise AssertionError(bot.tail())

    @property
    def settings(self) -> dict[str, str]:
        return {
            FILE: str(self.file),
            "BOT_WECOM__CORP_ID": self.wecom.corp_id,
            "BOT_WECOM__AGENT_ID": str(self.wecom.agent_id),
            "BOT_WECOM__SECRET": self.wecom.secret,
            "BOT_WECOM__TOKEN": WECOM_TOKEN,
            "BOT_WECOM__BASE_URL": self.company,
            "BOT_WECOM__AES_KEY": KEY,
            "BOT_WECOM__POLL_SECONDS": "0.5",
            "BOT_WECOM__REMIND_AFTER": "5",
            "BOT_WECHAT__APP_ID": APP_ID,
            "BOT_WECHAT__SECRET": SECRET,
            "BOT_WECHAT__TOKEN": TOKEN,
            "BOT_WECHAT__AES_KEY": AES_KEY,
            "BOT_WECHAT__ORIGINAL_ID": ORIGINAL_ID,
            "BOT_WECHAT__BASE_URL": self.wechat.url,
            "BOT_WECHAT__OPEN_URL": self.wechat.url,
            "BOT_WECHAT__PATIENCE": "4",
            "BOT_TELEGRAM__TOKEN": self.telegram.token,
            "BOT_TELEGRAM__BASE_URL": self.telegram.url,
            "BOT_TELEGRAM__MODE": "polling",
            "BOT_WEB__PUBLIC_URL": f"http://127.0.0.1:{self.port}",
        }

    def of_group(self, chat: str) -> list[str]:
        return [one.content for one in self.wecom.log if one.to == f"group:{chat}"]

    def read(self, who: str) -> list[str]:
        """What somebody has read in the Official Account so far."""
        return [one.text for one in self.wechat.log if one.who == who and one.text and not one.code]

    async def tells(self, who: str, words: str, bot: Served) -> str:
        """Somebody writes to the Official Account and reads what comes."""
        before = len(self.read(who))
        await self.wechat.say(who, words)
        await self.until(lambda: len(self.read(who)) > before, bot)
        said = self.read(who)[before]
        self.note(f"{who}（公众号）：{words}", f"  团团：{said}")
        return said

    async def send(self, browser: Browser, page: Any, about: str, **fields: str) -> str:
        """Press the button of a page's form that holds some words."""
        forms = re.findall(r"<form[^>]*>.*?</form>", page.text, re.DOTALL)
        form = next((one for one in forms if about in one), "")
        assert form, (about, seen(page.text))
        action = re.search(r'action="([^"]*)"', form)
        address = str(page.url.join(action.group(1) if action else str(page.url.path)))
        answer = await browser.client.post(address, data={**dict(FIELD.findall(form)), **fields}, follow_redirects=True)
        assert answer.status_code == 200, answer.text
        return answer.text


def seen(page: str) -> str:
    """What a person reads on a page."""
    body = page[page.find("<main") :]
    return " · ".join(part.strip() for part in TAG.sub("\n", body).splitlines() if part.strip())[:600]


@asynccontextmanager
async def a_day(folder: Path) -> AsyncIterator[Day]:
    wecom = FakeWecom(datetime.now(UTC))
    wecom.add_group("wr1", "leader", "wm-li", "wm-wang", name="阳光花园")
    wecom.add_group("wr2", "staff", "wm-zhou", name="月亮湾")
    async with FakeWeChat() as wechat, FakeTelegram(privacy=False) as telegram, AsyncExitStack() as stack:
        company = await stack.enter_async_context(open_for_business(wecom))
        day = Day(folder, wecom, company, wechat, telegram)
        keeping = asyncio.create_task(day.keep_time())
        try:
            yield day
        finally:
            keeping.cancel()


async def join(day: Day, browser: Browser, link: str, name: str) -> str:
    """Open the message's link in somebody's WeChat, and come in."""
    page = await browser.open(link)
    assert page.status_code == 200 and page.url.path.startswith("/h5/in/"), page.text
    day.note(f"{name} 点开群里的链接", f"  页面：{seen(page.text)}")
    room = await day.send(browser, page, "群里怎么叫你", name=name)
    day.note(f"{name} 点「进群」", f"  页面：{seen(room)}")
    return room


async def test_a_day_of_a_wechat_community(started_dir: Path) -> None:
    """
    07:10  团团看到两个客户群；一个邻居在 Telegram 群里也有
    07:35  每个群一个群发任务，请群主点「发送」；群里还什么都没有
    07:41  阳光花园的团长点了：群里恰好一条，带进群的链接
    07:47  李阿姨、王叔点开链接，填名字进群，打卡；李阿姨问问题
    08:29  （公众号换成明文，程序重启）赵哥在公众号里签到、问、查积分；赵哥把 Telegram 上的自己绑上，积分在一本账里
    之后   平台重发、再点一次：什么也没有变成两份
    19:37  月亮湾的群主等满 12 小时也没点：提醒三次，收回，推送页写明
    """
    async with a_day(started_dir) as day:
        wecom, wechat, telegram = day.wecom, day.wechat, day.telegram

        def waiting() -> list[Template]:
            return [one for one in wecom.templates.values() if not one.cancelled and one.chats == ("wr2",)]

        run = {"channels": "wecom,wechat,telegram,web", "port": day.port, "module": "tests.platforms.moved"}
        async with serving(started_dir, day.settings, **run) as bot:  # type: ignore[arg-type]
            wechat.callback = f"{bot.url}/wechat/callback"
            wechat.web.domain = f"127.0.0.1:{day.port}"
            telegram.chat(TUAN)
            await telegram.add_bot(GROUP, TUAN, title="网上的邻居", admin=True, name="周团长")
            await telegram.wait_for(lambda: telegram.sent(GROUP))
            await day.until(lambda: len(day.rows("SELECT 1 FROM chat_group WHERE channel = 'wecom'")) == 2, bot)
            assert day.rows("SELECT DISTINCT hears, speaks FROM chat_group WHERE channel = 'wecom'") == [(0, 0)]

            day.at(7, 35)
            made = await day.until(lambda: len(wecom.templates) >= 2 and list(wecom.templates.values()), bot, 40)
            assert sorted(one.chats for one in made) == [("wr1",), ("wr2",)] and not day.of_group("wr1")
            [asked] = [one for one in made if one.chats == ("wr1",)]
            day.at(7, 41)
            wecom.confirm(asked.msgid)
            [message] = day.of_group("wr1")
            day.note("阳光花园的群里：", *(f"  {line}" for line in message.splitlines()))
            link = message.splitlines()[-1]
            assert f"{bot.url}/h5/in/" in link and message.count("http") == 1
            await day.until(lambda: ("sent",) in day.rows("SELECT state FROM mass_send"), bot)

            day.at(7, 47)
            async with wechat.browser(LI) as hers, wechat.browser(WANG) as his:
                for browser, name in ((hers, "李阿姨"), (his, "王叔")):
                    await join(day, browser, link, name)
                    page = await browser.open(f"{bot.url}/h5")
                    room = await day.send(browser, page, "min-h-16")
                    day.note(f"{name} 打卡", f"  页面：{seen(room)}")
                page = await hers.open(link)
                assert page.url.path == "/h5", "who is in goes straight on"
                page = await hers.open(f"{bot.url}/h5/ask")
                answered = await day.send(hers, page, "textarea", say="收到的水果坏了能退吗")
                day.note("李阿姨 在网页上问：收到的水果坏了能退吗", f"  页面：{seen(answered)}")
                assert "《" in answered or "退" in answered
            said = await day.tells(LI, "积分", bot)
            assert "阳光花园" in said or "5" in said
            said = await day.tells(WANG, "签到", bot)
            await day.until(lambda: len(day.rows("SELECT 1 FROM checkin")) == 2, bot)
            assert "明天" in said or "今天" in said, said
            # In small steps: after a longer sleep of its machine the program would ask anew.
            for minutes in range(7 * 60 + 53, 8 * 60 + 24, 9):
                looked = wecom.calls.count(RESULT)
                day.at(*divmod(minutes, 60))
                await day.until(lambda seen=looked: wecom.calls.count(RESULT) > seen + 1, bot)  # type: ignore[misc]
            assert len(waiting()) == 1, "as long as nobody taps there is one task"

        wechat.aes = False
        async with serving(started_dir, day.settings | {"BOT_WECHAT__MODE": "plain"}, **run) as bot:  # type: ignore[arg-type]
            day.at(8, 29)
            async with wechat.browser(ZHAO) as his:
                await join(day, his, link, "赵哥")
            await day.tells(ZHAO, "签到", bot)
            answer = await day.tells(ZHAO, "几点能提货", bot)
            assert answer
            repeated = wechat.text(ZHAO, "签到")
            for _ in range(3):
                await wechat.deliver(repeated)
            stranger = await day.tells(QIAN, "签到", bot)
            assert "链接" in stranger

            await telegram.say(GROUP, ON_TELEGRAM, "签到", name="赵哥")
            await day.until(lambda: len(day.rows("SELECT 1 FROM checkin")) == 4, bot)
            code = re.search(r"绑定 ([0-9A-Z-]+)", await day.tells(ZHAO, "绑定", bot))
            assert code is not None
            telegram.chat(ON_TELEGRAM)
            await telegram.say(ON_TELEGRAM, ON_TELEGRAM, f"绑定 {code.group(1)}", name="赵哥")
            offer = (await telegram.wait_for(lambda: telegram.sent(ON_TELEGRAM)))[-1]
            keys = re.findall(r"bond_yes:\w+", str(offer.params.get("reply_markup", "")))
            assert keys, offer.params
            await telegram.press(ON_TELEGRAM, ON_TELEGRAM, offer.message_id, keys[0], name="赵哥")
            await day.until(lambda: day.rows("SELECT 1 FROM bond WHERE state = 'bound'"), bot)
            await day.until(lambda: "合成了一个人" in day.read(ZHAO)[-1], bot)
            said = await day.tells(ZHAO, "积分", bot)
            assert "阳光花园" in said and "网上的邻居" in said, "both groups' points, one person, one ledger"

            wecom.confirm(asked.msgid)
            await asyncio.sleep(1.0)
            assert len(day.of_group("wr1")) == 1
            assert [one for one in wecom.templates.values() if one.chats == ("wr1",)] == [asked]

            day.at(19, 37)
            await day.until(lambda: not waiting(), bot)
            await day.until(
                lambda: ("failed", "not_confirmed") in day.rows("SELECT DISTINCT state, reason FROM delivery"), bot, 60
            )
            reminded = sum(len(one.reminded) for one in wecom.templates.values() if one.chats == ("wr2",))
            day.note(f"月亮湾：提醒 {reminded} 次，收回")
            assert reminded == 3 and not day.of_group("wr2")
            balances = day.rows(
                "SELECT m.name, g.name, a.balance, (SELECT sum(amount) FROM ledger_entry e WHERE e.account_id = a.id) "
                "FROM account a JOIN member m ON m.account_id = a.id JOIN chat_group g ON g.id = a.group_id ORDER BY a.id"
            )
            day.note("账上：", *(f"  {row}" for row in balances))
            assert all(balance == total > 0 for _, _, balance, total in balances)
            assert {row[0] for row in balances if row[1] == "阳光花园"} == {"李阿姨", "王叔", "赵哥"}
            people = day.rows("SELECT count(*) FROM member m JOIN chat_group g ON g.id = m.group_id "
                              "WHERE g.external_id = 'wr1' AND m.role = 'member'")  # fmt: skip
            assert people == [(3,)]
            assert not day.rows("SELECT 1 FROM outbox WHERE state = 'pending'"), "nothing is tried for ever"
            assert not [one for one in wechat.log if one.code]
