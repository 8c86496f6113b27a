"""Words that ask for nothing: a greeting, a picture, and a question of somebody whose group nobody knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engagement.faq import rules
from engagement.registry import FEATURES
from knowledge.answer import Answer, Citation
from tests.engagement.faq.test_faq import Librarian, _answer
from tests.engagement.stage import Stage, keys, open_stage, placeholders_match, shown

AGAIN = {"faq.hello_again", "faq.hello_again_here", "faq.hello_again_ask"}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    opened = open_stage(tmp_path, FEATURES, "2026-12-01T09:00")
    yield opened
    opened.database.close()


def librarian(stage: Stage, **known: Answer) -> None:
    stage.gateway.dispatcher.answering = Librarian(dict(known))  # type: ignore[assignment]


def test_it_introduces_itself_once(stage: Stage) -> None:
    """
    李阿姨: 你好 → 我是团团……；早上好 → 早上好。有事直接说；怎么用啊 → 又是全的
    """
    assert keys(stage.say("李阿姨", "请问 你好")) == ["faq.hello"]
    said = [stage.say("李阿姨", "早上好", f"2026-12-0{day}T09:00", private=True)[0] for day in range(2, 8)]
    assert {one.key for one in said} <= AGAIN
    assert len({one.key for one in said}) > 1, "not always the same words"
    assert all(shown(one).startswith("早上好") and placeholders_match(one) for one in said)
    assert keys(stage.say("李阿姨", "怎么用啊", private=True)) == ["faq.hello"]
    stage.say("王姐", "签到")
    assert keys(stage.say("王姐", "晚上好", private=True))[0] in AGAIN, "the check-in has told her who it is"


def test_a_stranger_is_told_again_another_day(stage: Stage) -> None:
    (hello,) = stage.say("路人", "你好", private=True)
    assert hello.key == "faq.hello"
    stage._remember(hello, "路人")  # it went out
    assert keys(stage.say("路人", "早上好", private=True))[0] in AGAIN
    assert keys(stage.say("路人", "早上好", "2026-12-03T09:00", private=True)) == ["faq.hello"]


@pytest.mark.parametrize(
    ("minute", "part"),
    [(299, "evening"), (300, "morning"), (659, "morning"), (660, "noon"), (780, "afternoon"), (1080, "evening")],
)
def test_parts_of_a_day(minute: int, part: str) -> None:
    assert rules.part_of_day(minute) == part


def test_a_picture_without_words(stage: Stage) -> None:
    """（只发一张照片）→ 看不了，说说是什么事，照片发给团长"""
    stage.say("李阿姨", "签到")
    (told,) = stage.say("李阿姨", "", private=True, media="photo")
    assert told.key == "faq.photo"
    assert "发给团长" in shown(told)


def test_where_the_group_is_not_known(stage: Stage) -> None:
    """路人（私聊）: 几点提货 → 怎么让我认得你在哪个群；不说「团长还没填」"""
    hours = replace(_answer("answered", "提货时间团长还没填。"), missing=("pickup_hours",))
    line = replace(_answer("answered", "先发消息给团长。"), missing=("hotline",))
    librarian(stage, 几点提货=hours, 团长不在=line, 截单几点=hours, **{"pickup.hours": hours})
    assert keys(stage.say("路人", "几点提货", private=True)) == ["faq.which_group"]
    assert keys(stage.say("路人", "", button="ask:pickup.hours", private=True)) == ["faq.which_group"]
    assert keys(stage.say("路人", "团长不在", private=True)) == ["faq.answer"], "it says enough without"
    stage.say("李阿姨", "签到")
    assert keys(stage.say("李阿姨", "几点提货", private=True))[0] == "faq.answer"


@pytest.mark.parametrize(
    ("words", "awaits"),
    [
        ("怎么不见团长回", True),
        ("我的投诉怎么样了？", True),
        ("三天了还没人理我", True),
        ("等了两天了怎么还没人管", True),
        ("我那件事有结果了吗", True),
        ("我的积分怎么样了", False),
        ("三天没人提的货怎么办", False),
        ("团长怎么还不回我", True),
        ("咋没人理我啊", True),
        ("团长回了吗？", True),
        ("等半天不见团长回话", True),
        ("团长不回消息怎么办", False),
        ("团长回家了吗", False),
    ],
)
def test_who_wonders_why_the_leader_is_silent(words: str, awaits: bool) -> None:
    assert rules.awaits(words) == awaits


@pytest.mark.parametrize(
    ("words", "complains"),
    [
        ("我要投诉，少给我一斤橘子", True),
        ("买的桃子烂了三个，投诉", True),
        ("苹果坏了一半 投诉你们！", True),
        ("投诉！牛奶过期了", True),
        ("投诉：菜少了一袋", True),
        ("投诉", False),
        ("投诉，找谁", False),
        ("我要投诉，流程是什么", False),
        ("短租客太吵了怎么投诉", False),
        ("快递员号码 8888 投诉就打这个", False),
    ],
)
def test_who_lodges_a_complaint(words: str, complains: bool) -> None:
    assert rules.complains(words) == complains


def test_who_wonders_why_the_leader_is_silent_hears_that_nothing_is_lost(stage: Stage) -> None:
    """
    王姐: 问团长 能代收燃气灶吗 …… 怎么不见团长回 → 你问周团长的，TA 还没回；再投诉 → 最晚几时给结果
    """
    librarian(stage, 怎么不见团长回=_answer("answered", "再 @团长 一次。"))
    assert "再 @团长 一次" in shown(stage.say("王姐", "提问 怎么不见团长回")[0]), "nothing of hers waits"
    stage.say("王姐", "问团长 能代收燃气灶吗", "2026-12-01T09:30", private=True)
    (said,) = stage.say("王姐", "提问 怎么不见团长回")
    assert shown(said).startswith("你问周团长的，TA 还没回") and "燃气灶" not in shown(said), "asked in private"
    stage.say("王姐", "问团长 鸡蛋全碎了，我要投诉", private=True)
    (said,) = stage.say("王姐", "团长怎么还不回我", private=True)
    assert "最晚 12月4日 9:30 给结果" in shown(said)
    assert placeholders_match(said)
    (said,) = stage.say("王姐", "团长怎么还不回我", "2026-12-04T09:30", private=True)
    assert "最晚" not in shown(said), "that hour is over"


@pytest.mark.parametrize(
    "words",
    [
        "把王姐踢了",
        "能不能把王姐踢出群吗",
        "请把卖保险的移出群",
        "踢掉王姐吧",
        "把3号楼那个拉黑",
        "把张伟移除",
        "拉黑他",
        "把那个发广告的踢了",
    ],
)
def test_nobody_is_put_out_by_a_program(stage: Stage, words: str) -> None:
    """王姐: 把李阿姨踢了 → 由团长定；周团长: 把王姐踢了 → 要你自己移出。Nobody hears of it."""
    assert rules.expels(words)
    assert keys(stage.say("李阿姨", f"提问 {words}")) == ["faq.expel"]
    assert keys(stage.say("周团长", words, private=True)) == ["faq.expel_leader"]


@pytest.mark.parametrize(
    "words",
    [
        "为什么把我踢了",
        "怎么把人移出群",
        "把我踢了",
        "把烂苹果清出来",
        "踢球去",
        "把优惠券移除",
        "拉黑名单怎么看",
        "移除购物车怎么弄",
        "移除商品吗",
        "把这单移除",
        "把收货地址移除",
        "踢了一脚球",
        "踢掉鞋子",
        "把牛奶移除",
        "把收货人移除",
        "把订单里的人移除",
    ],
)
def test_what_is_no_wish_to_put_somebody_out(words: str) -> None:
    assert not rules.expels(words)


@pytest.mark.parametrize(
    ("words", "too", "alone"),
    [
        ("葡萄烂了一半 积分能补吗", True, False),
        ("鸡蛋碎了给我补点积分", True, False),
        ("那给我补20分", True, True),
        ("能不能给我加点积分", True, True),
        ("积分怎么换", False, False),
        ("草莓烂了补多少分钟内报", False, False),
        ("蛋碎了，给我补5分，行吗", True, False),
        ("给我补5分行不行", True, True),
        ("买二送分装袋，坏了", False, False),
        ("加分量不足坏了", False, False),
        ("送分公司的烂了", False, False),
        ("坏了一部分能退吗", False, False),
    ],
)
def test_who_wants_points(words: str, too: bool, alone: bool) -> None:
    assert (rules.wants_points(words), rules.begs_points(words)) == (too, alone)


def test_a_complaint_that_asks_for_points_hears_who_gives_them(stage: Stage) -> None:
    """
    王姐: 葡萄烂了一半 积分能补吗 → 24 小时内拍照…… 补不补积分由周团长定；那给我补20分 → 由团长定
    """
    rule = replace(_answer("answered", "拍照发给团长。"), citations=(Citation("售后", "after_sale.fruit", "拍照。"),))
    librarian(stage, **{"葡萄烂了一半 积分能补吗": rule, "积分能补吗": _answer("answered", "补签不加分。")})
    (said,) = stage.say("王姐", "提问 葡萄烂了一半 积分能补吗")
    assert "补不补积分由周团长定，发照片时一起跟 TA 说。" in shown(said)
    assert placeholders_match(said)
    (said,) = stage.say("王姐", "提问 积分能补吗", "2026-12-01T10:00")
    assert "faq.points_too" not in said.tails, "no word about goods"
    assert keys(stage.say("王姐", "那给我补20分", private=True)) == ["faq.points_wish"]
