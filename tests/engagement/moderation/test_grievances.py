"""A complaint about the leader goes to who stands above, and the neighbour is told where it went."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engagement.moderation import rules
from engagement.registry import FEATURES
from storage.engine import Session
from storage.groups import Group, Region, RoleGrant
from tests.engagement.stage import Stage, keys, open_stage, placeholders_match, shown


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    opened.say("周团长", "积分", private=True)
    opened.say("李阿姨", "签到")
    yield opened
    opened.database.close()


def grant(stage: Stage, who: str, role: str, *, here: bool = True) -> None:
    """Somebody with a role who has written to the bot in private; a manager of this group's region, or of another."""
    stage.say(who, "签到")
    stage.say(who, "积分", private=True)
    person = stage.person(who)

    def write(session: Session) -> None:
        region = Region(name=f"{who}的片区")
        session.add(region)
        session.flush()
        if here and role == "manager":
            session.get_one(Group, stage.group_id).region_id = region.id
        mine = region.id if role == "manager" else None
        session.add(RoleGrant(person_id=person, role=role, region_id=mine, granted_at=stage.clock.now()))

    stage.database.write_now(write)


def test_it_goes_past_the_leader(stage: Stage) -> None:
    """
    李阿姨（私聊）: 投诉团长 → 怎么说；投诉团长 多收了我五块钱 → 已经转给运营了（2 位），没有转给团长
    运营、本区域经理收到；别的区域的经理、团长收不到
    """
    grant(stage, "小运营", "staff")
    grant(stage, "区域经理", "manager")
    grant(stage, "外区经理", "manager", here=False)
    assert keys(stage.say("李阿姨", "投诉团长", private=True)) == ["moderation.grievance_how"]
    said = stage.say("李阿姨", "投诉团长 多收了我五块钱", private=True)
    assert keys(said) == ["moderation.grievance_sent", *["moderation.grievance_to_staff"] * 2]
    assert {one.to for one in said[1:]} == {"小运营", "区域经理"}
    assert "没有转给团长" in shown(said[0])
    assert all(placeholders_match(one) for one in said)
    (told, *_) = stage.say("李阿姨", "举报团长 多收了我五块钱")
    assert told.tails == ("moderation.grievance_public",), "the group has read it"


def test_words_that_complain_of_the_leader_find_their_way(stage: Stage) -> None:
    """李阿姨: 问团长 团长老是骂人，太欺负人了 → 转给运营，团长收不到；别的话照旧给团长"""
    grant(stage, "小运营", "staff")
    said = stage.say("李阿姨", "问团长 团长老是骂人，太欺负人了", private=True)
    assert keys(said) == ["moderation.grievance_sent", "moderation.grievance_to_staff"]
    assert [one.to for one in said[1:]] == ["小运营"]
    assert keys(stage.say("周团长", "待回复", private=True)) == ["faq.none_waiting"]
    plain = stage.say("李阿姨", "问团长 燃气灶能代收吗", private=True)
    assert [one.to for one in plain[1:]] == ["周团长"]


def test_without_staff_it_is_said_so(stage: Stage) -> None:
    """投诉团长 什么事 → 现在没有我联系得上的运营，没转给任何人；说团长的话问团长 → 也只能转给团长，明说"""
    (nobody,) = stage.say("李阿姨", "投诉团长 多收了我五块钱", private=True)
    assert (nobody.key, nobody.tails) == ("moderation.grievance_nobody", ("moderation.grievance_official",))
    assert "12315" in shown(nobody), "who is there for everybody"
    for words in ("我要投诉团长", "怎么投诉团长", "投诉你们团长找谁"):
        assert keys(stage.say("李阿姨", words, private=True)) == ["moderation.grievance_nobody"], words
    stage.say("周团长", "群信息 热线 400-000-0000")
    (nobody,) = stage.say("李阿姨", "投诉团长 多收了我五块钱", private=True)
    assert "400-000-0000" in shown(nobody)
    said = stage.say("李阿姨", "问团长 团长态度太差了", private=True)
    assert "moderation.grievance_to_leader" in said[0].tails
    assert said[1].to == "周团长"


def test_a_leader_of_the_staff_does_not_judge_himself(stage: Stage) -> None:
    grant(stage, "周团长", "staff")
    assert keys(stage.say("李阿姨", "投诉团长 多收钱", private=True)) == ["moderation.grievance_nobody"]


@pytest.mark.parametrize(
    ("text", "complains"),
    [
        ("我要投诉团长", True),
        ("举报你们团长，乱收钱", True),
        ("团长说话太凶了", True),
        ("群主老是偏心熟人", True),
        ("投訴團長", True),
        ("怎么投诉团长", False),
        ("团长几点在", False),
        ("我要投诉，少了一袋米", False),
        ("团长人真好，一点不凶", False),
        ("请团长帮我骂骂快递", False),
    ],
)
def test_what_complains_of_the_leader(text: str, complains: bool) -> None:
    assert rules.complains_of_leader(text) is complains
