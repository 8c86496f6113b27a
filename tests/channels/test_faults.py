"""A platform that fails: no answer is lost without a word, none is said twice, and who left is not written to again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from engagement.kernel import Outcome, Receipt
from storage import bots, identities
from storage.engine import Session
from storage.groups import Identity
from tests.channels.drivers import FAR, Driver
from tests.channels.house import House
from tests.channels.shown import Talk, Trouble

pytestmark = [
    pytest.mark.xdist_group("channels"),
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(180),
    pytest.mark.untraced,
]

WORDS = "都在这里了"
TRIES = 5
"""As many as the courier makes."""


@pytest_asyncio.fixture(loop_scope="session", params=FAR)
async def far_driver(request: pytest.FixtureRequest, far: House) -> AsyncIterator[Driver]:
    """A channel with a platform that can fail; it works again afterwards."""
    driver = FAR[request.param](far)
    yield driver
    await driver.well()


async def insist(driver: Driver, talk: Talk) -> Receipt:
    """Send a word, again as long as the platform asks to wait, as the courier does, but without the waiting."""
    sender = driver.house.program.senders[driver.name]
    message = driver.message(talk, "members.export", {"name": WORDS})
    receipt = Receipt(Outcome.RETRY)
    for _ in range(TRIES):
        receipt = await sender.send(message)
        if receipt.outcome is not Outcome.RETRY:
            break
        assert receipt.retry_after > 0 and receipt.reason, "it says how long and why"
        await driver.well()
    return receipt


@pytest.mark.parametrize("trouble", Trouble)
async def test_no_answer_is_lost_without_a_word(far_driver: Driver, trouble: Trouble) -> None:
    """平台出错、断线、太慢、说太快、令牌过期 → 再发就到，只到一次；到没到说不清的，写明说不清"""
    if trouble not in far_driver.troubles:
        assert trouble is Trouble.EXPIRED or (far_driver.name, trouble) == ("wecom", Trouble.CUT)
        return
    talk = await far_driver.newcomer()
    await far_driver.ask(talk, "帮助")
    await far_driver.trouble(trouble)
    receipt = await insist(far_driver, talk)
    await asyncio.sleep(0.05)
    await far_driver.well()
    seen = [one for one in await far_driver.seen(talk.who) if WORDS in one.text]
    if receipt.outcome is Outcome.SENT:
        assert len(seen) == 1
    else:
        # It may have arrived; whoever says so must not be asked to say it again.
        assert (receipt.outcome, bool(receipt.reason)) == (Outcome.UNKNOWN, True), receipt
        assert trouble in (Trouble.CUT, Trouble.SLOW, Trouble.ERROR) and len(seen) <= 1
    talk.read = len(await far_driver.seen(talk.who))
    assert "签到" in await far_driver.ask(talk, "帮助"), "and it goes on"


async def test_who_left_is_not_written_to(far_driver: Driver) -> None:
    """邻居拉黑、取消关注、看不到应用 → 发不出去，写明为什么；不再试"""
    if far_driver.name == "wecom_bot":
        return  # nobody can leave it
    talk = await far_driver.newcomer()
    await far_driver.ask(talk, "帮助")
    await far_driver.leave(talk)
    receipt = await insist(far_driver, talk)
    assert receipt.outcome in (Outcome.GONE, Outcome.REJECTED) and receipt.reason
    assert not [one for one in await far_driver.seen(talk.who) if WORDS in one.text]


async def test_who_left_is_told_where_he_is_still(far_driver: Driver) -> None:
    """邻居取消关注、拉黑 → 私聊关上；他在别处也和团团聊过，以后就发到那里"""
    if far_driver.name not in ("telegram", "wechat"):
        return  # the platform tells nobody of it
    database = far_driver.house.program.database
    talk = await far_driver.newcomer()
    await far_driver.ask(talk, "帮助")

    def here(session: Session) -> identities.Known:
        found = identities.known(session, far_driver.name, talk.who, None)
        assert found is not None
        return found

    known = await database.read(here)
    assert known.dm_open
    await far_driver.leave(talk)
    for _ in range(200):
        if not (await database.read(here)).dm_open:
            break
        await asyncio.sleep(0.05)
    assert not await database.read(lambda s: bots.is_open(s, known.person_id, far_driver.name))
    there = Identity(person_id=known.person_id, channel="elsewhere", external_id=talk.who, dm_open=True)
    await database.write(lambda s: s.add(there))
    found = await database.read(lambda s: bots.reach(s, known.person_id, far_driver.name))
    assert found is not None and (found.channel, found.is_open) == ("elsewhere", True)
