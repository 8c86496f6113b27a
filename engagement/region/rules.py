"""Which figures may be shown to who must not learn about persons, and what a group's lamp says.

**The rule.** A *cell* is one figure of one group and one closed week. It may be shown when at least ``FEWEST`` persons stand
behind it. Everything else that is shown is a sum of cells that may be shown, so whatever somebody works out by subtracting two
sums is again made of such cells: a filter, a sorted list or a week less another week tells nothing more. The cells that may not
be shown are put together into one cell, the *rest* of the region. It is added to the region's sum only when at least ``FEWEST``
persons stand behind the rest as well, and when each hidden cell could still be anything from none to ``FEWEST - 1`` for all that
the rest tells; else the sum leaves the rest out and says of how many groups. Whether the rest is shown is decided once, for all
groups of a closed week; no filter makes another rest.

Nothing here is worked out from a hidden figure, not even a lamp or an order.

Source: F115; FAULTS E11.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

FEWEST = 5
"""Persons behind a figure that is shown."""
WEEKS = 8
LOW_RATE, POOR_RATE = 0.25, 0.10
FALL, DEEP_FALL = 0.25, 0.50
FIGURES = ("neighbours", "checked_in", "messages", "answered", "gaps")
SIZES = {"small": (0, 100), "middle": (100, 300), "large": (300, 1 << 62)}
"""Neighbours, [from, to)."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure of one group and week.

    Attributes:
        value: not negative.
        behind: distinct persons behind it.
    """

    value: int
    behind: int


@dataclass(frozen=True, slots=True)
class Total:
    """A sum over groups.

    Attributes:
        value: None = it may not be shown.
        left_out: groups whose figures are not in it.
    """

    value: int | None
    left_out: int


@dataclass(frozen=True, slots=True)
class Lamp:
    """How a group does, from what may be shown alone.

    Attributes:
        colour: ``red``, ``yellow``, ``green``, or ``none`` where too few stand behind its figures.
        reason: key of the sentence that says why; the same key says what to do.
    """

    colour: str
    reason: str


def shown(cell: Cell) -> int | None:
    """Return what may be shown of a cell."""
    return cell.value if cell.behind >= FEWEST else None


def total(cells: Iterable[Cell]) -> Total:
    """Add up a figure over all groups of a region in a closed week.

    Args:
        cells: of the whole region, never of a part of it.
    """
    open_sum = open_count = hidden = hidden_value = hidden_behind = 0
    for cell in cells:
        value = shown(cell)
        if value is None:
            hidden += 1
            hidden_value += cell.value
            hidden_behind += cell.behind
        else:
            open_count += 1
            open_sum += value
    if may_add_rest(hidden, hidden_behind):
        return Total(open_sum + hidden_value, 0)
    return Total(open_sum if open_count else None, hidden)


def may_add_rest(groups: int, behind: int) -> bool:
    """Say whether hidden cells may be shown as one.

    Args:
        groups: how many there are.
        behind: persons behind all of them.
    """
    return FEWEST <= behind <= (groups - 1) * (FEWEST - 1)


def behind_share(part: int, whole: int) -> int:
    """Return the persons behind a part of a whole that is shown too: who is in it, or who is not, whichever are fewer."""
    return max(0, min(part, whole - part))


def in_fives(count: int) -> int:
    """Return a number of people in full fives, so that who came or went between two weeks cannot be read off it."""
    return count - count % FEWEST


def rate(part: int | None, whole: int | None) -> float | None:
    """Return a share, 0 … 1; None where one of both may not be shown or there is no whole."""
    return None if part is None or not whole else min(1.0, part / whole)


def change(now: int | None, before: int | None) -> float | None:
    """Return how much more it is than a week before, -1 … ; None where there is nothing to hold it against."""
    return None if now is None or not before else now / before - 1


def lamp(neighbours: int | None, checked_in: int | None, before: int | None, gaps: int | None) -> Lamp:
    """Return a group's lamp.

    Args:
        checked_in, before: of this week and the one before; all figures as they may be shown.
    """
    share, fall = rate(checked_in, neighbours), change(checked_in, before)
    if share is None:
        return Lamp("none", "few")
    if fall is not None and fall <= -DEEP_FALL:
        return Lamp("red", "deep_fall")
    if share < POOR_RATE:
        return Lamp("red", "poor_rate")
    if fall is not None and fall <= -FALL:
        return Lamp("yellow", "fall")
    if share < LOW_RATE:
        return Lamp("yellow", "low_rate")
    if gaps:
        return Lamp("yellow", "gaps")
    return Lamp("green", "well")


def size(neighbours: int | None) -> str:
    """Return a group's class of size; empty where its number of neighbours may not be shown."""
    if neighbours is None:
        return ""
    return next(name for name, (least, end) in SIZES.items() if least <= neighbours < end)
