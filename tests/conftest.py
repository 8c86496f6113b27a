"""What every test may ask for, and the rules that hold for all of them.

The network is closed but for this machine (pytest-socket in pyproject.toml); the machine's own zone is one that nobody
here lives in, so that a local date taken by accident shows; settings of the developer's shell are not seen.
"""

from __future__ import annotations

import gc
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
import structlog
from hypothesis.database import DirectoryBasedExampleDatabase

from tests import postgresql, run_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdist.remote import Producer
    from xdist.scheduler import LoadGroupScheduling

ROOT = Path(__file__).resolve().parent.parent
_CHILDREN_COUNT = "COVERAGE_PROCESS_CONFIG"
"""What coverage leaves in the environment for the processes that a process starts (its `patch = ["subprocess"]`)."""


def pytest_configure(config: pytest.Config) -> None:
    """Prepare the process: no settings from outside, a foreign zone, folders that all workers share."""
    gc.disable()  # until everything is collected: nearly all that is made until then stays to the end
    for name in [name for name in os.environ if name.startswith("BOT_")]:
        del os.environ[name]
    # What is compiled is kept: for the other worker, for the many processes that tests start, and for the next run.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    # Small matrices: more threads than one only wait for each other, and turn the processors' time while they do.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ["TZ"] = "America/St_Johns"
    time.tzset()
    # The same examples each time where a failure must mean a change; new ones, with a memory, on a developer's machine.
    always_the_same = bool(os.environ.get("CI"))
    memory = DirectoryBasedExampleDatabase(ROOT / ".cache" / "hypothesis")
    hypothesis.settings.register_profile(
        "tuantuan",
        deadline=None,
        derandomize=always_the_same,
        database=None if always_the_same else memory,
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
    )
    hypothesis.settings.load_profile("tuantuan")
    _plain_logs()
    if not hasattr(config, "workerinput"):
        postgresql.name_folder()
        run_folder.name()
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        _made_once()


