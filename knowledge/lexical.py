"""BM25 in our own process: postings in flat arrays, every weight worked out when they are built.

Chroma's local form has no ranked keyword search that understands Chinese (RETRIEVAL), so the rows of SQL are counted
here. Memory is 6 bytes a posting, and 6 more of the counted text; a query adds up a few dozen slices.

Source: F62, RETRIEVAL.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from knowledge import thesaurus, tokens

if TYPE_CHECKING:
    from numpy.typing import NDArray

K1 = 1.2
B = 0.5
"""Length matters half: phrasings are short, and a long one is not a worse one."""


class Vocabulary:
    """Numbers for tokens; it only grows, so that counted texts can be kept when others change."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._names: list[str] = []

    def __len__(self) -> int:
        return len(self._ids)

    def number(self, unit: str) -> int:
        """The number of a token, a new one if it has none."""
        found = self._ids.get(unit)
        if found is None:
            found = self._ids[unit] = len(self._names)
            self._names.append(unit)
        return found

    def find(self, unit: str) -> int:
        """The number of a token; -1 when no text has ever had it."""
        return self._ids.get(unit, -1)

    def name(self, number: int) -> str:
        """The token of a number."""
        return self._names[number]

    def learn(self, parts: Sequence[tuple[Sequence[str], float]]) -> Counted:
        """Counts of a text made of weighted parts that is to be found; new tokens get numbers."""
        counts: dict[int, float] = {}
        for units, weight in parts:
            for unit in units:
                number = self.number(unit)
                counts[number] = counts.get(number, 0.0) + weight
        return counted(counts)

    def look(self, units: Sequence[str]) -> tuple[Counted, int]:
        """Counts of a question, and how many of its different tokens no text has ever had."""
        ids = self._ids
        counts = Counter(units)
        known = {ids[unit]: float(times) for unit, times in counts.items() if unit in ids}
        return counted(known), len(counts) - len(known)


@dataclass(frozen=True, slots=True)
class Counted:
    """Token numbers and how often each stands in the text, as bytes: arrays of their own would take twice as much.

    Attributes:
        size: different tokens.
        packed_ids: their numbers, int32.
        packed_times: float16: halves are exact, and more than 2,048 do not come.
    """

    size: int
    packed_ids: bytes
    packed_times: bytes

    @property
    def ids(self) -> NDArray[np.int32]:
        """The numbers."""
        return np.frombuffer(self.packed_ids, np.int32)

    @property
    def times(self) -> NDArray[np.float16]:
        """How often each stands there."""
        return np.frombuffer(self.packed_times, np.float16)


def counted(counts: Mapping[int, float]) -> Counted:
    """Packs counts by token number."""
    ids = np.fromiter(counts.keys(), dtype=np.int32, count=len(counts))
    times = np.fromiter(counts.values(), dtype=np.float16, count=len(counts))
    return Counted(len(counts), ids.tobytes(), times.tobytes())


