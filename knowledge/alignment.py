"""One phrasing against a question, word by word: the nearest word on the other side, both ways, and yes against no.

What a sum of word vectors blurs, the best pairs of words keep. A second look at the few best items, since it costs more
than keywords. Source: F62, RETRIEVAL.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from knowledge import embedding
from knowledge.arrays import Ragged

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from knowledge.lexical import Asked
    from knowledge.postings import Postings, Vocabulary

_BOTH = re.compile(r"(.)[不没]\1|有没有|是不是|是否|能否|可否|会否")
_NOT = re.compile(r"不(?!同|错|过|好意思|管|仅|了?$)|没|无法|未|别|拒")
POLARITY = 0.12
"""What the same side of yes and no adds to a phrasing that fits wholly."""


def negated(text: str) -> bool:
    """Whether a comparable text says no: 「为什么不能付款」, but not 「能不能付款」."""
    return bool(_NOT.search(_BOTH.sub("", text)))


@dataclass(frozen=True, slots=True, eq=False)
class Spoken:
    """The phrasings of items as word numbers.

    Attributes:
        words: int32: of each item, the words of all its phrasings.
        lengths: int16: of each item, how many words each phrasing has; negative minus one when it says no.
    """

    words: Ragged
    lengths: Ragged

    def __len__(self) -> int:
        return len(self.lengths)

    def rows(self, places: Sequence[int]) -> Spoken:
        """Some items, in this order."""
        return Spoken(self.words.rows(places), self.lengths.rows(places))

    def kept(self, keep: NDArray[np.bool_]) -> Spoken:
        """The items where ``keep`` is true."""
        return Spoken(self.words.kept(keep), self.lengths.kept(keep))

    def joined(self, other: Spoken) -> Spoken:
        """These items and then the other's."""
        return Spoken(self.words.joined(other.words), self.lengths.joined(other.lengths))


def spoken(vocabulary: Vocabulary, texts: Sequence[Asked]) -> tuple[list[int], list[int]]:
    """Words and lengths (``Spoken``) of the phrasings of one item; new words get numbers."""
    words: list[int] = []
    lengths: list[int] = []
    for text in texts:
        numbers = [vocabulary.number(word) for word in text.words]
        lengths.append(-len(numbers) - 1 if negated(text.text) else len(numbers))
        words.extend(numbers)
    return words, lengths


class WordTable:
    """Unit vectors of a vocabulary's words, looked up when they are first needed."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._rows = np.zeros((0, embedding.COLUMNS), dtype=np.float16)
        self._known = np.zeros(0, dtype=bool)

    def rows(self, numbers: NDArray[np.int32]) -> NDArray[np.float32]:
        """Unit vectors, float32 (n, columns); zeros for a word that has none."""
        most = int(numbers.max(initial=-1)) + 1
        rows, known = self._rows, self._known
        if most > len(known):
            size = max(most, len(self._vocabulary), 2 * len(known))
            rows = np.concatenate([rows, np.zeros((size - len(rows), rows.shape[1]), np.float16)])
            known = np.concatenate([known, np.zeros(size - len(known), bool)])
        for number in numbers[~known[numbers]].tolist():
            rows[number] = embedding.word_vector(self._vocabulary.name(number))
            known[number] = True
        self._rows, self._known = rows, known  # two threads at once only do the same work twice
        return rows[numbers].astype(np.float32)


class Alignment:
    """A question, ready to be laid beside phrasings."""

    def __init__(
        self, words: Sequence[str], text: str, table: WordTable, postings: Postings, known: Vocabulary
    ) -> None:
        self._table, self._postings = table, postings
        self._own = np.array([embedding.word_vector(word) for word in words], dtype=np.float32)
        self._numbers = np.array([known.find(word) for word in words], dtype=np.int32)
        self._weights = postings.weights(self._numbers)
        self._negated = negated(text)

    def fits(self, items: Spoken) -> list[float]:
        """How well the best phrasing of each item fits: 0 to 1 for the words, ``POLARITY`` more for the same yes or no."""
        found = [0.0] * len(items)
        marks = items.lengths.flat.astype(np.int32)
        says_no = marks < 0
        lengths = np.where(says_no, -marks - 1, marks)
        filled = lengths > 0
        if not len(self._own) or not filled.any():
            return found
        owners, says_no, lengths = items.lengths.owners[filled], says_no[filled], lengths[filled]
        edges = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        distinct, where = np.unique(items.words.flat, return_inverse=True)
        pairs = np.maximum(self._own @ self._table.rows(distinct).T, 0.0) ** 2
        pairs[self._numbers[:, None] == distinct[None, :]] = 1.0  # also of words that no table knows
        near = pairs[:, where]
        rare = self._postings.weights(distinct)[where]
        here = np.maximum.reduceat(near, edges, axis=1)  # (question's words, phrasings)
        there = np.add.reduceat(near.max(axis=0) * rare, edges) / np.maximum(np.add.reduceat(rare, edges), 1e-6)
        back = (self._weights @ here) / max(float(self._weights.sum()), 1e-6)
        both = 2 * back * there / np.maximum(back + there, 1e-6)
        ends = np.searchsorted(owners, np.arange(len(items) + 1))
        for item, (first, last) in enumerate(pairwise(ends.tolist())):
            if last > first:
                best = first + int(np.argmax(both[first:last]))
                found[item] = float(both[best]) + (POLARITY if bool(says_no[best]) == self._negated else 0.0)
        return found
