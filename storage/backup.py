"""Every row of a database in one file, and back: the same file for SQLite and PostgreSQL, so that it also moves between them.

A backup is a zip of one JSON-lines file a table, small state files of the data directory, and a manifest with the schema's
revision, the number of rows and the SHA-256 of each. It holds personal data: it is written for its owner alone (0600).
What can be made anew from rows (Chroma, the engine's workflows, drawn cards) is not in it.

Source: DESIGN 4 (one owner), FAULTS F.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import sqlalchemy
from sqlalchemy import MetaData, Table, func, select
from sqlalchemy.engine import Connection

from storage import migrate
from storage.engine import Database

FORMAT = 1
CHUNK = 500
MANIFEST = "manifest.json"
FILES = ("web.secret", "clock.json", "simulator.jsonl")
"""State files of a data directory that no row knows of."""
_VERSION = "alembic_version"
_MANIFEST_MOST = 1 << 20

Progress = Callable[[int, int], None]


class Unusable(Exception):
    """A file that cannot be restored from.

    Attributes:
        why: fixed word: ``no_backup``, ``damaged``, ``newer`` or ``not_empty``.
    """

    def __init__(self, why: str) -> None:
        """Carry the word."""
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself.

    Attributes:
        revision: of the schema that its rows have.
        tables: name → (rows, SHA-256 of its lines).
        files: name → SHA-256.
    """

    made_at: str
    revision: str
    dialect: str
    tables: Mapping[str, tuple[int, str]]
    files: Mapping[str, str]

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(count for count, _ in self.tables.values())

    def dump(self) -> str:
        """As JSON text."""
        return json.dumps(
            {
                "format": FORMAT,
                "made_at": self.made_at,
                "revision": self.revision,
                "dialect": self.dialect,
                "tables": {name: {"rows": rows, "sha256": digest} for name, (rows, digest) in self.tables.items()},
                "files": dict(self.files),
            },
            ensure_ascii=False,
            indent=1,
        )


def _reflected(connection: Connection) -> list[Table]:
    """The tables as they stand in the database, parents first: a backup may be older than the code."""
    found = MetaData()
    found.reflect(bind=connection)
    tables = [table for table in found.sorted_tables if table.name != _VERSION]
    for table in tables:
        for column in table.columns:
            if isinstance(column.type, sqlalchemy.JSON):
                column.type.none_as_null = True
    return tables


def _ordered(table: Table) -> sqlalchemy.Select[Any]:
    return select(table).order_by(*table.primary_key.columns)


def revision_of(database: Database) -> str:
    """Return the schema's revision of a migrated database; empty when nothing was ever migrated."""
    with database.read_engine.connect() as connection:
        if not sqlalchemy.inspect(connection).has_table(_VERSION):
            return ""
        version: sqlalchemy.Select[Any] = select(sqlalchemy.column("version_num")).select_from(
            sqlalchemy.table(_VERSION)
        )
        return ",".join(sorted(str(row[0]) for row in connection.execute(version)))


