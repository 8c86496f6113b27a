"""One form of what people type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge import thesaurus, tokens
from knowledge.amounts import number
from knowledge.normalise import MAX_QUERY, canonical, comparable, key, question


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
    assert len(tokens.sounds(units)) >= len(units)
    assert all(unit.strip() for unit in units)
    found = thesaurus.meanings(plain)
    assert len(thesaurus.pairs(found)) <= thesaurus.MOST * (thesaurus.MOST - 1) // 2


@pytest.mark.parametrize(
    "same",
    [
        ["两斤", "2斤", "2 斤", "1kg", "1公斤", "1千克", "1000g", "１ＫＧ"],
        ["一斤半", "1.5斤", "750克"],
        ["三块五", "3.5元", "3块5", "3块5毛", "¥3.5", "3.5块钱"],
        ["两块钱", "2元", "2块"],
        ["五点半", "17:30", "下午5点半", "下午五点三十分", "5点半", "17点30", "傍晚5:30"],
        ["早上九点", "9:00", "上午9点", "9点整"],
        ["晚上八点", "20:00", "晚8点"],
        ["二十四小时", "24小时"],
        ["三天", "3天"],
        ["1.5升", "1500ml", "1500毫升"],
    ],
)
def test_amounts_are_alike_however_they_are_written(same: list[str]) -> None:
    assert len({comparable(one) for one in same}) == 1, [comparable(one) for one in same]
    assert len({key(question(f"{one}可以吗")) for one in same}) == 1


@pytest.mark.parametrize(
    "kept",
    [
        "有三点建议",
        "一点都不甜",
        "有一点坏",
        "几点提货",
        "两三天能到",
        "一块去拿",
        "十分好吃",
        "13800138000",
        "第二天",
        "3.5折",
    ],
)
def test_what_only_looks_like_an_amount_stays(kept: str) -> None:
    assert comparable(kept) == kept


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("坏果怎么赔😭😭", "坏果怎么赔"),
        ("坏果怎么赔[流泪]？？？", "坏果怎么赔"),
        ("在吗在吗坏果怎么赔啊啊啊啊", "坏果怎么赔啊"),
        ("急急急！！！坏果怎么赔", "坏果怎么赔"),
        ("团长在吗，姐姐坏果怎么赔[可怜]", "姐姐坏果怎么赔"),
        ("這個壞果怎麼賠", "这个坏果怎么赔"),
    ],
)
def test_pictures_and_stammering_go(typed: str, meant: str) -> None:
    assert question(typed) == meant


@pytest.mark.parametrize("typed", ["坏果怎么赔噻", "坏果 怎么赔嘞~~", "坏果怎么赔？", "坏果，怎么赔呀"])
def test_marks_and_particles_make_no_other_question(typed: str) -> None:
    assert key(question(typed)) == "坏果怎么赔"


@pytest.mark.parametrize("kept", ["能退不", "能退吗", "那周末呢", "货到了没", "天天都能签到", "www.abc.com是啥"])
def test_what_asks_is_not_taken_for_a_particle(kept: str) -> None:
    assert question(kept) == kept
    assert key(question(kept)) == kept


_PARTS = st.lists(
    st.sampled_from(
        ["两斤", "17:30", "三块五", "下午", "五点半", "1kg", "十", "一", "点", "块", "百", "元", "苹果", " ", "."]
    ),
    max_size=8,
)


@given(_PARTS)
def test_any_mixture_of_amounts_is_no_error_and_ends_soon(parts: list[str]) -> None:
    text = comparable("".join(parts))
    assert len(text) <= 4 * sum(map(len, parts)) + 4
    assert all(one in text for one in parts if one == "苹果")


@given(st.integers(2, 9999))
def test_a_number_in_chinese_is_its_value(value: int) -> None:
    signs, steps = "零一二三四五六七八九", ["", "十", "百", "千"]
    digits = [int(one) for one in str(value)]
    text = ""
    for place, digit in zip(range(len(digits) - 1, -1, -1), digits, strict=True):
        text += f"{signs[digit]}{steps[place]}" if digit else ("零" if not text.endswith("零") else "")
    assert number(text.rstrip("零") or "零") == value


@pytest.mark.parametrize(
    ("typed", "heard"),
    [("qiandao", ["qian", "dao"]), ("zenme", ["zen", "me"]), ("app", []), ("kg", []), ("iphone", []), ("vip", [])],
)
def test_letters_that_spell_syllables_are_heard(typed: str, heard: list[str]) -> None:
    assert tokens.spelt(typed) == heard


def test_homophones_sound_alike_and_everyday_words_mean_alike() -> None:
    assert tokens.sounds(tokens.pieces("千到")) == tokens.sounds(tokens.pieces("签到"))
    assert set(thesaurus.meanings("菌子咋卖")) & set(thesaurus.meanings("蘑菇怎么卖"))
    assert "=积分" not in thesaurus.meanings("等了十分钟")


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("除了签到还能怎么得分", "还能怎么得分"),
        ("团长你好，除了周末之外，其他时间能提吗", "其他时间能提吗"),
        ("除夕还送货吗", "除夕还送货吗"),
        ("除了这个", "除了这个"),
    ],
)
def test_what_is_set_aside_is_not_asked_for(typed: str, asked: str) -> None:
    assert question(typed) == asked
