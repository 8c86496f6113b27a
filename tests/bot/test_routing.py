"""From words to a command: every way in which people write one, and sentences that only contain one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opencc import OpenCC

from bot.routing import LONGEST_COMMAND, Routes, normal
from engagement.feature import Command, Feature
from engagement.kernel import Event, Incoming, Place
from engagement.registry import FEATURES

ROUTES = Routes(FEATURES)
COMMANDS = [command for feature in FEATURES for command in feature.commands]
FORMS = {
    "plain": "{0}",
    "spaces around": "  {0}\n",
    "full stop": "{0}。",
    "exclamation": "{0}！！",
    "tilde": "{0}~~",
    "emoji": "☀️{0}🌸👍🏻",
    "quotes": "「{0}」",
    "hash": "#{0}",
}


def words() -> Iterator[tuple[str, str]]:
    for command in COMMANDS:
        for word in command.words:
            yield word, command.name


def found(text: str) -> str:
    target = ROUTES.command(text)
    return target.command.name if target is not None and target.command is not None else ""


@pytest.mark.parametrize("form", FORMS)
def test_every_word_in_every_form(form: str) -> None:
    wrong = {word: found(FORMS[form].format(word)) for word, name in words() if found(FORMS[form].format(word)) != name}
    assert not wrong


@pytest.mark.parametrize(
    "change",
    [
        " ".join,
        "\u200b".join,
        lambda word: f"\u202e{word}\u2066\ufeff",
        lambda word: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in word),
        OpenCC("s2t").convert,
        OpenCC("s2tw").convert,
        OpenCC("s2hk").convert,
        lambda word: word.upper(),
        lambda word: f"{word}\u3000",
    ],
    ids=[
        "spaced",
        "zero width",
        "bidi",
        "full width",
        "traditional",
        "Taiwan",
        "Hong Kong",
        "upper case",
        "ideographic space",
    ],
)
def test_every_word_written_otherwise(change: object) -> None:
    wrong = {}
    for word, name in words():
        text = change(word)  # type: ignore[operator]
        if found(text) != name:
            wrong[text] = found(text)
    assert not wrong


def test_every_slash_command() -> None:
    names = [(slash, command.name) for command in COMMANDS for slash in command.slash]
    assert names
    for slash, name in names:
        for form in ("/{0}", "/{0}@tuantuan_bot", " /{0} ", "/{1}"):
            assert found(form.format(slash, slash.upper())) == name, form.format(slash, slash.upper())
    assert found("/nobody") == ""
    assert found("/") == ""


def test_the_leader_commands_of_the_contract() -> None:
    """What the contract and the scenes name."""
    expected = {"签到": "checkin.do", "打卡": "checkin.do", "积分": "points.show", "排行榜": "points.board"}
    assert {word: found(word) for word in expected} == expected


def test_a_word_of_the_same_sound_is_the_command() -> None:
    assert {found(word) for word in ("机分", "积份", "查积分")} == {"points.show"}


@pytest.mark.parametrize(
    ("text", "name", "argument"),
    [
        ("加分 李阿姨 20 帮忙搬货", "points.give", "李阿姨 20 帮忙搬货"),
        ("加分：李阿姨 20 帮忙搬货", "points.give", "李阿姨 20 帮忙搬货"),
        ("加分,李阿姨 20 帮忙", "points.give", "李阿姨 20 帮忙"),
        ("#加分 李阿姨 20 帮忙", "points.give", "李阿姨 20 帮忙"),
        ("/give 李阿姨 20 帮忙", "points.give", "李阿姨 20 帮忙"),
        ("/give@tuantuan_bot 李阿姨 20 帮忙", "points.give", "李阿姨 20 帮忙"),
        ("加分\n李阿姨 20 帮忙", "points.give", "李阿姨 20 帮忙"),
        ("加\u200b分 李\u200b阿姨 20 帮忙", "points.give", "李阿姨 20 帮忙"),
        ("写话题 你家的拿手菜是什么？", "topic.write", "你家的拿手菜是什么？"),
        ("问团长 明天几点到货", "faq.hand_over", "明天几点到货"),
        ("问团长：你好，几点到货？急！", "faq.hand_over", "你好，几点到货？急！"),
        ("/human 你好，几点到货？急！", "faq.hand_over", "你好，几点到货？急！"),
        ("加分 李阿姨 ２０ 帮忙搬货，谢谢！", "points.give", "李阿姨 20 帮忙搬货，谢谢！"),
        ("申诉 我没发广告，是邻居问的……", "moderation.appeal", "我没发广告，是邻居问的……"),
        ("群信息 提货时间 １６：００～２０：００", "groups.fact", "提货时间 16:00~20:00"),
        ("群信息 提货时间 16:00-20:00", "groups.fact", "提货时间 16:00-20:00"),
        ("排行榜 月", "points.board", "月"),
        ("排行榜", "points.board", ""),
        ("加分", "points.give", ""),
        ("話題 我家的泡菜壇子", "topic.say", "我家的泡菜壇子"),
        ("加分 張靜 20 幫忙搬貨", "points.give", "張靜 20 幫忙搬貨"),
        ("轉人工 這個時間能提貨嗎", "faq.hand_over", "這個時間能提貨嗎"),
        ("HELP", "members.help", ""),
    ],
)
def test_arguments(text: str, name: str, argument: str) -> None:
    target = ROUTES.command(text)
    assert target is not None
    assert target.command is not None
    assert (target.command.name, target.argument) == (name, argument)


SENTENCES = (
    "我昨天忘记签到了怎么办",
    "签到有什么用",
    "签到送多少积分？",
    "签到吗",
    "签到？",
    "打卡?",
    "今日话题？",
    "今天签到了吗",
    "积分怎么用",
    "积分可以换什么呢",
    "积分什么时候过期",
    "我的积分怎么少了",
    "怎么看积分明细",
    "排行榜多久更新一次",
    "排行榜是怎么算的？",
    "打卡打晚了还算吗",
    "打卡日历在哪里看",
    "明天还打卡么",
    "今日话题怎么参加",
    "话题几点发？",
    "本月主题是什么？",
    "挑战什么时候开始",
    "怎么退出群",
    "退出以后积分还在吗",
    "导出的文件在哪里",
    "帮助一下我拿个快递",
    "能帮助我看看订单吗",
    "团长设置在哪里改",
    "免打扰怎么开",
    "时区不对怎么改",
    "加分是怎么加的",
    "扣分会通知吗",
    "人工客服电话多少",
    "请问几点提货",
    "主题活动要报名吗",
    "设置免打扰会收不到提醒吗",
    "我要签到但是手机没电了",
    "转人工要等多久",
)


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_sentence_is_not_a_command(sentence: str) -> None:
    assert ROUTES.command(sentence) is None


def test_there_are_thirty_of_them() -> None:
    assert len(SENTENCES) >= 30


@pytest.mark.parametrize("text", ["", " ", "!!!", "😀", "\u200b", "x" * 401, "签到" * 300, "/" + "a" * 33])
def test_what_is_nothing(text: str) -> None:
    assert ROUTES.command(text) is None


def test_a_long_paste_is_not_even_looked_at() -> None:
    assert ROUTES.command("签到" + " " * LONGEST_COMMAND) is None


@given(st.text(max_size=60))
def test_any_text_is_sorted_without_harm(text: str) -> None:
    ROUTES.command(text)
    assert normal(normal(text)) == normal(text)


def test_two_slices_cannot_claim_one_word() -> None:
    def one(name: str, words: tuple[str, ...], slash: tuple[str, ...] = ()) -> Feature:
        return Feature(name, commands=(Command(f"{name}.x", words, lambda ctx: (), slash=slash),))

    with pytest.raises(ValueError, match="two commands for"):
        Routes((one("a", ("签到",)), one("b", ("簽 到！",))))
    with pytest.raises(ValueError, match="/x"):
        Routes((one("a", ("甲",), ("x",)), one("b", ("乙",), ("x",))))
    assert Routes((one("a", ("甲",)),)).fallback() is None


def test_spellings_that_are_remembered_are_bounded() -> None:
    routes = Routes(FEATURES)
    for number in range(1200):
        assert routes.command("签到" + "!" * (number % 300) + "~" * (number // 300)) is not None
    assert len(routes._typed) <= 1000
    target = routes.command("签到")
    assert target is not None
    assert target.argument == ""


@pytest.mark.parametrize(
    ("more", "chatter"),
    [
        ({"text": "你家孩子几岁了"}, True),
        ({"text": "签到"}, False),
        ({"text": "签到吗"}, True),
        ({"text": "你家孩子几岁了", "addressed": True}, False),
        ({"text": "你家孩子几岁了", "place": Place.DM}, False),
        ({"text": "", "event": Event.BUTTON, "button": "x"}, False),
        ({"text": "", "event": Event.JOIN}, False),
        ({"text": ""}, True),
    ],
)
def test_what_is_chatter(more: dict[str, object], chatter: bool) -> None:
    now = datetime(2026, 12, 1, tzinfo=UTC)
    fields: dict[str, Any] = {"event": Event.MESSAGE, "place": Place.GROUP, **more}
    incoming = Incoming(
        channel="play", dedupe_key="1", conversation="g1", sender="u1", occurred_at=now, received_at=now, **fields
    )
    assert ROUTES.is_chatter(incoming) is chatter


def test_key_words_in_the_traditional_script() -> None:
    from engagement.groups.rules import FACTS, read_fact
    from engagement.points.rules import _WORDS, period_of

    for convert in (OpenCC(name).convert for name in ("s2t", "s2tw", "s2hk")):
        assert {word: period_of(convert(word)) for word in _WORDS} == _WORDS
        assert {word: read_fact(f"{convert(word)} 東門")[0] for word in FACTS} == FACTS


@pytest.mark.parametrize(
    ("text", "name", "argument"),
    [
        ("看 3", "curation.show", "3"),
        ("看3", "curation.show", "3"),
        ("发布：12", "curation.publish", "12"),
        ("發布 12", "curation.publish", "12"),
        ("有效期 3 11-20 到 11-30", "curation.dates", "3 11-20 到 11-30"),
        ("负责人 3 售后组", "curation.owner", "3 售后组"),
    ],
)
def test_a_word_with_a_number_counts_in_private_only(text: str, name: str, argument: str) -> None:
    target = ROUTES.command(text, place=Place.DM)
    assert target is not None and target.command is not None
    assert (target.command.name, target.argument) == (name, argument)
    assert ROUTES.command(text) is None, "neighbours talk like this to each other"


@pytest.mark.parametrize("text", ["看", "看 3楼的快递", "看一下 3", "发布 3 号公告吗", "看 -3", "看 ３.5折"])
def test_other_words_in_private_stay_words(text: str) -> None:
    assert ROUTES.command(text, place=Place.DM) is None
