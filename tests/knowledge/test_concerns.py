"""What nobody has an answer to: whose question goes to the leader, and whose is small talk."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from knowledge import concerns, ingest, normalise
from knowledge.answering import Answering
from tests.knowledge.conftest import NOW

OURS = [
    "燃气灶能不能帮忙代收",
    "提货点门口好停车吗",
    "你们的营业执照哪里能看",
    "仓库要不要临时工",
    "豬肉過年會不會漲價",
    "送货的车把我家花盆压碎了",
]
TALK = [
    "早上好呀",
    "唱首歌呗",
    "今天好困啊",
    "澳大利亚首都是哪",
    "股票还能不能拿",
    "高考志愿咋填",
    "春眠不觉晓下一句是啥",
]


@pytest.mark.parametrize("text", OURS)
def test_who_wants_something_of_us_is_handed_on_though_no_entry_is_near(text: str) -> None:
    assert concerns.leader(normalise.question(text), likely=False)


@pytest.mark.parametrize("text", TALK)
def test_what_only_passes_the_time_is_not(text: str) -> None:
    assert not concerns.leader(normalise.question(text), likely=False)


@pytest.mark.parametrize("text", ["大家晚安啦", "今天的风真舒服啊", "好的谢谢团长", ""])
def test_a_wish_is_small_talk_even_where_an_entry_shares_its_words(text: str) -> None:
    assert not concerns.leader(normalise.question(text), likely=True)


@pytest.mark.parametrize("text", ["楼道灯坏了", "几号开学", "群里的那个谁"])
def test_where_an_entry_is_a_little_near_one_sign_is_enough(text: str) -> None:
    assert concerns.leader(normalise.question(text), likely=True)


async def test_the_base_hands_on_and_refuses(answering: Answering, entries: Callable[..., ingest.Added]) -> None:
    entries(
        [
            {"id": f"e{at}", "question": text, "answer": "看页面。"}
            for at, text in enumerate(("退款多久到账", "怎么签到", "几点提货", "积分怎么换东西", "发票怎么开"))
        ]
    )
    assert (await answering.ask("燃气灶能不能帮忙代收", now=NOW)).decision == "handed_over"
    assert (await answering.ask("唱首歌呗", now=NOW)).decision == "refused"
