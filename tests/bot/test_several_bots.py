"""Several bot accounts serve one installation: each group bound to one, each person written to by the one she started."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from bot import diagnosis
from bot.addressing import address
from bot.settings import Settings
from engagement.dispatch import Said
from engagement.feature import Actor
from engagement.kernel import RIGHTS, Event, Kind, Outgoing, Place, Reply
from prompts.loader import texts
from storage import outbox
from storage.groups import Group, Identity
from storage.ledger import Entry
from tests.bot.house import NOW, House

CHAT = "-1001"
FIRST, SECOND = "1", "2"
ZHOU, LI = "u9", "u1"


def tell(house: House, bot: str, text: str = "", who: str = LI, **more: Any) -> tuple[str, list[Outgoing]]:
    fields: dict[str, Any] = {"channel": "telegram", "account": bot, "conversation": CHAT} | more
    return house.tell(text, who, **fields)


def privately(house: House, bot: str, text: str, who: str = LI) -> list[Outgoing]:
    return tell(house, bot, text, who, place=Place.DM, conversation=who)[1]


def groups(house: House) -> list[tuple[str, str, str]]:
    return house.database.read_now(
        lambda s: [(g.account, g.external_id, g.state) for g in s.exec(select(Group).order_by(Group.id))]  # type: ignore[arg-type]
    )


def points(house: House) -> int:
    return house.database.read_now(lambda s: sum(s.exec(select(Entry.amount)).all()))


@pytest.fixture
def served(house: House) -> House:
    """A group of the first bot, with a leader who started it."""
    tell(house, FIRST, "", ZHOU, event=Event.BOT_ADDED, group_name="阳光花园", can_read=True)
    privately(house, FIRST, "开始", ZHOU)
    return house


def test_a_group_moves_to_the_bot_that_was_added_last_and_nothing_is_doubled(served: House) -> None:
    """
    李阿姨：签到（第一个机器人收到）                → 记上
    周团长把第二个机器人也拉进群                    → 团长私聊里：由新加的来管
    李阿姨：签到、积分（两个机器人都收到）           → 只有第二个回答，分没有多
    周团长把第一个请出群                            → 什么都不变
    """
    tell(served, FIRST, "签到")
    before = points(served)
    assert before > 0
    outcome, said = tell(served, SECOND, "", ZHOU, event=Event.BOT_ADDED, group_name="阳光花园", can_read=True)
    assert outcome == "done"
    assert [(m.key, m.place) for m in said if m.key == "groups.moved_bot"] == [("groups.moved_bot", Place.DM)]
    assert "groups.hello" not in [m.key for m in said], "the group knows us"
    assert groups(served) == [(SECOND, CHAT, "active")]
    for text in ("签到", "积分"):
        assert tell(served, FIRST, text) == ("refused", [])
        outcome, said = tell(served, SECOND, text)
        assert outcome == "done"
        assert {m.account for m in said} == {SECOND}
    assert points(served) == before
    assert tell(served, FIRST, "", ZHOU, event=Event.BOT_REMOVED) == ("refused", [])
    assert tell(served, FIRST, "", "", event=Event.JOIN, subject="u7", subject_name="王姐") == ("refused", [])
    assert groups(served) == [(SECOND, CHAT, "active")]


def test_the_bot_that_is_left_takes_over(served: House) -> None:
    tell(served, SECOND, "", ZHOU, event=Event.BOT_ADDED, can_read=True)
    tell(served, SECOND, "", ZHOU, event=Event.BOT_REMOVED)
    assert groups(served) == [(SECOND, CHAT, "removed")]
    assert tell(served, FIRST, "", ZHOU, event=Event.LEAVE, subject=LI) == ("refused", []), "nobody asked for anything"
    assert tell(served, FIRST, "签到")[0] == "done"
    assert groups(served) == [(FIRST, CHAT, "active")]


def test_another_bots_new_rights_take_nothing_over(served: House) -> None:
    """
    （两个机器人都在群里，第二个管着）
    周团长把第一个设成管理员，又取消           → 第二个照样管着，团长什么都不用听
    周团长把第二个请出群，再把第一个设成管理员   → 第一个接着管
    """
    tell(served, SECOND, "", ZHOU, event=Event.BOT_ADDED, can_read=True)
    rights: dict[str, Any] = {"event": Event.BOT_ADDED}
    for reads in (True, False):
        assert tell(served, FIRST, RIGHTS, ZHOU, can_read=reads, **rights) == ("refused", [])
    assert groups(served) == [(SECOND, CHAT, "active")]
    tell(served, SECOND, "", ZHOU, event=Event.BOT_REMOVED)
    assert tell(served, FIRST, RIGHTS, ZHOU, can_read=True, **rights)[0] == "done"
    assert groups(served) == [(FIRST, CHAT, "active")]


def test_a_bot_that_the_installation_has_no_more_holds_no_group(served: House) -> None:
    """
    （两个机器人都在群里，第一个管着；运营把第一个从设置里撤了）
    李阿姨：签到（第二个收到）               → 第二个接着管，分都在
    （运营又把第一个填了回来）               → 还是第二个管，不抢
    """
    tell(served, FIRST, "签到")
    before = points(served)
    served.gateway.accounts["telegram"] = frozenset({FIRST, SECOND})
    assert tell(served, SECOND, "积分") == ("refused", [])
    served.gateway.accounts["telegram"] = frozenset({SECOND})
    outcome, said = tell(served, SECOND, "积分")
    assert (outcome, {m.account for m in said}) == ("done", {SECOND})
    assert (points(served), groups(served)) == (before, [(SECOND, CHAT, "active")])
    served.gateway.accounts["telegram"] = frozenset({FIRST, SECOND})
    assert tell(served, FIRST, "积分") == ("refused", [])


def test_doctor_names_the_bot_whose_groups_nobody_serves(served: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was taken out of the settings is missed by its groups, and whoever sets up hears how many they are."""
    tell(served, FIRST, "", ZHOU, event=Event.BOT_ADDED, conversation="-1002", can_read=True)
    tell(served, FIRST, "", ZHOU, event=Event.BOT_ADDED, conversation="-1003", can_read=True)
    tell(served, FIRST, "", ZHOU, event=Event.BOT_REMOVED, conversation="-1003")

    def doctor(*tokens: str) -> list[str]:
        first, *more = tokens
        monkeypatch.setenv("BOT_TELEGRAM__TOKEN", first)
        monkeypatch.setenv("BOT_TELEGRAM__MORE", json.dumps([{"token": one} for one in more]))
        return diagnosis.examine(served.folder, Settings())

    assert doctor("2:b", "3:c") == [texts().fill("telegram.bot_gone", {"bot": FIRST, "count": 2})]
    assert doctor("2:b", "1:a") == []
    assert diagnosis.examine(served.folder / "empty", Settings()) == [], "nothing is there yet"


