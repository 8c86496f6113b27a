"""A message of several parts that WeChat takes only in part: the rest comes later, each part once, and no end is hidden."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.channels.choices import meant
from bot.rendering.render import Rendered
from engagement.kernel import Outcome, Receipt
from tests.bot.channels.wechat.test_wechat_sender import SEND, Bench
from tests.platforms.wechat import FakeWeChat

PARTS = ("一", "二", "三\n1 甲")


@pytest.fixture
async def wechat() -> AsyncIterator[FakeWeChat]:
    async with FakeWeChat() as platform:
        yield platform


@pytest.fixture
async def bench(wechat: FakeWeChat, tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(wechat, tmp_path)
    bench.words = Rendered(PARTS, numbered=("vote:1",))
    await wechat.say("o-li", "投票")
    yield bench
    await bench.channel.close()


async def said(wechat: FakeWeChat, bench: Bench, *parts: int | None, row: str = "") -> Receipt:
    """Send the message; the platform answers its parts with these codes, None = not at all."""
    for code in parts:
        wechat.fail(SEND, code)
    return await bench.send(row=row)


async def typed(bench: Bench) -> str:
    return await meant(bench.channel._shared.choices, "o-li", "1", bench.clock.now())


@pytest.mark.parametrize(("code", "reason"), [(45009, "quota"), (45011, "too_many"), (-1, "busy")])
@pytest.mark.parametrize("number", [1, 2])
async def test_the_rest_comes_later_and_once(
    wechat: FakeWeChat, bench: Bench, number: int, code: int, reason: str
) -> None:
    """三段的消息，说到一半被拦了：先说还没说完，回 1 不算；再发只补没说的，补完回 1 才算。"""
    receipt = await said(wechat, bench, *[0] * number, code)
    assert (receipt.outcome, receipt.reason) == (Outcome.RETRY, reason) and receipt.retry_after > 0
    assert wechat.shown("o-li") == list(PARTS[:number]) and await typed(bench) == ""
    bench.clock.shift += timedelta(seconds=receipt.retry_after + 1)
    assert (await bench.send()).outcome is Outcome.SENT
    assert wechat.shown("o-li") == list(PARTS) and await typed(bench) == "vote:1"


async def test_a_rest_that_comes_too_late_is_known_to_have_a_beginning(wechat: FakeWeChat, bench: Bench) -> None:
    assert (await said(wechat, bench, 0, 45009)).outcome is Outcome.RETRY
    receipt = await said(wechat, bench, 45015)
    assert receipt == Receipt(Outcome.REJECTED, reason="window_closed", begun=True)
    assert wechat.shown("o-li") == ["一"]


@pytest.mark.parametrize(("code", "outcome"), [(45047, Outcome.REJECTED), (43004, Outcome.GONE)])
async def test_a_rest_that_is_never_taken_is_not_said_to_be_sent(
    wechat: FakeWeChat, bench: Bench, code: int, outcome: Outcome
) -> None:
    receipt = await said(wechat, bench, 0, code)
    assert (receipt.outcome, receipt.begun) == (outcome, True)
    assert wechat.shown("o-li") == ["一"] and await typed(bench) == ""


async def test_an_end_that_nobody_knows(wechat: FakeWeChat, bench: Bench) -> None:
    """第二段断在半路，选项还没到她手上；最后一段断在半路，她也许看见了。"""
    assert (await said(wechat, bench, 0, None, row="delivery:1")).outcome is Outcome.UNKNOWN
    assert await typed(bench) == ""
    assert (await said(wechat, bench, 0, None, row="delivery:1")).outcome is Outcome.UNKNOWN
    assert await typed(bench) == "vote:1"


async def test_what_is_known_to_be_refused_is_not_asked(wechat: FakeWeChat, bench: Bench) -> None:
    """窗口里只剩两条：第三段不去问平台，也不说已发。"""
    bench.words, long = Rendered(("好的",)), bench.words
    for _ in range(3):
        await bench.send()
    bench.words = long
    assert await bench.send() == Receipt(Outcome.REJECTED, reason="window_closed", begun=True)
    assert len(wechat.log) == 5 and await typed(bench) == ""
