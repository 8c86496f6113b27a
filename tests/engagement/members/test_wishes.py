"""我的偏好 and 通知设置: chosen by buttons in private, shown, changed, deleted."""

from __future__ import annotations

from pathlib import Path

import pytest

from engagement.kernel import Kind, Outgoing
from engagement.registry import FEATURES
from storage import outbox, preferences
from tests.engagement.stage import Stage, keys, open_stage, shown


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    opened.say("李阿姨", "签到")
    return opened


def label(message: Outgoing, words: str) -> str:
    """The key of the button whose label has these words."""
    found = [b.key for b in message.buttons if words in str(b.values.get("what", "")) or words in b.label]
    return found[0]


def chosen(stage: Stage, who: str = "李阿姨") -> dict[str, list[str]]:
    person = stage.person(who)
    return stage.database.read_now(lambda s: preferences.chosen(s, person))


def test_likes_are_chosen_step_by_step(stage: Stage) -> None:
    """
    李阿姨: 我的偏好（群里）→ 私聊发给她
    [水果] [蔬菜] [下一步] [清淡] [下一步] [小份] [家庭装]（只留一个）[选好了] → 记下了
    [水果] 再点 → 取消；[全部删掉] → 空的
    """
    told, page = stage.say("李阿姨", "我的偏好")
    assert (told.key, page.kind, page.key) == ("members.sent_privately", Kind.DM, "members.wishes_category")
    assert len(page.buttons) == 8
    for words in (
        "水果",
        "蔬菜",
        "members.button_next",
        "清淡",
        "members.button_next",
        "小份",
        "家庭装",
        "members.button_end",
    ):
        (page,) = stage.say("李阿姨", "", button=label(page, words), private=True)
    assert chosen(stage) == {"category": ["fruit", "vegetable"], "pack": ["family"], "taste": ["light"]}
    assert "水果、蔬菜、清淡、家庭装" in shown(page)
    (again,) = stage.say("李阿姨", "我的偏好", private=True)
    assert "已选：水果、蔬菜" in shown(again)
    (off,) = stage.say("李阿姨", "", button=label(again, "水果"), private=True)
    assert chosen(stage)["category"] == ["vegetable"]
    assert "已选：蔬菜" in shown(off)
    (gone,) = stage.say("李阿姨", "", button="wish:none", private=True)
    assert gone.key == "members.wishes_none"
    assert chosen(stage) == {}
    assert keys(stage.say("李阿姨", "", button="wish:end", private=True)) == ["members.wishes_none"]


def test_a_press_twice_is_a_press_once(stage: Stage) -> None:
    for _ in range(2):
        stage.say("李阿姨", "", button="wish:category:fruit:on", private=True)
    assert chosen(stage) == {"category": ["fruit"]}
    for _ in range(2):
        stage.say("李阿姨", "", button="wish:category:fruit:off", private=True)
    assert chosen(stage) == {}
    for key in ("wish:category:gold:on", "wish:money", "wish:category:fruit:x", "wish:category:fruit", "wish:"):
        assert keys(stage.say("李阿姨", "", button=key, private=True)) == ["guard.old_button"]
    assert chosen(stage) == {}


def test_the_message_under_the_buttons_changes_in_place(stage: Stage) -> None:
    (page,) = stage.say("李阿姨", "我的偏好", private=True)
    stage.database.write_now(
        lambda s: outbox.remember(
            s,
            channel="play",
            account="",
            conversation="李阿姨",
            provider_id="b1",
            subject=page.subject,
            sent_at=stage.clock.now(),
        )
    )
    (edited,) = stage.say("李阿姨", "", button=page.buttons[0].key, private=True)
    assert (edited.kind, edited.reply_to) == (Kind.EDIT, "b1")


def test_notices_are_switched_by_whoever_presses(stage: Stage) -> None:
    """
    李阿姨: 通知设置 → 三样都开；[关掉积分快到期] → 关；再开
    """
    stage.say("王姐", "签到")
    (page,) = stage.say("李阿姨", "通知设置", private=True)
    assert shown(page).count("：开") == 3
    (off,) = stage.say("李阿姨", "", button=page.buttons[0].key, private=True)
    assert "积分快到期：关" in shown(off)
    me, other = stage.person("李阿姨"), stage.person("王姐")

    def wants(kind: str) -> set[int]:
        return stage.database.read_now(lambda s: preferences.wants(s, [me, other], kind))

    assert (wants("points"), wants("birthday")) == ({other}, {me, other})
    stage.say("李阿姨", "", button=page.buttons[0].key, private=True)
    assert wants("points") == {other}
    stage.say("李阿姨", "", button=off.buttons[0].key, private=True)
    assert wants("points") == {me, other}
    for key in ("notices:gold:off", "notices:points", "notices:points:x"):
        assert keys(stage.say("李阿姨", "", button=key, private=True)) == ["guard.old_button"]
    with pytest.raises(ValueError, match="unknown notice"):
        wants("gold")


def test_notices_need_no_consent(stage: Stage) -> None:
    told = stage.say("路人", "通知设置", private=True)
    assert keys(told) == ["members.notices"]
    assert "members.notice" not in told[0].tails


def test_many_people_are_asked_in_portions(stage: Stage) -> None:
    me = stage.person("李阿姨")
    stage.database.write_now(lambda s: preferences.switch(s, me, "activity", on=False))
    wanted = stage.database.read_now(lambda s: preferences.wants(s, range(1, 1601), "activity"))
    assert wanted == set(range(1, 1601)) - {me}
