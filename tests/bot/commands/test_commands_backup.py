"""``backup``, ``restore`` and a new version over existing data, from the command line."""

from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bot import upgrading, verification
from bot.__main__ import app
from bot.main import Ownership
from bot.settings import Settings
from storage import backup, migrate
from storage.engine import open_database
from storage.errors import WentWrong
from tests.storage.worlds import a_member, post

RUNNER = CliRunner()
NOW = datetime(2026, 12, 2, tzinfo=UTC)


def run(*arguments: object) -> Result:
    return RUNNER.invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def data(tmp_path: Path, migrated_file: Path) -> Path:
    """A data directory with a member and points."""
    folder = tmp_path / "data"
    shutil.copytree(migrated_file, folder)
    _post(folder, "checkin:1")
    return folder


def _post(folder: Path, key: str) -> None:
    database = open_database(folder)
    database.write_now(lambda s: post(s, a_member(s, "u1"), 5, key))
    database.close()


def _entries(folder: Path) -> int:
    return next(check.figure for check in verification.verify(folder, Settings()) if check.key == "keys")


def test_there_and_back(data: Path, tmp_path: Path) -> None:
    """Back up, go on, restore: what came later is gone here, and kept in backups/."""
    made = run("backup", tmp_path / "b.zip", "--data", data, "--json")
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["rows"] > 3
    _post(data, "checkin:2")
    (data / "chroma").mkdir()
    refused = run("restore", tmp_path / "b.zip", "--data", data)
    assert (refused.exit_code, _entries(data)) == (2, 2)
    restored = run("restore", tmp_path / "b.zip", "--data", data, "--replace")
    assert restored.exit_code == 0, restored.output
    assert re.search(r"（\d{4}-\d\d-\d\d \d\d:\d\d 的备份）", restored.output), "a time as people read it"
    assert _entries(data) == 1
    assert not (data / "chroma").exists()
    (kept,) = (data / "backups").glob("*-before-restore.zip")
    assert run("restore", kept, "--data", data, "--replace").exit_code == 0
    assert _entries(data) == 2


def test_into_a_new_directory(data: Path, tmp_path: Path) -> None:
    assert run("backup", tmp_path / "b.zip", "--data", data).exit_code == 0
    told = run("restore", tmp_path / "b.zip", "--data", tmp_path / "new", "--json")
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["broken"] == []
    assert _entries(tmp_path / "new") == 1


def test_what_cannot_be_is_said_in_one_line(data: Path, tmp_path: Path) -> None:
    (tmp_path / "taken.zip").write_bytes(b"x")
    for arguments in (
        ("backup", tmp_path / "taken.zip", "--data", data),
        ("backup", tmp_path / "no/where.zip", "--data", data),
        ("backup", tmp_path / "b.zip", "--data", tmp_path / "nothing"),
        ("restore", tmp_path / "taken.zip", "--data", data),
        ("restore", tmp_path / "missing.zip", "--data", data),
    ):
        result = run(*arguments)
        assert result.exit_code == 2, result.output
        assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert not (tmp_path / "nothing").exists()
    assert _entries(data) == 1


def test_a_running_server_is_not_pulled_away(data: Path, tmp_path: Path) -> None:
    """Backing up beside it is fine; restoring over it is refused."""
    owner = Ownership(data)
    assert run("backup", tmp_path / "b.zip", "--data", data).exit_code == 0
    assert run("restore", tmp_path / "b.zip", "--data", data, "--replace").exit_code == 2
    owner.release()


# ---------------------------------------------------------------- a new version


def _older(folder: Path) -> None:
    """Bring the directory back to the schema of the first release."""
    from alembic import command

    database = open_database(folder)
    with database.write_engine.connect() as connection:
        command.downgrade(migrate._config(connection), "0001")
        connection.commit()
    database.close()


def test_an_old_directory_is_backed_up_migrated_and_checked(data: Path, tmp_path: Path) -> None:
    _older(data)
    said: list[str] = []
    database = open_database(data)
    upgrading.bring_up_to_date(database, data, NOW, lambda key, values: said.append(key))
    upgrading.bring_up_to_date(database, data, NOW, lambda key, values: said.append(key))
    database.close()
    assert said == ["cli.upgrading", "cli.upgraded"]
    (kept,) = (data / "backups").glob("*.zip")
    assert backup.examine(kept).revision == "0001"
    assert run("restore", kept, "--data", tmp_path / "again").exit_code == 0
    assert _entries(tmp_path / "again") == 1


def test_an_empty_directory_is_only_migrated(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    upgrading.bring_up_to_date(database, tmp_path, NOW)
    assert not migrate.pending(database)
    database.close()
    assert not (tmp_path / "backups").exists()


def test_what_does_not_hold_together_afterwards_stops_the_start(data: Path) -> None:
    _older(data)
    database = open_database(data)
    with database.write_engine.connect() as connection, connection.begin():
        connection.exec_driver_sql("UPDATE account SET balance = balance + 1")
    with pytest.raises(WentWrong) as wrong:
        upgrading.bring_up_to_date(database, data, NOW)
    database.close()
    assert wrong.value.file.is_file()
    assert wrong.value.broken
