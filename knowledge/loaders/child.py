"""The child process of ``knowledge.loaders.load``: sets its own limits, parses one file, prints JSON, dies.

Nothing is caught here but what is expected: an error that nobody foresaw ends the process, and the parent says that
the file is damaged.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

from knowledge.loaders import guard, office, plain
from knowledge.loaders.blocks import Loaded
from knowledge.masking import mask_document

CPU_SECONDS = 10
EXTRA_MEMORY = 300 * 1024 * 1024
"""Address space above what the imported parsers take, in bytes."""

_FORBIDDEN = frozenset({"socket.connect", "socket.bind", "subprocess.Popen", "os.system", "os.exec", "os.fork"})


def _limit() -> None:
    pages = (
        int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) if Path("/proc/self/statm").exists() else 0
    )
    memory = pages * resource.getpagesize() + EXTRA_MEMORY
    if pages:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _FORBIDDEN:
        raise PermissionError(event)
    if event == "open" and len(arguments) > 1 and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        raise PermissionError("open for writing")


def read(path: Path) -> Loaded:
    """Parses one file by its suffix, after its first bytes were found to agree with it.

    Raises:
        guard.Unfit: with the code of the refusal.
    """
    suffix = path.suffix.lower()
    content = path.read_bytes()
    guard.check_magic(suffix, content)
    if suffix in {".docx", ".xlsx", ".pptx"}:
        guard.check_package(content, suffix)
    loader = {
        ".docx": office.read_docx,
        ".xlsx": office.read_xlsx,
        ".pptx": office.read_pptx,
        ".pdf": office.read_pdf,
        ".csv": plain.read_csv,
        ".md": plain.read_markdown,
        ".txt": plain.read_text,
        ".html": plain.read_html,
        ".htm": plain.read_html,
        ".jsonl": plain.read_jsonl,
    }[suffix]
    loaded = loader(content)
    if not loaded.entries and not any(block.text.strip() for block in loaded.blocks):
        raise guard.Unfit("no_text")
    mask_document(loaded)
    return loaded


def main(argument: str) -> None:
    """Prints ``Loaded`` or ``{"refusal": code}`` as one JSON document on standard output."""
    path = Path(argument)
    office.warm_up(path.suffix.lower())
    sys.addaudithook(_audit)
    _limit()
    try:
        answer: dict[str, Any] = read(path).dump()
    except guard.Unfit as unfit:
        answer = {"refusal": unfit.code}
    except (MemoryError, RecursionError):
        answer = {"refusal": "too_big"}
    sys.stdout.write(json.dumps(answer, ensure_ascii=True))


if __name__ == "__main__":
    main(sys.argv[1])
