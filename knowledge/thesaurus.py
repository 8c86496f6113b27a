"""What neighbours call one thing by many names: 咋 and 怎么, 菌子 and 蘑菇. Meanings are counted beside characters.

Word vectors from an encyclopedia know little of how people talk; a list written for this trade does. Source: F62.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import combinations
from pathlib import Path

from knowledge.normalise import canonical

_FILE = Path(__file__).resolve().parents[1] / "prompts" / "knowledge" / "thesaurus.txt"


def _marked(mark: str) -> list[str]:
    lines = _FILE.read_text(encoding="utf-8").splitlines()
    return [canonical(word) for line in lines if line.startswith(mark) for word in line.removeprefix(mark).split()]


@lru_cache(maxsize=1)
def _others() -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(_marked("x "), key=lambda word: (-len(word), word)))))


def foreign(text: str) -> list[str]:
    """Words of other trades in a canonical text (火车票, 物业), one token each."""
    return [f"~{word}" for word in _others().findall(text)]


@lru_cache(maxsize=1)
def _table() -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[str, ...]]]:
    """Lengths of the words that begin with a character, the longest first; the meanings of each word."""
    found: dict[str, list[str]] = {}
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith(("x ", "!")):
            continue
        words = [canonical(word) for word in line.split()]
        for word in words:
            found.setdefault(word, []).append(f"={words[0]}")
    for word in _marked("!"):
        found.setdefault(word, [])
    sizes: dict[str, set[int]] = {}
    for word in found:
        sizes.setdefault(word[0], set()).add(len(word))
    longest_first = {first: tuple(sorted(some, reverse=True)) for first, some in sizes.items()}
    return longest_first, {word: tuple(all_) for word, all_ in found.items()}


MOST = 12
"""Different meanings of a text that are paired; beyond that it is a paste, not a question."""


def pairs(found: list[str]) -> list[str]:
    """Every two different meanings of a text, in no order: 「取消 + 订单」 says more than either."""
    distinct = sorted(set(found))[:MOST]
    return [left + right for left, right in combinations(distinct, 2)]


def meanings(text: str) -> list[str]:
    """The meanings of a canonical text, in order, one token each (``=怎么``); a word of two lines has both.

    At each place the longest word counts. Looked up letter by letter: one pattern of all words takes ten times as long.
    """
    sizes, table = _table()
    found: list[str] = []
    at = 0
    while at < len(text):
        for size in sizes.get(text[at], ()):
            known = table.get(text[at : at + size])
            if known is not None:
                found += known
                at += size
                break
        else:
            at += 1
    return found
