"""One form of what people type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge import thesaurus, tokens
from knowledge.normalise import MAX_QUERY, canonical, question


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("团长你好我买的草莓烂了一半能退不", "我买的草莓烂了一半能退不"),
        ("请问几点提货", "几点提货"),
        ("在吗 想问一下退款多久到账 谢谢", "退款多久到账"),
        ("亲，提貨時間是什麼時候", "提货时间是什么时候"),
        ("周团长，菜坏了", "菜坏了"),
        ("@团团助手 几点提货", "几点提货"),
        ("几\u200b点\u2060提\ufeff货", "几点提货"),
        ("ＡＰＰ打不开！！", "app打不开"),
        ("姐，坏果怎么赔", "坏果怎么赔"),
    ],
)
def test_greetings_width_script_and_invisible_marks_go(typed: str, meant: str) -> None:
    assert question(typed) == meant


@pytest.mark.parametrize(
    "kept", ["团长怎么联系", "大家都几点去拿", "早上几点能提货", "老板这个怎么卖", "团长一下午了都没回"]
)
def test_words_that_only_look_like_a_greeting_stay(kept: str) -> None:
    assert question(kept) == kept


@pytest.mark.parametrize("greeting", ["你好", "在吗", "谢谢", "团长你好"])
def test_a_greeting_alone_is_not_emptied(greeting: str) -> None:
    assert question(greeting)


@given(st.text(max_size=400))
def test_canonical_is_a_fixed_point_and_question_is_bounded(text: str) -> None:
    once = canonical(text)
    assert canonical(once) == once
    assert len(question(text)) <= MAX_QUERY


@given(st.text(max_size=80))
def test_any_text_can_be_cut_into_tokens(text: str) -> None:
    plain = canonical(text)
    units = tokens.pieces(plain)
    assert len(tokens.grams(units)) == max(0, 2 * len(units) - 1)
    assert len(tokens.sounds(units)) == len(units)
    assert all(unit.strip() for unit in units)
    found = thesaurus.meanings(plain)
    assert len(thesaurus.pairs(found)) <= thesaurus.MOST * (thesaurus.MOST - 1) // 2


def test_homophones_sound_alike_and_everyday_words_mean_alike() -> None:
    assert tokens.sounds(tokens.pieces("千到")) == tokens.sounds(tokens.pieces("签到"))
    assert set(thesaurus.meanings("菌子咋卖")) & set(thesaurus.meanings("蘑菇怎么卖"))
    assert "=积分" not in thesaurus.meanings("等了十分钟")