def test_a_group_that_was_taken_for_gone_comes_back_when_it_is_heard(served: House) -> None:
    """A push met a no that sounded like the end; 签到 shows that the bot is there, and the pushes go on."""
    served.change(Group, 1, state="removed")
    tell(served, FIRST, "", "", event=Event.LEAVE, subject=LI)
    assert groups(served) == [(FIRST, CHAT, "removed")]
    assert tell(served, FIRST, "签到")[0] == "done"
    assert groups(served) == [(FIRST, CHAT, "active")]


def test_who_takes_over_in_silence_does_not_speak_of_it_later(served: House) -> None:
    """The leader threw the first one out; months later the second one gets a right: that is no news of who serves."""
    tell(served, FIRST, "", ZHOU, event=Event.BOT_REMOVED)
    tell(served, SECOND, "签到")
    _, said = tell(served, SECOND, RIGHTS, ZHOU, event=Event.BOT_ADDED, can_read=True)
    assert "groups.moved_bot" not in [m.key for m in said]


@pytest.mark.parametrize("new", ["-1002", "-1001999"])
def test_a_group_in_which_two_bots_are_becomes_a_supergroup_once(served: House, new: str) -> None:
    tell(served, SECOND, "", ZHOU, event=Event.BOT_ADDED, can_read=True)
    tell(served, SECOND, "签到")
    for bot in (FIRST, SECOND, FIRST, SECOND):
        tell(served, bot, "", "", event=Event.MIGRATED, new_id=new)
    assert [g for g in groups(served) if g[2] == "active"] == [(SECOND, new, "active")]
    assert tell(served, FIRST, "积分", conversation=new) == ("refused", [])
    assert tell(served, SECOND, "积分", conversation=new)[0] == "done"


