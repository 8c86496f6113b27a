"""The default to beat: character BM25 over its ideal, .3 of pinyin BM25, .5 of word vectors, the best phrasing of each.

Written out by itself, with dictionaries and no thesaurus; only the sound table, the word vectors, the script converter and
the list of greetings are the product's. Its confidence is the winner's raw BM25 of words and .3 of characters, which its
authors found better than the score.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import rjieba

from knowledge import tokens
from knowledge.embedding import WordVectorEmbedder
from knowledge.normalise import canonical, question

K1, B = 1.2, 0.75


class Bm25:
    """The textbook formula over one way of cutting a text."""

    def __init__(self, texts: Sequence[str], cut: Callable[[str], list[str]]) -> None:
        self.cut = cut
        counts = [Counter(cut(text)) for text in texts]
        self.lengths = [sum(one.values()) for one in counts]
        self.average = sum(self.lengths) / max(len(texts), 1) or 1.0
        self.postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for at, one in enumerate(counts):
            for token, times in one.items():
                self.postings[token].append((at, times))
        self.count = len(texts)

    def _idf(self, token: str) -> float:
        spread = len(self.postings.get(token, ()))
        return math.log1p((self.count - spread + 0.5) / (spread + 0.5))

    def scores(self, text: str) -> np.ndarray:
        """Of every text."""
        out = np.zeros(self.count)
        for token in set(self.cut(text)):
            for at, times in self.postings.get(token, ()):
                damp = K1 * (1 - B + B * self.lengths[at] / self.average)
                out[at] += self._idf(token) * times * (K1 + 1) / (times + damp)
        return out

    def ideal(self, text: str) -> float:
        """Of a text with just these tokens."""
        counts = Counter(self.cut(text))
        damp = K1 * (1 - B + B * sum(counts.values()) / self.average)
        return sum(self._idf(token) * times * (K1 + 1) / (times + damp) for token, times in counts.items()) or 1.0


def _characters(text: str) -> list[str]:
    return tokens.grams(list(re.sub(r"[^\w]", "", text)))


def _sounds(text: str) -> list[str]:
    return tokens.grams(tokens.sounds(list(re.sub(r"[^\w]", "", text))))


class DefaultRetriever:
    """Over phrasings, each with the id of its entry."""

    def __init__(self, phrasings: Sequence[tuple[str, str]]) -> None:
        self.ids = [identity for identity, _ in phrasings]
        texts = [canonical(text) for _, text in phrasings]
        self.characters, self.sounds = Bm25(texts, _characters), Bm25(texts, _sounds)
        self.words = Bm25(texts, lambda text: [word for word in rjieba.cut(text) if re.search(r"\w", word)])
        self.embedder = WordVectorEmbedder()
        self.vectors = self.embedder.embed(texts)

    def search(self, typed: str, count: int = 10) -> tuple[list[str], float]:
        """Ids best first, and the confidence in the first."""
        text = question(typed)
        raw = self.characters.scores(text)
        scores = raw / self.characters.ideal(text) + 0.3 * self.sounds.scores(text) / self.sounds.ideal(text)
        scores += 0.5 * (self.vectors @ self.embedder.embed([text])[0])
        order = np.argsort(-scores, kind="stable")[: 20 * count].tolist()
        best = order[0]
        sure = float(self.words.scores(text)[best] + 0.3 * raw[best])
        return list(dict.fromkeys(self.ids[at] for at in order))[:count], sure
