"""积分上限: leaders and staff see and set a group's caps, within what the staff allow."""

from __future__ import annotations

from pathlib import Path

import pytest

from engagement.kernel import Outgoing
from engagement.points import rules
from engagement.registry import FEATURES
from storage import audit
from storage.groups import Region, RoleGrant
from tests.engagement.stage import Stage, keys, open_stage, placeholders_match, shown


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    opened.say("李阿姨", "签到")
    return opened


def press(stage: Stage, who: str, message: Outgoing, which: int = 0) -> list[Outgoing]:
    return stage.say(who, "", button=message.buttons[which].key)


def staff(stage: Stage, who: str = "运营", region: int | None = None) -> None:
    stage.say(who, "签到")
    person = stage.person(who)
    grant = RoleGrant(person_id=person, role="staff", region_id=region, granted_at=stage.clock.now())
    stage.database.write_now(lambda session: session.add(grant))


def test_a_leader_sees_and_sets_them(stage: Stage) -> None:
    """
    周团长: 积分上限 → 邻居一天最多得 200 分 …
    周团长: 积分上限 一次 50 → 从 100 改成 50，就这样定吗？ [就这样定]
    周团长: [就这样定] → 好，现在就算数 [撤销]
    周团长: 加分 李阿姨 51 帮忙 → 要另一位团长点头
    周团长: [撤销] → 又是 100
    """
    (now,) = stage.say("周团长", "积分上限")
    assert placeholders_match(now)
    for figure in ("200", "100", "500"):
        assert figure in shown(now)
    (asked,) = stage.say("周团长", "积分上限 一次 50")
    assert (asked.key, asked.values["old"], asked.values["value"]) == ("points.caps_ask", 100, 50)
    assert placeholders_match(asked)
    assert keys(stage.say("周团长", "加分 李阿姨 51 帮忙搬货")) == ["points.given"], "nothing before the yes"
    assert keys(press(stage, "李阿姨", asked)) == ["guard.leader_only"]
    (done,) = press(stage, "周团长", asked)
    assert done.key == "points.caps_set" and placeholders_match(done)
    assert keys(press(stage, "周团长", asked)) == ["guard.old_button"], "the yes counts once"
    assert keys(stage.say("周团长", "加分 李阿姨 51 帮忙搬货")) == ["points.gift_alone"]
    (listed,) = stage.say("周团长", "撤销")
    assert listed.buttons[0].values["value"] == 50
    (undone,) = press(stage, "周团长", done)
    assert (undone.key, undone.values["gift_most"]) == ("points.caps", 100)
    assert keys(stage.say("周团长", "加分 李阿姨 51 帮忙搬货")) == ["points.given"]
    assert stage.database.read_now(audit.broken_links)[1] is None


def test_a_gift_to_the_only_other_leader_is_known_to_find_nobody_s_yes(stage: Stage) -> None:
    stage.say("周团长", "设团长 李阿姨")
    (no,) = stage.say("周团长", "加分 李阿姨 150 帮忙搬货")
    assert no.key == "points.gift_to_other" and "李阿姨" in shown(no)
    stage.say("王姐", "签到")
    stage.say("周团长", "设团长 王姐")
    assert keys(stage.say("周团长", "加分 李阿姨 150 帮忙搬货"))[0] != "points.gift_to_other"


def test_a_member_s_day_is_capped_from_then_on(stage: Stage) -> None:
    press(stage, "周团长", stage.say("周团长", "积分上限 邻居 3")[0])
    assert "kept_day" in str(stage.say("王姐", "签到")[0].tails)
    assert stage.points("王姐") == 3
    press(stage, "周团长", stage.say("周团长", "积分上限 邻居 默认")[0])
    stage.say("小满", "签到")
    assert stage.points("小满") == 5


