"""Wording that the advertising law forbids, found in what a leader is about to publish. Pure.

Source: F81.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engagement.moderation.folding import fold
from prompts.claims import Claim

MOST_SHOWN = 4
_ASKS = re.compile(r"[?]|哪|谁|什么|多少|怎么|几[个种样]")
_NEAR = 6
"""Characters on either side in which an exemption may begin or end."""


@dataclass(frozen=True, slots=True)
class Said:
    """One claim, as it was written, and what can be said instead."""

    word: str
    instead: str


def find(text: str, known: Sequence[Claim]) -> Sequence[Said]:
    """Return the claims of a text in its order, each word and each advice once, at most :data:`MOST_SHOWN`.

    What stands in two claims is told by the earlier of the list.
    """
    folded = fold(text)
    asks = _ASKS.search(folded.text) is not None
    taken: list[tuple[int, int]] = []
    found: dict[tuple[int, int], Said] = {}
    for claim in known:
        if asks and not claim.asked:
            continue
        for match in claim.word.finditer(folded.text):
            start, end = match.span()
            if _exempt(claim, folded.text, start, end) or any(a < end and start < b for a, b in taken):
                continue
            taken.append((start, end))
            first, last = folded.original(start, end)
            found[start, end] = Said(text[first:last], claim.instead)
    once: dict[str, Said] = {}
    for span in sorted(found):
        once.setdefault(found[span].word, found[span])
    return list(once.values())[:MOST_SHOWN]


def _exempt(claim: Claim, text: str, start: int, end: int) -> bool:
    """Say whether the words about a match make it harmless: an exemption overlaps or touches it."""
    if claim.unless is None:
        return False
    near = text[max(0, start - _NEAR) : end + _NEAR]
    shift = start - max(0, start - _NEAR)
    return any(match.start() <= shift + (end - start) and shift <= match.end() for match in claim.unless.finditer(near))
