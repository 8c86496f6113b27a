from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.tools import feature

pytestmark = pytest.mark.untraced

REGISTRY = """from __future__ import annotations

from engagement.checkin.manifest import FEATURE as CHECKIN
from engagement.feature import Feature
from engagement.points.manifest import FEATURE as POINTS

FEATURES: tuple[Feature, ...] = (CHECKIN, POINTS)
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "engagement" / "checkin").mkdir(parents=True)
    (tmp_path / "engagement" / "registry.py").write_text(REGISTRY)
    return tmp_path


def test_a_slice_is_written_with_everything_that_belongs_to_it(tree: Path) -> None:
    written = {path.relative_to(tree).as_posix() for path in feature.scaffold("bring_a_friend", tree)}
    assert written >= {
        "engagement/bring_a_friend/__init__.py",
        "engagement/bring_a_friend/handlers.py",
        "engagement/bring_a_friend/manifest.py",
        "engagement/bring_a_friend/rules.py",
        "engagement/bring_a_friend/service.py",
        "engagement/bring_a_friend/tables.py",
        "engagement/registry.py",
        "prompts/texts/zh/bring_a_friend.toml",
    }
    assert any(name.startswith("tests/engagement/bring_a_friend/test_") for name in written)
    for name in written:
        text = (tree / name).read_text()
        assert not {"__name__", "__Name__", "__NAME__"} & set(text.split('"')), name
        if name.endswith(".py"):
            compile(text, name, "exec")
    assert "done" in tomllib.loads((tree / "prompts/texts/zh/bring_a_friend.toml").read_text())
    assert "class BringAFriendMark(SQLModel" in (tree / "engagement/bring_a_friend/tables.py").read_text()


@pytest.mark.parametrize(("name", "place"), [("album", 0), ("lottery", 2), ("vote", 3)])
def test_the_registry_stays_in_order(name: str, place: int) -> None:
    lines = feature.registered(REGISTRY, name).splitlines()
    imports = [line for line in lines if line.startswith("from engagement")]
    assert imports.index(f"from engagement.{name}.manifest import FEATURE as {name.upper()}") == place
    assert lines[-1] == f"FEATURES: tuple[Feature, ...] = (CHECKIN, POINTS, {name.upper()})"


def test_the_registry_may_be_written_over_several_lines() -> None:
    broken = REGISTRY.replace("(CHECKIN, POINTS)", "(\n    CHECKIN,\n    POINTS,\n)")
    assert "(\n    CHECKIN,\n    POINTS, VOTE\n)" in feature.registered(broken, "vote")


@pytest.mark.parametrize("name", ["", "Lottery", "2nd", "class", "a" * 25, "x-y", "../x", "checkin", "_x"])
def test_a_name_that_cannot_be_used_is_refused(tree: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"exists already|a slice is named"):
        feature.scaffold(name, tree)


@pytest.mark.timeout(400)  # without `make types` before, mypy reads every library
def test_what_was_scaffolded_passes_its_own_tests_and_the_checks(tmp_path: Path) -> None:
    """In a copy of the project: tests, lint, types and import contracts of a slice that nobody has touched."""
    ignore = shutil.ignore_patterns(".*", "__pycache__", "data", "node_modules", "knowledge_base", "evals", "static")
    shutil.copytree(feature.ROOT, tmp_path / "copy", ignore=ignore)
    copy = tmp_path / "copy"
    written = [str(path.relative_to(copy)) for path in feature.scaffold("bring_a_friend", copy)]
    python = [path for path in written if path.endswith(".py")]
    # What `make types` has read of the project and its libraries is not read again.
    if (feature.ROOT / ".cache" / "mypy").is_dir():
        shutil.copytree(feature.ROOT / ".cache" / "mypy", tmp_path / "mypy")
    checks: list[list[str]] = [
        ["pytest", "-n0", "-q", "tests/engagement/bring_a_friend"],
        ["ruff", "format", "--no-cache", *python],
        ["ruff", "check", "--no-cache", *python],
        ["mypy", f"--cache-dir={tmp_path / 'mypy'}", *python],
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))}
    for check in checks:
        run = subprocess.run(
            [sys.executable, "-m", *check], cwd=copy, env=environment, capture_output=True, text=True, check=False
        )
        said = f"{check[0]}\n{run.stdout[-3000:]}\n{run.stderr[-2000:]}"
        if check[0] == "mypy":  # it also tells of the rest of the project, which is not asked here
            assert run.returncode in (0, 1), said
            assert not [line for line in run.stdout.splitlines() if line.startswith(tuple(python))], said
        else:
            assert run.returncode == 0, said
