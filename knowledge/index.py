"""The vector index: langchain-chroma over a Chroma folder that only the owner of the data directory opens.

It holds nothing that the rows do not: whatever is wrong with the folder, it is thrown away and made again (FAULTS C11).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.errors import ModelFault

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.embedding import Embedder

_COLLECTION = "phrasings"
_BATCH = 1000

for _name in ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2"):  # nothing of ours is sent to a tracing service
    os.environ[_name] = "false"
os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")


def digest(text: str) -> str:
    """The id of a text's vector."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class _Vectors:
    """Our embedder as langchain wants it."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        rows: list[list[float]] = self._embedder.embed(texts).tolist()
        return rows

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


class VectorIndex:
    """Vectors of all published phrasings.

    Args:
        folder: Of Chroma; made if it is not there, made anew if it cannot be read.
        embedder: Its name and dimension are kept with the collection; another embedder means another collection.
    """

    def __init__(self, folder: Path, embedder: Embedder) -> None:
        self._folder = folder
        self._embedder = embedder
        self._lock = threading.RLock()
        self._held: set[str] = set()
        self._store: Any = None
        self._client: Any = None

    def open(self) -> None:
        """Opens the folder; a damaged one, or one of another embedder, is made anew and stays empty until ``fill``."""
        with self._lock:
            if self._store is not None:
                return
            if self._is_damaged():
                self._discard()
            try:
                self._connect()
            except ModelFault:
                self._discard()
                self._connect()

    def _is_damaged(self) -> bool:
        file = self._folder / "chroma.sqlite3"
        if not file.exists():
            return self._folder.exists() and any(self._folder.iterdir())
        try:
            connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
            try:
                verdict: object = connection.execute("PRAGMA quick_check(1)").fetchone()
                return verdict != ("ok",)
            finally:
                connection.close()
        except sqlite3.Error:
            return True

    def _connect(self) -> None:
        import chromadb
        from chromadb.config import Settings
        from langchain_chroma import Chroma

        wanted = {"embedder": self._embedder.name, "dimension": self._embedder.dimension}

        vectors: Any = _Vectors(self._embedder)

        def connect() -> None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._client = chromadb.PersistentClient(str(self._folder), Settings(anonymized_telemetry=False))
            found = {collection.name: collection for collection in self._client.list_collections()}
            present = found.get(_COLLECTION)
            if present is not None and {name: (present.metadata or {}).get(name) for name in wanted} != wanted:
                self._client.delete_collection(_COLLECTION)
            self._store = Chroma(
                collection_name=_COLLECTION,
                client=self._client,
                embedding_function=vectors,
                collection_metadata={**wanted, "hnsw:space": "cosine"},
            )
            self._held = set(self._store.get(include=[])["ids"])
            if self._held:
                self._store.similarity_search_by_vector_with_relevance_scores([0.1] * self._embedder.dimension, k=1)

        try:
            _guarded(connect)
        except ModelFault:
            self._store = None
            raise

    def _discard(self) -> None:
        self.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def fill(self, wanted: Mapping[str, str], progress: Callable[[int, int], None] | None = None) -> int:
        """Makes the index hold just what is wanted; returns how many vectors were added or taken out.

        A text has one vector, however many entries and versions have it: an edit embeds only what it changed.

        Args:
            wanted: Digest → text (``digest``).
            progress: Called with (done, all) after every batch.

        Raises:
            ModelFault: The embedding endpoint or Chroma failed; what was done stays and the next call goes on.
        """
        with self._lock:
            self.open()
            stale = sorted(self._held - wanted.keys())
            missing = [key for key in wanted if key not in self._held]
            total = len(stale) + len(missing)
            done = 0
            for part in _batches(stale):
                self._remove(part)
                self._held.difference_update(part)
                done += len(part)
            for group in _batches(missing):
                self._add(group, [wanted[key] for key in group])
                done += len(group)
                if progress is not None:
                    progress(done, total)
            return total

    def _remove(self, ids: list[str]) -> None:
        _guarded(lambda: self._store.delete(ids=ids))

    def _add(self, ids: list[str], texts: list[str]) -> None:
        _guarded(lambda: self._store.add_texts(texts, ids=ids))
        self._held.update(ids)

    def near(self, vector: NDArray[np.float32], count: int) -> dict[str, float]:
        """Digest → cosine of the ``count`` nearest texts. Empty when there is none.

        Raises:
            ModelFault: Chroma failed; the caller goes on with keywords.
        """
        if self._store is None or not self._held or not vector.any():
            return {}
        found = _guarded(
            lambda: self._store.similarity_search_by_vector_with_relevance_scores(
                vector.tolist(), k=min(count, len(self._held))
            )
        )
        return {str(document.id): 1.0 - float(distance) for document, distance in found}

    @property
    def size(self) -> int:
        """Vectors held."""
        return len(self._held)

    def rebuild(self) -> None:
        """Throws the folder away; ``fill`` makes it again from the rows."""
        with self._lock:
            self._discard()
            self._connect()

    def close(self) -> None:
        """Lets go of the folder."""
        with self._lock:
            client, self._client, self._store = self._client, None, None
            self._held = set()
            if client is not None:
                client.close()


def _batches(items: Iterable[Any]) -> Iterable[list[Any]]:
    part: list[Any] = []
    for item in items:
        part.append(item)
        if len(part) == _BATCH:
            yield part
            part = []
    if part:
        yield part


def _guarded(action: Callable[[], Any]) -> Any:
    """Runs a call of Chroma; its many ways to fail come out as one."""
    from chromadb.errors import ChromaError

    try:
        return action()
    except (
        ChromaError,
        sqlite3.Error,
        OSError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        RuntimeError,
    ) as error:
        raise ModelFault("index", type(error).__name__) from error
    finally:
        panic = sys.exception()  # its Rust part panics with a BaseException that no module exports
        if type(panic).__name__ == "PanicException":
            raise ModelFault("index", "panic") from panic
