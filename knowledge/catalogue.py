"""What is published, read from the rows into memory: titles, phrasings, keyword index. Immutable once made.

Bodies stay in the database: an answer reads them together with the published flag, so that every edit takes effect in
the next answer (DESIGN 6).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import sqlalchemy

from knowledge import evidence, normalise
from knowledge.index import digest
from knowledge.lexical import Analysed, LexicalIndex, Lexicon
from storage.columns import micros
from storage.documents import Chunk, Document, DocumentVersion, Phrasing, counter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from knowledge.answer import Sight
    from storage.engine import Session

_C, _V, _D, _P = (table.__table__.c for table in (Chunk, DocumentVersion, Document, Phrasing))  # type: ignore[union-attr]
ALWAYS = (-(2**62), 2**62)
"""Microseconds: a window without ends."""
ANSWER_WEIGHT = 0.5
"""An answer's words count half beside the phrasings': they say what the entry is about, not how people ask."""


@dataclass(frozen=True, slots=True)
class Item:
    """An entry or a passage that can be found.

    Attributes:
        audience: whom its document is for.
        valid: microseconds since 1970, [from, until), within which it may answer.
        kinds: what its phrasings ask for or its body holds, as bits of ``evidence``.
    """

    chunk: int
    entry: str
    title: str
    scope: str
    audience: str
    valid: tuple[int, int]
    kinds: int
    analysed: Analysed


class Shelf:
    """Items of one kind with their keyword index."""

    def __init__(self, lexicon: Lexicon, items: Sequence[Item]) -> None:
        self.items = items
        self.index = LexicalIndex(lexicon, [item.analysed for item in items])
        self.place = {item.chunk: at for at, item in enumerate(items)}
        self._walls: dict[tuple[str, str], int] = {}
        self._behind = np.array(
            [self._walls.setdefault((item.scope, item.audience), len(self._walls)) for item in items], dtype=np.int32
        )
        self._valid = np.array([item.valid for item in items], dtype=np.int64).reshape(-1, 2)
        self._dated = bool((self._valid != ALWAYS).any())

    def seen(self, sight: Sight) -> NDArray[np.bool_] | None:
        """Which items may be seen; None = all of them."""
        audiences = sight.audiences
        open_to = [
            wall for (scope, audience), wall in self._walls.items() if scope in sight.scopes and audience in audiences
        ]
        mask = None if len(open_to) == len(self._walls) else np.isin(self._behind, open_to)
        if self._dated:
            valid: NDArray[np.bool_] = (self._valid[:, 0] <= sight.at) & (sight.at < self._valid[:, 1])
            mask = valid if mask is None else mask & valid
        return mask


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything published at one value of the version counter.

    Attributes:
        exact: question form of every phrasing → chunk ids that have it.
        texts: what the vector index must hold: digest → text.
        places: digest → chunk ids that have the text.
        samples: chunk id → its last phrasing, an alias where there is one.
    """

    counter: int
    entries: Shelf
    passages: Shelf
    exact: dict[str, tuple[int, ...]]
    texts: dict[str, str]
    places: dict[str, tuple[int, ...]]
    samples: dict[int, str]

    def nearest(self, near: Mapping[str, float]) -> dict[int, float]:
        """Cosines by chunk, the best phrasing of each, of cosines by digest."""
        best: dict[int, float] = {}
        for key, cosine in near.items():
            for chunk in self.places.get(key, ()):
                best[chunk] = max(best.get(chunk, -1.0), cosine)
        return best


@dataclass(frozen=True, slots=True)
class _Head:
    """What is known of a published chunk without its words."""

    kind: str
    scope: str
    audience: str
    valid: tuple[int, int]