class Postings:
    """An inverted index over counted texts; immutable, so that readers need no lock.

    Args:
        texts: Counted texts; position = document number.
        size: Tokens of the vocabulary.
    """

    def __init__(self, texts: Sequence[Counted], size: int) -> None:
        self.count = len(texts)
        sizes = np.fromiter((text.size for text in texts), dtype=np.int64, count=self.count)
        ids = np.frombuffer(b"".join([text.packed_ids for text in texts]), np.int32)
        times = np.frombuffer(b"".join([text.packed_times for text in texts]), np.float16)
        document = np.repeat(np.arange(self.count, dtype=np.int32), sizes)
        lengths = np.bincount(document, weights=times, minlength=self.count).astype(np.float32)
        self._average = float(lengths.mean()) or 1.0 if self.count else 1.0
        order = np.argsort(ids, kind="stable")
        ids, times, document = ids[order], times[order].astype(np.float32), document[order]
        self._starts = np.searchsorted(ids, np.arange(size + 1))
        spread = np.diff(self._starts).astype(np.float32)
        self.idf = np.log1p((self.count - spread + 0.5) / (spread + 0.5)).astype(np.float32)
        self.unseen = float(np.log1p((self.count + 0.5) / 0.5))
        self._documents = document
        damp = K1 * (1 - B + B * lengths / self._average)
        rate = times / (times + damp[document])
        self._weights = (rate * self.idf[ids] * np.float32(K1 + 1)).astype(np.float16)

    def scores(self, query: Counted) -> NDArray[np.float32]:
        """BM25 of every text, float32 (n,); a token that the question repeats counts once."""
        out = np.zeros(self.count, dtype=np.float32)
        for token in query.ids:
            if token + 1 < len(self._starts):
                part = slice(self._starts[token], self._starts[token + 1])
                out[self._documents[part]] += self._weights[part]
        return out

    def has(self, at: int, ids: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Which tokens text ``at`` has."""
        found = np.zeros(len(ids), dtype=bool)
        for place, token in enumerate(ids.tolist()):
            if token + 1 < len(self._starts):
                part = self._documents[self._starts[token] : self._starts[token + 1]]
                inside = int(np.searchsorted(part, at))
                found[place] = inside < len(part) and int(part[inside]) == at
        return found

    def weight(self, token: int) -> float:
        """How rare a token is; one that no text has counts as the rarest there are."""
        return float(self.idf[token]) if 0 <= token < len(self.idf) else self.unseen

    def ideal(self, query: Counted, unseen: int) -> float:
        """BM25 that a text with just the question's tokens would have; unseen tokens count as the rarest there are."""
        length = float(query.times.sum()) + unseen
        damp = K1 * (1 - B + B * length / self._average)
        inside = query.ids < len(self.idf)
        gain = query.times[inside] * (K1 + 1) / (query.times[inside] + damp)
        total = float((self.idf[query.ids[inside]] * gain).sum())
        return total + (unseen + int((~inside).sum())) * self.unseen * (K1 + 1) / (1 + damp)


@dataclass(frozen=True, slots=True)
class Analysed:
    """A text counted three ways."""

    words: Counted
    characters: Counted
    sounds: Counted


@dataclass(frozen=True, slots=True)
class Asked:
    """A question cut into tokens, once for every index that is asked."""

    text: str
    pieces: list[str]
    words: list[str]
    grams: list[str]
    sounds: list[str]
    meanings: list[str]
    foreign: list[str]


def asked(question: str) -> Asked:
    """Cuts a question in question form."""
    pieces = tokens.pieces(question)
    return Asked(
        question,
        pieces,
        tokens.words(question),
        _grams(question),
        tokens.grams(tokens.sounds(pieces)),
        thesaurus.meanings(question),
        thesaurus.foreign(question),
    )


def _grams(text: str) -> list[str]:
    """Characters in ones and twos; meanings in ones and twos."""
    found = thesaurus.meanings(text)
    return tokens.grams(tokens.pieces(text)) + found + thesaurus.pairs(found) + thesaurus.foreign(text)


class Lexicon:
    """The three vocabularies, shared by every text and question of a knowledge base."""

    def __init__(self) -> None:
        self.words = Vocabulary()
        self.characters = Vocabulary()
        self.sounds = Vocabulary()

    def learn(self, parts: Sequence[tuple[str, float]]) -> Analysed:
        """Counts what can be found under one name.

        Args:
            parts: Comparable texts with their weights: every phrasing of an entry 1, its answer less.
        """
        units = [(tokens.pieces(text), weight) for text, weight in parts]
        return Analysed(
            self.words.learn([(tokens.words(text), weight) for text, weight in parts]),
            self.characters.learn([(_grams(text), weight) for text, weight in parts]),
            self.sounds.learn([(tokens.grams(tokens.sounds(unit)), weight) for unit, weight in units]),
        )


@dataclass(frozen=True, slots=True)
class Matches:
    """How well every text fits a question; the arrays are float32 (n,).

    Attributes:
        words, characters, sounds: share of the ideal score, about 0 to 1; meanings count with the characters.
        evidence: raw BM25 (words + .3 characters) over the weight of the rarest token there can be; a better witness
            than the shares of whether the question can be answered at all.
        asked: the question.
    """

    words: NDArray[np.float32]
    characters: NDArray[np.float32]
    sounds: NDArray[np.float32]
    evidence: NDArray[np.float32]
    asked: Asked


class LexicalIndex:
    """Words, characters and sounds of the same texts; immutable."""

    def __init__(self, lexicon: Lexicon, texts: Sequence[Analysed]) -> None:
        self.lexicon = lexicon
        self.words = Postings([text.words for text in texts], len(lexicon.words))
        self.characters = Postings([text.characters for text in texts], len(lexicon.characters))
        self.sounds = Postings([text.sounds for text in texts], len(lexicon.sounds))

    def match(self, question: Asked | str) -> Matches:
        """Scores of all texts for a question in question form."""
        if isinstance(question, str):
            question = asked(question)
        words, odd = self.lexicon.words.look(question.words)
        characters, strange = self.lexicon.characters.look(question.grams)
        sounds, silent = self.lexicon.sounds.look(question.sounds)
        raw, spoken = self.characters.scores(characters), self.words.scores(words)
        return Matches(
            words=spoken / np.float32(max(self.words.ideal(words, odd), 1e-6)),
            characters=raw / np.float32(max(self.characters.ideal(characters, strange), 1e-6)),
            sounds=self.sounds.scores(sounds) / np.float32(max(self.sounds.ideal(sounds, silent), 1e-6)),
            evidence=((spoken + 0.3 * raw) / self.characters.unseen).astype(np.float32),
            asked=question,
        )

    def held(self, at: int, question: Asked) -> tuple[float, float, bool]:
        """What text ``at`` has of a question.

        Returns:
            Shares of the different characters and meanings, 0 to 1 (0 of none), and whether the question has a word of
            another trade that the text lacks.
        """

        def share(units: Sequence[str]) -> tuple[int, int]:
            known, lost = self.lexicon.characters.look(units)
            return int(self.characters.has(at, known.ids).sum()), known.size + lost

        held, pieces = share(question.pieces)
        meant, meanings = share(question.meanings)
        heard, others = share(question.foreign)
        return held / max(pieces, 1), meant / max(meanings, 1), heard < others
