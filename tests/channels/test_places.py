"""Groups: how what nobody asked for gets there, what is heard there, and where nothing may be said."""

from __future__ import annotations

import asyncio
import itertools
import re
from typing import Any

import pytest

from bot.abilities import able
from bot.rendering.capabilities import Hears
from engagement.kernel import Button, Card, Kind, Outcome, Outgoing, Place
from prompts.loader import texts
from tests.channels.house import APPCHAT, CUSTOMERS, ROBOT, House
from tests.platforms.telegram.chats import message_update

pytestmark = [
    pytest.mark.xdist_group("channels"),
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(180),
    pytest.mark.untraced,
]

_groups = itertools.count(-9000, -1)
QUESTION = "收到的水果坏了能退吗"


def pushed(channel: str, account: str, conversation: str, name: str = "阳光花园", **more: Any) -> Outgoing:
    values = {"name": name}
    more = {"buttons": [Button("a:1", "members.button_keep")], "kind": Kind.PUSH} | more
    kind = more.pop("kind")
    return Outgoing(kind, channel, account, Place.GROUP, conversation, "suite", "members.export", values, **more)


def numbered(text: str) -> bool:
    return texts().raw("render.choose") in text


async def test_telegram_by_itself(far: House) -> None:
    """到点自动发到群里，带按钮"""
    group = next(_groups)
    assert far.telegram is not None
    await far.telegram.add_bot(group, 77, admin=True, name="周团长")
    await far.settle()
    before = len(far.telegram.sent(group))
    receipt = await far.push(pushed("telegram", "1", str(group)))
    assert (receipt.outcome, bool(receipt.provider_id)) == (Outcome.SENT, True)
    (seen,) = far.telegram.sent(group)[before:]
    assert seen.buttons == [["a:1"]] and not numbered(seen.text) and seen.text.startswith("阳光花园")


async def test_telegram_in_a_group_answers_who_asks_it(far: House) -> None:
    """邻居之间说话，不理；@ 它问，引用着答；它自己的话、别的机器人的话，不理"""
    group, telegram = next(_groups), far.telegram
    assert telegram is not None
    await telegram.add_bot(group, 77, admin=True, name="周团长")
    await far.settle()
    before = len(telegram.log)
    await telegram.say(group, 78, "今天的草莓真甜", name="王姐")
    for who in (telegram.bot, telegram.bot | {"id": 555, "username": "another_bot"}):
        assert await telegram.deliver(message_update(telegram.chat(group), who, "签到")) == 200
    await far.settle()
    assert len(telegram.log) == before
    asked = await telegram.say(group, 78, f"@tuantuan_bot {QUESTION}", name="王姐")
    await far.settle()
    assert [one.reply_to for one in telegram.sent(group)][-1] == asked


async def test_the_ai_bot_where_it_was_spoken_to(far: House) -> None:
    """没跟它说过话的群：发不了，写明为什么；说过一句以后：自动发，选项是卡片"""
    robot = far.wecom_bot
    assert robot is not None
    refused = await far.push(pushed("wecom_bot", "bot-1", "g-never"))
    assert refused.outcome in (Outcome.GONE, Outcome.REJECTED) and refused.reason
    await robot.say("zhang", f"@团团 {QUESTION}", group="g-suite")
    await robot.wait_for(lambda: [one for one in robot.seen if one.chat == "g-suite" and one.finished])
    await far.settle()
    assert "依据" in robot.shown("g-suite")[0]
    before = len(robot.seen)
    assert (await far.push(pushed("wecom_bot", "bot-1", "g-suite"))).outcome is Outcome.SENT
    words, card = [one for one in robot.seen[before:] if one.chat == "g-suite"]
    assert words.text.startswith("阳光花园") and card.buttons == ["a:1"]


async def test_the_official_account_has_no_groups(far: House) -> None:
    """公众号里没有群：不发，写明为什么"""
    assert far.wechat is not None
    before = len(far.wechat.log)
    receipt = await far.push(pushed("wechat", "", "somewhere"))
    assert (receipt.outcome, receipt.reason) == (Outcome.REJECTED, "no_groups")
    assert len(far.wechat.log) == before


async def test_a_customer_group_when_its_leader_confirms(far: House) -> None:
    """建好一条，等群主点；点了才到群里；群里没有选项可以回，除了这一条什么也不说"""
    wecom = far.wecom
    assert wecom is not None
    message = pushed("wecom", wecom.corp_id, CUSTOMERS, card=Card("board", {"group": "x", "rows": []}))
    waits = await far.push(message)
    assert (waits.outcome, waits.reason) == (Outcome.RETRY, "awaiting_leader")
    assert waits.held_until is not None and waits.held_until > far.now()
    assert not [one for one in wecom.log if one.to == f"group:{CUSTOMERS}"]
    ((msgid, task),) = wecom.templates.items()
    assert task.leader == "leader" and task.text.startswith("阳光花园") and not numbered(task.text)
    assert (await far.push(message)).outcome is Outcome.RETRY and len(wecom.templates) == 1, "asked once"
    wecom.confirm(msgid)
    await asyncio.sleep(0.05)
    assert (await far.push(message)).outcome is Outcome.SENT
    answer = await far.send(pushed("wecom", wecom.corp_id, CUSTOMERS, kind=Kind.REPLY))
    assert (answer.outcome, bool(answer.reason)) == (Outcome.REJECTED, True)
    assert len([one for one in wecom.log if one.to == f"group:{CUSTOMERS}"]) == 1


@pytest.mark.parametrize("conversation", [APPCHAT, ROBOT])
async def test_groups_inside_the_company(far: House, conversation: str) -> None:
    """自动发；那里的话程序听不到，所以没有编号的选项；能发图的发图；名字里的 <@all> 叫不到人"""
    wecom = far.wecom
    assert wecom is not None
    before = len(wecom.log)
    card = Card("board", {"group": "阳光花园", "rows": [{"name": "李阿姨", "points": 5}]})
    message = pushed("wecom", wecom.corp_id, conversation, "<@all><b>店</b>" + "长" * 2000, card=card)
    assert able(message).hears is Hears.NOTHING
    assert (await far.push(message)).outcome is Outcome.SENT
    seen = wecom.log[before:]
    assert bool([one for one in seen if one.kind == "image"]) == able(message).picture
    words = [one.content for one in seen if one.kind == "text"]
    assert 1 < len(words) <= able(message).parts and all(len(one.encode()) <= 2048 for one in words)
    assert not numbered("".join(words)) and not re.search("<[@/a-z]", "".join(words))
    edit = await far.push(pushed("wecom", wecom.corp_id, conversation, kind=Kind.EDIT, reply_to="x"))
    assert edit.outcome is Outcome.REJECTED and len(wecom.log) == before + len(seen)


async def test_what_runs_here(near: House) -> None:
    """模拟器和终端：当场就有"""
    assert (await near.push(pushed("sim", "", "yangguang"))).outcome is Outcome.SENT
    assert (await near.push(pushed("sim", "", "nowhere"))).outcome is Outcome.GONE
    before = len(near.written)
    assert (await near.push(pushed("terminal", "", "terminal"))).outcome is Outcome.SENT
    assert numbered("".join(near.written[before:]))
