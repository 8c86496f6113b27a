"""Rules of families, alone: dividing, what each has contributed, reading what people type."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement.errors import Refusal
from engagement.households import rules
from engagement.households.rules import Line

NOW = datetime(2026, 12, 1, tzinfo=UTC)
HER, HIM, CHILD = 1, 2, 3


def lines(*rows: tuple[int, int, str] | tuple[int, int, str, int]) -> list[Line]:
    """Entries 1, 2, 3, … of (member, amount, kind, what it reverses)."""
    return [Line(number, *row) for number, row in enumerate(rows, start=1)]


def test_a_request_waits_for_three_days() -> None:
    assert rules.is_open("open", NOW, NOW + timedelta(hours=72) - timedelta.resolution)
    assert not rules.is_open("open", NOW, NOW + timedelta(hours=72))
    assert not rules.is_open("declined", NOW, NOW)


@pytest.mark.parametrize("state", ["open", "declined", "withdrawn"])
def test_nobody_is_asked_twice_in_three_days(state: str) -> None:
    assert not rules.may_ask_again(state, NOW, NOW + timedelta(hours=71))
    assert rules.may_ask_again(state, NOW, NOW + timedelta(hours=72))


@pytest.mark.parametrize("state", ["accepted", "expired"])
def test_after_a_yes_or_in_vain_one_may_ask_at_once(state: str) -> None:
    assert rules.may_ask_again(state, NOW, NOW)


@pytest.mark.parametrize(
    ("theirs", "mine", "both_alone", "crosses"),
    [
        ("join", "invite", False, True),
        ("invite", "join", False, True),
        ("join", "join", True, True),
        ("invite", "invite", True, True),
        ("join", "join", False, False),
    ],
)
def test_two_who_ask_each_other_have_said_yes(theirs: str, mine: str, both_alone: bool, crosses: bool) -> None:
    assert rules.crosses(theirs, mine, both_alone=both_alone) is crosses


@given(st.integers(0, 10_000), st.lists(st.integers(0, 10_000), min_size=1, max_size=8))
def test_a_division_loses_nothing(amount: int, weights: list[int]) -> None:
    parts = rules.apportion(amount, weights)
    assert sum(parts) == amount
    assert all(part >= 0 for part in parts)
    if amount <= sum(weights):
        assert all(part <= weight for part, weight in zip(parts, weights, strict=True))


@pytest.mark.parametrize(
    ("entries", "members", "expected"),
    [
        pytest.param([], [HER], {HER: 0}, id="nothing yet"),
        pytest.param([(HER, 60, "checkin"), (HIM, 40, "topic")], [HER, HIM], {HER: 60, HIM: 40}, id="earned"),
        pytest.param(
            [(HER, 60, "checkin"), (HIM, 40, "checkin"), (HIM, -50, "exchange")],
            [HER, HIM],
            {HER: 30, HIM: 20},
            id="all pay, whoever orders",
        ),
        pytest.param(
            [(HER, 60, "checkin"), (HER, -30, "exchange"), (HIM, 40, "transfer")],
            [HER, HIM],
            {HER: 30, HIM: 40},
            id="who comes later has not paid for it",
        ),
        pytest.param(
            [(HER, 60, "checkin"), (HIM, 40, "checkin"), (HER, -50, "adjust")],
            [HER, HIM],
            {HER: 10, HIM: 40},
            id="a leader takes from one",
        ),
        pytest.param(
            [(HER, 10, "checkin"), (HIM, 40, "checkin"), (HER, -30, "adjust")],
            [HER, HIM],
            {HER: 0, HIM: 20},
            id="the rest of a taking is the family's",
        ),
        pytest.param(
            [(HER, 60, "checkin"), (HIM, 40, "checkin"), (HIM, -50, "exchange"), (HIM, 50, "reversal", 3)],
            [HER, HIM],
            {HER: 60, HIM: 40},
            id="a reversed payment goes back to those who paid",
        ),
        pytest.param(
            [(HER, 60, "checkin"), (HIM, 40, "adjust"), (HIM, -40, "reversal", 2)],
            [HER, HIM],
            {HER: 60, HIM: 0},
            id="a reversed gift is his alone",
        ),
        pytest.param(
            [(HER, 60, "checkin"), (HER, -20, "transfer"), (HIM, 20, "transfer")],
            [HER, HIM],
            {HER: 40, HIM: 20},
            id="given inside",
        ),
        pytest.param(
            [(HER, 60, "checkin"), (HIM, 40, "checkin"), (CHILD, 10, "checkin"), (HIM, -40, "transfer")],
            [HER, CHILD],
            {HER: 60, CHILD: 10},
            id="he left with his own",
        ),
        pytest.param(
            [(HER, 60, "checkin"), (HIM, 40, "checkin"), (CHILD, 20, "checkin")],
            [HER, CHILD],
            {HER: 90, CHILD: 30},
            id="he erased his data, the family keeps it",
        ),
        pytest.param([(HIM, 9, "checkin")], [HER, CHILD], {HER: 5, CHILD: 4}, id="nothing but his"),
        pytest.param(
            [(HER, -30, "exchange"), (HER, 50, "checkin"), (HIM, 10, "checkin")],
            [HER, HIM],
            {HER: 20, HIM: 10},
            id="two transactions at once, their numbers the other way round",
        ),
        pytest.param(
            [(HER, 5, "checkin"), (HER, -5, "transfer"), (HER, 5, "checkin"), (HER, -5, "exchange")],
            [HER, HIM],
            {HER: 0, HIM: 0},
            id="all spent",
        ),
    ],
)
def test_what_each_has_contributed(
    entries: list[tuple[int, int, str]], members: list[int], expected: dict[int, int]
) -> None:
    assert rules.contributions(lines(*entries), members) == expected


@given(
    st.lists(
        st.tuples(
            st.integers(1, 4), st.integers(-60, 60).filter(bool), st.sampled_from(["checkin", "exchange", "adjust"])
        ),
        max_size=40,
    ),
    st.sets(st.integers(1, 4), min_size=1),
)
def test_contributions_add_up_to_the_balance(entries: list[tuple[int, int, str]], members: set[int]) -> None:
    """Of any entries after which the balance was never negative; each reversed now and then."""
    kept: list[Line] = []
    balance = 0
    for number, (member, amount, kind) in enumerate(entries, start=1):
        turned = kept[number // 3] if number % 4 == 0 and len(kept) > number // 3 else None
        if turned is not None and turned.reverses_id is None:
            line = Line(number, turned.member_id, -turned.amount, "reversal", turned.entry_id)
        else:
            line = Line(number, member, amount, kind)
        if balance + line.amount >= 0:
            balance += line.amount
            kept.append(line)
    found = rules.contributions(kept, sorted(members))
    assert set(found) == members
    assert sum(found.values()) == balance
    assert all(0 <= points <= balance for points in found.values())


def test_an_amount_is_cut_into_what_the_ledger_takes() -> None:
    assert rules.portions(0, 10) == []
    assert rules.portions(10, 10) == [10]
    assert rules.portions(25, 10) == [10, 10, 5]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("李阿姨 20", ("李阿姨", 20)),
        ("@李阿姨 ２０分", ("李阿姨", 20)),
        ("301 张哥：5 积分", ("301 张哥", 5)),
        ("小满妈妈,+7", ("小满妈妈", 7)),
    ],
)
def test_a_gift_is_read(text: str, expected: tuple[str, int]) -> None:
    assert rules.read_gift(text) == expected


@pytest.mark.parametrize("text", ["", "李阿姨", "20", "李阿姨 0", "李阿姨 -5", "李阿姨 二十", "李阿姨 1234567890"])
def test_a_gift_that_cannot_be_read(text: str) -> None:
    with pytest.raises(Refusal, match=r"households\.give_how"):
        rules.read_gift(text)


def test_a_person_s_name_is_read() -> None:
    assert rules.read_person(" @王姐 ") == "王姐"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("李阿姨一家", "李阿姨一家"),
        ("「幸福一家」", "幸福一家"),
        ("阳光\n一家\u202e\u200b", "阳光 一家"),
        ("x" * 12, "x" * 12),
    ],
)
def test_a_family_s_name_is_one_clean_line(text: str, expected: str) -> None:
    assert rules.read_family_name(text) == expected


@pytest.mark.parametrize(
    ("text", "key"), [("", "name_how"), ("  「」 ", "name_how"), ("🧧🧧", "name_how"), ("长" * 13, "name_long")]
)
def test_what_is_no_family_name(text: str, key: str) -> None:
    with pytest.raises(Refusal, match=rf"households\.{key}"):
        rules.read_family_name(text)


@pytest.mark.parametrize(
    "text", ["同意", "好的！", "我同意", "可以 👌", "行啊", "同意加入", "OK", "我願意".replace("願", "愿")]
)
def test_a_yes(text: str) -> None:
    assert rules.answer_of(text) is True
    assert not rules.is_no_answer(text)


@pytest.mark.parametrize("text", ["不同意", "不用了", "先不加", "算了", "不要", "还是不了。"])
def test_a_no(text: str) -> None:
    assert rules.answer_of(text) is False
    assert not rules.is_no_answer(text)


@pytest.mark.parametrize("text", ["合了以后还能分开吗", "同意什么", "", "好不好"])
def test_something_else(text: str) -> None:
    assert rules.answer_of(text) is None
    assert rules.is_no_answer(text)
