"""Tokens of forms, names of cookies, keyed hashes."""

from __future__ import annotations

import pytest

from console.auth import Area, Signer, cookie_name

VISIT = "a browser's own id"


@pytest.fixture
def signer() -> Signer:
    return Signer("a secret of the tests, long enough")


def test_a_token_is_of_one_browser(signer: Signer) -> None:
    given = signer.token(VISIT)
    assert signer.is_token(VISIT, given)
    assert not signer.is_token("another", given)
    assert not signer.is_token("", signer.token(""))
    assert not signer.is_token(VISIT, "\ud800")
    assert not Signer("another secret").is_token(VISIT, given)


def test_a_hash_is_of_its_purpose(signer: Signer) -> None:
    assert signer.mac("form", VISIT) != signer.mac("recovery", VISIT)
    assert signer.mac("a", "b\0c") != Signer("another").mac("a", "b\0c")


def test_no_session_without_a_secret() -> None:
    with pytest.raises(ValueError, match="secret"):
        Signer("")


def test_with_https_no_other_host_can_set_a_cookie() -> None:
    assert cookie_name(Area.CONSOLE.cookie, https=True) == "__Host-tt_console"
    assert cookie_name(Area.H5.cookie, https=False) == "tt_h5"
