"""The child process of ``knowledge.loaders.load``: sets its own limits, parses one file, prints JSON lines, dies.

Lines before the last say how far it is: ``{"done": 3, "of": 65}``. The last one holds ``loaded`` or ``refusal``, and what
the work took: ``cpu`` in seconds, ``peak_mb``. Nothing is caught here but what is expected: an error that nobody foresaw
ends the process, and the parent says that the file is damaged.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from knowledge.loaders import guard
from knowledge.loaders.blocks import Loaded
from knowledge.loaders.unseen import clean
from knowledge.masking import mask_document

CPU_SECONDS = 10
MEMORY = 300 * 1024 * 1024
"""Bytes, of which the interpreter and the imported parsers take a share."""

Progress = Callable[[int, int], None]

_READERS = {
    ".docx": ("knowledge.loaders.word", "read_docx"),
    ".xlsx": ("knowledge.loaders.sheets", "read_xlsx"),
    ".pptx": ("knowledge.loaders.slides", "read_pptx"),
    ".csv": ("knowledge.loaders.sheets", "read_csv"),
    ".tsv": ("knowledge.loaders.sheets", "read_csv"),
    ".md": ("knowledge.loaders.plain", "read_markdown"),
    ".txt": ("knowledge.loaders.plain", "read_text"),
    ".jsonl": ("knowledge.loaders.plain", "read_jsonl"),
    ".html": ("knowledge.loaders.page", "read_html"),
    ".htm": ("knowledge.loaders.page", "read_html"),
}
_PARSERS = {
    ".docx": ("docx",),
    ".xlsx": ("python_calamine", "defusedxml.ElementTree"),
    ".pptx": ("pptx", "defusedxml.ElementTree"),
    ".pdf": ("pypdfium2", "pypdfium2.raw", "pdfplumber.table", "knowledge.loaders.pdf"),
}
_FORBIDDEN = (
    *(
        "socket.",
        "subprocess.",
        "shutil.",
        "ctypes.dlopen",
        "os.system",
        "os.exec",
        "os.fork",
        "os.posix_spawn",
        "os.spawn",
    ),
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown"),
    *("os.kill", "os.putenv", "os.startfile", "os.utime", "os.setxattr"),
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_ROOT = Path(__file__).resolve().parents[2]


def _memory(field: str) -> int:
    """Bytes of this process, of a field of /proc/self/status; 0 where there is none."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    line = next((line for line in status.read_text(encoding="ascii").splitlines() if line.startswith(field)), "")
    return int(line.split()[1]) * 1024 if line else 0


def _limit() -> None:
    size, resident = _memory("VmSize:"), _memory("VmRSS:")
    if size:
        most = size + max(MEMORY - resident, MEMORY // 3)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Warden:
    """An audit hook: no socket, no other program, no writing, and no reading but the file and the program's own parts."""

    def __init__(self, path: Path) -> None:
        own = {str(path), str(_ROOT), sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.dirname(os.__file__)}  # noqa: PTH120
        self._folders = tuple(
            sorted({*own, *(os.path.realpath(one) for one in own), "/proc/self", "/usr/share/zoneinfo"})
        )

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Raises.

        Raises:
            PermissionError: for what a parser has no business to do.
        """
        if event.startswith(_FORBIDDEN):
            raise PermissionError(event)
        if event == "open":
            path, mode, flags = arguments
            if (isinstance(mode, str) and set(mode) & set("wax+")) or flags & _WRITING:
                raise PermissionError("open for writing")
            if isinstance(path, bytes):
                path = os.fsdecode(path)
            if isinstance(path, str):
                whole = os.path.abspath(path)  # noqa: PTH100  (a Path would be made in a hook that runs on every open)
                if not any(whole == folder or whole.startswith(folder + os.sep) for folder in self._folders):
                    raise PermissionError("open outside")


def read(path: Path, progress: Progress | None = None) -> Loaded:
    """Parses one file by its suffix; see ``read_bytes``."""
    return read_bytes(path.suffix.lower(), path.read_bytes(), progress)


def read_bytes(suffix: str, content: bytes, progress: Progress | None = None) -> Loaded:
    """Parses a file's bytes, after the first of them were found to agree with its suffix.

    Args:
        suffix: One of ``loaders.SUFFIXES``.
        content: The file.
        progress: Called with (pages read, pages in all) where the format has pages.

    Raises:
        guard.Unfit: with the code of the refusal.
    """
    guard.check_magic(suffix, content)
    if suffix in {".docx", ".xlsx", ".pptx"}:
        guard.check_package(content, suffix)
    loaded = _parse(suffix, content, progress)
    clean(loaded)
    if not loaded.entries and not any(block.text.strip() for block in loaded.blocks):
        raise guard.Unfit("no_text")
    mask_document(loaded)
    return loaded


def _parse(suffix: str, content: bytes, progress: Progress | None) -> Loaded:
    if suffix == ".pdf":
        from knowledge.loaders.pdf import read_pdf

        return read_pdf(content, progress)
    module, name = _READERS[suffix]
    reader: Callable[[bytes], Loaded] = getattr(importlib.import_module(module), name)
    return reader(content)


def main(argument: str) -> None:
    """Prints JSON lines on standard output; the last is the result."""
    path = Path(argument)
    for module in _PARSERS.get(path.suffix.lower(), ()):
        importlib.import_module(module)  # before the limits, which stand above what the parsers take by themselves
    warden = Warden(path)
    _limit()
    sys.addaudithook(warden)

    def progress(done: int, of: int) -> None:
        sys.stdout.write(json.dumps({"done": done, "of": of}) + "\n")
        sys.stdout.flush()

    try:
        answer: dict[str, Any] = {"loaded": read(path, progress).dump()}
    except guard.Unfit as unfit:
        answer = {"refusal": unfit.code}
    except (MemoryError, RecursionError):
        answer = {"refusal": "too_big"}
    answer |= {"cpu": round(time.process_time(), 2), "peak_mb": _memory("VmHWM:") >> 20}
    sys.stdout.write(json.dumps(answer, ensure_ascii=True) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
