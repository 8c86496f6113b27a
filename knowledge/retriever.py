"""Ranks what is published for a question: keywords over everything that is said under an entry, sounds, vectors.

All phrasings of an entry and its answer are one text to BM25. Measured on our own questions against the best single
phrasing: R@1 .97 against .84; with one phrasing an entry the two are the same (tests/evals/README.md).
Rank by one score, decide by another (RETRIEVAL).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from knowledge import evidence
from knowledge.catalogue import Catalogue, Item, Shelf

if TYPE_CHECKING:
    from numpy.typing import NDArray

SOUNDS = 0.3
VECTORS = 0.5
NEIGHBOURS = 48
KEPT = 10


@dataclass(frozen=True, slots=True)
class Ranked:
    """An item that may answer; for the best one also what is known of how well it fits.

    Attributes:
        score: what it is ranked by: characters + .3 sounds + .5 vectors, about 0 to 1.8.
        margin: its score minus the next one's; 0 for all but the first.
        evidence: raw BM25 over the weight of the rarest token.
        held, meant: shares of the question's characters and meanings that the item has.
        foreign: the question has a word of another trade that the item lacks.
        lacking: the question asks for a kind of thing that the item neither asks for nor holds.
    """

    item: Item
    score: float
    margin: float = 0.0
    evidence: float = 0.0
    held: float = 0.0
    meant: float = 0.0
    foreign: bool = True
    lacking: bool = True


def rank(
    shelf: Shelf,
    question: str,
    similarities: dict[int, float],
    seen: NDArray[np.bool_] | None,
    *,
    hidden: int | None = None,
) -> list[Ranked]:
    """The best items for a question, best first, at most ``KEPT``.

    Args:
        shelf: Entries or passages of a catalogue.
        question: In question form (``normalise.question``).
        similarities: Cosine of the nearest neighbours, by chunk id, the best phrasing of each; an item that is not
            among them counts as the farthest of them. Empty = keywords alone.
        seen: Which items the asker may see (``Shelf.seen``); None = all.
        hidden: Position of an item to leave out (calibration).
    """
    if not shelf.items or not question:
        return []
    matches = shelf.index.match(question)
    scores: NDArray[np.float32] = matches.characters + SOUNDS * matches.sounds
    if similarities:
        near = np.full(len(shelf.items), max(0.0, min(similarities.values())), dtype=np.float32)
        for chunk, cosine in similarities.items():
            at = shelf.place.get(chunk)
            if at is not None:
                near[at] = max(near[at], cosine)
        scores = scores + VECTORS * near
    if seen is not None:
        scores = np.where(seen, scores, -1.0)
    if hidden is not None:
        scores[[at for at, item in enumerate(shelf.items) if item.entry == shelf.items[hidden].entry]] = -1.0
    order = _best(shelf, scores)
    if not order:
        return []
    first, *others = order
    margin = float(scores[first] - scores[others[0]]) if others else float(scores[first])
    best = shelf.items[first]
    lacking = evidence.lacking(question, best.kinds)
    held = shelf.index.held(first, matches)
    found = [Ranked(best, float(scores[first]), margin, float(matches.evidence[first]), *held, lacking)]
    found += [Ranked(shelf.items[at], float(scores[at])) for at in others]
    return found


def _best(shelf: Shelf, scores: NDArray[np.float32]) -> list[int]:
    """Positions of the best items, best first. Of two with one id only one is kept: the more local, then the newer."""
    count = min(2 * KEPT, len(scores))
    order = np.argpartition(-scores, count - 1)[:count]
    order = order[np.lexsort((order, -scores[order]))]
    chosen: dict[str, int] = {}
    for at in order[scores[order] >= 0].tolist():
        item = shelf.items[at]
        other = chosen.get(item.entry)
        if other is None or _precedence(item) > _precedence(shelf.items[other]):
            chosen[item.entry] = at
    return sorted(chosen.values(), key=lambda at: (-float(scores[at]), at))[:KEPT]


def _precedence(item: Item) -> tuple[int, int]:
    return ("all", "region", "group").index(item.scope.partition(":")[0]), item.chunk


def exact(catalogue: Catalogue, question: str, seen: NDArray[np.bool_] | None) -> int | None:
    """Chunk id of the only visible entry that has just this phrasing, else None."""
    entries = catalogue.entries
    places = [entries.place[chunk] for chunk in catalogue.exact.get(question, ())]
    items = [entries.items[at] for at in places if seen is None or seen[at]]
    if len({item.entry for item in items}) != 1:
        return None
    return max(items, key=_precedence).chunk
