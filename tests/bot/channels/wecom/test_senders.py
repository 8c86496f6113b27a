"""App, appchat and robot against a company that drops, refuses and hangs up as WeCom does."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.channels.choices import InMemory, meant
from bot.channels.cutting import within
from bot.channels.wecom.api import CutOff, Refused, WecomApi, receipt_of
from bot.channels.wecom.app import AppSender
from bot.channels.wecom.appchat import PREFIX, AppchatSender
from bot.channels.wecom.examine import examine
from bot.channels.wecom.robot import RobotSender
from bot.channels.wecom.settings import WecomSettings
from bot.channels.wecom.words import harmless
from bot.rendering import Rendered
from engagement.clocks import SetClock
from engagement.errors import TooLarge, Unfetchable
from engagement.kernel import Kind, Outcome, Outgoing, Place
from prompts.loader import texts
from storage.engine import Database, open_database
from tests.platforms.wecom import FakeWecom

NOW = datetime(2026, 9, 1, 1, tzinfo=UTC)


class House:
    """A company, an app, and a clock that both go by."""

    def __init__(self, database: Database, **settings: Any) -> None:
        self.database = database
        self.clock = SetClock(NOW)
        self.wecom = FakeWecom(NOW, robots={"key-of-a-robot"}, appchats={"chat0"})
        named = {
            "corp_id": self.wecom.corp_id,
            "agent_id": 7,
            "secret": self.wecom.secret,
            "robots": {"店": "key-of-a-robot"},
        }
        self.settings = WecomSettings.model_validate(named | settings)
        self.api = WecomApi(self.settings, self.clock, self.wecom.client())

    def on(self, seconds: float) -> None:
        self.clock.set(self.clock.now() + timedelta(seconds=seconds))
        self.wecom.now = self.clock.now()

    def app(self, *parts: str) -> AppSender:
        return AppSender(self.api, self.settings, worded(*parts), self.clock, InMemory(), self.database)

    def robot(self, *parts: str, pictures: Path | None = None) -> RobotSender:
        return RobotSender(self.api, self.settings, worded(*parts), self.clock, self.database, pictures)


def worded(*parts: str) -> Callable[[Outgoing], Rendered]:
    return lambda _: Rendered(parts or ("今天 12 位邻居打卡",), False, ())


def message(conversation: str = "leader", kind: Kind = Kind.DM, **more: Any) -> Outgoing:
    return Outgoing(kind, "wecom", "ww-sample", Place.DM, conversation, "demo", "demo.text", {}, **more)


@pytest.fixture
def database(tmp_path: Path, migrated_file: Path) -> Iterator[Database]:
    folder = tmp_path / "rows"
    shutil.copytree(migrated_file, folder)
    opened = open_database(folder)
    yield opened
    opened.close()


@pytest.fixture
def house(database: Database) -> House:
    return House(database)


async def test_a_leader_reads_it(house: House) -> None:
    receipt = await house.app().send(message())
    assert (receipt.outcome, bool(receipt.provider_id)) == (Outcome.SENT, True)
    assert [(one.to, one.content) for one in house.wecom.log] == [("user:leader", "今天 12 位邻居打卡")]


async def test_nothing_is_dropped_without_our_knowing(house: House) -> None:
    """40 messages at once: 30 go, 10 wait, and WeCom never has to throw one away; after a minute they go."""
    app = house.app()
    receipts = [await app.send(message()) for _ in range(40)]
    assert [one.outcome for one in receipts].count(Outcome.SENT) == 30
    assert {one.retry_after for one in receipts if one.outcome is Outcome.RETRY} == {60.0}
    house.on(60)
    assert (await app.send(message())).outcome is Outcome.SENT
    assert (await app.send(message("staff"))).outcome is Outcome.SENT
    assert not house.wecom.dropped
    assert len(house.wecom.log) == 32


async def test_two_processes_count_together(house: House) -> None:
    """web 答话，worker 推送，两边各数各的就是 60 条，后 30 条企业微信不作声地丢掉：合起来一分钟 30 条。"""
    web, worker = house.app(), house.app()
    sent = [(await one.send(message())).outcome for _ in range(30) for one in (web, worker)].count(Outcome.SENT)
    assert (sent, len(house.wecom.log), house.wecom.dropped) == (30, 30, [])
    # A process that was killed and came back has not forgotten what went out.
    assert (await house.app().send(message())).outcome is Outcome.RETRY


async def test_an_hour_has_its_own_limit(database: Database) -> None:
    house = House(database, app_per_minute=1000, app_per_hour=50)
    app = house.app()
    outcomes = [(await app.send(message())).outcome for _ in range(51)]
    assert outcomes.count(Outcome.SENT) == 50 - 0
    house.on(3600)
    assert (await app.send(message())).outcome is Outcome.SENT


async def test_the_fake_drops_as_the_real_one_does(database: Database) -> None:
    house = House(database, app_per_minute=1000)
    app = house.app()
    for _ in range(31):
        assert (await app.send(message())).outcome is Outcome.SENT
    assert (len(house.wecom.log), len(house.wecom.dropped)) == (30, 1)


@pytest.mark.parametrize("who", ["", "@all", "leader|staff"])
async def test_never_to_everybody(house: House, who: str) -> None:
    assert (await house.app().send(message(who))).outcome is Outcome.REJECTED
    assert not house.wecom.log


async def test_who_does_not_see_the_app(house: House) -> None:
    assert (await house.app().send(message("stranger"))).outcome is Outcome.GONE
    house.wecom.script["message/send"] = [{"errcode": 0, "invaliduser": "Leader", "msgid": "m"}]
    assert (await house.app().send(message())).outcome is Outcome.GONE


async def test_what_there_is_none_of_is_said_in_words(house: House) -> None:
    """What would be a stamp elsewhere is its words; what replaces another message is said anew."""
    app = house.app()
    for one in (message(kind=Kind.REACTION), message(kind=Kind.EDIT)):
        assert (await app.send(one)).outcome is Outcome.SENT
    assert [one.content for one in house.wecom.log] == ["今天 12 位邻居打卡"] * 2


async def test_a_token_is_fetched_once_and_anew_when_it_ends(house: House) -> None:
    app = house.app()
    for _ in range(3):
        await app.send(message())
    assert house.wecom.calls.count("gettoken") == 1
    house.wecom.expire_tokens()
    assert (await app.send(message())).outcome is Outcome.SENT
    house.on(7000)
    assert (await app.send(message())).outcome is Outcome.SENT
    assert house.wecom.calls.count("gettoken") == 3


async def test_no_connection_is_tried_again_and_a_cut_is_unknown(house: House) -> None:
    house.wecom.script["message/send"] = ["drop", "cut", 45009, -1, {"no": "code"}, {"errcode": "x"}]
    app = house.app()
    found = [(await app.send(message())) for _ in range(6)]
    assert [one.outcome for one in found] == [
        Outcome.RETRY,
        Outcome.UNKNOWN,
        Outcome.RETRY,
        Outcome.RETRY,
        Outcome.SENT,
        Outcome.UNKNOWN,
    ]
    assert len(house.wecom.log) == 1  # the one that was cut off


async def test_no_token_sends_nothing(house: House) -> None:
    house.wecom.script["gettoken"] = ["cut", 40001]
    assert (await house.app().send(message())).outcome is Outcome.RETRY
    assert (await house.app().send(message())).outcome is Outcome.RETRY
    assert not house.wecom.log


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (60020, Outcome.RETRY),
        (42001, Outcome.RETRY),
        (81013, Outcome.GONE),
        (93000, Outcome.GONE),
        (45002, Outcome.REJECTED),
        (99999, Outcome.REJECTED),
    ],
)
def test_what_a_code_means(code: int, outcome: Outcome) -> None:
    receipt = receipt_of(Refused(code))
    assert receipt.outcome is outcome
    assert receipt.reason
    assert (receipt.retry_after > 0) == (outcome is Outcome.RETRY)


def test_what_a_cut_means() -> None:
    assert receipt_of(CutOff(nothing_sent=False), repeatable=True).outcome is Outcome.RETRY
    assert receipt_of(CutOff(nothing_sent=False)).outcome is Outcome.UNKNOWN


async def test_a_long_message_is_cut_at_lines(house: House) -> None:
    """2048 bytes are 682 characters; WeCom would cut it in silence."""
    await house.app("\n".join("一二三四五六七八九十" * 10 for _ in range(20))).send(message())
    assert len(house.wecom.log) == 4
    assert all(len(one.content.encode()) <= 2048 for one in house.wecom.log)
    assert "\n".join(one.content for one in house.wecom.log).count("一") == 200


def test_names_make_no_links_and_no_mentions() -> None:
    assert harmless('<a href="https://x">李</a> <@all> 1<2 <3') == '＜a href="https://x">李＜/a> ＜@all> 1<2 <3'


def test_within() -> None:
    assert within(["", "a\n\nb"], 10) == ["a\n\nb"]
    assert within(["甲" * 5], 7) == ["甲甲", "甲甲", "甲"]
    assert within(["ab\ncd\n"], 4) == ["ab", "cd"]


async def test_an_appchat(house: House) -> None:
    sender = AppchatSender(house.api, house.settings, worded(), house.clock, house.database)
    assert (await sender.send(message(PREFIX + "chat0", Kind.PUSH))).outcome is Outcome.SENT
    assert (await sender.send(message(PREFIX + "none", Kind.PUSH))).outcome is Outcome.GONE
    outcomes = [(await sender.send(message(PREFIX + "chat0", Kind.PUSH))).outcome for _ in range(200)]
    assert outcomes.count(Outcome.RETRY) == 1
    assert not house.wecom.dropped


async def test_a_robot_says_twenty_a_minute(house: House) -> None:
    robot = house.robot()
    outcomes = [(await robot.send(message("robot:店", Kind.PUSH))).outcome for _ in range(21)]
    assert outcomes == [Outcome.SENT] * 20 + [Outcome.RETRY]
    assert house.wecom.calls.count("webhook/send") == 20  # WeCom is not asked for what it would refuse
    house.on(60)
    assert (await robot.send(message("robot:店", Kind.PUSH))).outcome is Outcome.SENT
    assert (await robot.send(message("robot:无", Kind.PUSH))).reason == "no_robot"
    house.wecom.robots.clear()
    assert (await robot.send(message("robot:店", Kind.PUSH))).outcome is Outcome.GONE


async def test_a_robot_shows_a_picture_before_the_words(house: House, tmp_path: Path) -> None:
    (tmp_path / "card.png").write_bytes(b"png" * 100)
    (tmp_path / "huge.png").write_bytes(b"x" * (2 * 1024 * 1024 + 1))
    robot = house.robot(pictures=tmp_path)
    for name in ("card.png", "huge.png", "none.png", "../card.png"):
        assert (await robot.send(message("robot:店", Kind.PUSH, picture=name))).outcome is Outcome.SENT
    assert [one.kind for one in house.wecom.log] == ["image", "text", "text", "text", "text"]
    house.wecom.script["webhook/send"] = [40009]
    assert (await robot.send(message("robot:店", Kind.PUSH, picture="card.png"))).outcome is Outcome.SENT
    assert house.wecom.log[-1].kind == "text"


# ---------------------------------------------------------------- the token and the wire


async def test_one_token_for_all_who_wait(house: House) -> None:
    app = house.app()
    await asyncio.gather(*(app.send(message()) for _ in range(20)))
    assert house.wecom.calls.count("gettoken") == 1
    house.wecom.expire_tokens()
    assert {one.outcome for one in await asyncio.gather(*(app.send(message("staff")) for _ in range(8)))} == {
        Outcome.SENT
    }
    assert house.wecom.calls.count("gettoken") == 2


async def test_a_token_that_fails_fails_for_all_at_once(house: House) -> None:
    """No network: eight who wait do not try one after the other."""
    house.wecom.script["gettoken"] = ["drop"]
    found = await asyncio.gather(*(house.api.token() for _ in range(8)), return_exceptions=True)
    assert {receipt_of(one).reason for one in found if isinstance(one, CutOff)} == {"network"}
    assert len([one for one in found if isinstance(one, CutOff)]) == 8
    assert house.wecom.calls.count("gettoken") == 1


async def test_a_token_that_is_never_taken_is_not_asked_for_each_time(house: House) -> None:
    house.wecom.script["message/send"] = [42001] * 9
    assert {(await house.app().send(message())).reason for _ in range(4)} == {"token"}
    assert house.wecom.calls.count("gettoken") == 2
    house.wecom.script["message/send"].clear()
    house.on(31)
    assert (await house.app().send(message())).outcome is Outcome.SENT


async def test_an_answer_that_drips_ends(house: House) -> None:
    class Slow(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for _ in range(100):
                await asyncio.sleep(0.05)
                yield b" "

    api = _answering(house, httpx.Response(200, stream=Slow()), timeout=0.2)
    with pytest.raises(CutOff) as cut:
        await api.raw("POST", "message/send", {})
    assert not cut.value.nothing_sent


async def test_an_answer_without_end_is_none(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(httpx.AsyncByteStream):
        read = 0

        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                Endless.read += 1
                yield b"x" * 65536

    with pytest.raises(CutOff):
        await _answering(house, httpx.Response(200, stream=Endless())).raw("POST", "message/send", {})
    assert Endless.read < 100


def _answering(house: House, response: httpx.Response, timeout: float = 15.0) -> WecomApi:
    async def answer(_: httpx.Request) -> httpx.Response:
        return response

    client = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://wecom.example")
    return WecomApi(house.settings.model_copy(update={"timeout": timeout}), house.clock, client)


async def test_a_file_is_fetched_and_never_too_large(house: House) -> None:
    token = {"errcode": 0, "access_token": "t", "expires_in": 7200}

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("gettoken"):
            return httpx.Response(200, json=token)
        found = {"good": b"#!AMR sound", "gone": b'{"errcode": 40007}'}
        return httpx.Response(200, content=found[request.url.params["media_id"]])

    client = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://wecom.example")
    api = WecomApi(house.settings, house.clock, client)
    assert await api.media("good", 100) == b"#!AMR sound"
    with pytest.raises(TooLarge):
        await api.media("good", 5)
    with pytest.raises(Unfetchable, match="not_there"):
        await api.media("gone", 100)


# ---------------------------------------------------------------- choices, and what doctor asks


async def test_a_number_means_the_choice_of_the_last_message(house: House) -> None:
    """团长看到「1 撤销」；回 1 就是它，大小写写错的账号也认；没发出去的、后面又说了别的，就不是了。"""
    choices = InMemory()

    def words(said: Outgoing) -> Rendered:
        return Rendered(("好了\n1 撤销",), False, (), ("undo:7",) if said.kind is Kind.DM else ())

    app = AppSender(house.api, house.settings, words, house.clock, choices, house.database)
    house.wecom.members.add("Leader")
    await app.send(message("Leader"))
    assert [await meant(choices, "leader", typed, NOW) for typed in ("1", "2", "一")] == ["undo:7", "", ""]
    await app.send(message("Leader", Kind.REPLY))
    assert await meant(choices, "leader", "1", NOW) == ""


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ({}, []),
        ({"gettoken": [40013]}, ["wecom.wrong_corp_id"]),
        ({"gettoken": [40001]}, ["wecom.wrong_secret"]),
        ({"gettoken": [60020]}, ["wecom.wrong_ip"]),
        ({"gettoken": [50000]}, ["wecom.bad_secret"]),
        ({"gettoken": ["drop"]}, ["wecom.unreachable"]),
        ({"agent/get": [301002]}, ["wecom.wrong_agent"]),
        ({"externalcontact/groupchat/list": [48002]}, ["wecom.no_groups"]),
        ({"externalcontact/get_groupmsg_list_v2": [48002]}, ["wecom.no_tasks"]),
        ({"agent/get": ["cut"], "externalcontact/groupchat/list": ["cut"]}, ["wecom.unreachable"]),
        ({"agent/get": [{"errcode": 0, "close": 1}]}, ["wecom.app_closed"]),
        ({"externalcontact/get_follow_user_list": [{"errcode": 0, "follow_user": []}]}, ["wecom.nobody_serves"]),
        ({"externalcontact/get_follow_user_list": [48002]}, []),
    ],
)
async def test_doctor_asks_and_changes_nothing(house: House, script: dict[str, list[Any]], said: list[str]) -> None:
    house.wecom.script.update(script)
    found = await examine(house.settings, house.clock, house.api)
    assert [key for key, _ in found] == said
    for key, values in found:
        assert texts().fill(key, values)
    assert (house.wecom.log, house.wecom.templates) == ([], {})
