"""Texts and questions cut into words, characters and sounds, and how well every text fits a question.

Source: F62, RETRIEVAL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from knowledge import thesaurus, tokens
from knowledge.postings import Counted, Pile, Postings, Vocabulary

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Analysed:
    """A text counted three ways."""

    words: Counted
    characters: Counted
    sounds: Counted


class Piles:
    """Texts counted three ways, on their way into an index."""

    def __init__(self) -> None:
        self.words, self.characters, self.sounds = Pile(), Pile(), Pile()

    def add(self, text: Analysed) -> None:
        """One more."""
        self.words.add(text.words)
        self.characters.add(text.characters)
        self.sounds.add(text.sounds)

    def again(self, at: int) -> None:
        """One more that is the same as one that is here."""
        self.words.again(at)
        self.characters.again(at)
        self.sounds.again(at)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, or a text that is to be counted, cut into tokens.

    Attributes:
        text: as it was.
        pieces: characters and runs of Latin letters or digits.
        grams: pieces in ones and twos, meanings in ones and pairs, words of other trades.
        sounds: in ones and twos.
    """

    text: str
    pieces: list[str]
    words: list[str]
    grams: list[str]
    sounds: list[str]
    meanings: list[str]
    foreign: list[str]


def asked(question: str) -> Asked:
    """Cuts a question in question form, or a comparable text that is to be counted."""
    pieces, meanings, foreign = tokens.pieces(question), thesaurus.meanings(question), thesaurus.foreign(question)
    return Asked(
        question,
        pieces,
        tokens.words(question),
        tokens.grams(pieces) + meanings + thesaurus.pairs(meanings) + foreign,
        tokens.grams(tokens.sounds(pieces)),
        meanings,
        foreign,
    )


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The three vocabularies, shared by every text and question of a knowledge base."""

    words: Vocabulary = field(default_factory=Vocabulary)
    characters: Vocabulary = field(default_factory=Vocabulary)
    sounds: Vocabulary = field(default_factory=Vocabulary)

    def learn(self, parts: Sequence[tuple[str, float]]) -> Analysed:
        """Counts what can be found under one name.

        Args:
            parts: Comparable texts with their weights: every phrasing of an entry 1, its answer less.
        """
        return self.count([(asked(text), weight) for text, weight in parts])

    def count(self, parts: Sequence[tuple[Asked, float]]) -> Analysed:
        """The same of texts that are cut already."""
        return Analysed(
            self.words.learn([(text.words, weight) for text, weight in parts]),
            self.characters.learn([(text.grams, weight) for text, weight in parts]),
            self.sounds.learn([(text.sounds, weight) for text, weight in parts]),
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
    """Words, characters and sounds of the same texts; immutable.

    Args:
        lexicon: With which they were counted.
        texts: Position = number of the text.
        postings: Instead of texts, their words, characters and sounds in postings.
    """

    def __init__(
        self, lexicon: Lexicon, texts: Sequence[Analysed] = (), postings: tuple[Postings, ...] | None = None
    ) -> None:
        self.lexicon = lexicon
        if postings is None:
            none, piles = Postings.none(), Piles()
            for text in texts:
                piles.add(text)
            postings = self._changed((none, none, none), None, piles)
        self.words, self.characters, self.sounds = postings

    def changed(self, keep: NDArray[np.bool_] | None, more: Piles) -> LexicalIndex:
        """The same without some texts and with others behind the rest; see ``Postings.changed``."""
        return LexicalIndex(
            self.lexicon, postings=self._changed((self.words, self.characters, self.sounds), keep, more)
        )

    def _changed(
        self, postings: tuple[Postings, ...], keep: NDArray[np.bool_] | None, more: Piles
    ) -> tuple[Postings, ...]:
        ways = (
            (self.lexicon.words, more.words),
            (self.lexicon.characters, more.characters),
            (self.lexicon.sounds, more.sounds),
        )
        return tuple(old.changed(keep, pile, len(known)) for old, (known, pile) in zip(postings, ways, strict=True))

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
