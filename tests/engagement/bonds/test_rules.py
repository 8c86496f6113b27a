"""Codes, masks and who may be one of two."""

from __future__ import annotations

import math
import random
from datetime import timedelta

import pytest

from engagement.bonds import rules
from engagement.bonds.rules import Both, Side
from tests.engagement.stage import at

NOW = at("2026-12-01T09:00")
TELEGRAM, WECHAT = Side(("telegram",)), Side(("wechat",))


def test_a_code_is_hard_to_guess_and_easy_to_read() -> None:
    assert rules.CODE * math.log2(len(set(rules.ALPHABET))) > 40
    assert not set("0O1IL2Z5S8BUV") & set(rules.ALPHABET)
    codes = {rules.draw(random.Random(seed)) for seed in range(500)}
    assert len(codes) == 500
    assert all(rules.read_code(rules.in_threes(code)) == code for code in codes)
    assert {sign for code in codes for sign in code} == set(rules.ALPHABET)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("346-79A-CDE", "34679ACDE"),
        (" 346 79a cde。", "34679ACDE"),
        ("３４６７９ＡＣＤＥ", "34679ACDE"),
        ("346\u200b-79A—CDE", "34679ACDE"),
        ("346-79A-CD", ""),
        ("346-79A-CDEF", ""),
        ("346-79A-CD0", ""),
        ("", ""),
        ("绑定码是什么呀哈哈", ""),
    ],
)
def test_a_typed_code_is_read_kindly(typed: str, code: str) -> None:
    assert rules.read_code(typed) == code


def test_a_name_is_masked() -> None:
    assert [rules.masked(name) for name in ("小满", " 李阿姨", "𠮷田", "")] == ["小**", "李**", "𠮷**", "**"]


def test_wrong_codes_count_for_an_hour() -> None:
    assert rules.counts(3, None, NOW) == 0
    assert rules.counts(3, NOW, NOW) == 3
    assert rules.counts(3, NOW, NOW + rules.TRIES_IN - timedelta(microseconds=1)) == 3
    assert rules.counts(3, NOW, NOW + rules.TRIES_IN) == 0


@pytest.mark.parametrize(
    ("survivor", "absorbed", "both", "key"),
    [
        (TELEGRAM, WECHAT, [], ""),
        (TELEGRAM, WECHAT, [Both("一期"), Both("二期")], ""),
        (Side(("telegram",), survivor=True), WECHAT, [], ""),
        (TELEGRAM, Side(("wechat",), survivor=True), [], "bonds.other_way"),
        (Side(("telegram",), staff=True), WECHAT, [], "bonds.staff"),
        (TELEGRAM, Side(("wechat",), staff=True), [], "bonds.staff"),
        (Side(("telegram",), withdrew=True), WECHAT, [], "bonds.withdrawn"),
        (TELEGRAM, Side(("wechat",), withdrew=True), [], "bonds.withdrawn"),
        (Side(("wecom", "wechat")), WECHAT, [], "bonds.same_channel"),
        (TELEGRAM, WECHAT, [Both("一期"), Both("二期", family=True)], "bonds.family"),
        (TELEGRAM, WECHAT, [Both("一期", leads=True)], "bonds.leads"),
    ],
)
def test_who_may_be_one(survivor: Side, absorbed: Side, both: list[Both], key: str) -> None:
    assert rules.why_not(survivor, absorbed, both, None, NOW)[0] == key


def test_who_has_parted_waits_a_month() -> None:
    def why(moment: object) -> object:
        return rules.why_not(TELEGRAM, WECHAT, [], NOW, NOW + moment)  # type: ignore[operator]

    assert why(timedelta()) == ("bonds.again", {"days": 30})
    assert why(timedelta(days=29, hours=1)) == ("bonds.again", {"days": 1})
    assert why(timedelta(days=30)) == ("", {})
