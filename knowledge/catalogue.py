"""What is published, read from the rows into memory: titles, phrasings, keyword index. Immutable once made.

Bodies stay in the database: an answer reads them together with the published flag, so that every edit takes effect in
the next answer (DESIGN 6).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sqlmodel import col, select

from knowledge import evidence, normalise
from knowledge.lexical import Analysed, LexicalIndex, Lexicon
from storage.documents import Chunk, Document, DocumentVersion, Phrasing, counter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from storage.engine import Session

ANSWER_WEIGHT = 0.5
"""An answer's words count half beside the phrasings': they say what the entry is about, not how people ask."""


@dataclass(frozen=True, slots=True)
class Item:
    """An entry or a passage that can be found.

    Attributes:
        kinds: what its phrasings ask for or its body holds, as bits of ``evidence``.
    """

    chunk: int
    entry: str
    title: str
    scope: str
    kinds: int
    analysed: Analysed


class Shelf:
    """Items of one kind with their keyword index."""

    def __init__(self, lexicon: Lexicon, items: Sequence[Item]) -> None:
        self.items = items
        self.index = LexicalIndex(lexicon, [item.analysed for item in items])
        self.place = {item.chunk: at for at, item in enumerate(items)}
        self._scopes: NDArray[np.str_] = np.array([item.scope for item in items], dtype=np.str_)
        self._single = {item.scope for item in items}

    def allowed(self, scopes: frozenset[str]) -> NDArray[np.bool_] | None:
        """Which items a question from these scopes may see; None = all of them."""
        if self._single <= scopes:
            return None
        return np.isin(self._scopes, sorted(scopes))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything published at one value of the version counter.

    Attributes:
        exact: question form of every phrasing → chunk ids that have it.
        vectors: what the vector index must hold: phrasing id → (text, chunk id, scope).
    """

    counter: int
    entries: Shelf
    passages: Shelf
    exact: dict[str, tuple[int, ...]]
    vectors: dict[int, tuple[str, int, str]]


class Reader:
    """Makes catalogues and remembers what it has counted, so that a small edit costs little."""

    def __init__(self) -> None:
        self._lexicon = Lexicon()
        self._counted: dict[tuple[int, int], Item] = {}

    def read(self, session: Session) -> Catalogue:
        """All published chunks as they stand in the session's snapshot."""
        number = counter(session)
        rows = session.exec(
            select(Chunk.id, Chunk.kind, Document.scope)
            .join(DocumentVersion, col(DocumentVersion.id) == Chunk.version_id)
            .join(Document, col(Document.id) == DocumentVersion.document_id)
            .where(DocumentVersion.state == "published", col(Document.removed_at).is_(None))
            .order_by(col(Chunk.id))
        ).all()
        published = {chunk: (kind, scope) for chunk, kind, scope in rows if chunk is not None}
        phrasings: dict[int, list[tuple[int, str]]] = defaultdict(list)
        for identity, chunk, text in session.exec(
            select(Phrasing.id, Phrasing.chunk_id, Phrasing.text)
            .join(Chunk, col(Chunk.id) == Phrasing.chunk_id)
            .join(DocumentVersion, col(DocumentVersion.id) == Chunk.version_id)
            .where(DocumentVersion.state == "published")
            .order_by(col(Phrasing.id))
        ):
            if chunk in published and identity is not None:
                phrasings[chunk].append((identity, text))
        self._count(session, published, phrasings)
        shelves: dict[str, list[Item]] = {"entry": [], "passage": []}
        exact: dict[str, list[int]] = defaultdict(list)
        vectors: dict[int, tuple[str, int, str]] = {}
        for chunk, (kind, scope) in published.items():
            shelves[kind].append(self._counted[chunk, len(phrasings[chunk])])
            for identity, text in phrasings[chunk]:
                vectors[identity] = (text, chunk, scope)
                if kind == "entry":
                    exact[normalise.question(text)].append(chunk)
        return Catalogue(
            number,
            Shelf(self._lexicon, shelves["entry"]),
            Shelf(self._lexicon, shelves["passage"]),
            {text: tuple(dict.fromkeys(chunks)) for text, chunks in exact.items() if text},
            vectors,
        )

    def _count(
        self, session: Session, published: dict[int, tuple[str, str]], phrasings: dict[int, list[tuple[int, str]]]
    ) -> None:
        wanted = {(chunk, len(phrasings[chunk])) for chunk in published}
        self._counted = {key: item for key, item in self._counted.items() if key in wanted}
        missing = sorted(chunk for chunk, count in wanted if (chunk, count) not in self._counted)
        for start in range(0, len(missing), 500):
            part = missing[start : start + 500]
            for chunk, entry, title, body in session.exec(
                select(Chunk.id, Chunk.entry, Chunk.title, Chunk.body).where(col(Chunk.id).in_(part))
            ):
                if chunk is None:
                    continue
                kind, scope = published[chunk]
                asked = [normalise.canonical(text) for _, text in phrasings[chunk]]
                told = normalise.canonical(body)
                parts = [(text, 1.0) for text in (asked or [normalise.canonical(title)])]
                parts.append((told, ANSWER_WEIGHT if kind == "entry" else 1.0))
                kinds = evidence.held(told)
                for text in asked:
                    kinds |= evidence.wanted(text)
                item = Item(chunk, entry, title, scope, kinds, self._lexicon.learn(parts))
                self._counted[chunk, len(phrasings[chunk])] = item
