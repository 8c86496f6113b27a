"""Rows of different lengths in one array, and places found by a 64-bit mark: a hundred thousand entries without objects."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Ragged:
    """Rows of different lengths, one after the other.

    Attributes:
        flat: what all rows hold (m,).
        starts: int64 (rows + 1,): where each begins in ``flat``, and the end.
    """

    flat: NDArray[Any]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, flat: NDArray[Any], sizes: Sequence[int] | NDArray[np.int64]) -> Ragged:
        """Rows of these sizes."""
        starts = np.zeros(len(sizes) + 1, dtype=np.int64)
        np.cumsum(np.asarray(sizes, dtype=np.int64), out=starts[1:])
        return cls(flat, starts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Length of every row."""
        return np.diff(self.starts)

    @property
    def owners(self) -> NDArray[np.int32]:
        """The row of everything in ``flat``."""
        return np.repeat(np.arange(len(self), dtype=np.int32), self.sizes)

    @property
    def sound(self) -> bool:
        """Whether the rows lie one after the other within ``flat``: what comes from a file need not."""
        ends = len(self.starts) > 0 and self.starts[0] == 0 and self.starts[-1] == len(self.flat)
        return bool(ends) and bool((self.sizes >= 0).all())

    def row(self, at: int) -> NDArray[Any]:
        """One row; a view."""
        return self.flat[self.starts[at] : self.starts[at + 1]]

    def rows(self, places: Sequence[int]) -> Ragged:
        """Some rows, in this order."""
        parts = [self.row(at) for at in places]
        return Ragged.of(np.concatenate(parts) if parts else self.flat[:0], [len(part) for part in parts])

    def kept(self, keep: NDArray[np.bool_]) -> Ragged:
        """The rows where ``keep`` is true."""
        sizes = self.sizes
        return Ragged.of(self.flat[np.repeat(keep, sizes)], sizes[keep])

    def joined(self, other: Ragged) -> Ragged:
        """These rows and then the other's."""
        starts = np.concatenate([self.starts, other.starts[1:] + self.starts[-1]])
        return Ragged(np.concatenate([self.flat, other.flat]), starts)


class Lookup:
    """Rows by a mark of 64 bits; a row may have several marks and a mark several rows.

    Args:
        marks: uint64 (m,).
        rows: int32 (m,): whose they are.
    """

    def __init__(self, marks: NDArray[np.uint64], rows: NDArray[np.int32]) -> None:
        order = np.argsort(marks, kind="stable")
        self._marks, self._rows = marks[order], rows[order]

    def find(self, mark: int) -> list[int]:
        """The rows that have a mark, ascending, each once."""
        return sorted({row for _, row in self.hits(np.array([mark], np.uint64))})

    def hits(self, marks: NDArray[np.uint64]) -> list[tuple[int, int]]:
        """For every row that has one of the marks: position of the mark among ``marks``, and the row."""
        first, last = (np.searchsorted(self._marks, marks, side) for side in _SIDES)
        return [
            (at, row)
            for at in np.flatnonzero(last > first).tolist()
            for row in self._rows[first[at] : last[at]].tolist()
        ]


_SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")


def give_back() -> None:
    """Hands what was freed back to the system: an edit of a large base takes and frees hundreds of megabytes.

    glibc would keep them for later; another C library has no such function, and needs none.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
