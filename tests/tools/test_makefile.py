from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGETS = [
    *(
        "setup",
        "run",
        "play",
        "check",
        "fix",
        "test",
        "chaos",
        "chaos-short",
        "bench",
        "bench-short",
        "lock",
        "migrate",
    ),
    *("feature", "screenshots", "help", "emulator"),
]


def _make(*arguments: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    run = subprocess.run(["make", *arguments], cwd=ROOT, env=clean, capture_output=True, text=True, check=True)
    return run.stdout


def test_help_lists_every_target() -> None:
    listed = re.findall(r"^  make ([a-z-]+) ", _make(), flags=re.MULTILINE)
    assert set(TARGETS) <= set(listed)


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_can_be_expanded(target: str) -> None:
    assert _make("--dry-run", target)


def test_run_passes_the_port_and_the_folder_on() -> None:
    last = _make("--dry-run", "run", "PORT=8080", "DATA=/some where").splitlines()[-1]
    assert last == 'exec env BOT_WEB__PORT=8080 .venv/bin/python -m bot serve --channels web,sim --data "/some where"'


def test_what_installs_is_executable_and_needs_no_bash() -> None:
    for name in ("tests/tools/venv.sh", ".ci/run"):
        assert os.access(ROOT / name, os.X_OK), name
    subprocess.run(["sh", "-n", "tests/tools/venv.sh"], cwd=ROOT, check=True)
    subprocess.run(["bash", "-n", ".ci/run"], cwd=ROOT, check=True)