class Reader:
    """Makes catalogues and remembers what it has counted, so that a small edit costs little."""

    def __init__(self) -> None:
        self._lexicon = Lexicon()
        self._counted: dict[tuple[int, int, _Head], Item] = {}

    def read(self, session: Session, instead: Mapping[int, int | None] | None = None) -> Catalogue:
        """All published chunks as they stand in the session's snapshot.

        Args:
            session: Read from.
            instead: Document id → version id that counts as its published one, None = none: a publish that is being
                thought of.
        """
        versions = _versions(instead or {})
        heads = {
            chunk: _Head(kind, scope, audience, _valid(windows))
            for chunk, kind, scope, audience, *windows in session.execute(
                sqlalchemy.select(_C.id, _C.kind, _D.scope, _D.audience, _C.valid_from, _C.valid_until)
                .add_columns(_V.valid_from, _V.valid_until)
                .where(_V.id == _C.version_id, _D.id == _V.document_id, versions, _C.withheld.is_(False))
                .order_by(_C.id)
            )
        }
        phrasings: dict[int, list[str]] = defaultdict(list)
        for chunk, text in session.execute(
            sqlalchemy.select(_P.chunk_id, _P.text)
            .where(_C.id == _P.chunk_id, _V.id == _C.version_id, _D.id == _V.document_id, versions)
            .order_by(_P.id)
        ):
            if chunk in heads:
                phrasings[chunk].append(text)
        self._count(session, heads, phrasings)
        shelves: dict[str, list[Item]] = {"entry": [], "passage": []}
        exact: dict[str, list[int]] = defaultdict(list)
        texts: dict[str, str] = {}
        places: dict[str, list[int]] = defaultdict(list)
        for chunk, head in heads.items():
            shelves[head.kind].append(self._counted[chunk, len(phrasings[chunk]), head])
            for text in phrasings[chunk]:
                key = digest(text)
                texts[key] = text
                places[key].append(chunk)
                if head.kind == "entry":
                    exact[normalise.question(text)].append(chunk)
        return Catalogue(
            counter(session),
            Shelf(self._lexicon, shelves["entry"]),
            Shelf(self._lexicon, shelves["passage"]),
            {text: tuple(dict.fromkeys(chunks)) for text, chunks in exact.items() if text},
            texts,
            {key: tuple(chunks) for key, chunks in places.items()},
            {chunk: asked[-1] for chunk, asked in phrasings.items()},
        )

    def _count(self, session: Session, heads: Mapping[int, _Head], phrasings: Mapping[int, Sequence[str]]) -> None:
        wanted = {(chunk, len(phrasings[chunk]), head) for chunk, head in heads.items()}
        self._counted = {key: item for key, item in self._counted.items() if key in wanted}
        missing = sorted(key[0] for key in wanted if key not in self._counted)
        for start in range(0, len(missing), 500):
            part = missing[start : start + 500]
            for chunk, entry, title, body in session.execute(
                sqlalchemy.select(_C.id, _C.entry, _C.title, _C.body).where(_C.id.in_(part))
            ):
                head = heads[chunk]
                asked = [normalise.canonical(text) for text in phrasings[chunk]]
                told = normalise.canonical(body)
                parts = [(text, 1.0) for text in (asked or [normalise.canonical(title)])]
                parts.append((told, ANSWER_WEIGHT if head.kind == "entry" else 1.0))
                kinds = evidence.held(told)
                for text in asked:
                    kinds |= evidence.wanted(text)
                analysed = self._lexicon.learn(parts)
                item = Item(chunk, entry, title, head.scope, head.audience, head.valid, kinds, analysed)
                self._counted[chunk, len(phrasings[chunk]), head] = item


def _versions(instead: Mapping[int, int | None]) -> sqlalchemy.ColumnElement[bool]:
    """The versions that count as published."""
    published = sqlalchemy.and_(_V.state == "published", _D.removed_at.is_(None))
    if not instead:
        return published
    chosen = [version for version in instead.values() if version is not None]
    return sqlalchemy.or_(sqlalchemy.and_(published, _D.id.not_in(list(instead))), _V.id.in_(chosen))


def _valid(windows: Sequence[datetime | None]) -> tuple[int, int]:
    """The chunk's own window where it has one, else its version's."""
    opens, closes, version_opens, version_closes = windows
    first, last = opens or version_opens, closes or version_closes
    return (micros(first) if first else ALWAYS[0], micros(last) if last else ALWAYS[1])
