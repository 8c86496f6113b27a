"""The measurement of files runs, and says what it is read for."""

from __future__ import annotations

from pathlib import Path

from benchmarks import loading


def test_every_format_is_measured(tmp_path: Path) -> None:
    found = loading.run(tmp_path, groups=0, residents=0, short=True)
    for kind in ("pdf", "docx", "xlsx", "csv", "html", "pptx"):
        assert found[kind]["blocks"] > 0
        assert 0 < found[kind]["peak_mb"] <= 300
        assert found[kind]["cpu_seconds"] <= 5
    assert list(tmp_path.iterdir()) == []
