"""A mute of one of two who become one: taken back or appealed against, it ends alone, wherever it lies by then."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from engagement.moderation import rules
from engagement.moderation.tables import ModerationCase
from engagement.registry import FEATURES
from tests.engagement.bonds.neighbours import (
    MINE,
    THERE,
    bind,
    change,
    elsewhere,
    member,
    on_another_channel,
    part,
    sound,
)
from tests.engagement.stage import Stage, keys, open_stage

LEADER = "周团长"
AD = "想赚钱，加我微信 abc12345"
BOTH = [(MINE, THERE), (THERE, MINE)]
CHANNEL = {MINE: "play", THERE: "wechat"}


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """小满 and 满满 are both in the group, and in private about another one; 满满 comes by the Official Account."""
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    for who in (MINE, THERE, LEADER):
        opened.say(who, "签到")
    on_another_channel(opened, THERE)
    elsewhere(opened, MINE, THERE)
    return opened


def become_one(stage: Stage, code: str = MINE, enters: str = THERE) -> None:
    """The one takes the code, the other one enters it."""
    (said,) = stage.say(code, "绑定", private=True, channel=CHANNEL[code])
    (asked,) = stage.say(enters, f"绑定 {said.values['code']}", private=True, channel=CHANNEL[enters])
    done = stage.say(enters, "", button=asked.buttons[0].key, private=True, channel=CHANNEL[enters])
    assert done[0].key == "bonds.bound", keys(done)


def mute(stage: Stage, who: str, length: str = "1天") -> str:
    """A leader mutes; returns the button that takes it back."""
    said = stage.say(LEADER, f"禁言 {who} {length}")
    assert said[0].key == "leader.muted", keys(said)
    return said[0].buttons[0].key


def press(stage: Stage, key: str, *, private: bool = False) -> list[str]:
    return keys(stage.say(LEADER, "", button=key, private=private))


def until(stage: Stage, who: str = MINE) -> datetime | None:
    return member(stage, who).muted_until


def speaks(stage: Stage) -> bool:
    """小满's account says something in the group."""
    return keys(stage.say(MINE, "积分")) != ["guard.muted"]


def held(stage: Stage, who: str, words: str = AD) -> int:
    """Somebody's advertisement is held back; returns the case."""
    on_another_channel(stage, who, "play")
    (topic,) = stage.say(LEADER, "今日话题")
    stage.say(who, words, quoting=topic)
    on_another_channel(stage, who, CHANNEL[who])
    found = stage.database.read_now(lambda s: s.exec(select(ModerationCase.id).order_by(ModerationCase.id)).all())  # type: ignore[arg-type]
    return found[-1] or 0


# ---------------------------------------------------------------- a leader's mute


@pytest.mark.parametrize(("code", "enters"), BOTH)
@pytest.mark.parametrize("who", [MINE, THERE])
def test_a_mute_from_before_is_taken_back(stage: Stage, code: str, enters: str, who: str) -> None:
    """禁言 of either, 绑定 by either's code, 撤销: the one person may speak in the group."""
    undo = mute(stage, who)
    become_one(stage, code, enters)
    assert not speaks(stage)
    assert press(stage, undo) == ["leader.unmuted"]
    assert speaks(stage)
    sound(stage)


def test_a_mute_while_they_are_one_is_taken_back_after_they_have_parted(stage: Stage) -> None:
    """绑定, 禁言, 解绑: it lies on both; 撤销 takes it from both."""
    become_one(stage)
    undo = mute(stage, MINE)
    part(stage)
    assert until(stage, MINE) == until(stage, THERE) is not None
    assert press(stage, undo) == ["leader.unmuted"]
    assert (until(stage, MINE), until(stage, THERE)) == (None, None)


def test_what_the_other_one_has_goes_on(stage: Stage) -> None:
    """小满 for two days, 满满 for one; they become one: without 小满's there is 满满's still, and without that nothing."""
    day, two = mute(stage, THERE, "1天"), mute(stage, MINE, "2天")
    become_one(stage)
    assert until(stage) == stage.clock.now() + timedelta(days=2)
    assert press(stage, two) == ["leader.muted_again"]
    assert until(stage) == stage.clock.now() + timedelta(days=1)
    assert press(stage, day) == ["leader.unmuted"]
    assert until(stage) is None


def test_the_shorter_one_is_taken_back(stage: Stage) -> None:
    """小满's day is taken back while 满满's two hold: they hold."""
    mute(stage, THERE, "2天")
    day = mute(stage, MINE, "1天")
    become_one(stage)
    assert press(stage, day) == ["leader.muted_again"]
    assert until(stage) == stage.clock.now() + timedelta(days=2)


