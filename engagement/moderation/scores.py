"""Adding up what speaks for a kind and against it. Pure.

Source: F125.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prompts.signals import Group, Kind


@dataclass(frozen=True, slots=True)
class Score:
    """How much there is of a kind.

    Attributes:
        points: sum of all groups.
        groups: points of each group that was hit, for whoever wants to know why.
        start, end: half open, in the text that was looked at: from the first hit that speaks for it to the last.
    """

    points: int
    groups: Mapping[str, int]
    start: int = 0
    end: int = 0


def score(kind: Kind, text: str) -> Score:
    """Add up a text's points.

    Args:
        text: letters and digits alone, a line for every clause.
    """
    total, found = 0, dict[str, int]()
    start, end = len(text), 0
    for group in kind.groups:
        if group.points < 0 and total < kind.needs:
            break  # what speaks against it is looked for only where enough speaks for it
        hits = _hits(group, text)
        if hits:
            found[group.name] = worth(group, len(hits))
            total += found[group.name]
            if group.points > 0:
                start = min(start, *(one[0] for one in hits.values()))
                end = max(end, *(one[1] for one in hits.values()))
        if group.last_must and not end:
            break
    return Score(total, found, start, end) if end else Score(0, {})


def _hits(group: Group, text: str) -> Mapping[str, tuple[int, int]]:
    """Return the different hits of a group with where the first of each stands."""
    found: dict[str, tuple[int, int]] = {}
    for match in group.pattern.finditer(text):
        found.setdefault(match.group(), match.span())
    return found


def worth(group: Group, hits: int) -> int:
    """Return what so many different hits bring, within the group's bound."""
    points = group.points * hits
    return min(points, group.most) if points > 0 else max(points, -group.most)
