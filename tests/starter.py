"""The starter knowledge base, read, counted and indexed once a process: every program that a test starts takes it in.

Only what depends on nothing but the content is kept: what the loaders made of a file that ships, and of a large set of
phrasings their counted words, the floors and the folder of vectors. The rows are written and read each time.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import sqlalchemy

from knowledge import loaders
from knowledge.base import KnowledgeBase
from knowledge.catalogue import Catalogue
from knowledge.confidence import Floors
from knowledge.embedding import EndpointEmbedder
from knowledge.index import VectorIndex
from knowledge.lexical import LexicalIndex, Lexicon
from knowledge.postings import Vocabulary
from knowledge.reading import Reader
from knowledge.tally import Tally
from storage.documents import Phrasing
from storage.engine import Session

SHIPPED = Path(__file__).resolve().parents[1] / "prompts" / "knowledge"
LARGE = 5000
"""Phrasings; smaller sets are of tests that are about the index."""

_Wanted = Mapping[str, str]
_Progress = Callable[[int, int], None]

_read = loaders._in_child
_fill = VectorIndex.fill
_catalogue = Reader.read
_calibrate = KnowledgeBase._calibrate
_known: dict[tuple[Path, int, int], loaders.Measured] = {}
_folders: dict[str, tuple[tuple[_Wanted, _Wanted], Path]] = {}
_counted: list[tuple[Lexicon, tuple[Tally, Tally]]] = []
_settled: dict[bytes, Floors] = {}


def keep() -> None:
    """From now on, in this process."""
    loaders._in_child = _read_once
    VectorIndex.fill = _fill_once  # type: ignore[method-assign]
    Reader.read = _count_once  # type: ignore[method-assign]
    KnowledgeBase._calibrate = _calibrate_once  # type: ignore[method-assign]


def _read_once(path: Path, progress: _Progress | None) -> loaders.Measured:
    whole = path.resolve()
    if not whole.is_relative_to(SHIPPED):
        return _read(path, progress)
    stat = whole.stat()
    key = (whole, stat.st_mtime_ns, stat.st_size)
    if key not in _known:
        _known[key] = _read(path, progress)
    return _known[key]


def _count_once(self: Reader, session: Session, instead: Mapping[int, int | None] | None = None) -> Catalogue:
    """A reader that has counted nothing yet begins with the words of the first large base; it takes what it finds there."""
    fresh = not self._looks and not len(self._lexicon.words)
    large = fresh and session.execute(sqlalchemy.select(sqlalchemy.func.count(Phrasing.id))).scalar_one() >= LARGE  # type: ignore[arg-type]
    if large and _counted:
        Reader.__init__(self, *_copied(*_counted[0]))
    found = _catalogue(self, session, instead)
    if large and not _counted:
        _counted.append(_copied(found.lexicon, (found.entries.tally, found.passages.tally)))
    return found


def _copied(lexicon: Lexicon, tallies: tuple[Tally, Tally]) -> tuple[Lexicon, tuple[Tally, Tally]]:
    made = Lexicon(*(Vocabulary(one.names) for one in (lexicon.words, lexicon.characters, lexicon.sounds)))
    entries, passages = (
        replace(one, index=LexicalIndex(made, postings=(one.index.words, one.index.characters, one.index.sounds)))
        for one in tallies
    )
    return made, (entries, passages)


def _calibrate_once(self: KnowledgeBase, catalogue: Catalogue) -> None:
    known = _settled.get(catalogue.entries.fingerprint)
    if known is None:
        _calibrate(self, catalogue)
        known = self._floors
        if len(catalogue.texts) >= LARGE:
            _settled[catalogue.entries.fingerprint] = known
    self._floors, self._calibrated_on = known, catalogue.entries.fingerprint


def _fill_once(
    self: VectorIndex, wanted: _Wanted, progress: _Progress | None = None, *, limited: _Wanted | None = None
) -> int:
    with self._lock:
        self.open()
        fresh = self.size == 0 and not self.building
        if len(wanted) < LARGE or not fresh or isinstance(self._embedder, EndpointEmbedder):
            return _fill(self, wanted, progress, limited=limited)
        both = dict(wanted), dict(limited or {})
        name = f"{type(self._embedder).__name__}-{self._embedder.dimension}"
        known, folder = _folders.get(name, (None, None))
        if folder is not None and known == both:
            self._discard()
            shutil.copytree(folder, self._folder)
            self.open()
            assert self.size == sum(map(len, both))
            return self.size
        added = _fill(self, wanted, progress, limited=limited)
        folder = _place() / name
        self.close()
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self._folder, folder)
        _folders[name] = (both, folder)
        self.open()
        return added


@cache
def _place() -> Path:
    folder = tempfile.mkdtemp(prefix="tuantuan-vectors-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