def test_the_undo_leaves_alone_what_was_changed_later(stage: Stage) -> None:
    (first,) = press(stage, "周团长", stage.say("周团长", "积分上限 团长 300")[0])
    press(stage, "周团长", stage.say("周团长", "积分上限 团长 400")[0])
    (kept,) = press(stage, "周团长", first)
    assert (kept.key, kept.values["value"]) == ("points.caps_changed", 400)


def test_no_higher_than_the_staff_allow(stage: Stage) -> None:
    """
    周团长: 积分上限 一次 501 → 最多 500，要更高请找运营
    运营: 积分上限 最高 一次 800 → [就这样定]
    周团长: 积分上限 一次 800 → [就这样定]
    运营: 积分上限 最高 一次 60 → everything above 60 is 60 at once
    """
    (no,) = stage.say("周团长", "积分上限 一次 501")
    assert (no.key, no.values["most"]) == ("points.caps_bounds", 500)
    assert keys(stage.say("周团长", "积分上限 最高 一次 800")) == ["guard.staff_only"]
    staff(stage)
    press(stage, "运营", stage.say("运营", "积分上限 最高 一次 800")[0])
    press(stage, "周团长", stage.say("周团长", "积分上限 一次 800")[0])
    assert keys(stage.say("周团长", "加分 李阿姨 500 组织团建")) == ["points.given"]
    assert keys(press(stage, "周团长", stage.say("运营", "积分上限 最高 一次 60")[0])) == ["guard.staff_only"]
    (done,) = press(stage, "运营", stage.say("运营", "积分上限 最高 一次 60")[0])
    assert done.key == "points.caps_top_set"
    assert stage.say("周团长", "积分上限")[0].values["gift_most"] == 60
    (undone,) = press(stage, "运营", done)
    assert undone.values["gift_most"] == 800


def test_staff_of_another_region_have_no_say_here(stage: Stage) -> None:
    there = Region(name="示例区")
    stage.database.write_now(lambda session: session.add(there))
    staff(stage, "外区运营", stage.database.read_now(lambda session: session.merge(Region(id=1, name="示例区")).id))
    assert keys(stage.say("外区运营", "积分上限")) == ["guard.leader_only"]
    assert keys(stage.say("外区运营", "积分上限 一次 60")) == ["guard.leader_only"]


def test_what_cannot_be_read(stage: Stage) -> None:
    assert keys(stage.say("李阿姨", "积分上限")) == ["guard.leader_only"]
    for text in ("三百", "邻居", "邻居 0", "邻居 -3", "每月 30", "一次 9999999999"):
        assert stage.say("周团长", f"积分上限 {text}")[0].key in ("points.caps_how", "points.caps_bounds"), text
    assert keys(stage.say("周团长", "积分上限 一次 100")) == ["points.caps_same"]
    for key in ("caps:", "caps:1:earn_most:7", "caps:1:rank:5:6", "caps:9:earn_most:5:200", "caps:1:earn_most:x:y"):
        assert stage.say("周团长", "", button=key)[0].key == "guard.old_button", key


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("邻居 300", rules.CapWish("earn_most", 300)),
        ("每天：300分", rules.CapWish("earn_most", 300)),
        ("一次５０积分", rules.CapWish("gift_most", 50)),
        ("团长 默认", rules.CapWish("leader_day_most", None)),
        ("最高 團長每天 900", rules.CapWish("leader_day_most", 900, top=True)),
    ],
)
def test_caps_as_people_type_them(text: str, wish: rules.CapWish) -> None:
    assert rules.read_cap(text) == wish


def test_the_staff_s_cap_bounds_the_default_too() -> None:
    limits = rules.Limits.of({"points": {"earn_most_top": 50, "gift_most_top": True, "leader_day_most": 700}})
    assert (limits.earn_most, limits.gift_most, limits.leader_day_most, limits.earn_set) == (50, 100, 700, True)
    assert rules.top_of({"points": {"earn_most_top": 50}}, "earn_most") == 50
    assert rules.top_of({"points": 3}, "earn_most") == rules.TOPS["earn_most"]
