"""Forum topics, missing rights and hidden administrators, as a leader and her neighbours meet them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from engagement.feature import GroupView
from engagement.kernel import Event, Kind, Outgoing, Place, Reply
from scheduler.addressing import outgoing
from storage.engine import Session
from storage.groups import Group, Identity, Member, Person, RoleGrant
from tests.bot.house import NOW, House

ZHOU = "u9"


@pytest.fixture
def led(house: House) -> House:
    """A group whose leader has opened the private chat."""
    house.tell("", ZHOU, event=Event.BOT_ADDED, group_name="阳光花园", can_read=True)
    house.tell("开始", ZHOU, private=True)
    return house


def group(house: House) -> GroupView:
    return house.database.read_now(lambda s: GroupView.of(s.exec(select(Group)).one()))


def trouble(house: House, word: str, **more: Any) -> list[tuple[Kind, str, str]]:
    outcome, said = house.tell(word, "", event=Event.TROUBLE, **more)
    assert outcome == "done"
    return [(m.kind, m.key, m.conversation) for m in said]


def pushed(house: House) -> str:
    """The topic in which the planner's push would be said."""
    reply = Reply("topic.push", {"title": "早饭"}, kind=Kind.PUSH)
    here = group(house)
    found = house.database.read_now(lambda s: outgoing(s, reply, here))
    assert found is not None
    return found.thread


def test_an_answer_goes_where_the_question_came_from_and_a_push_where_the_leader_chose(led: House) -> None:
    """
    李阿姨（闲聊话题）：积分          → 在闲聊话题里答
    周团长（公告话题）：推送发这里     → 好的；以后早上的话题发到公告话题
    李阿姨（闲聊话题）：积分          → 还是在闲聊话题里答
    周团长：撤销                     → 推送又回到大厅
    """
    assert [m.thread for m in led.tell("积分", thread="11")[1]] == ["11"]
    assert pushed(led) == ""
    outcome, (done,) = led.tell("推送发这里", ZHOU, thread="22")
    assert (outcome, done.key, done.thread) == ("done", "groups.thread_here", "22")
    assert pushed(led) == "22"
    assert [m.thread for m in led.tell("积分", thread="11")[1]] == ["11"]
    assert [m.thread for m in led.tell("积分", "u1", private=True)[1]] == [""]
    outcome, welcomed = led.tell("", "", event=Event.JOIN, subject="u5", subject_name="新邻居")
    assert [(m.kind, m.thread) for m in welcomed] == [(Kind.PUSH, "22")]
    assert led.keys("推送发这里", ZHOU, thread="22") == ["groups.thread_already"]
    (undo,) = done.buttons
    assert led.keys("", ZHOU, button=undo.key, thread="22") == ["groups.thread_back"]
    assert pushed(led) == ""
    assert led.keys("推送发这里", ZHOU) == ["groups.thread_already"]


def test_only_the_leader_chooses_and_only_in_the_group(led: House) -> None:
    led.tell("签到")
    assert led.keys("推送发这里", "u1", thread="22") == ["guard.leader_only"]
    assert led.keys("推送发这里", "", thread="22") == ["guard.anonymous", "groups.trouble_anonymous"]
    assert led.keys("推送发这里", "u1", private=True) == ["guard.leader_only"]
    assert led.keys("推送发这里", ZHOU, private=True) == ["groups.thread_how"]
    assert pushed(led) == ""


def test_a_topic_of_one_group_is_none_of_another(led: House) -> None:
    """What a command in one group makes the bot say in another carries no topic of the first one."""
    led.tell("推送发这里", ZHOU, thread="22")
    led.tell("", ZHOU, event=Event.BOT_ADDED, group_name="二期", can_read=True, conversation="g2")
    other = led.database.read_now(lambda s: s.exec(select(Group.id).where(Group.external_id == "g2")).one())
    led.probe.said = (Reply("members.kept", kind=Kind.PUSH, group_id=other),)
    (said,) = led.tell("探针", thread="11")[1]
    assert (said.conversation, said.thread) == ("g2", "")
    led.probe.said = (Reply("members.kept", kind=Kind.PUSH),)
    (said,) = led.tell("探针", thread="11")[1]
    assert (said.conversation, said.thread) == ("g1", "22")


def test_a_topic_that_is_deleted_is_chosen_no_more_and_the_leader_hears_it_once(led: House) -> None:
    led.tell("推送发这里", ZHOU, thread="22")
    assert trouble(led, "thread_gone", thread="11") == [], "a topic that nothing is pushed to"
    assert trouble(led, "thread_gone", thread="22") == [(Kind.DM, "groups.trouble_thread_gone", ZHOU)]
    assert pushed(led) == ""
    assert trouble(led, "thread_gone", thread="22") == []


def test_a_topic_that_is_closed_stays_chosen(led: House) -> None:
    led.tell("推送发这里", ZHOU, thread="22")
    assert trouble(led, "thread_closed", thread="22") == [(Kind.DM, "groups.trouble_thread_closed", ZHOU)]
    assert pushed(led) == "22"


