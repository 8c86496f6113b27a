"""A group that becomes a supergroup, told by two updates, or met while something is sent: in whatever order, it is one group."""

from __future__ import annotations

import asyncio
import itertools
import random
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from bot.courier import Courier
from bot.queued import queue
from engagement.feature import GroupView
from engagement.kernel import Event, Kind, Outcome, Outgoing, Place, Receipt, Reply
from scheduler.gate import open_gate
from storage.groups import Group
from storage.ledger import Entry
from tests.bot.house import NOW, House
from tests.full import FULL

OLD, NEW = "-55", "-10055"
ZHOU, LI = "u9", "u1"
TELEGRAM = {"channel": "telegram", "account": "1"}


def tell(house: House, text: str = "", who: str = LI, **more: Any) -> tuple[str, list[Outgoing]]:
    return house.tell(text, who, **({**TELEGRAM, "conversation": OLD} | more))


@pytest.fixture
def led(house: House) -> House:
    """A group with a leader and a fact, in which nobody has points yet."""
    tell(house, "", ZHOU, event=Event.BOT_ADDED, group_name="阳光花园", can_read=True)
    tell(house, "群信息 提货点 东门", ZHOU)
    return house


def rows(house: House) -> list[tuple[str, str]]:
    return house.database.read_now(
        lambda s: [(g.external_id, g.state) for g in s.exec(select(Group).order_by(Group.id))]  # type: ignore[arg-type]
    )


def active(house: House) -> list[str]:
    return [where for where, state in rows(house) if state == "active"]


class Platform:
    """Says what it is told to, and keeps what it was given."""

    def __init__(self, *receipts: Receipt) -> None:
        self.receipts = list(receipts)
        self.given: list[Outgoing] = []

    async def send(self, message: Outgoing) -> Receipt:
        self.given.append(message)
        return self.receipts.pop(0) if self.receipts else Receipt(Outcome.SENT, provider_id="900")


_numbers = itertools.count(1)


def send(house: House, to_new: str = NEW, **more: Any) -> tuple[Receipt, Platform]:
    """Send something to the chat while the platform says that it has moved."""
    fields: dict[str, Any] = {"kind": Kind.REPLY, "key": "members.kept", "reply_to": "77", "thread": "5"}
    fields |= TELEGRAM | {"conversation": OLD} | more
    message = Outgoing(place=Place.GROUP, feature="demo", values={}, **fields)
    platform = Platform(Receipt(Outcome.MIGRATED, new_id=to_new))
    courier = Courier(house.database, {"telegram": platform}, open_gate(house.database, {}), house.clock)
    queued = house.database.write_now(lambda s: queue(s, f"test:{next(_numbers)}", message, house.clock.now()))
    return asyncio.run(courier.send(queued)), platform


def test_what_comes_late_after_a_move_that_was_met_when_sending_belongs_to_the_group(led: House) -> None:
    """
    （群升级了，先知道的是正在发的那句话）
    李阿姨：签到（升级前发的，现在才到）     → 记在同一个群里
    （这才收到升级的消息）                 → 还是那一个群
    """
    receipt, platform = send(led)
    assert receipt.outcome is Outcome.SENT
    assert active(led) == [NEW]
    assert tell(led, "签到")[0] == "done"
    assert rows(led) == [(NEW, "active")], "no second group for what comes late"
    assert tell(led, "", "", event=Event.MIGRATED, new_id=NEW)[0] == "done"
    assert rows(led) == [(NEW, "active")]
    assert [m.values.get("balance") for m in tell(led, "积分", conversation=NEW)[1]] == [5]
    assert [m.conversation for m in platform.given] == [OLD, NEW]


def test_the_new_chat_was_heard_of_before_the_move_was_met_when_sending(led: House) -> None:
    """
    （机器人进了新群，打了招呼；旧群还不知道搬了）
    （给旧群发的话碰到了搬家）             → 发到新群
    （这才收到升级的消息）                 → 一个群，设置和团长都在
    """
    tell(led, "", ZHOU, event=Event.BOT_ADDED, conversation=NEW, can_read=True)
    receipt, _ = send(led)
    assert receipt.outcome is Outcome.SENT
    assert tell(led, "", "", event=Event.MIGRATED, new_id=NEW)[0] == "done"
    assert active(led) == [NEW]
    assert led.database.read_now(lambda s: s.exec(select(Group.facts).where(Group.external_id == NEW)).one()) == {
        "pickup_place": "东门"
    }


def test_what_was_meant_for_a_message_of_the_former_chat_meets_no_other_one_in_the_new_one(led: House) -> None:
    """A supergroup counts its messages anew: number 77 there is somebody else's."""
    _, platform = send(led)
    assert (platform.given[1].reply_to, platform.given[1].thread) == ("", "")
    for kind, more in ((Kind.EDIT, {}), (Kind.REACTION, {"emoji": "👍"})):
        led.change(Group, 1, external_id=OLD)
        receipt, platform = send(led, kind=kind, **more)
        assert (receipt.outcome, receipt.reason) == (Outcome.REJECTED, "moved")
        assert [m.conversation for m in platform.given] == [OLD]
        assert active(led) == [NEW], "the group is followed all the same"


