"""What bad intent types, in a real browser: asked for, and kept and shown to others; no alert opens, no policy is broken.

Needs the strings of the shared folder; without it the tests say that they were skipped.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.browser.house import CSRF, KEY, House, found

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.timeout(240), pytest.mark.untraced]
Visit = Callable[[str, str], "Page"]
MOST = 12


@pytest.fixture(scope="module")
def strings(shared: Path) -> list[str]:
    path = shared / "data" / "abuse" / "web" / "xss_dev.jsonl"
    if not path.is_file():
        pytest.skip("no data/abuse/web in the shared folder")
    given = [json.loads(line)["text"] for line in path.read_text("utf-8").splitlines()]
    short = [text for text in given if len(text) < 200 and ("alert" in text or "onerror" in text)]
    assert len(short) >= MOST
    return short[:: len(short) // MOST][:MOST]


@pytest.mark.parametrize(
    ("turn", "who", "path"),
    [
        (0, "staff", "/console/knowledge?q="),
        (1, "staff", "/console/try?q="),
        (2, "staff", "/console/words?tab=topics&q="),
        (3, "leader", "/console/groups/1/ledger?q="),
    ],
)
def test_what_is_asked_for(visit: Visit, strings: list[str], turn: int, who: str, path: str) -> None:
    """Every string meets two of the pages; all of them meet all pages in tests/console/test_abuse.py, without a browser."""
    page = visit(who, "desktop")
    for text in strings[turn % 2 :: 2]:
        page.goto(path + quote(text, safe=""))
    # Also what is swapped into a page while one types.
    field = page.get_by_role("searchbox").or_(page.get_by_role("textbox")).first
    for text in strings[:3]:
        field.fill(text[:80])
        page.wait_for_timeout(150)


def test_what_is_kept(visit: Visit, house: House, strings: list[str]) -> None:
    with house.client("resident") as resident, house.client("staff") as staff:
        for text in strings[:6]:
            form = resident.get("/h5/ask").text
            sent = {"csrf": found(CSRF, form), "key": found(KEY, form), "group": "1", "say": text[:300]}
            assert resident.post("/h5/ask", data=sent).status_code < 500
            new = staff.get("/console/knowledge/new?kind=entry").text
            entry = {"csrf": found(CSRF, new), "question": text[:200], "answer": text[:200], "scope": "all"}
            assert staff.post("/console/knowledge/write", data=entry).status_code < 500
    for who, path in (
        ("leader", "/console/today"),
        ("staff", "/console/gaps"),
        ("staff", "/console/knowledge/works"),
        ("staff", "/console/knowledge"),
        ("resident", "/h5/ask"),
        ("", "/sim"),
    ):
        page = visit(who, "phone")
        page.goto(path)
        page.wait_for_timeout(200)
