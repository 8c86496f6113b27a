"""The command line answers at once: nothing heavy is imported before it is needed (ADR 0010)."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

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
    *("pdfplumber", "playwright", "sqlalchemy", "telegram", "tornado", "uvicorn", "wechatpy"),
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
    def once() -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "bot", "--help"], cwd=ROOT, capture_output=True, check=True)
        return time.perf_counter() - began

    # The best of five: the machine may be busy with other tests. Reading the files the first time is not counted.
    assert min(once() for _ in range(5)) < 0.5
