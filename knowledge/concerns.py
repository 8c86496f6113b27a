"""Whether a text that the base does not answer is still for the leader: it asks for something, and of our trade.

How likely the best entry is says little here: a question about parking at the pick-up point is as far from all entries as
one about the stars. Who asks for something that only we can know or do is handed on; a wish, a joke and another trade are
not. Source: F62.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from knowledge import thesaurus
from knowledge.normalise import canonical

_FILE = Path(__file__).resolve().parents[1] / "prompts" / "knowledge" / "ours.txt"


@lru_cache(maxsize=1)
def _read() -> tuple[re.Pattern[str], re.Pattern[str], frozenset[str]]:
    asks: list[str] = []
    ours: list[str] = []
    meant: set[str] = set()
    for line in filter(None, map(str.strip, _FILE.read_text(encoding="utf-8").splitlines())):
        mark, _, rest = line.partition(" ")
        if mark == "=":
            meant.update(f"={canonical(word)}" for word in rest.split())
        elif mark == "?":
            asks.append(rest)
        elif not line.startswith("#"):
            ours.append(line)
    return re.compile("|".join(asks)), re.compile("|".join(ours)), frozenset(meant)


def asks(question: str) -> bool:
    """Whether a text in question form asks or begs for something."""
    return bool(_read()[0].search(question))


def ours(question: str) -> bool:
    """Whether it speaks of us, or of what we trade in and of no other trade."""
    _, words, meant = _read()
    if words.search(question):
        return True
    return not meant.isdisjoint(thesaurus.meanings(question)) and not thesaurus.foreign(question)


def leader(question: str, *, likely: bool) -> bool:
    """Whether a text that nothing answers is handed to the leader; else it is refused as small talk.

    Args:
        question: In question form.
        likely: Some entry has at least a little of it (``Floors.hand``): then either sign is enough, else it takes both.
    """
    return asks(question) or ours(question) if likely else asks(question) and ours(question)
