"""Values of the product: names made safe, clocks, what is written into rows and read back."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement.clocks import SetClock, ShiftedClock, SystemClock
from engagement.kernel import (
    Button,
    Card,
    Citation,
    Document,
    Event,
    Incoming,
    Kind,
    Outgoing,
    Place,
    one_line,
    row_id,
    simplified,
)

NOW = datetime(2026, 12, 1, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("李阿姨", "李阿姨"),
        ("  李\n阿\t姨 \r\n", "李 阿 姨"),
        ("管\u200b理\u200c员\ufeff", "管理员"),
        ("\u202e员理管\u2066", "员理管"),
        ("a\u0301\u0301\u0301\u0301b", "a\u0301\u0301b"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("\u200d李\u200d", "李"),
        ("\U000e0041\U000e0042x", "x"),
        ("垚燚𠮷", "垚燚𠮷"),
        ("", ""),
        ("\x00\x07", ""),
        ("长" * 40, "长" * 31 + "…"),
        ("长" * 32, "长" * 32),
        ("O'Brien <b>", "O'Brien <b>"),
    ],
)
def test_names_stand_on_one_line(text: str, expected: str) -> None:
    assert one_line(text) == expected


@given(st.text(max_size=200), st.integers(1, 60))
def test_any_name_becomes_one_safe_line(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert "\n" not in line
    assert "  " not in line
    assert all(unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn"} or char == "\u200d" for char in line)
    assert one_line(line, limit) == line


def test_a_paste_as_a_name_takes_no_time() -> None:
    assert len(one_line("x" * 1_000_000)) == 32


@given(st.text())
def test_folding_the_script_keeps_the_length(text: str) -> None:
    assert len(simplified(text)) == len(text)
    assert simplified(simplified(text)) == simplified(text)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [("7", 7), ("0", 0), ("", 0), ("-1", 0), ("9" * 18, 10**18 - 1), ("9" * 19, 0), ("９", 0), ("²", 0), ("1:2", 0)],
)
def test_references_of_rows(reference: str, expected: int) -> None:
    assert row_id(reference) == expected


# ---------------------------------------------------------------- clocks


def test_a_clock_that_is_set() -> None:
    clock = SetClock(datetime(2026, 12, 1, 9, tzinfo=timezone(timedelta(hours=8))))
    assert clock.now() == NOW
    assert clock.now().tzinfo is UTC
    clock.set(NOW - timedelta(days=1))
    assert clock.now() == NOW - timedelta(days=1)
    with pytest.raises(ValueError, match="naive"):
        clock.set(NOW.replace(tzinfo=None))


def test_a_clock_that_is_moved_goes_on() -> None:
    clock = ShiftedClock(timedelta(hours=1))
    host = SystemClock().now()
    assert timedelta(0) <= clock.now() - host - timedelta(hours=1) < timedelta(minutes=1)
    clock.set(NOW)
    assert timedelta(0) <= clock.now() - NOW < timedelta(minutes=1)
    with pytest.raises(ValueError, match="naive"):
        clock.set(NOW.replace(tzinfo=None))


# ---------------------------------------------------------------- rows


@given(
    text=st.text(max_size=50),
    addressed=st.booleans(),
    can_read=st.sampled_from([None, True, False]),
    admin=st.sampled_from([None, True, False]),
    sender=st.sampled_from(["", "u1"]),
    event=st.sampled_from(Event),
    hours=st.integers(0, 48),
)
def test_what_comes_in_is_read_back_as_it_was(
    text: str, addressed: bool, can_read: bool | None, admin: bool | None, sender: str, event: Event, hours: int
) -> None:
    one = Incoming(
        event=event,
        channel="play",
        dedupe_key="m1",
        place=Place.GROUP,
        conversation="g1",
        sender=sender,
        occurred_at=NOW - timedelta(hours=hours),
        received_at=NOW,
        text=text,
        addressed=addressed,
        can_read=can_read,
        sender_is_admin=admin,
    )
    assert Incoming.load(one.dump()) == one


def test_what_goes_out_is_read_back_as_it_was() -> None:
    full = Outgoing(
        kind=Kind.DM,
        channel="play",
        account="bot2",
        place=Place.DM,
        conversation="u1",
        feature="faq",
        key="faq.answer",
        values={"answer": ["一", "二"], "rows": [{"a": 1}], "empty": ""},
        tails=("members.notice",),
        reply_to="m1",
        thread="t",
        to="u1",
        to_name="李阿姨",
        mention=True,
        buttons=(Button("ask:7", "faq.button", {"question": "几点"}),),
        citations=(Citation("提货.md", "7", "四点"),),
        subject="faq:answer",
        emoji="👍",
        picture="x.png",
        card=Card("checkin", {"name": "李阿姨"}),
        document=Document("my-data.json", "{}"),
    )
    bare = Outgoing(Kind.REACTION, "play", "", Place.GROUP, "g1", "checkin", "", {})
    for one in (full, bare):
        back = Outgoing.load(one.dump())
        assert back.dump() == one.dump()
        assert (back.buttons, back.citations, back.document) == (one.buttons, one.citations, one.document)
        assert dict(back.values) == dict(one.values)
    assert Outgoing.load(bare.dump()).conversation == "g1"
