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
def _sounds() -> dict[str, str]:
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
    """The units as toneless pinyin; what has no sound in the table stays as it is."""
    table = _sounds()
    return [table.get(unit, unit) for unit in units]
