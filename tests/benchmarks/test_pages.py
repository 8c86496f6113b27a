"""What the pages are measured over can be written, and every page that there is is measured."""

from __future__ import annotations

import re
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks import history, pages
from tests.browser.pages import routes

pytestmark = pytest.mark.untraced

NOT_MEASURED = {
    *("/console", "/console/my/{room}", "/console/me/second", "/login/code"),  # ways to elsewhere
    *("/enter/{token}", "/door/wechat", "/h5/in/{key}"),  # doors
    *("/sw.js", "/manifest.webmanifest"),  # files that are the same for all
    *("/console/audit/export", "/console/groups/{group_id}/ledger/export"),  # up to 20,000 rows in a file
    "/console/knowledge/works/{work}",  # nothing is being taken in
    "/console/calendar/{plan_id}/beats/{number}/poster.png",  # `bench cards`
}


def test_every_page_is_measured() -> None:
    asked = [path.partition("?")[0] for paths in (pages.PUBLIC, *pages.ROUTES.values()) for path in paths]

    def is_measured(route: str) -> bool:
        pattern = re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(route)))
        return any(pattern.fullmatch(path) for path in asked)

    missing = {route for route in routes() if not is_measured(route)}
    assert missing <= NOT_MEASURED, missing - NOT_MEASURED


def test_a_history_fits_the_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, few in {"ACTS": 50, "BROWSERS": 20, "LINKS": 20, "PLANS": 30, "YEAR": 40, "LED": 2}.items():
        monkeypatch.setattr(history, name, few)
    pages.fill(tmp_path, groups=4, residents=240)
    assert pages.fill(tmp_path, groups=4, residents=240) < 60, "a second run only freshens"
    with sqlite3.connect(tmp_path / "tuantuan.db") as connection:

        def count(what: str) -> int:
            return int(connection.execute(f"SELECT count(*) FROM {what}").fetchone()[0])

        assert count("ledger_entry") == count("checkin") == 4 * 60 * 40
        assert (
            count("account WHERE balance <> (SELECT sum(amount) FROM ledger_entry e WHERE e.account_id = account.id)")
            == 0
        )
        assert count("member WHERE role = 'leader'") == 4 + 1
        assert count("delivery WHERE state = 'pending'") == 4
        assert count("calendar_beat b JOIN calendar_plan p ON p.id = b.plan_id") == 3 * 30
        assert count("question WHERE state = 'open'") > 0
        before = connection.execute("SELECT max(not_before) FROM delivery").fetchone()[0]
        history.freshen(connection, datetime(2030, 1, 1, tzinfo=UTC).date(), datetime(2030, 1, 1, tzinfo=UTC))
        assert connection.execute("SELECT min(not_before) FROM delivery WHERE state = 'pending'").fetchone()[0] > before
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