@pytest.mark.parametrize("longer", [MINE, THERE])
def test_an_end_that_is_taken_back_mutes_the_one_person(stage: Stage, longer: str) -> None:
    """解除禁言 满满, 绑定, 撤销: muted as 满满 was, unless the other one is for longer."""
    mute(stage, THERE, "1天")
    undo = stage.say(LEADER, f"解除禁言 {THERE}")[0].buttons[0].key
    if longer == MINE:
        mute(stage, MINE, "2天")
    become_one(stage)
    assert press(stage, undo) == ["leader.muted_again"]
    assert until(stage) == stage.clock.now() + timedelta(days=2 if longer == MINE else 1)


def test_the_list_says_why(stage: Stage) -> None:
    """满满 is muted for a reason, and rests: 小满 stands in 禁言名单 with it."""
    stage.say(LEADER, f"禁言 {THERE} 1天 刷屏")
    become_one(stage)
    (listed,) = stage.say(LEADER, "禁言名单", private=True)
    assert [(row["name"], "刷屏" in row["why"]) for row in listed.values["rows"]] == [(MINE, True)]  # type: ignore[attr-defined]


def test_who_leads_the_group_is_not_muted_by_a_binding(stage: Stage) -> None:
    """满满 is muted, and 小满 leads: the leader goes on leading, and 满满 is muted again when they part."""
    mute(stage, THERE)
    end = until(stage, THERE)
    change(stage, MINE, lambda one: setattr(one, "role", "leader"))
    become_one(stage)
    assert speaks(stage)
    part(stage)
    assert (until(stage, MINE), until(stage, THERE)) == (None, end)


# ---------------------------------------------------------------- a case's mute


@pytest.mark.parametrize("bound_first", [True, False])
@pytest.mark.parametrize("other", ["", "1天", "9天"])
def test_a_granted_appeal_ends_its_own_mute(stage: Stage, other: str, bound_first: bool) -> None:
    """满满's words bring three days; he appeals, as himself or as 小满; what 小满 has from a leader stays as it is."""
    number = held(stage, THERE)
    if other:
        mute(stage, MINE, other)
    end = until(stage, MINE)
    assert press(stage, f"mod_mute:{number}", private=True)[0] == "moderation.done_muted"
    if bound_first:
        become_one(stage)
        assert until(stage) == max(filter(None, (end, stage.clock.now() + rules.MUTE)))
    assert "moderation.appealed" in keys(stage.say(THERE, "申诉 我没有恶意", channel="wechat"))
    if not bound_first:
        become_one(stage)
    done = stage.say(LEADER, "", button=f"mod_yes:{number}", private=True)
    assert done[0].key == "moderation.appeal_done_yes"
    assert until(stage) == end
    undo = next(button.key for button in done[0].buttons if button.key.startswith("undo:"))
    assert press(stage, undo)[0] == "moderation.undone"
    assert until(stage) == max(filter(None, (end, stage.clock.now() + rules.MUTE)))
    sound(stage)


def granted(stage: Stage, number: int) -> None:
    """满满 appeals against what was done last; the leader agrees."""
    assert "moderation.appealed" in keys(stage.say(THERE, "申诉 我没有恶意", channel="wechat"))
    assert press(stage, f"mod_yes:{number}", private=True)[0] == "moderation.appeal_done_yes"


def test_a_granted_appeal_leaves_what_a_leader_said_before(stage: Stage) -> None:
    """禁言 满满 for two days; his words bring three; the appeal is granted: the leader's two days hold."""
    number = held(stage, THERE)
    mute(stage, THERE, "2天")
    end = until(stage, THERE)
    assert press(stage, f"mod_mute:{number}", private=True)[0] == "moderation.done_muted"
    assert until(stage, THERE) == stage.clock.now() + rules.MUTE
    granted(stage, number)
    assert until(stage, THERE) == end is not None


@pytest.mark.parametrize("taken_back", [False, True])
def test_what_another_case_brought_holds_while_that_stands(stage: Stage, taken_back: bool) -> None:
    """禁言 满满 for a day; two of his texts bring three days each; the later appeal is granted, the earlier mute 撤销."""
    first, second = held(stage, THERE), held(stage, THERE, AD + " 拼单")
    mute(stage, THERE, "1天")
    day = until(stage, THERE)
    said = stage.say(LEADER, "", button=f"mod_mute:{first}", private=True)
    end = until(stage, THERE)
    stage.clock.set(stage.clock.now() + timedelta(hours=1))
    assert press(stage, f"mod_mute:{second}", private=True)[0] == "moderation.done_muted"
    if taken_back:
        assert press(stage, said[0].buttons[0].key, private=True)[0] == "moderation.undone"
    granted(stage, second)
    assert until(stage, THERE) == (day if taken_back else end)


