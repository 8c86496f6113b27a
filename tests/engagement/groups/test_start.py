"""From adding the bot to the first check-in, step by step; resumed where it stopped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engagement.kernel import Event, Kind, Outgoing
from engagement.registry import FEATURES
from storage import identities
from storage.engine import Session
from storage.groups import Group
from tests.engagement.stage import Stage, keys, open_stage, placeholders_match, shown

LEADER = "周团长"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    yield opened
    opened.database.close()


def group(stage: Stage) -> Group:
    return stage.database.read_now(lambda s: s.get_one(Group, stage.group_id))


def start(stage: Stage, text: str = "开始", button: str = "") -> Outgoing:
    (said,) = stage.say(LEADER, text, button=button, private=True)
    assert placeholders_match(said), said.key
    shown(said)
    return said


def another_group(stage: Stage, name: str = "金桂苑", **columns: Any) -> int:
    """A group that the leader has set up before."""

    def make(session: Session) -> int:
        other = Group(channel="play", external_id="g2", name=name, created_at=stage.clock.now(), **columns)
        session.add(other)
        session.flush()
        assert other.id is not None
        person = identities.meet(session, "play", LEADER, LEADER, stage.clock.now()).person_id
        member = identities.enter(session, other.id, person, LEADER, stage.clock.now())
        member.role = "leader"
        session.add(member)
        return other.id

    return stage.database.write_now(make)


def test_every_step_and_the_way_back_to_it(stage: Stage) -> None:
    """
    （进群，看不到消息）     团团私聊：怎么把我设成管理员 [我设好了]
    周团长: 开始             还在第 1 步；[我设好了] 还是第 1 步
    （设为管理员）           收得到了。提货点在哪里？
    周团长: 开始             第 2 步，接着问提货点 → 提货时间 → 回群里签到
    李阿姨: 签到             团团私聊：第一次！
    周团长: 开始             三步都走完了
    """
    said = stage.happen(Event.BOT_ADDED, LEADER, group_name="阳光花园", can_read=False)
    assert (said[1].kind, said[1].tails) == (Kind.DM, ("groups.cannot_read",))
    here = start(stage)
    assert (here.key, here.tails) == ("groups.start", ("groups.cannot_read",))
    assert "1. 看得到大家的话：还没" in shown(here)
    assert start(stage, button=here.buttons[0].key).tails == ("groups.cannot_read",)
    (promoted,) = stage.happen(Event.BOT_ADDED, LEADER, can_read=True)
    assert (promoted.key, promoted.tails[0]) == ("groups.can_read", "groups.ask_pickup_place")
    assert promoted.subject == f"fill:{stage.group_id}:pickup_place:first"
    here = start(stage)
    assert "1. 看得到大家的话：好了" in shown(here)
    (next_,) = stage.say(LEADER, "东门快递柜", quoting=here, private=True)
    assert "groups.ask_pickup_hours" in next_.tails
    assert start(stage).tails[0] == "groups.ask_pickup_hours", "it goes on where it stopped"
    (summary,) = stage.say(LEADER, "16:00-20:00", quoting=next_, private=True)
    assert "groups.fill_done" in summary.tails
    assert "groups.start_checkin" in summary.tails
    last = start(
        stage, button=summary.buttons[-1].key if summary.buttons[-1].key.startswith("start") else summary.buttons[1].key
    )
    assert last.tails == ("groups.start_checkin",)
    first, told = stage.say("李阿姨", "签到")
    assert (first.key, told.key, told.kind) == ("checkin.first", "groups.first_checkin", Kind.DM)
    assert told.to == LEADER
    assert "第一次签到：李阿姨" in shown(told)
    done = start(stage)
    assert done.key == "groups.start_done"
    assert [button.key for button in done.buttons] == [
        f"do:topic:{stage.group_id}",
        f"fill:{stage.group_id}::missing",
    ]
    assert keys(stage.say("王姐", "签到")) == ["checkin.first"], "told once"


def test_a_plain_check_in_proves_that_the_bot_sees(stage: Stage) -> None:
    """（没人告诉机器人权限改了；邻居不 @ 也发来了「签到」→ 那就是看得到了）"""
    stage.happen(Event.BOT_ADDED, LEADER, can_read=False)
    stage.say(LEADER, "积分", private=True)
    assert group(stage).can_read is False
    stage.say("李阿姨", "/checkin")
    assert group(stage).can_read is False, "a slash command is seen in any case"
    _, told = stage.say("王姐", "签到")
    assert told.key == "groups.can_read"
    assert group(stage).can_read is True
    assert keys(stage.say("刘姐", "签到")) == ["checkin.first"]


def test_the_second_group_takes_over_the_first_ones_settings(stage: Stage) -> None:
    """
    （周团长把团团请进第二个群）团团: …… [照抄「金桂苑」的设置]
    点一下 → 提货、售后、免打扰都填好了 [撤销]
    """
    facts = {"pickup_place": "南门", "pickup_hours": "17:00-20:00", "bad_fruit": "包赔"}
    other = another_group(stage, facts=facts, quiet_from=1260, quiet_to=480, quiet_acks=False)
    _, asked = stage.happen(Event.BOT_ADDED, LEADER, group_name="阳光花园", can_read=True)
    offer = asked.buttons[0]
    assert (offer.key, offer.values["from"]) == (f"copy:{other}:{stage.group_id}", "金桂苑")
    stage.say("李阿姨", "签到")
    assert keys(stage.say("李阿姨", "", button=offer.key)) == ["guard.leader_only"]
    assert keys(stage.say("李阿姨", "", button=offer.key, private=True)) == ["guard.leader_only"]
    done = start(stage, button=offer.key)
    assert done.key == "groups.copied"
    now = group(stage)
    assert (now.facts, now.quiet_from, now.quiet_acks) == (facts, 1260, False)
    undo = next(button.key for button in done.buttons if button.key.startswith("undo:"))
    assert start(stage, button=undo).key == "groups.restored"
    now = group(stage)
    assert (now.facts or {}, now.quiet_from, now.quiet_acks) == ({}, 1320, True)
    for reference in (f"{stage.group_id}:{stage.group_id}", f"999:{stage.group_id}", "x:1", ""):
        assert keys(stage.say(LEADER, "", button=f"copy:{reference}", private=True))[0] == "guard.old_button", reference


def test_the_undo_of_a_copy_leaves_alone_what_was_changed_since(stage: Stage) -> None:
    """
    [照抄「金桂苑」的设置] → 设置 提货点 北门、新填 提货电话、免打扰 21:30-8:00 → [撤销]
    团团: 照抄来的改回去了；提货点、免打扰后来又改过，没有动
    """
    facts = {"pickup_place": "南门", "pickup_hours": "17:00-20:00", "bad_fruit": "包赔"}
    another_group(stage, facts=facts, quiet_from=1260, quiet_to=480, quiet_acks=False)
    _, asked = stage.happen(Event.BOT_ADDED, LEADER, group_name="阳光花园", can_read=True)
    stage.change(facts={"pickup_hours": "16:00", "pickup_place": "老地方"})
    done = start(stage, button=asked.buttons[0].key)
    stage.say(LEADER, "群信息 提货点 北门")
    stage.say(LEADER, "免打扰 21:30-8:00")
    later = {"service_phone": "12345"}
    stage.change(facts={**group(stage).facts, **later})  # type: ignore[dict-item]
    undo = next(button.key for button in done.buttons if button.key.startswith("undo:"))
    said = start(stage, button=undo)
    assert said.key == "groups.restored_partly"
    assert "提货点、免打扰后来又改过" in shown(said)
    now = group(stage)
    assert now.facts == {"pickup_hours": "16:00", "pickup_place": "北门", **later}
    assert (now.quiet_from, now.quiet_to, now.quiet_acks) == (1290, 480, True)


def test_the_private_chat_is_about_the_group_that_was_just_added(stage: Stage) -> None:
    another_group(stage)
    stage.say(LEADER, "", button="group:2", private=True)
    stage.happen(Event.BOT_ADDED, LEADER, group_name="阳光花园", can_read=True)
    assert start(stage).values["group"] == "阳光花园"


def test_who_leads_another_group_starts_there(stage: Stage) -> None:
    """王姐是阳光花园的邻居，也是金桂苑的团长：私聊发「开始」「设置」，说的是金桂苑"""

    def make(session: Session) -> None:
        other = Group(channel="play", external_id="g2", name="金桂苑", created_at=stage.clock.now())
        session.add(other)
        session.flush()
        assert other.id is not None
        person = identities.meet(session, "play", "王姐", "王姐", stage.clock.now()).person_id
        member = identities.enter(session, other.id, person, "王姐", stage.clock.now())
        member.role = "leader"
        session.add(member)

    stage.database.write_now(make)
    stage.say("王姐", "签到", "2026-12-01T10:00")
    stage.say("王姐", "", button=f"group:{stage.group_id}", private=True)
    (settings,) = stage.say("王姐", "设置", private=True)
    assert settings.values["group"] == "金桂苑"
    stage.say("王姐", "", button=f"group:{stage.group_id}", private=True)
    (here,) = stage.say("王姐", "开始", private=True)
    assert here.values["group"] == "金桂苑"


def test_everybody_else_is_introduced_to(stage: Stage) -> None:
    stage.say("李阿姨", "签到")
    assert keys(stage.say("李阿姨", "开始", private=True)) == ["members.about"]
    assert keys(stage.say("路人", "开始", private=True)) == ["members.about_no_group"]
    assert keys(stage.say(LEADER, "开始")) == ["members.about"]
    assert keys(stage.say(LEADER, "", button=f"start:{stage.group_id}")) == ["groups.start_private"]
    assert keys(stage.say("李阿姨", "", button=f"start:{stage.group_id}")) == ["guard.leader_only"]


def test_the_group_hears_of_the_private_chat_only_when_it_is_needed(stage: Stage) -> None:
    hello = stage.happen(Event.BOT_ADDED, LEADER, can_read=True)[0]
    assert hello.tails == ("groups.hello_leader",)
    stage.change(settings={})
    stage.say(LEADER, "积分", private=True)
    hello = stage.happen(Event.BOT_ADDED, LEADER, can_read=True)[0]
    assert hello.tails == ()


def test_made_and_unmade_a_leader(stage: Stage) -> None:
    """
    周团长: 设团长 王姐 → 王姐 现在也是团长了 [撤销]；团团私聊王姐
    [撤销] → 王姐 不是团长
    """
    stage.say("王姐", "签到")
    stage.say("王姐", "积分", private=True)
    said = stage.say(LEADER, "设团长 王姐")
    assert keys(said) == ["groups.leader_added", "groups.you_lead"]
    assert keys(stage.say(LEADER, "设团长 王姐")) == ["groups.leads_already"]
    undone = stage.say(LEADER, "", button=said[0].buttons[0].key)
    assert keys(undone) == ["groups.leads_no_more", "groups.you_lead_no_more"]
    assert keys(stage.say("王姐", "设置")) == ["guard.leader_only"]
    stage.say(LEADER, "设团长 王姐")
    removed, told = stage.say(LEADER, "取消团长 王姐")
    assert (told.key, told.kind, told.to) == ("groups.you_lead_no_more", Kind.DM, "王姐"), "she hears it herself"
    assert placeholders_match(told)
    again = stage.say(LEADER, "", button=removed.buttons[0].key)
    assert keys(again) == ["groups.leads_again", "groups.you_lead"]
    assert keys(stage.say("王姐", "免打扰 21:00-8:00")) == ["groups.quiet_kept"]


def test_who_led_hears_of_it_only_where_the_bot_may_write_to_her(stage: Stage) -> None:
    """（没私聊过的）王姐: 不当团长了也不打扰；自己退下来的不用再听一遍"""
    stage.say("王姐", "签到")
    stage.say(LEADER, "设团长 王姐")
    assert keys(stage.say(LEADER, "取消团长 王姐")) == ["groups.leader_removed"]
    stage.say(LEADER, "设团长 王姐")
    stage.say("王姐", "积分", private=True)
    assert keys(stage.say("王姐", "取消团长 王姐")) == ["groups.leader_removed"]


def test_who_led_before_is_asked_about_hears_of_it_and_takes_it_back_for_a_week(stage: Stage) -> None:
    """
    周团长: 设团长 王姐；王姐: 取消团长 周团长 → 周团长比你先管……真的要取消吗？[取消 周团长 的团长]
    周团长（私聊）: ……现在不由你来做了 [我来改回去] → 还是团长；王姐听到
    """
    stage.say(LEADER, "积分", private=True)
    stage.say("王姐", "签到")
    stage.say("王姐", "积分", private=True)
    stage.say(LEADER, "设团长 王姐")
    (asked,) = stage.say("王姐", f"取消团长 {LEADER}")
    assert asked.key == "groups.unlead_ask" and placeholders_match(asked)
    assert keys(stage.say(LEADER, "设置")) == ["groups.settings_no_facts"], "nothing is done yet"
    assert keys(stage.say("李阿姨", "", button=asked.buttons[0].key)) == ["guard.leader_only"]
    removed, told = stage.say("王姐", "", button=asked.buttons[0].key)
    assert (removed.key, told.key, told.to, told.tails) == (
        *("groups.leader_removed", "groups.you_lead_no_more"),
        *(LEADER, ("groups.relead",)),
    )
    assert keys(stage.say("王姐", "", button=asked.buttons[0].key)) == ["guard.old_button"]
    (back,) = told.buttons
    assert keys(stage.say("王姐", "", button=back.key, private=True)) == ["guard.old_button"], "hers it is not"
    again, heard = stage.say(LEADER, "", "2026-12-07T09:00", button=back.key, private=True)
    assert (again.key, heard.key, heard.to) == ("groups.leads_again", "groups.releads", "王姐")
    assert keys(stage.say(LEADER, "", button=back.key, private=True)) == ["leader.undone_already"]
    said = stage.say(LEADER, "取消团长 王姐")
    assert keys(said) == ["groups.leader_removed", "groups.you_lead_no_more"]
    assert said[1].buttons == (), "who made her a leader decides"


def test_who_did_not_lead_before_has_no_way_back_of_his_own(stage: Stage) -> None:
    """周团长: 取消团长 王姐；王姐（自己拼的按钮）→ 按钮旧了，还是邻居"""
    stage.say("王姐", "签到")
    stage.say(LEADER, "设团长 王姐")
    stage.say("王姐", "积分", private=True)
    removed, told = stage.say(LEADER, "取消团长 王姐")
    key = removed.buttons[0].key.replace("undo:", "relead:")
    assert told.buttons == () and key.startswith("relead:")
    assert keys(stage.say("王姐", "", button=key, private=True)) == ["guard.old_button"]
    assert keys(stage.say("王姐", "设置")) == ["guard.leader_only"]


def test_taking_back_asks_about_who_led_before_too(stage: Stage) -> None:
    """
    周团长: 设团长 王姐，设团长 李阿姨；李阿姨: [撤销] 设王姐做团长 → 王姐比你先管……真的要取消吗？
    王姐: [撤销] 设李阿姨做团长 → 不问，改回去了
    """
    stage.say("王姐", "签到")
    stage.say("李阿姨", "签到")
    first = stage.say(LEADER, "设团长 王姐")[0].buttons[0].key
    later = stage.say(LEADER, "设团长 李阿姨")[0].buttons[0].key
    (asked,) = stage.say("李阿姨", "", button=first)
    assert asked.key == "groups.unlead_ask" and placeholders_match(asked)
    assert keys(stage.say("王姐", "设置")) == ["groups.settings_no_facts"], "nothing is done yet"
    assert keys(stage.say("李阿姨", "", button=first)) == ["groups.unlead_ask"]
    assert keys(stage.say("王姐", "", button=later)) == ["groups.leads_no_more"]
    assert keys(stage.say("李阿姨", "", button=asked.buttons[0].key)) == ["guard.leader_only"]
    assert keys(stage.say(LEADER, "", button=first)) == ["groups.leads_no_more"]


def test_after_a_week_nothing_is_taken_back(stage: Stage) -> None:
    stage.say(LEADER, "积分", private=True)
    stage.say("王姐", "签到")
    stage.say(LEADER, "设团长 王姐")
    (asked,) = stage.say("王姐", f"取消团长 {LEADER}")
    told = stage.say("王姐", "", button=asked.buttons[0].key)[1]
    assert keys(stage.say(LEADER, "", "2026-12-09T09:00", button=told.buttons[0].key, private=True)) == [
        "guard.old_button"
    ]


def test_the_last_leader_stays_whatever_is_taken_back(stage: Stage) -> None:
    stage.say("王姐", "签到")
    (added,) = stage.say(LEADER, "设团长 王姐")
    (asked,) = stage.say("王姐", f"取消团长 {LEADER}")
    stage.say("王姐", "", button=asked.buttons[0].key)
    assert keys(stage.say(LEADER, "", button=added.buttons[0].key)) == ["guard.leader_only"]
    assert keys(stage.say("王姐", "", button=added.buttons[0].key)) == ["groups.last_leader"]
