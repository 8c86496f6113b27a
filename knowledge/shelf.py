"""What may be found, of one kind: entries, or passages. Columns of numbers; an object is made only of what is looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, overload

import numpy as np

from knowledge.alignment import WordTable
from knowledge.arrays import Lookup
from knowledge.spelling import Speller
from knowledge.tally import MARK, Tally, key_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from knowledge.answer import Sight
    from knowledge.lexical import LexicalIndex

ALWAYS = (-(2**62), 2**62)
"""Microseconds: a window without ends."""


@dataclass(frozen=True, slots=True)
class Item:
    """An entry or a passage that can be found.

    Attributes:
        kind: ``entry`` or ``passage``.
        audience: whom its document is for.
        valid: microseconds since 1970, [from, until), within which it may answer.
        asked: its phrasings as they were typed.
        kinds: what its phrasings ask for or its body holds, as bits of ``evidence``.
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
    kinds: int
    mark: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where n items stand in the rows, and who may see them; immutable.

    Attributes:
        versions, chunks: int64 (n,): ids of their rows; a version of -1: no row is known.
        entries: objects (n,): each one's own id, a text.
        walls: int32 (n,): number of scope and audience, ``Walls``.
        valid: int64 (n, 2): see ``Item``.
    """

    versions: NDArray[np.int64]
    chunks: NDArray[np.int64]
    entries: NDArray[np.object_]
    walls: NDArray[np.int32]
    valid: NDArray[np.int64]

    @classmethod
    def unknown(cls, count: int) -> Places:
        """Of items that no row is known of."""
        nowhere = np.full(count, -1, np.int64)
        return cls(
            nowhere, nowhere, np.full(count, "", object), np.zeros(count, np.int32), np.zeros((count, 2), np.int64)
        )

    def changed(self, keep: NDArray[np.bool_], count: int) -> Places:
        """A copy without some and with so many unknown ones behind the rest."""
        more = Places.unknown(count)
        return Places(
            *(
                np.concatenate([getattr(self, name)[keep], getattr(more, name)])
                for name in ("versions", "chunks", "entries", "walls", "valid")
            )
        )


class Walls:
    """Numbers for scope and audience, of every document there has been."""

    def __init__(self) -> None:
        self.names: list[tuple[str, str]] = []
        self._numbers: dict[tuple[str, str], int] = {}

    def number(self, scope: str, audience: str) -> int:
        """The number of a wall, a new one if it has none."""
        found = self._numbers.setdefault((scope, audience), len(self.names))
        if found == len(self.names):
            self.names.append((scope, audience))
        return found

    def open_to(self, sight: Sight) -> list[int]:
        """The numbers of what an asker may see, in a fixed order."""
        ways = [(scope, audience) for scope in sorted(sight.scopes) for audience in sight.audiences]
        return [self._numbers[way] for way in ways if way in self._numbers]


class _Items(Sequence[Item]):
    """The items of a shelf, made when they are looked at."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def __len__(self) -> int:
        return len(self._shelf.tally)

    @overload
    def __getitem__(self, at: int) -> Item: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Item]: ...

    def __getitem__(self, at: int | slice) -> Item | Sequence[Item]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        if not -len(self) <= at < len(self):
            raise IndexError(at)
        shelf, tally, places = self._shelf, self._shelf.tally, self._shelf.places
        at = at % len(self)
        title, *asked = tally.said(at)
        opens, closes = places.valid[at].tolist()
        scope, audience = shelf.walls.names[places.walls[at]]
        return Item(
            int(places.chunks[at]),
            places.entries[at],
            title,
            shelf.kind,
            scope,
            audience,
            (opens, closes),
            tuple(asked),
            int(tally.kinds[at]),
            tally.marks[at].tobytes(),
        )


