"""What a person may expect in a private chat, on every channel. Each test is a conversation of somebody new."""

from __future__ import annotations

import pytest

from tests.channels.drivers import Driver
from tests.channels.shown import Talk

pytestmark = [
    pytest.mark.xdist_group("channels"),
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(180),
    pytest.mark.untraced,
]

QUESTION = "收到的水果坏了能退吗"
SORRY = "代码"
"""What is said after a bug."""


async def test_a_question_is_answered_with_its_source(driver: Driver) -> None:
    """邻居：收到的水果坏了能退吗 → 退多少、怎么退，依据哪份文档"""
    talk = await driver.newcomer()
    said = await driver.ask(talk, QUESTION)
    assert "依据：《生鲜售后规则》" in said
    assert "24 小时" in said
    assert all(not one.picture for one in talk.news)


async def test_a_command(driver: Driver) -> None:
    """邻居：帮助 → 有什么可以做"""
    talk = await driver.newcomer()
    assert "签到" in await driver.ask(talk, "帮助")
    assert "积分" in await driver.ask(talk, "全部功能")


async def test_a_word_that_nobody_knows_is_answered_too(driver: Driver) -> None:
    """邻居：咕噜咕噜魔法棒怎么修 → 答不上也说一声，不出错"""
    talk = await driver.newcomer()
    said = await driver.ask(talk, "咕噜咕噜魔法棒怎么修")
    assert said and SORRY not in said and "依据" not in said


async def test_no_sentence_begins_with_a_comma(driver: Driver) -> None:
    """平台不告诉名字的，就不叫名字"""
    talk = await driver.newcomer()
    for text in ("我的数据", "导出我的数据", "删除我的数据"):
        said = await driver.ask(talk, text)
        assert SORRY not in said
        assert not [line for line in said.splitlines() if line.startswith(("，", "、", "。"))], said


async def test_a_choice_is_offered_as_the_channel_can(driver: Driver) -> None:
    """邻居：删除我的数据 → 按钮，或者「回复数字选一个」，从不两样都有；点「先不删」→ 没删"""
    talk = await driver.newcomer()
    said = await driver.ask(talk, "删除我的数据")
    buttons = [key for one in talk.news for key in one.buttons]
    assert bool(buttons) == bool(driver.can.button_limit)
    assert ("1. " in said) == (not driver.can.button_limit)
    assert len(buttons) in (0, 2)
    await driver.choose(talk, 2)
    assert SORRY not in await driver.hear(talk)


async def test_what_is_known_of_a_person_can_be_seen_and_deleted(driver: Driver) -> None:
    """邻居：问一句 → 我的数据：有 → 删除我的数据、确定 → 都删好了；再发一次确定：不会出错"""
    talk = await driver.newcomer()
    await driver.ask(talk, QUESTION)
    assert "我记着这些" in await driver.ask(talk, "我的数据")
    await driver.ask(talk, "删除我的数据")
    asked = talk.news
    again = await driver.choose(talk, 1)
    assert "都删好了" in await driver.hear(talk)
    if driver.repeats:
        await again()
        assert not await driver.quiet(talk)
    if driver.can.button_limit:
        shown = next(one for one in asked if one.buttons)
        await driver.press(talk, shown, shown.buttons[0])
        await driver.quiet(talk)
        assert SORRY not in talk.text


async def test_a_number_counts_for_the_last_choices_alone(driver: Driver) -> None:
    """删除我的数据 → 1. 2. → 又说了别的 → 1：不再是「确定删除」"""
    talk = await driver.newcomer()
    await driver.ask(talk, "删除我的数据")
    await driver.ask(talk, "帮助")
    said = await driver.ask(talk, "1")
    assert "都删好了" not in said and SORRY not in said


async def test_a_number_of_somebody_else_is_a_number(driver: Driver) -> None:
    """李阿姨有两个选择；王姐发 1：李阿姨的还在，什么也没删"""
    li, wang = await driver.newcomer(), await driver.newcomer()
    await driver.ask(li, "删除我的数据")
    asked = li.news
    assert "都删好了" not in await driver.ask(wang, "1")
    if driver.can.button_limit:
        shown = next(one for one in asked if one.buttons)
        await driver.press(wang, shown, shown.buttons[0])
        assert "都删好了" not in await driver.hear(wang, 0)
    li.news = asked
    await driver.choose(li, 1)
    assert "都删好了" in await driver.hear(li)


async def test_the_same_event_twice_is_one(driver: Driver) -> None:
    """平台重发三次 → 只回一次"""
    if not driver.repeats:
        return
    talk = await driver.newcomer()
    again = await driver.say(talk, "帮助")
    await driver.hear(talk)
    for _ in range(3):
        await again()
    assert not await driver.quiet(talk)


BLANK = ("", "   ", "\n\n", "\u200b\u200d\u2060", "\u3164", "@团团", "@tuantuan_bot")


async def test_what_says_nothing_breaks_nothing(driver: Driver) -> None:
    """空的、只有空格、看不见的字、只 @ 了一下 → 最多一句话，不出错；接着还能用"""
    talk = await driver.newcomer()
    for text in BLANK:
        await driver.say(talk, text)
        assert len(await driver.quiet(talk)) <= 1, text
        assert SORRY not in talk.text
    assert "签到" in await driver.ask(talk, "帮助")


async def test_a_megabyte_breaks_nothing(driver: Driver) -> None:
    """一百万个字 → 不理，或者答一句；接着还能用"""
    talk = await driver.newcomer()
    for text in ("甲" * 350_000, "a" * 3000):
        await _say_all_the_same(driver, talk, text)
        assert len(await driver.quiet(talk)) <= 1
        assert SORRY not in talk.text
    assert "签到" in await driver.ask(talk, "帮助")


async def _say_all_the_same(driver: Driver, talk: Talk, text: str) -> None:
    """Say what no platform lets through whole; that ours refuses it is as good as that it is cut."""
    try:
        await driver.say(talk, text)
    except AssertionError:
        assert len(text) > 10_000, "short words are taken by every channel"


async def test_what_is_no_words_breaks_nothing(driver: Driver) -> None:
    """表情、位置、名片、视频、以后才有的种类 → 最多一句话，不出错；接着还能用"""
    talk = await driver.newcomer()
    for kind in driver.odd:
        await driver.send_odd(talk, kind)
        assert len(await driver.quiet(talk)) <= 1, kind
        assert SORRY not in talk.text
    assert "签到" in await driver.ask(talk, "帮助")
