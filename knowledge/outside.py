"""What neighbours ask that no base of this trade answers: questions that a wrong answer would come from.

A question about the lift shares its words with one about the pick-up place; compared with entries alone it looks answerable.
Compared also with what is known to lie outside, it does not. Source: F62, RETRIEVAL (refusal is the weak point).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from knowledge import normalise
from knowledge.lexical import Asked, LexicalIndex, Lexicon

_FILE = Path(__file__).resolve().parents[1] / "prompts" / "knowledge" / "outside.txt"
SOUNDS, WORDS = 0.3, 0.3


@lru_cache(maxsize=1)
def _index() -> LexicalIndex:
    lexicon = Lexicon()
    lines = _FILE.read_text(encoding="utf-8").splitlines()
    texts = [normalise.comparable(line) for line in lines if line.strip() and not line.startswith("#")]
    return LexicalIndex(lexicon, [lexicon.learn([(text, 1.0)]) for text in texts])


def fit(question: Asked) -> float:
    """How well the best question from outside fits, as ``retriever`` scores keywords: 0 to about 1.6."""
    found = _index().match(question)
    return float((found.characters + SOUNDS * found.sounds + WORDS * found.words).max(initial=0.0))
