"""``python -m bot backup FILE`` and ``restore FILE`` (CONTRACT): everything in one file, and back."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bot import upgrading
from bot.main import Ownership
from bot.settings import Settings
from storage import backup, migrate
from storage.engine import open_database

if TYPE_CHECKING:
    from storage.backup import Manifest, Progress
    from storage.engine import Database

DERIVED = ("chroma", "keywords.npz", "pictures", "engine.db")
"""What is made anew from rows; after a restore the old ones would be wrong."""
SQLITE = ("tuantuan.db", "tuantuan.db-wal", "tuantuan.db-shm")


class Occupied(Exception):
    """The data directory has data, and nobody said that it may go."""


@contextmanager
def bar(title: str) -> Iterator[Progress | None]:
    """A progress bar on standard error, on a terminal only."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bars

    with Bars(console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(title)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def take(data: Path, file: Path, title: str) -> Manifest:
    """Back up a data directory; a server may run on it.

    Raises:
        FileNotFoundError: there is nothing in the directory.
        FileExistsError, OSError: the file is there, or cannot be written.
    """
    settings = Settings()
    if not settings.database.url.get_secret_value() and not (data / SQLITE[0]).is_file():
        raise FileNotFoundError(data)
    database = open_database(data, settings.database)
    try:
        if not backup.revision_of(database):
            raise FileNotFoundError(data)
        with bar(title) as progress:
            return backup.dump(database, data, file, datetime.now(UTC), progress)
    finally:
        database.close()


def put_back(data: Path, file: Path, title: str, *, replace: bool, said: Callable[[Path], None]) -> Manifest:
    """Restore a backup into a data directory on which no server runs.

    What was there is backed up first; on SQLite the new rows take the place of the old ones in one step, when they are
    whole.

    Args:
        data: Made if absent.
        file: A backup of this or an older version, of either database.
        title: Of the progress bar.
        replace: What is there may go.
        said: Told where what was there is kept.

    Raises:
        storage.backup.Unusable: the file cannot be restored from; nothing was touched.
        Occupied: there is data, and ``replace`` is False.
        bot.main.Busy: a server runs.
    """
    manifest = backup.examine(file)
    ownership = Ownership(data)
    try:
        settings = Settings()
        database = open_database(data, settings.database)
        try:
            occupied = bool(backup.revision_of(database))
            if occupied and not replace:
                raise Occupied
            if occupied:
                kept = data / upgrading.FOLDER / f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}-before-restore.zip"
                kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                backup.dump(database, data, kept, datetime.now(UTC))
                said(kept)
            if database.dialect != "sqlite":
                _into(database, file, title, occupied=occupied)
        finally:
            database.close()
        if not settings.database.url.get_secret_value():
            _beside(data, file, title)
        for name in DERIVED:
            shutil.rmtree(data / name, ignore_errors=True)
            if (data / name).is_file():
                (data / name).unlink()
        backup.put_files(file, data)
        return manifest
    finally:
        ownership.release()


def _into(database: Database, file: Path, title: str, *, occupied: bool) -> None:
    if occupied:
        migrate.downgrade(database)
    with bar(title) as progress:
        backup.load(database, file, progress)


def _beside(data: Path, file: Path, title: str) -> None:
    """Fill a new file and put it in the old one's place."""
    workshop = data / ".restoring"
    shutil.rmtree(workshop, ignore_errors=True)
    workshop.mkdir()
    try:
        database = open_database(workshop)
        try:
            with bar(title) as progress:
                backup.load(database, file, progress)
        finally:
            database.close()
        for name in SQLITE[1:]:
            (data / name).unlink(missing_ok=True)
        (workshop / SQLITE[0]).replace(data / SQLITE[0])
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
