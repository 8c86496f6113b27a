"""A question with the wrong character of the right sound, put back into the base's own language: 「腿款几天到帐」.

An input method offers characters that sound alike, and people take the wrong one. Where two neighbouring characters
stand nowhere in the base and make no common word, and two others of the same sounds do, the question is ranked once more
with those in their place. It is never ranked by them alone, and a repaired question is the weaker witness.

Source: F62, RETRIEVAL (two homophones cost 7 points of R@1).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from knowledge import embedding, thesaurus, tokens

if TYPE_CHECKING:
    from knowledge.postings import Postings, Vocabulary
    from knowledge.retriever import Ranked

CHANGE = 1.5
"""What a changed character costs, in the logarithm of how often two characters stand side by side."""
ALONE = 0.3
"""What a character's own frequency counts beside that of the two it makes with its neighbours."""
STRANGE = 1.8
"""A character whose two pairs are both rarer than this may be wrong: in the base about twice, or in a rare word."""
COMMON = 60_000
"""A little more than the words of the table, so that the rarest of them still says something for its two characters."""
MOST_STRANGE = 12
"""Characters in doubt; a text that has more is no misspelt question but one in words that the base does not know."""
MOST_OFFERED = 24
"""Characters of one sound that are tried, the base's commonest first."""


COST = 0.1
"""What an item loses for each changed character when it is found by a repaired question."""


@dataclass(frozen=True, slots=True)
class Repair:
    """A question with other characters of the same sounds, and how many were changed."""

    text: str
    changes: int


@lru_cache(maxsize=1)
def _alike() -> dict[str, tuple[str, ...]]:
    """Sound → its characters."""
    found: dict[str, list[str]] = {}
    for sign, sound in tokens.readings().items():
        found.setdefault(sound, []).append(sign)
    return {sound: tuple(signs) for sound, signs in found.items()}


class Speller:
    """Knows which characters stand beside which in one index of a base; safe to share between threads.

    Args:
        known: The vocabulary of characters and pairs.
        spread: In how many texts each stands.
    """

    def __init__(self, known: Vocabulary, spread: Postings) -> None:
        self._known, self._spread = known, spread
        self._offered: dict[str, tuple[str, ...]] = {}

    def repaired(self, question: str) -> Repair | None:
        """The likeliest other spelling of a question in question form; None when the one typed is the likeliest.

        Only characters in doubt are touched, and only for others of the same toneless sound that the base has.
        """
        typed = tokens.pieces(question)
        if len(typed) < 2:
            return None
        readings = tokens.readings()
        beside = [self._pair(left, right) for left, right in itertools.pairwise(typed)]
        whole = _in_long_words(typed)
        strange = [
            sign in readings and max(before, after) <= STRANGE and not sure
            for sign, before, after, sure in zip(typed, [0.0, *beside], [*beside, 0.0], whole, strict=True)
        ]
        if not 0 < sum(strange) <= MOST_STRANGE:
            return None
        choices = [
            (sign, *(one for one in self._others(readings[sign]) if one != sign)) if doubted else (sign,)
            for sign, doubted in zip(typed, strange, strict=True)
        ]
        chosen = self._likeliest(typed, choices)
        changes = sum(old != new for old, new in zip(typed, chosen, strict=True))
        text = _put_back(question, typed, chosen)
        if not changes or not set(thesaurus.foreign(question)) <= set(thesaurus.foreign(text)):
            return None  # a word of another trade is rare here because it is of another trade
        return Repair(text, changes)

    def _likeliest(self, typed: list[str], choices: list[tuple[str, ...]]) -> list[str]:
        """Viterbi: of all rows of choices the one whose pairs are commonest, each change at its cost."""
        trail: list[dict[str, tuple[float, str]]] = []
        for sign, offered in zip(typed, choices, strict=True):
            row: dict[str, tuple[float, str]] = {}
            for one in offered:
                total, before = 0.0, ""
                if trail:
                    total, before = max((gone + self._pair(left, one), left) for left, (gone, _) in trail[-1].items())
                own = ALONE * self._strength(one) if len(offered) > 1 else 0.0
                row[one] = (total + own - (CHANGE if one != sign else 0.0), before)
            trail.append(row)
        at = max(trail[-1], key=lambda one: trail[-1][one][0])
        chosen: list[str] = []
        for row in reversed(trail):
            chosen.append(at)
            at = row[at][1]
        return chosen[::-1]

    def _strength(self, unit: str) -> float:
        """About the logarithm of one more than twice the texts that have it; 0 for what none has."""
        return self._spread.unseen - self._spread.weight(self._known.find(unit))

    def _pair(self, left: str, right: str) -> float:
        here = self._strength(f"{left} {right}")
        row = embedding.row_of(left + right)
        return here if row is None else max(here, math.log(COMMON / (row + 100)))

    def _others(self, sound: str) -> tuple[str, ...]:
        found = self._offered.get(sound)
        if found is None:
            known = sorted((-self._strength(sign), sign) for sign in _alike().get(sound, ()))
            found = self._offered[sound] = tuple(sign for weight, sign in known[:MOST_OFFERED] if weight < 0)
        return found


def _in_long_words(typed: list[str]) -> list[bool]:
    """Which units stand in a word of three or four characters that everybody knows."""
    found = [False] * len(typed)
    for length in (3, 4):
        for start in range(len(typed) - length + 1):
            if embedding.row_of("".join(typed[start : start + length])) is not None:
                found[start : start + length] = [True] * length
    return found


def _put_back(text: str, typed: list[str], chosen: list[str]) -> str:
    """The chosen units where the typed ones stood; what lies between them stays."""
    out: list[str] = []
    at = 0
    for old, new in zip(typed, chosen, strict=True):
        start = text.index(old, at)
        out += [text[at:start], new]
        at = start + len(old)
    return "".join([*out, text[at:]])


def merged(typed: list[Ranked], again: list[Ranked], repair: Repair) -> list[Ranked]:
    """Both rankings of a question as one: every item by the better of its two scores, a repaired one's at its cost.

    Args:
        typed: For the question as typed, best first.
        again: For the repaired question, best first.
        repair: What was changed.
    """
    cost = COST * repair.changes
    best: dict[str, Ranked] = {one.item.entry: one for one in typed}
    for one in again:
        other = best.get(one.item.entry)
        if other is None or other.score < one.score - cost:
            best[one.item.entry] = replace(one, score=one.score - cost)
    found = sorted(best.values(), key=lambda one: -one.score)
    if not found:
        return []
    first, *others = found
    margin = first.score - others[0].score if others else first.score
    foreign = first.foreign or (
        bool(again) and again[0].foreign
    )  # 「公焦卡」 is a word of another trade, spelt rightly
    return [replace(first, margin=margin, foreign=foreign), *others]
