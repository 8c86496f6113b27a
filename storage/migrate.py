"""Bring a database to the schema of this program: Alembic, called from code so that no file of settings is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from storage.engine import Database

_MIGRATIONS = Path(__file__).parent / "migrations"


def _config(connection: Any) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def upgrade(database: Database) -> None:
    """Run every migration that is missing. Safe to call at every start."""
    from alembic import command

    with database.write_engine.connect() as connection:
        command.upgrade(_config(connection), "heads")
        connection.commit()


def pending(database: Database) -> bool:
    """Say whether the database is older than the program."""
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    with database.read_engine.connect() as connection:
        script = ScriptDirectory.from_config(_config(connection))
        current = set(MigrationContext.configure(connection).get_current_heads())
    return current != set(script.get_heads())
