"""Wrong characters of the right sound: what is put back, what is left alone, and what a repaired question is worth."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge import ingest, tokens
from knowledge.answering import Answering
from knowledge.lexical import LexicalIndex, Lexicon
from knowledge.retriever import Ranked
from knowledge.spelling import COST, MOST_STRANGE, Repair, Speller, merged
from tests.knowledge.conftest import NOW

TEXTS = ("退款几天到账", "退款多久能到", "提货点几点关门", "鸡蛋碎了怎么办", "截单以后还能下单吗", "积分怎么换东西")


def _speller(*texts: str) -> Speller:
    lexicon = Lexicon()
    index = LexicalIndex(lexicon, [lexicon.learn([(text, 1.0)]) for text in texts])
    return Speller(lexicon.characters, index.characters)


@pytest.mark.parametrize(
    ("typed", "meant", "changes"),
    [
        ("腿款几天到账", "退款几天到账", 1),
        ("腿宽几天到账", "退款几天到账", 2),
        ("鸡旦碎了怎么办", "鸡蛋碎了怎么办", 1),
        ("请问,截丹 以后", "请问,截单 以后", 1),
        ("VIP腿款,几天", "VIP退款,几天", 1),
    ],
)
def test_a_sign_that_sounds_alike_is_put_back(typed: str, meant: str, changes: int) -> None:
    assert _speller(*TEXTS).repaired(typed) == Repair(meant, changes)


@pytest.mark.parametrize(
    "typed",
    [
        *TEXTS,
        "",
        "退",
        "abc 123",
        "明天天气怎么样",  # words that the base lacks and everybody uses
        "退款了吗退款了吗",
        "鼍",
    ],
)
def test_what_is_right_is_left_alone(typed: str) -> None:
    assert _speller(*TEXTS).repaired(typed) is None


def test_a_word_of_another_trade_and_a_long_word_stay() -> None:
    speller = _speller(*TEXTS, "几点起怎么算", "七点起怎么办", "九点起怎么拿", "源几点关门", "源几点开门", "菜源几点有")
    assert speller.repaired("添然气怎么换") == Repair("添然起怎么换", 1)  # no word: 气 becomes the base's 起
    assert speller.repaired("天然气怎么换") is None
    assert speller.repaired("公务员几点关门") is None
    assert speller.repaired("误员几点关门") == Repair("误源几点关门", 1)


def test_a_text_in_other_words_is_not_misspelt() -> None:
    strange = "鼙鼟鼜鼛鼝鼞鼠鼢鼣鼤鼥鼦鼧"
    assert len(strange) > MOST_STRANGE
    assert _speller(*TEXTS).repaired(f"{strange}腿款几天") is None


def test_what_is_no_longer_in_the_base_is_never_put_in() -> None:
    lexicon = Lexicon()
    lexicon.learn([("退款几天到账", 1.0)])  # counted once, and gone from the index since
    left = LexicalIndex(lexicon, [lexicon.learn([("提货点几点关门", 1.0)])])
    assert Speller(lexicon.characters, left.characters).repaired("腿款几天到账") is None


def test_an_empty_base_repairs_nothing() -> None:
    assert _speller().repaired("腿款几天到账") is None


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="腿退款宽几天到账帐 ,鸡a1旦碎", max_size=30))
def test_only_sounds_that_are_alike_change_places(typed: str) -> None:
    found = _speller(*TEXTS).repaired(typed)
    if found is not None:
        assert len(found.text) == len(typed)
        changed = [(old, new) for old, new in zip(typed, found.text, strict=True) if old != new]
        assert len(changed) == found.changes > 0
        assert all(tokens.sounds([old]) == tokens.sounds([new]) for old, new in changed)


def _ranked(entry: str, score: float, **more: float) -> Ranked:
    return Ranked(cast(Any, SimpleNamespace(entry=entry)), score, **cast(Any, more))


def test_the_better_of_two_rankings_counts_and_a_repair_costs() -> None:
    typed = [_ranked("hours", 0.8, margin=0.3), _ranked("refund", 0.5)]
    again = [_ranked("refund", 1.5, margin=0.7, held=1.0), _ranked("hours", 0.8)]
    found = merged(typed, again, Repair("x", 2))
    assert [(one.item.entry, round(one.score, 3)) for one in found] == [("refund", 1.5 - 2 * COST), ("hours", 0.8)]
    assert found[0].margin == pytest.approx(1.5 - 2 * COST - 0.8)
    assert found[0].held == 1.0
    assert [one.item.entry for one in merged(typed, [], Repair("x", 1))] == ["hours", "refund"]
    assert merged([], [], Repair("x", 1)) == []
    assert merged([_ranked("a", 0.4)], [], Repair("x", 1))[0].margin == 0.4


async def test_a_misspelt_question_finds_its_entry(answering: Answering, entries: Callable[..., ingest.Added]) -> None:
    entries(
        [
            {"id": "refund", "question": "退款多久到账", "aliases": ["退款几天能到"], "answer": "三个工作日。"},
            {"id": "width", "question": "腿围多宽合适", "aliases": ["裤腿宽不宽"], "answer": "看尺码表。"},
            {"id": "eggs", "question": "鸡蛋碎了怎么办", "aliases": ["鸡蛋破了找谁"], "answer": "发照片。"},
            {"id": "hours", "question": "几点可以提货", "aliases": ["提货到几点"], "answer": "四点到八点。"},
        ]
    )
    told = await answering.ask("腿宽多久到帐", now=NOW)
    assert told.candidates[0].id == "refund"
    assert told.question == "腿宽多久到帐"  # what was asked is never rewritten
    straight = await answering.ask("腿围多宽合适", now=NOW)
    assert (straight.decision, straight.candidates[0].id) == ("answered", "width")


def test_a_misspelt_word_of_another_trade_is_one_all_the_same() -> None:
    typed = [_ranked("topup", 1.2, foreign=False)]
    assert not merged(typed, [_ranked("topup", 0.9, foreign=False)], Repair("x", 1))[0].foreign
    assert merged(typed, [_ranked("card", 0.9, foreign=True)], Repair("x", 1))[0].foreign