@pytest.mark.parametrize("word", ["cannot_write", "general_closed", "no_pictures", "no_reactions"])
def test_a_trouble_is_told_once_a_week_and_again_when_rights_have_changed(led: House, word: str) -> None:
    once = [(Kind.DM, f"groups.trouble_{word}", ZHOU)]
    assert trouble(led, word) == once
    for day in range(7):
        led.clock.set(NOW + timedelta(days=day, hours=1))
        assert trouble(led, word) == [], "not every hour, and not every day"
    led.clock.set(NOW + timedelta(days=7, hours=1))
    assert trouble(led, word) == once
    led.tell("", ZHOU, event=Event.BOT_ADDED, can_read=True)
    assert trouble(led, word) == once
    assert trouble(led, "something new") == []


def test_nobody_is_woken_for_it(led: House) -> None:
    led.clock.set(NOW + timedelta(hours=14))  # 23:00
    assert trouble(led, "cannot_write") == []
    led.clock.set(NOW + timedelta(hours=24))
    assert trouble(led, "cannot_write") == [(Kind.DM, "groups.trouble_cannot_write", ZHOU)]


def test_without_a_leader_who_can_be_reached_the_group_hears_what_it_can_hear(house: House) -> None:
    house.tell("", ZHOU, event=Event.BOT_ADDED, group_name="阳光花园", can_read=True)
    assert trouble(house, "no_reactions") == [(Kind.PUSH, "groups.trouble_no_reactions", "g1")]
    assert trouble(house, "no_reactions") == []
    assert trouble(house, "cannot_write") == [], "the group does not hear us"
    house.change(Group, 1, daily_budget=0)
    assert trouble(house, "no_pictures") == [], "who asked for quiet has it"


def test_a_robot_that_is_gone_is_told_to_the_leader_and_to_who_sets_up(led: House) -> None:
    """The leader adds a robot to the group, who sets up gives the program its key; the group itself cannot be told."""
    led.tell("开始", "admin", private=True)
    told = [(Kind.DM, "groups.trouble_robot_gone", ZHOU)]
    assert trouble(led, "robot_gone") == told
    led.clock.set(NOW + timedelta(days=8))

    def grant(session: Session) -> None:
        admin = session.exec(select(Identity.person_id).where(Identity.external_id == "admin")).one()
        session.add(RoleGrant(person_id=admin, role="admin", granted_at=NOW))

    led.database.write_now(grant)
    assert trouble(led, "robot_gone") == [*told, (Kind.DM, "groups.trouble_robot_gone", "admin")]
    assert trouble(led, "robot_gone") == []


def test_who_is_hidden_gets_nothing_and_the_leader_hears_how_to_act(led: House) -> None:
    """
    （匿名管理员）：设置      → 群里一句，带一个「是我」；团长私聊里收到怎么关匿名
    （匿名管理员）：签到      → 一个表情
    """
    people = led.count(Person)
    outcome, said = led.tell("设置", "", sender_name="阳光花园", sender_is_admin=True)
    assert (outcome, [(m.kind, m.key) for m in said]) == (
        "refused",
        [(Kind.REPLY, "guard.anonymous_press"), (Kind.DM, "groups.trouble_anonymous")],
    )
    assert said[1].conversation == ZHOU
    (stamp,) = led.tell("签到", "", sender_name="阳光花园", sender_is_admin=True)[1]
    assert (stamp.kind, stamp.emoji) == (Kind.REACTION, "🤷")
    led.clock.set(NOW + timedelta(hours=2))
    assert led.keys("签到", "", sender_is_admin=True) == ["guard.anonymous"], "the leader knows by now"
    assert led.count(Person) == people
    assert led.database.read_now(lambda s: len(s.exec(select(Member)).all())) == 1


def test_a_hidden_leader_acts_by_a_press(led: House) -> None:
    """
    （匿名管理员）：免打扰 22:00-8:00   → 是团长的话，点一下「是我」
    李阿姨点了「是我」                  → 这要团长来
    周团长点了「是我」                  → 设好了，可以撤销
    （匿名管理员）：暂停                → 又是一个「是我」，不是表情：命令每条都办得了
    """
    led.tell("签到")
    hidden: dict[str, Any] = {"sender_name": "阳光花园", "sender_is_admin": True}
    asked = led.tell("免打扰 22:00-8:00", "", **hidden)[1][0]
    assert (asked.kind, asked.key) == (Kind.REPLY, "guard.anonymous_press")
    (button,) = asked.buttons
    assert led.keys("", "u1", button=button.key) == ["guard.leader_only"]
    assert group(led).quiet_to == 7 * 60
    (done,) = led.tell("", ZHOU, button=button.key)[1]
    assert (group(led).quiet_to, len(done.buttons)) == (8 * 60, 1)
    assert led.keys("暂停", "", **hidden) == ["guard.anonymous_press"]


