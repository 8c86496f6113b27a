"""``python -m bot user …``: the first administrator, roles, resets; what cannot be is one line and 2."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.__main__ import app
from storage.engine import open_database
from storage.entry import link
from storage.groups import Region
from tests.console.doors import NOW

RUN = CliRunner()


def user(data: Path, *words: str) -> tuple[int, str, str]:
    done = RUN.invoke(app, ["user", *words, "--data", str(data)])
    return done.exit_code, done.stdout, done.stderr


def test_the_first_administrator_is_made_here(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "user add" in user(data_dir, "list")[1]
    code, said, _ = user(data_dir, "add", "Boss", "--role", "admin")
    assert code == 0
    assert "/enter/" in said
    assert "BOT_WEB__PUBLIC_URL" in said
    monkeypatch.setenv("BOT_WEB__PUBLIC_URL", "https://tuan.example/")
    told = json.loads(user(data_dir, "reset", "boss", "--json")[1])
    assert told["link"].startswith("https://tuan.example/enter/")
    database = open_database(data_dir)
    try:
        assert database.read_now(lambda s: link(s, told["link"].rpartition("/")[2], NOW)) is not None
        assert database.read_now(lambda s: link(s, said.split("/enter/")[1].split()[0], NOW)) is None
    finally:
        database.close()
    (row,) = [json.loads(line) for line in user(data_dir, "list", "--json")[1].splitlines()]
    assert (row["name"], row["roles"], row["waiting"]) == ("boss", ["admin"], True)


def test_roles_are_given_and_taken(data_dir: Path) -> None:
    user(data_dir, "add", "boss", "--role", "admin")
    assert user(data_dir, "add", "wang")[0] == 0
    database = open_database(data_dir)
    database.write_now(lambda s: s.add(Region(name="south")))
    database.close()
    assert user(data_dir, "grant", "wang", "manager", "--region", "south")[0] == 0
    assert "manager" in user(data_dir, "list")[1]
    assert user(data_dir, "revoke", "wang", "manager")[0] == 0
    assert user(data_dir, "disable", "wang")[0] == 0
    assert "已停用" in user(data_dir, "list")[1]
    assert user(data_dir, "enable", "wang")[0] == 0
    assert user(data_dir, "reset", "wang", "--second-step")[0] == 0


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("add", "boss"), "已经有人用了"),
        (("add", "a b"), "2 到 32"),
        (("add", "xx", "--role", "king"), "三种"),
        (("add", "xx", "--role", "manager"), "区域"),
        (("add", "xx", "--role", "manager", "--region", "nowhere"), "nowhere"),
        (("add", "xx", "--person", "999"), "999"),
        (("grant", "nobody", "staff"), "nobody"),
        (("disable", "boss"), "最后一位能登录的管理员"),
        (("revoke", "boss", "admin"), "最后一位能登录的管理员"),
    ],
)
def test_what_cannot_be_is_one_line(data_dir: Path, words: tuple[str, ...], why: str) -> None:
    user(data_dir, "add", "boss", "--role", "admin")
    code, said, wrong = user(data_dir, *words)
    assert (code, said) == (2, "")
    assert why in wrong
    assert wrong.count("\n") == 1
    assert user(data_dir, "list")[1].count("\n") == 1
