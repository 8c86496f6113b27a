"""The vector index: langchain-chroma over a Chroma folder that only the owner of the data directory opens.

It holds nothing that the rows do not, and no words at all: digests and vectors. Whatever is wrong with the folder, it is
thrown away and made again (FAULTS C11). What everybody may be answered from and what only some may are apart: a search
among the first is never crowded out by thousands of groups' own texts, and of the second only the asker's own are compared.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from knowledge.errors import ModelFault
from knowledge.generation import PARTS, Generation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from knowledge.embedding import Embedder

os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")


def digest(text: str) -> str:
    """The id of a text's vector."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class VectorIndex:
    """Vectors of all published phrasings.

    While another generation is made (``rebuild``, or another embedder), the one before goes on serving.

    Args:
        folder: Of Chroma; made if it is not there, made anew if it cannot be read.
        embedder: Its name and dimension are kept with the collections; another embedder means other collections.
        former: An embedder that always works, whose collections may serve while ours are made.
        url: Of a Chroma server instead of the folder, ``http://host:port``.
    """

    def __init__(self, folder: Path, embedder: Embedder, *, former: Embedder | None = None, url: str = "") -> None:
        self._folder = folder
        self._embedder = embedder
        self._former = former
        self._url = url
        self._lock = threading.RLock()
        self._client: Any = None
        self._serving: Generation | None = None
        self._building: Generation | None = None

    @property
    def embedder(self) -> Embedder:
        """Whose vectors are searched at this moment: a question's must be of the same."""
        return self._serving.embedder if self._serving is not None else self._embedder

    @property
    def size(self) -> int:
        """Vectors held by what serves."""
        return sum(map(len, self._serving.held.values())) if self._serving is not None else 0

    @property
    def building(self) -> bool:
        """Whether another generation is being made beside the one that serves."""
        return self._building is not self._serving

    def open(self) -> None:
        """Opens the folder; a damaged one is made anew and stays empty until ``fill``."""
        with self._lock:
            if self._client is not None:
                return
            if not self._url and self._is_damaged():
                self._discard()
            try:
                _guarded(self._connect)
            except ModelFault:
                if self._url:
                    self.close()
                    raise
                self._discard()
                _guarded(self._connect)

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

        quiet = Settings(anonymized_telemetry=False)
        if self._url:
            address = urlsplit(self._url)
            self._client = chromadb.HttpClient(
                address.hostname or "localhost", address.port or 8000, ssl=address.scheme == "https", settings=quiet
            )
        else:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._client = chromadb.PersistentClient(str(self._folder), quiet)
        made: dict[int, dict[str, Any]] = {}
        for collection in self._client.list_collections():
            about = collection.metadata or {}
            if collection.name == f"{collection.name.partition('-')[0]}-{about.get('generation')}":
                made[int(about["generation"])] = about
            elif not self._url:
                self._client.delete_collection(collection.name)
        ours = [number for number, about in sorted(made.items()) if self._of(about, self._embedder)]
        whole = [number for number in ours if made[number].get("whole")]
        old = [number for number, about in sorted(made.items()) if self._of(about, self._former) and about.get("whole")]
        newest = max(ours, default=max(made, default=0) + 1)
        self._building = self._make(newest, self._embedder, whole=newest in whole)
        if newest in whole:
            self._serving = self._building
        elif whole:
            self._serving = self._make(whole[-1], self._embedder, whole=True)
        elif old and self._former is not None:
            self._serving = self._make(old[-1], self._former, whole=True)
        else:
            self._serving = self._building
        self._forget()

    @staticmethod
    def _of(about: Mapping[str, Any], embedder: Embedder | None) -> bool:
        return embedder is not None and (about.get("embedder"), about.get("dimension")) == (
            embedder.name,
            embedder.dimension,
        )

    def _make(self, number: int, embedder: Embedder, *, whole: bool) -> Generation:
        return Generation(self._client, number, embedder, whole=whole)

    def _forget(self) -> None:
        """Drops the collections that neither serve nor are being made."""
        live = {f"{part}-{one.number}" for one in (self._serving, self._building) if one is not None for part in PARTS}
        for collection in self._client.list_collections():
            if collection.name not in live and collection.name.partition("-")[0] in PARTS:
                self._client.delete_collection(collection.name)

    def _discard(self) -> None:
        self.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def fill(
        self,
        wanted: Mapping[str, str],
        progress: Callable[[int, int], None] | None = None,
        *,
        limited: Mapping[str, str] | None = None,
    ) -> int:
        """Makes the index hold just what is wanted; returns how many vectors were added or taken out.

        A text has one vector, however many entries and versions have it: an edit embeds only what it changed. What is no
        longer wanted goes first, also from a generation that only serves until another is made. A folder that breaks on
        the way is thrown away once and filled again.

        Args:
            wanted: Digest → text (``digest``) for everybody.
            progress: Called with (done, all) after every batch.
            limited: Digest → text for some only.

        Raises:
            ModelFault: The embedder or Chroma failed; what was done stays and the next call goes on.
        """
        parts = dict(zip(PARTS, (wanted, limited or {}), strict=True))
        with self._lock:
            self.open()
            try:
                return _guarded(lambda: self._fill(parts, progress))  # type: ignore[no-any-return]
            except ModelFault as fault:
                if fault.what != "index" or self._url:
                    raise
                self._discard()
                self.open()
                return _guarded(lambda: self._fill(parts, progress))  # type: ignore[no-any-return]

    def _fill(self, parts: Mapping[str, Mapping[str, str]], progress: Callable[[int, int], None] | None) -> int:
        serving, building = self._serving, self._building
        assert serving is not None and building is not None
        removed = sum(building.remove(part, wanted) for part, wanted in parts.items())
        if serving is not building:
            for part, wanted in parts.items():
                serving.remove(part, wanted)
        total = sum(sum(mark not in building.held[part] for mark in wanted) for part, wanted in parts.items())
        done = 0

        def step(count: int) -> None:
            nonlocal done
            done += count
            if progress is not None:
                progress(done, total)

        for part, wanted in parts.items():
            building.add(part, wanted, step)
        building.finished()
        if serving is not building:
            self._serving = building
            self._forget()
        return removed + total

    def near(self, vector: NDArray[np.float32], count: int, own: Sequence[str] = ()) -> dict[str, float]:
        """Digest → cosine of the ``count`` nearest texts, of those for everybody and of the asker's own. Empty = none.

        Args:
            vector: Of ``embedder``; one of another dimension, of zeros, or not finite finds nothing.
            count: At most, of each of the two.
            own: Digests of limited texts that the asker may see.

        Raises:
            ModelFault: Chroma failed; the caller goes on with keywords.
        """
        serving = self._serving
        if serving is None or vector.shape != (serving.embedder.dimension,):
            return {}
        if not vector.any() or not bool(np.isfinite(vector).all()):
            return {}
        found: dict[str, float] = _guarded(lambda: serving.near(vector, count, own))
        return found

    def rebuild(self) -> None:
        """Begins another generation, which ``fill`` makes; the present one serves until then."""
        with self._lock:
            self.open()
            assert self._building is not None
            number = self._building.number + 1
            self._building = _guarded(lambda: self._make(number, self._embedder, whole=False))

    def suspect(self) -> None:
        """Something failed: the next ``fill`` opens the folder anew and looks whether it is sound."""
        self.close()

    def close(self) -> None:
        """Lets go of the folder."""
        with self._lock:
            client, self._client = self._client, None
            self._serving = self._building = None
            if client is not None and hasattr(client, "close"):
                client.close()


def _guarded(action: Callable[[], Any]) -> Any:
    """Runs a call of Chroma; its many ways to fail come out as one."""
    from chromadb.errors import ChromaError
    from httpx import HTTPError

    try:
        return action()
    except (
        ChromaError,
        HTTPError,
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
