"""What each errcode of WeChat and WeCom brings about: tried again, given up, or the place is gone; and in words people read."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bot.channels.wecom.appchat import PREFIX, AppchatSender
from engagement.campaigns import words
from engagement.kernel import Kind, Outcome, Place, Receipt, Sender
from prompts.loader import texts
from storage.engine import Database
from tests.bot.channels.wechat.test_wechat_sender import Bench as Account
from tests.bot.channels.wecom.test_senders import House, message, worded
from tests.platforms.wechat import FakeWeChat
from tests.platforms.wecom_bot import FakeWecomBot
from tests.platforms.wecom_bot.bench import bench, outgoing

SENT, RETRY, REJECTED, GONE = Outcome.SENT, Outcome.RETRY, Outcome.REJECTED, Outcome.GONE
_SEND = "/cgi-bin/message/custom/send"
_numbers = itertools.count()

CODES = [
    # The Official Account. A token that is not taken is replaced, and the call made once more.
    ("wechat", 40001, SENT, ""),
    ("wechat", 40014, SENT, ""),
    ("wechat", 42001, SENT, ""),
    ("wechat", -1, RETRY, "busy"),
    ("wechat", 45009, RETRY, "quota"),
    ("wechat", 45011, RETRY, "too_many"),
    ("wechat", 40164, RETRY, "account"),
    ("wechat", 61024, RETRY, "account"),
    ("wechat", 45015, REJECTED, "window_closed"),
    ("wechat", 45047, REJECTED, "window_used"),
    ("wechat", 48001, REJECTED, "no_permission"),
    ("wechat", 48002, REJECTED, "refused_by_person"),
    ("wechat", 50002, REJECTED, "account_limited"),
    ("wechat", 45002, REJECTED, "too_long"),
    ("wechat", 44004, REJECTED, "empty"),
    ("wechat", 40003, GONE, "not_found"),
    ("wechat", 43004, GONE, "not_following"),
    ("wechat", 43019, GONE, "blocked"),
    # The app in private.
    ("app", 40001, SENT, ""),
    ("app", 40014, SENT, ""),
    ("app", 42001, SENT, ""),
    ("app", -1, RETRY, "busy"),
    ("app", 45009, RETRY, "too_many"),
    ("app", 45033, RETRY, "too_many"),
    ("app", 60020, RETRY, "set_up"),
    ("app", 301002, RETRY, "set_up"),
    ("app", 48001, REJECTED, "no_rights"),
    ("app", 48002, REJECTED, "no_rights"),
    ("app", 60011, REJECTED, "no_rights"),
    ("app", 84061, REJECTED, "no_contact"),
    ("app", 40008, REJECTED, "kind"),
    ("app", 40033, REJECTED, "markup"),
    ("app", 40058, REJECTED, "argument"),
    ("app", 40201, REJECTED, "spam"),
    ("app", 44004, REJECTED, "empty"),
    ("app", 45002, REJECTED, "too_long"),
    ("app", 60111, GONE, "no_user"),
    ("app", 81013, GONE, "not_visible"),
    # A group that the app has made, and a group's robot, which has no token.
    ("appchat", 42001, SENT, ""),
    ("appchat", 45009, RETRY, "too_many"),
    ("appchat", 86001, GONE, "no_chat"),
    ("appchat", 86003, GONE, "no_chat"),
    ("robot", 45009, RETRY, "too_many"),
    ("robot", 93000, GONE, "removed"),
    ("robot", 93004, GONE, "removed"),
    ("robot", 93008, GONE, "removed"),
    # The AI bot.
    ("wecom_bot", -1, RETRY, "busy"),
    ("wecom_bot", 6000, RETRY, "busy"),
    ("wecom_bot", 45009, RETRY, "too_many"),
    ("wecom_bot", 45033, RETRY, "too_many"),
    ("wecom_bot", 846607, RETRY, "too_many"),
    ("wecom_bot", 846605, REJECTED, "over"),
    ("wecom_bot", 846608, REJECTED, "over"),
    ("wecom_bot", 846610, GONE, "not_started"),
    ("wecom_bot", 86008, GONE, "not_started"),
    ("wecom_bot", 93000, GONE, "not_started"),
    ("wecom_bot", 93006, GONE, "not_started"),
    ("wecom_bot", 40058, REJECTED, "rejected"),
]
"""(where, errcode, what becomes of the message, why).

