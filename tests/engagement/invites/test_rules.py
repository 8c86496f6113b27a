"""Codes, freshness, circles and worth, by table."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from engagement.errors import Refusal
from engagement.invites import rules
from tests.engagement.stage import at

NOW = at("2026-12-08T10:00")


def test_codes_are_unambiguous_and_hard_to_guess() -> None:
    import math

    assert not set(rules.ALPHABET) & set("01OIL")
    assert len(set(rules.ALPHABET)) == len(rules.ALPHABET)
    assert rules.TOKEN * math.log2(len(rules.ALPHABET)) >= 30
    chance = random.Random(1)
    drawn = {rules.draw(chance, rules.TOKEN) for _ in range(500)}
    assert len(drawn) == 500
    assert all(rules.read_payload(f"i{one}") == one for one in drawn)


@pytest.mark.parametrize(
    ("typed", "code"),
    [("K7F3", "K7F3"), (" k7 f3 ", "K7F3"), ("Ｋ７Ｆ３", "K7F3"), ("K7F", ""), ("K7F30", ""), ("K7F0", ""), ("", "")],
)
def test_typed_codes(typed: str, code: str) -> None:
    assert rules.read_code(typed) == code


@pytest.mark.parametrize(
    ("payload", "token"),
    [
        ("iK7F3K7F3", "K7F3K7F3"),
        ("ik7f3k7f3", "K7F3K7F3"),
        ("xK7F3K7F3", ""),
        ("iK7F3", ""),
        ("iK7F3K7F0", ""),
        ("", ""),
    ],
)
def test_payloads(payload: str, token: str) -> None:
    assert rules.read_payload(payload) == token


@pytest.mark.parametrize(
    ("ago", "fresh"),
    [(timedelta(0), True), (timedelta(days=7), True), (timedelta(days=7, seconds=1), False), (-timedelta(1), False)],
)
def test_fresh(ago: timedelta, fresh: bool) -> None:
    assert rules.is_fresh(NOW - ago, NOW) is fresh


@pytest.mark.parametrize(
    ("brought_by", "circle"),
    [({}, False), ({2: 1}, True), ({2: 3, 3: 1}, True), ({2: 3, 3: 4}, False), ({2: 2}, False)],
)
def test_circles(brought_by: dict[int, int], circle: bool) -> None:
    assert rules.is_circle(1, 2, brought_by) is circle


@pytest.mark.parametrize(
    ("here", "shared", "paid", "points"),
    [(True, False, 0, 10), (True, False, 9, 10), (True, False, 10, 0), (False, False, 0, 0), (True, True, 0, 0)],
)
def test_worth(here: bool, shared: bool, paid: int, points: int) -> None:
    assert rules.worth(here=here, shared=shared, paid_this_month=paid) == points


def test_stages() -> None:
    assert [rules.stage(0, paid=False), rules.stage(1, paid=False), rules.stage(2, paid=True)] == [
        "came",
        "begun",
        "paid",
    ]


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("https://t.me/+abc", "https://t.me/+abc"),
        (" https://work.weixin.qq.com/gm/1 ", "https://work.weixin.qq.com/gm/1"),
        ("HTTPS://T.me/+abc", "HTTPS://T.me/+abc"),
        ("无", ""),
    ],
)
def test_links(text: str, link: str) -> None:
    assert rules.read_link(text) == link


@pytest.mark.parametrize(
    "text", ["", "t.me/+a", "http://t.me/+a", "https://t.me/", "https://[t.me/a", "https://t.me/群"]
)
def test_no_links(text: str) -> None:
    with pytest.raises(Refusal, match="link_how"):
        rules.read_link(text)
