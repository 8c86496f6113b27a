"""Files to text. ``load`` parses in a child process with hard limits, so that a hostile file costs a child and no more.

Source: F69, FAULTS D1-D4 and D7.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowledge.errors import KnowledgeRefusal
from knowledge.loaders.blocks import Block, Entry, Finding, Loaded, parse

__all__ = ["SUFFIXES", "Block", "Entry", "Finding", "Loaded", "Measured", "load", "measured"]

SUFFIXES = frozenset({".docx", ".pdf", ".xlsx", ".csv", ".tsv", ".pptx", ".md", ".txt", ".html", ".htm", ".jsonl"})
ADVICE = {
    "save_as_docx": (".doc", ".wps", ".wpt", ".rtf", ".pages", ".odt", ".docm", ".dot", ".dotx"),
    "save_as_xlsx": (".xls", ".et", ".ett", ".numbers", ".ods", ".xlsm", ".xlsb", ".xlt"),
    "save_as_pptx": (".ppt", ".dps", ".dpt", ".key", ".odp", ".pptm", ".pps", ".ppsx"),
    "needs_ocr": (
        ".jpg",
        ".jpeg",
        ".png",
        ".gif",
        ".bmp",
        ".webp",
        ".heic",
        ".heif",
        ".tif",
        ".tiff",
        ".svg",
        ".ofd",
        ".caj",
    ),
    "unpack": (".zip", ".rar", ".7z", ".gz", ".tar", ".tgz", ".bz2", ".xz"),
}
"""Formats that are not read, by what is advised instead."""
MAX_BYTES = 20 * 1024 * 1024
WALL_SECONDS = 20.0
MAX_OUTPUT = 64 * 1024 * 1024

Progress = Callable[[int, int], None]

_ROOT = Path(__file__).resolve().parents[2]
_SHIPPED = _ROOT / "prompts" / "knowledge"


@dataclass(frozen=True, slots=True)
class Measured:
    """What the child did: a document or the code of a refusal; seconds and megabytes are 0 when it was ended."""

    loaded: Loaded | None
    reason: str = ""
    cpu_seconds: float = 0.0
    peak_mb: int = 0


def load(path: Path, progress: Progress | None = None) -> Loaded:
    """Text of a document.

    Args:
        path: A regular file of at most ``MAX_BYTES`` with one of ``SUFFIXES``.
        progress: Called with (pages read, pages in all) while a format with pages is read; in this thread.

    Raises:
        KnowledgeRefusal: ``kb.document_`` + ``unknown_format``, ``too_big``, ``empty``, ``damaged``, ``encrypted``,
            ``no_text``, ``unsafe``, ``encoding``, ``missing`` or a key of ``ADVICE``; with ``name`` = the file's name.
    """
    if not _unfit_by_name(path) and path.resolve().is_relative_to(_SHIPPED):
        return _here(path)
    found = measured(path, progress)
    if found.loaded is None:
        raise KnowledgeRefusal(f"kb.document_{found.reason}", name=path.name)
    return found.loaded


def _here(path: Path) -> Loaded:
    """A file that ships with the program, read in this process: a child for each would cost a first start seconds."""
    from knowledge.loaders import child

    return child.read(path)


def measured(path: Path, progress: Progress | None = None) -> Measured:
    """As ``load``, with what it took; a refusal is told by its code and not raised."""
    reason = _unfit_by_name(path)
    return Measured(None, reason) if reason else _in_child(path, progress)


def _unfit_by_name(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        return next((code for code, suffixes in ADVICE.items() if suffix in suffixes), "unknown_format")
    try:
        size = path.stat().st_size
    except (OSError, ValueError):
        return "missing"
    if not path.is_file():
        return "missing"
    return "empty" if size == 0 else "too_big" if size > MAX_BYTES else ""


def _in_child(path: Path, progress: Progress | None) -> Measured:
    environment = {
        "PYTHONPATH": str(_ROOT),
        "PYTHONUTF8": "1",
        "PATH": os.environ.get("PATH", ""),
        "HOME": "/nonexistent",
    }
    command = [sys.executable, "-X", "faulthandler=0", "-m", "knowledge.loaders.child", str(path.resolve())]
    with subprocess.Popen(  # noqa: S603  (our own interpreter and module; the path is one argument, no shell)
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, cwd=_ROOT
    ) as process:
        try:
            last = _listen(process, progress)
        finally:
            process.kill()  # has ended by itself unless something went wrong
    if last is None or process.returncode in {-signal.SIGXCPU, -signal.SIGKILL, -signal.SIGSEGV, -signal.SIGABRT}:
        return Measured(None, "too_big")
    try:
        answer = json.loads(last)
    except ValueError:
        return Measured(None, "damaged")
    if process.returncode != 0 or not isinstance(answer, dict) or not {"loaded", "refusal"} & set(answer):
        return Measured(None, "damaged")
    loaded = parse(answer["loaded"]) if "loaded" in answer else None
    return Measured(loaded, str(answer.get("refusal", "")), float(answer["cpu"]), int(answer["peak_mb"]))


def _listen(process: subprocess.Popen[bytes], progress: Progress | None) -> bytes | None:
    """The last line that the child prints; None when it takes too long or says too much."""
    assert process.stdout is not None
    deadline = time.monotonic() + WALL_SECONDS
    said = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if not selector.select(left):
                break
            piece = os.read(process.stdout.fileno(), 1 << 18)
            if not piece:
                try:
                    process.wait(max(deadline - time.monotonic(), 1.0))
                except subprocess.TimeoutExpired:
                    return None
                return bytes(said)
            said += piece
            if len(said) > MAX_OUTPUT:
                return None
            while said.startswith(b'{"done"') and b"\n" in said:
                line, _, rest = bytes(said).partition(b"\n")
                said = bytearray(rest)
                if progress is not None:
                    told: dict[str, Any] = json.loads(line)
                    progress(int(told["done"]), int(told["of"]))
    return None
