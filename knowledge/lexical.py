"""BM25 in our own process: postings in flat arrays, every weight worked out when they are built.

Chroma's local form has no ranked keyword search that understands Chinese (RETRIEVAL), so the rows of SQL are counted
here. Memory is 8 bytes a posting; a query adds up a few dozen slices.

Source: F62, RETRIEVAL.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
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

    def __len__(self) -> int:
        return len(self._ids)

    def learn(self, parts: Sequence[tuple[Sequence[str], float]]) -> Counted:
        """Counts of a text made of weighted parts that is to be found; new tokens get numbers."""
        ids = self._ids
        counts: dict[int, float] = {}
        for units, weight in parts:
            for unit in units:
                number = ids.setdefault(unit, len(ids))
                counts[number] = counts.get(number, 0.0) + weight
        return Counted(
            np.fromiter(counts.keys(), dtype=np.int32, count=len(counts)),
            np.fromiter(counts.values(), dtype=np.float32, count=len(counts)),
        )

    def look(self, units: Sequence[str]) -> tuple[Counted, int]:
        """Counts of a question, and how many of its different tokens no text has ever had."""
        ids = self._ids
        counts = Counter(units)
        known = {ids[unit]: times for unit, times in counts.items() if unit in ids}
        counted = Counted(
            np.fromiter(known.keys(), dtype=np.int32, count=len(known)),
            np.fromiter(known.values(), dtype=np.float32, count=len(known)),
        )
        return counted, len(counts) - len(known)


@dataclass(frozen=True, slots=True)
class Counted:
    """Token numbers (int32, distinct) and how often each stands in the text (float32)."""

    ids: NDArray[np.int32]
    times: NDArray[np.float32]


class Postings:
    """An inverted index over counted texts; immutable, so that readers need no lock.

    Args:
        texts: Counted texts; position = document number.
        size: Tokens of the vocabulary.
    """

    def __init__(self, texts: Sequence[Counted], size: int) -> None:
        self.count = len(texts)
        lengths = np.array([text.times.sum() for text in texts], dtype=np.float32)
        self._average = float(lengths.mean()) or 1.0 if self.count else 1.0
        ids = np.concatenate([text.ids for text in texts]) if texts else np.zeros(0, np.int32)
        times = np.concatenate([text.times for text in texts]) if texts else np.zeros(0, np.float32)
        document = np.repeat(np.arange(self.count, dtype=np.int32), [len(text.ids) for text in texts])
        order = np.argsort(ids, kind="stable")
        ids, times, document = ids[order], times[order], document[order]
        self._starts = np.searchsorted(ids, np.arange(size + 1))
        spread = np.diff(self._starts).astype(np.float32)
        self.idf = np.log1p((self.count - spread + 0.5) / (spread + 0.5)).astype(np.float32)
        self.unseen = float(np.log1p((self.count + 0.5) / 0.5))
        self._documents = document
        damp = K1 * (1 - B + B * lengths / self._average)
        self._weights = (self.idf[ids] * times * (K1 + 1) / (times + damp[document])).astype(np.float32)

    def scores(self, query: Counted) -> NDArray[np.float32]:
        """BM25 of every text, float32 (n,); a token that the question repeats counts once."""
        out = np.zeros(self.count, dtype=np.float32)
        for token in query.ids:
            if token + 1 < len(self._starts):
                part = slice(self._starts[token], self._starts[token + 1])
                out[self._documents[part]] += self._weights[part]
        return out

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
            parts: Canonical texts with their weights: every phrasing of an entry 1, its answer less.
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
        characters, sounds: share of the ideal score, about 0 to 1; meanings count with the characters.
        evidence: raw BM25 (words + .3 characters) over the weight of the rarest token there can be; a better witness
            than the shares of whether the question can be answered at all.
        pieces: token numbers of the question's single characters, known ones only.
        asked: how many different single characters the question has, known or not.
        meanings, meant: the same for the meanings of the thesaurus.
        others, foreign: the same for words of other trades.
    """

    characters: NDArray[np.float32]
    sounds: NDArray[np.float32]
    evidence: NDArray[np.float32]
    pieces: NDArray[np.int32]
    asked: int
    meanings: NDArray[np.int32]
    meant: int
    others: NDArray[np.int32]
    foreign: int


class LexicalIndex:
    """Words, characters and sounds of the same texts; immutable."""

    def __init__(self, lexicon: Lexicon, texts: Sequence[Analysed]) -> None:
        self._lexicon = lexicon
        self._texts = texts
        self.words = Postings([text.words for text in texts], len(lexicon.words))
        self.characters = Postings([text.characters for text in texts], len(lexicon.characters))
        self.sounds = Postings([text.sounds for text in texts], len(lexicon.sounds))

    def match(self, question: str) -> Matches:
        """Scores of all texts for a canonical question."""
        units = tokens.pieces(question)
        words, _ = self._lexicon.words.look(tokens.words(question))
        characters, strange = self._lexicon.characters.look(_grams(question))
        sounds, silent = self._lexicon.sounds.look(tokens.grams(tokens.sounds(units)))
        pieces, lost = self._lexicon.characters.look(units)
        meanings, odd = self._lexicon.characters.look(thesaurus.meanings(question))
        others, unheard = self._lexicon.characters.look(thesaurus.foreign(question))
        raw = self.characters.scores(characters)
        return Matches(
            characters=raw / max(self.characters.ideal(characters, strange), 1e-6),
            sounds=self.sounds.scores(sounds) / max(self.sounds.ideal(sounds, silent), 1e-6),
            evidence=((self.words.scores(words) + 0.3 * raw) / self.characters.unseen).astype(np.float32),
            pieces=pieces.ids,
            asked=len(pieces.ids) + lost,
            meanings=meanings.ids,
            meant=len(meanings.ids) + odd,
            others=others.ids,
            foreign=len(others.ids) + unheard,
        )

    def held(self, at: int, matches: Matches) -> tuple[float, float, bool]:
        """What text ``at`` has of a question.

        Returns:
            Shares of the different characters and meanings, 0 to 1 (0 of none), and whether the question has a word of
            another trade that the text lacks.
        """
        has = self._texts[at].characters.ids
        return (
            float(np.isin(matches.pieces, has).sum()) / max(matches.asked, 1),
            float(np.isin(matches.meanings, has).sum()) / max(matches.meant, 1),
            int(np.isin(matches.others, has).sum()) < matches.foreign,
        )
