"""Scaffolds a slice that works and whose tests pass: one thing that a member may mark once a day.

    python -m tests.tools.feature lottery

Writes the folder, its texts and its tests, adds the line to the registry and drafts the migration. What it writes is meant to be
read and replaced; CONTRIBUTING.md says in which order.
"""

from __future__ import annotations

import keyword
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = Path(__file__).parent / "slice"


def scaffold(name: str, root: Path = ROOT) -> list[Path]:
    """Write the files of a new slice and return their paths.

    Args:
        name: one lower-case word or several joined by `_`, at most 24 characters; tables and keys begin with it.
        root: the project's folder.

    Raises:
        ValueError: the name cannot be used, or is used already.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or len(name) > 24 or keyword.iskeyword(name):
        raise ValueError(f"{name!r}: a slice is named with lower-case letters, digits and _, at most 24 characters")
    if (root / "engagement" / name).exists() or (root / "engagement" / f"{name}.py").exists():
        raise ValueError(f"engagement/{name} exists already")
    words = {
        "__name__": name,
        "__Name__": "".join(part.capitalize() for part in name.split("_")),
        "__NAME__": name.upper(),
    }
    written = []
    for template in sorted(TEMPLATES.rglob("*.txt")):
        path = root / _fill(template.relative_to(TEMPLATES).as_posix().removesuffix(".txt"), words)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_fill(template.read_text(encoding="utf-8"), words), encoding="utf-8")
        written.append(path)
    registry = root / "engagement/registry.py"
    registry.write_text(registered(registry.read_text(encoding="utf-8"), name), encoding="utf-8")
    return [*written, registry]


def registered(registry: str, name: str) -> str:
    """Add a slice to the text of the registry: its import in its place, its name at the end of the list."""
    line = f"from engagement.{name}.manifest import FEATURE as {name.upper()}\n"
    imports = [match.group() for match in re.finditer(r"^from engagement\..+\n", registry, flags=re.MULTILINE)]
    before = next((one for one in imports if one > line), None)
    if before is None:
        registry = registry.replace(imports[-1], imports[-1] + line, 1)
    else:
        registry = registry.replace(before, line + before, 1)
    return re.sub(r"(FEATURES[^=]*= \([^)]*?),?(\s*)\)", rf"\1, {name.upper()}\2)", registry, count=1)


def _fill(text: str, words: dict[str, str]) -> str:
    for placeholder, word in words.items():
        text = text.replace(placeholder, word)
    return text


def main(name: str) -> int:
    """Scaffold, migrate, format, and say what comes next."""
    try:
        written = scaffold(name)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    # A new process: this one has imported the registry without the new slice.
    subprocess.run([sys.executable, "-m", "tests.tools.migrate", f"add {name}"], cwd=ROOT, check=True)
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", *map(str, written)], cwd=ROOT, check=False)
    for path in written:
        print(path.relative_to(ROOT))
    print(f"next: make test ARGS='tests/engagement/{name} -n0', then CONTRIBUTING.md from step 2")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