@dataclass(frozen=True, eq=False)
class Shelf:
    """Items of one kind with their keyword index; immutable.

    Attributes:
        walls: whose numbers ``places`` has.
        table: word vectors of the tally's words.
    """

    kind: str
    tally: Tally
    places: Places
    walls: Walls
    table: WordTable = field(repr=False)

    def __len__(self) -> int:
        return len(self.tally)

    @property
    def items(self) -> Sequence[Item]:
        """Every item; made anew each time one is looked at."""
        return _Items(self)

    @property
    def index(self) -> LexicalIndex:
        """The keyword index."""
        return self.tally.index

    @cached_property
    def speller(self) -> Speller:
        """Which characters stand beside which here."""
        return Speller(self.index.lexicon.characters, self.index.characters)

    @cached_property
    def phrasings(self) -> float:
        """How many phrasings an item has, on average."""
        return len(self.tally.digests.flat) / max(len(self), 1)

    @cached_property
    def ranks(self) -> NDArray[np.int8]:
        """int8 (n,): how local each item is: for all, a region, a group."""
        ranks = [("all", "region", "group").index(scope.partition(":")[0]) for scope, _ in self.walls.names]
        return np.array(ranks, np.int8)[self.places.walls]

    @cached_property
    def common(self) -> NDArray[np.bool_]:
        """Which items everybody may read, in whatever group."""
        return np.array([audience == "everybody" for _, audience in self.walls.names], bool)[self.places.walls]

    @cached_property
    def limited(self) -> NDArray[np.bool_]:
        """Which items not everybody may be answered from."""
        limited = [scope != "all" or audience != "everybody" for scope, audience in self.walls.names]
        return np.array(limited, bool)[self.places.walls]

    @cached_property
    def fingerprint(self) -> bytes:
        """Digest of all that a question without a vector is ranked by; the same in whatever order the rows came."""
        order = np.argsort(self.places.chunks)
        digest = hashlib.blake2b(digest_size=16)
        for column in (self.tally.marks, self.places.valid):
            digest.update(np.ascontiguousarray(column[order]).tobytes())
        walls = ["\0".join(wall) for wall in self.walls.names]
        for entry, wall in zip(self.places.entries[order].tolist(), self.places.walls[order].tolist(), strict=True):
            digest.update(f"\0{entry}\0{walls[wall]}".encode())
        return digest.digest()

    # ------------------------------------------------------------------ who may see what

    @cached_property
    def _dated(self) -> bool:
        return bool((self.places.valid != ALWAYS).any())

    @cached_property
    def _behind(self) -> frozenset[int]:
        return frozenset(np.unique(self.places.walls).tolist())

    def seen(self, sight: Sight) -> NDArray[np.bool_] | None:
        """Which items may be seen; None = all of them."""
        mask: NDArray[np.bool_] | None = None
        open_to = self.walls.open_to(sight)
        if not self._behind.issubset(open_to):
            doors = np.zeros(len(self.walls.names), dtype=bool)
            doors[open_to] = True
            mask = doors[self.places.walls]
        if self._dated:
            opens, closes = self.places.valid.T
            valid: NDArray[np.bool_] = (opens <= sight.at) & (sight.at < closes)
            mask = valid if mask is None else mask & valid
        return mask

    # ------------------------------------------------------------------ where something stands

    @cached_property
    def _by_chunk(self) -> Lookup:
        return Lookup(self.places.chunks.astype(np.uint64), np.arange(len(self), dtype=np.int32))

    @cached_property
    def _by_key(self) -> Lookup:
        return Lookup(self.tally.keys.flat, self.tally.keys.owners)

    @cached_property
    def _by_digest(self) -> Lookup:
        return Lookup(_heads(self.tally.digests.flat), self.tally.digests.owners)

    def place(self, chunk: int) -> int | None:
        """Position of a chunk; None when it is not here."""
        return next(iter(self._by_chunk.find(chunk)), None)

    def placed(self, chunks: Mapping[int, float]) -> list[tuple[int, float]]:
        """Position and value of those of the chunks that are here."""
        values = list(chunks.values())
        return [(at, values[which]) for which, at in self._by_chunk.hits(np.array(list(chunks), np.uint64))]

    def same(self, question: str) -> list[int]:
        """Positions of the items that have just this phrasing, given in question form."""
        key = key_of(question)
        return self._by_key.find(key) if key else []

    def nearest(self, near: Mapping[str, float]) -> dict[int, float]:
        """Cosines by chunk, the best phrasing of each, of cosines by digest."""
        best: dict[int, float] = {}
        heads = _heads(np.frombuffer(bytes.fromhex("".join(near)), MARK))
        cosines = list(near.values())
        for mark, at in self._by_digest.hits(heads):
            chunk = int(self.places.chunks[at])
            best[chunk] = max(best.get(chunk, -1.0), cosines[mark])
        return best

    @cached_property
    def _own(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Positions in the order of their walls, and where each wall's begin."""
        order = np.argsort(self.places.walls, kind="stable")
        return order, np.searchsorted(self.places.walls[order], np.arange(len(self.walls.names) + 1))

    def own(self, sight: Sight) -> list[str]:
        """Digests of the limited texts that an asker may see."""
        order, starts = self._own
        return [
            mark.tobytes().hex()
            for wall in self.walls.open_to(sight)
            if wall + 1 < len(starts) and self.walls.names[wall] != ("all", "everybody")
            for at in order[starts[wall] : starts[wall + 1]].tolist()
            for mark in self.tally.digests.row(at)
        ]


def _heads(marks: NDArray[np.void]) -> NDArray[np.uint64]:
    """The first half of digests, as numbers."""
    return np.ascontiguousarray(marks).view(np.uint64)[::2]
