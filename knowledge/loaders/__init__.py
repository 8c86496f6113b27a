"""Files to text. ``load`` parses in a child process with hard limits, so that a hostile file costs a child and no more.

Source: F69, FAULTS D1-D4 and D7.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from knowledge.errors import KnowledgeRefusal
from knowledge.loaders.blocks import Block, Entry, Loaded, parse

__all__ = ["SUFFIXES", "Block", "Entry", "Loaded", "load"]

SUFFIXES = frozenset({".docx", ".pdf", ".xlsx", ".csv", ".pptx", ".md", ".txt", ".html", ".htm", ".jsonl"})
MAX_BYTES = 20 * 1024 * 1024
WALL_SECONDS = 20.0
MAX_OUTPUT = 64 * 1024 * 1024

_REASONS = {
    "damaged": "kb.document_damaged",
    "encrypted": "kb.document_encrypted",
    "encoding": "kb.document_encoding",
    "no_text": "kb.document_no_text",
    "too_big": "kb.document_too_big",
    "unsafe": "kb.document_unsafe",
}
_ROOT = Path(__file__).resolve().parents[2]


def load(path: Path) -> Loaded:
    """Text of a document.

    Args:
        path: A regular file of at most ``MAX_BYTES`` with one of ``SUFFIXES``.

    Raises:
        KnowledgeRefusal: ``kb.document_`` + ``unknown_format``, ``too_big``, ``empty``, ``damaged``, ``encrypted``,
            ``no_text``, ``unsafe``, ``encoding`` or ``missing``; with ``name`` = the file's name.
    """
    name = path.name
    if path.suffix.lower() not in SUFFIXES:
        raise KnowledgeRefusal("kb.document_unknown_format", name=name)
    try:
        size = path.stat().st_size
    except (OSError, ValueError):
        raise KnowledgeRefusal("kb.document_missing", name=name) from None
    if not path.is_file():
        raise KnowledgeRefusal("kb.document_missing", name=name)
    if size == 0:
        raise KnowledgeRefusal("kb.document_empty", name=name)
    if size > MAX_BYTES:
        raise KnowledgeRefusal("kb.document_too_big", name=name)
    reason, loaded = _in_child(path)
    if loaded is None:
        raise KnowledgeRefusal(f"kb.document_{reason}", name=name)
    return loaded


def _in_child(path: Path) -> tuple[str, Loaded | None]:
    environment = {
        "PYTHONPATH": str(_ROOT),
        "PYTHONUTF8": "1",
        "PATH": os.environ.get("PATH", ""),
        "HOME": "/nonexistent",
    }
    command = [sys.executable, "-X", "faulthandler=0", "-m", "knowledge.loaders.child", str(path.resolve())]
    process = subprocess.Popen(  # noqa: S603  (our own interpreter and module; the path is one argument, no shell)
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, cwd=_ROOT
    )
    try:
        output, _ = process.communicate(timeout=WALL_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return "too_big", None
    if process.returncode in {-signal.SIGXCPU, -signal.SIGKILL, -signal.SIGSEGV, -signal.SIGABRT}:
        return "too_big", None
    if process.returncode != 0 or len(output) > MAX_OUTPUT:
        return "damaged", None
    try:
        answer = json.loads(output)
    except ValueError:
        return "damaged", None
    if "refusal" in answer:
        return str(answer["refusal"]), None
    return "", parse(answer)
