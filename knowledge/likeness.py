"""How alike two short texts are: characters, meanings and word vectors in one product of unit rows.

For grouping and comparing many texts at once, where the retriever compares one question with all entries. Floors are read
off the base's own phrasings: two of one entry mean the same, two of different entries do not.

Source: F62, F64.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from knowledge import normalise, thesaurus, tokens
from knowledge.embedding import WordVectorEmbedder

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HASHED = 512
"""Columns that the counted units share; two in one column are rare among the few units of a short text."""
VECTORS = 0.3
"""Share of the word vectors; the rest is what the texts have in common as written."""
_BLOCK = 1024
SAMPLE = 1500
PURE = 0.9
"""Share of a group, seen from each of its questions, that asks for the same entry."""
FLOOR = 0.5
"""Likeness from which two texts are taken for one question, where a base is too small to tell."""


@lru_cache(maxsize=1 << 16)
def _column(unit: str) -> tuple[int, float]:
    mark = zlib.crc32(unit.encode())
    return mark % _HASHED, 1.0 if mark & (1 << 20) else -1.0


def _units(text: str) -> list[str]:
    found = thesaurus.meanings(text)
    return tokens.grams(tokens.pieces(text)) + found + thesaurus.pairs(found)


class Likeness:
    """Weights of units, counted on some texts; immutable.

    Args:
        texts: What is to be compared, or enough like it.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        spread: dict[str, int] = {}
        for text in texts:
            for unit in set(_units(normalise.question(text))):
                spread[unit] = spread.get(unit, 0) + 1
        self._rarest = float(np.log1p(len(texts) / 0.5))
        self._weights = {unit: float(np.log1p(len(texts) / (count + 0.5))) for unit, count in spread.items()}
        self._embedder = WordVectorEmbedder()

    def rows(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows whose products are likenesses, float32 (n, columns); a text that says nothing is zeros."""
        asked = [normalise.question(text) for text in texts]
        written = np.zeros((len(asked), _HASHED), dtype=np.float32)
        for at, text in enumerate(asked):
            row = written[at]
            for unit in set(_units(text)):
                column, sign = _column(unit)
                row[column] += sign * self._weights.get(unit, self._rarest)
        lengths = np.linalg.norm(written, axis=1, keepdims=True)
        written /= np.where(lengths > 0, lengths, 1.0)
        meant = self._embedder.embed(asked)
        return np.hstack([written * np.float32(np.sqrt(1 - VECTORS)), meant * np.float32(np.sqrt(VECTORS))])


def pairs(
    left: NDArray[np.float32], right: NDArray[np.float32], floor: float
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]]:
    """Blocks of (left positions, right positions, likenesses) of all pairs at or above a floor."""
    for start in range(0, len(left), _BLOCK):
        block = left[start : start + _BLOCK] @ right.T
        rows, columns = np.nonzero(block >= floor)
        yield rows + start, columns, block[rows, columns]


def groups(rows: NDArray[np.float32], floor: float) -> list[list[int]]:
    """Texts that are alike, as stars: whoever has most others about it takes them; nobody is linked over a third one.

    Args:
        rows: Unit rows (``Likeness.rows``).
        floor: Likeness to the middle of the star from which a text belongs to it.

    Returns:
        Positions, the middle first, the nearest next; every text in one group; the largest group first.
    """
    near: list[list[tuple[float, int]]] = [[] for _ in range(len(rows))]
    for left, right, alike in pairs(rows, rows, floor):
        for one, other, value in zip(left.tolist(), right.tolist(), alike.tolist(), strict=True):
            if one != other:
                near[one].append((value, other))
    order = sorted(range(len(rows)), key=lambda at: (-sum(value for value, _ in near[at]), at))
    taken = np.zeros(len(rows), dtype=bool)
    found: list[list[int]] = []
    for middle in order:
        if taken[middle]:
            continue
        taken[middle] = True
        star = [middle]
        for _, other in sorted(near[middle], key=lambda pair: (-pair[0], pair[1])):
            if not taken[other]:
                taken[other] = True
                star.append(other)
        found.append(star)
    return sorted(found, key=lambda star: (-len(star), star[0]))


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What a base's own phrasings say of a floor.

    Attributes:
        floor: likeness from which two questions are one.
        precision, recall: of grouping the sample at that floor, B-cubed, 0 to 1.
    """

    floor: float
    precision: float
    recall: float


def calibrate(likeness: Likeness, phrasings: Mapping[str, Sequence[str]]) -> Calibrated:
    """The lowest floor at which a group made of the base's phrasings is of one entry, as ``PURE`` says.

    Args:
        likeness: Counted on the base.
        phrasings: Entry → its phrasings; ``SAMPLE`` of them all are taken, evenly spread.
    """
    flat = [(entry, text) for entry, asked in sorted(phrasings.items()) for text in asked]
    chosen = flat[:: max(1, len(flat) // SAMPLE)]
    if len(chosen) < 40 or len({entry for entry, _ in chosen}) < 8:
        return Calibrated(FLOOR, 0.0, 0.0)
    rows = likeness.rows([text for _, text in chosen])
    owner = np.unique([entry for entry, _ in chosen], return_inverse=True)[1]
    found = Calibrated(FLOOR, 0.0, 0.0)
    for floor in (0.7, 0.62, 0.56, 0.52, 0.48, 0.46, 0.44, 0.42, 0.4, 0.38, 0.36):
        precision, recall = _b_cubed(groups(rows, floor), owner)
        if precision < PURE:
            break
        found = Calibrated(floor, round(precision, 4), round(recall, 4))
    return found


def _b_cubed(found: Sequence[Sequence[int]], owner: NDArray[np.intp]) -> tuple[float, float]:
    sizes = np.bincount(owner)
    precision = recall = 0.0
    for star in found:
        counts = np.bincount(owner[list(star)])
        same = counts[counts > 0]
        precision += float((same**2).sum()) / len(star)
        recall += float((same.astype(float) ** 2 / sizes[np.nonzero(counts)[0]]).sum())
    return precision / len(owner), recall / len(owner)
