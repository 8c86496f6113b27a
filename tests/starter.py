"""The starter knowledge base, read and indexed once a process: every program that a test starts takes it in.

Only what depends on nothing but the content is kept: what the loaders made of a file that ships, and the folder of vectors
of a large set of phrasings. The rows are written, read and calibrated each time.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from knowledge import loaders
from knowledge.embedding import EndpointEmbedder
from knowledge.index import VectorIndex

SHIPPED = Path(__file__).resolve().parents[1] / "prompts" / "knowledge"
LARGE = 500
"""Phrasings; smaller sets are of tests that are about the index."""

_Wanted = Mapping[str, str]
_Progress = Callable[[int, int], None]

_read = loaders._in_child
_fill = VectorIndex.fill
_known: dict[tuple[Path, int, int], loaders.Measured] = {}
_folders: dict[str, tuple[_Wanted, Path]] = {}


def keep() -> None:
    """From now on, in this process."""
    loaders._in_child = _read_once
    VectorIndex.fill = _fill_once  # type: ignore[method-assign]


def _read_once(path: Path, progress: _Progress | None) -> loaders.Measured:
    whole = path.resolve()
    if not whole.is_relative_to(SHIPPED):
        return _read(path, progress)
    stat = whole.stat()
    key = (whole, stat.st_mtime_ns, stat.st_size)
    if key not in _known:
        _known[key] = _read(path, progress)
    return _known[key]


def _fill_once(
    self: VectorIndex, wanted: _Wanted, progress: _Progress | None = None, *, limited: _Wanted | None = None
) -> int:
    with self._lock:
        self.open()
        fresh = self.size == 0 and not self.building and not limited
        if len(wanted) < LARGE or not fresh or isinstance(self._embedder, EndpointEmbedder):
            return _fill(self, wanted, progress, limited=limited)
        name = f"{type(self._embedder).__name__}-{self._embedder.dimension}"
        known, folder = _folders.get(name, (None, None))
        if folder is not None and known == wanted:
            self._discard()
            shutil.copytree(folder, self._folder)
            self.open()
            assert self.size == len(wanted)
            return len(wanted)
        added = _fill(self, wanted, progress)
        folder = _place() / name
        self.close()
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self._folder, folder)
        _folders[name] = (dict(wanted), folder)
        self.open()
        return added


@cache
def _place() -> Path:
    folder = tempfile.mkdtemp(prefix="tuantuan-vectors-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
