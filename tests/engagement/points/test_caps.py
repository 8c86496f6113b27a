"""What one leader may do alone, and what two must agree on."""

from __future__ import annotations

from pathlib import Path

import pytest

from engagement.kernel import Kind
from engagement.registry import FEATURES
from storage import audit, ledger
from storage.groups import RoleGrant
from tests.engagement.stage import Stage, keys, open_stage, placeholders_match, shown


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    opened.say("李阿姨", "签到")
    opened.say("王姐", "签到")
    return opened


def test_alone_a_leader_is_told_what_to_do(stage: Stage) -> None:
    (no,) = stage.say("周团长", "加分 李阿姨 300 组织团建")
    assert no.key == "points.gift_alone"
    (no,) = stage.say("周团长", "加分 李阿姨 1001 组织团建")
    assert (no.key, no.values["utmost"]) == ("points.gift_amount", 1000)
    assert stage.points("李阿姨") == 5


def test_two_leaders_agree_in_private(stage: Stage) -> None:
    """
    周团长: 加分 李阿姨 300 组织团建 → 要另一位团长点头；私聊王姐
    王姐（私聊）: [同意] → 办好了；周团长收到私聊
    王姐: [同意] → 已经办过了
    """
    stage.say("周团长", "设团长 王姐")
    stage.say("王姐", "积分", private=True)
    stage.say("周团长", "积分", private=True)
    told, asks = stage.say("周团长", "加分 李阿姨 300 组织团建")
    assert (told.key, asks.key, asks.to) == ("points.asked", "points.asks", "王姐")
    assert placeholders_match(told) and placeholders_match(asks)
    button = asks.buttons[0].key
    for who, private in (("周团长", False), ("周团长", True)):
        assert keys(stage.say(who, "", button=button, private=private)) == ["points.gift_own"]
    assert keys(stage.say("李阿姨", "", button=button)) == ["guard.leader_only"]
    assert stage.points("李阿姨") == 5
    stage._remember(told, "g1")
    done, seen, back = stage.say("王姐", "", button=button, private=True)
    assert (seen.kind, seen.key) == (Kind.EDIT, "points.agreed_told")
    assert (done.key, back.key, back.to) == ("points.agreed", "points.agreed_told", "周团长")
    assert "+300" in shown(done)
    assert stage.points("李阿姨") == 305
    assert keys(stage.say("王姐", "", button=button, private=True)) == ["points.gift_decided"]
    assert keys(stage.say("周团长", "", button=asks.buttons[1].key)) == ["points.gift_decided"]
    assert stage.points("李阿姨") == 305
    (undone,) = stage.say("周团长", "", button=done.buttons[0].key)
    assert (undone.key, undone.values["balance"]) == ("points.undone", 5)
    (history,) = stage.say("李阿姨", "积分明细")
    assert "组织团建 +300" in shown(history)
    assert stage.database.read_now(audit.broken_links)[1] is None
    assert stage.database.read_now(ledger.check).wrong_balances == 0


def test_in_the_group_when_nobody_can_be_written_to(stage: Stage) -> None:
    stage.say("周团长", "设团长 王姐")
    (told,) = stage.say("周团长", "扣分 李阿姨 101 发错了")
    assert told.key == "points.asked_here"
    (few,) = stage.say("王姐", "", button=told.buttons[0].key)
    assert (few.key, few.values["balance"]) == ("points.too_few", 5)
    (no,) = stage.say("王姐", "", button=told.buttons[1].key)
    assert no.key == "points.turned_down"
    assert stage.points("李阿姨") == 5


def test_a_request_grows_old(stage: Stage) -> None:
    stage.say("周团长", "设团长 王姐")
    (told,) = stage.say("周团长", "加分 李阿姨 300 组织团建")
    (late,) = stage.say("王姐", "", "2026-12-03T09:01", button=told.buttons[0].key)
    assert late.key == "points.gift_late"
    assert stage.points("李阿姨") == 5


def test_staff_may_be_the_second_person(stage: Stage) -> None:
    stage.say("运营", "帮助", private=True)
    person = stage.person("运营")
    stage.database.write_now(lambda s: s.add(RoleGrant(person_id=person, role="staff", granted_at=stage.clock.now())))
    _told, asks = stage.say("周团长", "加分 李阿姨 300 组织团建")
    assert asks.to == "运营"
    assert keys(stage.say("运营", "", button=asks.buttons[0].key, private=True)) == ["points.agreed"]
    assert stage.points("李阿姨") == 305


def test_whom_it_is_for_does_not_confirm_it(stage: Stage) -> None:
    stage.say("周团长", "设团长 王姐")
    stage.say("周团长", "设团长 李阿姨")
    (told,) = stage.say("周团长", "加分 王姐 300 组织团建")
    assert keys(stage.say("王姐", "", button=told.buttons[0].key)) == ["points.not_oneself"]
    assert stage.points("王姐") == 5


def test_the_day_s_cap_is_each_leader_s_own(stage: Stage) -> None:
    stage.change(settings={"points": {"gift_most": 50, "leader_day_most": 80}})
    stage.say("周团长", "设团长 王姐")
    for amount, key in ((50, "points.given"), (31, "points.day_cap"), (30, "points.given"), (1, "points.day_cap")):
        assert keys(stage.say("周团长", f"加分 李阿姨 {amount} 帮忙搬货")) == [key], amount
    assert keys(stage.say("王姐", "加分 李阿姨 50 帮忙搬货")) == ["points.given"]
    (asked,) = stage.say("王姐", "加分 李阿姨 51 帮忙搬货")
    assert asked.key == "points.asked_here"
    assert stage.points("李阿姨") == 135


@pytest.mark.parametrize("settings", [{"points": 3}, {"points": {"gift_most": True}}, {"points": {"gift_most": -1}}])
def test_odd_settings_keep_the_defaults(stage: Stage, settings: dict[str, object]) -> None:
    stage.change(settings=settings)
    assert keys(stage.say("周团长", "加分 李阿姨 100 帮忙搬货")) == ["points.given"]
