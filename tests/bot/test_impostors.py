"""Names in the chatter that pass for the leader's; and when people were last seen."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from bot.courier import Courier
from bot.hearing import SEEN_AT_ONCE
from bot.impostors import FRESH
from bot.pump import Pump
from engagement.kernel import Event, Incoming, Outgoing, Place, Receipt
from engagement.kernel import Outcome as What
from engagement.registry import FEATURES
from scheduler.gate import open_gate
from storage.groups import Member
from storage.inbox import Inbox
from tests.engagement.stage import Stage, open_stage


class Sent:
    """The sending half."""

    def __init__(self) -> None:
        self.messages: list[Outgoing] = []

    async def send(self, message: Outgoing) -> Receipt:
        self.messages.append(message)
        return Receipt(What.SENT, provider_id=f"p{len(self.messages)}")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    opened.say("周团长", "积分", private=True)
    opened.say("李阿姨", "签到")
    return opened


def words(stage: Stage, who: str, name: str, text: str = "今天的菜真新鲜") -> Incoming:
    now = stage.clock.now()
    number = f"c{next(stage._ids)}"
    return Incoming(
        Event.MESSAGE, "play", number, Place.GROUP, "g1", who, now, now, sender_name=name, text=text, message_id=number
    )


def chat(stage: Stage, *messages: Incoming) -> tuple[Pump, list[Outgoing]]:
    """Run messages through a pump, one after the other."""
    sent = Sent()

    async def run() -> Pump:
        gate = open_gate(stage.database, {})
        pump = Pump(stage.gateway, Courier(stage.database, {"play": sent}, gate, stage.clock))
        for message in messages:
            await pump.receive(message)
            await pump.drain()
        return pump

    return asyncio.run(run()), sent.messages


def test_an_impostor_who_only_chats_is_told_to_the_leader_once(stage: Stage) -> None:
    """
    u66 改名叫「周团长客服」，在群里说话 → 私聊团长一次；说的话哪里也不留
    """
    said = words(stage, "u66", "周团长客服", "大家加我微信领红包")
    _, sent = chat(stage, said, words(stage, "u66", "周团长客服"), words(stage, "u67", "小周"))
    assert [(one.key, one.to) for one in sent] == [("members.lookalike", "周团长")]
    _, again = chat(stage, words(stage, "u66", "周团长客服"))
    assert again == [], "another process knows it too"
    bodies = stage.database.read_now(lambda s: s.exec(select(Inbox.body)).all())
    assert not any("红包" in body for body in bodies)


def test_neighbours_and_the_leader_chat_in_peace(stage: Stage) -> None:
    before = stage.database.read_now(lambda s: len(s.exec(select(Inbox.id)).all()))
    _, sent = chat(
        stage,
        words(stage, "周团长", "周团长"),
        words(stage, "周团长", "周团长🌸"),
        words(stage, "李阿姨", "李阿姨"),
        words(stage, "", "周团长"),
        words(stage, "u5", ""),
    )
    assert sent == []
    assert stage.database.read_now(lambda s: len(s.exec(select(Inbox.id)).all())) == before


def test_a_name_is_looked_at_once_and_leaders_for_a_while(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []
    real = stage.database.read

    async def read(fn: object) -> object:
        looks.append("read")
        return await real(fn)  # type: ignore[arg-type]

    monkeypatch.setattr(stage.database, "read", read)
    later = words(stage, "u9", "新名字")
    later = replace(later, received_at=later.received_at + FRESH + timedelta(seconds=1))
    chat(
        stage, *(words(stage, f"u{n}", f"邻居{n}") for n in range(5)), *(words(stage, "u1", "邻居1") for _ in range(5))
    )
    assert len(looks) == 1
    looks.clear()
    chat(stage, words(stage, "u8", "邻居8"), later)
    assert len(looks) == 2


def test_without_a_leader_there_is_nobody_to_warn(stage: Stage) -> None:
    def resign(session: object) -> None:
        for member in session.exec(select(Member)).all():  # type: ignore[attr-defined]
            member.role = "member"
            session.add(member)  # type: ignore[attr-defined]

    stage.database.write_now(resign)
    _, sent = chat(stage, words(stage, "u66", "周团长客服"))
    assert sent == []


# ---------------------------------------------------------------- when people were last seen


def last_seen(stage: Stage, who: str) -> date | None:
    return stage.database.read_now(lambda s: s.exec(select(Member).where(Member.name == who)).one().last_seen)


def test_the_day_of_who_agreed_is_kept(stage: Stage) -> None:
    """
    李阿姨（同意过）闲聊 → 记下最后一天；路人只闲聊 → 什么也不记；退出以后不再记
    """
    pump, _ = chat(stage, words(stage, "李阿姨", "李阿姨"), words(stage, "路人", "路人"))
    assert last_seen(stage, "李阿姨") is None, "written once an hour"
    asyncio.run(pump.keep_seen())
    assert last_seen(stage, "李阿姨") == date(2026, 12, 1)
    late = words(stage, "李阿姨", "李阿姨")
    # 23:30 in Shanghai is still the day before in UTC and the same day there.
    late = replace(late, received_at=late.received_at.replace(day=2, hour=17))
    pump, _ = chat(stage, late)
    asyncio.run(pump.keep_seen())
    assert last_seen(stage, "李阿姨") == date(2026, 12, 3)
    pump, _ = chat(stage, words(stage, "李阿姨", "李阿姨"))
    asyncio.run(pump.keep_seen())
    assert last_seen(stage, "李阿姨") == date(2026, 12, 3), "an earlier day changes nothing"
    stage.say("李阿姨", "退出")
    gone = replace(words(stage, "李阿姨", "李阿姨"), received_at=late.received_at.replace(day=9))
    pump, _ = chat(stage, gone)
    asyncio.run(pump.keep_seen())
    assert last_seen(stage, "李阿姨") == date(2026, 12, 3)


def test_a_command_is_being_seen_and_a_failed_write_is_tried_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    pump, _ = chat(stage, words(stage, "李阿姨", "李阿姨", "积分"))

    async def broken(_fn: object) -> None:
        raise OSError("disk")

    with monkeypatch.context() as patch:
        patch.setattr(stage.database, "write", broken)
        with pytest.raises(OSError, match="disk"):
            asyncio.run(pump.keep_seen())
    asyncio.run(pump.keep_seen())
    assert last_seen(stage, "李阿姨") == date(2026, 12, 1)


def test_many_are_written_in_portions(stage: Stage) -> None:
    pump, _ = chat(stage)
    for number in range(SEEN_AT_ONCE + 5):
        pump.hearing.saw(words(stage, f"u{number}", "x"))
    pump.hearing.saw(replace(words(stage, "李阿姨", "x"), conversation="no such group"))
    assert len(pump.hearing.take_seen()) == SEEN_AT_ONCE
    asyncio.run(pump.keep_seen())
    assert pump.hearing.take_seen() == {}
