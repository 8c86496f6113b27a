"""What is counted of entries and passages, column by column: all that can be kept of their words from start to start.

A row is named by the digest of its words: whatever version they stand in, the same words are the same row and are counted
once. Source: F62, ADR-0013.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from knowledge import evidence, normalise
from knowledge.alignment import Spoken, spoken
from knowledge.arrays import Ragged
from knowledge.index import digest
from knowledge.lexical import LexicalIndex, Lexicon, Piles
from knowledge.lexical import asked as cut

if TYPE_CHECKING:
    from numpy.typing import NDArray

ANSWER_WEIGHT = 0.5
"""An answer's words count half beside the phrasings': they say what the entry is about, not how people ask."""
MARK = np.dtype("V16")
"""A digest of 16 bytes."""


def mark_of(kind: str, title: str, body: str, asked: Sequence[str]) -> bytes:
    """The name of a row: digest of its words."""
    return hashlib.blake2b("\0".join((kind, title, body, *asked)).encode(), digest_size=16).digest()


def key_of(question: str) -> int:
    """A mark of 64 bits of what must be the same in two questions in question form (``normalise.key``); 0 of nothing."""
    key = normalise.key(question)
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest()) if key else 0


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Tally:
    """What is counted, for n items; immutable.

    Attributes:
        marks: ``MARK`` (n,): digest of each item's words.
        kinds: uint8 (n,): what its phrasings ask for or its body holds, as bits of ``evidence``.
        texts: uint8: its title and its phrasings as they were typed, UTF-8, NUL between them.
        spoken: its phrasings as words.
        keys: uint64: ``key_of`` every phrasing.
        digests: ``MARK``: of every phrasing, as the vector index names it.
        index: its words, characters and sounds.
    """

    marks: NDArray[np.void]
    kinds: NDArray[np.uint8]
    texts: Ragged
    spoken: Spoken
    keys: Ragged
    digests: Ragged
    index: LexicalIndex

    @classmethod
    def none(cls, lexicon: Lexicon) -> Tally:
        """Of no items."""
        pile = Heap(lexicon)
        return pile.tally(LexicalIndex(lexicon))

    def __len__(self) -> int:
        return len(self.marks)

    def said(self, at: int) -> list[str]:
        """Title and phrasings of an item."""
        return bytes(self.texts.row(at)).decode().split("\0")

    def changed(self, keep: NDArray[np.bool_] | None, more: Heap) -> Tally:
        """The same without some items and with others behind the rest.

        Args:
            keep: Which items stay, (n,); None = all.
            more: Items to put in, counted with the same lexicon.
        """
        if (keep is None or keep.all()) and not len(more):
            return self
        new = more.tally(self.index.changed(keep, more.piles))
        old = self
        if keep is not None:
            old = Tally(
                self.marks[keep],
                self.kinds[keep],
                self.texts.kept(keep),
                self.spoken.kept(keep),
                self.keys.kept(keep),
                self.digests.kept(keep),
                self.index,
            )
        return Tally(
            np.concatenate([old.marks, new.marks]),
            np.concatenate([old.kinds, new.kinds]),
            old.texts.joined(new.texts),
            old.spoken.joined(new.spoken),
            old.keys.joined(new.keys),
            old.digests.joined(new.digests),
            new.index,
        )


class _Rows:
    """Rows of different lengths that are still being added to."""

    def __init__(self, code: str) -> None:
        self._flat, self._ends = array(code), array("q", [0])

    def add(self, values: Iterable[int]) -> None:
        self._flat.extend(values)
        self._ends.append(len(self._flat))

    def again(self, at: int) -> None:
        self.add(self._flat[self._ends[at] : self._ends[at + 1]])

    def ragged(self, kind: np.dtype[Any]) -> Ragged:
        width = kind.itemsize // self._flat.itemsize
        return Ragged(np.frombuffer(self._flat, kind), np.frombuffer(self._ends, np.int64) // width)


class Heap:
    """Items that are being counted; what is kept of each is a few numbers, not an object."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.piles = Piles()
        self._lexicon = lexicon
        self._marks, self._kinds = bytearray(), bytearray()
        self._texts, self._words, self._lengths = _Rows("B"), _Rows("i"), _Rows("h")
        self._keys, self._digests = _Rows("Q"), _Rows("B")
        self._known: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._kinds)

    def add(self, mark: bytes, kind: str, title: str, body: str, said: Sequence[str]) -> None:
        """Counts one more; what is here already is not counted again: five thousand groups may have one template.

        Args:
            mark: ``mark_of`` the rest.
            kind: ``entry`` or ``passage``.
            title: Of the entry or passage; counted where nothing is said under it.
            body: The answer or the passage.
            said: Phrasings as typed.
        """
        known = self._known.setdefault(mark, len(self))
        if known < len(self):
            self._again(known)
            return
        asked = [cut(normalise.comparable(text)) for text in said]
        told = cut(normalise.comparable(body))
        parts = [(text, 1.0) for text in (asked or [cut(normalise.comparable(title))])]
        parts.append((told, ANSWER_WEIGHT if kind == "entry" else 1.0))
        kinds = evidence.held(told.text)
        for text in asked:
            kinds |= evidence.wanted(text.text)
        keys = (key_of(normalise.question(text)) for text in said)
        self.piles.add(self._lexicon.count(parts))
        words, lengths = spoken(self._lexicon.words, asked)
        self._marks += mark
        self._kinds.append(kinds)
        self._texts.add("\0".join((title, *said)).encode())
        self._words.add(words)
        self._lengths.add(lengths)
        self._keys.add(key for key in dict.fromkeys(keys) if key)
        self._digests.add(b"".join(bytes.fromhex(digest(text)) for text in said))

    def _again(self, at: int) -> None:
        self.piles.again(at)
        self._marks += self._marks[at * MARK.itemsize : (at + 1) * MARK.itemsize]
        self._kinds.append(self._kinds[at])
        for rows in (self._texts, self._words, self._lengths, self._keys, self._digests):
            rows.again(at)

    def tally(self, index: LexicalIndex) -> Tally:
        """What was counted, with an index over it (and over what was there before)."""
        return Tally(
            np.frombuffer(self._marks, MARK),
            np.frombuffer(self._kinds, np.uint8),
            self._texts.ragged(np.dtype(np.uint8)),
            Spoken(self._words.ragged(np.dtype(np.int32)), self._lengths.ragged(np.dtype(np.int16))),
            self._keys.ragged(np.dtype(np.uint64)),
            self._digests.ragged(MARK),
            index,
        )
