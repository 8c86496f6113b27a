"""Signed sessions and the tokens of forms."""

from __future__ import annotations

import base64
import json

import pytest

from console.auth import SESSION_SECONDS, Area, Role, Signer, Visitor, session

VISIT = "a browser's own id"


@pytest.fixture
def signer() -> Signer:
    return Signer("a secret of the tests")


def test_a_session_comes_back(signer: Signer) -> None:
    visitor = session(Role.LEADER, 7, "周团长", VISIT)
    assert signer.open(Area.CONSOLE, signer.seal(Area.CONSOLE, visitor), VISIT) == visitor


def test_a_session_is_of_its_area_browser_secret_and_time(signer: Signer) -> None:
    visitor = session(Role.LEADER, 7, "周团长", VISIT)
    sealed = signer.seal(Area.CONSOLE, visitor)
    assert signer.open(Area.H5, sealed, VISIT) is None
    assert signer.open(Area.CONSOLE, sealed, "another browser") is None
    assert Signer("another secret").open(Area.CONSOLE, sealed, VISIT) is None
    assert signer.open(Area.CONSOLE, sealed, VISIT, now=visitor.until + 1) is None
    assert signer.open(Area.CONSOLE, sealed, VISIT, now=visitor.until - SESSION_SECONDS) == visitor


def test_a_changed_session_is_nobody(signer: Signer) -> None:
    body, _, mac = signer.seal(Area.CONSOLE, session(Role.LEADER, 7, "x", VISIT)).rpartition(".")
    data = json.loads(base64.urlsafe_b64decode(body))
    forged = base64.urlsafe_b64encode(json.dumps({**data, "role": "admin"}).encode()).decode()
    assert signer.open(Area.CONSOLE, f"{forged}.{mac}", VISIT) is None


@pytest.mark.parametrize("cookie", ["", ".", "a.b", "é.é", "a" * 9000])
def test_rubbish_is_nobody(signer: Signer, cookie: str) -> None:
    assert signer.open(Area.CONSOLE, cookie, VISIT) is None


@pytest.mark.parametrize("body", ["[]", '"x"', '{"role": "king"}', '{"role": "admin"}', "no json"])
def test_what_is_signed_but_no_session_is_nobody(signer: Signer, body: str) -> None:
    sealed = base64.urlsafe_b64encode(body.encode()).decode()
    assert signer.open(Area.CONSOLE, f"{sealed}.{signer._mac('session console', sealed)}", VISIT) is None


def test_a_token_is_of_one_browser(signer: Signer) -> None:
    given = signer.token(VISIT)
    assert signer.is_token(VISIT, given)
    assert not signer.is_token("another", given)
    assert not signer.is_token("", signer.token(""))
    assert not signer.is_token(VISIT, "\ud800")


def test_no_session_without_a_secret() -> None:
    with pytest.raises(ValueError, match="secret"):
        Signer("")


def test_a_visitor_is_a_value() -> None:
    assert Visitor(Role.STAFF, 0, "x", VISIT, 1.0) == Visitor(Role.STAFF, 0, "x", VISIT, 1.0)
