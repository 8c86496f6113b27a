"""The command line answers at once: nothing heavy is imported before it is needed (ADR 0010)."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.untraced

ROOT = Path(__file__).resolve().parents[2]
HEAVY = (
    *(
        "chromadb",
        "dbos",
        "fastapi",
        "langchain",
        "langchain_core",
        "langchain_openai",
        "numpy",
        "onnxruntime",
        "openai",
    ),
    *("pdfplumber", "playwright", "pydantic", "sqlalchemy", "sqlmodel", "telegram", "tornado", "uvicorn", "wechatpy"),
)


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "sys.argv = ['bot', '--help']\n"
        "import runpy\n"
        "try:\n    runpy.run_module('bot', run_name='__main__')\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        f"print('imported:', *sorted(set({HEAVY!r}) & sys.modules.keys()))\n"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1].strip() == "imported:"


def test_help_is_there_in_half_a_second() -> None:
    """Counted in processor time, which other tests at work on the same machine do not lengthen; the best of three."""

    # A run with coverage measures child processes too, which is not what is asked here.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COV")}

    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "bot", "--help"], cwd=ROOT, env=plain, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    assert min(once() for _ in range(3)) < 0.5
