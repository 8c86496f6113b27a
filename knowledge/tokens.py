"""From a canonical text to the tokens that are counted: words, characters in ones and twos, sounds in ones and twos.

Source: F62, RETRIEVAL.
"""

from __future__ import annotations

import itertools
import re
from functools import lru_cache
from pathlib import Path

_TABLE = Path(__file__).resolve().parent / "vectors" / "pinyin.txt"
_MARKS = re.compile(r"[^\w\u4e00-\u9fff%]+")
_LATIN = re.compile(r"[a-z0-9%._]+")


@lru_cache(maxsize=1)
def readings() -> dict[str, str]:
    """The toneless sound of every character, at its commonest reading."""
    table: dict[str, str] = {}
    for line in _TABLE.read_text(encoding="utf-8").splitlines():
        sound, _, characters = line.partition(" ")
        table.update(dict.fromkeys(characters, sound))
    return table


def words(text: str) -> list[str]:
    """Words of a canonical text as jieba cuts them, without punctuation and white space."""
    import rjieba

    return [word for word in rjieba.cut(text) if not _MARKS.fullmatch(word)]


def pieces(text: str) -> list[str]:
    """A canonical text as single units: a Chinese character each, a run of Latin letters or digits each."""
    units: list[str] = []
    for part in _MARKS.split(text):
        at = 0
        while at < len(part):
            run = _LATIN.match(part, at)
            if run:
                units.append(run.group())
                at = run.end()
            else:
                units.append(part[at])
                at += 1
    return units


def grams(units: list[str]) -> list[str]:
    """Ones and twos of units, in order; twos carry a space so that they never collide with ones."""
    return units + [f"{left} {right}" for left, right in itertools.pairwise(units)]


def sounds(units: list[str]) -> list[str]:
    """The units as toneless pinyin; Latin letters that spell nothing but syllables are those (``qiandao``)."""
    table = readings()
    heard: list[str] = []
    for unit in units:
        heard.extend([table[unit]] if unit in table else spelt(unit) or [unit])
    return heard


@lru_cache(maxsize=1)
def _syllables() -> frozenset[str]:
    return frozenset(readings().values())


_LONGEST = 6


@lru_cache(maxsize=4096)
def _cut(text: str) -> tuple[str, ...] | None:
    """The fewest syllables that a text is made of; None when it is not."""
    best: list[tuple[str, ...] | None] = [()]
    for end in range(1, len(text) + 1):
        ways = [
            (*before, text[start:end])
            for start in range(max(0, end - _LONGEST), end)
            if (before := best[start]) is not None and text[start:end] in _syllables()
        ]
        best.append(min(ways, key=len) if ways else None)
    return best[-1]


def spelt(unit: str) -> list[str]:
    """The syllables of a run of Latin letters that was meant as pinyin; empty when it is something else."""
    if not 3 <= len(unit) <= 40 or not unit.isascii() or not unit.isalpha():
        return []
    found = _cut(unit) or ()
    return list(found) if 2 * len(found) <= len(unit) else []
