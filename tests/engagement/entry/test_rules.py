"""Names of accounts, masks, roles, addresses."""

from __future__ import annotations

import pytest

from engagement.entry import rules
from engagement.errors import Refusal


@pytest.mark.parametrize(
    ("typed", "name"), [(" Wang.Li ", "wang.li"), ("王 小明".replace(" ", ""), "王小明"), ("ＡＢ", "ab")]
)
def test_a_name(typed: str, name: str) -> None:
    assert rules.read_name(typed) == name


@pytest.mark.parametrize("typed", ["", "a", "a b", "x" * 33, "<b>", "a/b", "a\nb", "=1+1"])
def test_no_name(typed: str) -> None:
    with pytest.raises(Refusal, match="name_how"):
        rules.read_name(typed)


def test_roles() -> None:
    assert rules.read_role(" Staff ") == "staff"
    with pytest.raises(Refusal, match="role_how"):
        rules.read_role("king")
    assert rules.widest(frozenset({"manager", "admin"})) == "admin"
    assert rules.widest(frozenset()) == ""


def test_what_a_link_shows_of_a_name() -> None:
    assert rules.masked("李阿姨") == "李**"
    assert rules.masked("  ") == "**"


def test_addresses() -> None:
    assert rules.address("https://tuan.example/", "/login") == "https://tuan.example/login"
    assert rules.address("", "/login") == "/login"
    assert rules.address("javascript:x", "/login") == "/login"
