"""A backup holds every row, comes back on either database, and a file that is not whole is refused before anything is touched."""

from __future__ import annotations

import json
import stat
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from storage import audit, backup, entry, ledger, migrate
from storage.backup import Unusable
from storage.engine import Database, DatabaseSettings, Session, open_database
from storage.groups import Group
from tests import postgresql
from tests.storage.worlds import NOW, a_member, post

MADE = datetime(2026, 12, 2, tzinfo=UTC)
OPENERS = ("sqlite", "postgresql")


def _fill(session: Session) -> None:
    who = a_member(session, "u1")
    for number in range(3):
        post(session, who, 5 + number, f"checkin:{number}")
    gift = post(session, who, 9, "gift").entry_id
    ledger.reverse(session, gift, local_date=NOW.date(), occurred_at=NOW)
    group = session.get_one(Group, who.group_id)
    group.name = "阳光花园 \u2028 𠮷 \U0001f9e7"
    group.facts = {"pickup_place": "东门"}
    group.can_read = None
    session.add(group)
    audit.record(session, at=NOW, actor_id=1, group_id=None, action="data.exported")


def _contents(database: Database) -> dict[str, list[tuple[object, ...]]]:
    with database.read_engine.connect() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(backup._ordered(table))]
            for table in backup._reflected(connection)
        }


@pytest.fixture
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], Database]]:
    """Opens databases without tables."""
    opened: list[Database] = []
    servers = []

    def make(kind: str) -> Database:
        settings = DatabaseSettings()
        if kind == "postgresql":
            fresh = postgresql.fresh_database(request.getfixturevalue("postgresql_socket"))
            settings = DatabaseSettings(url=SecretStr(fresh.__enter__()))
            servers.append(fresh)
        opened.append(open_database(tmp_path / f"target{len(opened)}", settings))
        return opened[-1]

    yield make
    for database in opened:
        database.close()
    for fresh in servers:
        fresh.__exit__(None, None, None)


def _dumped(database: Database, tmp_path: Path) -> Path:
    database.write_now(_fill)
    (tmp_path / "state").mkdir()
    (tmp_path / "state/web.secret").write_bytes(b"\x00secret")
    backup.dump(database, tmp_path / "state", tmp_path / "b.zip", MADE)
    return tmp_path / "b.zip"


@pytest.fixture
def file(database: Database, tmp_path: Path) -> Path:
    """A backup of a small world."""
    return _dumped(database, tmp_path)


@pytest.fixture(params=OPENERS)
def made_file(request: pytest.FixtureRequest, tmp_path: Path, made: dict[str, bytes]) -> Path:
    """The same, made once from each database, for what needs no more than the file."""
    if request.param not in made:
        database = request.getfixturevalue("sqlite" if request.param == "sqlite" else "postgres")
        made[request.param] = _dumped(database, tmp_path).read_bytes()
    (tmp_path / "b.zip").write_bytes(made[request.param])
    return tmp_path / "b.zip"


@pytest.fixture(scope="module")
def made() -> dict[str, bytes]:
    """Files that were made."""
    return {}


@pytest.mark.parametrize("target", OPENERS)
def test_every_row_comes_back_on_either_database(
    database: Database, file: Path, empty: Callable[[str], Database], target: str
) -> None:
    before = _contents(database)
    restored = empty(target)
    done: list[tuple[int, int]] = []
    manifest = backup.load(restored, file, lambda so_far, total: done.append((so_far, total)))
    assert _contents(restored) == before
    assert done[-1] == (manifest.rows, manifest.rows)
    assert not migrate.pending(restored)
    # Life goes on: new rows get new numbers, and the ledger still refuses changes.
    restored.write_now(lambda s: post(s, a_member(s, "u1"), 4, "checkin:new"))
    assert restored.read_now(lambda s: ledger.check(s).wrong_balances) == 0
    assert restored.read_now(audit.broken_links) == (1, None)
    with pytest.raises(Exception, match="append-only"):
        restored.write_now(lambda s: s.connection().execute(text("DELETE FROM ledger_entry")))


def test_it_is_for_its_owner_alone_and_never_overwrites(database: Database, file: Path, tmp_path: Path) -> None:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    whole = file.read_bytes()
    with pytest.raises(FileExistsError):
        backup.dump(database, tmp_path, file, MADE)
    assert file.read_bytes() == whole
    with pytest.raises(OSError, match="directory"):
        backup.dump(database, tmp_path, tmp_path / "nowhere/b.zip", MADE)
    assert not list(tmp_path.glob(".*.part"))


