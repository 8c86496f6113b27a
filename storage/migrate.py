"""Bring a database to the schema of this program: Alembic, called from code so that no file of settings is needed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError

from storage.engine import Database

_MIGRATIONS = Path(__file__).parent / "migrations"
_REVISION = re.compile(r"""^revision = ["'](\w+)["']""", re.MULTILINE)
_BASED_ON = re.compile(r"^down_revision = (.+)$", re.MULTILINE)
_ID = re.compile(r"""["'](\w+)["']""")


def _config(connection: Any) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def upgrade(database: Database, revision: str = "") -> None:
    """Run every migration that is missing. Safe to call at every start.

    Args:
        database: Of any age.
        revision: how far; default to the program's own schema.
    """
    if not revision and not pending(database):
        return
    from alembic import command

    with database.write_engine.connect() as connection:
        command.upgrade(_config(connection), revision or "heads")
        connection.commit()


def downgrade(database: Database) -> None:
    """Take every table away, with all that is in it."""
    from alembic import command

    with database.write_engine.connect() as connection:
        command.downgrade(_config(connection), "base")
        connection.exec_driver_sql("DROP TABLE alembic_version")
        connection.commit()


def pending(database: Database) -> bool:
    """Say whether the database is older than the program.

    Without Alembic, whose import takes a quarter of a second, and at most starts there is nothing to run.
    """
    try:
        with database.read_engine.connect() as connection:
            current = {row[0] for row in connection.exec_driver_sql("SELECT version_num FROM alembic_version")}
    except DBAPIError:
        return True  # nothing was ever migrated
    return current != heads()


def revisions() -> set[str]:
    """Return every revision that the program knows."""
    files = (_MIGRATIONS / "versions").glob("*.py")
    return {found for path in files for found in _REVISION.findall(path.read_text("utf-8"))}


def heads() -> set[str]:
    """Return the revisions on which no other is based, as the files say."""
    made: set[str] = set()
    based_on: set[str] = set()
    for path in (_MIGRATIONS / "versions").glob("*.py"):
        written = path.read_text("utf-8")
        made.update(_REVISION.findall(written))
        for line in _BASED_ON.findall(written):
            based_on.update(_ID.findall(line))
    return made - based_on