Source: WeChat and WeCom documents (global return codes).
"""

Say = Callable[[], Awaitable[Receipt]]
Refuse = Callable[[int], None]


class Town:
    """One sender of each kind, and how its platform is made to say no once."""

    def __init__(self, folder: Path, database: Database, stack: AsyncExitStack) -> None:
        self.folder, self.database, self.stack = folder, database, stack
        self.house = House(database)

    async def place(self, name: str) -> tuple[Say, Refuse]:
        """Return what sends one message there, and what lets the next one be refused."""
        if name == "wechat":
            return await self._account()
        if name == "wecom_bot":
            return await self._bot()
        places: dict[str, tuple[Sender, str, str]] = {
            "app": (self.house.app(), "message/send", "leader"),
            "appchat": (self._appchat(), "appchat/send", f"{PREFIX}chat0"),
            "robot": (self.house.robot(), "webhook/send", "robot:店"),
        }
        sender, path, to = places[name]

        def refuse(code: int) -> None:
            self.house.wecom.script[path] = [code]

        return lambda: sender.send(message(to)), refuse

    def _appchat(self) -> AppchatSender:
        return AppchatSender(self.house.api, self.house.settings, worded(), self.house.clock, self.database)

    async def _account(self) -> tuple[Say, Refuse]:
        platform = await self.stack.enter_async_context(FakeWeChat())
        account = Account(platform, self.folder)
        self.stack.push_async_callback(account.channel.close)
        await platform.say("o-li", "你好")
        await account.send()
        return account.send, lambda code: platform.fail(_SEND, code)

    async def _bot(self) -> tuple[Say, Refuse]:
        platform = await self.stack.enter_async_context(FakeWecomBot())
        here = await self.stack.enter_async_context(bench(self.database, platform.url, timeout=3.0, ping=30.0))
        here.answer = lambda _: None
        await platform.wait_for(lambda: here.channel.connection.is_open)
        await platform.say("zhang", "在吗")
        await platform.wait_for(lambda: here.came)
        send = here.channel.sender.send
        return lambda: send(outgoing("zhang", f"早上好 {next(_numbers)}", kind=Kind.PUSH)), platform.refuse.append


@pytest.fixture
async def town(tmp_path: Path, database: Database) -> AsyncIterator[Town]:
    async with AsyncExitStack() as stack:
        yield Town(tmp_path, database, stack)


@pytest.mark.parametrize("place", sorted({place for place, *_ in CODES}))
async def test_what_each_code_brings_about(town: Town, place: str) -> None:
    say, refuse = await town.place(place)
    for where, code, outcome, reason in CODES:
        if where != place:
            continue
        if place == "wechat":
            # Who is gone is not written to again, and no token is forced twice a minute.
            say, refuse = await town.place(place)
        town.house.on(61)
        refuse(code)
        receipt = await say()
        assert (receipt.outcome, receipt.reason) == (outcome, reason), code
        assert (receipt.retry_after > 0) is (outcome is RETRY), code


@pytest.mark.parametrize("reason", sorted({reason for *_, reason in CODES if reason}))
def test_each_reason_is_told_in_plain_words(reason: str) -> None:
    told = texts().raw(f"push.reason_{reason}")
    assert words.reason(reason) == told
    assert not any(mark in told for mark in ("errcode", "API", "_"))


def test_an_unknown_code_is_told_without_its_number() -> None:
    assert words.reason("errcode_99999") == words.reason("error_99999") == texts().raw("campaigns.reason_other")


async def test_a_wrong_secret_is_no_stale_token(town: Town) -> None:
    """40001 means two things: another token helps, or the settings are wrong and somebody has to mend them."""
    town.house.wecom.script["gettoken"] = [40001]
    receipt = await town.house.app().send(message())
    assert (receipt.outcome, receipt.reason, receipt.retry_after) == (RETRY, "set_up", 300.0)
    platform = await town.stack.enter_async_context(FakeWeChat())
    account = Account(platform, town.folder)
    town.stack.push_async_callback(account.channel.close)
    platform.fail("/cgi-bin/stable_token", 40001)
    receipt = await account.send(place=Place.DM)
    assert (receipt.outcome, receipt.reason) == (RETRY, "account")
