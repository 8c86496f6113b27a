"""Sections to passages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from knowledge.chunking import MAX_PASSAGE, passages
from knowledge.loaders.blocks import Block

_TEXT = st.text(alphabet="提货退款十二点。；\n a1", min_size=1, max_size=900).filter(lambda text: bool(text.strip()))
_BLOCK = st.one_of(
    st.builds(Block, st.just("text"), _TEXT, page=st.integers(0, 3)),
    st.builds(Block, st.just("heading"), st.sampled_from(["1 总则", "2.1 退货规则", "附"]), level=st.integers(1, 3)),
)


@given(st.lists(_BLOCK, max_size=12))
def test_nothing_is_lost_nothing_is_too_long_and_places_are_unique(blocks: list[Block]) -> None:
    found = passages("规则", blocks)
    told = "".join("".join(block.text.split()) for block in blocks if block.kind != "heading")
    bodies = "".join("".join(one.body.split()) for one in found)
    assert bodies.replace("2.1退货规则", "").replace("1总则", "").replace("附", "") == told
    for block in blocks:
        assert block.kind != "heading" or any(block.text in f"{one.title}\n{one.body}" for one in found)
    assert all(len(one.body) <= MAX_PASSAGE for one in found)
    assert len({one.entry for one in found}) == len(found)


def test_headings_stand_above_a_passage_and_give_it_its_place() -> None:
    blocks = [
        Block("heading", "生鲜售后规则", level=1),
        Block("heading", "3 坏了怎么退", level=2),
        Block("heading", "3.2 坏多少退多少", level=3),
        Block("text", "坏了一部分按比例退。"),
        Block("heading", "4 运费", level=2),
        Block("text", "不收。"),
    ]
    first, second = passages("生鲜售后规则", blocks)
    assert (first.entry, first.locator) == ("3.2", "3.2")
    assert first.title == "生鲜售后规则 › 3 坏了怎么退 › 3.2 坏多少退多少"
    assert (second.entry, second.title) == ("4", "生鲜售后规则 › 4 运费")


def test_a_heading_with_nothing_under_it_is_told_like_a_paragraph() -> None:
    blocks = [
        Block("heading", "群规", level=1),
        Block("heading", "一、怎么提货", level=2, point=True),
        Block("text", "下午四点。"),
        Block("heading", "二、不许发广告", level=2, point=True),
        Block("heading", "三、不许拉人", level=2, point=True),
        Block("text", "四、有事私聊团长，不在群里吵。"),
        Block("heading", "五、价格", level=2, point=True, followed=True),
        Block("heading", "附", level=1),
    ]
    assert [(one.title, one.body) for one in passages("群规", blocks)] == [
        ("群规 › 一、怎么提货", "下午四点。"),
        ("群规", "二、不许发广告\n三、不许拉人"),
        ("群规", "四、有事私聊团长，不在群里吵。"),
        ("群规", "附"),
    ]
    assert passages("群规", blocks[:1]) == []


def test_a_point_stands_under_a_heading_that_a_style_made() -> None:
    points = [Block("text", "一、坏果按斤退。"), Block("text", "二、漏发补发。")]
    for guessed, title in ((False, "手册 › 三、售后规则"), (True, "手册")):
        found = passages("手册", [Block("heading", "三、售后规则", level=2, point=guessed), *points])
        assert [(one.title, one.body) for one in found[-2:]] == [(title, point.text) for point in points]


def test_a_page_and_a_clause_say_where_a_passage_stands() -> None:
    blocks = [
        Block("heading", "第二章 提货", level=1, page=3),
        Block("text", "第五条 提货时间为每天下午四点以后。", page=3),
        Block("text", "节假日另行通知。", page=3),
        Block("text", "第六条 超过三天未取，联系团长。", page=4),
    ]
    found = passages("章程", blocks)
    assert [(one.entry, one.locator) for one in found] == [("第五条", "第五条 P3"), ("第六条", "第六条 P4")]
    assert found[0].body == "第五条 提货时间为每天下午四点以后。\n节假日另行通知。"
    assert passages("章程", [Block("text", "见第五条规定。", page=2)])[0].locator == "P2"


def test_a_long_clause_keeps_its_number_in_every_passage() -> None:
    found = passages("章程", [Block("text", "第五条 " + "提货要带取货码。" * 100)])
    assert [one.locator for one in found] == ["第五条"] * len(found)
    assert len(found) > 1
