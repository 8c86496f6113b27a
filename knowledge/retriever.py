"""Ranks what is published for a question: keywords over everything that is said under an entry, sounds, vectors.

All phrasings of an entry and its answer are one text to BM25. Measured on our own questions against the best single
phrasing: R@1 .97 against .84. The few best are then looked at again, phrasing by phrasing (``alignment``): worth two
points where an entry has one phrasing, nothing where it has fifty, since the best of many fits anything; so it counts
the less the more phrasings there are. Rank by one score, decide by another (RETRIEVAL; tests/evals/README.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from knowledge import evidence, outside
from knowledge.alignment import POLARITY, Alignment
from knowledge.catalogue import Catalogue, Item, Shelf
from knowledge.lexical import Asked, Matches, asked

if TYPE_CHECKING:
    from numpy.typing import NDArray

SOUNDS = outside.SOUNDS
WORDS = outside.WORDS
VECTORS = 0.5
HEARD = 1.0
"""Of what sounds fit better than characters: where a sign is mistaken for one that sounds alike, they take its place."""
CLOSE = 0.5
"""Of the best phrasing word by word, where an entry has one phrasing; divided by the root of how many there are."""
NEIGHBOURS = 48
KEPT = 10


@dataclass(frozen=True, slots=True)
class Ranked:
    """An item that may answer; for the best one also what is known of how well it fits.

    Attributes:
        score: what it is ranked by: characters + .3 sounds + .3 words + .5 vectors + up to .5 closeness (and ``HEARD``).
        margin: its score minus the next one's; 0 for all but the first.
        evidence: raw BM25 over the weight of the rarest token.
        held, meant: shares of the question's characters and meanings that the item has.
        near: cosine of its nearest phrasing; of one that is no neighbour, of the farthest neighbour.
        heard: share of the ideal score of its sounds.
        behind: how much better a question from outside fits by its keywords; its words count, the item's do not.
        foreign: the question has a word of another trade that the item lacks.
        lacking: the question asks for a kind of thing that the item neither asks for nor holds.
    """

    item: Item
    score: float
    margin: float = 0.0
    evidence: float = 0.0
    held: float = 0.0
    meant: float = 0.0
    near: float = 0.0
    heard: float = 0.0
    behind: float = 0.0
    foreign: bool = True
    lacking: bool = True


def rank(
    shelf: Shelf,
    question: str | Asked,
    similarities: dict[int, float],
    seen: NDArray[np.bool_] | None,
    *,
    hidden: int | None = None,
) -> list[Ranked]:
    """The best items for a question, best first, at most ``KEPT``.

    Args:
        shelf: Entries or passages of a catalogue.
        question: In question form (``normalise.question``), or cut already (``lexical.asked``).
        similarities: Cosine of the nearest neighbours, by chunk id, the best phrasing of each; an item that is not
            among them counts as the farthest of them. Empty = keywords alone.
        seen: Which items the asker may see (``Shelf.seen``); None = all.
        hidden: Position of an item to leave out (calibration).
    """
    cut = asked(question) if isinstance(question, str) else question
    if not len(shelf) or not cut.text:
        return []
    matches = shelf.index.match(cut)
    keywords, heard = _heard(matches)
    near = np.zeros(len(shelf), dtype=np.float32)
    if similarities:
        near += max(0.0, min(similarities.values()))
        for at, cosine in shelf.placed(similarities):
            near[at] = max(near[at], cosine)
    scores = keywords + heard + np.float32(VECTORS) * near
    if seen is not None:
        scores = np.where(seen, scores, np.float32(-1.0))
    if hidden is not None:
        scores[shelf.places.entries == shelf.places.entries[hidden]] = -1.0
    order = _best(shelf, scores)
    if not order:
        return []
    _look_again(shelf, cut, scores, order)
    order.sort(key=_by(shelf, scores))
    items = shelf.items
    first, *others = order
    best = items[first]
    held, meant, foreign = shelf.index.held(first, cut)
    found = [
        Ranked(
            best,
            float(scores[first]),
            margin=float(scores[first] - scores[others[0]]) if others else float(scores[first]),
            evidence=float(matches.evidence[first]),
            held=held,
            meant=meant,
            near=float(near[first]),
            heard=float(matches.sounds[first]),
            behind=outside.fit(cut) - float(keywords[first] - WORDS * matches.words[first]),
            foreign=foreign,
            lacking=evidence.lacking(cut.text, best.kinds),
        )
    ]
    found += [Ranked(items[at], float(scores[at])) for at in others]
    return found


def reaches(shelf: Shelf, cut: Asked, seen: NDArray[np.bool_] | None, wanted: NDArray[np.bool_], first: int) -> bool:
    """Whether an item of some could be among the first, by keywords: its score is as near as looking again can lift it.

    Args:
        shelf: Entries or passages of a catalogue.
        cut: The question (``lexical.asked``).
        seen: As for ``rank``.
        wanted: Which items are meant.
        first: How many count as the first.
    """
    if not wanted.any() or not cut.text:
        return False
    keywords, heard = _heard(shelf.index.match(cut))
    scores = keywords + heard if seen is None else np.where(seen, keywords + heard, np.float32(-1.0))
    order = _best(shelf, scores)
    floor = float(scores[order[first - 1]]) - _lift(shelf) * (1 + POLARITY) if len(order) >= first else 0.0
    return bool((scores[wanted] >= floor).any())


def _heard(matches: Matches) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Scores by keywords, and what sounds add to them."""
    keywords = matches.characters + SOUNDS * matches.sounds + WORDS * matches.words
    return keywords, np.float32(HEARD) * np.maximum(matches.sounds - matches.characters, 0)


