"""Word lists of moderation/*.txt: one word a line, behind it words in which it means nothing (``大麻 !大麻花``).

Lines that begin with # are remarks. Small on purpose: what is rare and grave stands here, everything else is a matter of
patterns; a group or region adds its own in the chat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from prompts.loader import PROMPTS

FOLDER = PROMPTS / "moderation"
ORDINARY = "ordinary"
"""The file of ordinary talk, against which a new word is tried."""


@dataclass(frozen=True, slots=True)
class ListedWord:
    """One word.

    Attributes:
        listed_in: the file's name without its ending.
        unless: words that contain it and are harmless.
    """

    word: str
    listed_in: str
    unless: tuple[str, ...] = ()


def _lines(path: Path) -> Sequence[str]:
    lines = (line.strip() for line in path.read_text("utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def read_words(folder: Path = FOLDER) -> tuple[ListedWord, ...]:
    """Read every list of a folder, in the order of the files' names.

    Raises:
        ValueError: an exception does not contain its word, or a word stands twice.
    """
    found: dict[str, ListedWord] = {}
    for path in sorted(folder.glob("*.txt")):
        if path.stem == ORDINARY:
            continue
        for line in _lines(path):
            word, *rest = line.split(" !")
            unless = tuple(one.strip() for one in rest)
            if word in found or any(word not in one for one in unless):
                raise ValueError(f"{path.name}: {line}")
            found[word] = ListedWord(word, path.stem, unless)
    return tuple(found.values())


@lru_cache(maxsize=1)
def words() -> tuple[ListedWord, ...]:
    """Return the starter lists. Source: F125."""
    return read_words()


@lru_cache(maxsize=1)
def ordinary_talk() -> tuple[str, ...]:
    """Return lines of an ordinary week in a group: what neighbours ask, answer and tell."""
    return tuple(_lines(FOLDER / f"{ORDINARY}.txt"))