def test_the_groups_own_words_are_known_at_its_new_id(led: House) -> None:
    """
    周团长：新增打卡 健身
    （群升级成超级群）
    李阿姨：健身打卡                     → 听得懂，不当闲聊
    """
    outcome, said = tell(led, "新增打卡 健身", ZHOU)
    assert outcome == "done", said
    assert not led.gateway.routes.is_chatter(led.incoming("健身打卡", **TELEGRAM, conversation=OLD))
    tell(led, "", "", event=Event.MIGRATED, new_id=NEW)
    assert not led.gateway.routes.is_chatter(led.incoming("健身打卡", **TELEGRAM, conversation=NEW))


def test_a_group_with_points_at_the_new_id_is_never_put_aside(led: House) -> None:
    tell(led, "签到", conversation=NEW)
    assert tell(led, "", "", event=Event.MIGRATED, new_id=NEW)[0] == "refused"
    assert sorted(active(led)) == sorted([OLD, NEW])
    assert send(led)[0].outcome is Outcome.SENT, "the words reach the people all the same"
    assert sorted(active(led)) == sorted([OLD, NEW])


def test_a_push_about_the_group_goes_to_the_new_chat(led: House) -> None:
    send(led)
    here = led.database.read_now(lambda s: GroupView.of(s.exec(select(Group)).one()))
    led.probe.said = (Reply("members.kept", kind=Kind.PUSH, group_id=here.id),)
    assert [m.conversation for m in tell(led, "探针", ZHOU, place=Place.DM, conversation=ZHOU)[1]] == [NEW]


def test_a_group_is_called_what_its_people_call_it_by_now(led: House) -> None:
    """
    （群改了名：阳光花园 → 阳光花园一期）
    李阿姨：签到                        → 从现在起，团长私聊里看到的、名单里写的都是新名字
    """
    assert tell(led, "签到", group_name="阳光花园一期\n")[0] == "done"
    assert led.database.read_now(lambda s: s.exec(select(Group.name)).one()) == "阳光花园一期"
    assert tell(led, "设置", ZHOU)[1][0].values["group"] == "阳光花园一期", "an event without a name takes none away"
    assert tell(led, "设置", ZHOU, group_name="阳光花园二期")[1][0].values["group"] == "阳光花园二期", "at once"


def test_that_the_former_chat_was_left_may_be_heard_before_the_move(led: House) -> None:
    tell(led, "", ZHOU, event=Event.BOT_REMOVED)
    assert active(led) == []
    assert tell(led, "", "", event=Event.MIGRATED, new_id=NEW)[0] == "done"
    assert active(led) == [NEW], "or nothing is pushed there until somebody speaks"


HAPPENINGS = (
    "told by the old chat",
    "told by the new chat",
    "left the old",
    "came into the new",
    "late",
    "new",
    "sent",
)


def orders() -> list[tuple[str, ...]]:
    """Return orders of what happens; nobody speaks in the new chat before anything is known of it."""
    known = {"told by the old chat", "told by the new chat", "sent"}
    found = [
        one
        for one in itertools.permutations(HAPPENINGS)
        if any(one.index(what) < one.index("new") for what in known - {"sent"})
    ]
    return random.Random(7).sample(found, 600 if FULL else 50)


def test_in_whatever_order_it_is_one_group_and_every_check_in_counts_once(house: House) -> None:
    """Orders of two updates, a coming, a going, a late and an early message and a send that meets the move."""
    for number, order in enumerate(orders(), start=1):
        old, new = f"-{7000 + number}", f"-100{7000 + number}"
        house.clock.set(NOW + timedelta(minutes=number))  # nobody is too fast
        tell(house, "", ZHOU, event=Event.BOT_ADDED, group_name="阳光花园", can_read=True, conversation=old)
        tell(house, "群信息 提货点 东门", ZHOU, conversation=old)
        tell(house, "签到", ZHOU, conversation=old)
        moved: dict[str, Any] = {"event": Event.MIGRATED, "conversation": old, "new_id": new}
        moved["dedupe_key"] = f"migrated:{old}:{new}"
        for what in order:
            if what.startswith("told"):
                tell(house, "", "", **moved)
            elif what == "left the old":
                tell(house, "", ZHOU, event=Event.BOT_REMOVED, conversation=old)
            elif what == "came into the new":
                tell(house, "", ZHOU, event=Event.BOT_ADDED, can_read=True, conversation=new)
            elif what == "sent":
                send(house, conversation=old, to_new=new)
            else:
                tell(house, "签到", LI if what == "late" else "u2", conversation=old if what == "late" else new)
        mine = house.database.read_now(
            lambda s, o=old, n=new: s.exec(  # type: ignore[misc]
                select(Group).where(col(Group.external_id).in_([o, n]), Group.state == "active")
            ).all()
        )
        assert [(g.external_id, g.facts) for g in mine] == [(new, {"pickup_place": "东门"})], order
        entries = house.database.read_now(
            lambda s, g=mine[0].id: len(
                s.exec(select(Entry.id).where(Entry.group_id == g, Entry.kind == "checkin")).all()
            )  # type: ignore[misc]
        )
        assert entries == 3, order