def _lift(shelf: Shelf) -> float:
    """What the best phrasing, word by word, is worth on a shelf."""
    return CLOSE / math.sqrt(max(1.0, shelf.phrasings))


def _look_again(shelf: Shelf, cut: Asked, scores: NDArray[np.float32], order: list[int]) -> None:
    words = shelf.index.lexicon.words
    laid = Alignment(cut.words, cut.text, shelf.table, shelf.index.words, words)
    weight = _lift(shelf)
    for at, fit in zip(order, laid.fits(shelf.tally.spoken.rows(order)), strict=True):
        scores[at] += weight * fit


def _best(shelf: Shelf, scores: NDArray[np.float32]) -> list[int]:
    """Positions of the best items, best first. Of two with one id only one is kept: the more local, then the newer."""
    count = min(2 * KEPT, len(scores))
    order = np.argpartition(-scores, count - 1)[:count]
    chosen: dict[str, int] = {}
    for at in order[scores[order] >= 0].tolist():
        entry = shelf.places.entries[at]
        other = chosen.get(entry)
        if other is None or _precedence(shelf, at) > _precedence(shelf, other):
            chosen[entry] = at
    return sorted(chosen.values(), key=_by(shelf, scores))[:KEPT]


def _by(shelf: Shelf, scores: NDArray[np.float32]) -> Callable[[int], tuple[float, int]]:
    """Best first; where two are equal, the older: whatever way the shelf came to be."""
    return lambda at: (-float(scores[at]), int(shelf.places.chunks[at]))


def _precedence(shelf: Shelf, at: int) -> tuple[int, int]:
    return int(shelf.ranks[at]), int(shelf.places.chunks[at])


def exact(catalogue: Catalogue, question: str, seen: NDArray[np.bool_] | None) -> int | None:
    """Chunk id of the only visible entry that has just this phrasing, else None."""
    shelf = catalogue.entries
    found = [at for at in shelf.same(question) if seen is None or seen[at]]
    if len({shelf.places.entries[at] for at in found}) != 1:
        return None
    return int(shelf.places.chunks[max(found, key=lambda at: _precedence(shelf, at))])
