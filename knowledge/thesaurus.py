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


@lru_cache(maxsize=1)
def _table() -> tuple[re.Pattern[str], dict[str, tuple[str, ...]]]:
    found: dict[str, list[str]] = {}
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        silent = line.startswith("!")
        words = [canonical(word) for word in line.removeprefix("!").split()]
        for word in words:
            found.setdefault(word, []).extend([] if silent else [f"={words[0]}"])
    longest_first = sorted(found, key=lambda word: (-len(word), word))
    return re.compile("|".join(map(re.escape, longest_first))), {word: tuple(all_) for word, all_ in found.items()}


MOST = 12
"""Different meanings of a text that are paired; beyond that it is a paste, not a question."""


def pairs(found: list[str]) -> list[str]:
    """Every two different meanings of a text, in no order: 「取消 + 订单」 says more than either."""
    distinct = sorted(set(found))[:MOST]
    return [left + right for left, right in combinations(distinct, 2)]


def meanings(text: str) -> list[str]:
    """The meanings of a canonical text, in order, one token each (``=怎么``); a word of two lines has both."""
    pattern, table = _table()
    return [meaning for word in pattern.findall(text) for meaning in table[word]]
