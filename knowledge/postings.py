"""BM25 in our own process: postings in flat arrays that an edit cuts out of and puts into.

Chroma's local form has no ranked keyword search that understands Chinese (RETRIEVAL), so the rows of SQL are counted here.
What is kept are bare counts, 6 bytes each: how rare a token is and how long a text is beside the others is worked out when a
question comes, so that a text can come or go without anything else being weighed anew.

Source: F62, RETRIEVAL, ADR-0013.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from knowledge.arrays import Ragged

if TYPE_CHECKING:
    from numpy.typing import NDArray

K1 = 1.2
B = 0.5
"""Length matters half: phrasings are short, and a long one is not a worse one."""
MOST = 2**16 - 1
"""Halves: how often a token is counted at most in one text."""


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """Token numbers, int32 (n,), and how often each stands in the text, float32 (n,): whole halves."""

    ids: NDArray[np.int32]
    times: NDArray[np.float32]

    @property
    def size(self) -> int:
        """Different tokens."""
        return len(self.ids)


def counted(counts: Mapping[int, float]) -> Counted:
    """Packs counts by token number."""
    size = len(counts)
    return Counted(np.fromiter(counts.keys(), np.int32, size), np.fromiter(counts.values(), np.float32, size))


class Vocabulary:
    """Numbers for tokens; it only grows, so that what is counted can be kept when other texts change.

    Args:
        names: Tokens that have numbers already, in order.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = list(names)
        self._ids = {name: number for number, name in enumerate(self.names)}

    def __len__(self) -> int:
        return len(self._ids)

    def number(self, unit: str) -> int:
        """The number of a token, a new one if it has none."""
        found = self._ids.get(unit)
        if found is None:
            found = self._ids[unit] = len(self.names)
            self.names.append(unit)
        return found

    def find(self, unit: str) -> int:
        """The number of a token; -1 when no text has ever had it."""
        return self._ids.get(unit, -1)

    def name(self, number: int) -> str:
        """The token of a number."""
        return self.names[number]

    def learn(self, parts: Sequence[tuple[Sequence[str], float]]) -> Counted:
        """Counts of a text made of weighted parts that is to be found; new tokens get numbers."""
        counts: dict[str, float] = {}
        for weight in dict.fromkeys(weight for _, weight in parts):
            alike = Counter(chain.from_iterable(units for units, own in parts if own == weight))
            if not counts and weight == 1:
                counts = dict(alike)
            else:
                for unit, times in alike.items():
                    counts[unit] = counts.get(unit, 0.0) + times * weight
        for unit in counts:
            if unit not in self._ids:
                self.number(unit)
        size = len(counts)
        ids = np.fromiter(map(self._ids.__getitem__, counts), np.int32, size)
        return Counted(ids, np.fromiter(counts.values(), np.float32, size))

    def look(self, units: Sequence[str]) -> tuple[Counted, int]:
        """Counts of a question, and how many of its different tokens no text has ever had."""
        ids = self._ids
        counts = Counter(units)
        known = {ids[unit]: float(times) for unit, times in counts.items() if unit in ids}
        return counted(known), len(counts) - len(known)


class Pile:
    """Counted texts on their way into postings; 6 bytes a count."""

    def __init__(self) -> None:
        self._ids, self._times, self._ends = array("i"), array("H"), array("q", [0])

    def add(self, text: Counted) -> None:
        """One more."""
        self._ids.frombytes(text.ids.tobytes())
        self._times.frombytes(np.minimum(text.times * 2, MOST).astype(np.uint16).tobytes())
        self._ends.append(len(self._ids))

    def again(self, at: int) -> None:
        """One more that is the same as one that is here."""
        part = slice(self._ends[at], self._ends[at + 1])
        self._ids.extend(self._ids[part])
        self._times.extend(self._times[part])
        self._ends.append(len(self._ids))

    @property
    def ids(self) -> Ragged:
        """Token numbers of each text, int32."""
        return Ragged(np.frombuffer(self._ids, np.int32), np.frombuffer(self._ends, np.int64))

    @property
    def times(self) -> NDArray[np.uint16]:
        """How often each stands there, in halves."""
        return np.frombuffer(self._times, np.uint16)


