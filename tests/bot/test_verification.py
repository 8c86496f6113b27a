"""``verify``: an untouched directory holds; each fault that is planted is found, and only where it was planted."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.__main__ import app
from bot.settings import Settings
from bot.verification import Check, verify
from tests.bot.scripts import at, create, play

pytestmark = pytest.mark.xdist_group("verify")

RAISE = "DROP TRIGGER IF EXISTS ledger_entry_no_update; DROP TRIGGER IF EXISTS audit_no_update;"
_A_DOCUMENT = "INSERT INTO document (id, name, title, scope, owner, created_at) VALUES (901, 'a', '', 'all', '', 0);"
_A_VERSION = (
    "INSERT INTO document_version (id, document_id, number, state, digest, created_at, scanned_at, published_by)"
    " VALUES ({id}, 901, {number}, 'published', '{digest}', 0, 0, '');"
)
PLANTED = {
    "balances": "UPDATE account SET balance = balance + 1 WHERE id = (SELECT min(id) FROM account)",
    "no_negative": "PRAGMA ignore_check_constraints=ON; UPDATE account SET balance = -1 WHERE id = 1",
    "reversals": "UPDATE ledger_entry SET amount = amount - 1 WHERE reverses_id IS NOT NULL",
    "inbox_bodies": "UPDATE inbox SET body = 'left over' WHERE id = 1",
    "outbox_bodies": "UPDATE outbox SET body = 'left over' WHERE state = 'sent' AND id = (SELECT min(id) FROM outbox)",
    "deliveries": "PRAGMA foreign_keys=OFF; DELETE FROM fire",
    "delivery_reasons": "UPDATE delivery SET state = 'skipped', reason = '' WHERE id = 1",
    "streaks": "UPDATE checkin_streak SET total = total + 1 WHERE member_id = (SELECT min(member_id) FROM checkin_streak)",
    "households": (
        "PRAGMA foreign_keys=OFF; UPDATE account SET group_id = 999"
        " WHERE id = (SELECT min(account_id) FROM member WHERE account_id IS NOT NULL)"
    ),
    "bonds": "UPDATE member SET bonded_to = (SELECT max(id) FROM member) WHERE id = (SELECT min(id) FROM member)",
    "lots": (
        "INSERT INTO ledger_lot (entry_id, account_id, member_id, expires_on, remaining)"
        " SELECT id, account_id, member_id, '2027-12-31', 999 FROM ledger_entry LIMIT 1"
    ),
    "kb_published": (
        _A_DOCUMENT + _A_VERSION.format(id=901, number=1, digest="a") + _A_VERSION.format(id=902, number=2, digest="b")
    ),
    "kb_unfinished": _A_DOCUMENT + _A_VERSION.format(id=901, number=1, digest=""),
    "kb_withheld": (
        _A_DOCUMENT
        + _A_VERSION.format(id=901, number=1, digest="a")
        + "INSERT INTO chunk (id, version_id, ordinal, entry, kind, title, body, plain, category, source, locator)"
        " VALUES (901, 901, 0, 'a', 'entry', 'a', 'a', '', '', '', '');"
        "INSERT INTO finding (version_id, chunk_id, kind, severity, locator, excerpt, accepted_by)"
        " VALUES (901, 901, 'injection', 'block', '', '', '')"
    ),
    "audit": "UPDATE audit SET details = '{}' WHERE id = 1",
    "keys": (
        "DROP TABLE IF EXISTS ledger_reason; ALTER TABLE ledger_entry RENAME TO old;"
        "CREATE TABLE ledger_entry AS SELECT * FROM old;"
        "INSERT INTO ledger_entry SELECT id + 100, account_id, group_id, member_id, amount, kind, idempotency_key,"
        " local_date, occurred_at, reverses_id FROM old WHERE id = 1"
    ),
}
ALSO = {"no_negative": {"balances"}, "reversals": {"balances"}, "keys": {"balances"}}
"""What breaks along with it."""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory after a day with a check-in, a gift that was undone, and a push."""
    folder = tmp_path_factory.mktemp("verify") / "data"
    lines = [
        create("2026-12-01T07:00"),
        at("2026-12-01T08:00", group="g1", member="u1", name="李阿姨", text="签到"),
        at("2026-12-01T08:01", group="g1", member="u9", text="加分 李阿姨 20 帮忙搬货", id="give"),
    ]
    given = play(folder, lines)
    (button,) = given.answers_to("give")[0]["buttons"]
    play(folder, [at("2026-12-01T08:02", group="g1", member="u9", button=button["key"]), at("2026-12-02T12:00")])
    return folder


@pytest.fixture
def folder(played: Path, tmp_path: Path) -> Path:
    """A copy to tamper with."""
    shutil.copytree(played, tmp_path / "data")
    return tmp_path / "data"


def tamper(folder: Path, statements: str) -> None:
    database = sqlite3.connect(folder / "tuantuan.db")
    database.executescript(RAISE + statements)
    database.commit()
    database.close()


def test_an_untouched_directory_holds(played: Path) -> None:
    checks = verify(played, Settings())
    assert {check.key for check in checks if not check.ok} == set()
    figures = {check.key: check.figure for check in checks}
    assert figures["keys"] >= 3
    assert all(figures[key] for key in ("balances", "inbox_bodies", "outbox_bodies", "fires", "deliveries", "audit"))


@pytest.mark.parametrize("what", PLANTED)
def test_what_is_planted_is_found(folder: Path, what: str) -> None:
    tamper(folder, PLANTED[what])
    broken = {check.key for check in verify(folder, Settings()) if not check.ok}
    assert what in broken
    assert broken <= {what} | ALSO.get(what, set())


def test_every_check_that_can_fail_is_planted(played: Path) -> None:
    counted_only = {"inbox_dead", "fires", "kb_vectors", "kb_vectors_behind"}
    assert {check.key for check in verify(played, Settings())} == set(PLANTED) | counted_only


def test_the_command_says_it_and_ends_with_1(folder: Path) -> None:
    runner = CliRunner()
    fine = runner.invoke(app, ["verify", "--data", str(folder)])
    assert fine.exit_code == 0
    assert all(line.startswith("✔") for line in fine.stdout.splitlines())
    tamper(folder, PLANTED["balances"])
    wrong = runner.invoke(app, ["verify", "--data", str(folder), "--json"])
    found = json.loads(wrong.stdout)
    assert (wrong.exit_code, found["ok"]) == (1, False)
    assert [check["key"] for check in found["checks"] if not check["ok"]] == ["balances"]
    assert "✘ 账户余额等于流水之和" in runner.invoke(app, ["verify", "--data", str(folder)]).stdout


def test_an_empty_directory_holds(tmp_path: Path) -> None:
    assert all(check.ok for check in verify(tmp_path / "new", Settings()))


def test_a_figure_in_words() -> None:
    assert Check("balances", 3, 1).shown() == {
        "key": "balances",
        "name": "账户余额等于流水之和",
        "ok": False,
        "figure": 3,
        "wrong": 1,
        "problem": "有 1 处不对",
    }
