"""``words``: lists out into a file and in again; a bad line refuses the whole file, by its number."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlmodel import select
from typer.testing import CliRunner, Result

from bot.commands.moderation import app
from bot.settings import Settings
from engagement.moderation import files
from engagement.moderation.tables import ModerationWord
from storage import migrate
from storage.audit import AuditRow
from storage.engine import open_database
from storage.groups import Region


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A directory with two regions."""
    folder = tmp_path / "data"
    folder.mkdir()
    database = open_database(folder, Settings().database)
    migrate.upgrade(database)
    database.write_now(lambda s: s.add_all([Region(name="样例东区"), Region(name="样例西区")]))
    database.close()
    return folder


def run(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--data", str(data)])


def listed(data: Path, scope: str, number: int) -> list[str]:
    database = open_database(data, Settings().database)
    try:
        return list(database.read_now(lambda s: files.words(s, scope, number)))
    finally:
        database.close()


def write(folder: Path, text: str, encoding: str = "utf-8", name: str = "words.csv") -> str:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return str(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_in_and_out(data: Path, tmp_path: Path, encoding: str) -> None:
    file = write(tmp_path, "# 说明\r\n词,分类,动作\r\n卖炭翁,广告,拦\r\n\r\n样例黑话\r\n黑話，其他\r\n", encoding)
    done = run(data, "import", file, "--scope", "region:1")
    assert done.exit_code == 0, done.output
    assert listed(data, "region", 1) == ["卖炭翁", "样例黑话", "黑话"]
    assert listed(data, "region", 2) == [] == listed(data, "all", 0)
    out = tmp_path / "out.csv"
    assert (
        run(
            data, "export", str(out), "--scope", "region:1", *(["--gb18030"] if encoding == "gb18030" else [])
        ).exit_code
        == 0
    )
    assert run(data, "import", str(out), "--scope", "region:2").exit_code == 0
    assert listed(data, "region", 2) == ["卖炭翁", "样例黑话", "黑话"]
    assert run(data, "export", str(out)).exit_code == 2, "nothing is written over"


def test_a_bad_line_refuses_all(data: Path, tmp_path: Path) -> None:
    lines = (
        "卖炭翁",
        "我",
        "长" * 21,
        "卖-炭翁",
        "样例黑话,杂类",
        "样例黑话,其他,再想想",
        "打卡",
        "a1,,拦,多,了",
        "好词一个",
    )
    refused = run(data, "import", write(tmp_path, "\n".join(lines)), "--json")
    assert refused.exit_code == 2
    rows = json.loads(refused.stdout.splitlines()[0])["refused"]
    assert [(row["line"], row["why"]) for row in rows] == [
        (2, "short"),
        (3, "long"),
        (4, "twice"),
        (5, "kind"),
        (6, "action"),
        (7, "ordinary"),
        (8, "columns"),
    ]
    assert "第 2 行" in refused.output
    assert listed(data, "all", 0) == []


def test_a_dry_run_changes_nothing_and_says_what_would(data: Path, tmp_path: Path) -> None:
    run(data, "import", write(tmp_path, "卖炭翁\n样例黑话"))
    file = write(tmp_path, "卖炭翁\n新的黑话\n样例黑话,,不拦", name="next.txt")
    tried = run(data, "import", file, "--dry-run", "--json")
    figures = json.loads(tried.stdout)
    assert (figures["added"], figures["removed"], figures["kept"]) == (["新的黑话"], ["样例黑话"], 1)
    assert listed(data, "all", 0) == ["卖炭翁", "样例黑话"]
    assert "+ 新的黑话" in run(data, "import", file, "--dry-run").output
    assert not figures["before"]


def test_the_way_back(data: Path, tmp_path: Path) -> None:
    """What stood before is kept as a file; putting it back makes the list what it was."""
    run(data, "import", write(tmp_path, "卖炭翁\n样例黑话"))
    done = json.loads(run(data, "import", write(tmp_path, "别的词语"), "--replace", "--json").stdout)
    assert listed(data, "all", 0) == ["别的词语"]
    assert run(data, "import", done["before"], "--replace").exit_code == 0
    assert sorted(listed(data, "all", 0)) == sorted(["卖炭翁", "样例黑话"])
    again = json.loads(run(data, "import", done["before"], "--replace", "--json").stdout)
    assert (again["added"], again["removed"], again["before"]) == ([], [], "")


def test_back_to_an_empty_list(data: Path, tmp_path: Path) -> None:
    """A list that was empty is a head line alone; it may come in with --replace."""
    first = json.loads(run(data, "import", write(tmp_path, "卖炭翁"), "--json").stdout)
    assert run(data, "import", first["before"]).exit_code == 2
    assert run(data, "import", first["before"], "--replace").exit_code == 0
    assert listed(data, "all", 0) == []


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "没有词"),
        ("词语".encode("utf-16"), "编码"),
        (b"\xff\xff\x80", "编码"),
        (b"a" * 1_000_001, "1 MB"),
        (b"# x\n", "没有词"),
    ],
)
def test_what_is_no_list(data: Path, tmp_path: Path, body: bytes, why: str) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(body)
    refused = run(data, "import", str(path))
    assert refused.exit_code == 2
    assert why in refused.output


@pytest.mark.parametrize("scope", ["region:9", "group:1", "region:x", "town:1", "", "region:" + "9" * 30])
def test_scopes_that_do_not_exist(data: Path, tmp_path: Path, scope: str) -> None:
    assert run(data, "import", write(tmp_path, "卖炭翁"), "--scope", scope).exit_code == 2
    assert run(data, "export", str(tmp_path / "o.csv"), "--scope", scope).exit_code == 2


def test_too_many(data: Path, tmp_path: Path) -> None:
    many = "\n".join(f"样例词{number:05d}" for number in range(files.MOST_WORDS + 1))
    refused = run(data, "import", write(tmp_path, many))
    assert refused.exit_code == 2
    assert "第 2001 行" in refused.output


def test_paths_that_cannot_be_read_or_written(data: Path, tmp_path: Path) -> None:
    assert run(data, "import", str(tmp_path / "absent.csv")).exit_code == 2
    assert run(data, "export", str(tmp_path / "no" / "folder.csv")).exit_code == 2


def test_it_is_on_record_without_a_word_of_it(data: Path, tmp_path: Path) -> None:
    run(data, "import", write(tmp_path, "卖炭翁"), "--scope", "region:1")
    database = open_database(data, Settings().database)
    rows = database.read_now(lambda s: [(one.action, one.details) for one in s.exec(select(AuditRow))])
    count = database.read_now(lambda s: len(s.exec(select(ModerationWord)).all()))
    database.close()
    assert count == 1
    (details,) = [details for action, details in rows if action == "moderation.words_imported"]
    assert json.loads(details) == {"scope": "region", "scope_id": 1, "added": 1, "removed": 0}
