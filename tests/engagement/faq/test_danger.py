"""Somebody does not want to live, or is beaten at home: the same words before anything is looked up, and no mere joke."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from engagement.faq import rules
from engagement.kernel import Kind, Place
from engagement.registry import FEATURES
from storage.documents import Question
from storage.groups import Consent
from storage.learning import Turn
from tests.engagement.stage import Stage, keys, open_stage, shown

SELF_HARM = """我不想活了 我想死 想死 活着没意思 活着真没意思 不想活了 真的不想活了 我好想死 我真想死了算了 我活不下去了 活够了
唉，我不想活了，太累 我妈说不想活了 我女儿想自杀 我想自杀 老伴要跳楼 我要跳楼 觉得活着没什么意义 人活着有什么意思 活着太累了
团团，我不想活了 我想结束自己的生命 他割腕了怎么办 还不如死了算了 没有我大家会更好 我想离开这个世界 我想去死 一点都不想活了
我吃了很多安眠药 不想活下去了 我想死，真的 最近总是觉得活着没意思 我不想活啦！！！ 我不活了"""
VIOLENCE = """我老公打我 我老公打我了怎么办 老公又打我 他又动手打我 我被老公打了 老公家暴 婆婆打孩子 我男朋友打我 老公打骂我
我爸喝了酒就打我妈 老公喝酒打人 我被家暴了 儿子打我 孩子被他爸打了，怎么办 我老公掐我脖子 他喝了酒就拿刀砍我 丈夫殴打我"""
NEITHER = """累死我了 笑死 虾死了 想死你们了 想死我了 热死了 气死我了 鱼死了怎么办 跳楼价 跳楼大甩卖 饿死了 虾不活了
螃蟹是活的吗 鱼活不活 活着的虾 收到时虾已经死了 老公打我电话没接 我老公打电话问几点 老公帮我打卡 我妈打我手机 能替家人打卡吗
家里人打不了卡 贵死了 死机器人 我不想要了 不想参加活动了 热得不想活了 菜价贵得没法活了 羡慕死了 生活不下去 要死了 忙得要死
笑死我了 急死了 农药残留多吗 被老公打断了 孩子打疫苗 老公打折买的 儿子打包 想死你做的鱼 花死了怎么办 自杀式降价 团长打我电话了
老公打牌 你去死吧 死了算了这破虾 虾不想活了 我养的鱼活不下去了 花不活了 我的虾不活了"""


class Nobody:
    """Must not be asked."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    stage = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    stage.gateway.dispatcher.answering = Nobody()  # type: ignore[assignment]
    return stage


@pytest.mark.parametrize(("kind", "words"), [("self_harm", SELF_HARM), ("violence", VIOLENCE), ("", NEITHER)])
def test_what_is_meant(kind: str, words: str) -> None:
    assert {one: rules.danger(one) for one in words.split()} == dict.fromkeys(words.split(), kind)
    for one in ("我 不想 活 了", "活著沒意思", "我媽說不想活了", "我要跳樓"):
        assert rules.danger(one) == "self_harm", one


def test_in_private(stage: Stage) -> None:
    """李阿姨（私聊）: 我不想活了 → 「听着让人揪心…12356…」, without a button, a source or a record."""
    (said,) = stage.say("李阿姨", "我不想活了", private=True)
    assert (said.key, said.buttons, said.citations, said.tails) == ("faq.self_harm", (), (), ())
    assert all(number in shown(said) for number in ("12356", "110", "120"))
    (said,) = stage.say("李阿姨", "我老公打我", private=True)
    assert all(number in shown(said) for number in ("12338", "110"))
    for table in (Consent, Turn, Question):
        assert stage.database.read_now(lambda s, t=table: list(s.exec(select(t)))) == []  # type: ignore[misc]


def test_in_the_group_nobody_is_named(stage: Stage) -> None:
    (said,) = stage.say("王姐", "问 我不想活了")
    assert (said.key, said.kind, said.to, said.mention) == ("faq.self_harm", Kind.REPLY, "", False)
    assert "王姐" not in shown(said)
    stage.say("王姐", "积分", private=True)
    (said,) = stage.say("王姐", "问 我不想活了")
    assert (said.key, said.kind, said.place, said.to) == ("faq.self_harm", Kind.DM, Place.DM, "王姐")


def test_whatever_was_asked(stage: Stage) -> None:
    """Not a group's fact, and no answer to the day's topic."""
    (how,) = stage.say("李阿姨", "问团长")
    assert keys(stage.say("李阿姨", "活着没意思", quoting=how)) == ["faq.self_harm"]
    (asked,) = stage.say("周团长", "", button=f"fill:{stage.group_id}:leader_name:missing", private=True)
    stage._remember(asked, "周团长")
    assert keys(stage.say("周团长", "我不想活了", private=True)) == ["faq.self_harm"]


def test_who_wants_the_leader_has_both(stage: Stage) -> None:
    said = stage.say("李阿姨", "问团长 我老公打我")
    assert keys(said) == ["faq.violence", "faq.passed_on", "faq.to_leader"]