def test_a_press_brings_no_more_than_typing_would(led: House) -> None:
    """What the platform sends back as a key may be forged: it is words, and whoever presses has typed them."""
    led.tell("签到")
    assert led.keys("", "u1", button="as:设团长 邻居u1") == ["guard.leader_only"]
    assert led.keys("", "u1", button="as:随便说说") == ["guard.old_button"]
    assert led.keys("", "u1", button="as:") == ["guard.old_button"]
    assert led.keys("", "", button="as:设置")[0] == "guard.anonymous"
    for text, more in (
        ("设置", {}),
        ("签到", {"sender_is_admin": True}),
        ("群信息 提货点 " + "东门快递柜" * 5, {"sender_is_admin": True}),
    ):
        led.clock.set(led.clock.now() + timedelta(hours=2))
        assert led.tell(text, "", **more)[1][0].key == "guard.anonymous", text


def test_who_brought_the_bot_in_hidden_becomes_its_leader_by_showing_herself(house: House) -> None:
    """
    （匿名管理员把团团拉进群）         → 打招呼：请团长关掉匿名，再把我设成管理员
    （周团长把团团设成管理员）         → 私聊：三步就能用
    """
    (hello,) = house.tell("", "", event=Event.BOT_ADDED, group_name="阳光花园", can_read=False)[1]
    assert (hello.key, hello.tails) == ("groups.hello", ("groups.hello_whose",))
    assert house.keys("设置", "u1") == ["guard.leader_only"]
    (start,) = house.tell("", ZHOU, event=Event.BOT_ADDED, can_read=True)[1]
    assert (start.kind, start.key, start.conversation) == (Kind.DM, "groups.leader_start", ZHOU)
    assert house.keys("设置", ZHOU) == ["groups.settings_no_facts"]
    house.tell("", "u1", event=Event.BOT_ADDED, can_read=False)
    assert house.keys("设置", "u1") == ["guard.leader_only"], "there is one now"


# ---------------------------------------------------------------- the private chat


def is_open(house: House, who: str = "u1") -> bool:
    return house.database.read_now(lambda s: s.exec(select(Identity.dm_open).where(Identity.external_id == who)).one())


def private(house: House, event: Event, text: str = "") -> list[Outgoing]:
    outcome, said = house.tell(text, "u1", event=event, place=Place.DM, conversation="u1")
    assert outcome == "done"
    return said


@pytest.mark.parametrize("event", [Event.BOT_REMOVED, Event.TROUBLE])
def test_who_shuts_the_bot_out_is_not_written_to_until_she_comes_back(led: House, event: Event) -> None:
    led.tell("签到")
    led.tell("积分", private=True)
    assert is_open(led)
    assert private(led, event, "shut" if event is Event.TROUBLE else "") == []
    assert not is_open(led)
    assert group(led).external_id == "g1"
    assert led.database.read_now(lambda s: s.exec(select(Group.state)).one()) == "active", "the group has no part in it"
    led.tell("积分", private=True)
    assert is_open(led)


@pytest.mark.parametrize("event", [Event.BOT_REMOVED, Event.TROUBLE])
def test_who_shuts_the_bot_out_is_not_met_by_it(led: House, event: Event) -> None:
    """钱伯删了自己的数据，再取消关注：他不会又被记下来。"""
    before = led.counts(without=["inbox"])
    assert private(led, event, "shut" if event is Event.TROUBLE else "") == []
    assert led.counts(without=["inbox"]) == before


# ---------------------------------------------------------------- the chat's id changes


def rows(house: House) -> list[tuple[str, str]]:
    return house.database.read_now(
        lambda s: [(g.external_id, g.state) for g in s.exec(select(Group).order_by(Group.id))]  # type: ignore[arg-type]
    )


def test_what_comes_late_from_the_former_chat_belongs_to_the_group(led: House) -> None:
    """
    （群升级成超级群）
    李阿姨：签到（升级前发的，现在才到）    → 记在同一个群里
    （旧群说机器人不在了）                → 新群照常
    """
    assert led.tell("", "", event=Event.MIGRATED, new_id="-1001")[0] == "done"
    assert led.tell("签到")[0] == "done"
    assert led.tell("", ZHOU, event=Event.BOT_REMOVED) == ("refused", [])
    assert rows(led) == [("-1001", "active")]
    assert [m.values.get("balance") for m in led.tell("积分", conversation="-1001")[1]] == [5]


def test_a_move_that_was_met_when_sending_is_told_afterwards(led: House) -> None:
    """The row has the new id already; the event must not put it aside, though nobody has any points yet."""
    led.change(Group, 1, external_id="-1001")
    assert led.tell("", "", event=Event.MIGRATED, new_id="-1001")[0] == "done"
    assert rows(led) == [("-1001", "active")]
    assert led.tell("设置", ZHOU)[1][0].values["group"] == "阳光花园", "the leader and the name are there"
    assert rows(led) == [("-1001", "active")]
