"""Families of those who become one, and part: what is shared with others is said, and is not counted as one's own."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from engagement.registry import FEATURES
from storage import identities
from storage.engine import Session
from storage.groups import Member
from storage.ledger import Posting
from storage.ledger import post as post_entry
from tests.engagement.bonds.neighbours import (
    MINE,
    THERE,
    another_group,
    balance,
    bind,
    enter,
    member,
    on_another_channel,
    part,
    post,
    refused,
    sound,
    take_code,
)
from tests.engagement.stage import Stage, keys, open_stage, shown


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """小满, 满满 and 李阿姨 are in the group with five points each; 满满 comes by the Official Account."""
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    for who in (MINE, THERE, "李阿姨"):
        opened.say(who, "签到")
    on_another_channel(opened, THERE)
    opened.clock.set(opened.clock.now() + timedelta(days=1))
    return opened


def sure(stage: Stage, who: str = THERE, channel: str = "wechat") -> str:
    """What is said before two are taken apart."""
    (mine,) = stage.say(who, "我的账号", private=True, channel=channel)
    (asked,) = stage.say(who, "", button=mine.buttons[0].key, private=True, channel=channel)
    assert asked.key == "bonds.part_sure"
    return shown(asked)


def test_a_family_after_the_binding(stage: Stage) -> None:
    """小满 joins 李阿姨's family with everything, gives, leaves again; 满满 parts with what is left of what he brought."""
    post(stage, THERE, 20, "a")
    bind(stage)
    (asked,) = stage.say(MINE, "加入家庭 李阿姨")
    stage.say("李阿姨", "", button=asked.buttons[0].key)
    assert balance(stage, "李阿姨") == 35
    (view,) = stage.say("李阿姨", "我的家庭")
    assert "小满：30" in shown(view)
    assert "李阿姨：5" in shown(view)
    stage.say(MINE, "转给家人 李阿姨 10")
    (view,) = stage.say("李阿姨", "我的家庭")
    assert "小满：20" in shown(view), "小满 gives what is 满满's, too"
    assert "李阿姨：15" in shown(view)
    sound(stage)
    assert part(stage).values["points"] == 20
    assert (balance(stage, "李阿姨"), balance(stage, THERE)) == (15, 20)
    sound(stage)


def test_leaving_a_family_takes_what_rests_along(stage: Stage) -> None:
    post(stage, THERE, 20, "a")
    bind(stage)
    (asked,) = stage.say(MINE, "加入家庭 李阿姨")
    stage.say("李阿姨", "", button=asked.buttons[0].key)
    (sure,) = stage.say(MINE, "退出家庭")
    stage.say(MINE, "", button=sure.buttons[0].key)
    assert (balance(stage, "李阿姨"), balance(stage, MINE)) == (5, 30)
    sound(stage)
    assert part(stage).values["points"] == 25


def test_a_family_of_the_same_group_is_left_first(stage: Stage) -> None:
    (asked,) = stage.say(MINE, "加入家庭 李阿姨")
    stage.say("李阿姨", "", button=asked.buttons[0].key)
    said = refused(stage)
    assert (said.key, said.values["group"]) == ("bonds.family", "阳光花园一期")


def test_parting_says_that_the_family_stays(stage: Stage) -> None:
    """As one they are in 李阿姨's family: 满满 takes his own, the family stays with 小满."""
    bind(stage)
    assert "家人" not in sure(stage)
    (asked,) = stage.say(MINE, "加入家庭 李阿姨")
    stage.say("李阿姨", "", button=asked.buttons[0].key)
    words = sure(stage)
    assert "它带走 1 个群、5 积分" in words
    assert "「阳光花园一期」里你和家人合着积分：家留在你这边，它只带走自己那份 5，全家现在一共 15" in words
    assert part(stage).values["points"] == 5
    assert balance(stage, MINE) == 10


def in_a_family_elsewhere(stage: Stage) -> int:
    """满满 shares 12 points with 李阿姨 in a group in which 小满 is not: five are his."""
    other, now = another_group(stage), stage.clock.now()

    def make(session: Session) -> None:
        account = 0
        for number, (who, points) in enumerate(((THERE, 5), ("李阿姨", 7))):
            person = identities.known(session, "play" if number else "wechat", who, None)
            assert person is not None
            found = identities.enter(session, other, person.person_id, f"{who}二", now)
            account = account or identities.open_account(session, found.id or 0, now)
            row = session.get_one(Member, found.id)
            row.account_id = account
            session.add(row)
            session.flush()
            entry = Posting(account, other, row.id or 0, points, "challenge", f"e{number}", now.date(), now)
            post_entry(session, entry)

    stage.database.write_now(make)
    return other


def test_a_family_that_comes_along_and_goes_again(stage: Stage) -> None:
    """满满's family of another group comes along and goes with him: nobody is told that 李阿姨's points are his."""
    other = in_a_family_elsewhere(stage)
    assert balance(stage, f"{THERE}二", other) == 12
    asked = enter(stage, take_code(stage))
    assert "二期：你这边 5 积分，跟着过去（和家人合着，全家 12）" in shown(asked)
    done, _told = stage.say(THERE, "", button=asked.buttons[0].key, channel="wechat")
    assert done.values["points"] == 15, "5 and 5 of the group, and 5 of the family"
    words = sure(stage)
    assert "它带走 2 个群、10 积分" in words
    assert "「二期」里它和家人合着积分：家跟着它走，其中 5 是它自己的，全家一共 12" in words
    assert part(stage).values["points"] == 10
    assert balance(stage, f"{THERE}二", other) == 12
    assert member(stage, f"{THERE}二", other).account_id == member(stage, "李阿姨二", other).account_id
    assert keys(stage.say(MINE, "我的家庭")) == ["households.alone_mine"]
    sound(stage)
