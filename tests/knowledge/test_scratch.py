"""Folders for files on their way in outlive nobody."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from knowledge import scratch

ROOT = Path(__file__).resolve().parents[2]
HELD = """
import sys, time
from knowledge import scratch
with scratch.folder() as folder:
    (folder / "规则.docx").write_text("words")
    print(folder, flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_left_is_swept_and_nobody_elses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    command = [sys.executable, "-c", HELD]
    with subprocess.Popen(
        command, cwd=ROOT, env={"TMPDIR": str(tmp_path), "PYTHONUTF8": "1"}, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        left = Path(worker.stdout.readline().strip())
        with scratch.folder() as ours:
            assert scratch.sweep() == 0
            assert (left / "规则.docx").exists()
            worker.kill()
            worker.wait()
            assert scratch.sweep() == 1
            assert ours.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_goes_with_its_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def use() -> None:
        with scratch.folder() as folder:
            (folder / "inside").mkdir()
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        use()
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (other := tmp_path / "other").mkdir()
    (other / "kept").touch()
    (tmp_path / "tuantuan-file-x").symlink_to(other)
    assert scratch.sweep() == 0
    assert (other / "kept").exists()
