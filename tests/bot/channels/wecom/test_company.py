"""What is done about customer groups by itself: which there are, whose, who came; on rows that are real."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import select

from bot.channels.wecom import company as module
from bot.channels.wecom.api import WecomApi
from bot.channels.wecom.callback import Changed
from bot.channels.wecom.company import Company, Done
from bot.channels.wecom.customer_groups import CustomerGroups
from bot.channels.wecom.internal import Internal
from bot.channels.wecom.settings import WecomSettings
from engagement.clocks import SetClock
from engagement.entry import joining
from engagement.entry.joining import Neighbour
from engagement.kernel import Event, Incoming, Place
from prompts.loader import texts
from storage import bots, identities
from storage import customer_groups as rows
from storage.engine import Database, open_database
from storage.groups import Group, Identity, Member
from storage.mass_sends import OwnerDay
from tests.platforms.wecom import FakeWecom

MORNING = datetime(2026, 9, 1, 0, 30, tzinfo=UTC)  # half past eight in Shanghai
CORP = "ww-sample"


@dataclass
class Mass:
    """Counts how often it is asked to look after what waits."""

    watched: list[bool] = field(default_factory=list)

    async def watch(self, _account: str, *, awake: bool) -> dict[str, int]:
        self.watched.append(awake)
        return {}

    async def take_back(self, _account: str) -> int:
        return 0


class House:
    """A company with some groups, and what looks after them."""

    def __init__(self, database: Database, **settings: Any) -> None:
        self.database = database
        self.clock = SetClock(MORNING)
        self.wecom = FakeWecom(MORNING)
        named = {"corp_id": CORP, "agent_id": 7, "secret": self.wecom.secret} | settings
        self.settings = WecomSettings.model_validate(named)
        self.api = WecomApi(self.settings, self.clock, self.wecom.client())
        self.events: dict[str, Incoming] = {}
        self.welcomed: list[tuple[str, str]] = []
        self.mass = Mass()
        self.company = self.make()

    def make(self) -> Company:
        groups = CustomerGroups(self.api, CORP)
        internal = Internal(self.api, self.settings, self.database)
        return Company(groups, internal, self.settings, self.clock, self.database, self.receive)

    async def receive(self, event: Incoming) -> None:
        """Take an event as the pump does: once, and whoever comes is known from then on."""
        if event.event is Event.BOT_ADDED:
            self.welcomed.append((event.conversation, event.sender))
            return
        if event.dedupe_key in self.events:
            return
        self.events[event.dedupe_key] = event
        if event.event is Event.JOIN:
            self.enter(event.conversation, event.subject)

    def enter(self, chat: str, who: str) -> None:
        def work(session: Any) -> None:
            group = session.exec(select(Group).where(Group.external_id == chat)).one()
            person = identities.meet(session, "wecom", who, "", self.clock.now())
            identities.enter(session, group.id, person.person_id, "", self.clock.now())

        self.database.write_now(work)

    async def turn(self, minutes: float = 0) -> Done:
        self.clock.set(self.clock.now() + timedelta(minutes=minutes))
        self.wecom.now = self.clock.now()
        return await self.company.turn(self.mass)  # type: ignore[arg-type]

    def groups(self) -> list[Group]:
        return self.database.read_now(lambda s: list(s.exec(select(Group).order_by(Group.external_id)).all()))

    def leaders(self, chat: str) -> list[str]:
        def read(session: Any) -> list[str]:
            group = session.exec(select(Group).where(Group.external_id == chat)).one()
            found = session.exec(select(Member).where(Member.group_id == group.id, Member.role == "leader")).all()
            return [identities.address(session, one.person_id, "wecom")[0] for one in found]  # type: ignore[index]

        return self.database.read_now(read)

    def said(self) -> list[tuple[Event, str, str]]:
        return [(one.event, one.conversation, one.subject) for one in self.events.values()]


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


def person(who: str, at: datetime) -> dict[str, Any]:
    return {"userid": who, "type": 2, "join_time": int(at.timestamp())}


def event(kind: Event, who: str, chat: str = "wr1") -> Incoming:
    key = f"{kind}:{who}:{chat}"
    return Incoming(kind, "wecom", key, Place.GROUP, chat, who, MORNING, MORNING, account=CORP, subject=who)


async def test_groups_are_found_with_one_message_a_day_and_their_owner_leads(house: House) -> None:
    """第一次看：两个客户群都在，群主是团长，一天一条；里面的邻居没用过团团，一个也不记。"""
    house.wecom.add_group("wr1", "leader", "wm-li", "wm-wang", name="阳光花园")
    house.wecom.add_group("wr2", "staff", name="")
    done = await house.turn()
    assert (done.looked, done.failed) == (2, [])
    assert [(one.name, one.daily_budget, one.zone, one.state) for one in house.groups()] == [
        ("阳光花园", 1, "Asia/Shanghai", "active"),
        (texts().raw("wecom.unnamed"), 1, "Asia/Shanghai", "active"),
    ]
    assert (house.leaders("wr1"), house.leaders("wr2")) == (["leader"], ["staff"])
    assert house.events == {}
    known = house.database.read_now(lambda s: identities.known(s, "wecom", "leader", None))
    assert known is not None
    assert known.dm_open
    assert house.database.read_now(lambda s: identities.known(s, "wecom", "wm-li", None)) is None


async def test_a_second_look_changes_nothing_and_a_budget_comes_back_to_one(house: House) -> None:
    house.wecom.add_group("wr1", "leader")
    await house.turn()
    [group] = house.groups()
    house.database.write_now(lambda s: setattr(s.get_one(Group, group.id), "daily_budget", 4))
    assert (await house.turn(10)).looked == 0
    await house.company.heard(Changed("wr1"))
    assert (await house.turn()).looked == 1
    assert [one.daily_budget for one in house.groups()] == [1]
    # A leader's pause stays.
    house.database.write_now(lambda s: setattr(s.get_one(Group, group.id), "daily_budget", 0))
    await house.turn(25 * 60)
    assert [one.daily_budget for one in house.groups()] == [0]


async def test_a_closed_private_chat_is_not_opened_by_the_next_reading(house: House) -> None:
    """平台说写不进团长的私聊了：再读她的群，也不当她又能收到；换了账号才重新试。"""

    def is_open() -> bool:
        known = house.database.read_now(lambda s: identities.known(s, "wecom", "leader", None))
        return known is not None and known.dm_open

    house.wecom.add_group("wr1", "leader")
    await house.turn()
    house.database.write_now(lambda s: bots.lost_private(s, "wecom", CORP, "leader"))
    assert (await house.turn(25 * 60)).looked == 1
    assert house.leaders("wr1") == ["leader"] and not is_open()
    house.database.write_now(
        lambda s: s.connection().exec_driver_sql(
            "UPDATE identity SET account = 'ww-before' WHERE external_id = 'leader'"
        )
    )
    await house.turn(25 * 60)
    assert is_open()


async def test_who_came_and_went_while_nobody_listened(house: House) -> None:
    """回调丢了：第二天再看一遍，补上来的和走了的；来了又被读到两次，也只算一次。"""
    house.wecom.add_group("wr1", "leader")
    house.wecom.groups["wr1"]["member_list"].append(person("wm-li", MORNING - timedelta(days=9)))
    await house.turn()
    house.wecom.groups["wr1"]["member_list"].append(person("wm-qian", MORNING + timedelta(hours=3)))
    done = await house.turn(25 * 60)
    assert (done.looked, house.said()) == (1, [(Event.JOIN, "wr1", "wm-qian")])
    house.wecom.groups["wr1"]["member_list"].pop()
    house.company = house.make()
    await house.turn(25 * 60)
    assert house.said()[1:] == [(Event.LEAVE, "wr1", "wm-qian")]


async def test_who_wanted_to_be_forgotten_is_not_met_anew(house: House) -> None:
    """钱伯删了自己的数据，人还在群里：再读成员，他不会又被记下来。"""
    house.wecom.add_group("wr1", "leader")
    await house.turn()
    house.wecom.groups["wr1"]["member_list"].append(person("wm-qian", MORNING + timedelta(hours=3)))
    await house.turn(25 * 60)
    house.database.write_now(
        lambda s: s.connection().exec_driver_sql("UPDATE identity SET external_id = 'x' WHERE external_id = 'wm-qian'")
    )
    before = len(house.events)
    for _ in range(3):
        await house.turn(25 * 60)
    assert [one for one in house.said()[before:] if one[0] is Event.JOIN] == []


async def test_what_callbacks_say_of_a_group_that_is_not_known(house: House) -> None:
    """进群的回调比第一次读群还早：不凭它建群（那样会一天四条），先记下「要看」，下一轮读了再说。"""
    house.wecom.add_group("wr1", "leader")
    await house.company.heard(event(Event.JOIN, "wm-li"))
    assert (house.groups(), house.events) == ([], {})
    await house.turn()
    assert [one.daily_budget for one in house.groups()] == [1]
    await house.company.heard(event(Event.JOIN, "wm-li"))
    assert house.said() == [(Event.JOIN, "wr1", "wm-li")]
    # Who was never met does not become known by leaving.
    await house.company.heard(event(Event.LEAVE, "wm-nobody"))
    assert (await house.turn()).looked == 0
    await house.company.heard(event(Event.LEAVE, "wm-li"))
    assert house.said()[1:] == [(Event.LEAVE, "wr1", "wm-li")]


@pytest.mark.parametrize("before", [False, True])
async def test_who_came_by_the_link_alone_is_not_thrown_out(house: House, *, before: bool) -> None:
    """二群的李阿姨点一群的链接进来，人不在一群的聊天里：天天看都留着。进了聊天再走，或者本来就对上了又走，才算走。"""
    house.wecom.add_group("wr1", "leader")
    house.wecom.add_group("wr2", "leader")
    await house.turn()
    await house.company.heard(event(Event.JOIN, "wm-li", "wr2"))
    house.wecom.groups["wr2"]["member_list"].append(person("wm-li", MORNING))

    def join(neighbour: Neighbour | None) -> None:
        def work(session: Any) -> None:
            group = session.exec(select(Group).where(Group.external_id == "wr1")).one()
            she = identities.known(session, "wecom", "wm-li", None)
            assert she is not None
            joining.join(session, group, "李阿姨", house.clock.now(), person_id=she.person_id, neighbour=neighbour)

        house.database.write_now(work)

    join(None)
    for _ in range(3):
        await house.turn(25 * 60)
    assert house.said() == [(Event.JOIN, "wr2", "wm-li")]
    members = house.wecom.groups["wr1"]["member_list"]
    if before:
        # She was in the chat as she came: both platforms say so, and a second press without an answer changes nothing.
        join(Neighbour("wm-li", "李"))
        join(None)
    else:
        members.append(person("wm-li", MORNING))
        await house.turn(25 * 60)
        members.pop()
    await house.turn(25 * 60)
    assert house.said()[1:] == [(Event.LEAVE, "wr1", "wm-li")]


async def test_who_is_there_by_one_of_two_accounts_has_not_left(house: House) -> None:
    """李阿姨两个微信绑成了一个人，群里只有一个：天天看都没有走；那一个也走了，才算走。"""
    house.wecom.add_group("wr1", "leader")
    await house.turn()
    house.enter("wr1", "wm-li")

    def bind(session: Any) -> None:
        she = identities.known(session, "wecom", "wm-li", None)
        assert she is not None
        session.add(Identity(person_id=she.person_id, channel="wecom", external_id="wm-li2", name="李"))

    house.database.write_now(bind)
    members = house.wecom.groups["wr1"]["member_list"]
    members.append(person("wm-li", MORNING))
    for _ in range(2):
        await house.turn(25 * 60)
    assert house.said() == []
    members.pop()
    await house.turn(25 * 60)
    assert {(what, chat) for what, chat, _ in house.said()} == {(Event.LEAVE, "wr1")}


async def test_a_callback_that_she_left_is_believed(house: House) -> None:
    """回调说她走了：聊天里她刚才在，不管她是怎么进的页面。"""
    house.wecom.add_group("wr1", "leader")
    await house.turn()
    house.enter("wr1", "wm-li")
    house.database.write_now(lambda s: s.execute(update(Member).values(by_link=True)))
    await house.company.heard(event(Event.LEAVE, "wm-li"))
    assert house.said() == [(Event.LEAVE, "wr1", "wm-li")]


async def test_a_mark_survives_a_restart(house: House) -> None:
    house.wecom.add_group("wr1", "leader", name="旧名")
    await house.turn()
    house.wecom.groups["wr1"]["name"] = "新名"
    await house.company.heard(Changed("wr1"))
    house.company = house.make()
    await house.turn()
    assert [one.name for one in house.groups()] == ["新名"]


async def test_a_mark_that_comes_while_the_group_is_read_stays(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.wecom.add_group("wr1", "leader")
    await house.turn()
    get = CustomerGroups.get

    async def get_slowly(groups: CustomerGroups, chat: str) -> Any:
        found = await get(groups, chat)
        house.wecom.groups["wr1"]["name"] = "新名"
        await house.company.heard(Changed(chat))
        return found

    await house.company.heard(Changed("wr1"))
    with monkeypatch.context() as patch:
        patch.setattr(CustomerGroups, "get", get_slowly)
        await house.turn()
    assert (await house.turn()).looked == 1
    assert [one.name for one in house.groups()] == ["新名"]


async def test_another_owner_leads(house: House) -> None:
    """群主换了人：新群主是团长；旧群主走了，就不再是。"""
    house.wecom.add_group("wr1", "leader")
    await house.turn()
    house.wecom.groups["wr1"] |= {"owner": "staff", "member_list": [{"userid": "staff", "type": 1, "join_time": 1}]}
    await house.company.heard(Changed("wr1"))
    await house.turn()
    assert house.leaders("wr1") == ["staff"]
    assert await house.company.leader_of("wr1") == "staff"


async def test_a_leader_nobody_has_read_yet_is_asked_for(house: House) -> None:
    house.wecom.add_group("wr9", "leader")
    assert await house.company.leader_of("wr9") == "leader"
    calls = len(house.wecom.calls)
    assert await house.company.leader_of("wr9") == "leader"
    assert len(house.wecom.calls) == calls


async def test_a_group_that_is_no_more(house: House) -> None:
    house.wecom.add_group("wr1", "leader")
    await house.turn()
    del house.wecom.groups["wr1"]
    await house.turn(61)
    assert house.said() == [(Event.BOT_REMOVED, "wr1", "")]
    assert house.database.read_now(lambda s: rows.conversations(s, "wecom", CORP)) == set()


async def test_one_that_may_not_be_read_holds_up_nobody(house: House) -> None:
    for number in range(3):
        house.wecom.add_group(f"wr{number}", "leader")
    house.wecom.script["externalcontact/groupchat/get"] = [60011]
    done = await house.turn()
    assert (done.looked, done.failed, len(house.groups())) == (3, ["no_rights"], 2)
    house.wecom.script["externalcontact/groupchat/get"] = [45009]
    done = await house.turn(25 * 60)
    assert (done.looked, done.failed) == (0, ["too_many"])
    assert (await house.turn()).looked == 3


async def test_many_groups_take_several_turns(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", 4)
    for number in range(10):
        house.wecom.add_group(f"wr{number}", "leader")
    assert [(await house.turn(1)).looked for _ in range(4)] == [4, 4, 2, 0]


def counted(day: date) -> dict[str, Any]:
    at = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=8)
    return {"stat_time": int(at.timestamp()), "data": {"msg_total": 120, "member_total": 30}}


async def test_each_owner_s_day_in_figures_once(house: House) -> None:
    """八点半：取昨天的数。停了三天再来：补上缺的三天。没有就过一小时再问。"""
    house.wecom.add_group("wr1", "leader")
    assert (await house.turn()).days == 0
    house.wecom.statistics["leader"] = [counted(date(2026, 8, 31) + timedelta(days=n)) for n in range(-3, 4)]
    assert (await house.turn(10)).days == 0
    assert (await house.turn(60)).days == 1
    assert (await house.turn(61)).days == 0
    house.company = house.make()
    assert (await house.turn(3 * 24 * 60)).days == 3
    kept = house.database.read_now(lambda s: [one.local_date for one in s.exec(select(OwnerDay)).all()])
    assert sorted(kept) == [date(2026, 8, 31), date(2026, 9, 1), date(2026, 9, 2), date(2026, 9, 3)]


async def test_an_owner_without_figures_keeps_nobody_s_back(house: House) -> None:
    house.wecom.add_group("wr1", "leader")
    house.wecom.add_group("wr2", "staff")
    house.wecom.statistics["staff"] = [counted(date(2026, 8, 31))]
    house.wecom.script["externalcontact/groupchat/statistic_group_by_day"] = [60011]
    done = await house.turn()
    assert (done.days, done.failed) == (1, ["no_rights"])


async def test_a_bug_is_loud_and_does_not_end_the_turns(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AGAIN_SECONDS", 0.01)
    turns: list[int] = []
    twice = asyncio.Event()

    async def turn(_: object) -> Done:
        turns.append(1)
        if len(turns) == 1:
            raise KeyError("a bug")
        twice.set()
        return Done()

    monkeypatch.setattr(house.company, "turn", turn)
    house.company.start(house.mass)  # type: ignore[arg-type]
    await asyncio.wait_for(twice.wait(), 5)
    await house.company.stop()
    await asyncio.sleep(0.05)
    assert len(turns) == 2


async def test_the_watch_has_its_own_time_and_is_not_awake_at_once(house: House) -> None:
    for _ in range(5):
        await house.turn(2.5)
    await house.turn(5)
    assert house.mass.watched == [False, False, False, True]


async def test_groups_with_a_robot_are_groups(database: Database) -> None:
    house = House(database, robots={"店员": "key"})
    for _ in range(2):
        await house.turn(61)
    assert [(one.external_id, one.daily_budget) for one in house.groups()] == [("robot:店员", 4)]
    # A robot that was thrown out and came back with another key; one that was taken out of the settings.
    [group] = house.groups()
    house.database.write_now(lambda s: setattr(s.get_one(Group, group.id), "state", "removed"))
    await house.turn(61)
    assert [one.state for one in house.groups()] == ["removed"]
    house.settings = House(database, robots={"店员": "another"}).settings
    house.company = house.make()
    await house.turn(61)
    assert [one.state for one in house.groups()] == ["active"]
    house.settings = house.settings.model_copy(update={"robots": {}})
    house.company = house.make()
    await house.turn(61)
    assert [one.state for one in house.groups()] == ["removed"]


async def test_who_owns_a_group_is_read_again_when_something_changed(house: House) -> None:
    """转让群主的回调刚到、还没轮到读，早上的群发就来了：先读，再请新群主。"""
    house.wecom.add_group("wr1", "leader")
    await house.turn()
    house.wecom.groups["wr1"]["owner"] = "staff"
    assert await house.company.leader_of("wr1") == "leader"
    await house.company.heard(Changed("wr1"))
    house.wecom.script["externalcontact/groupchat/get"] = [45009]
    assert await house.company.leader_of("wr1") == "leader"
    assert await house.company.leader_of("wr1") == "staff"
    house.wecom.groups["wr1"]["owner"] = "leader"
    assert await house.company.leader_of("wr1", anew=True) == "leader"


async def test_one_whose_answer_is_always_cut_holds_up_nobody(house: House) -> None:
    """一个群的回话每次都断：别的群照样读；线路断了三次就不再试，下一轮再来。"""
    for number in range(6):
        house.wecom.add_group(f"wr{number}", "leader")
    get = "externalcontact/groupchat/get"
    house.wecom.script[get] = ["cut"]
    done = await house.turn()
    assert (done.looked, done.failed, len(house.groups())) == (5, ["network"], 5)
    assert (await house.turn(1)).looked == 0
    assert (await house.turn(10)).looked == 1
    house.wecom.script[get] = ["drop"] * 4
    done = await house.turn(25 * 60)
    assert (done.looked, done.failed) == (0, ["network"] * 3)
    assert house.wecom.script[get] == ["drop"]


async def test_who_changes_all_the_time_does_not_come_before_who_was_never_read(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", 1)
    house.wecom.add_group("wr1", "leader")
    await house.turn()
    house.wecom.add_group("wr2", "leader")
    for _ in range(5):
        await house.company.heard(Changed("wr1"))
    await house.turn(61)
    assert [one.external_id for one in house.groups()] == ["wr1", "wr2"]


async def test_the_days_of_many_owners_take_several_turns(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """五千位群主的数一次取完要十分钟，提醒和收回都得等：一轮取几十位。"""
    for number in range(5):
        house.wecom.members.add(f"leader{number}")
        house.wecom.add_group(f"wr{number}", f"leader{number}")
    await house.turn()
    house.wecom.statistics = {f"leader{number}": [counted(date(2026, 8, 31))] for number in range(5)}
    monkeypatch.setattr(module, "_AT_ONCE", 2)
    assert [(await house.turn(61 if not n else 1)).days for n in range(4)] == [2, 2, 1, 0]


async def test_who_begins_to_own_groups_is_led_through_the_first_steps_once(house: House) -> None:
    """第一次有群的群主：私聊说一遍怎么用；第二个群、再读一遍、重启都不再说；换了群主，新群主听到。"""
    house.wecom.add_group("wr1", "leader")
    house.wecom.add_group("wr2", "leader")
    await house.turn()
    house.company = house.make()
    await house.turn(25 * 60)
    assert house.welcomed == [("wr1", "leader")]
    house.wecom.groups["wr2"]["owner"] = "staff"
    await house.company.heard(Changed("wr2"))
    await house.turn()
    await house.turn(25 * 60)
    assert house.welcomed == [("wr1", "leader"), ("wr2", "staff")]
    assert "leader" not in str([one.settings for one in house.groups()]), "no ids where nobody erases them"


async def test_staff_who_join_are_no_neighbours(house: House) -> None:
    """同事进群，回调里只有一个编号：读一遍群才知道是同事，不当新邻居记。"""
    house.wecom.add_group("wr1", "leader")
    await house.turn()
    house.wecom.groups["wr1"]["member_list"].append({"userid": "staff", "type": 1, "join_time": 1})
    await house.company.heard(event(Event.JOIN, "staff"))
    assert (await house.turn()).looked == 1
    assert house.events == {}
    await house.company.heard(event(Event.JOIN, "wmli"))
    assert house.said() == [(Event.JOIN, "wr1", "wmli")]