def test_state_files_come_back(made_file: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    backup.put_files(made_file, tmp_path / "new")
    assert (tmp_path / "new/web.secret").read_bytes() == b"\x00secret"


def test_it_is_one_instant_while_others_write(sqlite: Database, tmp_path: Path) -> None:
    """Every balance in the file is the sum of the entries in the file."""
    sqlite.write_now(_fill)

    def meanwhile(done: int, total: int) -> None:
        sqlite.write_now(lambda s: post(s, a_member(s, "u1"), 1, f"late:{done}"))

    backup.CHUNK, kept = 2, backup.CHUNK
    try:
        backup.dump(sqlite, tmp_path, tmp_path / "b.zip", MADE, meanwhile)
    finally:
        backup.CHUNK = kept
    restored = open_database(tmp_path / "restored")
    backup.load(restored, tmp_path / "b.zip")
    assert restored.read_now(lambda s: ledger.check(s).wrong_balances) == 0
    assert sqlite.read_now(lambda s: ledger.check(s).entries) > restored.read_now(lambda s: ledger.check(s).entries)
    restored.close()


def _rewritten(file: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    with zipfile.ZipFile(file) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    change(content)
    with zipfile.ZipFile(file.with_name("changed.zip"), "w") as archive:
        for name, stored in content.items():
            archive.writestr(name, stored)
    return file.with_name("changed.zip")


def _told(content: dict[str, bytes], **changes: object) -> None:
    content[backup.MANIFEST] = json.dumps({**json.loads(content[backup.MANIFEST]), **changes}).encode()


def _richer(content: dict[str, bytes]) -> None:
    content["tables/account.jsonl"] = (
        content["tables/account.jsonl"].replace(b",20", b",99").replace(b",18", b",99") + b"\n"
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_richer, "damaged"),
        (lambda content: content.pop("tables/member.jsonl"), "damaged"),
        (lambda content: content.update({"../../etc/passwd": b"x"}), "damaged"),
        (lambda content: content.pop(backup.MANIFEST), "no_backup"),
        (lambda content: content.update({backup.MANIFEST: b"[]"}), "no_backup"),
        (lambda content: content.update({backup.MANIFEST: b"\xff"}), "no_backup"),
        (lambda content: content.update({backup.MANIFEST: b" " * (2 << 20)}), "no_backup"),
        (lambda content: _told(content, files={"../evil": "0"}), "no_backup"),
        (lambda content: _told(content, tables={"account": {}}), "no_backup"),
        (lambda content: _told(content, format=2), "newer"),
        (lambda content: _told(content, format=0), "no_backup"),
        (lambda content: _told(content, revision="9999"), "newer"),
    ],
)
def test_what_is_not_whole_is_refused(
    made_file: Path, tmp_path: Path, change: Callable[[dict[str, bytes]], None], why: str
) -> None:
    target = open_database(tmp_path / "untouched")
    with pytest.raises(Unusable) as refused:
        backup.load(target, _rewritten(made_file, change))
    assert refused.value.why == why
    assert backup.revision_of(target) == ""
    target.close()


@pytest.mark.parametrize("rubbish", [b"", b"PK\x03\x04", b"hello" * 100, b"\x00" * 4096])
def test_rubbish_is_no_backup(tmp_path: Path, rubbish: bytes) -> None:
    (tmp_path / "x.zip").write_bytes(rubbish)
    with pytest.raises(Unusable, match="no_backup"):
        backup.examine(tmp_path / "x.zip")


def test_a_flipped_byte_is_noticed_or_changes_nothing(made_file: Path) -> None:
    """Some bytes of a zip say only when a part was written."""
    file = made_file
    whole, raw = backup.examine(file), file.read_bytes()
    noticed = 0
    for at in range(0, len(raw), len(raw) // 60):
        file.write_bytes(raw[:at] + bytes([raw[at] ^ 0x55]) + raw[at + 1 :])
        try:
            assert backup.examine(file) == whole
        except Unusable:
            noticed += 1
    assert noticed > 30


def test_a_database_with_tables_is_not_filled(made_file: Path, sqlite: Database) -> None:
    with pytest.raises(Unusable, match="not_empty"):
        backup.load(sqlite, made_file)


def test_an_empty_directory_has_no_revision(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    assert backup.revision_of(database) == ""
    database.close()


def test_nobody_is_signed_in_after_a_restore(
    sqlite: Database, empty: Callable[[str], Database], tmp_path: Path
) -> None:
    """Who was in at the time of the backup may have been put out since; accounts stay."""

    def come_in(session: Session) -> None:
        person = a_member(session, "u1").person_id
        one = entry.WebSession(
            id="0" * 64, area="h5", role="resident", person_id=person, made_at=NOW, seen_at=NOW, until=MADE
        )
        session.add(one)
        session.add(entry.Login(person_id=person, name="wang", made_at=NOW))
        entry.make_link(session, "h5", person, NOW)

    sqlite.write_now(come_in)
    file = tmp_path / "b.zip"
    backup.dump(sqlite, tmp_path, file, MADE)
    target = empty("sqlite")
    backup.load(target, file)
    found = _contents(target)
    assert [len(found[name]) for name in ("login", "web_session", "entry_link")] == [1, 0, 0]
