"""What is found in a text, what is done about it, and how fast; each finding stands where it was written."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement.moderation import personal, rules
from engagement.moderation.folding import bare, fold
from engagement.moderation.rules import Action, Category
from prompts import wordlists
from prompts.wordlists import ListedWord

WORDS = [rules.lexicon(wordlists.words())]
LABELS = {"": "□", "phone": "☎"}


def found(text: str, activity: str = "topic") -> dict[str, str]:
    """Kind → what it covers."""
    return {one.kind: text[one.start : one.end] for one in rules.inspect(text, WORDS, activity)}


def action(text: str, activity: str = "topic") -> Action:
    return rules.verdict(rules.inspect(text, WORDS, activity))


@pytest.mark.parametrize(
    ("text", "kind", "covered"),
    [
        ("电话138 0013-8000哦", "phone", "138 0013-8000"),
        ("我的号码一三八零零一三八零零零", "phone", "一三八零零一三八零零零"),
        ("打１３８００１３８０００", "phone", "１３８００１３８０００"),
        ("138\u200b0013\u200b8000", "phone", "138\u200b0013\u200b8000"),
        ("手机 138 001 38000", "phone", "138 001 38000"),
        ("身份证11010519491231002X。", "identity", "11010519491231002X"),
        ("证件 110105194912310021", "identity", "110105194912310021"),
        ("护照 E12345678", "identity", "E12345678"),
        ("卡 6222021234567890128", "card", "6222021234567890128"),
        ("我卡号 4111 1111 1111 1111", "card", "4111 1111 1111 1111"),
        ("张丽华收，3栋2单元501室", "address", "3栋2单元501室"),
        ("给我发 a.b@example.com", "contact", "a.b@example.com"),
        ("我微信号 wxid_8a9b7c", "contact", "wxid_8a9b7c"),
        ("看 https://example.com/a 吧", "plain", "https://example.com/a"),
        ("点 t.cn/abc 看", "short", "t.cn/abc"),
        ("ａｂｃ．ｃｏｍ", "hidden", "ａｂｃ．ｃｏｍ"),
        ("去 shop88点com 看", "hidden", "shop88点com"),
        ("w w w . lihe . t o p", "hidden", "w w w . lihe . t o p"),
        ("网 上 赌 大小", "gambling", "网 上 赌"),
        ("你个傻*逼", "insults", "傻*逼"),
        ("信不信我揍你", "threats", "揍你"),
        ("这个邻居真是神经病", "quarrel", "这个邻居真是神经病"),
    ],
)
def test_what_is_found_where(text: str, kind: str, covered: str) -> None:
    assert found(text).get(kind) == covered


@pytest.mark.parametrize(
    "text",
    [
        "有人加我微信说退款是骗子吗",
        "我电话变了怎么改",
        "订单号 13800138000 到哪了",
        "卡号 6222021234567890129 不对吗",
        "订单 6222021234567890128",
        "110105194912310021",
        "3栋2单元501室漏水",
        "我真是个傻子，又忘了打卡",
        "大麻花是天津的好吃",
        "USB 线借一下",
        "一点半开门",
        "a b c 都学会了",
        "3 . 5 折",
        "x y z . q",
        "我真是废物一个，又忘了打卡",
        "",
    ],
)
def test_what_is_nothing(text: str) -> None:
    assert found(text) == {}


def test_what_a_leader_reads_may_be_rude_and_may_name_a_link() -> None:
    assert action("楼上那个贱人") is Action.WARN
    assert action("楼上那个贱人", "question") is Action.PASS
    assert action("有种下楼") is Action.HOLD
    assert action("这个 t.cn/abc 谁发的") is Action.HOLD
    assert action("这个 t.cn/abc 谁发的", "question") is Action.MASK
    assert action("加我微信 abc123456 领鸡蛋", "question") is Action.HOLD
    assert action("我家腌了泡菜") is Action.PASS


def test_who_tells_of_swindlers_is_none_but_swindlers_deny_it() -> None:
    assert action("有人让我刷单，日结三百，是骗子吗") is Action.PASS
    assert action("刷单日结三百，不是骗子") is Action.HOLD
    assert action("怎么举报发网投平台的人") is Action.PASS
    assert action("网投平台注册就送") is Action.HOLD
    assert action("想赚钱吗？加我微信 zq778899") is Action.HOLD
    assert action("提醒大家，微信 abc888 是个骗局") is Action.PASS
    assert action("有人让我加微信 abc888 返利，靠谱吗") is Action.PASS
    assert action("有人要土鸡蛋吗，加我微信 abc12345") is Action.HOLD
    assert action("别信别人，加我微信 abc12345") is Action.HOLD
    assert action("@所有人 加微信 abc123456 领鸡蛋") is Action.HOLD
    assert action("要不要我的微信 abc123456？自家土鸡蛋") is Action.MASK


def test_goods_need_a_way_to_the_seller() -> None:
    assert action("自家土鸡蛋真好吃") is Action.PASS
    assert action("自家土鸡蛋 1.5元一个 13800138000") is Action.HOLD
    assert action("保洁电话 13800138000") is Action.HOLD
    assert action("减肥成功了 13800138000") is Action.MASK
    assert action("我微信 abc123456，低价出童车") is Action.HOLD


def test_a_group_s_own_words() -> None:
    own = rules.Lexicon.of([ListedWord("卖炭", rules.OWN), ListedWord("vv8", rules.OWN), ListedWord("!?", rules.OWN)])
    (one,) = rules.inspect("今天 卖-炭 吗", [own])
    assert (one.category, one.kind, one.action, one.severity) == (Category.WORD, "own", Action.HOLD, 2)
    assert not rules.inspect("有人卖炭怎么举报", [own])
    assert rules.inspect("找 VV8 吧", [own])
    assert not rules.inspect("xvv8", [own])


def test_covering() -> None:
    text = "电话13800138000，3栋2单元501室 张丽华"
    findings = rules.inspect(text, WORDS)
    assert rules.masked(text, findings, LABELS) == "电话☎，□ 张丽华"
    overlapping = [
        rules.Finding(Category.LINK, "plain", 0, 5, 1, Action.MASK),
        rules.Finding(Category.PERSONAL, "contact", 2, 4, 1, Action.MASK),
        rules.Finding(Category.PERSONAL, "contact", 4, 7, 1, Action.MASK),
        rules.Finding(Category.INSULT, "insults", 8, 9, 2, Action.WARN),
    ]
    assert rules.masked("0123456789", overlapping, LABELS) == "□□789"


def test_reasons() -> None:
    assert rules.reason(rules.inspect("加我微信 abc123456 买 13800138000", WORDS)) == "advert"
    assert rules.reason(rules.inspect("傻逼，弄死你", WORDS)) == "threats"
    assert rules.reason(rules.inspect("傻逼", WORDS)) == "insult"


def test_words_that_may_be_listed() -> None:
    assert rules.word_fault("我") == "short"
    assert rules.word_fault("？！") == "short"
    assert rules.word_fault("长" * 21) == "long"
    assert rules.word_fault("卖炭") == ""
    assert rules.ordinary_share("打卡", wordlists.ordinary_talk()) > rules.MOST_ORDINARY
    assert rules.ordinary_share("卖炭翁", wordlists.ordinary_talk()) == 0
    assert rules.ordinary_share("卖炭翁", []) == 0


def test_check_digits() -> None:
    assert personal.identity_holds("11010519491231002x")
    assert not personal.identity_holds("110105194912310021")
    assert personal.luhn_holds("4111111111111111")
    assert not personal.luhn_holds("4111111111111112")


def test_starter_lists_are_read_whole() -> None:
    words = wordlists.words()
    assert {"gambling", "adult", "drugs", "weapons", "fraud", "insults", "threats"} == {one.listed_in for one in words}
    assert all(not rules.word_fault(one.word) for one in words)
    wrong = [one.word for one in words if rules.ordinary_share(one.word, wordlists.ordinary_talk()) > 0]
    assert not wrong


def test_a_wrong_list_is_refused(tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    (folder / "x.txt").write_text("# 说明\n大麻 !麻花\n", "utf-8")
    with pytest.raises(ValueError, match=r"x\.txt"):
        wordlists.read_words(folder)


@given(st.text(max_size=80))
def test_any_text_is_read_and_every_span_lies_in_it(text: str) -> None:
    folded = fold(text)
    assert len(folded.text) == len(folded.at) == len(folded.digits)
    assert len(folded.bare) == len(folded.bare_at)
    for one in rules.inspect(text, WORDS):
        assert 0 <= one.start < one.end <= len(text)
    rules.masked(text, rules.inspect(text, WORDS), LABELS)


@given(st.text(alphabet="0123456789 -o一二三零栋单元室wxc点.comw@傻逼加微信\u200b", max_size=60))
def test_near_texts_too(text: str) -> None:
    rules.masked(text, rules.inspect(text, WORDS), LABELS)


def test_bare_words() -> None:
    assert bare("加 ➕ V信·ＡＢ丨1") == "加加v信ab1"


def test_it_is_quick() -> None:
    """Under 1 ms of the processor for an answer; long pastes of digits and letters do not blow up."""
    text = "我家腌了两坛泡菜，第一坛放了花椒和一点白酒，酸得掉牙，孩子爱吃。" * 3
    dotted = ("1 3 8 " * 100, "a.b-c." * 100, "w w w . " * 60, "1" * 2000, "1 " * 1000, "a." * 1000)
    for sample in (text, "加我" * 150, "栋1单元2室" * 60, *dotted):
        best = 1.0
        for _ in range(10):
            start = time.thread_time()
            rules.inspect(sample, WORDS)
            best = min(best, time.thread_time() - start)
        assert best < 0.02, (sample[:12], best)
    best = 1.0
    for _ in range(200):
        start = time.thread_time()
        rules.inspect(text[:60], WORDS)
        best = min(best, time.thread_time() - start)
    assert best < 0.001
