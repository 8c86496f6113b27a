"""A message of several pieces that WeCom takes only in part: the rest comes later, each piece once, and no end is hidden."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.channels.choices import InMemory, Kept, meant
from bot.channels.wecom.app import AppSender
from bot.channels.wecom.appchat import PREFIX, AppchatSender
from bot.channels.wecom.robot import RobotSender
from bot.rendering import Rendered
from engagement.kernel import Kind, Outcome, Outgoing, Sender
from storage.engine import open_database
from tests.bot.channels.wecom.test_senders import NOW, House, message, worded

LINES = ["一" * 600, "二" * 600, "三" * 600]
APP, CHAT, ROBOT = ("leader", "message/send"), (PREFIX + "chat0", "appchat/send"), ("robot:店", "webhook/send")


@pytest.fixture
def house(tmp_path: Path, migrated_file: Path) -> Iterator[House]:
    folder = tmp_path / "rows"
    shutil.copytree(migrated_file, folder)
    opened = open_database(folder)
    yield House(opened)
    opened.close()


def sender_of(house: House, where: str, pictures: Path | None = None) -> AppSender | AppchatSender | RobotSender:
    if where.startswith("robot:"):
        return house.robot(*LINES, pictures=pictures)
    if where.startswith(PREFIX):
        return AppchatSender(house.api, house.settings, worded(*LINES), house.clock, house.database)
    return house.app(*LINES)


async def say(sender: Sender, where: str, **more: Any) -> tuple[Outcome, str]:
    receipt = await sender.send(message(where, Kind.PUSH, **more))
    return receipt.outcome, receipt.reason


def heard(house: House) -> list[str]:
    return [one.content[0] for one in house.wecom.log if one.kind == "text"]


@pytest.mark.parametrize(("where", "path"), [APP, CHAT, ROBOT])
@pytest.mark.parametrize(("meets", "reason"), [(45009, "too_many"), (-1, "busy"), ("drop", "network")])
async def test_the_rest_comes_later_and_once(house: House, where: str, path: str, meets: object, reason: str) -> None:
    """三段的长消息，第二段被拦了：先说还没说完，一分钟后只补后两段。"""
    sender = sender_of(house, where)
    house.wecom.script[path] = [None, meets]
    assert await say(sender, where) == (Outcome.RETRY, reason)
    assert heard(house) == ["一"]
    house.wecom.script[path] = [None, meets]
    assert await say(sender, where) == (Outcome.RETRY, reason)
    assert await say(sender, where) == (Outcome.SENT, "")
    assert heard(house) == ["一", "二", "三"]
    # It is over: the same words another day are a message of their own.
    house.on(60)
    assert await say(sender, where) == (Outcome.SENT, "")
    assert heard(house) == ["一", "二", "三"] * 2


@pytest.mark.parametrize(("where", "path"), [APP, CHAT, ROBOT])
async def test_an_end_that_nobody_knows_hides_no_rest(house: House, where: str, path: str) -> None:
    """第二段断在半路：不说“已发”；再发就从那一段接着发，宁可重一段，不丢两段。"""
    sender = sender_of(house, where)
    house.wecom.script[path] = [None, "cut"]
    assert await say(sender, where, row="delivery:1") == (Outcome.UNKNOWN, "cut_off")
    assert await say(sender, where, row="delivery:1") == (Outcome.SENT, "")
    assert heard(house) == ["一", "二", "二", "三"]


@pytest.mark.parametrize(("where", "path"), [APP, CHAT, ROBOT])
@pytest.mark.parametrize("named", [("outbox:1", "outbox:2"), ("", "")])
async def test_the_same_words_once_more_are_a_message_of_their_own(
    house: House, where: str, path: str, named: tuple[str, str]
) -> None:
    """点「帮助」，第二段断了，没人再发；十分钟后再点「帮助」，从头说起。"""
    sender = sender_of(house, where)
    house.wecom.script[path] = [None, "cut"]
    assert await say(sender, where, row=named[0]) == (Outcome.UNKNOWN, "cut_off")
    house.wecom.log.clear()
    house.on(10)
    assert await say(sender, where, row=named[1]) == (Outcome.SENT, "")
    assert heard(house) == ["一", "二", "三"]


@pytest.mark.parametrize(("where", "path"), [APP, CHAT, ROBOT])
async def test_a_rest_that_is_never_taken_is_not_said_to_be_sent(house: House, where: str, path: str) -> None:
    sender = sender_of(house, where)
    house.wecom.script[path] = [None, 40201]
    assert await say(sender, where) == (Outcome.REJECTED, "spam")
    assert heard(house) == ["一"]


async def test_what_is_left_is_counted_and_no_more(house: House) -> None:
    """一分钟 20 条：说了 17 条，长消息只进得去一段；补后两段只占两条，不用等下一分钟。"""
    short, long = house.robot(), sender_of(house, "robot:店")
    for _ in range(14):
        assert await say(short, "robot:店") == (Outcome.SENT, "")
    house.wecom.script["webhook/send"] = [None, -1]
    assert await say(long, "robot:店") == (Outcome.RETRY, "busy")
    assert await say(long, "robot:店") == (Outcome.SENT, "")
    assert await say(short, "robot:店") == (Outcome.SENT, "")
    assert await say(short, "robot:店") == (Outcome.RETRY, "too_many")


async def test_what_was_left_long_ago_is_forgotten(house: House) -> None:
    sender = sender_of(house, "leader")
    house.wecom.script["message/send"] = [None, 45009]
    await say(sender, "leader")
    house.on(2 * 60 * 60)
    assert await say(sender, "leader") == (Outcome.SENT, "")
    assert heard(house) == ["一", "一", "二", "三"]


async def test_a_picture_that_is_drawn_only_once(house: House, tmp_path: Path) -> None:
    """图和第一段都到了；补发的时候图没有了，或者又有了，都只补后两段。"""
    (tmp_path / "card.png").write_bytes(b"png" * 100)
    robot = sender_of(house, "robot:店", tmp_path)
    for first, then in (("card.png", ""), ("", "card.png")):
        house.wecom.log.clear()
        house.wecom.script["webhook/send"] = [None] * (2 if first else 1) + [-1]
        assert await say(robot, "robot:店", picture=first) == (Outcome.RETRY, "busy")
        assert await say(robot, "robot:店", picture=then) == (Outcome.SENT, "")
        assert [one.kind for one in house.wecom.log] == (["image"] if first else []) + ["text"] * 3
        assert heard(house) == ["一", "二", "三"]


# ---------------------------------------------------------------- choices


class Chosen:
    """An app whose first message offers A, and whose second offers B in its last piece."""

    def __init__(self, house: House, *parts: str) -> None:
        self.choices = InMemory()
        self.parts = parts

        def words(said: Outgoing) -> Rendered:
            if said.kind is Kind.REPLY:
                return Rendered((*self.parts, "1 乙"), False, (), ("b:1",))
            return Rendered(("1 甲",), False, (), ("a:1",))

        self.app = AppSender(house.api, house.settings, words, house.clock, self.choices, house.database)

    async def typed(self) -> str:
        return await meant(self.choices, "leader", "1", NOW + timedelta(seconds=1))


@pytest.mark.parametrize("meets", [40058, 45009, 81013, "drop"])
async def test_a_choice_that_was_not_shown_is_none(house: House, meets: object) -> None:
    """团长看着「1 甲」；「1 乙」没发出去：她回 1，绝不能按成乙。"""
    chosen = Chosen(house)
    assert (await chosen.app.send(message())).outcome is Outcome.SENT
    house.wecom.script["message/send"] = [meets]
    assert (await chosen.app.send(message(kind=Kind.REPLY))).outcome is not Outcome.SENT
    assert await chosen.typed() == ""


@pytest.mark.parametrize("meets", [45009, 40058, "cut"])
async def test_a_choice_in_the_rest_that_was_not_sent_is_none(house: House, meets: object) -> None:
    """长消息的选项在最后一段：停在前面，回 1 就不算；补上了才算。"""
    chosen = Chosen(house, *LINES)
    house.wecom.script["message/send"] = [None, meets]
    assert (await chosen.app.send(message(kind=Kind.REPLY))).outcome is not Outcome.SENT
    assert await chosen.typed() == ""
    if meets != 40058:
        assert (await chosen.app.send(message(kind=Kind.REPLY))).outcome is Outcome.SENT
        assert await chosen.typed() == "b:1"


async def test_a_choice_that_was_perhaps_shown_counts(house: House) -> None:
    chosen = Chosen(house)
    house.wecom.script["message/send"] = ["cut"]
    assert (await chosen.app.send(message(kind=Kind.REPLY))).outcome is Outcome.UNKNOWN
    assert await chosen.typed() == "b:1"


async def test_a_choice_that_another_process_showed_ends_with_the_next_message(house: House) -> None:
    """worker 推了「1 甲」，web 又答了一句没有选项的：回 1 就不算了，不管 web 以前记得什么。"""
    web, worker = Kept(house.database, "wecom"), Kept(house.database, "wecom")

    def app(choices: Kept, *numbered: str) -> AppSender:
        return AppSender(
            house.api,
            house.settings,
            lambda _: Rendered(("好的",), False, (), numbered),
            house.clock,
            choices,
            house.database,
        )

    for numbered, typed in (((), ""), (("a:1",), "a:1"), ((), "")):
        choices = worker if numbered else web
        assert (await app(choices, *numbered).send(message())).outcome is Outcome.SENT
        assert await meant(web, "leader", "1", house.clock.now()) == typed
