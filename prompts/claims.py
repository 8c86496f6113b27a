"""What may not be said of goods: moderation/claims.toml, in the order in which it is looked for."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from prompts.loader import PROMPTS

FILE = PROMPTS / "moderation" / "claims.toml"


@dataclass(frozen=True, slots=True)
class Claim:
    """Words that say the same.

    Attributes:
        instead: what can be said in their place, for a person.
        unless: what is no claim; None when the word always is one.
        asked: it is one in a question too.
    """

    word: re.Pattern[str]
    instead: str
    unless: re.Pattern[str] | None
    asked: bool = True


def read(path: Path = FILE) -> Sequence[Claim]:
    """Read the list.

    Raises:
        ValueError: something else stands there, or a word is no regular expression.
    """
    with path.open("rb") as file:
        found = tomllib.load(file)
    try:
        return tuple(
            Claim(
                re.compile(one["word"]),
                str(one["instead"]),
                re.compile("|".join(one["unless"])) if one.get("unless") else None,
                bool(one.get("asked", True)),
            )
            for one in found["claim"]
        )
    except (KeyError, TypeError, re.error) as error:
        raise ValueError(f"{path.name}: {error}") from error


@lru_cache(maxsize=1)
def claims() -> Sequence[Claim]:
    """Return what may not be said of goods. Source: F81."""
    return read()
