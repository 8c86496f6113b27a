"""What adds up: points of groups, their bounds, what has to be there, and what speaks against it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engagement.moderation import rules, scores
from engagement.moderation.folding import fold
from engagement.moderation.rules import Category
from prompts import signals, wordlists

WORDS = [rules.lexicon(wordlists.words())]
PLAIN = """
needs = 4
[offer]
points = 2
most = 4
words = ["甲", "乙", "丙"]
[against]
points = -3
most = 3
words = ["吗\\\\Z", "谁"]
"""


def kind(folder: Path, text: str) -> signals.Kind:
    path = folder / "sample.toml"
    path.write_text(text, "utf-8")
    return signals.read(path)


def test_every_different_hit_counts_up_to_the_bound(tmp_path: Path) -> None:
    found = kind(tmp_path, PLAIN)
    assert scores.score(found, "甲甲甲").points == 2
    assert scores.score(found, "甲乙") == scores.Score(4, {"offer": 4}, 0, 2)
    assert scores.score(found, "二甲乙丙三") == scores.Score(4, {"offer": 4}, 1, 4)
    assert scores.score(found, "谁甲乙吗") == scores.Score(1, {"offer": 4, "against": -3}, 1, 3)
    assert scores.score(found, "甲乙吗\n好") == scores.Score(4, {"offer": 4}, 0, 2)
    assert scores.score(found, "谁") == scores.Score(0, {})


def test_what_has_to_be_there(tmp_path: Path) -> None:
    found = kind(tmp_path, PLAIN + '[stuff]\nmust = true\npoints = 2\nmost = 2\nwords = ["货"]\n')
    assert [group.name for group in found.groups] == ["stuff", "offer", "against"]
    assert scores.score(found, "甲乙") == scores.Score(0, {})
    assert scores.score(found, "甲货").points == 4


@pytest.mark.parametrize(
    "text",
    [
        "[a]\npoints = 1\nmost = 1\nwords = ['甲']",
        "needs = 0\n[a]\npoints = 1\nmost = 1\nwords = ['甲']",
        "needs = 1\n[a]\nmost = 1\nwords = ['甲']",
        "needs = 1\n[a]\npoints = 2\nmost = 1\nwords = ['甲']",
        "needs = 1\n[a]\npoints = 1\nmost = 1\nwords = ['(']",
        "needs = 1\n[a]\npoints = 1\nmost = 1\nwords = ['甲?']",
        "needs = 1\na = 1",
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"sample\.toml"):
        kind(tmp_path, text)


def test_no_word_reaches_over_a_comma_but_a_comma_inside_a_word_hides_nothing() -> None:
    assert fold("蒲扇，你家！好的").clauses == "蒲扇\n你家\n好的"
    assert fold("傻，逼").clauses == "傻逼"
    assert fold("").clauses == ""


def test_an_advert_by_its_shape() -> None:
    """An offer, a way and a call, none of which is anything alone."""
    (one,) = rules.inspect("隔壁驾校本月报名立减八百，有意的联系我", WORDS, "topic")
    assert (one.category, one.kind) == (Category.ADVERT, "advert")
    for harmless in ("隔壁驾校教练人好", "这个月便宜了八百", "有事联系我", "驾校报名多少钱，有优惠吗"):
        assert not rules.inspect(harmless, WORDS, "topic"), harmless


@pytest.mark.parametrize(
    "text", ["你脑子进水了吧", "楼上真没素质", "你们物业养了一群饭桶", "妈的智障", "你个hundan", "🐶东西，说的就是你"]
)
def test_insults_need_somebody_who_is_meant(text: str) -> None:
    assert {one.category for one in rules.inspect(text, WORDS, "topic")} == {Category.INSULT}


@pytest.mark.parametrize(
    "text", ["我脑子进水了，忘了签到", "傻瓜相机拍的", "死贵死贵的", "笨手笨脚的我", "哈哈你这个傻瓜", "累成狗了"]
)
def test_jokes_are_none(text: str) -> None:
    assert not rules.inspect(text, WORDS, "topic")


def test_letters_in_boxes_and_signs_are_read() -> None:
    assert fold("🇻🇽 🅥🅧 🅰🅱 ➕❤ 🐧").clauses == "vxvxab加心企鹅"
    assert fold("sʙ").clauses


@pytest.mark.parametrize("text", ["我真是个傻帽，又买错了", "天津的大麻花好吃", "我们用 usb 线", "小区的抽大麻花真脆"])
def test_words_of_the_lists_that_are_meant_otherwise(text: str) -> None:
    assert not rules.inspect(text, WORDS, "topic")


def test_an_account_behind_a_colon() -> None:
    assert rules.inspect("v: tian_tian88 有好货", WORDS, "topic")
