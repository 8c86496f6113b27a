"""A new version over existing data: back up, migrate, check, and say how to go back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sqlalchemy import column, select, table

from bot import verification
from storage import backup, migrate
from storage.engine import Database, Session
from storage.errors import WentWrong

FOLDER = "backups"


def bring_up_to_date(
    database: Database, directory: Path, now: datetime, say: Callable[[str, dict[str, object]], None] | None = None
) -> None:
    """Bring a database to the program's schema; one that has rows is backed up first and checked afterwards.

    Args:
        database: Of the directory, which this process owns.
        directory: Backups go to ``backups/`` in it.
        now: Aware instant.
        say: Called with a text key and its values, before and after.

    Raises:
        WentWrong: an invariant is broken.
    """
    if not migrate.pending(database):
        return
    revision = backup.revision_of(database)
    if not revision or not database.read_now(_has_data):
        migrate.upgrade(database)
        return
    folder = directory / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / f"{now:%Y%m%d-%H%M%S-%f}-{revision}.zip"
    if say is not None:
        say("cli.upgrading", {"file": file})
    backup.dump(database, directory, file, now)
    migrate.upgrade(database)
    broken = tuple(check.name for check in database.read_now(verification.checks) if not check.ok)
    if broken:
        raise WentWrong(file, broken)
    if say is not None:
        say("cli.upgraded", {"file": file})


def _has_data(session: Session) -> bool:
    """Whether there is a group or a document; the model's columns may be newer than the table, so it is asked by name."""
    return any(
        session.execute(select(column("id")).select_from(table(name)).limit(1)).first() is not None
        for name in ("chat_group", "document")
    )
