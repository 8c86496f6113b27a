"""What is published, read from the rows into memory: titles, phrasings, keyword index. Immutable once made.

Bodies stay in the database: an answer reads them together with the published flag, so that every edit takes effect in
the next answer (DESIGN 6).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import sqlalchemy

from knowledge import evidence, normalise
from knowledge.alignment import Spoken, WordTable, spoken
from knowledge.index import digest
from knowledge.lexical import Analysed, LexicalIndex, Lexicon
from knowledge.spelling import Speller
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
class Words:
    """What is counted of an entry's or a passage's words: the same words give the same object, in whatever version.

    Attributes:
        kinds: what its phrasings ask for or its body holds, as bits of ``evidence``.
        keys: ``hash`` of the key of every phrasing (``normalise.key``).
        digests: of every phrasing, as the vector index names it.
    """

    analysed: Analysed
    spoken: Spoken
    kinds: int
    keys: tuple[int, ...]
    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """An entry or a passage that can be found.

    Attributes:
        kind: ``entry`` or ``passage``.
        audience: whom its document is for.
        valid: microseconds since 1970, [from, until), within which it may answer.
        asked: its phrasings as they were typed.
        mark: digest of its words.
    """

    chunk: int
    entry: str
    title: str
    kind: str
    scope: str
    audience: str
    valid: tuple[int, int]
    asked: tuple[str, ...]
    words: Words
    mark: bytes

    @property
    def kinds(self) -> int:
        """See ``Words``."""
        return self.words.kinds

    @property
    def spoken(self) -> Spoken:
        """See ``Words``."""
        return self.words.spoken

    @property
    def limited(self) -> bool:
        """Whether not everybody may be answered from it."""
        return self.scope != "all" or self.audience != "everybody"


class Shelf:
    """Items of one kind with their keyword index."""

    def __init__(self, lexicon: Lexicon, table: WordTable, items: Sequence[Item]) -> None:
        self.items = items
        self.table = table
        self.index = LexicalIndex(lexicon, [item.words.analysed for item in items])
        self.speller = Speller(lexicon.characters, self.index.characters)
        self.place = {item.chunk: at for at, item in enumerate(items)}
        self.phrasings = sum(item.spoken.count for item in items) / max(len(items), 1)
        self._walls: dict[tuple[str, str], int] = {}
        self._behind = np.array(
            [self._walls.setdefault((item.scope, item.audience), len(self._walls)) for item in items], dtype=np.int32
        )
        self._valid = np.array([item.valid for item in items], dtype=np.int64).reshape(-1, 2)
        self._dated = bool((self._valid != ALWAYS).any())

    def seen(self, sight: Sight) -> NDArray[np.bool_] | None:
        """Which items may be seen; None = all of them."""
        mask: NDArray[np.bool_] | None = None
        ways = [(scope, audience) for scope in sight.scopes for audience in sight.audiences]
        open_to = [self._walls[way] for way in ways if way in self._walls]
        if len(open_to) < len(self._walls):
            doors = np.zeros(len(self._walls), dtype=bool)
            doors[open_to] = True
            mask = doors[self._behind]
        if self._dated:
            valid: NDArray[np.bool_] = (self._valid[:, 0] <= sight.at) & (sight.at < self._valid[:, 1])
            mask = valid if mask is None else mask & valid
        return mask


@dataclass(frozen=True)
class Catalogue:
    """Everything published at one value of the version counter.

    Attributes:
        exact: ``hash`` of the key of every phrasing of an entry → chunk ids that have it.
    """

    counter: int
    entries: Shelf
    passages: Shelf
    exact: Mapping[int, tuple[int, ...]]

    def _items(self) -> Iterator[Item]:
        yield from self.entries.items
        yield from self.passages.items

    @cached_property
    def _texts(self) -> tuple[dict[str, str], dict[str, str], dict[str, list[int]], dict[tuple[str, str], list[str]]]:
        common: dict[str, str] = {}
        limited: dict[str, str] = {}
        places: dict[str, list[int]] = defaultdict(list)
        walls: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
        for item in self._items():
            for mark, text in zip(item.words.digests, item.asked, strict=True):
                places[mark].append(item.chunk)
                if item.limited:
                    limited[mark] = text
                    walls[item.scope, item.audience][mark] = None
                else:
                    common[mark] = text
        return common, limited, places, {wall: list(marks) for wall, marks in walls.items()}

    @property
    def texts(self) -> Mapping[str, str]:
        """What the vector index must hold for everybody: digest → text."""
        return self._texts[0]

    @property
    def limited(self) -> Mapping[str, str]:
        """What it must hold for some only, apart: thousands of groups' own texts must not crowd out the others."""
        return self._texts[1]

    def own(self, sight: Sight) -> list[str]:
        """Digests of the limited texts that an asker may see."""
        walls = self._texts[3]
        ways = [(scope, audience) for scope in sorted(sight.scopes) for audience in sight.audiences]
        return [mark for way in ways for mark in walls.get(way, ())]

    def sample(self, item: Item) -> str:
        """The item's last phrasing, an alias where there is one."""
        return item.asked[-1] if item.asked else ""

    def nearest(self, near: Mapping[str, float]) -> dict[int, float]:
        """Cosines by chunk, the best phrasing of each, of cosines by digest."""
        places = self._texts[2]
        best: dict[int, float] = {}
        for mark, cosine in near.items():
            for chunk in places.get(mark, ()):
                best[chunk] = max(best.get(chunk, -1.0), cosine)
        return best


@dataclass(frozen=True, slots=True)
class _Part:
    """The items of a published version, and how its rows looked when they were read."""

    look: tuple[object, ...]
    items: tuple[Item, ...]


