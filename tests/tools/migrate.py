"""Writes the migration from the tables as they are to the tables as the code describes them.

    python -m tests.tools.migrate "add lottery tables"

What Alembic writes is a draft: read it, give CHECK constraints and triggers their lines, then run the suite, which migrates an
empty database on SQLite and PostgreSQL and asks that nothing is left to do.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import engagement.registry  # noqa: F401  (the tables of the slices register on import)
from storage import migrate
from storage.engine import open_database

VERSIONS = Path(migrate.__file__).parent / "migrations" / "versions"


def write(message: str) -> Path:
    """Write the draft and return its path.

    Raises:
        alembic.util.CommandError: when the migrations do not lead to one head.
    """
    from alembic import command

    before = set(VERSIONS.glob("*.py"))
    number = f"{len([path for path in before if path.name[0].isdigit()]) + 1:04d}"
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(Path(folder))
        migrate.upgrade(database)
        with database.write_engine.connect() as connection:
            config = migrate._config(connection)
            config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
            command.revision(config, message, autogenerate=True, rev_id=number)
        database.close()
    (draft,) = set(VERSIONS.glob("*.py")) - before
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", str(draft)], check=False)
    return draft


if __name__ == "__main__":
    print(f"written: {write(sys.argv[1])}")