class Postings:
    """An inverted index over counted texts; immutable, so that readers need no lock.

    Args:
        texts: int32: for every token, in the order of their numbers, the texts that have it, ascending.
        times: uint16: how often, in halves.
        count: Texts.
    """

    def __init__(self, texts: Ragged, times: NDArray[np.uint16], count: int) -> None:
        self.texts, self.times, self.count = texts, times, count
        halves = np.zeros(count, dtype=np.float32)
        np.add.at(halves, texts.flat, times.astype(np.float32))
        self._average = float(halves.mean()) / 2 or 1.0 if count else 1.0
        self.spread = texts.sizes.astype(np.float32)
        """How many texts have each token."""
        self.idf = np.log1p((count - self.spread + 0.5) / (self.spread + 0.5)).astype(np.float32)
        self.unseen = float(np.log1p((count + 0.5) / 0.5))
        self._damp = np.float32(K1) * (2 * (1 - B) + B / self._average * halves)  # in halves, as the counts are

    @classmethod
    def of(cls, texts: Iterable[Counted], size: int) -> Postings:
        """Postings of these texts; position = number of the text.

        Args:
            texts: Counted with one vocabulary.
            size: Tokens of the vocabulary.
        """
        pile = Pile()
        for text in texts:
            pile.add(text)
        return cls.none().changed(None, pile, size)

    @classmethod
    def none(cls) -> Postings:
        """Postings of no text."""
        return cls(Ragged.of(np.zeros(0, np.int32), []), np.zeros(0, np.uint16), 0)

    def changed(self, keep: NDArray[np.bool_] | None, more: Pile, size: int) -> Postings:
        """The same without some texts and with others behind the rest, as if they had all been counted together.

        Args:
            keep: Which texts stay, (count,); None = all. The rest are numbered anew, in order.
            more: Texts to put in.
            size: Tokens of the vocabulary.
        """
        starts, flat, times = self.texts.starts, self.texts.flat, self.times
        count = self.count
        if keep is not None and not keep.all():
            stays = keep[flat]
            gone = np.searchsorted(starts, np.flatnonzero(~stays), "right") - 1
            starts = Ragged.of(flat, self.texts.sizes - np.bincount(gone, minlength=len(self.texts))).starts
            flat, times = (np.cumsum(keep, dtype=np.int32) - 1)[flat[stays]], times[stays]
            count = int(keep.sum())
        starts = np.concatenate([starts, np.full(max(0, size + 1 - len(starts)), len(flat))])
        ids = more.ids
        if len(ids.flat):
            order = np.argsort(ids.flat, kind="stable")
            tokens, texts = ids.flat[order], (ids.owners + np.int32(count))[order]
            often = more.times[order]
            if len(flat):
                places = starts[tokens + 1]  # behind those that are there: later texts have higher numbers
                flat, times = np.insert(flat, places, texts), np.insert(times, places, often)
            else:
                flat, times = texts, often
            added = np.bincount(tokens, minlength=len(starts) - 1)
            starts = starts + np.concatenate([[0], np.cumsum(added)])
        return Postings(Ragged(flat, starts), times, count + len(ids))

    def scores(self, query: Counted) -> NDArray[np.float32]:
        """BM25 of every text, float32 (n,); a token that the question repeats counts once."""
        out = np.zeros(self.count, dtype=np.float32)
        for token in query.ids.tolist():
            if token < len(self.idf):
                part = slice(self.texts.starts[token], self.texts.starts[token + 1])
                texts = self.texts.flat[part]
                rate = self.times[part].astype(np.float32)
                rate /= rate + self._damp.take(texts)
                rate *= self.idf[token] * np.float32(K1 + 1)
                np.add.at(out, texts, rate)
        return out

    def has(self, at: int, ids: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Which tokens text ``at`` has."""
        found = np.zeros(len(ids), dtype=bool)
        for place, token in enumerate(ids.tolist()):
            if token < len(self.texts):
                part = self.texts.row(token)
                inside = int(np.searchsorted(part, at))
                found[place] = inside < len(part) and int(part[inside]) == at
        return found

    def weight(self, token: int) -> float:
        """How rare a token is; one that no text has (-1: nor ever had) counts as the rarest there are."""
        return float(self.idf[token]) if 0 <= token < len(self.idf) else self.unseen

    def weights(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        """``weight`` of each, float32 (n,)."""
        found = np.full(len(ids), self.unseen, dtype=np.float32)
        known = (ids >= 0) & (ids < len(self.idf))
        found[known] = self.idf[ids[known]]
        return found

    def ideal(self, query: Counted, unseen: int) -> float:
        """BM25 that a text with just the question's tokens would have; unseen tokens count as the rarest there are."""
        length = float(query.times.sum()) + unseen
        damp = K1 * (1 - B + B * length / self._average)
        inside = query.ids < len(self.idf)
        gain = query.times[inside] * (K1 + 1) / (query.times[inside] + damp)
        total = float((self.idf[query.ids[inside]] * gain).sum())
        return total + (unseen + int((~inside).sum())) * self.unseen * (K1 + 1) / (1 + damp)