def _made_once() -> None:
    """What a process that runs tests makes once and copies; the one that only hands them out needs none of it."""
    from tests import databases, starter

    databases.watch_databases()
    databases.wait_for_the_disk(wanted=False)
    databases.run_every_migration(wanted=False)
    starter.keep()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadGroupScheduling | None:
    """Keep a module, or the modules of a group (`pytestmark = pytest.mark.xdist_group(…)`), on one worker.

    They share what is dear; and where tests are handed out one by one, a worker waits for the next after each of them.
    xdist 3.8 notes the group in a field that pytest 9.2 no longer reads; its groups fell apart without a word.
    """
    from xdist.scheduler import LoadGroupScheduling

    class ByModule(LoadGroupScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return _group(_module(nodeid)) or _module(nodeid)

    return ByModule(config, log) if config.getvalue("dist") == "loadgroup" else None


def _module(nodeid: str) -> str:
    return nodeid.partition("::")[0]


@cache
def _group(module: str) -> str:
    found = re.search(r'xdist_group\("([^"]+)"\)', (ROOT / module).read_text("utf-8"))
    return found[1] if found is not None else ""


LONGEST = ("browser", "starter", "console")
"""Groups that take minutes each, the longest first: a worker begins with each of them."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that no worker is left alone with it at the end; single modules fill the gaps last.

    A test that takes more than some ten seconds says so by its own timeout, and its module comes before the others.
    """
    allowed: dict[str, float] = {}
    for item in items:
        module, mark = _module(item.nodeid), item.get_closest_marker("timeout")
        allowed[module] = max(allowed.get(module, 0.0), float(mark.args[0]) if mark is not None and mark.args else 0.0)

    def place(item: pytest.Item) -> tuple[int, float]:
        module = _module(item.nodeid)
        group = _group(module)
        return (LONGEST.index(group) if group in LONGEST else len(LONGEST) + (not group)), -allowed[module]

    items.sort(key=place)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Count no lines of an `untraced` test, here and in the processes that it starts.

    What others test line by line is repeated there by a browser, by crowds, by every text: to count it costs two fifths
    of the whole suite's time and shows nothing. Some tests that start the whole program are counted: what a process does at
    its start is in no worker's figures, which imports it before it begins to count.
    """
    if item.get_closest_marker("untraced") is None or sys.gettrace() is None:
        return (yield)
    here, threads, children = sys.gettrace(), threading.gettrace(), os.environ.pop(_CHILDREN_COUNT, None)
    sys.settrace(None)
    threading.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(here)
        threading.settrace(threads)
        if children is not None:
            os.environ[_CHILDREN_COUNT] = children


def pytest_collection_finish() -> None:
    """Take what was imported and collected, which stays to the end, out of the garbage collector's rounds."""
    gc.collect()
    gc.freeze()
    gc.enable()


def _plain_logs() -> None:
    """The default draws every traceback with all its values, which takes seconds."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["level", "event"]),
        ]
    )


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server that the tests may have started; only the process that named the folders does."""
    if not hasattr(config, "workerinput"):
        postgresql.stop()
        run_folder.remove()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end what was not run and why: a skipped test must not look like a passed one."""
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        where = report.longrepr
        reason = where[2] if isinstance(where, tuple) else str(where)
        reasons[reason.removeprefix("Skipped: ")] += 1
    if reasons:
        terminalreporter.section("skipped, and why")
        for reason, count in reasons.most_common():
            terminalreporter.write_line(f"{count:5d}  {reason}", yellow=True)


@pytest.fixture(autouse=True)
def _logs_as_at_the_start() -> Iterator[None]:
    """A test that sets the logs up must not silence the next one, nor leave it a stream that is closed."""
    yield
    structlog.reset_defaults()
    _plain_logs()


@pytest.fixture(autouse=True)
def _databases_end_with_their_test() -> Iterator[None]:
    """Made before any other fixture of the test, so it ends after them; what a module's fixture opened stays open."""
    from tests import databases

    with databases.closed_afterwards():
        yield


@pytest.fixture
def waiting_for_the_disk() -> Iterator[None]:
    """Databases as the product opens them, for a test of just that."""
    from tests import databases

    databases.wait_for_the_disk(wanted=True)
    yield
    databases.wait_for_the_disk(wanted=False)


@pytest.fixture
def every_migration() -> Iterator[None]:
    """Empty databases go through the migrations, for tests of them."""
    from tests import databases

    databases.run_every_migration(wanted=True)
    yield
    databases.run_every_migration(wanted=False)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """An empty data folder."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def started_dir(data_dir: Path, started: Path) -> Path:
    """A data folder as a first start leaves it: the rows and vectors of the starter base. Made once a run and copied.

    For tests of a server that are about a chat program; how a server takes the base in is for the browser's tests.
    """
    shutil.copytree(started, data_dir, dirs_exist_ok=True)
    return data_dir


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What :func:`started_dir` copies; not to be opened."""
    from filelock import FileLock

    base = tmp_path_factory.getbasetemp()
    ready = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "started"
    with FileLock(f"{ready}.lock", timeout=110):
        if not ready.exists():
            from bot.main import open_program
            from bot.settings import Settings

            making = ready.with_name("starting")
            shutil.rmtree(making, ignore_errors=True)
            open_program(making, Settings(), seed=True, gated=False, drawn=False).close()
            making.rename(ready)
    return ready


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a migrated SQLite file; tests copy it, which is quicker than to migrate."""
    import engagement.registry  # noqa: F401  (the tables of the slices register on import)
    from storage import migrate
    from storage.engine import open_database

    folder = tmp_path_factory.mktemp("migrated")
    database = open_database(folder)
    migrate.upgrade(database)
    database.close()
    return folder


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of material that lies beside the project: TUANTUAN_SHARED, or ../shared. Skips where it is absent."""
    folder = Path(os.environ.get("TUANTUAN_SHARED") or ROOT.parent / "shared")
    if not (folder / "data").is_dir():
        pytest.skip("no shared folder beside the project (set TUANTUAN_SHARED)")
    return folder


@pytest.fixture(scope="session")
def postgresql_socket() -> str:
    """The folder of the socket of this run's PostgreSQL; skips, loudly, only where the machine cannot run one."""
    try:
        return postgresql.start()
    except (ImportError, OSError, subprocess.SubprocessError) as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"PostgreSQL DOES NOT RUN HERE: {type(error).__name__}: {error}")


@pytest.fixture
def postgres_url(postgresql_socket: str) -> Iterator[str]:
    """The address (`postgresql://…`) of an empty database of this test's own."""
    with postgresql.fresh_database(postgresql_socket) as url:
        yield url


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Where Chromium is: the variable CHROMIUM, or the path. Skips where there is none."""
    for name in (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name) if name else None
        if found is not None:
            return found
    pytest.skip("browser tests: no Chromium here (apt-get install chromium, or set CHROMIUM)")


@pytest.fixture(scope="session")
def emulator_python() -> str:
    """The Python of the Telegram emulator's own environment. Skips where `make emulator` has not made it."""
    python = ROOT / ".venv-emulator" / "bin" / "python"
    if not python.exists():
        pytest.skip("emulator tests: no .venv-emulator here (make emulator)")
    return str(python)