def test_a_decision_that_is_taken_back_ends_its_own_mute(stage: Stage) -> None:
    """满满 is muted for what he wrote, 小满 by the leader for a day; they become one; the decision is taken back."""
    number = held(stage, THERE)
    said = stage.say(LEADER, "", button=f"mod_mute:{number}", private=True)
    mute(stage, MINE, "1天")
    become_one(stage)
    assert press(stage, said[0].buttons[0].key, private=True)[0] == "moderation.undone"
    assert until(stage) == stage.clock.now() + timedelta(days=1)


def test_a_decision_without_a_mute_leaves_mutes_alone(stage: Stage) -> None:
    """A reminder is taken back after a leader has muted: he stays muted."""
    number = held(stage, THERE)
    said = stage.say(LEADER, "", button=f"mod_remind:{number}", private=True)
    mute(stage, THERE)
    end = until(stage, THERE)
    assert press(stage, said[0].buttons[0].key, private=True)[0] == "moderation.undone"
    assert until(stage, THERE) == end is not None


def test_a_leader_does_not_judge_what_he_said_as_another_one(stage: Stage) -> None:
    """满满's words wait; 满满 and the leader become one: they are not in his list."""
    held(stage, THERE)
    assert keys(stage.say(LEADER, "待审核", private=True)) == ["moderation.to_leader"]
    bind(stage, LEADER, THERE)
    assert keys(stage.say(LEADER, "待审核", private=True)) == ["moderation.none_wait"]


# ---------------------------------------------------------------- what ended while something longer hid it


@pytest.mark.parametrize("bound", [False, True])
def test_what_was_taken_back_unseen_does_not_come_back(stage: Stage, bound: bool) -> None:
    """禁言 满满 for a day, his words bring three, 撤销 of the day; the appeal is granted: he may speak, as one person too."""
    number = held(stage, THERE)
    undo = mute(stage, THERE, "1天")
    assert press(stage, f"mod_mute:{number}", private=True)[0] == "moderation.done_muted"
    if bound:
        become_one(stage)
    assert press(stage, undo) == ["leader.muted_again"]
    who = MINE if bound else THERE
    assert until(stage, who) == stage.clock.now() + rules.MUTE
    granted(stage, number)
    assert until(stage, who) is None
    if bound:
        part(stage)
        assert (until(stage, MINE), until(stage, THERE)) == (None, None)
    sound(stage)


def test_what_lay_beneath_it_comes_back(stage: Stage) -> None:
    """A day, then two days, then three by a case; the two are taken back, and the case: the day holds."""
    number = held(stage, THERE)
    mute(stage, THERE, "1天")
    day = until(stage, THERE)
    undo = mute(stage, THERE, "2天")
    assert press(stage, f"mod_mute:{number}", private=True)[0] == "moderation.done_muted"
    assert press(stage, undo) == ["leader.muted_again"]
    granted(stage, number)
    assert until(stage, THERE) == day is not None


def test_an_appeal_that_is_granted_unseen_stays_granted(stage: Stage) -> None:
    """His words bring three days, the leader nine; the appeal is granted, then the nine days are taken back: he may speak."""
    number = held(stage, THERE)
    assert press(stage, f"mod_mute:{number}", private=True)[0] == "moderation.done_muted"
    undo = mute(stage, THERE, "9天")
    assert "moderation.appealed" in keys(stage.say(THERE, "申诉 我没有恶意", channel="wechat"))
    done = stage.say(LEADER, "", button=f"mod_yes:{number}", private=True)
    again = next(button.key for button in done[0].buttons if button.key.startswith("undo:"))
    assert press(stage, undo) == ["leader.unmuted"]
    assert until(stage, THERE) is None
    assert press(stage, again)[0] == "moderation.undone"
    assert until(stage, THERE) == stage.clock.now() + rules.MUTE


def test_the_shorter_of_two_that_met_is_taken_back_first(stage: Stage) -> None:
    """小满 for two days, 满满 for one; as one, first the day is taken back and then the two: nothing is left of either."""
    day, two = mute(stage, THERE, "1天"), mute(stage, MINE, "2天")
    become_one(stage)
    assert press(stage, day) == ["leader.muted_again"]
    assert press(stage, two) == ["leader.unmuted"]
    assert until(stage) is None
