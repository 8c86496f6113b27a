"""Everything that is published at one value of the version counter: titles, phrasings, keyword index. Immutable.

Bodies stay in the database: an answer reads them together with the published flag, so that every edit takes effect in
the next answer (DESIGN 6).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from knowledge.shelf import ALWAYS, Item, Shelf
from knowledge.tally import MARK

if TYPE_CHECKING:
    from knowledge.answer import Sight
    from knowledge.lexical import Lexicon

__all__ = ["ALWAYS", "Catalogue", "Item", "Shelf"]


class Texts(Mapping[str, str]):
    """What the vector index must hold, by digest; a text is only looked up when it is to be embedded.

    Args:
        shelves: Entries and passages.
        limited: The texts of which not everybody may be answered, or the others.
    """

    def __init__(self, shelves: tuple[Shelf, ...], *, limited: bool) -> None:
        self._shelves = shelves
        self._places: dict[str, tuple[int, int]] = {}
        for number, shelf in enumerate(shelves):
            digests = shelf.tally.digests
            chosen = np.flatnonzero(shelf.limited[digests.owners] == limited)
            marks, size = digests.flat[chosen].tobytes().hex(), 2 * MARK.itemsize
            for at, place in enumerate(chosen.tolist()):
                self._places[marks[at * size : (at + 1) * size]] = number, place

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __contains__(self, mark: object) -> bool:
        return mark in self._places

    def __getitem__(self, mark: str) -> str:
        number, place = self._places[mark]
        tally = self._shelves[number].tally
        row = int(np.searchsorted(tally.digests.starts, place, "right")) - 1
        return tally.said(row)[1 + place - int(tally.digests.starts[row])]


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Everything published at one value of the version counter.

    Attributes:
        looks: how the rows of each published version looked when they were read, by version id.
    """

    counter: int
    entries: Shelf
    passages: Shelf
    looks: Mapping[int, tuple[object, ...]]

    @property
    def lexicon(self) -> Lexicon:
        """With which everything here was counted."""
        return self.entries.index.lexicon

    @property
    def texts(self) -> Mapping[str, str]:
        """What the vector index must hold for everybody: digest → text."""
        return Texts((self.entries, self.passages), limited=False)

    @property
    def limited(self) -> Mapping[str, str]:
        """What it must hold for some only, apart: thousands of groups' own texts must not crowd out the others."""
        return Texts((self.entries, self.passages), limited=True)

    def own(self, sight: Sight) -> list[str]:
        """Digests of the limited texts that an asker may see."""
        return self.entries.own(sight) + self.passages.own(sight)

    def nearest(self, near: Mapping[str, float]) -> dict[int, float]:
        """Cosines by chunk, the best phrasing of each, of cosines by digest."""
        return {**self.entries.nearest(near), **self.passages.nearest(near)}