def dump(database: Database, directory: Path, file: Path, now: datetime, progress: Progress | None = None) -> Manifest:
    """Write everything to ``file``, as it stands at one instant; a server may go on writing meanwhile.

    Args:
        database: Migrated.
        directory: The data directory, for its state files.
        file: Must not be there yet; it appears whole or not at all, readable by its owner alone.
        now: Aware instant.
        progress: Called with (rows done, rows in all).

    Raises:
        FileExistsError: ``file`` is there.
        OSError: it cannot be written.
    """
    if file.exists():
        raise FileExistsError(file)
    if not file.parent.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(file.parent))
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    handle = os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
    try:
        with handle, zipfile.ZipFile(handle, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            made = _dump(database, directory, archive, now, progress)
            archive.writestr(MANIFEST, made.dump())
        with part.open("rb") as written:
            os.fsync(written.fileno())
        # link() and not rename(): a file that came there meanwhile is not overwritten.
        os.link(part, file)
    finally:
        part.unlink(missing_ok=True)
    return made


def _dump(
    database: Database, directory: Path, archive: zipfile.ZipFile, now: datetime, progress: Progress | None
) -> Manifest:
    revision = revision_of(database)
    tables: dict[str, tuple[int, str]] = {}
    with database.read_engine.connect() as connection, connection.begin():
        found = _reflected(connection)
        total = sum(int(connection.execute(select(func.count()).select_from(table)).scalar_one()) for table in found)
        done = 0
        for table in found:
            digest = hashlib.sha256()
            rows = 0
            with archive.open(f"tables/{table.name}.jsonl", "w", force_zip64=True) as out:
                for line in _lines(connection, table):
                    digest.update(line)
                    out.write(line)
                    rows += 1
                    if progress is not None and (done + rows) % CHUNK == 0:
                        progress(done + rows - 1, total)
            tables[table.name] = (rows - 1, digest.hexdigest())
            done += rows - 1
    if progress is not None:
        progress(total, total)
    files: dict[str, str] = {}
    for name in FILES:
        if (directory / name).is_file():
            content = (directory / name).read_bytes()
            archive.writestr(f"files/{name}", content)
            files[name] = hashlib.sha256(content).hexdigest()
    return Manifest(now.isoformat(), revision, database.dialect, tables, files)


def _lines(connection: Connection, table: Table) -> Iterator[bytes]:
    """The columns' names, then a line a row."""
    yield _line([column.name for column in table.columns])
    for row in connection.execution_options(yield_per=CHUNK).execute(_ordered(table)):
        yield _line(list(row))


def _line(values: Sequence[object]) -> bytes:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def examine(file: Path) -> Manifest:
    """Read a backup's manifest and check every byte of it against the hashes, before anything is touched.

    Raises:
        Unusable: it is no backup, damaged, or made by a newer program.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            manifest = _manifest(archive)
            wanted = {f"tables/{name}.jsonl": digest for name, (_, digest) in manifest.tables.items()}
            wanted |= {f"files/{name}": digest for name, digest in manifest.files.items()}
            if {info.filename for info in archive.infolist()} != {*wanted, MANIFEST}:
                raise Unusable("damaged")
            for name, digest in wanted.items():
                if _digest(archive, name) != digest:
                    raise Unusable("damaged")
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise Unusable("no_backup") from error
    except (OSError, zlib.error) as error:
        raise Unusable("damaged") from error
    if manifest.revision not in migrate.revisions():
        raise Unusable("newer")
    return manifest


def _digest(archive: zipfile.ZipFile, name: str) -> str:
    found = hashlib.sha256()
    with archive.open(name) as stored:
        while block := stored.read(1 << 16):
            found.update(block)
    return found.hexdigest()


def _manifest(archive: zipfile.ZipFile) -> Manifest:
    try:
        info = archive.getinfo(MANIFEST)
        if info.file_size > _MANIFEST_MOST:
            raise Unusable("no_backup")
        told = json.loads(archive.read(info))
        if told["format"] != FORMAT:
            raise Unusable("newer" if told["format"] > FORMAT else "no_backup")
        files = {str(name): str(digest) for name, digest in told["files"].items()}
        if not files.keys() <= set(FILES):
            raise Unusable("no_backup")
        tables = {str(name): (int(one["rows"]), str(one["sha256"])) for name, one in told["tables"].items()}
        return Manifest(str(told["made_at"]), str(told["revision"]), str(told["dialect"]), tables, files)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unusable("no_backup") from error


def load(database: Database, file: Path, progress: Progress | None = None) -> Manifest:
    """Fill an empty database from a backup, then bring it to the program's schema.

    Args:
        database: Without any table; after a failure it must be thrown away.
        file: A backup; examined first.
        progress: Called with (rows done, rows in all).

    Raises:
        Unusable: ``not_empty``, or what :func:`examine` says.
    """
    manifest = examine(file)
    with database.read_engine.connect() as connection:
        if sqlalchemy.inspect(connection).get_table_names():
            raise Unusable("not_empty")
    migrate.upgrade(database, manifest.revision)
    with zipfile.ZipFile(file) as archive, database.write_engine.connect() as connection, connection.begin():
        if database.dialect == "sqlite":
            connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        tables = _reflected(connection)
        if {table.name for table in tables} != set(manifest.tables):
            raise Unusable("damaged")
        done = 0
        for table in tables:
            if table.name not in _GUARDED:
                connection.execute(table.delete())  # what a migration put there
            with archive.open(f"tables/{table.name}.jsonl") as stored:
                for rows in _chunks(stored, table):
                    connection.execute(table.insert(), rows)
                    done += len(rows)
                    if progress is not None:
                        progress(done, manifest.rows)
            _count_on(connection, table, manifest.tables[table.name][0])
        for table in tables:
            if table.name in _ENDED:
                connection.execute(table.delete())
    migrate.upgrade(database)
    return manifest


_GUARDED = ("ledger_entry", "audit")
"""Their triggers refuse DELETE; a migration never fills them."""


_ENDED = ("web_session", "entry_link")
"""Who was signed in then may have been put out since: after a restore everybody comes in anew (FAULTS E3)."""


def _chunks(stored: IO[bytes], table: Table) -> Iterator[list[dict[str, object]]]:
    names = json.loads(stored.readline())
    if not isinstance(names, list) or set(names) != set(table.columns.keys()):
        raise Unusable("damaged")
    rows: list[dict[str, object]] = []
    for line in stored:
        rows.append(dict(zip(names, json.loads(line), strict=True)))
        if len(rows) == CHUNK:
            yield rows
            rows = []
    if rows:
        yield rows


def _count_on(connection: Connection, table: Table, rows: int) -> None:
    """Check that all rows are there, and let new ones get numbers behind them."""
    if int(connection.execute(select(func.count()).select_from(table)).scalar_one()) != rows:
        raise Unusable("damaged")
    if connection.dialect.name != "postgresql":
        return
    for column in table.primary_key.columns:
        sequence = connection.execute(select(func.pg_get_serial_sequence(table.name, column.name))).scalar_one()
        if sequence is not None:
            last = connection.execute(select(func.max(column))).scalar_one()
            connection.execute(select(func.setval(sequence, last or 1, last is not None)))


def put_files(file: Path, directory: Path) -> None:
    """Write the state files of a backup into a data directory."""
    with zipfile.ZipFile(file) as archive:
        for name in _manifest(archive).files:
            target = directory / name
            with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
                out.write(archive.read(f"files/{name}"))