class Reader:
    """Makes catalogues; reads only the versions whose rows look different, counts only words that are new to it."""

    def __init__(self) -> None:
        self._lexicon = Lexicon()
        self._table = WordTable(self._lexicon.words)
        self._parts: dict[int, _Part] = {}
        self.read_last = 0
        """Versions that the last catalogue had to read."""

    def read(self, session: Session, instead: Mapping[int, int | None] | None = None) -> Catalogue:
        """All published chunks as they stand in the session's snapshot.

        Args:
            session: Read from.
            instead: Document id → version id that counts as its published one, None = none: a publish that is being
                thought of.
        """
        looks = _looks(session, instead or {})
        parts = {version: part for version, part in self._parts.items() if looks.get(version) == part.look}
        missing = [version for version in looks if version not in parts]
        known = {item.mark: item.words for part in self._parts.values() for item in part.items} if missing else {}
        for version in missing:
            parts[version] = _Part(looks[version], tuple(self._items(session, version, looks[version], known)))
        self.read_last = len(missing)
        self._parts = {**self._parts, **parts} if instead else parts
        items = [item for version in looks for item in parts[version].items]
        exact: dict[int, list[int]] = defaultdict(list)
        for item in items:
            if item.kind == "entry":
                for mark in item.words.keys:
                    exact[mark].append(item.chunk)
        entries, passages = (
            Shelf(self._lexicon, self._table, [item for item in items if item.kind == kind])
            for kind in ("entry", "passage")
        )
        found = {mark: tuple(dict.fromkeys(chunks)) for mark, chunks in exact.items()}
        return Catalogue(counter(session), entries, passages, found)

    def _items(
        self, session: Session, version: int, look: tuple[object, ...], known: dict[bytes, Words]
    ) -> Iterable[Item]:
        scope, audience = str(look[0]), str(look[1])
        asked: dict[int, list[str]] = defaultdict(list)
        for chunk, text in session.execute(_ASKED, {"version": version}):
            asked[chunk].append(text)
        for chunk, entry, kind, title, body, *windows in session.execute(_CHUNKS, {"version": version}):
            said = asked.get(chunk, ())
            mark = hashlib.blake2b("\0".join((kind, title, body, *said)).encode(), digest_size=16).digest()
            words = known.get(mark)
            if words is None:
                words = known[mark] = self._count(kind, title, body, said)
            yield Item(chunk, entry, title, kind, scope, audience, _valid(windows), tuple(said), words, mark)

    def _count(self, kind: str, title: str, body: str, said: Sequence[str]) -> Words:
        asked = [normalise.comparable(text) for text in said]
        told = normalise.comparable(body)
        parts = [(text, 1.0) for text in (asked or [normalise.comparable(title)])]
        parts.append((told, ANSWER_WEIGHT if kind == "entry" else 1.0))
        kinds = evidence.held(told)
        for text in asked:
            kinds |= evidence.wanted(text)
        keys = (normalise.key(normalise.question(text)) for text in said)
        return Words(
            self._lexicon.learn(parts),
            spoken(self._lexicon.words, asked),
            kinds,
            tuple(dict.fromkeys(hash(one) for one in keys if one)),
            tuple(digest(text) for text in said),
        )


_CHUNKS = (
    sqlalchemy.select(_C.id, _C.entry, _C.kind, _C.title, _C.body, _C.valid_from, _C.valid_until)
    .add_columns(_V.valid_from, _V.valid_until)
    .where(_V.id == _C.version_id, _V.id == sqlalchemy.bindparam("version"), _C.withheld.is_(False))
    .order_by(_C.id)
)
_ASKED = (
    sqlalchemy.select(_P.chunk_id, _P.text)
    .where(_C.id == _P.chunk_id, _C.version_id == sqlalchemy.bindparam("version"))
    .order_by(_P.id)
)


def _looks(session: Session, instead: Mapping[int, int | None]) -> dict[int, tuple[object, ...]]:
    """Version id → scope, audience and figures that change with its rows, for all that count as published."""
    count, most, total, length = (
        sqlalchemy.func.count,
        sqlalchemy.func.max,
        sqlalchemy.func.sum,
        sqlalchemy.func.length,
    )
    number = sqlalchemy.BigInteger

    def ends(column: sqlalchemy.ColumnElement[object]) -> sqlalchemy.ColumnElement[int]:
        return most(sqlalchemy.type_coerce(column, number))

    heads = (
        sqlalchemy.select(_V.id, _D.scope, _D.audience, *(sqlalchemy.type_coerce(one, number) for one in _WINDOW[2:]))
        .where(_D.id == _V.document_id, _versions(instead))
        .order_by(_V.id)
    )
    chunks = (
        sqlalchemy.select(_C.version_id, count(_C.id), most(_C.id), total(length(_C.body) + length(_C.title)))
        .add_columns(ends(_WINDOW[0]), ends(_WINDOW[1]), count(_WINDOW[0]), count(_WINDOW[1]))
        .where(_V.id == _C.version_id, _D.id == _V.document_id, _versions(instead), _C.withheld.is_(False))
        .group_by(_C.version_id)
    )
    asked = (
        sqlalchemy.select(_C.version_id, count(_P.id), most(_P.id), total(length(_P.text)))
        .where(_C.id == _P.chunk_id, _V.id == _C.version_id, _D.id == _V.document_id, _versions(instead))
        .group_by(_C.version_id)
    )
    looks: dict[int, tuple[object, ...]] = {version: tuple(look) for version, *look in session.execute(heads)}
    for rows in (chunks, asked):
        for version, *look in session.execute(rows):
            looks[version] += tuple(look)
    return looks


_WINDOW = (_C.valid_from, _C.valid_until, _V.valid_from, _V.valid_until)


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
