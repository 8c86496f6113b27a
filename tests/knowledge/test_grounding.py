"""What a model says is kept only as far as a passage says it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.grounding import MAX_ANSWER, clean, complete, grounded

PASSAGE = "提货后 24 小时内拍 2 张照片发给团长。坏了一部分按比例退，超过一半全退。生鲜单纯不想要，不支持退。"


@pytest.mark.parametrize(
    "said",
    [
        "提货后24小时内拍2张照片发给团长。",
        "超过一半全退。",
        "坏了一部分按比例退，超过一半全退。",
        "生鲜单纯不想要，不支持退。",
    ],
)
def test_what_the_passage_says_is_kept(said: str) -> None:
    assert grounded(said, [PASSAGE]) == (said, [0])


@pytest.mark.parametrize(
    "said",
    [
        "提货后 48 小时内拍 2 张照片发给团长。",
        "提货后24小时内拍2张照片发给团长，电话13800138000。",
        "生鲜单纯不想要，支持退。",
        "牛肉是国产的，请放心。",
        "不知道",
        "资料里没有提到。",
        "",
    ],
)
def test_invented_figures_turned_meanings_and_other_matter_are_not(said: str) -> None:
    assert grounded(said, [PASSAGE]) == ("", [])


PLACES = "提货点在南门旁边的便利店，每天下午 4 点到 8 点，周三到货。超过 3 天没取按原价退 5 元。"


@pytest.mark.parametrize(
    "said",
    [
        "提货点在南门旁边的便利店。",
        "每天下午4点到8点。",
        "超过3天没取按原价退5块。",
        "超过 3 日没取按原价退5元。",
    ],
)
def test_the_same_said_with_other_blanks_and_units_is_kept(said: str) -> None:
    assert grounded(said, [PLACES])[0] == said


@pytest.mark.parametrize(
    "said",
    [
        "提货点在北门旁边的便利店。",
        "提货点在南门旁边的驿站。",
        "提货点在南门旁边的水果店。",
        "每天上午4点到8点。",
        "每天下午4点到9点。",
        "周四到货。",
        "超过3小时没取按原价退5元。",
        "超过3天没取按原价退5斤。",
        "超过三天没取按原价退5元。",
        "超过3天没取按原价退5%。",
    ],
)
def test_another_place_time_or_unit_falls(said: str) -> None:
    assert grounded(said, [PLACES]) == ("", [])


@pytest.mark.parametrize("said", ["30 天", "没有", "团购、提货通知、邻里互助", "买菜团购、提货通知、邻里互助"])
def test_a_fragment_is_not_enough(said: str) -> None:
    passage = "买菜团购、提货通知、邻里互助都欢迎。不发外来广告，不传没出处的消息，不骂人，不晒别人隐私。"
    assert not complete(said, passage)
    assert complete("买菜团购、提货通知、邻里互助都欢迎。不发外来广告，不骂人。", passage)


def test_one_false_sentence_falls_and_the_true_ones_stay() -> None:
    said = "坏了一部分按比例退，超过一半全退。客服电话是 4008001234。"
    assert grounded(said, ["别的资料。", PASSAGE]) == ("坏了一部分按比例退，超过一半全退。", [1])


def test_links_markup_and_mentions_go() -> None:
    dirty = "**超过一半全退** [点这里](http://bad.example/a) ![x](data:a) <img src=x> @所有人 https://bad.example/x [1]"
    assert clean(dirty) == "超过一半全退"


@given(st.text(max_size=600), st.text(max_size=200))
def test_nothing_comes_out_that_did_not_go_in(said: str, passage: str) -> None:
    text, used = grounded(said, [passage])
    assert len(text) <= MAX_ANSWER
    assert bool(text) == bool(used)
    assert set(text) <= set(said)
