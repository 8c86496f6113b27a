"""The two Chroma collections of one embedder and one making of the vector index: for everybody, and for some only.

Chroma keeps digests and vectors, no words. Source: DESIGN 6 (we always pass our own vectors).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from knowledge.errors import ModelFault

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from knowledge.embedding import Embedder

PARTS = ("common", "limited")
_BATCH = 1000
_REMOTE_BATCH = 64
"""Texts that an outside embedder gets at a time: what it did is kept when the next one fails or we are killed."""
OWN_COMPARED = 2000
"""Own texts of an asker that are compared one by one; Chroma's filtered search takes 54 ms for 20, this 1 ms."""
_OWN_KEPT = 20_000


class _Vectors:
    """An embedder as langchain wants it; it is given digests and looks up what they stand for."""

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder
        self.texts: Mapping[str, str] = {}

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        rows: list[list[float]] = sound(self.embedder, [self.texts[mark] for mark in texts]).tolist()
        return rows

    def embed_query(self, text: str) -> list[float]:
        row: list[float] = sound(self.embedder, [text])[0].tolist()
        return row


def sound(embedder: Embedder, texts: Sequence[str]) -> NDArray[np.float32]:
    """The vectors of texts, float32 (n, dimension).

    Raises:
        ModelFault: The embedder failed, or what it gave is of another shape or not finite; nothing of it may be kept.
    """
    table = np.asarray(embedder.embed(texts), dtype=np.float32)
    if table.shape != (len(texts), embedder.dimension) or not bool(np.isfinite(table).all()):
        raise ModelFault("embedding", f"shape {table.shape}")
    return table


class Generation:
    """The two collections of one embedder and one making.

    Attributes:
        number: later ones are higher.
        whole: it has been filled once.
    """

    def __init__(self, client: Any, number: int, embedder: Embedder, *, whole: bool) -> None:
        from langchain_chroma import Chroma

        self.number = number
        self.embedder = embedder
        self.whole = whole
        self._vectors = _Vectors(embedder)
        vectors: Any = self._vectors
        self._stores: dict[str, Any] = {
            part: Chroma(
                collection_name=f"{part}-{number}",
                client=client,
                embedding_function=vectors,
                collection_metadata=self._metadata(whole),
                collection_configuration={"hnsw": {"space": "cosine", "ef_construction": 64}},
            )
            for part in PARTS
        }
        # langchain's search also reads documents and metadata, which takes five times as long and is of no use here
        self._collections: dict[str, Any] = {part: client.get_collection(f"{part}-{number}") for part in PARTS}
        self.held: dict[str, set[str]] = {
            part: set(store.get(include=[])["ids"]) for part, store in self._stores.items()
        }
        self._own: OrderedDict[tuple[str, ...], tuple[list[str], NDArray[np.float32]]] = OrderedDict()
        for part, held in self.held.items():
            if held:  # a part whose files are gone says so only when it is searched
                self._search(part, np.full(embedder.dimension, 0.1, np.float32), 1)

    def _metadata(self, whole: bool) -> dict[str, Any]:
        about = {"embedder": self.embedder.name, "dimension": self.embedder.dimension, "generation": self.number}
        return {**about, "whole": whole}

    def remove(self, part: str, wanted: Mapping[str, str]) -> int:
        """Takes out what is not wanted."""
        stale = sorted(self.held[part] - wanted.keys())
        for group in _batches(stale, _BATCH):
            self._stores[part].delete(ids=group)
            self.held[part].difference_update(group)
        if stale:
            self._own.clear()
        return len(stale)

    def add(self, part: str, wanted: Mapping[str, str], step: Callable[[int], None]) -> int:
        """Puts in what is missing, a batch at a time; what is in stays in when a later batch fails."""
        missing = [mark for mark in wanted if mark not in self.held[part]]
        size = _BATCH if self.embedder.name.startswith("words-") else _REMOTE_BATCH
        for group in _batches(missing, size):
            self._vectors.texts = wanted
            self._stores[part].add_texts(group, ids=group)  # Chroma keeps digests, never words
            self.held[part].update(group)
            self._own.clear()
            step(len(group))
        return len(missing)

    def finished(self) -> None:
        """Remembers that it has been filled."""
        if not self.whole:
            self.whole = True
            for part in PARTS:
                self._collections[part].modify(metadata=self._metadata(True))

    def near(self, vector: NDArray[np.float32], count: int, own: Sequence[str]) -> dict[str, float]:
        """Digest → cosine of the nearest for everybody and of the asker's own."""
        found = self._search("common", vector, count)
        marks = tuple(mark for mark in own if mark in self.held["limited"])
        if not marks:
            return found
        if len(marks) > OWN_COMPARED:
            return {**found, **self._search("limited", vector, count, ids=list(marks))}
        ids, rows = self._rows(marks)
        cosines = rows @ vector / max(float(np.linalg.norm(vector)), 1e-9)
        for at in np.argsort(-cosines)[:count].tolist():
            found[ids[at]] = float(cosines[at])
        return found

    def _rows(self, marks: tuple[str, ...]) -> tuple[list[str], NDArray[np.float32]]:
        kept = self._own.get(marks)
        if kept is None:
            got = self._stores["limited"].get(ids=list(marks), include=["embeddings"])
            rows = np.asarray(got["embeddings"], dtype=np.float32)
            rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
            kept = self._own[marks] = (list(got["ids"]), rows)
            while sum(len(ids) for ids, _ in list(self._own.values())) > _OWN_KEPT:
                self._own.popitem(last=False)
        return kept

    def _search(self, part: str, vector: NDArray[np.float32], count: int, **more: Any) -> dict[str, float]:
        held = len(more.get("ids", self.held[part]))
        if not held:
            return {}
        found = self._collections[part].query(
            query_embeddings=[vector.tolist()], n_results=min(count, held), include=["distances"], **more
        )
        cosines = {mark: 1.0 - float(far) for mark, far in zip(found["ids"][0], found["distances"][0], strict=True)}
        return {mark: cosine for mark, cosine in cosines.items() if np.isfinite(cosine)}


def _batches(items: Iterable[Any], size: int) -> Iterable[list[Any]]:
    part: list[Any] = []
    for item in items:
        part.append(item)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part