def test_what_the_first_bot_said_can_be_quoted_at_the_second(served: House) -> None:
    def said(session: Any) -> None:
        outbox.remember(
            session,
            channel="telegram",
            account=FIRST,
            conversation=CHAT,
            provider_id="77",
            subject="topic:1",
            sent_at=NOW,
        )

    served.database.write_now(said)
    tell(served, SECOND, "", ZHOU, event=Event.BOT_ADDED, can_read=True)
    found = served.database.read_now(
        lambda s: outbox.subject_of(s, channel="telegram", account=SECOND, conversation=CHAT, provider_id="77")
    )
    assert found == "topic:1"


def test_in_a_plain_group_messages_have_other_numbers_for_every_bot(house: House) -> None:
    """Only a supergroup numbers its messages the same for all: elsewhere nothing is handed over that could be mistaken."""
    chat = {"conversation": "-55"}
    tell(house, FIRST, "", ZHOU, event=Event.BOT_ADDED, can_read=True, **chat)
    house.database.write_now(
        lambda s: outbox.remember(
            s, channel="telegram", account=FIRST, conversation="-55", provider_id="7", subject="topic:1", sent_at=NOW
        )
    )
    tell(house, SECOND, "", ZHOU, event=Event.BOT_ADDED, can_read=True, **chat)
    found = house.database.read_now(
        lambda s: outbox.subject_of(s, channel="telegram", account=SECOND, conversation="-55", provider_id="7")
    )
    assert found is None


def test_who_started_one_bot_is_written_to_by_that_one(served: House) -> None:
    """李阿姨 only ever wrote to the second bot; her group is the first one's."""
    tell(served, FIRST, "签到")
    privately(served, SECOND, "积分")

    def dm(to: str) -> str:
        def look(session: Any) -> str:
            person = session.exec(select(Identity.person_id).where(Identity.external_id == to)).one()
            incoming = served.incoming("", ZHOU, channel="telegram", account=FIRST, conversation=CHAT)
            ctx = served.gateway.dispatcher.context(session, incoming, Actor(0, ""), None, NOW)
            message = address(ctx, Said("demo", Reply("members.kept", kind=Kind.DM, to=person)))
            assert message is not None
            return message.account

        return served.database.read_now(look)

    assert (dm(LI), dm(ZHOU)) == (SECOND, FIRST)
    privately(served, FIRST, "积分")
    assert dm(LI) == FIRST, "the one she wrote to last"


def test_who_shut_one_bot_out_and_wrote_to_the_other_can_be_written_to(served: House) -> None:
    tell(served, FIRST, "签到")
    privately(served, FIRST, "积分")
    privately(served, SECOND, "积分")

    def is_open() -> bool:
        return served.database.read_now(
            lambda s: s.exec(select(Identity.dm_open).where(Identity.external_id == LI)).one()
        )

    gone = {"event": Event.BOT_REMOVED, "place": Place.DM, "conversation": LI}
    tell(served, FIRST, "", LI, **gone)
    assert is_open()
    tell(served, SECOND, "", LI, **gone)
    assert not is_open()


def test_two_bots_are_added_at_once(house: House) -> None:
    """Whichever event comes last serves; a redelivered one changes nothing."""
    house.clock.set(NOW + timedelta(minutes=1))
    for bot in (FIRST, SECOND):
        event = house.incoming(
            "", ZHOU, event=Event.BOT_ADDED, channel="telegram", account=bot, conversation=CHAT, can_read=True
        )
        for _ in range(3):
            asyncio.run(house.deal(event))
    assert groups(house) == [(SECOND, CHAT, "active")]
