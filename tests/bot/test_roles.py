"""`serve --role`: what each process does, and what is refused in one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot import diagnosis
from bot.settings import Settings
from prompts.loader import texts
from tests.platforms.serving import ROOT


@pytest.mark.parametrize("role", ["web", "worker"])
def test_one_of_several_processes_is_refused_on_sqlite(role: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "bot", "serve", "--role", role, "--data", str(tmp_path / "data")],
        check=False,
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("BOT_")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 2
    assert ended.stderr == texts().raw("doctor.role_needs_postgresql") + "\n"
    assert not (tmp_path / "data").exists()


def test_roles_that_may_start(monkeypatch: pytest.MonkeyPatch) -> None:
    assert diagnosis.problems(Settings(), ["web"], "boss") == ["doctor.unknown_role"]
    assert diagnosis.problems(Settings(), ["web"], "all") == []
    monkeypatch.setenv("BOT_DATABASE__URL", "postgresql://nobody@/nothing")
    for role in diagnosis.ROLES:
        assert diagnosis.problems(Settings(), ["web"], role) == []
